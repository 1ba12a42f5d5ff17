"""Collections and items: what they say, and paging that shows every feature exactly once."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
import shapely

from tests.api.conftest import MIDDLE, N_CAMERAS, N_LOCATED, NORTH, SOUTH, Client, Make, record, records, store_of
from twin.layers import LAYERS


@pytest.mark.parametrize("path", ["/", "/conformance", "/collections", "/collections/cameras"])
def test_ogc_pages_are_json_and_take_f(client: Client, path: str) -> None:
    assert client.get(path, params={"f": "json"}).headers["content-type"] == "application/json"
    assert client.get(path, params={"f": "xml"}).status_code == 400


def test_the_landing_page_links_to_everything_on_the_host_that_was_asked(client: Client) -> None:
    body = client.get("/", headers={"host": "map.example:8443"}).json()
    links = {link["rel"]: link["href"] for link in body["links"]}
    assert {"self", "service-desc", "service-doc", "conformance", "data", "map"} <= set(links)
    assert links["data"] == "http://map.example:8443/collections"


def test_every_link_of_the_landing_page_answers_with_the_type_it_says(client: Client) -> None:
    for link in client.get("/").json()["links"]:
        answer = client.get(link["href"])
        assert answer.status_code == 200, link
        assert answer.headers["content-type"].startswith(link["type"].partition(";")[0]), link


def test_every_layer_is_a_collection_even_when_it_is_empty(client: Client, empty: Client) -> None:
    for c in (client, empty):
        assert [entry["id"] for entry in c.get("/collections").json()["collections"]] == list(LAYERS)


def test_a_collection_says_where_its_data_come_from(client: Client) -> None:
    body = client.get("/collections/cameras").json()
    assert (body["title"], body["itemType"], body["n_features"]) == ("Cameras", "feature", N_CAMERAS)
    assert (body["synthetic"], body["schematic"], body["frame"]) == (True, True, "wgs84")
    assert body["updated"] == "2024-05-01T00:00:00Z"
    assert body["extent"]["spatial"]["bbox"] == [[121.27, 31.0, 121.31, 31.04]]


@pytest.mark.parametrize(
    ("headers", "title"),
    [
        ({}, "Chargers"),
        ({"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"}, "充电站"),
        ({"accept-language": "en-GB,zh;q=0.5"}, "en"),
        ({"accept-language": "fr"}, "en"),
    ],
)
def test_titles_follow_the_language_asked_for(client: Client, headers: dict[str, str], title: str) -> None:
    found = client.get("/collections/chargers", headers=headers).json()["title"]
    assert found == (LAYERS["chargers"].title.zh if title == "充电站" else LAYERS["chargers"].title.en)


def test_lang_in_the_query_wins_over_the_header(client: Client) -> None:
    answer = client.get("/collections/chargers?lang=zh", headers={"accept-language": "en"})
    assert answer.json()["title"] == "充电站"


@pytest.mark.parametrize("name", ["queryables", "schema"])
def test_schemas_have_every_field_with_unit_and_domain(client: Client, name: str) -> None:
    answer = client.get(f"/collections/chargers/{name}")
    properties = answer.json()["properties"]
    assert answer.headers["content-type"] == "application/schema+json"
    assert properties["max_power_kw"]["x-unit"] == "kW"
    assert "public" in properties["station_type"]["enum"]
    item = client.get("/collections/chargers/items").json()["features"][0]
    assert set(item["properties"]) | {"geometry"} == set(properties) - {"lifecycle_assumed"}


def test_the_next_links_walk_the_whole_layer_exactly_once(client: Client) -> None:
    url: str | None = "/collections/cameras/items?limit=7"
    keys: list[str] = []
    while url:
        body = client.get(url).json()
        keys += [feature["id"] for feature in body["features"]]
        assert body["numberMatched"] == N_CAMERAS
        assert body["numberReturned"] == len(body["features"])
        url = next((link["href"] for link in body["links"] if link["rel"] == "next"), None)
    assert len(keys) == N_CAMERAS
    assert len(set(keys)) == N_CAMERAS


def test_an_edit_between_two_pages_neither_repeats_nor_drops_a_feature(make: Make) -> None:
    fresh = make(store_of(records()))
    path, seen, matched = "/collections/cameras/items?limit=7&bbox=121,30,122,32&online=true", [], set()
    for turn in range(20):
        body = fresh.get(path).json()
        matched.add(body["numberMatched"])
        seen += [feature["id"] for feature in body["features"]]
        following = [link["href"] for link in body["links"] if link["rel"] == "next"]
        if not following:
            break
        path = following[0]
        east = {
            "type": "Feature",
            "properties": {"online": False},
            "geometry": {"type": "Point", "coordinates": [121.30 - turn / 1000, 31.001]},
        }
        sent = {"headers": {"content-type": "application/geo+json"}, "json": east}
        assert fresh.patch(f"/collections/cameras/items/cam-{(turn * 11) % 48:02d}", **sent).status_code == 200
        assert (
            fresh.post(
                "/collections/cameras/items",
                **{**sent, "json": {**east, "properties": {"key": f"cam-{turn:02d}x", "online": True}}},
            ).status_code
            == 201
        )
    assert seen == [f"cam-{i:02d}" for i in range(48)]
    assert matched == {48}


@pytest.mark.parametrize(
    ("limit", "returned"), [(None, 10), (1, 1), (10_000, N_CAMERAS), (10_001, N_CAMERAS), (10**30, N_CAMERAS)]
)
def test_a_limit_over_the_maximum_is_clamped(client: Client, limit: int | None, returned: int) -> None:
    answer = client.get("/collections/cameras/items", params={} if limit is None else {"limit": limit})
    assert answer.json()["numberReturned"] == returned


def test_a_bbox_takes_its_edges_in(client: Client) -> None:
    def matched(bbox: str) -> int:
        return int(client.get("/collections/cameras/items", params={"bbox": bbox}).json()["numberMatched"])

    assert matched("121.272,31.004,121.277,31.004") == 2
    assert matched("121.2721,31.004,121.277,31.004") == 1
    assert matched("121.272,31.004,-5,121.277,31.010,50") == 4
    assert matched("170,-90,122,90") == N_LOCATED
    assert matched("170,-90,121,90") == 0


def test_lines_and_polygons_meet_a_bbox_by_their_bounds(client: Client) -> None:
    body = client.get("/collections/areas/items", params={"bbox": "121.275,31.001,121.276,31.002"}).json()
    assert {feature["id"] for feature in body["features"]} == {"310112", "310112101"}


def test_a_feature_has_the_fields_that_callers_rely_on(client: Client) -> None:
    answer = client.get("/collections/chargers/items/east")
    feature = answer.json()
    properties = feature["properties"]
    assert answer.headers["content-type"] == "application/geo+json"
    assert feature["geometry"] == {"type": "Point", "coordinates": [121.3, 31.03]}
    assert (feature["id"], properties["key"], properties["online"], properties["n_devices"]) == (
        "east",
        "east",
        None,
        1,
    )
    assert (properties["valid_from"], properties["valid_to"]) == ("2024-05-01T00:00:00Z", None)
    assert (properties["n_connectors"], properties["max_power_kw"], properties["version"]) == (12, None, 1)
    assert isinstance(properties["n_connectors"], int)
    assert len(properties["cell"]) == 15
    assert properties["cell"].startswith("8c")
    assert {link["rel"] for link in feature["links"]} == {"self", "alternate", "collection"}


def test_a_key_may_hold_a_slash_and_a_feature_no_place(client: Client) -> None:
    feature = client.get("/collections/cameras/items/nowhere%2F1").json()
    assert (feature["id"], feature["geometry"], feature["properties"]["cell"]) == ("nowhere/1", None, None)


def test_polygons_are_counter_clockwise(client: Client) -> None:
    ring = client.get("/collections/areas/items/310112").json()["geometry"]["coordinates"][0]
    doubled = sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise(ring))
    assert doubled > 0


@pytest.mark.parametrize(
    ("as_of", "matched"),
    [
        ("2024-04-30", 0),  # ends on May 1st at midnight in Shanghai, eight hours before
        ("2024-05-01", N_CAMERAS),
        ("2024-05-01T07:59:59", 0),  # without an offset: in Shanghai
        ("2024-05-01T00:00:00Z", N_CAMERAS),
        ("2024-05-01T08:00:00+08:00", N_CAMERAS),  # a bare plus arrives as a blank
    ],
)
def test_as_of_is_a_moment_or_the_end_of_a_day_in_shanghai(client: Client, as_of: str, matched: int) -> None:
    assert client.get(f"/collections/cameras/items?as_of={as_of}").json()["numberMatched"] == matched


def test_known_at_shows_what_had_been_recorded(client: Client) -> None:
    assert client.get("/collections/cameras/items?known_at=2024-04-30").json()["numberMatched"] == 0
    assert client.get("/collections/cameras/items?known_at=2024-05-01").json()["numberMatched"] == N_CAMERAS


def test_areas_can_be_asked_for_as_features(client: Client) -> None:
    body = client.get("/collections/areas/items", params={"bbox": f"{MIDDLE},{SOUTH},{MIDDLE},{NORTH}"}).json()
    assert {f["properties"]["code"]: f["properties"]["level"] for f in body["features"]} == {
        "310112": "district", "310112101": "town", "310112102": "town", "outer-ring": "zone",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "matched"),
    [
        ("2024-05-01T00:00:00Z", 1),  # begins then: in
        ("2025-01-01T00:00:00Z", 0),  # ends then: out
        ("2024-12-31T23:59:59Z", 1),
        ("2024-05-01", 1),
        ("2024-04-30", 0),
        ("../2024-04-30", 0),
        ("2024-12-31/..", 1),
        ("2025-01-01/2025-02-01", 1),  # the first of January begins eight hours earlier in Shanghai
        ("2025-01-02/2025-02-01", 0),
        ("2020-01-01/2030-01-01", 1),
        ("../..", 1),
    ],
)
def test_datetime_keeps_what_is_valid_then(make: Make, text: str, matched: int) -> None:
    ended = record("cameras", "ended", (121.28, 31.01), valid_to=datetime(2025, 1, 1, tzinfo=UTC))
    app = make(store_of([ended]))
    query = {"as_of": "2024-06-01", "datetime": text}
    assert app.get("/collections/cameras/items", params=query).json()["numberMatched"] == matched


@pytest.mark.parametrize("text", ["", "/", "soon", "2025-01-02/2025-01-01", "a/b", "2024-05-01/2024-05-02/x"])
def test_a_datetime_that_is_none_is_refused(client: Client, text: str) -> None:
    answer = client.get("/collections/cameras/items", params={"datetime": text})
    assert answer.status_code == (200 if text == "/" else 400)


def test_a_box_holds_what_meets_it_not_what_its_outline_would(make: Make) -> None:
    bent = shapely.LineString([(121.275, 31.005), (121.275, 31.035), (121.305, 31.035)])
    roads = make(store_of([*records(), record("roads", "bent", bent)]))
    inside, across = "121.29,31.01,121.30,31.02", "121.27,31.01,121.28,31.02"
    assert roads.get(f"/collections/roads/items?bbox={inside}").json()["numberMatched"] == 0
    assert roads.get(f"/collections/roads/items?bbox={across}").json()["numberMatched"] == 1


def test_datetime_finds_what_was_valid_then_whatever_has_been_changed_since(make: Make) -> None:
    fresh = make(store_of(records()))
    sent = {
        "headers": {"content-type": "application/geo+json"},
        "json": {"type": "Feature", "properties": {"online": False}},
    }
    assert fresh.patch("/collections/chargers/items/west", **sent).status_code == 200
    assert fresh.delete("/collections/chargers/items/east?reason=x").status_code == 200
    body = fresh.get("/collections/chargers/items?datetime=2025-06-01").json()
    assert {f["id"]: f["properties"]["online"] for f in body["features"]} == {
        "west": True,
        "east": None,
        "private": True,
        "soon": True,
    }
    assert fresh.get("/collections/chargers/items?datetime=2023-06-01").json()["numberMatched"] == 0
    assert fresh.get("/collections/chargers/items?datetime=2026-01-01/..").json()["numberMatched"] == 3
