"""How it is kept: tables with history, behind the port ``twin.ports.Store``."""

from __future__ import annotations

from pathlib import Path

from twin.errors import InvalidInput
from twin.store.memory import MemoryStore
from twin.store.sql import SqlStore

__all__ = ["MemoryStore", "SqlStore", "open_store"]


def open_store(url: str) -> MemoryStore | SqlStore:
    """The store at ``sqlite:///path/to/file``, or ``memory:``.

    Raises:
        InvalidInput: another kind of address.
        Unavailable: the file cannot be opened.
    """
    if url == "memory:":
        return MemoryStore()
    if url.startswith("sqlite:///"):
        return SqlStore(Path(url.removeprefix("sqlite:///")))
    raise InvalidInput(f"不认识的存储地址 {url}，应为 sqlite:///文件", f"unknown store {url!r}: use sqlite:///FILE")
