"""From open regions to gaps: one polygon each, with its deepest point, demand and the areas it lies in."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from shapely.geometry.base import BaseGeometry

from twin.cells import cells_to_text, points_to_cells
from twin.coverage.result import Gap
from twin.coverage.scope import Scope, points_inside
from twin.coverage.service import XY, area_inside, deepest_points
from twin.frames import geodesic_distance_m
from twin.model import Area, DemandGrid, Geometries, LayerTable

GAP_RESOLUTION = 12


def service_gaps(
    scope: Scope,
    zone: str,
    limit_m: float,
    region: BaseGeometry,
    assets: LayerTable,
    xy: XY,
    towns: list[Area],
    demand: DemandGrid | None,
) -> list[Gap]:
    """The connected parts of an open region as gaps.

    Args:
        region: what is open in this zone, in the scope's metric frame.
        assets: the counted assets, ``xy`` their places in that frame.
    """
    parts = shapely.get_parts(region)
    parts = parts[shapely.area(parts) > 0]
    if len(parts) == 0:
        return []
    deepest_xy, _ = deepest_points(parts, xy)
    deepest = scope.frame.inverse(deepest_xy)
    outlines = scope.frame.unproject(parts)
    cells = cells_to_text(points_to_cells(deepest, GAP_RESOLUTION))
    nearest, distance = _nearest(deepest, deepest_xy, assets, xy)
    shares = _areas_of(parts, scope, towns)
    gaps = []
    for i, outline in enumerate(outlines):
        metres = float(distance[i]) if np.isfinite(distance[i]) else None
        gaps.append(
            Gap(
                id=cells[i],
                geometry=outline,
                area_km2=float(parts[i].area) / 1e6,
                zone=zone,
                limit_m=limit_m,
                deepest_lnglat=(float(deepest[i, 0]), float(deepest[i, 1])),
                nearest=nearest[i],
                nearest_distance_m=metres,
                missing_m=None if metres is None else max(0.0, metres - limit_m),
                n_missing=None,
                demand=demand_inside(outline, demand),
                areas=shares[i],
            )
        )
    return gaps


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


def _nearest(
    lnglat: NDArray[np.float64], at: XY, assets: LayerTable, xy: XY
) -> tuple[list[str | None], NDArray[np.float64]]:
    if len(xy) == 0:
        return [None] * len(at), np.full(len(at), np.inf)
    _, index = cKDTree(xy).query(at)
    return assets.frame["key"].to_numpy()[index].tolist(), geodesic_distance_m(lnglat, assets.lnglat[index])


def _areas_of(parts: Geometries, scope: Scope, towns: list[Area]) -> list[tuple[tuple[str, str, float], ...]]:
    rows: list[list[tuple[str, str, float]]] = [[] for _ in parts]
    for town in towns:
        shape = scope.frame.project(town.geometry)
        areas = area_inside(parts, shapely.get_parts(shape))
        for i in np.flatnonzero(areas > 1.0):
            rows[i].append((town.code, town.name, float(areas[i]) / 1e6))
    return [tuple(sorted(row, key=lambda r: -r[2])) for row in rows]
