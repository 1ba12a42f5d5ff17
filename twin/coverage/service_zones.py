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

FULLY_OPEN, PARTLY, FULLY_SERVED = "none", "part", "all"
NEGLIGIBLE_SHARE = 1e-9
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


def share_of(part: float, whole: float) -> float:
    """``part / whole``, free of the last digit's noise at 0 and 1."""
    share = part / whole
    return float(np.round(share)) if abs(share - np.round(share)) < NEGLIGIBLE_SHARE else float(share)


def zone_of(zones: Sequence[ServiceZone], lnglat: LngLat) -> NDArray[np.int64]:
    """The index of each point's zone, (n,); a zone's border belongs to it."""
    index = np.full(len(lnglat), len(zones) - 1, np.int64)
    for i, zone in reversed(list(enumerate(zones))):
        if zone.area is not None:
            index[points_inside(zone.area.geometry, lnglat)] = i
    return index


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
