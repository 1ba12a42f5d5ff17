"""Gaps of a density: merged hexes whose window fails, with what each lacks and what would count there once linked."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from twin.cells import cells_to_text, points_to_cells
from twin.coverage.gaps import GAP_RESOLUTION
from twin.coverage.result import Gap
from twin.coverage.scope import Scope, clip, project_cells
from twin.coverage.service import area_inside
from twin.model import Area, Cells, Geometries

XY = NDArray[np.float64]
SNAP_M = 1e-3
"""Hexes meet to this when they are merged."""


@dataclass(frozen=True)
class Places:
    """Records at (n, 2) metres of a scope's frame: how many devices each is, and its key."""

    xy: XY
    n_devices: NDArray[np.int64]
    keys: NDArray[np.object_]

    def within(self, shape: BaseGeometry) -> NDArray[np.intp]:
        """Which lie in a polygon, its border included."""
        west, south, east, north = shape.bounds
        x, y = self.xy.T
        near = np.flatnonzero((x >= west) & (x <= east) & (y >= south) & (y <= north))
        shapely.prepare(shape)
        found: NDArray[np.intp] = near[shapely.intersects_xy(shape, x[near], y[near])]
        return found


@dataclass(frozen=True)
class FailingWindows:
    """Cells whose window fails, (n,) each: the window's value and km² (round the cell's centre ``xy``), what it holds."""

    cells: Cells
    xy: XY
    value: NDArray[np.float64]
    km2: NDArray[np.float64]
    n: NDArray[np.int64]


def missing(target_per_km2: float, area_km2: float, n: int) -> int:
    """Devices an area lacks: max(0, ⌈target · area⌉ - n)."""
    return max(0, math.ceil(target_per_km2 * area_km2 - 1e-9) - n)


def density_gaps(
    scope: Scope, towns: list[Area], target: float, failing: FailingWindows, counted: Places, unlinked: Places
) -> list[Gap]:
    """The connected parts of the failing hexes, in no order.

    A gap's worst window is the one of lowest value among its hexes (of equal ones the largest); its deepest point is the
    centre of that hex, or a point on the hex's part in the gap where the border cuts the centre off.
    """
    shapes = clip(project_cells(scope.frame, failing.cells), scope.shape)
    parts = shapely.get_parts(shapely.union_all(shapes, grid_size=SNAP_M))
    fragments, cell = shapely.get_parts(shapes, return_index=True)
    inside = shapely.point_on_surface(fragments)
    part_of, fragment = shapely.STRtree(inside).query(parts, predicate="intersects")
    owner = cell[fragment]
    order = np.lexsort((failing.cells[owner], -failing.km2[owner], failing.value[owner], part_of))
    in_gap, first = np.unique(part_of[order], return_index=True)
    worst = fragment[order[first]]
    towns_in = _towns_in(scope, towns, parts)
    gaps = []
    for i, at in zip(in_gap.tolist(), worst.tolist(), strict=True):
        centre = failing.xy[cell[at]]
        if not shapely.intersects_xy(parts[i], centre[0], centre[1]):
            centre = shapely.get_coordinates(inside[at])[0]
        gaps.append(_gap(scope, parts[i], centre, towns_in[i], target, failing, int(cell[at]), counted, unlinked))
    return gaps


def _towns_in(scope: Scope, towns: list[Area], parts: Geometries) -> list[list[tuple[str, str, float]]]:
    """Code, name and km² of the towns that each part lies in, the largest share first."""
    found: list[list[tuple[str, str, float]]] = [[] for _ in parts]
    for town in towns:
        m2 = area_inside(parts, shapely.get_parts(scope.frame.project(town.geometry)))
        for i in np.flatnonzero(m2 > 1.0):
            found[i].append((town.code, town.name, float(m2[i]) / 1e6))
    return [sorted(row, key=lambda t: (-t[2], t[0])) for row in found]


def _gap(
    scope: Scope, part: BaseGeometry, deepest: XY, in_towns: list[tuple[str, str, float]], target: float,
    failing: FailingWindows, worst: int, counted: Places, unlinked: Places,
) -> Gap:  # fmt: skip
    km2 = float(part.area) / 1e6
    lnglat = scope.frame.inverse(deepest[None, :])
    n = int(counted.n_devices[counted.within(part)].sum())
    remedies = unlinked.within(part)
    n_unlinked = int(unlinked.n_devices[remedies].sum())
    away = np.hypot(*(unlinked.xy[remedies] - deepest).T)
    nearest_first = remedies[np.lexsort((unlinked.keys[remedies].astype(str), away))]
    return Gap(
        id=cells_to_text(points_to_cells(lnglat, GAP_RESOLUTION))[0], geometry=scope.frame.unproject(part), area_km2=km2,
        zone=None, limit_m=None, deepest_lnglat=(float(lnglat[0, 0]), float(lnglat[0, 1])), nearest=None,
        nearest_distance_m=None, missing_m=None, n_missing=missing(target, km2, n), demand=None,
        areas=tuple(in_towns),
        worst_window_missing=missing(target, float(failing.km2[worst]), int(failing.n[worst])),
        worst_window_value=float(failing.value[worst]), worst_window_km2=float(failing.km2[worst]),
        n_unlinked=n_unlinked, n_missing_after_unlinked=missing(target, km2, n + n_unlinked),
        remedies=tuple(unlinked.keys[nearest_first].tolist()),
    )  # fmt: skip
