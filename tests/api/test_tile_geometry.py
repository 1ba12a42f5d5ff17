"""Vector tiles as others read them: valid polygons wound as MVT 2.1 has it, and GDAL finds names, types, values and places."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import geopandas as gpd
import mapbox_vector_tile
import numpy as np
import pyogrio
import pytest
import shapely
from shapely.geometry import shape

from tests.api.conftest import Client, Make, record, records, store_of
from tests.api.tiling import DOWN, tiles_over
from twin.api.mvt import EXTENT
from twin.api.tile_content import BUFFER, visible

HOLE = shapely.box(121.272, 31.002, 121.308, 31.038).difference(shapely.box(121.28, 31.01, 121.3, 31.03))
ROAD = shapely.LineString([(121.27, 31.0), (121.29, 31.02), (121.309, 31.021)])
ISLANDS = shapely.MultiPolygon([shapely.box(121.275, 31.005, 121.276, 31.006), shapely.box(121.305, 31.035, 121.306, 31.036)])  # fmt: skip
MERCATOR_M = 20037508.342789244


def ribbon(step: float) -> shapely.Polygon:
    """A winding strip, as rivers are: its banks cross when their places are rounded coarsely."""
    t = np.linspace(0, 6 * math.pi, 200)
    middle = np.column_stack([121.271 + t / t[-1] * 0.038, 31.02 + 0.012 * np.sin(t) * np.cos(t / 3)])
    return shapely.LineString(middle).buffer(step)


@pytest.fixture(scope="module")
def shapes(make: Make) -> Client:
    return make(
        store_of(
            [
                *records(),
                record("water", "ring", HOLE),
                record("water", "river", ribbon(0.0004)),
                record("water", "brook", ribbon(0.00005)),
                record("water", "islands", ISLANDS),
                record("roads", "road", ROAD, width_m=7.5),
            ]
        )
    )


def features(client: Client, layer: str, z: int) -> list[dict[str, Any]]:
    """All that the vector tiles of a zoom show of a layer."""
    found = []
    for x, y in tiles_over(z):
        content = client.get(f"/tiles/{layer}/{z}/{x}/{y}.mvt").content
        if content:
            (tile,) = mapbox_vector_tile.decode(content, default_options=DOWN).values()
            assert (tile["version"], tile["extent"]) == (2, EXTENT)
            found += tile["features"]
    return found


def surveyed(ring: shapely.LinearRing) -> float:
    """Twice the area by the surveyor's formula: positive if a ring runs clockwise on a screen, where y points down."""
    (x, y) = np.array(ring.coords).T
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum())


@pytest.mark.parametrize("z", range(0, 18, 2))
@pytest.mark.parametrize("layer", ["water", "areas"])
def test_polygons_are_valid_and_wound_as_the_specification_says(shapes: Client, layer: str, z: int) -> None:
    found = features(shapes, layer, z)
    assert {f["properties"]["key"] for f in found} >= ({"ring", "river", "brook", "islands"} if layer == "water" else {"310112"})  # fmt: skip
    for feature in found:
        drawn = shape(feature["geometry"])
        assert drawn.geom_type in ("Polygon", "MultiPolygon")
        assert drawn.is_valid, shapely.is_valid_reason(drawn)
        assert drawn.area > 0
        assert all(-BUFFER - 1 <= at <= EXTENT + BUFFER + 1 for at in drawn.bounds)
        for polygon in shapely.get_parts(drawn):
            assert surveyed(polygon.exterior) > 0
            assert all(surveyed(hole) < 0 for hole in polygon.interiors)


def test_a_hole_stays_a_hole(shapes: Client) -> None:
    found = [shape(f["geometry"]) for f in features(shapes, "water", 9) if f["properties"]["key"] == "ring"]
    assert sum(len(part.interiors) for drawn in found for part in shapely.get_parts(drawn)) > 0


def test_a_strip_whose_banks_cross_when_rounded_is_made_valid_on_the_grid() -> None:
    fine = shapely.transform(ribbon(0.00005), lambda c: (c - (121.27, 31.0)) * 2000)
    assert fine.is_valid
    assert not shapely.transform(fine, np.rint).is_valid, "else this would test nothing"
    (drawn,) = visible(np.array([fine], object))
    rounded = shapely.transform(drawn, np.rint)
    assert rounded.is_valid
    assert rounded.equals(drawn)
    assert drawn.hausdorff_distance(fine) <= 2, "no part of it is lost"


def by_gdal(client: Client, layer: str, z: int, tmp_path: Path) -> gpd.GeoDataFrame:
    """The tiles of a zoom as GDAL reads them, one by one from files, in EPSG:3857."""
    parts = []
    for x, y in tiles_over(z):
        answer = client.get(f"/tiles/{layer}/{z}/{x}/{y}.mvt")
        if answer.status_code == 200:
            path = tmp_path / str(z) / str(x) / f"{y}.mvt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(answer.content)
            assert [name for name, _ in pyogrio.list_layers(path)] == [layer.rpartition("/")[2]]
            parts.append(pyogrio.read_dataframe(path))
    frame = gpd.GeoDataFrame(gpd.pd.concat(parts, ignore_index=True))
    assert frame.crs == "EPSG:3857"
    assert frame.geometry.is_valid.all()
    return frame


@pytest.mark.parametrize("z", [13, 15])
def test_gdal_reads_points_with_their_names_types_values_and_places(shapes: Client, z: int, tmp_path: Path) -> None:
    frame = by_gdal(shapes, "chargers", z, tmp_path).set_index("key")
    assert sorted(frame.index) == ["east", "private", "soon", "west"]
    kinds = {name: frame[name].dropna().map(type).unique().tolist() for name in ("name", "station_type")}
    assert kinds == {"name": [str], "station_type": [str]}
    assert (frame.loc["west", "n_connectors"], frame.loc["west", "max_power_kw"]) == (4, 120.0)
    assert bool(frame.loc["west", "online"]) is True
    assert frame.loc["soon", "lifecycle"] == "planned"
    places = gpd.GeoSeries([shapely.Point(121.28, 31.01), shapely.Point(121.3, 31.03)], crs=4326).to_crs(3857)
    drawn = frame.loc[["west", "east"]].geometry.reset_index(drop=True)
    assert drawn.distance(places).max() <= 2 * MERCATOR_M / 2**z / EXTENT


@pytest.mark.parametrize("z", [8, 12])
def test_gdal_reads_counts_as_numbers(shapes: Client, z: int, tmp_path: Path) -> None:
    frame = by_gdal(shapes, "cameras", z, tmp_path)
    assert (int(frame["point_count"].sum()), int(frame["n_devices"].sum())) == (48, 49)


@pytest.mark.parametrize("z", [11, 14])
def test_gdal_reads_lines_where_they_are(shapes: Client, z: int, tmp_path: Path) -> None:
    frame = by_gdal(shapes, "roads", z, tmp_path)
    assert set(frame["width_m"]) == {7.5}
    assert set(frame.geom_type) <= {"LineString", "MultiLineString"}
    whole = gpd.GeoSeries([ROAD], crs=4326).to_crs(3857).iloc[0]
    assert frame.geometry.union_all().hausdorff_distance(whole) <= 8 * MERCATOR_M / 2**z / EXTENT


@pytest.mark.parametrize("z", [11, 14])
def test_gdal_reads_polygons_that_cover_what_they_did(shapes: Client, z: int, tmp_path: Path) -> None:
    frame = by_gdal(shapes, "water", z, tmp_path)
    drawn = frame[frame["key"] == "ring"].geometry.union_all()
    whole = gpd.GeoSeries([HOLE], crs=4326).to_crs(3857).iloc[0]
    assert drawn.symmetric_difference(whole).area < 0.02 * whole.area
    assert set(frame["key"]) == {"ring", "river", "brook", "islands"}


@pytest.mark.parametrize("z", [9, 12])
def test_gdal_reads_every_hex_of_a_rule(client: Client, z: int, tmp_path: Path) -> None:
    frame = by_gdal(client, "coverage/charger-service", z, tmp_path)
    table = client.get(f"/coverage/charger-service/cells?resolution={7 if z == 9 else 9}").json()
    status = dict(zip(table["cells"], table["status"], strict=True))
    assert dict(zip(frame["cell"], frame["status"], strict=True)) == status
    assert frame["value"].between(0, 1).all()
