"""How it is kept: tables with history, behind the port ``twin.ports.Store``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from twin.errors import InvalidInput
from twin.store.address import SQLITE, is_postgres, shown
from twin.store.memory import MemoryStore
from twin.store.sql import SqlStore
from twin.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from twin.store.postgres import PostgresStore

__all__ = ["MemoryStore", "SqlStore", "SqliteStore", "is_postgres", "open_store", "shown"]


def open_store(url: str) -> MemoryStore | SqliteStore | PostgresStore:
    """The store at ``sqlite:///path/to/file``, ``postgresql://user@host:port/database``, or ``memory:``.

    Raises:
        InvalidInput: another kind of address, or what is there is no store of this program.
        Unavailable: the file or the server cannot be used.
    """
    if url == "memory:":
        return MemoryStore()
    if url.startswith(SQLITE) and url != SQLITE:
        return SqliteStore(Path(url.removeprefix(SQLITE)))
    if is_postgres(url):
        from twin.store.postgres import PostgresStore

        return PostgresStore(url)
    raise InvalidInput(
        f"不认识的存储地址 {shown(url)}，应为 sqlite:///文件 或 postgresql://用户@主机:端口/数据库",
        f"unknown store {shown(url)!r}: use sqlite:///FILE or postgresql://USER@HOST:PORT/DATABASE",
    )
