"""Small worlds built by hand, so that the expected numbers can be checked on paper."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pyproj import Geod
from shapely.geometry.base import BaseGeometry

from twin.coverage import RULES
from twin.coverage.result import Scene
from twin.coverage.scope import Scope
from twin.engine import Twin
from twin.layers import LAYERS
from twin.layers.tabulate import areas_of, row_of, table_of
from twin.model import DemandGrid, Edit, Record, Snapshot, Source
from twin.readers.plan_file import read_plan
from twin.readers.raster import read_grid
from twin.store import MemoryStore

NOW = datetime(2026, 11, 21, 4, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
CENTRE = (121.40, 31.10)
GEOD = Geod(ellps="WGS84")
PLAN = read_plan(Path(__file__).parent.parent / "geodata" / "plan.toml")
HAND = Source("hand", "built by hand", "wgs84")


def offset(lnglat: tuple[float, float], east_m: float, north_m: float) -> tuple[float, float]:
    """The point that many metres away along geodesics, by an independent library."""
    azimuth = float(np.degrees(np.arctan2(east_m, north_m)))
    lng, lat, _ = GEOD.fwd(*lnglat, azimuth, float(np.hypot(east_m, north_m)))
    return float(lng), float(lat)


def square(half_m: float, centre: tuple[float, float] = CENTRE) -> BaseGeometry:
    """About ``2 * half_m`` on a side, aligned with the meridian."""
    west, south = offset(centre, -half_m, 0)[0], offset(centre, 0, -half_m)[1]
    east, north = offset(centre, half_m, 0)[0], offset(centre, 0, half_m)[1]
    return shapely.box(west, south, east, north)


def area(code: str, level: str, geometry: BaseGeometry, name: str = "", published: float | None = None) -> Record:
    attributes = {"code": code, "level": level, "name_en": name or code, "area_km2_published": published}
    point = shapely.point_on_surface(geometry)
    return Record("areas", code, name or code, "operating", LONG_AGO, None, None, 1, "", HAND.id, point.x, point.y,
                  shapely.to_wkb(geometry), attributes)  # fmt: skip


def asset(layer: str, key: str, lnglat: tuple[float, float] | None, **values: Any) -> Record:
    """An asset; names that are no field of ``Record`` go to its attributes."""
    common = {
        "lifecycle": "operating",
        "online": True,
        "n_devices": 1,
        "name": key,
        "valid_from": LONG_AGO,
        "valid_to": None,
    }
    own = {k: v for k, v in values.items() if k not in common}
    common |= {k: v for k, v in values.items() if k in common}
    lng, lat = lnglat if lnglat is not None else (None, None)
    return Record(
        layer=layer, key=key, owner="", source=HAND.id, lng=lng, lat=lat, geometry=None, attributes=own, **common
    )


def charger(key: str, lnglat: tuple[float, float], **values: Any) -> Record:
    return asset("chargers", key, lnglat, **{"station_type": "public", "n_connectors": 4, **values})


def camera(key: str, lnglat: tuple[float, float] | None, **values: Any) -> Record:
    return asset("cameras", key, lnglat, **{"access": "own", **values})


def radio_site(key: str, lnglat: tuple[float, float], **values: Any) -> Record:
    return asset("radio_sites", key, lnglat, **{"site_kind": "outdoor", "operator": "移动", "mast": key, **values})


def snapshot(records: Iterable[Record], grids: Sequence[DemandGrid] = ()) -> Snapshot:
    """A snapshot without a store."""
    rows: dict[str, list[tuple[Any, ...]]] = {}
    for r in sorted(records, key=lambda r: (r.layer, r.key)):
        rows.setdefault(r.layer, []).append(row_of(r, 1))
    layers = {name: table_of(kind, rows.get(name, [])) for name, kind in LAYERS.items()}
    return Snapshot(
        str(hash(str(rows))), layers, areas_of(layers["areas"]), {g.name: g for g in grids}, {HAND.id: HAND}, NOW, NOW
    )


def twin_with(records: Iterable[Record], sources: Sequence[Source] = (HAND,)) -> Twin:
    """A twin over a memory store that holds the records."""
    twin = Twin(MemoryStore(), PLAN, read_grid, lambda: NOW)
    twin.commit([Edit("add", r) for r in records], author="test", reason="a small world", sources=sources)
    return twin


def district(half_m: float = 5000, ring: BaseGeometry | None = None) -> list[Record]:
    """A square district; the ring far away unless given."""
    far = ring if ring is not None else square(1000, (121.9, 31.5))
    return [area("310112", "district", square(half_m), "闵行区"), area("outer-ring", "zone", far, "外环以内")]


def service_of(world: Snapshot, where: str | Scope = "310112", **parameters: object) -> Any:
    """What the plan's charging rule says of an area: a ``ServiceEvaluation``, unless the layer is not there."""
    clause, rule = PLAN.clause("charger-service"), RULES["charger-service"]
    scope = where if isinstance(where, Scope) else Scope(world.areas[where])
    return rule.evaluate(Scene(world, scope, clause), rule.read(clause.parameters, parameters))
