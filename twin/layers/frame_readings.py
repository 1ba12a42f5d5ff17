"""Positions as each candidate frame would have them, and the tests that tell two such readings apart. No verdicts here.

Points are never undone (the inverse of GCJ-02 and BD-09 is off by default): what is known in WGS-84 is taken forward into
each frame, and the numbers of the file are looked up there as they stand, on a plane in metres.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.special import bdtr
from shapely.geometry.base import BaseGeometry

from twin.frames import FRAMES, Frame, MetricFrame, from_wgs84

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MOST = 0.5
N_DIRECTIONS = 16
EDGE_M = 250.0
"""Edges are split to this length before they are taken to another frame: they are within 0.1 m there."""
QUAD_SEGS = 4
EQUAL = {"cgcs2000": "wgs84"}


@dataclass(frozen=True)
class Reading:
    """(n, 2) positions in metres as the frame has them, with the areas there. Frames of degrees are drawn on ``plane``.

    ``origin_m`` is where the middle of the areas lies; ``inside`` says which positions the areas hold.
    """

    frame: Frame
    plane: MetricFrame
    xy_m: Floats
    origin_m: Floats
    region: BaseGeometry
    inside: Flags

    @property
    def share(self) -> float:
        return float(self.inside.mean())

    def holds(self, xy_m: Floats) -> Flags:
        return np.asarray(shapely.contains_xy(self.region, xy_m[:, 0], xy_m[:, 1]))


def distinct_positions(xy: Floats) -> Floats:
    """(n, 2) to (m, 2): several devices on one pole are one position; NaN is none."""
    there = xy[np.isfinite(xy).all(axis=1)]
    found = np.unique(there[:, 0] + 1j * there[:, 1])
    return np.column_stack([found.real, found.imag])


def candidates(xy: Floats, declared: Frame) -> list[Frame]:
    """The declared frame, then every other whose bounds hold most of the (n, 2) numbers. CGCS2000 and WGS-84 are one."""
    taken = {EQUAL.get(declared.name, declared.name), *EQUAL}
    return [declared, *(f for f in FRAMES.values() if f.name not in taken and f.fits(xy[:, 0], xy[:, 1]).mean() > MOST)]


def read_positions(
    xy: Floats, frames: Sequence[Frame], areas: Sequence[BaseGeometry], margin_m: float
) -> list[Reading]:
    """The (n, 2) numbers under each frame; the region is the union of the polygons (EPSG:4326) with ``margin_m`` around it."""
    shapes = np.array(areas, dtype=object)
    plane = MetricFrame.around(shapes)
    near = shapely.union_all(shapely.buffer(plane.project(shapes), margin_m, quad_segs=QUAD_SEGS))
    region = plane.unproject(shapely.segmentize(near, EDGE_M))
    return [_reading(xy, frame, plane, region) for frame in frames]


def _reading(xy: Floats, frame: Frame, plane: MetricFrame, region: BaseGeometry) -> Reading:
    drawn = shapely.transform(region, lambda lnglat: in_metres(lnglat, frame, plane))
    if not np.isfinite(shapely.get_coordinates(drawn)).all():
        drawn = shapely.Polygon()
    xy_m = xy if frame.kind == "plane" else plane.forward(xy)
    middle = in_metres(np.array([[plane.lng0, plane.lat0]]), frame, plane)[0]
    inside = np.asarray(shapely.contains_xy(drawn, xy_m[:, 0], xy_m[:, 1]))
    return Reading(frame, plane, xy_m, middle, drawn, inside)


def in_metres(lnglat: Floats, frame: Frame, plane: MetricFrame) -> Floats:
    """Where a frame writes (n, 2) WGS-84 degrees, in metres: its own, or degrees drawn on ``plane`` as if unshifted."""
    xy = np.column_stack(from_wgs84(lnglat[:, 0], lnglat[:, 1], frame))
    return xy if frame.kind == "plane" else plane.forward(xy)


# Tests ----------------------------------------------------------------------------------------------------------------


def votes(xy_m: Floats, pro: Flags, con: Flags, block_m: float) -> tuple[int, int]:
    """Square blocks of the plane in which more of the (n,) positions speak for than against, and the contrary."""
    speaking = pro != con
    block = np.floor(xy_m[speaking] / block_m)
    _, at = np.unique(block[:, 0] + 1j * block[:, 1], return_inverse=True)
    net = np.bincount(at, weights=np.where(pro[speaking], 1.0, -1.0))
    return int((net > 0).sum()), int((net < 0).sum())


def beyond_chance(n_pro: int, n_con: int, chance: float) -> bool:
    """Whether so few would speak against with at most this probability, were both equally likely (exact, one-sided)."""
    return bool(n_pro > n_con and bdtr(n_con, n_pro + n_con, 0.5) <= chance)


def shift_m(one: Reading, other: Reading) -> Floats:
    """How far the same place lies in one frame from where it lies in the other: (2,); infinite for degrees and metres."""
    if (one.frame.kind == "plane") != (other.frame.kind == "plane"):
        return np.array([np.inf, np.inf])
    return one.origin_m - other.origin_m


def shifts_around(length_m: float) -> Floats:
    """(16, 2): shifts of one length in every direction."""
    turn = 2 * np.pi * np.arange(N_DIRECTIONS) / N_DIRECTIONS
    return length_m * np.column_stack([np.cos(turn), np.sin(turn)])
