"""Charging stations as OCPI 2.2.1 locations, in the envelope of ``GET /locations``. Knows only what the twin knows.

What OCPI demands and the twin does not hold is written as its word for unknown, or by a rule that docs/exports.md states:
one EVSE with one connector for each connector counted; 0 V and 0 A for unknown; the station's maximum power at its first
connector alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
import shapely

from twin.errors import BadParameter, Fault, InvalidInput, Words
from twin.export import Export

COUNTRY, PARTY = "CN", "TWN"
DECIMALS = 7
LONGEST_ID, LONGEST_ADDRESS, LONGEST_NAME, LONGEST_OPERATOR = 36, 45, 255, 100
AC_MOST_KW = 43.7
"""Three phases of 400 V and 63 A, the most that GB/T 20234.2 carries: a station that gives more has direct current."""
STATUS_OF_STATE = {"planned": "PLANNED", "building": "PLANNED", "managed": "INOPERATIVE", "retired": "REMOVED"}
STATUS_OF_ONLINE = {True: "AVAILABLE", False: "OUTOFORDER", None: "UNKNOWN"}
Row = Mapping[str, Any]


def to_ocpi(export: Export, stem: str) -> dict[str, bytes]:
    """Locations with a place; those without are left out and counted in ``metadata``.

    Raises:
        BadParameter: another layer than chargers, or another frame than WGS-84, which OCPI defines.
        InvalidInput: keys or names that OCPI cannot hold, all of them in ``faults``.
    """
    if export.layer.name != "chargers":
        raise BadParameter(
            f"OCPI 只用于 chargers 图层，收到 {export.layer.name}", f"OCPI is for chargers, not for {export.layer.name}"
        )
    if export.frame.name != "wgs84":
        raise BadParameter(
            f"OCPI 规定用 WGS-84，收到 --crs {export.frame.name}",
            f"OCPI is WGS-84, not {export.frame.name}: leave out --crs",
        )
    names = [c.name for c in export.columns]
    rows = [dict(zip(names, row, strict=True)) for row in zip(*(c.values for c in export.columns), strict=True)]
    placed = [(row, shape) for row, shape in zip(rows, export.geometry, strict=True) if shape is not None]
    _refuse(export)
    document = {
        "data": [_location(row, shape) for row, shape in placed],
        "status_code": 1000,
        "status_message": "; ".join(export.about["notes"]["en"]) or "Success",
        "timestamp": _utc(export.about["known_at"]),
        "metadata": {**export.about, "n_left_out": len(rows) - len(placed)},
    }
    return {f"{stem}.json": orjson.dumps(document, option=orjson.OPT_INDENT_2)}


def _refuse(export: Export) -> None:
    limits: tuple[tuple[str, Words, Callable[[str], bool]], ...] = (
        ("key", Words(f"OCPI 编号应为 1 至 {LONGEST_ID} 个可见 ASCII 字符", f"an OCPI id has 1 to {LONGEST_ID} printable ASCII letters"),
         lambda text: 0 < len(text) <= LONGEST_ID and text.isascii() and text.isprintable()),
        ("name", Words(f"OCPI 名称最多 {LONGEST_NAME} 个字符", f"an OCPI name has at most {LONGEST_NAME} letters"),
         lambda text: len(text) <= LONGEST_NAME),
        ("owner", Words(f"OCPI 运营商名称最多 {LONGEST_OPERATOR} 个字符", f"an OCPI operator's name has at most {LONGEST_OPERATOR} letters"),
         lambda text: len(text) <= LONGEST_OPERATOR),
    )  # fmt: skip
    faults: list[Fault] = [
        export.fault(at, name, value, words)
        for name, words, fits in limits
        for at, value in enumerate(export.values(name))
        if not fits(value or "")
    ]
    uid = Words(
        f"加上接口序号后超过 {LONGEST_ID} 个字符", f"longer than {LONGEST_ID} letters with a connector's number"
    )
    faults += [
        export.fault(at, "key", key, uid)
        for at, (key, n) in enumerate(zip(export.keys, export.values("n_connectors"), strict=True))
        if len(key) <= LONGEST_ID < len(_uid(key, n or 0))
    ]
    if faults:
        raise InvalidInput(
            f"{len(faults)} 处不能写成 OCPI，首先是 {faults[0].where}：{faults[0].words.zh}",
            f"{len(faults)} values do not fit OCPI, first: {faults[0]}",
            faults,
        )


def _location(row: Row, shape: shapely.Point) -> dict[str, Any]:
    updated = _utc(row["valid_from"])
    name = row["name"] or row["key"]
    location = {
        "country_code": COUNTRY,
        "party_id": PARTY,
        "id": row["key"],
        "publish": row["station_type"] == "public",
        "name": name,
        "address": name[:LONGEST_ADDRESS],
        "city": "上海",
        "country": "CHN",
        "coordinates": {"latitude": f"{shape.y:.{DECIMALS}f}", "longitude": f"{shape.x:.{DECIMALS}f}"},
        "evses": [_evse(row, number, updated) for number in range(1, (row["n_connectors"] or 0) + 1)],
        "time_zone": "Asia/Shanghai",
        "last_updated": updated,
    }
    return {**location, "operator": {"name": row["owner"]}} if row["owner"] else location


def _evse(row: Row, number: int, updated: str) -> dict[str, Any]:
    power_kw = row["max_power_kw"]
    direct = power_kw is not None and power_kw > AC_MOST_KW
    connector = {
        "id": "1",
        "standard": "GBT_DC" if direct else "GBT_AC",
        "format": "CABLE" if direct else "SOCKET",
        "power_type": "DC" if direct else "AC_3_PHASE",
        "max_voltage": 0,
        "max_amperage": 0,
        "last_updated": updated,
    }
    if number == 1 and power_kw is not None:
        connector["max_electric_power"] = round(power_kw * 1000)
    status = STATUS_OF_STATE.get(row["lifecycle"]) or STATUS_OF_ONLINE[row["online"]]
    return {
        "uid": _uid(row["key"], number),
        "status": status,
        "connectors": [connector],
        "last_updated": updated,
    }


def _uid(key: str, number: int) -> str:
    return f"{key}-{number}"


def _utc(text: str) -> str:
    """OCPI's times: UTC, without fractions, ``2026-01-31T08:00:00Z``."""
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
