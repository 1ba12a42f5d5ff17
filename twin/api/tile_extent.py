"""Where a set of tiles has something: its box, and a place and zoom to begin with. Knows arrays and tables, no HTTP."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from twin.api.collections import extent
from twin.api.encoded import DIGITS, Bbox
from twin.api.mercator import MAX_LAT, MAX_ZOOM
from twin.model import LayerTable, LngLat

NARROWEST_DEG = 0.01
"""What a map shows at least when it opens, about a kilometre: also of a single point."""


@dataclass(frozen=True)
class TileExtent:
    """``box`` is west, south, east, north in degrees, up to the map's edges near the poles."""

    box: Bbox

    @classmethod
    def around(cls, low: LngLat, high: LngLat) -> TileExtent | None:
        """Of (n, 2) south-western and north-eastern corners in degrees, NaN = none; None if nothing is on the map."""
        on_map = (low[:, 1] < MAX_LAT) & (high[:, 1] > -MAX_LAT)
        if not on_map.any():
            return None
        ends = np.round([low[on_map].min(axis=0), high[on_map].max(axis=0)], DIGITS)
        (west, south), (east, north) = np.clip(ends, (-180, -MAX_LAT), (180, MAX_LAT)).tolist()
        return cls((west, south, east, north))

    @property
    def centre(self) -> list[float]:
        """Longitude and latitude of the box's middle."""
        west, south, east, north = self.box
        return [round((west + east) / 2, DIGITS), round((south + north) / 2, DIGITS)]

    @property
    def zoom(self) -> int:
        """The one at which the box is about as wide as a tile."""
        west, south, east, north = self.box
        width = max(east - west, north - south, NARROWEST_DEG)
        return min(max(math.ceil(math.log2(360 / width)), 0), MAX_ZOOM)


def tile_extent(table: LayerTable) -> TileExtent | None:
    """Of a layer's tiles; None if none has anything."""
    box = extent(table, MAX_LAT)
    return None if box is None else TileExtent.around(np.array([box[:2]]), np.array([box[2:]]))
