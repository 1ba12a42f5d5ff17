"""Edits over HTTP: what comes back, who wins, what is refused, and the history that stays."""

from __future__ import annotations

from threading import Barrier, Thread
from typing import Any

import pytest

from tests.api.conftest import Client, Make, records, store_of

GEOJSON = {"content-type": "application/geo+json"}
ITEM = "/collections/chargers/items/west"


@pytest.fixture
def fresh(make: Make) -> Client:
    """The small world, to write to."""
    return make(store_of(records()))


def feature(place: list[float] | None = None, **properties: Any) -> dict[str, Any]:
    geometry = None if place is None else {"type": "Point", "coordinates": place}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def test_a_feature_is_added_and_found_where_the_answer_says(fresh):
    answer = fresh.post("/collections/chargers/items", params={"by": "王工", "reason": "新站"},
                        json=feature([121.29, 31.02], key="新/1", n_connectors=6), headers=GEOJSON)  # fmt: skip
    assert answer.status_code == 201
    there = fresh.get(answer.headers["location"])
    assert there.status_code == 200
    assert there.json()["properties"]["n_connectors"] == 6
    assert there.json()["geometry"]["coordinates"] == [121.29, 31.02]
    assert there.headers["etag"] == answer.headers["etag"] == '"v1"'
    assert answer.json()["transaction"]["author"] == "王工"
    again = fresh.post("/collections/chargers/items", json=feature([121.29, 31.02], key="新/1"), headers=GEOJSON)
    assert (again.status_code, again.json()["type"]) == (409, "urn:twin:problem:conflict")


def test_the_features_id_is_its_key_and_without_one_it_gets_one(fresh):
    named = fresh.post("/collections/chargers/items", json={**feature(name="x"), "id": "mine"}, headers=GEOJSON)
    assert named.json()["id"] == "mine"
    unnamed = fresh.post("/collections/chargers/items", json=feature(name="y"), headers=GEOJSON)
    assert unnamed.status_code == 201
    assert len(unnamed.json()["id"]) == 12


def test_what_get_gave_can_be_put_back_and_changes_nothing_else(fresh):
    before = fresh.get(ITEM)
    body = before.json()
    body["properties"]["name"] = "改名"
    answer = fresh.put(ITEM, json=body, headers={**GEOJSON, "if-match": before.headers["etag"]})
    assert answer.status_code == 200
    after = fresh.get(ITEM)
    assert after.headers["etag"] == answer.headers["etag"] != before.headers["etag"]
    same = {k: v for k, v in after.json()["properties"].items() if k not in ("name", "version", "valid_from")}
    assert same == {k: v for k, v in before.json()["properties"].items() if k in same}
    assert after.json()["properties"]["name"] == "改名"


def test_a_patch_changes_what_it_names(fresh):
    answer = fresh.patch(
        ITEM, json={"properties": {"online": False}}, headers={"content-type": "application/merge-patch+json"}
    )
    assert answer.json()["properties"]["online"] is False
    assert answer.json()["properties"]["n_connectors"] == 4
    moved = fresh.patch(ITEM, json={"geometry": {"type": "Point", "coordinates": [121.3, 31.0]}}, headers=GEOJSON)
    assert moved.json()["geometry"]["coordinates"] == [121.3, 31.0]


def test_an_edit_shows_at_once_in_items_tiles_and_coverage(fresh):
    def served() -> float:
        return float(fresh.get("/coverage/charger-service").json()["value"])

    before, tile = served(), fresh.get("/tiles/chargers/12/3427/1677.geojson").json()
    fresh.delete(ITEM, params={"reason": "拆除"})
    assert fresh.get(ITEM).status_code == 404
    assert served() < before
    assert fresh.get("/tiles/chargers/12/3427/1677.geojson").json() != tile or tile["features"] == []


def test_a_stale_if_match_is_412_with_the_current_version(fresh):
    seen = fresh.get(ITEM).headers["etag"]
    fresh.patch(ITEM, json={"properties": {"name": "first"}}, headers={**GEOJSON, "if-match": seen})
    for late in (
        fresh.patch(ITEM, json={"properties": {"name": "late"}}, headers={**GEOJSON, "if-match": seen}),
        fresh.put(ITEM, json=feature(name="late"), headers={**GEOJSON, "if-match": seen}),
        fresh.delete(ITEM, params={"reason": "r"}, headers={"if-match": seen}),
    ):
        assert (late.status_code, late.json()["type"]) == (412, "urn:twin:problem:stale")
        assert f'"v{late.json()["current_version"]}"' == fresh.get(ITEM).headers["etag"]
    assert fresh.get(ITEM).json()["properties"]["name"] == "first"


def test_of_many_who_edit_at_the_same_moment_exactly_one_wins(fresh):
    seen, together, codes = fresh.get(ITEM).headers["etag"], Barrier(6), []

    def edit(n: int) -> None:
        together.wait()
        headers = {**GEOJSON, "if-match": seen}
        codes.append(fresh.patch(ITEM, json={"properties": {"name": f"n{n}"}}, headers=headers).status_code)

    threads = [Thread(target=edit, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [200, 412, 412, 412, 412, 412]


def test_if_match_can_be_made_a_must(make):
    strict = make(store_of(records()), require_if_match=True)
    refused = strict.patch(ITEM, json={"properties": {"name": "x"}}, headers=GEOJSON)
    assert (refused.status_code, refused.json()["type"]) == (428, "urn:twin:problem:if-match-required")
    seen = strict.get(ITEM).headers["etag"]
    assert strict.patch(ITEM, json={"properties": {"name": "x"}}, headers={**GEOJSON, "if-match": seen}).is_success


@pytest.mark.parametrize(
    ("send", "status", "says"),
    [
        ({"content": b"{", "headers": GEOJSON}, 400, "JSON"),
        ({"content": b"[1]", "headers": GEOJSON}, 400, "Feature"),
        ({"content": b"{}", "headers": {"content-type": "text/plain"}}, 415, "text/plain"),
        ({"json": feature(colour="red"), "headers": GEOJSON}, 400, "colour"),
        ({"json": {**feature(), "geometry": {"type": "Point", "coordinates": "x"}}, "headers": GEOJSON}, 400, "geometry"),
        ({"json": {**feature(), "geometry": {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}}, "headers": GEOJSON}, 400, "points"),
        ({"json": {**feature(), "type": "Point"}, "headers": GEOJSON}, 400, "Feature"),
        ({"json": {"type": "Feature", "properties": [], "geometry": None}, "headers": GEOJSON}, 400, "object"),
        ({"json": feature(extra="x"), "headers": GEOJSON}, 400, "object"),
        ({"json": feature(n_connectors=-1, max_power_kw="much"), "headers": GEOJSON}, 400, "max_power_kw"),
        ({"json": feature(name="x"), "headers": {**GEOJSON, "if-match": "soon"}}, 400, "ETag"),
        ({"json": feature(name="x"), "headers": {**GEOJSON, "if-match": f'"v{"9" * 6000}"'}}, 412, "stale"),
        ({"json": {**feature(), "id": "east"}, "headers": GEOJSON}, 400, "address"),
        ({"json": {**feature(), "id": True}, "headers": GEOJSON}, 400, "text"),
        ({"json": feature(name=["x"]), "headers": GEOJSON}, 400, "single"),
        ({"json": {**feature(), "geometry": {"type": "Point", "coordinates": ["121", "31"]}}, "headers": GEOJSON}, 400, "usable"),
        ({"json": {**feature(), "geometry": {"type": "Point", "coordinates": [True, False]}}, "headers": GEOJSON}, 400, "usable"),
        ({"json": {**feature(), "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}},
          "headers": GEOJSON}, 400, "Self-intersection"),
        ({"content": b" " * (5 << 20), "headers": GEOJSON}, 413, "MiB"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_and_nothing_is_recorded(fresh, send, status, says):
    before = fresh.get(ITEM).content
    answer = fresh.put(ITEM, **send)
    assert answer.status_code == status
    assert says in answer.text
    assert fresh.get(ITEM).content == before


def test_a_page_of_another_site_cannot_write(fresh):
    foreign = {**GEOJSON, "origin": "http://elsewhere.test"}
    refused = fresh.patch(ITEM, json={"properties": {"name": "x"}}, headers=foreign)
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:twin:problem:cross-site")
    own = {**GEOJSON, "origin": "http://twin.test"}
    assert fresh.patch(ITEM, json={"properties": {"name": "x"}}, headers=own).status_code == 200


def test_ending_needs_a_reason_and_what_was_is_still_told_of_the_past(fresh):
    assert fresh.delete(ITEM).status_code == 400
    assert fresh.delete(ITEM, params={"reason": "拆除", "by": "王工"}).status_code == 200
    assert fresh.get(ITEM).status_code == 404
    assert fresh.get(ITEM, params={"as_of": "2025-01-01"}).status_code == 200


def test_the_history_says_who_recorded_and_withdrew_every_version(fresh):
    fresh.patch(ITEM, params={"by": "甲", "reason": "改名"}, json={"properties": {"name": "two"}}, headers=GEOJSON)
    fresh.delete(ITEM, params={"by": "乙", "reason": "拆除"})
    told = fresh.get(f"{ITEM}/versions").json()
    first, *_, last = told["versions"]
    assert first["feature"]["properties"]["name"] == "chargers west"
    assert (first["recorded"]["author"], first["withdrawn"]["author"], first["withdrawn"]["reason"]) == (
        "test",
        "甲",
        "改名",
    )
    assert (last["recorded"]["author"], last["withdrawn"]["author"]) == ("甲", "乙")
    assert fresh.get("/collections/chargers/items/nobody/versions").status_code == 404


def test_a_state_cannot_go_back_over_http_either(fresh):
    back = {"properties": {"lifecycle": "planned"}}
    assert fresh.patch(ITEM, json=back, headers=GEOJSON).status_code == 400
    assert fresh.patch(ITEM, params={"correction": "true"}, json=back, headers=GEOJSON).status_code == 200


@pytest.mark.parametrize("key", ["..", "a/versions", "a\nb"])
def test_a_key_that_no_address_could_name_is_refused(fresh, key):
    answer = fresh.post("/collections/chargers/items", json=feature(key=key), headers=GEOJSON)
    assert (answer.status_code, "address" in answer.text) == (400, True)


def test_an_item_that_the_caller_has_is_304(fresh):
    seen = fresh.get(ITEM).headers["etag"]
    assert fresh.get(ITEM, headers={"if-none-match": seen}).status_code == 304
    fresh.patch(ITEM, json={"properties": {"name": "x"}}, headers=GEOJSON)
    assert fresh.get(ITEM, headers={"if-none-match": seen}).status_code == 200


def test_a_star_names_any_version(make):
    strict = make(store_of(records()), require_if_match=True)
    assert strict.patch(ITEM, json={"properties": {"name": "x"}}, headers={**GEOJSON, "if-match": "*"}).is_success
