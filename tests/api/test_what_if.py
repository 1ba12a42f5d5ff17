"""POST: other parameters, a drawn polygon, changes tried without saving."""

from __future__ import annotations

from typing import Any

import pytest
import shapely

from tests.api.conftest import EAST, NORTH, SOUTH, WEST, Client

URL = "/coverage/charger-service"
SQUARE = shapely.geometry.mapping(shapely.box(WEST, SOUTH, EAST, NORTH))
NEW = {"op": "add", "layer": "chargers", "key": "new", "after": {"lng": 121.275, "lat": 31.036}}


def test_without_a_body_of_wishes_it_is_the_same_result(client: Client) -> None:
    assert client.post(URL, json={}).json() == client.get(URL).json()


def test_parameters_and_area_are_those_of_the_query(client: Client) -> None:
    posted = client.post(URL, json={"parameters": {"radius_m": 900, "states": ["operating"]}, "area": "310112101"})
    assert posted.json() == client.get(f"{URL}?radius_m=900&states=operating&area=310112101").json()


def test_a_station_where_there_is_none_raises_the_share(client: Client) -> None:
    before = client.get(URL).json()
    body = client.post(URL, json={"changes": [NEW]}).json()
    assert body["share"] > before["share"]
    assert body["baseline"]["share"] == before["share"]
    assert body["baseline"]["snapshot"] == before["snapshot"] != body["snapshot"]
    assert body["difference_pp"] == pytest.approx(100 * (body["share"] - before["share"]))
    assert body["scenario"] == "what-if"
    assert body["gaps"]["open_km2"] < body["gaps"]["before"]["open_km2"]
    assert body["gaps"]["n"] >= len(body["gaps"]["largest"]) > 0
    assert client.get(URL).json() == before, "nothing was saved"


def test_removing_a_station_lowers_it_and_moving_it_back_changes_nothing(client: Client) -> None:
    removed = client.post(URL, json={"changes": [{"op": "remove", "layer": "chargers", "key": "west"}]}).json()
    assert removed["difference_pp"] < 0
    same = {
        "op": "change",
        "layer": "chargers",
        "key": "west",
        "before": {"lng": 0},
        "after": {"lng": 121.28, "lat": 31.01},
    }
    assert client.post(URL, json={"changes": [same]}).json()["difference_pp"] == 0


def test_a_count_differs_in_its_unit_and_has_no_percentage_points(client: Client) -> None:
    add = {"op": "add", "layer": "cameras", "after": {"lng": 121.28, "lat": 31.01, "n_devices": 3, "access": "own"}}
    body = client.post("/coverage/camera-count", json={"changes": [add]}).json()
    assert (body["difference"], body["difference_pp"], body["value"]) == (3, None, 52)


def test_a_drawn_polygon_is_judged_like_the_area_of_that_shape(client: Client) -> None:
    drawn, area = client.post(URL, json={"polygon": SQUARE}).json(), client.get(URL).json()
    assert drawn["share"] == pytest.approx(area["share"], abs=1e-9)
    assert (drawn["area"], drawn["binding"]) == ("drawn", True)
    with_change = client.post(URL, json={"polygon": SQUARE, "changes": [NEW]}).json()
    assert with_change["difference_pp"] > 0


def test_a_polygon_that_crosses_itself_is_repaired_and_its_name_says_so(client: Client) -> None:
    tie = [[121.28, 31.01], [121.29, 31.02], [121.29, 31.01], [121.28, 31.02], [121.28, 31.01]]
    halves = [
        [[121.28, 31.01], [121.285, 31.015], [121.28, 31.02]],
        [[121.29, 31.01], [121.29, 31.02], [121.285, 31.015]],
    ]
    two = {"type": "MultiPolygon", "coordinates": [[[*half, half[0]]] for half in halves]}
    repaired = client.post(
        "/coverage/charger-service", json={"polygon": {"type": "Polygon", "coordinates": [tie]}}
    ).json()
    proper = client.post("/coverage/charger-service", json={"polygon": two}).json()
    assert (repaired["area_name"], repaired["area_name_en"]) == ("自绘范围（已修复）", "drawn area (repaired)")
    assert repaired["share"] == pytest.approx(proper["share"], abs=1e-9)
    assert repaired["area_km2"] == pytest.approx(proper["area_km2"], rel=1e-9)


def test_times_are_taken_from_the_body(client: Client) -> None:
    assert client.post(URL, json={"as_of": "2024-05-01"}).json()["as_of"] == "2024-05-01T15:59:59Z"


BAD: dict[str, tuple[Any, str]] = {
    "unknown field": ({"colour": 1}, "colour"),
    "unknown field of a change": ({"changes": [{**NEW, "x": 1}]}, "changes.0.x"),
    "unknown op": ({"changes": [{**NEW, "op": "burn"}]}, "changes.0.op"),
    "unknown parameter": ({"parameters": {"radius": 1}}, "radius"),
    "unknown layer": ({"changes": [{**NEW, "layer": "ufos"}]}, "layer"),
    "a layer that is no point layer": ({"changes": [{**NEW, "layer": "areas"}]}, "layer"),
    "a key that exists": ({"changes": [{**NEW, "key": "west"}]}, "key"),
    "a key that does not": ({"changes": [{**NEW, "op": "remove"}]}, "key"),
    "no place": ({"changes": [{**NEW, "after": {}}]}, "lng"),
    "a latitude of words": ({"changes": [{**NEW, "after": {"lng": 121, "lat": "north"}}]}, "lat"),
    "a huge number": ({"changes": [{**NEW, "after": {"lng": 10**400, "lat": 31}}]}, "changes.0.after.lng"),
    "too many devices": ({"changes": [{**NEW, "after": {"lng": 121.28, "lat": 31, "n_devices": 10**6}}]}, "n_devices"),
    "a bad date": ({"as_of": "soon"}, "as_of"),
    "area and polygon": ({"area": "310112", "polygon": SQUARE}, "polygon"),
    "a point for a polygon": ({"polygon": {"type": "Point", "coordinates": [121, 31]}}, "polygon"),
    "a polygon of words": ({"polygon": {"type": "Polygon", "coordinates": "here"}}, "polygon"),
    "an empty polygon": ({"polygon": {"type": "Polygon", "coordinates": []}}, "polygon"),
    "no GeoJSON": ({"polygon": {}}, "polygon"),
    "off the globe": (
        {"polygon": {"type": "Polygon", "coordinates": [[[0, 0], [999, 0], [999, 9], [0, 0]]]}},
        "polygon",
    ),
    "half the world": ({"polygon": shapely.geometry.mapping(shapely.box(0, 0, 90, 60))}, "polygon"),
    "nested parameters": ({"parameters": {"zones": [[[[1]]]]}}, "parameters.zones"),
    "a list": ([], ""),
    "a number": (3, ""),
}


@pytest.mark.parametrize(("body", "column"), BAD.values(), ids=BAD)
def test_a_bad_body_is_400_and_says_where(client: Client, body: Any, column: str) -> None:
    answer = client.post(URL, json=body)
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert any(e["column"].startswith(column) for e in answer.json()["errors"]), answer.text


@pytest.mark.parametrize(
    "content", [b"", b"{", b"null", b"\xff", b'{"area": NaN}', b'{"area": "\\ud800"}', b"[" * 100_000]
)
def test_a_body_that_is_no_json_is_400(client: Client, content: bytes) -> None:
    answer = client.post(URL, content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 400, answer.text


def test_an_unknown_rule_is_404_whatever_the_body(client: Client) -> None:
    assert client.post("/coverage/nope", json={}).status_code == 404
