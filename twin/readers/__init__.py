"""How files come in: bytes to a table of text and geometry. Decides nothing about what columns mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from twin.errors import InvalidInput, NotFound
from twin.layers.table import RawTable
from twin.layers.wkt_column import geometry_from_wkt
from twin.readers.delimited import read_delimited
from twin.readers.document import read_json
from twin.readers.excel import read_excel
from twin.readers.geojson import read_geojson
from twin.readers.osm import read_osm
from twin.readers.parquet import read_parquet
from twin.readers.shapefile import read_shapefile, read_zipped
from twin.readers.source import MAX_BYTES, SourceFile
from twin.readers.vector import read_flatgeobuf, read_geopackage, read_kml

__all__ = ["READERS", "RawTable", "file_bytes", "read_table"]

READERS: dict[str, Callable[[SourceFile], RawTable]] = {
    ".xlsx": read_excel,
    ".xls": read_excel,
    ".et": read_excel,
    ".csv": lambda file: read_delimited(file.content, file.name),
    ".geojson": lambda file: read_geojson(file.content, file.name),
    ".json": read_json,
    ".gpkg": read_geopackage,
    ".shp": read_shapefile,
    ".zip": read_zipped,
    ".kml": read_kml,
    ".kmz": read_kml,
    ".fgb": read_flatgeobuf,
    ".parquet": read_parquet,
    ".geoparquet": read_parquet,
    ".osm": read_osm,
    ".pbf": read_osm,
}
"""By a file name's ending, in lower case."""


def read_table(
    source: Path | str | bytes, filename: str | None = None, *, table: str | None = None, layer: str | None = None
) -> RawTable:
    """Read a file by its ending.

    Args:
        source: a path, or the bytes themselves (then ``filename`` is needed).
        filename: the name that says the format; a path's own name by default.
        table: which sheet or layer of a file that has several.
        layer: the layer of the twin that it is for; only OSM files need it.

    Raises:
        NotFound: there is no such file.
        InvalidInput: unknown ending, empty, or not what its ending says; the message has the place.
        MappingAmbiguous: several sheets or layers hold data and none was asked for.
    """
    name = Path(filename or (source if not isinstance(source, bytes) else "")).name
    ending = Path(name).suffix.lower()
    reader = READERS.get(ending)
    if reader is None:
        known = ", ".join(READERS)
        raise InvalidInput(
            f"不支持的文件 {name!r}；可用的格式：{known}", f"cannot read {name!r}; endings that work: {known}"
        )
    path = None if isinstance(source, bytes) else Path(source)
    content = source if isinstance(source, bytes) else file_bytes(Path(source))
    if not content or content.isspace():
        raise InvalidInput(f"{name} 是空文件", f"{name} is empty")
    siblings = _siblings(path) if path is not None and ending == ".shp" else {}
    return geometry_from_wkt(reader(SourceFile(content, name, table, layer, siblings)))


def file_bytes(path: Path) -> bytes:
    """A file's bytes.

    An SQLite file that some program has open is not even opened: closing it would drop the locks that this process may
    hold on it, and what stands in its log would be missed.
    """
    if any(path.with_name(path.name + end).exists() for end in ("-wal", "-shm")):
        raise InvalidInput(
            f"{path} 正被其他程序打开（旁边有 {path.name}-wal）；请先关闭该程序，本系统的存储请用 twin export",
            f"{path} is open in some program ({path.name}-wal is beside it): close it first; "
            "for a store of this system use twin export",
        )
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InvalidInput(
                f"{path} 有 {size} 字节，超过 {MAX_BYTES}；请先裁剪或拆分",
                f"{path} has {size} bytes, more than {MAX_BYTES}: cut or split it first",
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise NotFound(f"没有文件 {path}", f"there is no file {path}") from None
    except OSError as problem:
        raise InvalidInput(f"读不了 {path}：{problem.strerror}", f"cannot read {path}: {problem.strerror}") from None


def _siblings(path: Path) -> dict[str, Callable[[], bytes]]:
    """The files of the same name with other endings, whatever their case."""
    stem = path.stem.lower()
    beside = [other for other in sorted(path.resolve().parent.iterdir()) if other.stem.lower() == stem]
    return {other.suffix.lower(): lambda other=other: file_bytes(other) for other in beside}  # type: ignore[misc]
