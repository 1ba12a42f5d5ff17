"""A made-up district, its streets, and points written in a frame: what tests of the frame check share."""

from __future__ import annotations

import numpy as np
import shapely

from twin.frames import FRAMES, MetricFrame, from_wgs84
from twin.layers.frame_check import FrameCheck, check_frame

DEGREES = ("wgs84", "gcj02", "bd09")
PLANE = MetricFrame(121.4, 31.1)
# A district of some 19 km by 18 km with a bent border, in metres around its middle.
OUTLINE = [(-9000, -8000), (-2000, -9500), (6000, -7000), (9500, -1000), (7000, 8000), (0, 8500), (-6000, 6000), (-9500, 1000)]  # fmt: skip
DISTRICT_M = shapely.Polygon(OUTLINE)
DISTRICT = PLANE.unproject(DISTRICT_M)


def scattered(n: int, seed: int = 1, within: shapely.Polygon = DISTRICT_M) -> np.ndarray:
    """(n, 2) WGS-84 degrees, evenly over a polygon in metres."""
    rng = np.random.default_rng(seed)
    west, south, east, north = within.bounds
    xy = rng.uniform((west, south), (east, north), (4 * n, 2))
    return PLANE.inverse(xy[shapely.contains_xy(within, xy[:, 0], xy[:, 1])][:n])


def written(lnglat: np.ndarray, frame: str) -> np.ndarray:
    """The same places as a file in that frame has them."""
    return np.column_stack(from_wgs84(lnglat[:, 0], lnglat[:, 1], FRAMES[frame]))


def judged(lnglat: np.ndarray, true: str, declared: str, **more: object) -> FrameCheck:
    return check_frame(written(lnglat, true), FRAMES[declared], [DISTRICT], **more)  # type: ignore[arg-type]
