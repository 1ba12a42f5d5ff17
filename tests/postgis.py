"""A throw-away PostgreSQL cluster with PostGIS: an own folder, an own free port of 127.0.0.1, gone afterwards.

PostgreSQL refuses to run as root; there it runs as the user ``postgres`` that Debian's package makes.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
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
    programs = postgres_programs()
    folder = Path(tempfile.mkdtemp(prefix="twin-postgis-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        data, port = folder / "data", free_port()
        _run(programs / "initdb", "-D", data, "-U", USER, "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        settings = (f"listen_addresses=127.0.0.1,port={port},unix_socket_directories={folder}".split(","), QUICK)
        options = " ".join(f"-c {setting}" for some in settings for setting in some)
        control = (programs / "pg_ctl", "-D", data, "-w", "-t", PATIENCE_S)
        _run(*control, "-l", folder / "log", "-o", options, "start")
        try:
            address = f"postgresql://{USER}@127.0.0.1:{port}/postgres"
            _add_postgis(address)
            yield address
        finally:
            _run(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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


def _add_postgis(address: str) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        offered = connection.execute("select 1 from pg_available_extensions where name = 'postgis'").fetchone()
        if offered is None:
            raise PostgisMissing("PostGIS is not installed (Debian: apt-get install postgresql-15-postgis-3)")
        connection.execute("create extension postgis")
