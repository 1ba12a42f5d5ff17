"""Tiles: nothing is left out at any zoom, caches are told the truth, impossible tiles are refused with the range."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import mapbox_vector_tile
import numpy as np
import pytest
import shapely
from shapely.geometry import shape

from tests.api.conftest import EAST, N_LOCATED, NORTH, ON_EDGE, SOUTH, WEST, Client
from twin.api.mercator import check_tile, lnglat_to_unit
from twin.errors import BadParameter

DOWN = {"y_coord_down": True}


def tiles_over(
    z: int, west: float = WEST, south: float = SOUTH, east: float = EAST, north: float = NORTH
) -> Iterator[tuple[int, int]]:
    """The tiles that share a point with a box, and one more all round."""
    (x0, y0), (x1, y1) = (lnglat_to_unit(np.array([[west, north], [east, south]])) * 2**z).astype(int).tolist()
    last = 2**z - 1
    for x in range(max(x0 - 1, 0), min(x1 + 1, last) + 1):
        for y in range(max(y0 - 1, 0), min(y1 + 1, last) + 1):
            yield x, y


def count_of(feature: dict[str, dict[str, int]]) -> tuple[int, int]:
    properties = feature["properties"]
    return properties.get("point_count", 1), properties["n_devices"]


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


@pytest.mark.parametrize("ending", ["mvt", "geojson"])
def test_a_tile_has_a_strong_etag_and_is_not_sent_twice(client: Client, ending: str) -> None:
    url = f"/tiles/cameras/13/6855/3352.{ending}"
    plain = client.get(url, headers={"accept-encoding": "identity"})
    packed = client.get(url, headers={"accept-encoding": "gzip"})
    assert plain.status_code == packed.status_code == 200
    assert plain.content == packed.content
    assert (plain.headers.get("content-encoding"), packed.headers["content-encoding"]) == (None, "gzip")
    assert plain.headers["etag"].startswith('"')
    assert plain.headers["etag"] != packed.headers["etag"], "another representation has another strong ETag"
    for etag in (plain.headers["etag"], packed.headers["etag"], f'"other", {plain.headers["etag"]}'):
        again = client.get(url, headers={"if-none-match": etag})
        assert (again.status_code, again.content) == (304, b"")
        assert "etag" in again.headers
    assert client.get(url, headers={"if-none-match": '"other"'}).status_code == 200


def test_the_same_tile_has_the_same_etag_after_an_edit_elsewhere(client: Client, make: object) -> None:
    from tests.api.conftest import record, records, store_of

    other = make(store_of([*records(), record("cameras", "far", (121.9, 31.5))]))  # type: ignore[operator]
    url = "/tiles/cameras/14/13711/6705.geojson"
    assert client.get(url).json()["features"]
    assert client.get(url).headers["etag"] == other.get(url).headers["etag"]


def test_an_empty_tile_is_204_or_an_empty_collection(client: Client) -> None:
    for path in ("/tiles/cameras/10/0/0", "/tiles/areas/10/0/0", "/tiles/coverage/charger-service/10/0/0"):
        assert client.get(f"{path}.mvt").status_code == 204, path
        assert client.get(f"{path}.mvt").content == b""
        answer = client.get(f"{path}.geojson")
        assert answer.json() == {"type": "FeatureCollection", "features": []}
        assert client.get(f"{path}.geojson", headers={"if-none-match": answer.headers["etag"]}).status_code == 304


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/tiles/cameras/40/0/0.mvt", "z must be 0 to 22"),
        ("/tiles/cameras/-1/0/0.mvt", "z must be 0 to 22"),
        ("/tiles/cameras/3/8/0.geojson", "x must be 0 to 7"),
        ("/tiles/cameras/3/0/-1.geojson", "y must be 0 to 7"),
        (f"/tiles/cameras/{10**30}/0/0.mvt", "z must be 0 to 22"),
        ("/tiles/coverage/charger-service/23/0/0.mvt", "z must be 0 to 22"),
        ("/collections/cameras/tiles/WebMercatorQuad/2/4/0", "y must be 0 to 3"),
        ("/tiles/cameras/1.5/0/0.mvt", "z: "),
        ("/tiles/cameras/a/0/0.mvt", "z: "),
    ],
)
def test_an_impossible_tile_is_400_with_the_range(client: Client, path: str, said: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 400
    assert said in answer.json()["detail"]


def test_every_fault_of_a_tile_is_named_at_once() -> None:
    with pytest.raises(BadParameter) as caught:
        check_tile(1, 2, 2)
    assert [fault.column for fault in caught.value.faults] == ["x", "y"]


def test_an_unknown_ending_is_404(client: Client) -> None:
    assert client.get("/tiles/cameras/1/0/0.png").status_code == 404


def test_the_ogc_address_has_the_row_before_the_column(client: Client) -> None:
    assert (
        client.get("/collections/cameras/tiles/WebMercatorQuad/13/3352/6855").content
        == client.get("/tiles/cameras/13/6855/3352.mvt").content
    )
    asked = client.get("/collections/cameras/tiles/WebMercatorQuad/13/3352/6855?f=geojson")
    assert asked.content == client.get("/tiles/cameras/13/6855/3352.geojson").content
    assert client.get("/collections/cameras/tiles/WebMercatorQuad/13/3352/6855?f=png").status_code == 400


def test_tilejson_leads_to_the_tiles(client: Client) -> None:
    body = client.get("/tiles/cameras/tilejson.json?as_of=2025-01-01").json()
    assert body["tiles"] == ["http://twin.test/tiles/cameras/{z}/{x}/{y}.mvt?as_of=2025-01-01"]
    assert body["bounds"] == [121.272, 31.004, 121.307, 31.034]
    assert body["vector_layers"][0]["id"] == "cameras"
    assert client.get(body["tiles"][0].format(z=13, x=6855, y=3352)).status_code == 200


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


@pytest.mark.parametrize("z", [3, 10, 14])
def test_tiles_of_an_empty_store_are_empty(empty: Client, z: int) -> None:
    for layer in ("cameras", "areas", "roads"):
        assert empty.get(f"/tiles/{layer}/{z}/0/0.mvt").status_code == 204
        assert empty.get(f"/tiles/{layer}/{z}/0/0.geojson").json()["features"] == []
