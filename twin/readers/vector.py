"""GeoPackage, FlatGeobuf, KML and (by ``shapefile``) Shapefile, from bytes in GDAL's memory.

GDAL never sees a path: not the user's, and above all not the live store's. What the bytes are is made sure of before,
since GDAL looks at content and would follow a file that points to others (VRT).
"""

from __future__ import annotations

import re
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, NamedTuple
from xml.parsers import expat

import numpy as np
import pandas as pd
import shapely

from twin.errors import InvalidInput, Words
from twin.layers.table import RawTable
from twin.model import Geometries
from twin.readers.archive import Archive
from twin.readers.crs import crs_metadata
from twin.readers.plain import plain_values
from twin.readers.source import SourceFile, chosen_table, refuse_too_many, said_in_words

IN_MEMORY = re.compile(r"/vsi\S*/pyogrio_[0-9a-f]+\S*")
SQLITE = b"SQLite format 3\0"
KML_DEFAULTS = {"tessellate": -1, "extrude": 0, "visibility": -1, "drawOrder": "", "altitudeMode": "", "icon": "",
                "timestamp": "", "begin": "", "end": "", "id": "", "description": ""}  # fmt: skip
"""What GDAL fills in where a KML file says nothing."""
UNTOLD = ("non conformant file extension", "WAL-enabled")
"""GDAL's words about the name in memory and about the file's journal, which do not concern the data."""


def read_geopackage(file: SourceFile) -> RawTable:
    """Features of one layer of a GeoPackage.

    Raises:
        InvalidInput: no GeoPackage, this twin's own store, or damaged.
        MappingAmbiguous: several layers hold features and none was asked for.
    """
    tables = _sqlite_tables(file)
    if {"meta", "tx"} <= tables:
        raise InvalidInput(
            f"{file.name} 是本系统的存储文件，不能导入；请用 twin export 导出后再导入",
            f"{file.name} is a store of this system and cannot be imported: use twin export, then import that",
        )
    if "gpkg_contents" not in tables:
        raise InvalidInput(
            f"{file.name} 是 SQLite 文件，但不是 GeoPackage", f"{file.name} is an SQLite file, but no GeoPackage"
        )
    return gdal_table(file, _without_wal(file.content), "GeoPackage", "gpkg")


def read_flatgeobuf(file: SourceFile) -> RawTable:
    """Features of a FlatGeobuf file. Raises InvalidInput."""
    if not file.content.startswith(b"fgb\x03fgb"):
        raise InvalidInput(f"{file.name} 不是 FlatGeobuf 文件", f"{file.name} is not a FlatGeobuf file")
    return gdal_table(file, file.content, "FlatGeobuf", "fgb")


def read_kml(file: SourceFile) -> RawTable:
    """Placemarks of one folder of a .kml, or of the one .kml in a .kmz. KML defines WGS-84.

    Raises:
        InvalidInput: no KML, or damaged.
        MappingAmbiguous: several folders hold placemarks and none was asked for.
    """
    content = file.content
    if content.startswith(b"PK"):
        archive = Archive(content, file.name, "KMZ")
        members = [name for name in archive.names if name.lower().endswith(".kml")]
        if len(members) != 1:
            raise InvalidInput(
                f"{file.name} 内应恰有一个 .kml，实有 {len(members)} 个",
                f"{file.name} should hold exactly one .kml, it holds {len(members)}",
            )
        content = archive.read(members[0])
    with said_in_words(file.name, "KML"):
        if _xml_root(content).rpartition(" ")[2] != "kml" or b"OGRVRT" in content:
            raise ValueError("its outermost element is not kml")
    return gdal_table(file, content, "KML", "kml", declared_frame="wgs84", defaults=KML_DEFAULTS)


class _Layer(NamedTuple):
    name: str
    n_features: int
    n_columns: int


def gdal_table(
    file: SourceFile, content: bytes, kind: str, short: str, *, encoding: str | None = None,
    declared_frame: str | None = None, defaults: dict[str, Any] | None = None, said: tuple[Words, ...] = (),
) -> RawTable:  # fmt: skip
    """One layer of a file that GDAL reads, numbered from 1; heights are dropped, curves become lines of short pieces.

    Args:
        file: the file as it came.
        content: the bytes that GDAL is to read.
        kind: the format's name for words.
        short: its name in ``RawTable.format``.
        encoding: of its text, where the format does not say.
        declared_frame: the frame that the format defines.
        defaults: columns that are left out where every cell is blank or this value.
        said: further warnings.
    """
    from pyogrio import raw

    with said_in_words(file.name, kind), _warnings_of_gdal() as told:
        layers = _layers(content, encoding)
        name = chosen_table([x.name for x in layers if x.n_features], [x.name for x in layers], file, "图层", "layer")
        layer = next(x for x in layers if x.name == name)
        refuse_too_many(file.name, layer.n_features, layer.n_columns)
        # as Arrow times all but those of a GeoPackage lose their zone
        meta, table = raw.read_arrow(
            content, layer=name, encoding=encoding, read_geometry=False, datetime_as_string=short != "gpkg"
        )
        timed = {c for c, kind in zip(meta["fields"], meta["ogr_types"], strict=True) if kind == "OFTDateTime"}
        _, _, wkb, _ = raw.read(content, layer=name, encoding=encoding, columns=[], force_2d=True)
        columns = {
            str(c): plain_values(map(_moment, table[i].to_pylist()) if c in timed else table[i].to_pylist())
            for i, c in enumerate(table.column_names)
        }
        geometry = None if wkb is None else simple_geometries(wkb)
        n = table.num_rows if geometry is None else len(geometry)
        if columns and table.num_rows != n:
            raise ValueError(f"it has {n} geometries for {table.num_rows} rows")
    if not n:
        raise InvalidInput(f"{file.name} 没有要素", f"{file.name} has no features")
    columns = {c: cells for c, cells in columns.items() if not _is_default(c, cells, defaults or {})}
    frame = pd.DataFrame(columns, index=range(1, n + 1), dtype=object)
    metadata = {**crs_metadata(meta["crs"]), **({"table": name} if len(layers) > 1 else {})}
    return RawTable(
        file.name, frame, geometry, short, encoding or "utf-8", file.sha256, declared_frame, metadata,
        warnings=(*said, *told),
    )  # fmt: skip


def _moment(cell: Any) -> Any:
    """GDAL's text for a time as a time, where Python has such a year."""
    with suppress(ValueError):
        return datetime.fromisoformat(cell) if isinstance(cell, str) else cell
    return cell


def simple_geometries(wkb: Any) -> Geometries:
    """WKB (None for none) as geometries in two dimensions; Multi… of one part is that part, empty ones are None."""
    shapes = np.asarray(shapely.force_2d(shapely.from_wkb(wkb)), dtype=object)
    shapes[shapely.is_empty(shapes)] = None
    multi = np.isin(shapely.get_type_id(shapes), (4, 5, 6))
    single = multi & (shapely.get_num_geometries(shapes) == 1)
    shapes[single] = shapely.get_geometry(shapes[single], 0)
    return shapes


def _layers(content: bytes, encoding: str | None) -> list[_Layer]:
    import pyogrio

    names = [str(name) for name, _ in pyogrio.list_layers(content)]
    infos = [pyogrio.read_info(content, layer=n, encoding=encoding, force_feature_count=True) for n in names]
    return [_Layer(n, max(info["features"], 0), len(info["fields"])) for n, info in zip(names, infos, strict=True)]


@contextmanager
def _warnings_of_gdal() -> Iterator[list[Words]]:
    """What GDAL warned of, filled in when the block ends."""
    told: list[Words] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield told
    texts = dict.fromkeys(" ".join(IN_MEMORY.sub("", str(w.message)).split())[:300] for w in caught)
    told += [
        Words(f"GDAL 提示：{text}", f"GDAL says: {text}") for text in texts if not any(word in text for word in UNTOLD)
    ]


def _is_default(column: str, cells: list[Any], defaults: dict[str, Any]) -> bool:
    return column in defaults and set(cells) <= {"", defaults[column]}


def _sqlite_tables(file: SourceFile) -> set[str]:
    """The names of an SQLite file's tables, by the standard library, from memory."""
    if not file.content.startswith(SQLITE):
        raise InvalidInput(f"{file.name} 不是 GeoPackage 文件", f"{file.name} is not a GeoPackage file")
    with said_in_words(file.name, "GeoPackage"):
        database = sqlite3.connect(":memory:")
        try:
            database.deserialize(_without_wal(file.content))
            return {name for (name,) in database.execute("select name from sqlite_master where type = 'table'")}
        finally:
            database.close()


def _without_wal(content: bytes) -> bytes:
    """An SQLite file that says it has no write-ahead log: alone in memory it has none."""
    return content[:18] + b"\x01\x01" + content[20:]


def _xml_root(content: bytes) -> str:
    """The outermost element as ``namespace name``. Raises ExpatError where the whole is no well-formed XML."""
    found: list[str] = []
    parser = expat.ParserCreate(namespace_separator=" ")

    def note(name: str, _attributes: dict[str, str]) -> None:
        found.append(name)
        parser.StartElementHandler = None

    parser.StartElementHandler = note
    parser.Parse(content, True)
    return found[0]
