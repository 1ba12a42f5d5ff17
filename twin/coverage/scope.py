"""The area that is judged, in degrees and in its own local metric frame."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from twin.cells import cell_polygons, cells_over, check_resolution, mean_cell_km2
from twin.errors import BadParameter
from twin.frames import MetricFrame, geodesic_area_km2
from twin.model import Area, Cells, Geometries, LngLat

T = TypeVar("T")
N_KEPT = 24
MAX_CELLS = 1_000_000
SHARED_M2 = 1.0
"""Neighbours whose common border was drawn twice overlap by less."""
WHOLE_EDGES_DEG = 360.0
CELLS_AT_ONCE = 50_000
"""On the way from an id to a polygon a cell takes ten times the memory that it does in the end."""
POLYGON = 3
MAX_EXTENT_DEG = 2.0
DRAWN = (("自绘范围", "drawn area"), ("自绘范围（已修复）", "drawn area (repaired)"))
WRITTEN_M = 0.05
"""How far a place moves when it is written with seven decimals of a degree, and some more."""


@dataclass(frozen=True)
class Scope:
    """An area and what is often asked of it. ``area.geometry`` is in EPSG:4326."""

    area: Area
    _kept: OrderedDict[Hashable, Any] = field(default_factory=OrderedDict, compare=False, repr=False)

    def kept(self, key: Hashable, make: Callable[[], T]) -> T:
        """What was made for ``key`` before, or is made now: the ``N_KEPT`` last used are kept with the scope."""
        if key not in self._kept:
            self._kept[key] = make()
            if len(self._kept) > N_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        value: T = self._kept[key]
        return value

    def part_in(self, extent: Area) -> Scope:
        """What of it lies in another area."""
        return self.kept(
            ("part in", extent.digest),
            lambda: Scope(
                replace(self.area, geometry=polygonal(shapely.intersection(self.area.geometry, extent.geometry)))
            ),
        )

    @cached_property
    def frame(self) -> MetricFrame:
        return MetricFrame.around(self.area.geometry)

    @cached_property
    def shape(self) -> BaseGeometry:
        """The area in its metric frame, prepared for many questions."""
        shape: BaseGeometry = self.frame.project(self.area.geometry)
        shapely.prepare(shape)
        return shape

    @property
    def area_km2(self) -> float:
        return drawn_km2(self.area)

    def contains(self, lnglat: LngLat) -> NDArray[np.bool_]:
        """Which points lie in the area; on its border is inside, NaN is outside."""
        return points_inside(self.area.geometry, lnglat)

    def holds(self, lng: float, lat: float) -> bool:
        """Whether a place that was written with some decimals lies in the area, to ``WRITTEN_M``."""
        x, y = self.frame.forward(np.array([[lng, lat]]))[0]
        return bool(shapely.dwithin(self.shape, shapely.Point(x, y), WRITTEN_M))

    @cached_property
    def _border(self) -> shapely.STRtree:
        """The border's segments, in the metric frame."""
        ends, ring = shapely.get_coordinates(shapely.get_parts(shapely.boundary(self.shape)), return_index=True)
        joined = np.flatnonzero(ring[1:] == ring[:-1])
        segments = shapely.linestrings(np.stack([ends[joined], ends[joined + 1]], axis=1))
        return shapely.STRtree(np.asarray(segments, object))

    def near_border(self, lnglat: LngLat, within_m: float) -> NDArray[np.bool_]:
        """Which points lie within a distance of the border, on either side; NaN does not."""
        near = np.zeros(len(lnglat), bool)
        located = np.flatnonzero(~np.isnan(lnglat).any(axis=1))
        places = shapely.points(self.frame.forward(lnglat[located]))
        near[located[self._border.query(places, predicate="dwithin", distance=within_m)[0]]] = True
        return near

    def cells(self, resolution: int) -> Cells:
        """All cells that share area with the scope.

        Raises:
            BadParameter: there would be more than ``MAX_CELLS``, or the resolution is not 5 to 12.
        """
        expected = self.area_km2 / mean_cell_km2(check_resolution(resolution))
        if expected > MAX_CELLS:
            raise BadParameter(
                f"该范围在 {resolution} 级约有 {expected:,.0f} 个单元，最多 {MAX_CELLS:,} 个：请降低 resolution 或缩小范围",
                f"some {expected:,.0f} cells at resolution {resolution}, at most {MAX_CELLS:,}: take a lower one or a smaller area",
            )
        return cells_over(self.area.geometry, resolution)


def drawn_km2(area: Area) -> float:
    """The geodesic area of an outline; reckoned once for each area and kept with it."""
    known: dict[str, float] = vars(area)
    if "drawn_km2" not in known:
        known["drawn_km2"] = geodesic_area_km2(area.geometry)
    return known["drawn_km2"]


def points_inside(geometry: BaseGeometry, lnglat: LngLat) -> NDArray[np.bool_]:
    """Which of (n, 2) points lie in a polygon, its border included. NaN is outside."""
    shapely.prepare(geometry)
    return np.asarray(shapely.intersects_xy(geometry, lnglat[:, 0], lnglat[:, 1]))


def assign_to_areas(areas: list[Area], lnglat: LngLat) -> NDArray[np.int64]:
    """The index in ``areas`` of the area each point lies in; -1 where none (未落区).

    ``areas`` must be sorted by code: on a shared border the lower code wins.
    """
    owner = np.full(len(lnglat), -1, np.int64)
    for index, area in enumerate(areas):
        free = np.flatnonzero(owner < 0)
        owner[free[points_inside(area.geometry, lnglat[free])]] = index
    return owner


def groups_of(scope: Scope, areas: Sequence[Area]) -> list[tuple[Area, ...]]:
    """Areas of a level in groups that share no ground: one group for a partition, more where areas overlap."""
    key = ("groups", tuple(a.digest for a in areas))
    groups = scope.kept(key, lambda: disjoint_groups(scope, areas))
    return [tuple(areas[i] for i in group) for group in groups]


def sums_by_area(scope: Scope, areas: Sequence[Area], lnglat: LngLat, amount: NDArray[Any]) -> dict[str, float]:
    """What lies in each area, by its code. A point lies in one area of a group that shares no ground (on a border, the
    lower code), and in each of those that overlap."""
    sums: dict[str, float] = {}
    for group in groups_of(scope, areas):
        total = np.bincount(assign_to_areas(list(group), lnglat) + 1, amount, len(group) + 1)[1:]
        sums |= {area.code: float(n) for area, n in zip(group, total, strict=True)}
    return sums


def cut_into_zones(scope: Scope, areas: Sequence[Area]) -> list[BaseGeometry]:
    """The part of a scope in each area that is in none before it, and last what is in none; in the metric frame."""
    rest, zones = scope.shape, []
    for area in areas:
        shape = scope.frame.project(area.geometry)
        zones.append(polygonal(shapely.intersection(rest, shape)))
        rest = shapely.difference(rest, shape)
    return [*zones, polygonal(rest)]


def disjoint_groups(scope: Scope, areas: Sequence[Area]) -> list[list[int]]:
    """The indices of areas, so grouped that those of a group share no ground: one group for a partition."""
    shapes = np.array([scope.frame.project(a.geometry) for a in areas], object)
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    pairs = np.column_stack([first, second])[first < second]
    shared = shapely.area(shapely.intersection(shapes[pairs[:, 0]], shapes[pairs[:, 1]])) > SHARED_M2
    clashes = {(int(a), int(b)) for a, b in pairs[shared]}
    groups: list[list[int]] = []
    for i in range(len(areas)):
        free = next((g for g in groups if not any((j, i) in clashes for j in g)), None)
        if free is None:
            groups.append([i])
        else:
            free.append(i)
    return groups


def scope_of_polygon(geometry: BaseGeometry) -> Scope:
    """A drawn polygon as a scope. One that crosses itself is repaired, and its name says so.

    Raises:
        BadParameter: it is not a polygon with an area, or is wider than a local metric frame is right for.
    """
    drawn, repaired, whole = geometry, False, np.isfinite(shapely.get_coordinates(geometry)).all()
    if whole and geometry.geom_type in ("Polygon", "MultiPolygon") and not geometry.is_valid:
        geometry, repaired = polygonal(shapely.make_valid(geometry, method="structure")), True
    if not whole or geometry.geom_type not in ("Polygon", "MultiPolygon") or geometry.area == 0:
        reason = shapely.is_valid_reason(drawn)
        raise BadParameter(
            f"需要一个有面积的多边形，收到 {drawn.geom_type}（{reason}）",
            f"a polygon with an area is needed, got {drawn.geom_type} ({reason})",
        )
    west, south, east, north = geometry.bounds
    if max(east - west, north - south) > MAX_EXTENT_DEG:
        raise BadParameter(
            f"范围过大：不超过 {MAX_EXTENT_DEG:g}°（约 200 km），否则距离和面积不准",
            f"the polygon is too large: at most {MAX_EXTENT_DEG:g} degrees (some 200 km), or distances and areas go wrong",
        )
    scope = Scope(Area("", *DRAWN[repaired], "aoi", geometry))
    if scope.area_km2 * 1e6 < SHARED_M2:
        raise BadParameter("范围过小：至少 1 m²", "the polygon is too small: at least 1 m²")
    return scope


def clip(polygons: Geometries, shape: BaseGeometry) -> Geometries:
    """``polygons`` cut to ``shape`` (same planar frame); those wholly inside are returned as they are."""
    shapely.prepare(shape)
    out = polygons.copy()
    crossing = ~shapely.contains_properly(shape, polygons)
    out[crossing] = shapely.intersection(polygons[crossing], shape)
    return out


def project_cells(frame: MetricFrame, cells: Cells) -> Geometries:
    """Outlines of cells in a metric frame. Their edges are straight in the plane: cells have no edges on a parallel."""
    blocks = np.array_split(cells, 1 + len(cells) // CELLS_AT_ONCE)
    return np.concatenate([np.asarray(frame.project(cell_polygons(b), WHOLE_EDGES_DEG), dtype=object) for b in blocks])


def polygonal(geometry: BaseGeometry) -> BaseGeometry:
    """The polygons of a geometry: lines and points that an overlay leaves behind have no area."""
    parts = shapely.get_parts(shapely.get_parts(geometry))
    return shapely.MultiPolygon(list(parts[shapely.get_type_id(parts) == POLYGON]))
