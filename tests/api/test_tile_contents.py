"""What tiles hold: nothing is left out at any zoom, shapes and hexes once, and both formats say the same."""

from __future__ import annotations

import gzip
import json
from typing import Any

import mapbox_vector_tile
import numpy as np
import pytest
import shapely
from shapely.geometry import shape

from tests.api.conftest import EAST, N_LOCATED, NORTH, ON_EDGE, SOUTH, WEST, Client, Make, record, store_of
from tests.api.tiling import DOWN, app_of, scattered, tiles_over
from twin.api.mercator import lnglat_to_unit
from twin.api.tiles import FEATURES_FROM, make_tile
from twin.api.world import View
from twin.layers import LAYERS
from twin.model import LayerTable


def count_of(feature: dict[str, dict[str, int]]) -> tuple[int, int]:
    properties = feature["properties"]
    return properties.get("point_count", 1), properties["n_devices"]


def read_both(geojson: bytes, mvt: bytes, layer: str) -> dict[str, list[Any]]:
    vector = mapbox_vector_tile.decode(mvt, default_options=DOWN)[layer]["features"] if mvt else []
    return {"geojson": json.loads(geojson)["features"], "mvt": vector}


@pytest.mark.parametrize("z", [0, 5, 9, 11, 12, 13, 15, 16])
def test_the_counts_of_all_tiles_add_up_to_the_layer_in_both_formats(client: Client, z: int) -> None:
    counts = {"geojson": np.zeros(2, int), "mvt": np.zeros(2, int)}
    for x, y in tiles_over(z):
        for feature in client.get(f"/tiles/cameras/{z}/{x}/{y}.geojson").json()["features"]:
            counts["geojson"] += count_of(feature)
        content = client.get(f"/tiles/cameras/{z}/{x}/{y}.mvt").content
        for feature in mapbox_vector_tile.decode(content)["cameras"]["features"] if content else []:
            counts["mvt"] += count_of(feature)
    assert counts["geojson"].tolist() == counts["mvt"].tolist() == [N_LOCATED, N_LOCATED + 1]


def test_a_point_on_the_edge_of_two_tiles_belongs_to_the_eastern_one(client: Client) -> None:
    x = 857 * 2**6
    rows = {y for _, y in tiles_over(16)}
    found = [client.get(f"/tiles/cameras/16/{x}/{y}.geojson").json()["features"] for y in rows]
    assert sum(f["geometry"]["coordinates"][0] == ON_EDGE for features in found for f in features) == 6
    west = [client.get(f"/tiles/cameras/16/{x - 1}/{y}.geojson").json()["features"] for y in rows]
    assert not any(f["geometry"]["coordinates"][0] == ON_EDGE for features in west for f in features)


def test_features_in_a_vector_tile_stand_where_they_are(client: Client) -> None:
    key, (lng, lat), z = "cam-00", (121.272, 31.004), 16
    unit = lnglat_to_unit(np.array([[lng, lat]]))[0] * 2**z
    x, y = unit.astype(int).tolist()
    tile = mapbox_vector_tile.decode(client.get(f"/tiles/cameras/{z}/{x}/{y}.mvt").content, default_options=DOWN)[
        "cameras"
    ]
    feature = next(f for f in tile["features"] if f["properties"]["key"] == key)
    assert feature["geometry"]["coordinates"] == pytest.approx((unit - [x, y]) * 4096, abs=0.51)
    assert "valid_to" not in feature["properties"], "what is unknown is left out"


@pytest.mark.parametrize("z", [10, 13, 15])
def test_polygons_cut_at_the_edges_of_geojson_tiles_cover_themselves(client: Client, z: int) -> None:
    parts = [
        shape(feature["geometry"])
        for x, y in tiles_over(z)
        for feature in client.get(f"/tiles/areas/{z}/{x}/{y}.geojson").json()["features"]
        if feature["id"] == "310112"
    ]
    district = shapely.box(WEST, SOUTH, EAST, NORTH)
    assert shapely.union_all(parts, grid_size=1e-7).symmetric_difference(district).area < 1e-3 * district.area
    assert sum(p.area for p in parts) == pytest.approx(district.area, rel=1e-3), "no part is drawn twice"


def test_polygons_of_vector_tiles_reach_a_little_beyond_the_edge(client: Client) -> None:
    tile = mapbox_vector_tile.decode(client.get("/tiles/areas/15/27424/13410.mvt").content, default_options=DOWN)[
        "areas"
    ]
    xs = [x for f in tile["features"] for ring in f["geometry"]["coordinates"] for x, _ in ring]
    assert (min(xs), max(xs)) == (-64, 4096 + 64)
    assert all("key" in f["properties"] for f in tile["features"])


@pytest.mark.parametrize("z", [8, 10, 12])
def test_each_hex_of_a_rule_is_in_exactly_one_geojson_tile(client: Client, z: int) -> None:
    resolution = {8: 7, 10: 8, 12: 9}[z]
    table = client.get(f"/coverage/charger-service/cells?resolution={resolution}").json()
    features = [
        feature
        for x, y in tiles_over(z)
        for feature in client.get(f"/tiles/coverage/charger-service/{z}/{x}/{y}.geojson").json()["features"]
    ]
    assert sorted(f["id"] for f in features) == sorted(table["cells"])
    assert set(features[0]["properties"]) == {"cell", "value", "share", "status", "area_km2", "n", "nearest_m"}
    assert sum(f["properties"]["area_km2"] for f in features) == pytest.approx(sum(table["area_km2"]))


def test_hexes_follow_the_rules_parameters(client: Client) -> None:
    url = "/tiles/coverage/charger-service/12/3428/1676.geojson"
    served = client.get(url, params={"radius_m": 50_000, "zones": "[]"}).json()["features"]
    assert {f["properties"]["status"] for f in served} == {"all"}
    assert {f["properties"]["status"] for f in client.get(url).json()["features"]} > {"all"}
    content = client.get(url.replace("geojson", "mvt")).content
    assert mapbox_vector_tile.decode(gzip.decompress(gzip.compress(content))).keys() == {"charger-service"}


POINTS = [name for name, kind in LAYERS.items() if kind.geometry == "point"]


def near(table: LayerTable, z: int) -> set[tuple[int, int, int]]:
    """The tiles around every point of the table; where counts of cells stand is near their points."""
    with np.errstate(invalid="ignore"):
        unit = lnglat_to_unit(table.lnglat[np.abs(table.lnglat[:, 1]) < 86])
    last, reach = 2**z - 1, 3 if z < FEATURES_FROM else 1
    found = set()
    for x, y in np.unique((unit * 2**z).astype(int), axis=0).tolist():
        for tx in range(max(x - reach, 0), min(x + reach, last) + 1):
            found |= {(z, tx, ty) for ty in range(max(y - reach, 0), min(y + reach, last) + 1)}
    return found


@pytest.mark.parametrize("layer", POINTS)
def test_at_every_zoom_the_counts_of_the_tiles_add_up_to_the_layer(layer: str, make: Make) -> None:
    records = scattered(layer)
    client = make(store_of(records))
    view = View(app_of(client).state.world, {})
    snapshot = view.snapshot()
    told = client.get(f"/tiles/{layer}/tilejson.json").json()
    assert (told["features"], told["features_without_place"]) == (len(records), 2)
    total = [len(records) - 2, sum(r.n_devices for r in records[:-2])]
    for z in range(17):
        counts = {"geojson": np.zeros(2, int), "mvt": np.zeros(2, int)}
        for tile in near(snapshot.layers[layer], z):
            made = {kind: make_tile(view, snapshot, LAYERS[layer], tile, kind) for kind in counts}
            features = read_both(made["geojson"].content(gzipped=False), made["mvt"].content(gzipped=False), layer)
            for kind, some in features.items():
                counts[kind] += np.sum([count_of(f) for f in some], axis=0, dtype=int) if some else 0
                assert made[kind].n == len(some)
        assert counts["geojson"].tolist() == counts["mvt"].tolist() == total, z


@pytest.mark.parametrize("z", [0, 8, 12, 13, 16])
@pytest.mark.parametrize("layer", ["cameras", "chargers", "radio_sites"])
def test_a_vector_tile_says_what_the_geojson_tile_says(client: Client, layer: str, z: int) -> None:
    n = 0
    for x, y in tiles_over(z):
        plain, vector = (client.get(f"/tiles/{layer}/{z}/{x}/{y}.{ending}").content for ending in ("geojson", "mvt"))
        both = read_both(plain, vector, layer)
        for one, other in zip(both["geojson"], both["mvt"], strict=True):
            assert other["properties"] == {k: v for k, v in one["properties"].items() if v is not None}
            unit = lnglat_to_unit(np.array([one["geometry"]["coordinates"]]))[0] * 2**z
            assert other["geometry"]["coordinates"] == pytest.approx((unit - [x, y]) * 4096, abs=0.51)
            n += 1
    assert n > 0


def test_small_shapes_are_drawn_at_every_zoom(make: Make) -> None:
    shapes = {
        "dot": shapely.box(121.29, 31.02, 121.290001, 31.020001),
        "sliver": shapely.Polygon([(121.28, 31.01), (121.30, 31.0300001), (121.30, 31.03)]),
        "spike": shapely.Polygon(
            [(121.28, 31.01), (121.281, 31.01), (121.281, 31.02), (121.281, 31.011), (121.28, 31.011)]
        ),
    }
    client = make(store_of([record("buildings", key, shape) for key, shape in shapes.items()]))
    for z in range(0, 17, 2):
        seen = set()
        for x, y in tiles_over(z):
            content = client.get(f"/tiles/buildings/{z}/{x}/{y}.mvt").content
            for feature in mapbox_vector_tile.decode(content)["buildings"]["features"] if content else []:
                assert shape(feature["geometry"]).area > 0
                seen.add(feature["properties"]["key"])
        assert seen == set(shapes), z
