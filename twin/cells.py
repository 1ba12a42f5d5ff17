"""H3 cells as uint64 arrays: index, outlines, centres. Cells index and draw; figures of areas come from exact polygons.

A point belongs, at each resolution, to the cell that contains it (direct index, never the parent of a finer cell).
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isnan

import h3.api.basic_int as h3
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from twin.errors import BadParameter
from twin.model import Cells, Geometries, LngLat

MIN_RESOLUTION, MAX_RESOLUTION = 5, 12
NO_CELL = np.uint64(0)


def check_resolution(resolution: int) -> int:
    """The resolution itself.

    Raises:
        BadParameter: it is not 5 to 12.
    """
    if not MIN_RESOLUTION <= resolution <= MAX_RESOLUTION:
        raise BadParameter(
            f"resolution 应为 {MIN_RESOLUTION} 至 {MAX_RESOLUTION}，收到 {resolution}",
            f"resolution must be {MIN_RESOLUTION} to {MAX_RESOLUTION}, got {resolution}",
        )
    return resolution


def mean_cell_km2(resolution: int) -> float:
    """The mean area of the world's cells; only to foresee how many there will be."""
    return float(h3.average_hexagon_area(resolution, "km^2"))


def points_to_cells(lnglat: LngLat, resolution: int) -> Cells:
    """The cell that contains each point. Points with NaN get 0 (no cell).

    Args:
        lnglat: (n, 2) degrees, EPSG:4326.
        resolution: H3 resolution.

    Returns:
        (n,) uint64.
    """
    index = h3.latlng_to_cell
    return np.fromiter(
        (0 if isnan(lat + lng) else index(lat, lng, resolution) for lng, lat in lnglat.tolist()),
        np.uint64,
        len(lnglat),
    )


def cells_to_text(cells: Iterable[int]) -> list[str]:
    """The usual hexadecimal spelling, ``8a309…``; an empty string for no cell."""
    return [f"{int(c):x}" if c else "" for c in cells]


def text_to_cell(text: str) -> np.uint64:
    """The id of a hexadecimal cell.

    Raises:
        BadParameter: it is not a valid H3 cell.
    """
    try:
        cell = int(text, 16)
    except ValueError:
        cell = 0
    if not h3.is_valid_cell(cell):
        raise BadParameter(f"“{text}”不是有效的 H3 单元编号", f"{text!r} is not a valid H3 cell")
    return np.uint64(cell)


def cell_centres(cells: Cells) -> LngLat:
    """(n, 2) longitude, latitude of each cell's centre."""
    out = np.empty((len(cells), 2))
    for i, cell in enumerate(cells.tolist()):
        lat, lng = h3.cell_to_latlng(cell)
        out[i] = lng, lat
    return out


def cell_polygons(cells: Cells) -> Geometries:
    """(n,) polygons in EPSG:4326, counter-clockwise."""
    rings = [h3.cell_to_boundary(cell) for cell in cells.tolist()]
    latlng = np.array([corner for ring in rings for corner in ring], np.float64).reshape(-1, 2)
    owner = np.repeat(np.arange(len(rings)), [len(ring) for ring in rings])
    return np.asarray(shapely.polygons(shapely.linearrings(latlng[:, ::-1], indices=owner)), dtype=object)


def cells_over(geometry: BaseGeometry, resolution: int) -> Cells:
    """Every cell that shares area with a polygon or multipolygon (EPSG:4326), sorted.

    A cell that the border merely crosses is included: whoever needs areas clips it.
    """
    shape = h3.geo_to_h3shape(geometry)
    cells = h3.h3shape_to_cells_experimental(shape, check_resolution(resolution), contain="overlap")
    return np.unique(np.fromiter(cells, np.uint64))
