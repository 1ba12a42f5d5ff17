"""The ground that densities are measured on: a scope's cells, its windows and its areas, with their km².

All of it depends on boundaries only, so it is made once and kept with the scope. Counts are not kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from twin.cells import cell_centres
from twin.coverage.counting import scope_cells
from twin.coverage.scope import Scope, assign_to_areas
from twin.frames import geodesic_area_km2
from twin.model import Area, Cells, LngLat

LEAST_KM2 = 1e-6
"""Less than this (1 m²) of an area in the scope is two outlines that differ, not ground."""


@dataclass(frozen=True)
class Ground:
    """The cells that share area with a scope at one resolution, sorted. ``area_km2`` (n,) is the part of each inside;
    ``lnglat`` (n, 2) are the centres, ``xy`` (n, 2) the same in the scope's metric frame. Not to be written to."""

    resolution: int
    cells: Cells
    area_km2: NDArray[np.float64]
    lnglat: LngLat
    xy: NDArray[np.float64]


def ground_of(scope: Scope, resolution: int) -> Ground:
    """The cells of a scope."""

    def make() -> Ground:
        cells, area_km2 = scope_cells(scope, resolution)
        lnglat = cell_centres(cells)
        return Ground(resolution, cells, area_km2, lnglat, scope.frame.forward(lnglat))

    return scope.kept(("ground", resolution), make)


def windows_km2(scope: Scope, resolution: int, window_km2: float) -> NDArray[np.float64]:
    """For each cell of :func:`ground_of` the part inside the scope of the disc of ``window_km2`` round its centre."""
    return scope.kept(
        ("windows", resolution, window_km2), lambda: discs_km2(scope, ground_of(scope, resolution).xy, window_km2)
    )


def discs_km2(scope: Scope, xy: NDArray[np.float64], window_km2: float) -> NDArray[np.float64]:
    """The part inside the scope of the disc of ``window_km2`` round each of (n, 2) points of its frame; wholly inside it
    is ``window_km2`` to the last digit."""
    from twin.coverage.windows import disc_areas

    share = disc_areas(scope.shape, xy, radius_of(window_km2)) / (window_km2 * 1e6)
    return np.where(share > 1 - 1e-12, 1.0, share) * window_km2


def radius_of(window_km2: float) -> float:
    """The radius in metres of a disc of that area: 564.19 for 1 km²."""
    return float(np.sqrt(window_km2 * 1e6 / np.pi))


def areas_in(scope: Scope, areas: tuple[Area, ...]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The km² of each area inside the scope (geodesic), and whether that is more than outlines that differ. (n,) each."""

    def make() -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        km2 = [geodesic_area_km2(shapely.intersection(a.geometry, scope.area.geometry)) for a in areas]
        return np.array(km2, float), np.array(km2, float) >= LEAST_KM2

    return scope.kept(("areas", digests(areas)), make)


def owners_of_cells(scope: Scope, resolution: int, areas: tuple[Area, ...]) -> NDArray[np.int64]:
    """For each cell of :func:`ground_of` the index of the area that its centre lies in, -1 for none. (n,)."""
    return scope.kept(
        ("owners", resolution, digests(areas)),
        lambda: assign_to_areas(list(areas), ground_of(scope, resolution).lnglat),
    )


def digests(areas: tuple[Area, ...]) -> tuple[tuple[str, bytes], ...]:
    """What tells areas and their outlines apart."""
    return tuple((a.code, a.digest) for a in areas)
