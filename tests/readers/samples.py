"""A small valid file of every format that is read, built in memory."""

from __future__ import annotations

import io
import json
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import geopandas
import openpyxl
import osmium
import shapely
import xlwt

LAYER = "chargers"
"""The layer that the OSM samples hold."""


@cache
def samples() -> dict[str, bytes]:
    """Bytes by ending (as in ``READERS``; of .shp its zip is the whole)."""
    return dict(_sheets()) | dict(_maps()) | dict(_osm())


def _sheets() -> Iterator[tuple[str, bytes]]:
    rows = [["编号", "经度", "x"], ["31011200001320000001", 121.5, "虹桥"], ["b", 121.25, None]]
    yield ".csv", "\n".join(",".join(str(c or "") for c in row) for row in rows).encode("gb18030")
    new, old = openpyxl.Workbook(), xlwt.Workbook()
    sheet = old.add_sheet("a")
    for r, row in enumerate(rows):
        new.active.append(row)
        for c, cell in enumerate(row):
            sheet.write(r, c, cell)
    for ending, book in ((".xlsx", new), (".xls", old), (".et", old)):
        out = io.BytesIO()
        book.save(out)
        yield ending, out.getvalue()
    yield ".json", json.dumps([{"id": "a", "n": 1}, {"id": "b"}]).encode()


def _maps() -> Iterator[tuple[str, bytes]]:
    data = geopandas.GeoDataFrame(
        {"name": ["虹桥", "闵行"], "n": [1, 2]},
        geometry=[shapely.box(121, 31, 122, 32), shapely.box(0, 0, 1, 1)],
        crs=4490,
    )
    yield ".geojson", data.to_json().encode()
    parquet = io.BytesIO()
    data.to_parquet(parquet)
    yield ".parquet", parquet.getvalue()
    yield ".geoparquet", parquet.getvalue()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for ending in (".gpkg", ".fgb", ".kml", ".shp"):
            data.to_file(Path(folder) / f"a{ending}", **({"driver": "LIBKML"} if ending == ".kml" else {}))
            yield ending, (Path(folder) / f"a{ending}").read_bytes()
        kmz, zipped = io.BytesIO(), io.BytesIO()
        with zipfile.ZipFile(kmz, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(Path(folder) / "a.kml", "doc.kml")
        with zipfile.ZipFile(zipped, "w") as archive:
            for end in ("shp", "shx", "dbf", "prj"):
                archive.write(Path(folder) / f"a.{end}", f"a.{end}")
        yield ".kmz", kmz.getvalue()
        yield ".zip", zipped.getvalue()


def _osm() -> Iterator[tuple[str, bytes]]:
    nodes = "".join(f'<node id="{i}" version="1" lat="{31 + i % 2}" lon="{121 + i // 2 % 2}"/>' for i in range(1, 5))
    content = (
        f'<?xml version="1.0"?><osm version="0.6">{nodes}<node id="9" version="1" lat="31" lon="121">'
        '<tag k="amenity" v="charging_station"/></node><way id="5" version="1"><nd ref="1"/><nd ref="2"/><nd ref="3"/>'
        '<nd ref="1"/><tag k="amenity" v="charging_station"/></way><relation id="6" version="1">'
        '<member type="way" ref="5" role="outer"/><tag k="type" v="multipolygon"/>'
        '<tag k="amenity" v="charging_station"/></relation></osm>'
    ).encode()
    yield ".osm", content
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.osm.pbf"
        with osmium.SimpleWriter(str(path)) as writer:
            for thing in osmium.FileProcessor(osmium.io.FileBuffer(content, "osm")):
                writer.add(thing)
        yield ".pbf", path.read_bytes()
