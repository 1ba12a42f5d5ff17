"""TileJSON of layers and of rules' hexes: it leads to the tiles, and names all that they hold, where, and whom to credit."""

from __future__ import annotations

from typing import Any

import mapbox_vector_tile
import pytest
import shapely
from anyio.from_thread import BlockingPortal

from tests.api.conftest import BORN, Client, Make, record, records, store_of
from tests.api.tiling import DOWN, tiles_over
from tests.api.withheld import CALLERS, As, Asked
from twin.api.mercator import MAX_LAT, MAX_ZOOM
from twin.layers import LAYERS
from twin.model import Edit, Source
from twin.store.memory import MemoryStore

RULES = ("charger-service", "camera-density", "camera-count", "radio-coverage", "charger-balance")


def told(client: Client, path: str) -> dict[str, Any]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def fields_of(body: dict[str, Any]) -> dict[str, str]:
    (layer,) = body["vector_layers"]
    fields: dict[str, str] = layer["fields"]
    return fields


def properties(client: Client, path: str, z: int) -> set[str]:
    """The names of all that the vector tiles of a zoom say of something."""
    contents = [client.get(f"/tiles/{path}/{z}/{x}/{y}.mvt").content for x, y in tiles_over(z)]
    layers = [mapbox_vector_tile.decode(c, default_options=DOWN) for c in contents if c]
    return {name for tile in layers for layer in tile.values() for f in layer["features"] for name in f["properties"]}


@pytest.fixture(scope="module")
def everything(make: Make) -> Client:
    """The small world with a road, a building, and a charger of which a source says more than the layer knows."""
    return make(
        store_of(
            [
                *records(),
                record("roads", "road", shapely.LineString([(121.27, 31.0), (121.31, 31.03)])),
                record("buildings", "house", shapely.box(121.28, 31.01, 121.281, 31.011), lifecycle_assumed=True),
                record("chargers", "more", (121.281, 31.012), station_type="public", tariff="夜间半价"),
            ]
        )
    )


@pytest.mark.parametrize("z", [8, 13])
@pytest.mark.parametrize("layer", [*LAYERS])
def test_a_layer_s_tilejson_names_everything_that_its_tiles_say(everything: Client, layer: str, z: int) -> None:
    body = told(everything, f"/tiles/{layer}/tilejson.json")
    found = properties(everything, layer, z)
    assert found <= set(fields_of(body))
    assert bool(found) == (body["features"] > 0)


def test_what_only_one_source_says_is_named_too(everything: Client) -> None:
    assert fields_of(told(everything, "/tiles/chargers/tilejson.json"))["tariff"] == "tariff"


@pytest.mark.parametrize("z", [8, 11, 13])
@pytest.mark.parametrize("rule", RULES)
def test_a_rule_s_tilejson_names_everything_that_its_hexes_say(client: Client, rule: str, z: int) -> None:
    body = told(client, f"/tiles/coverage/{rule}/tilejson.json")
    found = properties(client, f"coverage/{rule}", z)
    assert {"cell", "status", "area_km2"} <= found <= set(fields_of(body))


def test_fields_have_titles_in_both_languages_with_their_units(client: Client) -> None:
    said = {lang: told(client, f"/tiles/coverage/charger-service/tilejson.json?lang={lang}") for lang in ("zh", "en")}
    assert fields_of(said["zh"])["nearest_m"] == "到最近一处的距离 (m)"
    assert fields_of(said["en"])["nearest_m"] == "Distance to the nearest that counts (m)"
    assert fields_of(said["en"])["value"] == "Value (share)"
    assert said["zh"]["description"] != said["en"]["description"]
    density = told(client, "/tiles/coverage/camera-density/tilejson.json?lang=en")
    assert fields_of(density)["value"] == "Value (个/km²)"
    assert fields_of(told(client, "/tiles/chargers/tilejson.json?lang=en"))["max_power_kw"].endswith("(kW)")


def test_what_a_rule_was_asked_goes_into_the_address_of_its_tiles(client: Client) -> None:
    asked = {"radius_m": 50_000, "zones": "[]", "as_of": "2025-06-01"}
    answer = client.get("/tiles/coverage/charger-service/tilejson.json", params=asked)
    (address,) = answer.json()["tiles"]
    tile = client.get(address.format(z=12, x=3428, y=1676)).content
    (layer,) = mapbox_vector_tile.decode(tile).values()
    assert {f["properties"]["status"] for f in layer["features"]} == {"all"}
    plain = told(client, "/tiles/coverage/charger-service/tilejson.json")
    (layer,) = mapbox_vector_tile.decode(client.get(plain["tiles"][0].format(z=12, x=3428, y=1676)).content).values()
    assert len({f["properties"]["status"] for f in layer["features"]}) > 1


@pytest.mark.parametrize("path", ["cameras", "coverage/charger-service"])
def test_the_language_does_not_go_into_the_address_of_tiles(client: Client, path: str) -> None:
    (address,) = told(client, f"/tiles/{path}/tilejson.json?lang=zh")["tiles"]
    assert address == f"http://twin.test/tiles/{path}/{{z}}/{{x}}/{{y}}.mvt"


def test_an_unknown_parameter_or_rule_is_refused_as_for_the_tiles(client: Client) -> None:
    for path in ("coverage/charger-service", "coverage/no-such-rule"):
        for query in ("", "?colour=red", "?radius_m=-1", "?area=nowhere"):
            tile = client.get(f"/tiles/{path}/12/3428/1676.mvt{query}")
            assert client.get(f"/tiles/{path}/tilejson.json{query}").status_code == tile.status_code


@pytest.mark.parametrize("name", CALLERS)
@pytest.mark.parametrize("rule", ["camera-density", "charger-service", "sensor-count"])
def test_whoever_may_not_see_a_rule_s_tiles_may_not_see_its_tilejson(
    portal: BlockingPortal, gate: As, name: str, rule: str
) -> None:
    ask = Asked(portal, gate, name)
    tile = ask(f"/tiles/coverage/{rule}/12/3428/1676.mvt")
    assert tile.status_code in (200, 403)
    assert ask(f"/tiles/coverage/{rule}/tilejson.json").status_code == tile.status_code


def test_hexes_of_things_shown_coarsely_say_so(portal: BlockingPortal, gate: As) -> None:
    said = {name: Asked(portal, gate, name)("/tiles/coverage/camera-density/tilejson.json") for name in CALLERS}
    assert said["public"].status_code == 403
    assert "By permission" in said["planner"].json()["attribution"]
    assert "By permission" not in said["cleared"].json()["attribution"]


@pytest.mark.parametrize("resolution", [7, 8, 9, 10])
@pytest.mark.parametrize("area", ["310112", "310112101"])
def test_the_bounds_hold_every_hex_of_every_zoom(client: Client, resolution: int, area: str) -> None:
    body = told(client, f"/tiles/coverage/charger-service/tilejson.json?area={area}")
    west, south, east, north = body["bounds"]
    cells = told(client, f"/coverage/charger-service/cells?resolution={resolution}&f=geojson&area={area}")["features"]
    places = [place for hexagon in cells for place in hexagon["geometry"]["coordinates"][0]]
    assert places
    assert all(west <= lng <= east and south <= lat <= north for lng, lat in places)
    assert east - west < 0.5 + max(lng for lng, _ in places) - min(lng for lng, _ in places)


@pytest.mark.parametrize("path", ["cameras", "areas", "chargers", "radio_sites", "coverage/camera-density"])
def test_the_centre_lies_in_the_bounds_at_a_zoom_that_is_served(client: Client, path: str) -> None:
    body = told(client, f"/tiles/{path}/tilejson.json")
    west, south, east, north = body["bounds"]
    lng, lat, zoom = body["center"]
    assert west <= lng <= east
    assert south <= lat <= north
    assert body["minzoom"] <= zoom <= body["maxzoom"] == MAX_ZOOM


def test_a_single_point_is_not_shown_from_a_metre_away(make: Make) -> None:
    body = told(make(store_of([record("cameras", "one", (121.3, 31.0))])), "/tiles/cameras/tilejson.json")
    assert body["bounds"] == [121.3, 31.0, 121.3, 31.0]
    assert body["center"] == [121.3, 31.0, 16]


def test_what_lies_beyond_the_map_does_not_widen_the_bounds(make: Make) -> None:
    pole = record("cameras", "pole", (10.0, 89.0))
    body = told(make(store_of([pole, record("cameras", "one", (121.303, 31.005))])), "/tiles/cameras/tilejson.json")
    assert body["bounds"] == [121.3, 31.0, 121.31, 31.01]
    assert "bounds" not in told(make(store_of([pole])), "/tiles/cameras/tilejson.json")
    across = record("buildings", "across", shapely.box(10, 80, 11, 89))
    assert told(make(store_of([across])), "/tiles/buildings/tilejson.json")["bounds"] == [10, 80, 11, MAX_LAT]


@pytest.mark.parametrize("path", ["cameras", "areas", "roads"])
def test_a_layer_that_holds_nothing_is_described_all_the_same(empty: Client, path: str) -> None:
    body = told(empty, f"/tiles/{path}/tilejson.json")
    assert (body["tilejson"], body["minzoom"], body["maxzoom"]) == ("3.0.0", 0, MAX_ZOOM)
    assert {"bounds", "center", "attribution"}.isdisjoint(body)
    assert {"key", "name", "source", "cell"} <= set(fields_of(body))


def test_a_rule_without_hexes_is_described_all_the_same(client: Client) -> None:
    body = told(client, "/tiles/coverage/vital-signs/tilejson.json")
    assert {"bounds", "center"}.isdisjoint(body)
    assert "cell" in fields_of(body)


def test_a_rule_whose_area_is_not_loaded_is_refused_as_its_tiles_are(empty: Client) -> None:
    tile = empty.get("/tiles/coverage/camera-density/12/3428/1676.mvt")
    answer = empty.get("/tiles/coverage/camera-density/tilejson.json")
    assert answer.status_code == tile.status_code == 422
    assert answer.json()["type"] == tile.json()["type"]


def of_source(title: str, licence: str, **more: Any) -> MemoryStore:
    store = MemoryStore()
    source = Source("made-up", title, "wgs84", licence=licence, **more)
    store.commit([Edit("add", r) for r in records()], author="test", reason="test", at=BORN, sources=[source])
    return store


def test_a_source_with_a_licence_is_credited_as_text_that_no_map_takes_for_a_script(make: Make) -> None:
    client = make(of_source("A & <b>B</b>", "CC BY 4.0"))
    said = "A &amp; &lt;b&gt;B&lt;/b&gt; (CC BY 4.0)"
    assert told(client, "/tiles/chargers/tilejson.json")["attribution"] == said
    assert told(client, "/tiles/coverage/charger-balance/tilejson.json")["attribution"].startswith(said)
    assert told(client, "/collections/chargers/tiles/WebMercatorQuad")["attribution"] == said


def test_nobody_is_credited_who_does_not_ask_for_it(make: Make) -> None:
    assert "attribution" not in told(make(of_source("A", "")), "/tiles/chargers/tilejson.json")


def test_synthetic_data_say_so_beside_every_map(make: Make) -> None:
    client = make(of_source("A", "", synthetic=True))
    assert told(client, "/tiles/chargers/tilejson.json?lang=zh")["attribution"] == "模拟数据，不代表实际情况"
    assert told(client, "/tiles/chargers/tilejson.json?lang=en")["attribution"] == "Synthetic data, not real"
