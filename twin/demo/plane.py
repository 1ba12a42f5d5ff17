"""A plane in metres for drawing, whose way back gives coordinates as they are written."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from twin.frames import MetricFrame
from twin.model import LngLat

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
XY = NDArray[np.float64]
"""(n, 2) metres east and north of a plane's origin."""

DECIMALS = 7
"""Of a degree, in everything that is written: about a centimetre."""


class Plane(MetricFrame):
    """A metric frame that draws: vertex by vertex, and back to degrees rounded to ``DECIMALS``."""

    def inverse(self, xy: XY) -> LngLat:
        """(n, 2) metres to (n, 2) degrees, rounded."""
        return np.round(super().inverse(xy), DECIMALS)

    def project(self, geometry: Any, max_segment_deg: float = 0.0) -> Any:
        """A geometry or an array of them, degrees to metres; edges are never split."""
        return shapely.transform(geometry, self.forward)
