"""A synthetic raster of residents: the census total of the district, spread over its towns, centres and streets."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.io import MemoryFile
from rasterio.transform import Affine
from scipy.spatial import cKDTree

from twin.demo.city import City
from twin.demo.plane import Floats, Ints
from twin.demo.rows import shared_out
from twin.demo.streets import Slots
from twin.demo.water import Waters
from twin.ports import GridFile

SOURCE = "demo-population"
PIXEL_LNG_DEG, PIXEL_LAT_DEG = 0.00105, 0.0009
"""About 100 m each way at 31.1° N."""
NODATA = -1.0
STREET_REACH_M = 220.0
HALO_PER_PIXEL = 25.0
"""Residents of a pixel outside the district where urbanity is 0.5 and a street is near."""
NOTE = "合成数据：总数为2020年普查，分布为模拟 / Synthetic: the 2020 census total, its spread is made up"


def draw_population(rng: np.random.Generator, city: City, waters: Waters, slots: Slots) -> GridFile:
    """A GeoTIFF in EPSG:4326; nodata outside the extent of the data."""
    west, south, east, north = city.areas["data-extent"].geometry.bounds
    n_columns = int(np.ceil((east - west) / PIXEL_LNG_DEG))
    n_rows = int(np.ceil((north - south) / PIXEL_LAT_DEG))
    lng = west + (np.arange(n_columns) + 0.5) * PIXEL_LNG_DEG
    lat = north - (np.arange(n_rows) + 0.5) * PIXEL_LAT_DEG
    lnglat = np.stack(np.meshgrid(lng, lat), axis=-1).reshape(-1, 2)
    values = np.full(len(lnglat), NODATA, np.float32)
    within = np.flatnonzero(city.inside("data-extent", lnglat))
    values[within] = _residents(rng, city, waters, slots, lnglat[within])
    content = _geotiff(values.reshape(n_rows, n_columns), west, north)
    return GridFile("population", "people", SOURCE, content)


def _residents(rng: np.random.Generator, city: City, waters: Waters, slots: Slots, lnglat: Floats) -> Floats:
    xy = city.plane.forward(lnglat)
    to_street_m = cKDTree(slots.xy[::5]).query(xy)[0]
    appeal = city.urbanity(xy) * (0.1 + np.exp(-to_street_m / STREET_REACH_M)) * rng.lognormal(0, 0.35, len(xy))
    appeal[shapely.contains_xy(waters.all, xy[:, 0], xy[:, 1])] = 0.0
    town = city.town_of(lnglat)
    residents: Floats = appeal * HALO_PER_PIXEL / 0.5
    for index, total in enumerate(_town_totals(city)):
        own = town == index
        residents[own] = total * appeal[own] / appeal[own].sum()
    return residents


def _town_totals(city: City) -> Ints:
    """Published figures stand; the rest of the district's total goes to the other towns by their profiles."""
    published = np.array([t.population or 0 for t in city.facts.towns])
    assumed = np.array([p.residents for p in city.profiles]) * (published == 0)
    return published + shared_out(city.facts.population - int(published.sum()), assumed)


def _geotiff(values: NDArray[np.float32], west: float, north: float) -> bytes:
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff", width=values.shape[1], height=values.shape[0], count=1, dtype="float32", crs="EPSG:4326",
            transform=Affine(PIXEL_LNG_DEG, 0.0, west, 0.0, -PIXEL_LAT_DEG, north), nodata=NODATA, compress="deflate",
        ) as raster:  # fmt: skip
            raster.write(values, 1)
            raster.update_tags(unit="people", synthetic="true", note=NOTE)
        return bytes(memory.read())
