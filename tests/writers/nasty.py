"""A small twin with everything that files like to lose, and the way of a file out of a twin and back in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from tests.world import asset, district, offset, square, twin_with
from twin.engine import Twin
from twin.export import Export, ExportRequest, export_layer
from twin.ingest import ImportReport, ImportRequest, examine
from twin.layers.diff import SAME_PLACE_DEG
from twin.layers.own_columns import ASSUMED
from twin.model import Record, Source
from twin.readers import read_table
from twin.writers import Target

HERE, THERE = (121.40000000000001, 31.1), (121.41 + 1e-9, 31.1234567890123)
SURVEY = Source("survey", '现场调查 2025, "二"', "gcj02", licence="仅限内部", sha256="ab")
MADE_UP = Source("made-up", "=模拟", "wgs84", synthetic=True)
SOURCES = (Source("hand", "built by hand", "wgs84"), SURVEY, MADE_UP)
EXTRA: dict[str, Any] = {
    "备注": '逗号,"引号"',
    "楼层": 3,
    "系数": 0.1,
    "标志": True,
    "表": {"甲": [1, None]},
    "公式": "=1+1",
}
"""As a source's further columns are kept."""


def camera(key: str, place: tuple[float, float] | None = HERE, **values: Any) -> Record:
    own = {
        "camera_type": "dome",
        "indoor": False,
        "access": "own",
        "azimuth_deg": None,
        "hfov_deg": None,
        "range_m": None,
    }
    owner = values.pop("owner", "")
    return replace(asset("cameras", key, place, **{**own, **values}), owner=owner)


def cameras() -> list[Record]:
    """Every kind of trouble, one a record."""
    return [
        camera("31011200001310000001", name="二十位编号", owner="=HYPERLINK(\"http://x\")"),
        camera("007", name="前导零", owner="-5"),
        camera("quotes", name='说“你好” "quoted", it\'s', owner="'单引号开头"),
        camera("lines", name="第一行\n第二行", owner="'=not a formula"),
        camera("formula", name="=cmd|' /C calc'!A0", owner="@SUM(A1)"),
        camera("plus", name="+86 21 6412 3456", owner="-"),
        camera("number", name="12", owner="1e5"),
        camera("words", name="true", owner="NULL"),
        camera("nan", name="nan", owner="N/A"),
        camera("empty", name="", owner=""),
        camera("on", online=True, indoor=True),
        camera("off", online=False, indoor=False),
        camera("unknown", online=None, indoor=None),
        camera("no place", None),
        camera("exact", THERE, azimuth_deg=0.1 + 0.2, hfov_deg=1 / 3, range_m=1e-7),
        camera("round", THERE, azimuth_deg=90.0, hfov_deg=0.0, range_m=123456789.25),
        camera("time", valid_from=datetime(2024, 2, 29, 23, 59, 59, 123456, UTC), valid_to=datetime(2099, 1, 1, tzinfo=UTC)),
        camera("end of time", valid_from=datetime(1999, 1, 1, tzinfo=UTC), valid_to=datetime(9999, 12, 31, 20, tzinfo=UTC)),
        camera("before", valid_from=datetime(1900, 1, 1, tzinfo=UTC)),
        camera("many", n_devices=70_000),
        camera("rest", extra=EXTRA),
        camera("controls", name="a\x01b\x1fc", owner="x_x000D_y"),
        camera("returns", name="a\rb\r\nc", owner="_x0041_"),
        camera("letters", name="😀中\u2028x", owner="<a&b>]]>"),
        camera("planned", lifecycle="planned", online=None),
        camera("retired", lifecycle="retired", online=None),
        camera("assumed", **{ASSUMED: True}),
        replace(camera("surveyed"), source="survey"),
        replace(camera("made up"), source="made-up"),
    ]  # fmt: skip


def shape(layer: str, key: str, geometry: Any, **values: Any) -> Record:
    point = shapely.point_on_surface(geometry)
    record = asset(layer, key, (point.x, point.y), **values)
    return replace(record, geometry=shapely.to_wkb(geometry))


def roads() -> list[Record]:
    bent = shapely.LineString([HERE, THERE, (121.5, 31.2)])
    parts = shapely.MultiLineString([[HERE, THERE], [(121.5, 31.2), (121.6, 1 / 3 + 30.9)]])
    return [
        shape("roads", "bent", bent, road_class="arterial", width_m=35.5),
        shape("roads", "parts", parts, road_class="unknown", width_m=None),
        shape("roads", "one part", shapely.MultiLineString([[HERE, THERE]]), road_class="local", width_m=0.1),
    ]


def buildings() -> list[Record]:
    hole = shapely.Polygon(square(500).exterior.coords, [square(100).exterior.coords[::-1]])
    two = shapely.MultiPolygon([square(50), square(60, offset(HERE, 3000, 0))])
    return [
        shape("buildings", "hole", hole, height_m=99.9, use="office"),
        shape("buildings", "two", two, height_m=None, use="unknown"),
        shape("buildings", "one part", shapely.MultiPolygon([square(70)]), height_m=3.0, use="public"),
    ]


def chargers() -> list[Record]:
    values = {"station_type": "public", "n_connectors": 4, "max_power_kw": 120.0}
    return [
        asset("chargers", "C1", HERE, **{**values, "name": "一号站"}),
        asset("chargers", "C2", THERE, **{**values, "station_type": "bus", "max_power_kw": None, "n_connectors": 0}),
        asset("chargers", "C3", None, **{**values, "max_power_kw": 7.0, "n_connectors": 2, "online": False}),
    ]


@cache
def nasty_twin() -> Twin:
    """Not to be written to."""
    return twin_with([*district(), *cameras(), *roads(), *buildings(), *chargers()], SOURCES)


def made(layer: str, crs: str = "wgs84", twin: Twin | None = None, **asked: Any) -> Export:
    return export_layer(twin or nasty_twin(), ExportRequest(layer, crs, **asked))


def written(folder: Path, name: str, export: Export, **how: Any) -> Path:
    return Target.choose(folder / name, **how).write(export)[-1]


def read_back(twin: Twin, path: Path, layer: str, crs: str = "wgs84") -> ImportReport:
    report = examine(twin, read_table(path), ImportRequest(layer, crs), allow_datum_inverse=True)
    assert [str(f) for f in report.checked.faults] == []
    return report


def content(records: list[Record], tolerance_deg: float = SAME_PLACE_DEG) -> dict[str, dict[str, Any]]:
    """Records as plain values by key; places rounded to what a round trip must keep, single parts as such."""
    digits = round(-float(np.log10(tolerance_deg)))
    return {r.key: _plain(r, digits) for r in records}


def _plain(r: Record, digits: int) -> dict[str, Any]:
    own = {k: v for k, v in r.attributes.items() if v not in (None, "", {})}
    place = None if r.lng is None or r.lat is None else (round(r.lng, digits), round(r.lat, digits))
    return {
        "name": r.name, "lifecycle": r.lifecycle, "valid_from": r.valid_from, "valid_to": r.valid_to, "online": r.online,
        "n_devices": r.n_devices, "owner": r.owner, "own": own, "place": place if r.geometry is None else None,
    }  # fmt: skip


def same_shape(a: bytes | None, b: bytes | None, tolerance: float = SAME_PLACE_DEG) -> bool:
    """Whether two shapes are equal but for the order of parts and where rings begin."""
    assert a is not None
    assert b is not None
    shapes = [shapely.normalize(shapely.multipolygons(p) if p[0].geom_type == "Polygon" else shapely.multilinestrings(p))
              for p in (shapely.get_parts(shapely.from_wkb(x)) for x in (a, b))]  # fmt: skip
    return bool(shapely.equals_exact(shapes[0], shapes[1], tolerance))
