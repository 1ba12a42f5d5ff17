"""GDAL reads every layer as it is stored: Debian's (3.6) and the one in pyogrio's wheel, whole and by box, through
OGC API Features, FlatGeobuf over HTTP and vector tiles.
"""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely

from tests.clients.live import DEBIAN, Live, names_of, output_of, run, shapes_of, within
from twin.layers import LAYERS

pytestmark = pytest.mark.client
BOX = (121.30, 31.10, 121.36, 31.16)
CHINESE = re.compile("[\u4e00-\u9fff]")
PLACE_DEGREES = 1e-6
"""A tenth of a metre; the API says 7 decimals."""
ZOOM = 14
TILE_STEP_M = 40_075_016.7 / 2**ZOOM / 4096
"""What a coordinate in a tile is rounded to."""


def by_ogr2ogr(live: Live, layer: str, *words: object) -> dict[str, dict[str, str]]:
    """Every feature that Debian's ogr2ogr reads, by its key; ``WKT`` is its geometry."""
    source = ("-f", "CSV", "/vsistdout/", f"OAPIF:{live.url}", layer, "-lco", "GEOMETRY=AS_WKT")
    rows = list(csv.DictReader(io.StringIO(output_of(DEBIAN / "ogr2ogr", *source, *words))))
    found = {row["key"]: row for row in rows}
    assert len(found) == len(rows), "a feature came twice"
    return found


def assert_same_shapes(found: dict[str, Any], stored: dict[str, Any]) -> None:
    """Of every key the geometry, to a tenth of a metre; missing where it is stored as missing."""
    keys = sorted(stored)
    ours, theirs = np.array([stored[key] for key in keys]), np.array([found[key] for key in keys])
    missing = shapely.is_missing(ours)
    assert np.array_equal(shapely.is_missing(theirs), missing)
    apart = shapely.hausdorff_distance(ours[~missing], theirs[~missing])
    assert apart.max(initial=0.0) < PLACE_DEGREES


@pytest.mark.parametrize("layer", LAYERS)
def test_gdal_3_6_reads_a_whole_layer_as_it_is_stored(live, layer):
    table, found = live.table(layer), by_ogr2ogr(live, layer)
    assert len(found) == len(table) == live.get(f"/collections/{layer}/items?limit=1")["numberMatched"]
    assert {key: row["name"] for key, row in found.items()} == names_of(table)
    places = {key: shapely.from_wkt(row["WKT"]) if row["WKT"] else None for key, row in found.items()}
    assert_same_shapes(places, shapes_of(table))


@pytest.mark.parametrize("layer", LAYERS)
def test_gdal_3_6_reads_a_layer_by_box(live, layer):
    found, stored = by_ogr2ogr(live, layer, "-spat", *BOX), within(live.table(layer), BOX)
    assert set(found) == stored
    assert stored, "the box is to hold something"


def test_ogrinfo_lists_every_layer_with_its_geometry_and_its_title(live):
    told = output_of(DEBIAN / "ogrinfo", "-ro", f"OAPIF:{live.url}")
    listed = dict(re.findall(r"^\d+: (\w+) \(title: ([^)]+)\)", told, re.MULTILINE))
    assert set(listed) >= set(LAYERS)


def test_ogrinfo_counts_a_layer_without_reading_it(live):
    told = output_of(DEBIAN / "ogrinfo", "-ro", "-so", f"OAPIF:{live.url}", "sensors")
    assert f"Feature Count: {len(live.table('sensors'))}\n" in told


@pytest.mark.parametrize("layer", LAYERS)
def test_the_gdal_of_pyogrio_reads_a_whole_layer_as_it_is_stored(live, layer):
    table, found = live.table(layer), read(live, layer)
    assert dict(zip(found["key"], found["name"].fillna(""), strict=True)) == names_of(table)
    assert_same_shapes(dict(zip(found["key"], found.geometry, strict=True)), shapes_of(table))


@pytest.mark.parametrize("layer", LAYERS)
def test_the_gdal_of_pyogrio_reads_a_layer_by_box(live, layer):
    assert set(read(live, layer, bbox=BOX)["key"]) == within(live.table(layer), BOX)


def test_the_gdal_of_pyogrio_is_a_newer_one():
    assert pyogrio.__gdal_version__ >= (3, 9)


def test_the_names_that_are_compared_are_chinese(live):
    names = names_of(live.table("cameras")).values()
    assert sum(bool(CHINESE.search(name)) for name in names) > 0.9 * len(names)


def test_gdal_reads_times_numbers_and_truth_as_such(live):
    frame = live.table("chargers").frame.set_index("key")
    found = read(live, "chargers").set_index("key").loc[frame.index]
    assert str(found["valid_from"].dtype).startswith("datetime64")
    assert (found["n_connectors"].to_numpy() == frame["n_connectors"].to_numpy()).all()
    assert found["max_power_kw"].to_numpy() == pytest.approx(frame["max_power_kw"].to_numpy(np.float64), nan_ok=True)
    assert [bool(x) for x in found["online"].dropna()] == [bool(x) for x in frame["online"].dropna()]


@pytest.mark.parametrize("crs", ["EPSG:4549", "EPSG:4490", "EPSG:3857", "EPSG:32651"])
def test_gdal_asks_the_server_for_another_crs_and_gets_the_same_places(live, crs):
    found = pyogrio.read_dataframe(f"OAPIF:{live.url}", layer="chargers", CRS=crs)
    assert found.crs == crs
    assert_same_shapes(
        dict(zip(found["key"], found.geometry.to_crs(4326), strict=True)), shapes_of(live.table("chargers"))
    )


@pytest.mark.parametrize("zoom", [8, 11])
def test_the_counts_in_the_vector_tiles_add_up_to_the_layer(live, zoom):
    """Below the zoom that shows points themselves every point is in one count."""
    rows = by_vector_tiles(live, "sensors", zoom)
    located = sum(shape is not None for shape in shapes_of(live.table("sensors")).values())
    assert len(rows) < located / 10
    assert sum(int(row["point_count"]) for row in rows) == located


def test_geopandas_reads_the_gaps_from_their_address(live):
    gaps = gpd.read_file(f"{live.url}/coverage/charger-service/gaps")
    judged = live.twin.cover("charger-service").gaps()
    assert len(gaps) == len(judged) > 10
    assert sorted(gaps["area_km2"]) == pytest.approx(sorted(gap.area_km2 for gap in judged))
    drawn_km2 = gaps.to_crs("EPSG:4549").area / 1e6
    assert drawn_km2.to_numpy() == pytest.approx(gaps["area_km2"].to_numpy(), rel=5e-3, abs=1e-3)
    assert set(gaps["zone"]) == {gap.zone for gap in judged}


@pytest.mark.parametrize("layer", LAYERS)
def test_gdal_3_6_reads_a_flatgeobuf_link_as_it_is_stored(live, layer):
    table = live.table(layer)
    words = ("-f", "CSV", "/vsistdout/", f"/vsicurl/{flatgeobuf(live, layer)}", "-lco", "GEOMETRY=AS_WKT")
    rows = list(csv.DictReader(io.StringIO(output_of(DEBIAN / "ogr2ogr", *words))))
    key = "code" if layer == "areas" else "key"
    assert {row[key]: row["name"] for row in rows} == names_of(table)
    assert len(rows) == len(table)
    places = {row[key]: shapely.from_wkt(row["WKT"]) if row["WKT"] else None for row in rows}
    assert_same_shapes(places, shapes_of(table))


def test_gdal_3_6_reads_a_box_of_a_flatgeobuf_link_by_ranges(live):
    box = (121.400, 31.100, 121.405, 31.105)
    words = ("-f", "CSV", "/vsistdout/", f"/vsicurl/{flatgeobuf(live, 'sensors')}", "-select", "key", "-spat", *box)
    asked = run(DEBIAN / "ogr2ogr", *words, env={"CPL_CURL_VERBOSE": "YES"})
    assert asked.returncode == 0
    assert set(asked.stdout.split()[1:]) == within(live.table("sensors"), box) != set()
    partial = re.findall(r"content-range: bytes (\d+)-(\d+)/(\d+)", asked.stderr, re.IGNORECASE)
    assert partial
    fetched = sum(int(last) - int(first) + 1 for first, last, _ in partial)
    assert fetched < 0.5 * int(partial[0][2])


@pytest.mark.parametrize("layer", ["chargers", "radio_sites", "areas", "roads"])
def test_gdal_3_6_reads_the_vector_tiles_that_tilejson_tells_of(live, layer):
    table = live.table(layer)
    rows = by_vector_tiles(live, layer, ZOOM)
    stored = {key: shape for key, shape in shapes_of(table).items() if shape is not None}
    names = names_of(table)
    assert {row["key"]: row["name"] for row in rows} == {key: names[key] for key in stored}
    if table.geometry is None:
        places = gpd.GeoSeries(stored, crs=4326).to_crs(3857)
        drawn = gpd.GeoSeries.from_wkt([row["WKT"] for row in rows], crs=3857)
        assert drawn.distance(places.loc[[row["key"] for row in rows]], align=False).max() <= TILE_STEP_M


def by_vector_tiles(live: Live, layer: str, zoom: int) -> list[dict[str, str]]:
    """What Debian's ogr2ogr reads of all tiles of a zoom, told of by TileJSON."""
    tiles = f"{live.url}/tiles/{layer}"
    words = ("-f", "CSV", "/vsistdout/", f"MVT:{tiles}/{zoom}", "-oo", f"METADATA_FILE={tiles}/tilejson.json",
             "-oo", "TILE_EXTENSION=mvt", "-oo", "CLIP=NO", "-lco", "GEOMETRY=AS_WKT")  # fmt: skip
    return list(csv.DictReader(io.StringIO(output_of(DEBIAN / "ogr2ogr", *words))))


def read(live: Live, layer: str, **how: Any) -> gpd.GeoDataFrame:
    """A layer by pyogrio, through OGC API Features; its numbers as text where it guessed from too few."""
    return pyogrio.read_dataframe(f"OAPIF:{live.url}", layer=layer, **how)


def flatgeobuf(live: Live, layer: str) -> str:
    """The address of the layer's FlatGeobuf, as its page tells it."""
    links = live.get(f"/collections/{layer}?f=json")["links"]
    (found,) = [
        link["href"] for link in links if link["rel"] == "enclosure" and link["type"] == "application/flatgeobuf"
    ]
    return str(found)
