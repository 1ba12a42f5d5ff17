"""What an edit's answer says of the feature: where it is, its ETag, what bodies are taken."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Client, Make, record, records, store_of
from tests.api.test_edits import GEOJSON, ITEM, feature
from twin.api.conformance import CONFORMANCE

POINT = [121.29, 31.02]
ITEMS = "/collections/chargers/items"
PATCH = {"content-type": "application/merge-patch+json"}


@pytest.fixture
def fresh(make: Make) -> Client:
    """The small world, to write to."""
    return make(store_of(records()))


def post(client: Client, headers: dict[str, str] = GEOJSON, **more: Any) -> Any:
    body = {**feature(POINT), **more}
    return client.post(ITEMS, json=body, headers=headers)


@pytest.mark.parametrize(
    "times",
    [{}, {"valid_from": "2030-01-01"}, {"valid_from": "2001-01-01", "valid_to": "2002-01-01"}, {"valid_from": "2001-01-01T10:00:00.5+08:00"}],
    ids=["now", "later", "ended", "since long"],
)  # fmt: skip
def test_the_location_leads_to_the_feature_whenever_it_holds(fresh, times):
    answer = post(fresh, properties={"key": "新/1", **times})
    there = fresh.get(answer.headers["location"])
    assert (answer.status_code, there.status_code) == (201, 200)
    assert there.json()["properties"] == answer.json()["properties"]
    assert there.headers["etag"] == answer.headers["etag"]
    assert ("as_of" in answer.headers["location"]) == ("2030" in str(times) or "2002" in str(times))


def items(client: Client) -> dict[tuple[str, str], str]:
    """The text of every charger and camera by its key and ETag."""
    found = {}
    for layer in ("chargers", "cameras"):
        for each in client.get(f"/collections/{layer}/items?limit=1000").json()["features"]:
            answer = client.get(f"/collections/{layer}/items/{each['id'].replace('/', '%2F')}")
            found[f"{layer} {each['id']}", answer.headers["etag"]] = answer.text
    return found


def test_while_the_etag_stays_so_do_the_bytes_whatever_others_bring(fresh):
    before = items(fresh)
    sent = [
        post(fresh, properties={"key": "odd", "extra": {"用途": "x"}}),
        fresh.patch(ITEM, json={"properties": {"extra": {"b": [1, {"c": None}]}}}, headers=PATCH),
        fresh.patch("/collections/chargers/items/east", json={"properties": {"name": "x"}}, headers=PATCH),
        fresh.post("/collections/cameras/items", json=feature(POINT, key="odd", extra={"y": 1}), headers=GEOJSON),
    ]
    assert {r.status_code for r in sent} == {200, 201}
    after = items(fresh)
    same = before.keys() & after.keys()
    assert len(same) == len(before) - 2
    assert all(before[each] == after[each] for each in same)
    fresh.patch(ITEM, json={"properties": {"extra": None}}, headers=PATCH)
    fresh.delete(f"{ITEMS}/odd", params={"reason": "r"})
    last = items(fresh)
    assert all(after[each] == last[each] for each in after.keys() & last.keys())


def test_only_what_has_an_undeclared_attribute_shows_it(make):
    odd = record("chargers", "odd", (121.29, 31.02), station_type="public", lifecycle_assumed=True, extra={"a": 1})
    client = make(store_of([*records(), odd]))
    shown = {f["id"]: f["properties"] for f in client.get(f"{ITEMS}?limit=1000").json()["features"]}
    assert (shown["odd"]["extra"], shown["odd"]["lifecycle_assumed"]) == ({"a": 1}, True)
    assert not {"extra", "lifecycle_assumed"} & shown["west"].keys()
    assert shown["odd"]["max_power_kw"] is None, "a declared field is there, null where unknown"
    page = client.get(f"{ITEMS}?limit=1000&f=html")
    assert (page.status_code, "extra" in page.text) == (200, True)


def test_an_edit_by_the_etag_of_what_was_read_is_made_after_others_brought_attributes(fresh):
    seen = fresh.get(ITEM).headers["etag"]
    post(fresh, properties={"extra": {"x": 1}})
    assert fresh.get(ITEM, headers={"if-none-match": seen}).status_code == 304
    assert fresh.patch(ITEM, json={"properties": {"name": "x"}}, headers={**PATCH, "if-match": seen}).status_code == 200


@pytest.mark.parametrize(
    ("named", "key"),
    [({"id": "T"}, "T"), ({"id": 13}, "13"), ({"id": "T", "properties": {"key": "T"}}, "T"), ({"id": "T", "properties": {"key": None}}, "T"),
     ({"id": 13, "properties": {"key": 13}}, "13"), ({"id": None, "properties": {"key": "K"}}, "K"), ({"id": " T "}, "T")],
)  # fmt: skip
def test_a_new_feature_may_say_its_key_in_either_place(fresh, named, key):
    answer = post(fresh, **{"properties": {}, **named})
    assert (answer.status_code, answer.json().get("id")) == (201, key)


@pytest.mark.parametrize(
    "named", [{"id": "T-13", "properties": {"key": "T-14"}}, {"id": 13, "properties": {"key": "14"}}]
)
def test_two_keys_for_one_feature_are_refused_whether_it_is_new_or_not(fresh, named):
    for answer in (
        post(fresh, **named),
        fresh.put(f"{ITEMS}/{named['id']}", json={**feature(), **named}, headers=GEOJSON),
    ):
        assert answer.status_code == 400
    old = {"id": "west", "properties": {"key": "east"}}
    assert fresh.put(ITEM, json={**feature(), **old}, headers=GEOJSON).status_code == 400
    assert fresh.get(f"{ITEMS}/T-14").status_code == 404


def test_an_area_has_one_code_wherever_it_is_said(fresh):
    square = {"type": "Polygon", "coordinates": [[[121, 31], [121.1, 31], [121.1, 31.1], [121, 31]]]}
    one = {**feature(code="310112105", key="310112106"), "geometry": square}
    assert fresh.post("/collections/areas/items", json=one, headers=GEOJSON).status_code == 400
    two = {**feature(code=None), "id": "310112105", "geometry": square}
    assert fresh.post("/collections/areas/items", json=two, headers=GEOJSON).json()["id"] == "310112105"


OPEN = [[121, 31], [121.1, 31], [121.1, 31.1], [121, 31.1]]
CLOSED = [*OPEN, OPEN[0]]


@pytest.mark.parametrize(
    ("geometry", "says"),
    [
        ({"type": "Point", "coordinates": [121, 31, 5]}, "heights"),
        ({"type": "LineString", "coordinates": [[121, 31], [121.1, 31.1, 4]]}, ""),
        ({"type": "Polygon", "coordinates": [[[*p, 4] for p in CLOSED]]}, "heights"),
        ({"type": "MultiPoint", "coordinates": [[121, 31, 0]]}, "heights"),
        ({"type": "Polygon", "coordinates": [OPEN]}, "ring is open"),
        ({"type": "MultiPolygon", "coordinates": [[CLOSED], [OPEN]]}, "ring is open"),
        ({"type": "Polygon", "coordinates": [CLOSED, [[121.02, 31.02], [121.04, 31.02], [121.04, 31.04], [121.02, 31.05]]]}, "ring is open"),
    ],
)  # fmt: skip
def test_what_would_be_dropped_or_added_in_a_geometry_is_refused(fresh, geometry, says):
    for answer in (post(fresh, geometry=geometry), fresh.patch(ITEM, json={"geometry": geometry}, headers=PATCH)):
        (error,) = answer.json()["errors"]
        assert (answer.status_code, error["column"], says in error["message"]) == (400, "geometry", True)


def test_a_merge_patch_is_for_patch_alone(fresh):
    for answer in (post(fresh, PATCH), fresh.put(ITEM, json=feature(POINT), headers=PATCH)):
        assert (answer.status_code, answer.json()["type"]) == (415, "urn:twin:problem:unsupported-media-type")
        assert "application/geo+json" in answer.text
    for kind in ("application/merge-patch+json", "application/geo+json", "application/json; charset=utf-8"):
        assert fresh.patch(ITEM, json={"properties": {"name": kind}}, headers={"content-type": kind}).status_code == 200


def test_options_say_what_a_patch_may_be(fresh):
    one, many = fresh.options(ITEM), fresh.options(ITEMS)
    assert one.headers["accept-patch"] == "application/merge-patch+json, application/geo+json, application/json"
    assert "PATCH" in one.headers["allow"]
    assert "accept-patch" not in many.headers


def test_the_openapi_document_names_the_headers_of_answers_and_the_bodies_taken(fresh):
    paths = fresh.get("/openapi.json").json()["paths"]
    one, many = paths["/collections/{layer}/items/{key}"], paths[ITEMS.replace("chargers", "{layer}")]
    assert set(many["post"]["responses"]["201"]["headers"]) == {"ETag", "Location", "Content-Crs"}
    for method in ("put", "patch"):
        assert set(one[method]["responses"]["200"]["headers"]) == {"ETag", "Content-Crs"}
    taken = {
        m: set(o["requestBody"]["content"])
        for m, o in (("post", many["post"]), ("put", one["put"]), ("patch", one["patch"]))
    }
    assert taken["post"] == taken["put"] == {"application/geo+json", "application/json"}
    assert taken["patch"] == taken["put"] | {"application/merge-patch+json"}


def test_the_class_of_editable_features_is_declared() -> None:
    assert "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/features" in CONFORMANCE
