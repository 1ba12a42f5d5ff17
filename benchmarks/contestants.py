"""Who answers "how many square metres of each cell are served": prepared once for a scene's demand, then timed.

Each maker takes a scene and returns a function without arguments. What it times depends on the stations (discs, unions,
areas); what does not (cells, zones, tables, tessellation) is made before.
"""

from __future__ import annotations

from collections.abc import Callable

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from benchmarks.scene import ServiceScene
from twin.coverage.service import open_region
from twin.coverage.tessellation import Stations, tessellate
from twin.model import Geometries

QUAD_SEGS = 16
CellAreas = Callable[[], NDArray[np.float64]]
"""(c,) served square metres of each of the scene's cells."""


def twin(scene: ServiceScene) -> CellAreas:
    """The kernel: exact arcs on convex pieces."""
    tessellation = tessellate(scene.scope, scene.resolution, [zone.shape for zone in scene.zones])

    def run() -> NDArray[np.float64]:
        served_m2 = tessellation.served_m2(Stations.of(scene.station_xy, scene.zone_radius_m))
        return tessellation.by_cell(served_m2)

    return run


def plain_shapely(scene: ServiceScene) -> CellAreas:
    """The plain reference of ``twin``: what is open as a polygon, then what of each fragment lies in it."""
    fragments = scene.fragments
    whole_m2 = shapely.area(fragments.polygons)

    def run() -> NDArray[np.float64]:
        served_m2 = whole_m2.copy()
        for index, zone in enumerate(scene.zones):
            here = np.flatnonzero(fragments.zone == index)
            open_parts = shapely.get_parts(open_region(zone.shape, scene.station_xy, zone.radius_m))
            served_m2[here] -= area_inside(fragments.polygons[here], open_parts)
        return fragments.by_cell(served_m2)

    return run


def area_inside(polygons: Geometries, parts: Geometries) -> NDArray[np.float64]:
    """(n,) square metres of each polygon in the union of ``parts``, which do not overlap."""
    total_m2, whole_m2 = np.zeros(len(polygons)), shapely.area(polygons)
    shapely.prepare(parts)
    index, part = shapely.STRtree(parts).query(polygons, predicate="intersects")
    covered = shapely.covers(parts[part], polygons[index])
    area_m2 = whole_m2[index]
    area_m2[~covered] = shapely.area(shapely.intersection(polygons[index[~covered]], parts[part[~covered]]))
    np.add.at(total_m2, index, area_m2)
    return total_m2


def geopandas_intersection(scene: ServiceScene) -> CellAreas:
    """As GeoPandas is usually written: buffer, ``union_all``, intersection with every cell."""

    def served_m2(cells: gpd.GeoSeries, served: shapely.Geometry) -> NDArray[np.float64]:
        return cells.intersection(served).area.to_numpy()

    return _geopandas(scene, served_m2)


def geopandas_covered_first(scene: ServiceScene) -> CellAreas:
    """By somebody who knows that prepared predicates are cheap: only cells that the border crosses are intersected."""

    def served_m2(cells: gpd.GeoSeries, served: shapely.Geometry) -> NDArray[np.float64]:
        shapely.prepare(served)
        covered = cells.covered_by(served).to_numpy()
        area_m2 = np.where(covered, cells.area, 0.0)
        area_m2[~covered] = cells[~covered].intersection(served).area
        return area_m2

    return _geopandas(scene, served_m2)


def _geopandas(
    scene: ServiceScene, served_m2: Callable[[gpd.GeoSeries, shapely.Geometry], NDArray[np.float64]]
) -> CellAreas:
    fragments = scene.fragments
    members = [np.flatnonzero(fragments.zone == index) for index in range(len(scene.zones))]
    cells = [gpd.GeoSeries(fragments.polygons[here]) for here in members]
    stations = gpd.GeoSeries(shapely.points(scene.station_xy))

    def run() -> NDArray[np.float64]:
        of_fragments = np.zeros(len(fragments.polygons))
        for zone, here, some in zip(scene.zones, members, cells, strict=True):
            near = stations[stations.dwithin(zone.shape, zone.radius_m)]
            discs = near.buffer(zone.radius_m, quad_segs=QUAD_SEGS)
            of_fragments[here] = served_m2(some, discs.union_all())
        return fragments.by_cell(of_fragments)

    return run


IN_PROCESS = {
    "twin": twin,
    "shapely": plain_shapely,
    "geopandas": geopandas_intersection,
    "geopandas-covered": geopandas_covered_first,
}
