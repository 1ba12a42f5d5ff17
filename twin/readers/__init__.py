"""How files come in: bytes to a table of text and geometry. Decides nothing about what columns mean."""

from __future__ import annotations

from pathlib import Path

from twin.errors import InvalidInput, NotFound
from twin.layers.table import RawTable
from twin.readers.delimited import read_delimited
from twin.readers.geojson import read_geojson

__all__ = ["READERS", "RawTable", "read_table"]

READERS = {".csv": read_delimited, ".geojson": read_geojson, ".json": read_geojson}
"""By a file name's ending, in lower case."""


def read_table(source: Path | str | bytes, filename: str | None = None) -> RawTable:
    """Read a file by its ending.

    Args:
        source: a path, or the bytes themselves (then ``filename`` is needed).
        filename: the name that says the format; a path's own name by default.

    Raises:
        NotFound: there is no such file.
        InvalidInput: unknown ending, empty, or not what its ending says; the message has the place.
    """
    name = Path(filename or (source if not isinstance(source, bytes) else "")).name
    reader = READERS.get(Path(name).suffix.lower())
    if reader is None:
        known = ", ".join(READERS)
        raise InvalidInput(
            f"不支持的文件 {name!r}；可用的格式：{known}", f"cannot read {name!r}; endings that work: {known}"
        )
    content = source if isinstance(source, bytes) else _content(Path(source))
    if not content.strip():
        raise InvalidInput(f"{name} 是空文件", f"{name} is empty")
    return reader(content, name)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise NotFound(f"没有文件 {path}", f"there is no file {path}") from None
    except OSError as problem:
        raise InvalidInput(f"读不了 {path}：{problem.strerror}", f"cannot read {path}: {problem.strerror}") from None
