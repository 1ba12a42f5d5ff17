"""Demand rasters: whatever the CRS, type and mask, the total at points and in cells is the raster's own."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import rasterio
from pyproj import Transformer
from rasterio.enums import ColorInterp
from rasterio.transform import Affine

from twin.cells import points_to_cells
from twin.errors import InvalidInput
from twin.ports import GridFile
from twin.readers.raster import inspect_grid, read_grid

CENTRE = (121.38, 31.11)
SIZES = {4326: 0.001, 32651: 100.0, 4549: 100.0, 3857: 100.0}


def north_up(west: float, north: float, size: float) -> Affine:
    return Affine(size, 0, west, 0, -size, north)


def tif(
    values: Any, crs: int | None = 4326, *, scale: float = 1.0, offset: float = 0.0, place: Any = None, **profile: Any
) -> bytes:
    """A GeoTIFF around the middle of Minhang; bands first."""
    bands = np.atleast_3d(values).transpose(2, 0, 1) if np.ndim(values) == 2 else np.asarray(values)
    if place is None and crs is not None:
        x, y = Transformer.from_crs(4326, crs, always_xy=True).transform(*CENTRE)
        place = north_up(x, y, SIZES[crs])
    with rasterio.MemoryFile() as file:
        with file.open(
            driver="GTiff", count=len(bands), height=bands.shape[1], width=bands.shape[2], dtype=bands.dtype,
            crs=None if crs is None else f"EPSG:{crs}", transform=place, **profile,
        ) as raster:  # fmt: skip
            raster.write(bands)
            if (scale, offset) != (1.0, 0.0):
                raster.scales, raster.offsets = (scale,), (offset,)
        content: bytes = file.read()
    return content


def grid(content: bytes) -> Any:
    return read_grid(GridFile("population", "people", "hand", content))


def masked_sum(content: bytes) -> float:
    with rasterio.MemoryFile(content) as file, file.open() as raster:
        return float(np.nansum(raster.read(1, masked=True).astype(np.float64).filled(0.0)))


PEOPLE = np.random.default_rng(1).gamma(0.5, 40.0, (60, 50))


@pytest.mark.parametrize("crs", SIZES)
@pytest.mark.parametrize(
    ("dtype", "nodata"), [("float32", -99999.0), ("float64", np.nan), ("uint16", 65535), ("int32", -1), ("uint8", None)]
)
def test_totals_are_conserved_to_points_and_to_cells(crs: int, dtype: str, nodata: float | None) -> None:
    values = np.minimum(PEOPLE, 255).astype(dtype)
    if nodata is not None:
        values[5:20, 10:30] = nodata
    content = tif(values, crs, nodata=nodata)
    read = grid(content)
    assert read.values.sum() == pytest.approx(masked_sum(content), rel=1e-12)
    for resolution in (7, 8, 9, 10):
        cells = points_to_cells(read.lnglat, resolution)
        assert (cells != 0).all()
        _, inverse = np.unique(cells, return_inverse=True)
        assert np.bincount(inverse, read.values).sum() == pytest.approx(masked_sum(content), rel=1e-12)


def test_values_stand_at_the_middles_of_their_pixels() -> None:
    read = grid(tif(np.array([[0.0, 2.0], [3.0, 0.0]])))
    x, y = CENTRE
    np.testing.assert_allclose(read.lnglat, [(x + 0.0015, y - 0.0005), (x + 0.0005, y - 0.0015)], atol=1e-12)
    assert read.values.tolist() == [2.0, 3.0]


def test_a_turned_raster_is_placed_by_its_whole_transform() -> None:
    turned = Affine(0.0008, 0.0006, CENTRE[0], 0.0006, -0.0008, CENTRE[1])
    read = grid(tif(np.array([[1.0, 1.0]]), place=turned))
    np.testing.assert_allclose(read.lnglat, [turned @ (0.5, 0.5), turned @ (1.5, 0.5)], atol=1e-12)


def test_a_scale_and_an_offset_are_applied() -> None:
    content = tif(np.array([[1, 2], [255, 4]], np.uint8), nodata=255, scale=0.5, offset=10)
    assert sorted(grid(content).values) == [10.5, 11.0, 12.0]


def test_a_mask_hides_values() -> None:
    with rasterio.MemoryFile() as file:
        with file.open(
            driver="GTiff", count=1, height=1, width=3, dtype="float32", crs="EPSG:4326",
            transform=north_up(*CENTRE, 0.001),
        ) as raster:  # fmt: skip
            raster.write(np.array([[[1, 2, 4]]], np.float32))
            with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
                raster.write_mask(np.array([[255, 0, 255]], np.uint8))
        assert grid(file.read()).values.sum() == 5


def test_an_alpha_band_is_a_mask_and_no_second_band() -> None:
    values = np.array([[[1, 2, 4]], [[255, 0, 255]]], np.uint8)
    with rasterio.MemoryFile(tif(values)) as file, file.open() as raster:
        assert raster.count == 2
    with rasterio.MemoryFile() as file:
        with file.open(
            driver="GTiff", count=2, height=1, width=3, dtype="uint8", crs="EPSG:4326", alpha="yes",
            transform=north_up(*CENTRE, 0.001),
        ) as raster:  # fmt: skip
            raster.write(values)
            raster.colorinterp = [ColorInterp.gray, ColorInterp.alpha]
        assert grid(file.read()).values.sum() == 5


def test_more_rows_than_are_held_at_a_time_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = grid(tif(PEOPLE))
    monkeypatch.setattr("twin.readers.raster.STRIP_PIXELS", 120)
    strips = grid(tif(PEOPLE))
    np.testing.assert_array_equal(strips.lnglat, whole.lnglat)
    np.testing.assert_array_equal(strips.values, whole.values)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"x", "not a readable GeoTIFF", id="no raster"),
        pytest.param(tif(PEOPLE)[:900], "not a readable GeoTIFF", id="truncated"),
        pytest.param(b"<VRTDataset rasterXSize='1' rasterYSize='1'></VRTDataset>", "not a readable", id="VRT"),
        pytest.param(tif(PEOPLE, None, place=north_up(*CENTRE, 0.001)), "gdal_edit -a_srs", id="no CRS"),
        pytest.param(tif(np.stack([PEOPLE, PEOPLE])), "2 bands instead of one", id="bands"),
        pytest.param(tif(np.array([[1.0, -2.0], [np.inf, 3.0]])), "2 negative or infinite values", id="negative"),
        pytest.param(tif(PEOPLE, place=north_up(121, 100, 0.1)), "outside its coordinate system", id="off"),
    ],
)
def test_what_cannot_be_demand_is_said_in_words(content: bytes, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        grid(content)
    with pytest.raises(InvalidInput, match=words):
        inspect_grid(content, "population")


@pytest.mark.filterwarnings("ignore:The given matrix", "ignore:Dataset has no geotransform")
def test_a_raster_without_a_place_is_refused() -> None:
    content = tif(PEOPLE, place=Affine.identity())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InvalidInput, match="no place"):
            grid(content)


def test_negative_values_are_named_by_pixel() -> None:
    with pytest.raises(InvalidInput) as caught:
        grid(tif(np.array([[1.0, 0.0], [0.0, -2.0]])))
    assert [(f.where, f.value) for f in caught.value.faults] == [("pixel row 2, column 2", "-2")]


def test_a_raster_that_would_fill_all_memory_is_refused() -> None:
    with rasterio.MemoryFile() as file:
        with file.open(
            driver="GTiff", count=1, height=100_000, width=100_000, dtype="uint8", crs="EPSG:4326", sparse_ok=True,
            tiled=True, transform=north_up(*CENTRE, 1e-6),
        ):  # fmt: skip
            pass
        with pytest.raises(InvalidInput, match="clip it"):
            grid(file.read())


@pytest.mark.parametrize("crs", SIZES)
def test_the_facts_of_a_raster(crs: int) -> None:
    values = np.array([[1.5, 0.0, 2.0], [-9.0, 3.0, 0.0]])
    facts = inspect_grid(tif(values, crs, nodata=-9.0), "population")
    assert (facts.width, facts.height, facts.crs, facts.nodata) == (3, 2, f"EPSG:{crs}", -9.0)
    assert (facts.n_values, facts.total) == (3, 6.5)
    west, south, east, north = facts.bounds
    np.testing.assert_allclose([west, north], CENTRE, atol=1e-4)
    assert west < east < west + 0.004
    assert south < north < south + 0.003
