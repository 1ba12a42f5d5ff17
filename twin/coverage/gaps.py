"""From open parts to gaps: each with its exact area, deepest point, demand and the areas it lies in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from shapely.geometry.base import BaseGeometry

from twin.cells import cells_to_text, points_to_cells
from twin.coverage.result import Gap
from twin.coverage.scope import Scope, points_inside
from twin.coverage.service import XY, deepest_points
from twin.coverage.tessellation import Floats, Tessellation
from twin.frames import ecef, geodesic_distance_m
from twin.model import Area, DemandGrid, Geometries, LayerTable

GAP_RESOLUTION = 12
NEGLIGIBLE_M2 = 1e-6
N_TIED, TIE_M = 4, 1e-6
"""A deepest point is as far from two or three assets."""
ROUNDING_M = 1.0
"""More than a plane adds to a distance."""


def apportion(tessellation: Tessellation, open_m2: Floats, zone: int, polygons: Geometries, n_parts: int) -> Floats:
    """The exact open area of each drawn polygon of a zone, by part.

    What is open in a fragment belongs to the polygon that is drawn there; where several are, in proportion to how they
    are drawn. So the areas add up to what is open in the fragments.

    Returns:
        (n + 1, n_parts + 1) square metres; the last row is what no polygon was drawn for, the last column what lies in
        none of the parts.
    """
    fragments = np.flatnonzero((tessellation.zone == zone) & (open_m2 > NEGLIGIBLE_M2))
    pieces, owner = tessellation.pieces(fragments)
    polygon, piece = shapely.STRtree(pieces).query(polygons, predicate="intersects")
    pair, inverse = np.unique(np.column_stack([owner[piece], polygon]), axis=0, return_inverse=True)
    n_drawn = np.bincount(pair[:, 0], minlength=len(fragments))
    shared = n_drawn[owner[piece]] > 1
    weight = np.zeros(len(pair))
    overlap = shapely.area(shapely.intersection(pieces[piece[shared]], polygons[polygon[shared]]))
    np.add.at(weight, inverse[shared], overlap)
    weight[n_drawn[pair[:, 0]] == 1] = 1.0
    total = np.bincount(pair[:, 0], weight, len(fragments))
    weight = weight / np.where(total > 0, total, 1.0)[pair[:, 0]]
    area = np.zeros((len(polygons) + 1, n_parts + 1))
    of = open_m2[fragments]
    part = tessellation.part[fragments]
    np.add.at(area, (pair[:, 1], part[pair[:, 0]]), weight * of[pair[:, 0]])
    lost = total == 0
    np.add.at(area, (np.full(lost.sum(), -1), part[lost]), of[lost])
    return area


def service_gaps(
    scope: Scope,
    zone: str,
    limit_m: float,
    parts: Geometries,
    area_m2: Floats,
    towns: Sequence[Area],
    assets: LayerTable,
    xy: XY,
    demand: DemandGrid | None,
) -> list[Gap]:
    """Open polygons of a zone as gaps.

    Args:
        scope: what is judged.
        zone: the zone's name, ``limit_m`` its radius.
        parts: (n,) polygons in the scope's metric frame.
        area_m2: (n, towns + 1) exact, by town; the last column is what lies in no town.
        towns: in the order of the columns.
        assets: those that count, ``xy`` their places in the metric frame.
        demand: people and where they are.
    """
    if len(parts) == 0:
        return []
    deepest_xy, _ = deepest_points(parts, xy)
    deepest = scope.frame.inverse(deepest_xy)
    outlines = scope.frame.unproject(parts)
    cells = cells_to_text(points_to_cells(deepest, GAP_RESOLUTION))
    nearest, distance = _nearest(deepest, assets)
    gaps = []
    for i, outline in enumerate(outlines):
        metres = float(distance[i]) if np.isfinite(distance[i]) else None
        gaps.append(
            Gap(
                id=cells[i],
                geometry=outline,
                area_km2=float(area_m2[i].sum()) / 1e6,
                zone=zone,
                limit_m=limit_m,
                deepest_lnglat=(float(deepest[i, 0]), float(deepest[i, 1])),
                nearest=nearest[i],
                nearest_distance_m=metres,
                missing_m=None if metres is None else max(0.0, metres - limit_m),
                n_missing=None,
                demand=demand_inside(outline, demand),
                areas=_by_town(area_m2[i], towns),
            )
        )
    return gaps


class KnownGaps:
    """Gaps that were found of open polygons, and where stations have come or gone since."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[BaseGeometry, Floats, Gap]] = {}
        self._changed: BaseGeometry | None = None

    def after(self, places: XY) -> KnownGaps:
        """The same gaps, once stations at (n, 2) metric places have come or gone."""
        later = KnownGaps()
        later._found, later._changed = dict(self._found), shapely.MultiPoint(places)
        return later

    def keep(self, polygon: BaseGeometry, area_m2: Floats, gap: Gap) -> None:
        self._found[id(polygon)] = (polygon, area_m2, gap)

    def find(self, polygon: BaseGeometry, area_m2: Floats) -> Gap | None:
        """The gap of that very polygon, if its area is what it was and no change lies nearer than its nearest asset."""
        found = self._found.get(id(polygon))
        if found is None or found[2].nearest_distance_m is None or np.abs(found[1] - area_m2).max() > NEGLIGIBLE_M2:
            return None
        gap, reach_m = found[2], found[2].nearest_distance_m + ROUNDING_M
        near = self._changed is not None and self._changed.distance(polygon) <= reach_m
        return None if near else gap


def _by_town(area_m2: Floats, towns: Sequence[Area]) -> tuple[tuple[str, str, float], ...]:
    rows = [(t.code, t.name, float(m2) / 1e6) for t, m2 in zip(towns, area_m2, strict=False) if m2 > NEGLIGIBLE_M2]
    return tuple(sorted(rows, key=lambda row: -row[2]))


def largest_first(gaps: list[Gap], min_area_km2: float) -> list[Gap]:
    """Gaps of at least that area, the largest first."""
    return sorted((g for g in gaps if g.area_km2 >= min_area_km2), key=lambda g: (-g.area_km2, g.id))


def demand_inside(outline: BaseGeometry, demand: DemandGrid | None) -> float | None:
    """The demand whose points lie in the outline; None without a demand layer."""
    if demand is None:
        return None
    west, south, east, north = outline.bounds
    x, y = demand.lnglat[:, 0], demand.lnglat[:, 1]
    box = np.flatnonzero((x >= west) & (x <= east) & (y >= south) & (y <= north))
    return float(demand.values[box[points_inside(outline, demand.lnglat[box])]].sum())


def _nearest(lnglat: NDArray[np.float64], assets: LayerTable) -> tuple[list[str | None], NDArray[np.float64]]:
    """The key of the asset nearest to each place, the first of those as near to ``TIE_M``, and its distance."""
    if len(assets) == 0:
        return [None] * len(lnglat), np.full(len(lnglat), np.inf)
    chord, index = cKDTree(ecef(assets.lnglat)).query(ecef(lnglat), k=range(1, min(len(assets), N_TIED) + 1))
    first = np.where(chord <= chord[:, :1] + TIE_M, index, len(assets)).min(axis=1)
    return assets.frame["key"].to_numpy()[first].tolist(), geodesic_distance_m(lnglat, assets.lnglat[first])
