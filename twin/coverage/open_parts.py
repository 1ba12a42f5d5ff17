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
from twin.coverage.service import open_region
from twin.coverage.tessellation import Floats, Stations, Tessellation, changed_places
from twin.model import Geometries

FINE_M = 1e-4
"""How closely arcs are drawn where the usual drawing loses a sliver."""
THIN_M = 1e-3
"""A plane is not right to less."""


@dataclass(frozen=True)
class OpenParts:
    """Connected open polygons of a zone, (n,), in the metric frame."""

    polygons: Geometries

    @classmethod
    def drawn(cls, zone: BaseGeometry, stations: Stations, index: int, at_least: int) -> OpenParts:
        """All of a zone's open parts. ``index`` is the zone's row of radii."""
        return cls(_parts(open_region(zone, stations.xy, stations.radius_m[index], at_least)))

    def redrawn(self, zone: BaseGeometry, before: Stations, after: Stations, index: int, at_least: int) -> OpenParts:
        """The parts after a change of stations: those that no changed disc touches are the same objects."""
        places = changed_places(before.xy, after.xy)
        if len(places) == 0:
            return self
        reach = max(before.widest_m, after.widest_m)
        discs = shapely.buffer(shapely.points(places), reach + 1.0)
        tree = shapely.STRtree(self.polygons)
        touched = np.unique(tree.query(discs, predicate="intersects")[1])
        stale = self.polygons[touched]
        box = shapely.box(*shapely.total_bounds(np.concatenate([stale, discs])))
        fresh = _parts(
            open_region(polygonal(shapely.intersection(zone, box)), after.xy, after.radius_m[index], at_least)
        )
        kept = np.delete(self.polygons, touched)
        if len(kept) and len(fresh):
            inside = shapely.point_on_surface(fresh)
            known = shapely.STRtree(kept).query(inside, predicate="intersects")[0]
            fresh = np.delete(fresh, known)
        return OpenParts(np.concatenate([kept, fresh]))


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


def _parts(region: BaseGeometry) -> Geometries:
    """Those of any width: where two outlines share a border that is split elsewhere in each, slivers are left."""
    parts = shapely.get_parts(region)
    return np.asarray(parts[2 * shapely.area(parts) > THIN_M * shapely.length(parts)], dtype=object)
