"""Onto the disk: temporary files beside the target, flushed, then renamed; what fails leaves nothing behind."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from twin.errors import Unavailable


def write_files(folder: Path, files: Mapping[str, bytes], stale: Sequence[str] = ()) -> tuple[Path, ...]:
    """Write files of a folder in their order; each replaces what has its name.

    Args:
        folder: must be there.
        files: bytes by file name.
        stale: files of these names are removed if they are there.

    Raises:
        Unavailable: the folder is not there or cannot be written, or the disk is full; nothing is left of it.
    """
    mark = f".{secrets.token_hex(4)}.part"
    parts = {folder / f".{name}{mark}": folder / name for name in files}
    try:
        for part, content in zip(parts, files.values(), strict=True):
            _write(part, content)
        for name in stale:
            (folder / name).unlink(missing_ok=True)
        for part, path in parts.items():
            part.replace(path)
        _flush_folder(folder)
    except OSError as problem:
        for part in parts:
            with suppress(OSError):
                part.unlink()
        raise unwritable(folder, problem) from None
    return tuple(parts.values())


def unwritable(folder: Path, problem: OSError) -> Unavailable:
    """What a file that cannot be written means for the user."""
    reason = problem.strerror or str(problem)
    return Unavailable(
        f"无法写入 {folder}：{reason}；未留下文件", f"cannot write to {folder}: {reason}; no file was left"
    )


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Make the new names last too, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
