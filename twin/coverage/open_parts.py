"""What is left open, as polygons to draw: the complement of discs drawn as polygons, changed only where stations changed.

The polygons' arcs stray by less than ``service.MAX_DEVIATION_M``; their areas are not measured here but taken from the
exact fragments, so that they add up to what is not served.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from twin.coverage.scope import polygonal
from twin.coverage.service import XY, open_in_window, open_region
from twin.coverage.tessellation import Floats, Stations, Tessellation, changed_places
from twin.model import Geometries

FINE_M = 1e-4
"""How closely arcs are drawn where the usual drawing loses a sliver."""
NARROW_M = 0.2
"""What is narrower is drawn closely: the usual drawing may make it up, or lose it."""
SLIVER_M = 50.0
"""How long a lost sliver may be: two arcs part by more than ``NARROW_M`` sooner."""
THIN_M = 1e-3
"""A plane is not right to less."""


@dataclass(frozen=True)
class OpenParts:
    """Connected open polygons of a zone, (n,), in the metric frame."""

    polygons: Geometries

    @classmethod
    def drawn(cls, zone: BaseGeometry, stations: Stations, index: int, at_least: int) -> OpenParts:
        """All of a zone's open parts. ``index`` is the zone's row of radii."""
        return cls(_open_parts(zone, stations.xy, stations.radius_m[index], at_least))

    def redrawn(self, zone: BaseGeometry, before: Stations, after: Stations, index: int, at_least: int) -> OpenParts:
        """The parts after a change of stations: those that no changed disc touches are the same objects."""
        places = changed_places(before.xy, after.xy)
        if len(places) == 0:
            return self
        reach_m = max(before.widest_m, after.widest_m) + 1.0
        near = shapely.STRtree(np.asarray(shapely.points(places), object))
        touched = np.unique(near.query(self.polygons, predicate="dwithin", distance=reach_m)[0])
        west, south, east, north = (
            shapely.total_bounds(self.polygons[touched]) if len(touched) else places[[0, 0]].ravel()
        )
        low, high = places.min(axis=0) - reach_m, places.max(axis=0) + reach_m
        box = shapely.box(*np.minimum(low, [west, south]), *np.maximum(high, [east, north]))
        region = polygonal(shapely.intersection(zone, box))
        fresh = _open_parts(region, after.xy, after.radius_m[index], at_least)
        fresh = fresh[np.unique(near.query(fresh, predicate="dwithin", distance=reach_m)[0])]
        return OpenParts(np.concatenate([np.delete(self.polygons, touched), fresh]))


def finely_drawn(
    polygons: Geometries, cut: Tessellation, open_m2: Floats, index: int, stations: Stations, at_least: int
) -> Geometries:
    """The polygons of a zone, and those of slivers that are open but so narrow that the usual drawing lost them."""
    fragments = np.flatnonzero((cut.zone == index) & (open_m2 > 0))
    pieces, owner = cut.pieces(fragments)
    drawn = owner[shapely.STRtree(pieces).query(polygons, predicate="intersects")[1]]
    lost = shapely.union_all(pieces[~np.isin(owner, drawn)])
    slivers = open_region(polygonal(lost), stations.xy, stations.radius_m[index], at_least, FINE_M)
    return np.concatenate([polygons, _parts(slivers)])


def _open_parts(region: BaseGeometry, xy: XY, radius_m: Floats, at_least: int) -> Geometries:
    """The open parts of a region: as usual, but slivers closely. Those that only the drawing made are no parts, those
    that it lost are."""
    polygons = _parts(open_region(region, xy, radius_m, at_least))
    narrow = 2 * shapely.area(polygons) < NARROW_M * shapely.length(polygons)
    corners = _corners_in(region, xy, radius_m, at_least)
    drawn = np.unique(shapely.STRtree(corners).query(polygons, predicate="dwithin", distance=NARROW_M)[1])
    anchors = [
        *((anchor, NARROW_M) for anchor in shapely.buffer(polygons[narrow], NARROW_M)),
        *((anchor, SLIVER_M) for anchor in shapely.buffer(np.delete(corners, drawn), FINE_M)),
    ]
    wide = polygons[~narrow]
    tree = shapely.STRtree(wide)
    found: list[BaseGeometry] = []
    for anchor, margin_m in anchors:
        window = shapely.box(*shapely.buffer(anchor, margin_m).bounds)
        parts = _parts(open_in_window(region, window, xy, radius_m, at_least, FINE_M))
        parts = parts[shapely.intersects(anchor, parts)]
        found += np.delete(parts, tree.query(parts, predicate="intersects")[0]).tolist()
    return np.concatenate([wide, _parts(shapely.union_all(found))])


def _corners_in(region: BaseGeometry, xy: XY, radius_m: Floats, at_least: int) -> Geometries:
    """The corners of what is open in a region, as points."""
    from twin.coverage.arcs import open_corners

    near = np.flatnonzero(shapely.distance(region, np.asarray(shapely.points(xy), object)) <= radius_m)
    sx, sy, r = (np.array(v[near]) for v in (*xy.T, radius_m))
    corners = np.asarray(shapely.points(open_corners(sx, sy, r, at_least)), object)
    return corners[shapely.intersects(region, corners)]


def _parts(region: BaseGeometry) -> Geometries:
    """Those of any width: where two outlines share a border that is split elsewhere in each, slivers are left."""
    parts = shapely.get_parts(region)
    return np.asarray(parts[2 * shapely.area(parts) > THIN_M * shapely.length(parts)], dtype=object)
