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


def discs(xy: XY, radius_m: float, max_deviation_m: float = MAX_DEVIATION_M) -> Geometries:
    """A polygon for each centre, of the circle's area, within ``max_deviation_m`` of it."""
    n = _corners(radius_m, max_deviation_m)
    ring = _arc(radius_m, 2 * math.pi / n, n)
    return np.asarray(shapely.polygons(xy[:, None, :] + ring[None, :, :]), dtype=object)


def _corners(radius_m: float, max_deviation_m: float) -> int:
    # A polygon of the circle's area stands out by radius · step² / 12 at its corners; one corner more for the rest.
    return max(8, 1 + math.ceil(2 * math.pi * math.sqrt(radius_m / (12 * max_deviation_m))))


def _arc(radius_m: float, step: float, n: int, first: float = 0.0) -> XY:
    angles = first + step * np.arange(n)
    equal_area_radius_m = radius_m * math.sqrt(step / math.sin(step))
    return equal_area_radius_m * np.column_stack([np.cos(angles), np.sin(angles)])


def sector(centre: XY, radius_m: float, window: BaseGeometry, max_deviation_m: float) -> BaseGeometry:
    """What a disc has in common with a window, and more elsewhere: drawn closely, but only as far as is needed."""
    middle = shapely.get_coordinates(shapely.centroid(window))[0]
    reach = float(np.hypot(*(shapely.get_coordinates(window) - middle).T).max()) + 1.0
    dx, dy = middle - centre
    if math.hypot(dx, dy) <= 2 * reach:
        disc: BaseGeometry = discs(centre[None, :], radius_m, max_deviation_m)[0]
        return disc
    step = 2 * math.pi / _corners(radius_m, max_deviation_m)
    half = math.asin(reach / math.hypot(dx, dy))
    n = math.ceil(2 * half / step) + 1
    return shapely.Polygon(np.vstack([centre, centre + _arc(radius_m, step, n, math.atan2(dy, dx) - half)]))


def open_in_window(
    region: BaseGeometry, window: BaseGeometry, xy: XY, radius_m: NDArray[np.float64], at_least: int,
    max_deviation_m: float,
) -> BaseGeometry:  # fmt: skip
    """What of ``region`` in a small window is open, drawn closely. As :func:`open_region`."""
    near = shapely.distance(window, np.asarray(shapely.points(xy), object)) <= radius_m
    spots, n_at = np.unique(np.column_stack([radius_m, xy])[near], axis=0, return_counts=True)
    inside = polygonal(shapely.intersection(region, window))
    drawn = [sector(spot[1:], float(spot[0]), window, max_deviation_m) for spot in spots]
    if not drawn:
        return inside
    return _below_depth(inside, np.array(drawn, object), n_at, at_least)


def open_region(
    region: BaseGeometry, xy: XY, radius_m: float | NDArray[np.float64], at_least: int = 1,
    max_deviation_m: float = MAX_DEVIATION_M,
) -> BaseGeometry:  # fmt: skip
    """What of ``region`` lies within reach of fewer than ``at_least`` points.

    Args:
        region: (multi)polygon in the metric frame.
        xy: (n, 2) metres; n may be 0.
        radius_m: > 0, of all or (n,) of each; exactly at the radius is served.
    """
    if region.is_empty or len(xy) == 0:
        return region
    radii = np.broadcast_to(np.asarray(radius_m, np.float64), len(xy))
    west, south, east, north = region.bounds
    farthest_corner_m = np.hypot(
        np.maximum(xy[:, 0] - west, east - xy[:, 0]), np.maximum(xy[:, 1] - south, north - xy[:, 1])
    )
    if (farthest_corner_m <= radii).sum() >= at_least:
        return shapely.MultiPolygon()
    near = shapely.distance(region, np.asarray(shapely.points(xy), object)) <= radii
    spots, n_at = np.unique(np.column_stack([radii, xy])[near], axis=0, return_counts=True)
    if len(spots) == 0:
        return region
    drawn = [discs(spots[spots[:, 0] == r, 1:], float(r), max_deviation_m) for r in np.unique(spots[:, 0])]
    if at_least > 1:
        return _below_depth(region, np.concatenate(drawn), n_at, at_least)
    return polygonal(region.difference(shapely.union_all(np.concatenate(drawn))))


def _below_depth(region: BaseGeometry, polygons: Geometries, n_at: NDArray[np.int64], at_least: int) -> BaseGeometry:
    """What of a region lies in fewer than ``at_least`` polygons, each taken ``n_at`` times: the faces that all the
    outlines make, each counted."""
    lines = shapely.union_all(np.concatenate([shapely.boundary(polygons), [region.boundary]]))
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(lines)))
    inside = shapely.point_on_surface(faces)
    in_region = shapely.intersects(region, inside)
    faces, inside = faces[in_region], inside[in_region]
    face, polygon = shapely.STRtree(polygons).query(inside, predicate="intersects")
    depth = np.bincount(face, n_at[polygon], len(faces))
    return polygonal(shapely.union_all(faces[depth < at_least]))


def nearest_distance_m(points: LngLat, assets: LngLat, rank: int = 1) -> NDArray[np.float64]:
    """Distance from each point to the nearest asset (the ``rank``-th nearest), by the chord between ECEF positions.

    The chord is shorter than the WGS-84 geodesic by less than 0.00001 m at 1.5 km. (n,) metres; inf with too few assets.
    """
    if len(assets) < rank:
        return np.full(len(points), np.inf)
    distance, _ = cKDTree(ecef(assets)).query(ecef(points), k=[rank])
    return np.asarray(distance)[:, 0]


def number_in_reach(points: LngLat, assets: LngLat, limit_m: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many assets lie within each point's limit (inclusive), by the same distance. (n,)."""
    if len(assets) == 0 or len(points) == 0:
        return np.zeros(len(points), np.int64)
    found = cKDTree(ecef(assets)).query_ball_point(ecef(points), limit_m, return_length=True)
    return np.asarray(found, np.int64)


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
    xy = _near(shapely.total_bounds(gaps), xy)
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


def _near(bounds: NDArray[np.float64], xy: XY) -> XY:
    """The points that can be the nearest to some place within bounds."""
    middle, across = (bounds[:2] + bounds[2:]) / 2, float(np.hypot(*(bounds[2:] - bounds[:2])))
    away = np.hypot(*(xy - middle).T)
    near: XY = xy[away <= away.min() + across + 1.0]
    return near


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
