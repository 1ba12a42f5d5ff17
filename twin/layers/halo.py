"""Which points lie in an outline, which in a halo round it, which beyond."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from shapely.geometry.base import BaseGeometry

from twin.frames import ecef
from twin.model import LngLat

Mask = NDArray[np.bool_]

HALO_M = 1500.0
"""Assets that far outside still serve a district."""
ERROR_M = 0.5
METRES_A_DEGREE = 111_700.0
"""At most, along a meridian or a parallel."""


def halo(lnglat: LngLat, outlines: Sequence[BaseGeometry], reach_m: float = HALO_M) -> tuple[Mask, Mask, Mask]:
    """Sort points by where they lie.

    Args:
        lnglat: (n, 2) degrees, EPSG:4326; NaN (no location) is in none of the three.
        outlines: polygons in EPSG:4326, edges straight in degrees (RFC 7946); their union counts. None: all is beyond.
        reach_m: metres from the nearest border, geodesic to ``ERROR_M``; at that distance is in the halo.

    Returns:
        (n,) masks ``inside`` (the border is inside), ``within`` (outside, but no farther than ``reach_m``) and ``beyond``.
    """
    located = ~np.isnan(lnglat).any(axis=1)
    # copies: prepared geometries that others share must not be used by two threads
    shapes = np.asarray(shapely.from_wkb(shapely.to_wkb(np.array(outlines, object))), object)
    inside, within = np.zeros(len(lnglat), bool), np.zeros(len(lnglat), bool)
    shapely.prepare(shapes)
    for shape in shapes[np.argsort(-shapely.area(shapes), kind="stable")]:
        free = np.flatnonzero(located & ~inside)
        inside[free] = shapely.intersects_xy(shape, lnglat[free, 0], lnglat[free, 1])
    outside = np.flatnonzero(located & ~inside)
    if len(outside) and len(shapes):
        border = cKDTree(ecef(_dense(shapes, reach_m)))
        within[outside] = (
            border.query(ecef(lnglat[outside]), distance_upper_bound=reach_m + ERROR_M)[0] <= reach_m + ERROR_M / 2
        )
    return inside, within, located & ~inside & ~within


def _dense(shapes: NDArray[np.object_], reach_m: float) -> LngLat:
    """Points of the borders, so close that from ``reach_m`` away the nearest is at most ``ERROR_M`` farther than the border."""
    gap_m = 2 * np.sqrt((reach_m + ERROR_M) ** 2 - reach_m**2)
    return shapely.get_coordinates(shapely.segmentize(shapely.boundary(shapes), gap_m / METRES_A_DEGREE))
