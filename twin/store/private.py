"""Files and folders for their owner only: exact places, keys and what people sent lie in them."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from glob import escape
from pathlib import Path

FILE_MODE, FOLDER_MODE = 0o600, 0o700
BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite makes beside a file, as readable as the file is at that time."""


def make_file(path: Path) -> None:
    """Make an empty file, unless there is one.

    What is there is never opened: closing it again would drop the locks that this process holds on it through SQLite.

    Raises:
        OSError: it cannot be made.
    """
    with suppress(FileExistsError):
        os.close(os.open(os.path.realpath(path), os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE))


def make_folder(folder: Path) -> None:
    """Make a folder, and those that it lies in as anybody would; one that is there stays as it is.

    Raises:
        OSError: it cannot be made.
    """
    folder.mkdir(FOLDER_MODE, parents=True, exist_ok=True)


def close_database(path: Path) -> None:
    """Close a SQLite file, what lies beside it, and copies from before migrations to others."""
    real = Path(os.path.realpath(path))
    copies = real.parent.glob(f"{escape(real.name)}.schema-*")
    for each in (real, *(real.with_name(real.name + ending) for ending in BESIDE), *copies):
        close_to_others(each)


def close_to_others(path: Path) -> None:
    """Take a file's or folder's rights from all but its owner, where that is us; else leave it. Never fails."""
    with suppress(OSError):
        found = path.lstat()
        is_plain = stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)
        if is_plain and found.st_uid == os.geteuid() and found.st_mode & 0o077:
            path.chmod(stat.S_IMODE(found.st_mode) & FOLDER_MODE)


def opener(path: str, flags: int) -> int:
    """For ``open``: what it makes is its owner's only."""
    return os.open(path, flags, FILE_MODE)
