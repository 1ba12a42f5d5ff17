"""What every contestant gets: outlines, zones, hexes and seeded stations in one metric frame.

The district is the reference outline with the reference outer ring; the city is a made-up outline of the size of Shanghai.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from twin.coverage.scope import Scope, clip, polygonal, project_cells
from twin.frames import MetricFrame
from twin.model import Area, Cells, Geometries, LngLat

RESOLUTION = 10
SEED = 7
HALO_M = 1500.0
RING_RADIUS_M, ELSEWHERE_RADIUS_M = 900.0, 1500.0
CITY_CENTRE = (121.47, 31.23)
CITY_KM2, CITY_RING_KM2 = 6340.0, 664.0
N_CITY_CORNERS, N_RING_CORNERS = 26, 48

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Zone:
    """A part of the scope with its own radius; ``shape`` in the metric frame."""

    code: str
    radius_m: float
    shape: BaseGeometry


@dataclass(frozen=True)
class Fragments:
    """Cells cut by the zones. ``cell`` and ``zone`` are indices; ``polygons`` in the metric frame."""

    cells: Cells
    cell: NDArray[np.int64]
    zone: NDArray[np.int64]
    polygons: Geometries

    @cached_property
    def cell_area_m2(self) -> Floats:
        """(c,) the area of each cell inside the scope."""
        return self.by_cell(shapely.area(self.polygons))

    def by_cell(self, of_fragments: Floats) -> Floats:
        """(f,) to (c,): sums over the fragments of each cell."""
        return np.bincount(self.cell, of_fragments, len(self.cells))


@dataclass(frozen=True)
class ServiceScene:
    """Demand (scope, zones, hexes) and supply (stations). Degrees are EPSG:4326, longitude first."""

    scope: Scope
    ring: Area
    stations: LngLat
    resolution: int = RESOLUTION

    @property
    def frame(self) -> MetricFrame:
        return self.scope.frame

    @cached_property
    def station_xy(self) -> Floats:
        """(s, 2) metres."""
        return self.frame.forward(self.stations)

    @cached_property
    def zones(self) -> tuple[Zone, Zone]:
        """The ring's part of the scope, and the rest of it."""
        ring = self.frame.project(self.ring.geometry)
        inside, outside = (polygonal(cut(self.scope.shape, ring)) for cut in (shapely.intersection, shapely.difference))
        return Zone(self.ring.code, RING_RADIUS_M, inside), Zone("elsewhere", ELSEWHERE_RADIUS_M, outside)

    @cached_property
    def zone_radius_m(self) -> Floats:
        return np.array([zone.radius_m for zone in self.zones])

    @cached_property
    def fragments(self) -> Fragments:
        cells = self.scope.cells(self.resolution)
        hexes = clip(project_cells(self.frame, cells), self.scope.shape)
        clipped = [clip(hexes, zone.shape) for zone in self.zones]
        zone, cell = np.nonzero([shapely.area(some) > 0 for some in clipped])
        return Fragments(cells, cell, zone, np.array(clipped, object)[zone, cell])


def district_scene(n_stations: int) -> ServiceScene:
    """The reference district and seeded stations in it and in its halo."""
    areas = reference_areas()
    scope = Scope(areas["310112"])
    return ServiceScene(scope, areas["outer-ring"], seeded_stations(scope, n_stations, SEED))


def city_scene(n_stations: int, scale: float) -> ServiceScene:
    """A made-up outline of ``scale`` times 6,340 km² with one ring of ``scale`` times 664 km², and seeded stations."""
    rng = np.random.default_rng(310000)
    outline = star(N_CITY_CORNERS, CITY_KM2 * scale, rng.uniform(0.7, 1.3, N_CITY_CORNERS))
    ring = star(N_RING_CORNERS, CITY_RING_KM2 * scale, rng.uniform(0.9, 1.1, N_RING_CORNERS))
    scope = Scope(Area("310000", "模拟全市", "made-up city", "city", outline))
    stations = seeded_stations(scope, n_stations, SEED)
    return ServiceScene(scope, Area("ring", "模拟外环", "made-up ring", "zone", ring), stations)


def reference_areas() -> dict[str, Area]:
    """The areas of the reference geography by code."""
    path = Path(__file__).parent.parent / "geodata" / "reference_areas.geojson"
    features = json.loads(path.read_text("utf-8"))["features"]
    return {
        f["id"]: Area(
            f["id"], f["properties"]["name"], f["properties"]["name_en"], f["properties"]["level"],
            shapely.from_geojson(json.dumps(f["geometry"])),
        )
        for f in features
    }  # fmt: skip


def star(n_corners: int, area_km2: float, spokes: Floats) -> BaseGeometry:
    """A star-shaped polygon round the city's centre, of that area on the ellipsoid, in EPSG:4326.

    ``spokes`` are the (n,) relative distances of its corners.
    """
    frame = MetricFrame(*CITY_CENTRE)
    angles = 2 * math.pi * np.arange(n_corners) / n_corners
    corners = spokes[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])
    corners *= math.sqrt(area_km2 * 1e6 / shapely.Polygon(corners).area)
    # Edges are straight in degrees, so the area follows the scale only nearly: a few steps settle it.
    for _ in range(5):
        drawn_m2 = frame.project(shapely.Polygon(frame.inverse(corners))).area
        corners *= math.sqrt(area_km2 * 1e6 / drawn_m2)
    return shapely.Polygon(frame.inverse(corners))


def seeded_stations(scope: Scope, n: int, seed: int) -> LngLat:
    """(n, 2) degrees: a tenth anywhere in the scope and its halo, the rest in clusters of some 50, 300 to 1,200 m wide."""
    rng = np.random.default_rng(seed)
    reach = shapely.buffer(scope.shape, HALO_M)
    n_clustered = n - n // 10
    centres = _uniform(rng, reach, max(1, n_clustered // 50))
    spread_m = rng.uniform(300, 1200, len(centres))

    def clustered(count: int) -> Floats:
        which = rng.integers(0, len(centres), count)
        return centres[which] + rng.normal(size=(count, 2)) * spread_m[which, None]

    xy = np.concatenate([_uniform(rng, reach, n - n_clustered), _inside(reach, n_clustered, clustered)])
    return scope.frame.inverse(xy)


def _uniform(rng: np.random.Generator, shape: BaseGeometry, n: int) -> Floats:
    west, south, east, north = shape.bounds
    return _inside(shape, n, lambda count: rng.uniform((west, south), (east, north), (count, 2)))


def _inside(shape: BaseGeometry, n: int, draw: Callable[[int], Floats]) -> Floats:
    """Draw until ``n`` points lie in the shape."""
    shapely.prepare(shape)
    found = np.empty((0, 2))
    while len(found) < n:
        points = draw(2 * n)
        found = np.concatenate([found, points[shapely.contains_xy(shape, points[:, 0], points[:, 1])]])
    return found[:n]
