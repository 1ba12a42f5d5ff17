"""PostgreSQL with PostGIS on 127.0.0.1: a throw-away cluster for tests, or one that a developer keeps in a folder
(``python -m tests.postgis start FOLDER [PORT]``, ``… stop FOLDER``).

PostgreSQL refuses to run as root; there it runs as the user ``postgres`` that Debian's package makes.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

USER = "twin"
QUICK = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "dynamic_shared_memory_type=mmap",  # a container gives /dev/shm little
    "jit=off",
    "shared_buffers=512MB",
    "work_mem=128MB",
)
PATIENCE_S = 60


class PostgisMissing(Exception):
    """PostgreSQL, or its PostGIS extension, is not installed here."""


@contextmanager
def postgis_cluster() -> Iterator[str]:
    """The address of a fresh database with PostGIS, for as long as the block lasts.

    Raises:
        PostgisMissing: PostgreSQL or PostGIS is not installed.
    """
    folder = Path(tempfile.mkdtemp(prefix="twin-postgis-"))
    try:
        port = free_port()
        _init(folder)
        _start(folder, port, QUICK)
        try:
            yield _with_postgis(port, "postgres")
        finally:
            _stop(folder, "immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def start(folder: Path, port: int) -> str:
    """The address of a developer's own cluster, made in the folder if it is not there, started if it does not run.

    Raises:
        PostgisMissing: PostgreSQL or PostGIS is not installed.
    """
    if not (folder / "data").exists():
        folder.mkdir(parents=True, exist_ok=True)
        _init(folder)
    running = folder / "data" / "postmaster.pid"
    if running.exists() and _runs(folder):
        port = int(running.read_text().splitlines()[3])
    else:
        _start(folder, port, ())
    return _with_postgis(port, "twin")


def stop(folder: Path) -> None:
    """End the cluster in the folder; what it holds stays."""
    if (folder / "data").exists() and _runs(folder):
        _stop(folder, "fast")


def _init(folder: Path) -> None:
    programs = postgres_programs()
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    words = ("-U", USER, "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
    _run(programs / "initdb", "-D", folder / "data", *words)


def _start(folder: Path, port: int, settings: tuple[str, ...]) -> None:
    """The socket lies in a folder of its own: a long path of the checkout would not fit."""
    own = (f"listen_addresses=127.0.0.1,port={port},unix_socket_directories=".split(","), settings)
    options = " ".join(f"-c {setting}" for some in own for setting in some)
    _run(*_control(folder), "-l", folder / "log", "-o", options, "start")


def _stop(folder: Path, how: str) -> None:
    _run(*_control(folder), "-m", how, "stop")


def _runs(folder: Path) -> bool:
    try:
        _run(*_control(folder), "status")
    except RuntimeError:
        return False
    return True


def _control(folder: Path) -> tuple[object, ...]:
    return (postgres_programs() / "pg_ctl", "-D", folder / "data", "-w", "-t", PATIENCE_S)


def emptied(address: str) -> str:
    """The address, after the store that may be there is gone."""
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("drop schema if exists twin cascade")
    return address


def postgres_programs() -> Path:
    """The folder of initdb and pg_ctl: the newest of Debian's, else the one on PATH.

    Raises:
        PostgisMissing: there is none.
    """
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3].split(".")[0]))
    found = shutil.which("initdb")
    places = [*debian[-1:], *([Path(found)] if found else [])]
    if not places or (os.geteuid() == 0 and shutil.which("runuser") is None):
        raise PostgisMissing("PostgreSQL is not installed (Debian: apt-get install postgresql-15-postgis-3)")
    return places[0].parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _run(*words: object) -> None:
    """Run a program of PostgreSQL, never as root.

    What it says goes to a file: the server inherits the outputs, and a pipe that it holds would never end.
    """
    command = [str(word) for word in words]
    if os.geteuid() == 0:
        command = ["runuser", "-u", "postgres", "--", *command]
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(
            command, cwd="/", stdin=subprocess.DEVNULL, stdout=said, stderr=said, timeout=2 * PATIENCE_S, check=False
        )
        if done.returncode:
            said.seek(0)
            raise RuntimeError(f"{' '.join(command)}: {said.read().decode(errors='replace')}")


def _with_postgis(port: int, database: str) -> str:
    """The address of a database of that name with PostGIS, made if absent."""
    place = f"postgresql://{USER}@127.0.0.1:{port}"
    with psycopg.connect(f"{place}/postgres", autocommit=True) as connection:
        if connection.execute("select 1 from pg_available_extensions where name = 'postgis'").fetchone() is None:
            raise PostgisMissing("PostGIS is not installed (Debian: apt-get install postgresql-15-postgis-3)")
        if connection.execute("select 1 from pg_database where datname = %s", (database,)).fetchone() is None:
            connection.execute(f"create database {database}")
    with psycopg.connect(f"{place}/{database}", autocommit=True) as connection:
        connection.execute("create extension if not exists postgis")
    return f"{place}/{database}"


def main(words: list[str]) -> int:
    folder = Path(words[1]).resolve()
    if words[0] == "stop":
        stop(folder)
        return 0
    try:
        address = start(folder, int(words[2]) if words[2:] and words[2] else free_port())
    except (PostgisMissing, RuntimeError) as missing:
        sys.stderr.write(f"{missing}\n")
        return 5
    sys.stdout.write(f"TWIN_STORE={address}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
