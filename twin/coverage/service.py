"""Service within a radius: the plain kernel. Arrays in, arrays out, all in one local metric frame.

Discs are polygons of equal area to the true circle, so that arcs stray by less than ``MAX_DEVIATION_M`` to either
side and areas are right to about 1e-6.
"""

from __future__ import annotations

import math

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from shapely.geometry.base import BaseGeometry

from twin.coverage.scope import polygonal
from twin.frames import ecef
from twin.model import Geometries, LngLat

XY = NDArray[np.float64]
"""(n, 2) metres in a local metric frame."""

MAX_DEVIATION_M = 0.05


def discs(xy: XY, radius_m: float) -> Geometries:
    """A polygon for each centre, of the circle's area, within 0.05 m of it."""
    # A polygon of the circle's area stands out by radius · step² / 12 at its corners; one corner more for the rest.
    n = max(8, 1 + math.ceil(2 * math.pi * math.sqrt(radius_m / (12 * MAX_DEVIATION_M))))
    step = 2 * math.pi / n
    angles = step * np.arange(n)
    equal_area_radius_m = radius_m * math.sqrt(step / math.sin(step))
    ring = equal_area_radius_m * np.column_stack([np.cos(angles), np.sin(angles)])
    return np.asarray(shapely.polygons(xy[:, None, :] + ring[None, :, :]), dtype=object)


def open_region(region: BaseGeometry, xy: XY, radius_m: float) -> BaseGeometry:
    """What of ``region`` lies further than ``radius_m`` from every point.

    Args:
        region: (multi)polygon in the metric frame.
        xy: (n, 2) metres; n may be 0.
        radius_m: > 0; exactly at the radius is served.
    """
    if region.is_empty or len(xy) == 0:
        return region
    places = np.unique(xy, axis=0)
    west, south, east, north = region.bounds
    farthest_corner_m = np.hypot(
        np.maximum(places[:, 0] - west, east - places[:, 0]), np.maximum(places[:, 1] - south, north - places[:, 1])
    )
    if farthest_corner_m.min() <= radius_m:
        return shapely.MultiPolygon()
    near = shapely.dwithin(region, shapely.points(places), radius_m)
    return polygonal(region.difference(shapely.union_all(discs(places[near], radius_m))))


def nearest_distance_m(points: LngLat, assets: LngLat) -> NDArray[np.float64]:
    """Distance from each point to the nearest asset, by the chord between ECEF positions.

    The chord is shorter than the WGS-84 geodesic by less than 0.00001 m at 1.5 km. (n,) metres; inf with no assets.
    """
    if len(assets) == 0:
        return np.full(len(points), np.inf)
    distance, _ = cKDTree(ecef(assets)).query(ecef(points))
    return np.asarray(distance)


def deepest_points(gaps: Geometries, xy: XY) -> tuple[XY, NDArray[np.float64]]:
    """The point of each gap furthest from every asset, and that distance.

    The distance to the nearest of some points has its maximum over a polygon at a Voronoi vertex inside it, where a
    Voronoi edge meets its border, or at a corner: all of those are tried.

    Args:
        gaps: (g,) polygons in the metric frame.
        xy: (n, 2) assets; with n = 0 a point on each gap is given, at infinity.

    Returns:
        (g, 2) metres and (g,) metres.
    """
    if len(gaps) == 0 or len(xy) == 0:
        inside = shapely.point_on_surface(gaps) if len(gaps) else gaps
        return shapely.get_coordinates(inside), np.full(len(gaps), np.inf)
    points, owner = shapely.get_coordinates(gaps, return_index=True)
    found, owners = [points], [owner]
    if len(xy) > 1:
        edges = shapely.get_parts(
            shapely.voronoi_polygons(
                shapely.multipoints(xy), extend_to=shapely.union_all(gaps).envelope, only_edges=True
            )
        )
        tree = shapely.STRtree(edges)
        for candidates, index in _voronoi_candidates(gaps, edges, tree):
            found.append(candidates)
            owners.append(index)
    points, owner = np.concatenate(found), np.concatenate(owners)
    distance, _ = cKDTree(xy).query(points)
    order = np.lexsort((points[:, 1], points[:, 0], -distance, owner))
    first = order[np.unique(owner[order], return_index=True)[1]]
    return points[first], distance[first]


def _voronoi_candidates(
    gaps: Geometries, edges: Geometries, tree: shapely.STRtree
) -> list[tuple[XY, NDArray[np.int64]]]:
    gap_index, edge_index = tree.query(gaps, predicate="intersects")
    crossing = shapely.intersection(shapely.boundary(gaps[gap_index]), edges[edge_index])
    points, pair = shapely.get_coordinates(crossing, return_index=True)
    ends, end_pair = shapely.get_coordinates(edges[edge_index], return_index=True)
    inside = shapely.intersects_xy(gaps[gap_index[end_pair]], ends[:, 0], ends[:, 1])
    return [(points, gap_index[pair]), (ends[inside], gap_index[end_pair[inside]])]


def area_inside(polygons: Geometries, parts: Geometries) -> NDArray[np.float64]:
    """Area of each polygon that lies in the union of ``parts`` (which do not overlap). (n,) square metres."""
    total = np.zeros(len(polygons))
    if len(parts) == 0 or len(polygons) == 0:
        return total
    whole = shapely.area(polygons)
    shapely.prepare(parts)
    index, part = shapely.STRtree(parts).query(polygons, predicate="intersects")
    covered = shapely.covers(parts[part], polygons[index])
    area = np.where(covered, whole[index], 0.0)
    cut = ~covered
    area[cut] = shapely.area(shapely.intersection(polygons[index[cut]], parts[part[cut]]))
    np.add.at(total, index, area)
    return np.minimum(total, whole)
