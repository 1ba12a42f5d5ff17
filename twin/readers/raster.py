"""Demand rasters (GeoTIFF) to demand at points: the centres of the pixels that hold a value."""

from __future__ import annotations

import numpy as np
from pyproj import Transformer

from twin.errors import InvalidInput
from twin.model import DemandGrid
from twin.ports import GridFile


def read_grid(grid: GridFile) -> DemandGrid:
    """Decode a GeoTIFF of any CRS. Pixels without a value (nodata, NaN) or with 0 are left out.

    Raises:
        InvalidInput: the bytes are no raster, or it says no CRS.
    """
    import rasterio  # a tenth of a second that a server need not wait for before it listens

    try:
        with rasterio.MemoryFile(grid.content) as file, file.open() as raster:
            band = raster.read(1, masked=True).astype(np.float64)
            transform, crs = raster.transform, raster.crs
    except rasterio.errors.RasterioError as reason:
        raise InvalidInput(
            f"无法读取栅格 {grid.name}：{reason}", f"cannot read the raster {grid.name}: {reason}"
        ) from None
    if crs is None:
        raise InvalidInput(f"栅格 {grid.name} 没有坐标系", f"the raster {grid.name} says no coordinate system")
    values = band.filled(0.0)
    rows, columns = np.nonzero(np.isfinite(values) & (values != 0))
    a, b, c, d, e, f = tuple(transform)[:6]
    x, y = a * (columns + 0.5) + b * (rows + 0.5) + c, d * (columns + 0.5) + e * (rows + 0.5) + f
    lng, lat = Transformer.from_crs(crs, 4326, always_xy=True).transform(x, y)
    return DemandGrid(grid.name, grid.unit, np.column_stack([lng, lat]), values[rows, columns], grid.source)
