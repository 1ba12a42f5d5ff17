"""Demand rasters (GeoTIFF) to demand at points: the centres of the pixels that hold a value. Totals are conserved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from twin.errors import Fault, InvalidInput, Words
from twin.model import DemandGrid, LngLat
from twin.ports import GridFile
from twin.readers.source import said_in_words

RASTERS = (".tif", ".tiff")
"""Endings, in lower case."""
Floats = NDArray[np.float64]
MAX_PIXELS, MAX_VALUES = 500_000_000, 20_000_000
STRIP_PIXELS = 4_000_000
"""How many are held at a time."""
N_FAULTS = 100


@dataclass(frozen=True)
class RasterFacts:
    """What an import's report says of a raster. ``bounds`` (west, south, east, north) are WGS-84 degrees.

    ``n_values`` pixels hold a value other than 0; ``total`` is their sum.
    """

    width: int
    height: int
    crs: str
    n_values: int
    total: float
    bounds: tuple[float, float, float, float]
    nodata: float | None


def read_grid(grid: GridFile) -> DemandGrid:
    """Decode a GeoTIFF of any CRS. Pixels without a value (nodata, a mask, NaN) or with 0 are left out.

    Raises:
        InvalidInput: the bytes are no GeoTIFF; it says no CRS or no place; it has several bands, or more pixels than
            can be held; values are negative or infinite (in ``faults``); pixels lie outside the CRS's range.
    """
    with _opened(grid.content, grid.name) as raster:
        lnglat, values = _demand(raster, grid.name)
    return DemandGrid(grid.name, grid.unit, lnglat, values, grid.source)


def inspect_grid(content: bytes, name: str) -> RasterFacts:
    """What a GeoTIFF holds, by the same rules. Raises InvalidInput as ``read_grid``."""
    with _opened(content, name) as raster:
        _, values = _demand(raster, name)
        crs = CRS.from_user_input(raster.crs)
        authority = crs.to_authority()
        bounds = Transformer.from_crs(crs, 4326, always_xy=True).transform_bounds(*raster.bounds)
        return RasterFacts(
            raster.width, raster.height, ":".join(authority) if authority else crs.to_wkt(), len(values),
            float(values.sum()), bounds, raster.nodata,
        )  # fmt: skip


@contextmanager
def _opened(content: bytes, name: str) -> Iterator[Any]:
    """The raster, after what its header says has been found fit."""
    import rasterio  # a tenth of a second that a server need not wait for before it listens

    with (
        said_in_words(name, "GeoTIFF"),
        rasterio.MemoryFile(content) as file,
        _without_its_warning(rasterio),
        file.open(driver="GTiff") as raster,
    ):
        _refuse_unfit(raster, name)
        yield raster


@contextmanager
def _without_its_warning(rasterio: Any) -> Iterator[None]:
    """A raster without a place is refused in words, so that rasterio need not warn of it."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        yield


def _refuse_unfit(raster: Any, name: str) -> None:
    bands = [kind for kind in raster.colorinterp if kind.name != "alpha"]
    if raster.crs is None:
        raise InvalidInput(
            f"栅格 {name} 没有坐标系；请用 gdal_edit -a_srs 或 QGIS 写入后再导入",
            f"the raster {name} says no coordinate system: write one with gdal_edit -a_srs or QGIS",
        )
    if raster.transform.is_identity or raster.transform.is_degenerate:
        raise InvalidInput(
            f"栅格 {name} 没有位置（仿射变换）；请先配准",
            f"the raster {name} has no place (transform): georeference it",
        )
    if len(bands) != 1:
        raise InvalidInput(
            f"栅格 {name} 有 {len(bands)} 个波段，应为 1 个；请先用 gdal_translate -b 取出一个",
            f"the raster {name} has {len(bands)} bands instead of one: take one out with gdal_translate -b",
        )
    if raster.width * raster.height > MAX_PIXELS:
        raise InvalidInput(
            f"栅格 {name} 有 {raster.width} × {raster.height} 像元，太大；请先按行政区裁剪",
            f"the raster {name} has {raster.width} x {raster.height} pixels, too many: clip it to the district first",
        )


def _demand(raster: Any, name: str) -> tuple[LngLat, Floats]:
    """Places and values of the pixels that hold something."""
    strips = list(_strips(raster, name))
    rows, columns, values = (np.concatenate(parts) for parts in zip(*strips, strict=True))
    a, b, c, d, e, f = tuple(raster.transform)[:6]
    x, y = a * (columns + 0.5) + b * (rows + 0.5) + c, d * (columns + 0.5) + e * (rows + 0.5) + f
    lng, lat = Transformer.from_crs(CRS.from_user_input(raster.crs), 4326, always_xy=True).transform(x, y)
    lost = ~(np.isfinite(lng) & np.isfinite(lat) & (np.abs(lat) <= 90))
    if lost.any():
        raise InvalidInput(
            f"栅格 {name} 有 {int(lost.sum())} 个像元落在坐标系范围之外；请检查坐标系",
            f"{int(lost.sum())} pixels of the raster {name} lie outside its coordinate system: check which it is",
        )
    return np.column_stack([lng, lat]), values


def _strips(raster: Any, name: str) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], Floats]]:
    """Row, column and value of the pixels that hold something, some rows at a time."""
    from rasterio.windows import Window

    band = next(i for i, kind in zip(raster.indexes, raster.colorinterp, strict=True) if kind.name != "alpha")
    scale, offset = raster.scales[band - 1], raster.offsets[band - 1]
    height, n_values = max(1, STRIP_PIXELS // raster.width), 0
    faults: list[Fault] = []
    n_faults = 0
    for top in range(0, raster.height, height):
        window = Window(0, top, raster.width, min(height, raster.height - top))
        strip = raster.read(band, masked=True, window=window).astype(np.float64) * scale + offset
        values = np.where(np.isnan(strip.filled(0.0)), 0.0, strip.filled(0.0))
        wrong = np.argwhere((values < 0) | np.isinf(values))
        n_faults += len(wrong)
        faults += [_fault(top + int(r), int(c), float(values[r, c])) for r, c in wrong[: N_FAULTS - len(faults)]]
        rows, columns = np.nonzero(values)
        n_values += len(rows)
        if n_values > MAX_VALUES:
            raise InvalidInput(
                f"栅格 {name} 有值的像元超过 {MAX_VALUES} 个；请先按行政区裁剪",
                f"more than {MAX_VALUES} pixels of the raster {name} hold values: clip it to the district first",
            )
        yield rows.astype(np.int64) + top, columns.astype(np.int64), values[rows, columns]
    if faults:
        raise InvalidInput(
            f"栅格 {name} 有 {n_faults} 个负值或无穷值，首先是 {faults[0].where}；若表示无值，请声明 nodata",
            f"the raster {name} has {n_faults} negative or infinite values, first {faults[0]}; "
            "if they stand for no value, declare them as nodata",
            faults,
        )


def _fault(row: int, column: int, value: float) -> Fault:
    reason = Words("需求不能为负或无穷", "a demand is finite and not negative")
    return Fault(f"pixel row {row + 1}, column {column + 1}", "", f"{value:g}", reason)
