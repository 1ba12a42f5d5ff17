"""An oracle that shares no arithmetic of reach with ``twin``: discs drawn along geodesics, then plain polygon overlay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Geod

from benchmarks.scene import Fragments, ServiceScene
from twin.frames import MetricFrame
from twin.model import Geometries, LngLat

GEOD = Geod(ellps="WGS84")
N_CORNERS = 4096


def geodesic_discs(frame: MetricFrame, stations: LngLat, radius_m: float, n_corners: int = N_CORNERS) -> Geometries:
    """(s,) polygons with corners at geodesic distance ``radius_m``, in the metric frame.

    They are inscribed: the area falls short of the circle's by 6.6 / n² of it (4e-7 with 4,096 corners).
    """
    azimuth_deg = np.linspace(0, 360, n_corners, endpoint=False)
    lng, lat = (np.repeat(v, n_corners) for v in stations.T)
    reached = GEOD.fwd(lng, lat, np.tile(azimuth_deg, len(stations)), np.full(len(lng), radius_m))
    corners = frame.forward(np.column_stack(reached[:2]))
    return np.asarray(shapely.polygons(corners.reshape(-1, n_corners, 2)), dtype=object)


@dataclass(frozen=True)
class Truth:
    """Served areas: of the whole, and (c,) of each cell."""

    total_m2: float
    cell_m2: NDArray[np.float64]

    def total_error(self, served_m2: float) -> float:
        """Relative to the whole that is served."""
        return abs(served_m2 - self.total_m2) / self.total_m2

    def cell_error(self, cell_m2: NDArray[np.float64], fragments: Fragments) -> float:
        """The worst cell's, relative to the area of a whole cell."""
        return float(np.abs(cell_m2 - self.cell_m2).max() / fragments.cell_area_m2.max())


def truth(scene: ServiceScene, n_corners: int = N_CORNERS) -> Truth:
    """Served area by geodesic discs, unioned and intersected with each zone and each of its fragments."""
    fragments = scene.fragments
    fragment_m2 = np.zeros(len(fragments.polygons))
    total_m2 = 0.0
    for index, zone in enumerate(scene.zones):
        if zone.shape.is_empty:
            continue
        near = shapely.dwithin(zone.shape, shapely.points(scene.station_xy), zone.radius_m + 1)
        discs = geodesic_discs(scene.frame, scene.stations[near], zone.radius_m, n_corners)
        served = shapely.intersection(shapely.union_all(discs), zone.shape)
        total_m2 += served.area
        here = np.flatnonzero(fragments.zone == index)
        fragment_m2[here] = _area_of_each(fragments.polygons[here], served)
    return Truth(total_m2, fragments.by_cell(fragment_m2))


def _area_of_each(polygons: Geometries, served: shapely.Geometry) -> NDArray[np.float64]:
    """Area of each polygon in ``served``; only those that its border crosses are overlaid, with the border near them."""
    shapely.prepare(served)
    area = np.where(shapely.covers(served, polygons), shapely.area(polygons), 0.0)
    crossed = np.flatnonzero(shapely.intersects(served, polygons) & (area == 0.0))
    for i in crossed:
        west, south, east, north = polygons[i].bounds
        near = shapely.clip_by_rect(served, west - 1, south - 1, east + 1, north + 1)
        area[i] = shapely.intersection(polygons[i], near).area
    return area
