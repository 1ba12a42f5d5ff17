"""Tiles: nothing is left out at any zoom, caches are told the truth, impossible tiles are refused with the range."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import mapbox_vector_tile
import numpy as np
import pytest
import shapely
from fastapi import Response
from fastapi.routing import APIRoute
from shapely.geometry import shape

from tests.api.conftest import (
    BORN,
    EAST,
    N_LOCATED,
    NORTH,
    ON_EDGE,
    SOUTH,
    WEST,
    Client,
    InProcess,
    Make,
    record,
    records,
    store_of,
)
from twin.access import Caller, ExactRead
from twin.api import tiles
from twin.api.mercator import check_tile, lnglat_to_unit
from twin.api.quick_tiles import LEAST_ROLES, QuickTiles
from twin.api.tile_cache import OVERHEAD, KeptTile, TileCache
from twin.api.tiles import FEATURES_FROM, QUICK_ROWS, is_quick, make_tile
from twin.api.world import View
from twin.errors import BadParameter
from twin.layers import LAYERS
from twin.model import Edit, LayerTable, Record

DOWN = {"y_coord_down": True}


def app_of(client: Client) -> Any:
    """The app behind a client, without the layers around it."""
    app: Any = client._transport._inner.app  # type: ignore[attr-defined]
    return app


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


def test_the_same_tile_has_the_same_etag_after_an_edit_elsewhere(client: Client, make: Make) -> None:
    other = make(store_of([*records(), record("cameras", "far", (121.9, 31.5))]))
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


POINTS = [name for name, kind in LAYERS.items() if kind.geometry == "point"]


def scattered(layer: str, n: int = 60) -> list[Record]:
    """Points here and far away, on edges of tiles, on one spot, and two without a place on the map."""
    rng = np.random.default_rng(7)
    spread = [(lng, lat) for lng, lat in rng.normal([121.29, 31.02], 0.02, (n, 2)).tolist()]
    edges = [
        (121.2890625, 31.01),
        (121.2890625, 31.01),
        (-180.0, 0.0),
        (0.0, 0.0),
        (179.9999999, 85.0511),
        (12.5, -85.05),
    ]
    placed = [record(layer, f"p{i}", place, n_devices=1 + i % 3) for i, place in enumerate(spread + edges)]
    return [*placed, record(layer, "nowhere", None), record(layer, "pole", (121.0, 89.0))]


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


def read_both(geojson: bytes, mvt: bytes, layer: str) -> dict[str, list[Any]]:
    vector = mapbox_vector_tile.decode(mvt, default_options=DOWN)[layer]["features"] if mvt else []
    return {"geojson": json.loads(geojson)["features"], "mvt": vector}


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


def test_an_edit_changes_the_etag_of_the_tiles_that_it_touches_and_of_no_other(make: Make) -> None:
    store = store_of(records())
    client = make(store)
    urls = [
        f"/tiles/{layer}/{z}/{x}/{y}.{ending}"
        for layer in ("cameras", "chargers", "areas")
        for z in (13, 15)
        for x, y in tiles_over(z)
        for ending in ("mvt", "geojson")
    ]
    before = {url: client.get(url).headers["etag"] for url in urls}
    moved = record("cameras", "cam-00", (121.297, 31.03), access="own", n_devices=2)
    store.commit([Edit("change", moved, 1)], author="test", reason="moved", at=BORN)
    after = {url: client.get(url).headers["etag"] for url in urls}
    touched = {
        f"/tiles/cameras/{z}/{x}/{y}.{ending}"
        for z in (13, 15)
        for x, y in (lnglat_to_unit(np.array([(121.272, 31.004), (121.297, 31.03)])) * 2**z).astype(int).tolist()
        for ending in ("mvt", "geojson")
    }
    assert {url for url in urls if before[url] != after[url]} == touched


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


class Quick:
    """A followed world's app behind ``QuickTiles`` alone: what that leaves to the routes is 418."""

    def __init__(self, client: Client, caller: Caller | None = None) -> None:
        self.app, self.caller, self.scope = app_of(client), caller, {}
        self.app.state.world.twin.followed = True
        portal = client._transport._portal  # type: ignore[attr-defined]
        self.client = Client(transport=InProcess(self.asgi, portal), base_url="http://twin.test")

    async def asgi(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope
        scope |= {"app": self.app} | ({"caller": self.caller} if self.caller else {})
        await QuickTiles(Response(status_code=418))(scope, receive, send)


CAMERAS, OGC_CAMERAS = "/tiles/cameras/13/6855/3352", "/collections/cameras/tiles/WebMercatorQuad/13/3352/6855"


@pytest.mark.parametrize(
    "url",
    [f"{CAMERAS}.mvt", f"{CAMERAS}.geojson", OGC_CAMERAS, f"{OGC_CAMERAS}?f=geojson", f"{OGC_CAMERAS}?f=mvt",
     "/tiles/cameras/10/0/0.mvt", "/tiles/cameras/10/0/0.geojson", "/tiles/areas/12/3428/1676.mvt"],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_a_tile_is_answered_before_routing_as_its_route_answers(make: Make, url: str, encoding: str) -> None:
    quick, routed = Quick(make(store_of(records()))).client, make(store_of(records()))
    for etag in ("", routed.get(url, headers={"accept-encoding": encoding}).headers["etag"]):
        headers = {"accept-encoding": encoding, "if-none-match": etag}
        expected = routed.get(url, headers=headers)
        for _ in ("made", "kept"):
            found = quick.get(url, headers=headers)
            assert (found.status_code, found.content) == (expected.status_code, expected.content)
            names = ("etag", "content-encoding", "content-type", "cache-control", "content-length", "vary")
            assert {n: found.headers.get(n) for n in names} == {n: expected.headers.get(n) for n in names}


@pytest.mark.parametrize(
    "url",
    [f"{CAMERAS}.mvt?as_of=2025-01-01", f"{CAMERAS}.mvt?colour=red", f"{OGC_CAMERAS}?f=png", "/tiles/ufos/1/0/0.mvt",
     "/tiles/cameras/013/6855/3352.mvt", "/tiles/cameras/3/8/0.mvt", "/tiles/cameras/40/0/0.mvt",
     "/tiles/coverage/camera-count/8/0/0.mvt", f"{CAMERAS}.png", "/collections/cameras/items"],
)  # fmt: skip
def test_whatever_else_is_left_to_the_routes(make: Make, url: str) -> None:
    assert Quick(make(store_of(records()))).client.get(url).status_code == 418


def test_only_tiles_of_few_points_are_made_without_a_thread(make: Make) -> None:
    client = make(store_of(scattered("cameras", 2100)))
    view = View(app_of(client).state.world, {})
    snapshot, cameras = view.snapshot(), LAYERS["cameras"]
    many, few = (13, 6856, 3352), (16, 54852, 26818)
    assert not is_quick(view, snapshot, cameras, few, "mvt"), "the columns have yet to be made"
    sizes = [make_tile(view, snapshot, cameras, tile, "mvt").n for tile in (few, many, (4, 13, 6))]
    assert 0 < sizes[0] < QUICK_ROWS
    assert [is_quick(view, snapshot, cameras, tile, "mvt") for tile in (few, (4, 13, 6))] == [True, True]
    assert not is_quick(view, snapshot, cameras, few, "geojson")
    assert not is_quick(view, snapshot, LAYERS["areas"], few, "mvt")
    crowded = make(store_of([record("cameras", f"c{i}", (121.29, 31.02)) for i in range(QUICK_ROWS + 1)]))
    view = View(app_of(crowded).state.world, {})
    snapshot = view.snapshot()
    assert make_tile(view, snapshot, cameras, many, "mvt").n == QUICK_ROWS + 1
    assert not is_quick(view, snapshot, cameras, many, "mvt")


def test_where_the_store_would_have_to_be_asked_tiles_are_left_to_the_routes(make: Make) -> None:
    quick = Quick(make(store_of(records())))
    quick.app.state.world.twin.followed = False
    assert quick.client.get(f"{CAMERAS}.mvt").status_code == 418


def test_tiles_answered_before_routing_are_logged_and_allowed_as_their_routes(make: Make) -> None:
    assert set(LEAST_ROLES) <= {route.path for route in tiles.router.routes if isinstance(route, APIRoute)}
    quick = Quick(make(store_of(records())))
    quick.client.get(OGC_CAMERAS)
    assert quick.scope["route_template"] in LEAST_ROLES


def test_a_tile_is_told_to_the_audit_each_time(make: Make) -> None:
    quick = Quick(make(store_of(records())), Caller("key-1", "cleared"))
    for _ in ("made", "kept"):
        n = len(quick.client.get(f"{CAMERAS}.geojson").json()["features"])
        assert n > 0
        assert quick.scope["exact_reads"] == [ExactRead("cameras", "tile 13/6855/3352", n)]


def test_one_who_may_see_less_gets_another_tile(make: Make) -> None:
    client = make(store_of(records()))
    exact = Quick(client).client.get(f"{CAMERAS}.geojson").content
    for role in ("public", "planner"):
        quick = Quick(client, Caller("key-1", role))
        assert quick.client.get(f"{CAMERAS}.geojson").status_code == 418, "what that role sees has yet to be made"
        _ = View(quick.app.state.world, quick.scope).snapshot()
        assert exact != quick.client.get(f"{CAMERAS}.geojson").content


def test_after_an_edit_a_new_tile_is_answered(make: Make) -> None:
    quick = Quick(make(store_of(records())))
    before = quick.client.get(f"{CAMERAS}.geojson")
    moved = record("cameras", before.json()["features"][0]["id"], (121.9, 31.9), access="own")
    quick.app.state.world.twin.commit([Edit("change", moved, 1)], author="test", reason="moved")
    after = quick.client.get(f"{CAMERAS}.geojson", headers={"if-none-match": before.headers["etag"]})
    assert after.status_code == 200
    assert len(after.json()["features"]) == len(before.json()["features"]) - 1


def test_tiles_are_kept_up_to_so_many_bytes_those_used_last_stay() -> None:
    cache = TileCache(max_bytes=10 * (1000 + OVERHEAD))
    for i in range(30):
        cache.get(i, lambda i=i: KeptTile(bytes([i]) * 1000, 1))
        cache.get(0, lambda: KeptTile(b"", 0))
    assert cache.n_bytes <= 10 * (1000 + OVERHEAD)
    assert len(cache) == 10
    assert (cache.find(0) is None, cache.find(29) is None, cache.find(1) is None) == (False, False, True)


def test_a_kept_tile_counts_with_the_bytes_it_takes_when_packed() -> None:
    cache = TileCache()
    tile = cache.get("a", lambda: KeptTile(b"a" * 10_000, 1))
    assert cache.n_bytes == 10_000 + OVERHEAD
    assert gzip.decompress(tile.content(gzipped=True)) == tile.content(gzipped=False) == b"a" * 10_000
    cache.find("a")
    assert cache.n_bytes == tile.size < 1000 + OVERHEAD


def test_a_tile_made_anew_with_the_same_bytes_is_the_same_packed_tile() -> None:
    cache = TileCache()
    before = cache.get("before", lambda: KeptTile(b"tile" * 100, 4))
    packed = before.content(gzipped=True)
    assert cache.get("after", lambda: KeptTile(b"tile" * 100, 4)).content(gzipped=True) is packed
    assert cache.get("another", lambda: KeptTile(b"tile" * 100, 5)).n == 5


def test_many_who_ask_for_one_tile_at_once_have_it_made_once() -> None:
    cache, made, begun = TileCache(), [], threading.Barrier(8)

    def make_it() -> KeptTile:
        made.append(1)
        time.sleep(0.05)
        return KeptTile(b"x", 1)

    def ask() -> KeptTile:
        begun.wait()
        return cache.get("key", make_it)

    with ThreadPoolExecutor(8) as pool:
        tiles = {id(future.result()) for future in [pool.submit(ask) for _ in range(8)]}
    assert (len(made), len(tiles)) == (1, 1)
