"""What service rules are told: zones with a radius, and which assets serve."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from twin.coverage.scope import points_inside
from twin.errors import Words
from twin.frames import MetricFrame
from twin.model import Area, LayerTable, LngLat
from twin.plan import Clause

Floats = NDArray[np.float64]

FULLY_OPEN, PARTLY, FULLY_SERVED = "none", "part", "all"
NEGLIGIBLE_SHARE = 1e-9
NEGLIGIBLE_PART = 1e-3
NEGLIGIBLE_OPEN_M2 = 100.0
"""Full coverage is met below 0.0001 km² open."""


@dataclass(frozen=True)
class ServiceZone:
    """A part of the scope with its own radius. ``shape`` is metric; ``area`` None means elsewhere."""

    name: str
    radius_m: float
    shape: BaseGeometry
    area: Area | None


@dataclass(frozen=True)
class Servers:
    """A layer's assets, which of them count, and why the others do not."""

    table: LayerTable
    counts: NDArray[np.bool_]
    reason: Callable[[Mapping[str, Any]], Words]

    @cached_property
    def counted(self) -> LayerTable:
        return LayerTable(self.table.layer, self.table.frame[self.counts])

    def only(self, keep: NDArray[np.bool_]) -> Servers:
        """Only some of the rows count."""
        return replace(self, counts=self.counts & keep)


def is_full(clause: Clause, open_m2: float, whole_m2: float) -> bool | None:
    """Whether so little is open that coverage is full: less than 0.0001 km², and less than a thousandth of a small area.
    None where the clause is a direction, which has no verdict."""
    if clause.strength == "direction":
        return None
    return open_m2 < min(NEGLIGIBLE_OPEN_M2, NEGLIGIBLE_PART * whole_m2)


def share_of(part: float, whole: float) -> float:
    """``part / whole``, free of the last digit's noise at 0 and 1."""
    share = max(part, 0.0) / whole
    return abs(float(np.round(share))) if abs(share - np.round(share)) < NEGLIGIBLE_SHARE else float(share)


def zone_of(zones: Sequence[ServiceZone], lnglat: LngLat) -> NDArray[np.int64]:
    """The index of each point's zone, (n,); a zone's border belongs to it."""
    index = np.full(len(lnglat), len(zones) - 1, np.int64)
    for i, zone in reversed(list(enumerate(zones))):
        if zone.area is not None:
            index[points_inside(zone.area.geometry, lnglat)] = i
    return index


def radii_of_servers(zones: Sequence[ServiceZone], frame: MetricFrame, lnglat: LngLat, margin_m: float) -> Floats:
    """The radius of each server by its own zone, and a margin. (n,) metres.

    A server within the margin of a zone's border may lie on its other side: it has the least of the radii there if the
    margin is negative, else the most.
    """
    radius_m = np.array([z.radius_m for z in zones])
    own = radius_m[zone_of(zones, lnglat)]
    if margin_m:
        pick, places = (np.minimum if margin_m < 0 else np.maximum), shapely.points(frame.forward(lnglat))
        for zone, inside_m in zip(zones, radius_m, strict=True):
            if zone.area is not None:
                border = shapely.boundary(frame.project(zone.area.geometry))
                near = shapely.dwithin(places, border, abs(margin_m))
                own = np.where(near, pick(own, pick(inside_m, radius_m[-1])), own)
    return np.maximum(own + margin_m, 0.0)


def zone_reason(frame: MetricFrame, zones: Sequence[ServiceZone], zone: ServiceZone, point: LngLat) -> Words | None:
    """In which area with a limit of its own a point lies, or that it lies in none, and how far the border is."""
    named = [z.area for z in zones if z.area is not None]
    if not named:
        return None
    lines = [shapely.boundary(frame.project(a.geometry)) for a in ([zone.area] if zone.area else named)]
    here = shapely.Point(frame.forward(point)[0])
    away = _metres(min(line.distance(here) for line in lines))
    if zone.area is not None:
        zh, en = zone.area.name, zone.area.name_en or zone.area.name
        return Words(f"位于「{zh}」，距其边界 {away}", f"in “{en}”, {away} from its border")
    zh, en = "、".join(a.name for a in named), ", ".join(a.name_en or a.name for a in named)
    return Words(f"不在「{zh}」，距其边界 {away}", f"not in “{en}”, {away} from its border")


def _metres(metres: float) -> str:
    """Whole metres below 10 km, then kilometres."""
    return f"{metres:,.0f} m" if metres < 10_000 else f"{metres / 1000:,.1f} km"
