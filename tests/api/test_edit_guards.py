"""Edits that are refused: of what stands beyond the editor's areas, of what no answer could hold, of names and values that are taken or unknown."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.conftest import BORN, NOW, Client, Make, record, records, store_of
from tests.api.test_edits import GEOJSON, ITEM, feature
from tests.api.test_preconditions import As
from twin.access import Caller
from twin.layers.attributes import MAX_BYTES, MAX_DEPTH, is_deeper
from twin.model import Edit
from twin.store.memory import MemoryStore

SOUTH, NORTH = [121.29, 31.01], [121.29, 31.03]
CAMERAS = "/collections/cameras/items"
NORTHERN, SOUTHERN = "cam-40", "cam-00"


@pytest.fixture
def store() -> MemoryStore:
    gone = record("cameras", "gone", (121.29, 31.03), access="own", valid_to=BORN.replace(year=2025))
    return store_of([*records(), gone])


@pytest.fixture
def southern(make: Make, store: MemoryStore) -> Client:
    """The small world as an editor of its south sees it."""
    return make(store, partial(As, caller=Caller("south", "editor", ("310112101",))))


@pytest.fixture
def fresh(make: Make) -> Client:
    """The small world, to write to."""
    return make(store_of(records()))


def post(client: Client, layer: str = "chargers", place: list[float] | None = None, **said: Any) -> httpx.Response:
    return client.post(f"/collections/{layer}/items", json=feature(place, **said), headers=GEOJSON)


LONG_AGO = {"valid_from": "1990-01-01", "valid_to": "1991-01-01"}


@pytest.mark.parametrize("times", [{}, LONG_AGO, {"valid_from": "2090-01-01"}], ids=["now", "long ago", "later"])
@pytest.mark.parametrize("key", [NORTHERN, f" {NORTHERN} ", "gone"])
def test_nothing_is_added_to_the_history_of_what_stands_or_stood_beyond_the_editors_areas(southern, store, key, times):
    head = store.head()
    answer = post(southern, "cameras", SOUTH, key=key, **times)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:twin:problem:role")
    assert store.head() == head


def test_a_key_of_which_all_was_withdrawn_is_not_taken_over_and_what_has_no_place_is_nobody_s_area(store, southern):
    held = record("cameras", "withdrawn", (121.29, 31.03), access="own")
    store.commit([Edit("add", held)], author="", reason="", at=NOW)
    store.commit([Edit("remove", replace(held, valid_to=held.valid_from), 1)], author="", reason="", at=NOW)
    assert not [v for v, _, tx_to, _ in store.versions("cameras", "withdrawn") if tx_to is None]
    assert post(southern, "cameras", SOUTH, key="withdrawn").status_code == 403
    patch = {"geometry": {"type": "Point", "coordinates": SOUTH}}
    nowhere = southern.patch(f"{CAMERAS}/nowhere%2F1", json=patch, headers=GEOJSON)
    assert nowhere.status_code == 403


def test_the_refusal_is_that_of_a_change_and_of_a_place_beyond(southern):
    taken = post(southern, "cameras", SOUTH, key=NORTHERN, **LONG_AGO)
    changed = southern.patch(f"{CAMERAS}/{NORTHERN}", json={"properties": {"name": "x"}}, headers=GEOJSON)
    beyond = post(southern, "cameras", NORTH, key="free")
    told = [(r.status_code, r.json()["title"], r.json()["detail"]) for r in (taken, changed, beyond)]
    assert told[0] == told[1] == told[2]


def test_what_is_wrong_with_the_values_is_said_before_the_key_is_looked_up(southern):
    answers = [post(southern, "cameras", SOUTH, key=key, n_devices=-1) for key in (NORTHERN, "free")]
    assert [r.status_code for r in answers] == [400, 400]
    assert answers[0].json()["detail"] == answers[1].json()["detail"]


def test_inside_the_areas_a_key_is_free_or_taken_and_what_ended_goes_on(southern):
    assert post(southern, "cameras", SOUTH, key="free").status_code == 201
    assert post(southern, "cameras", SOUTH, key=SOUTHERN).status_code == 409
    southern.delete(f"{CAMERAS}/{SOUTHERN}", params={"reason": "拆除"})
    assert post(southern, "cameras", SOUTH, key=SOUTHERN).status_code == 201


def deep(depth: int) -> dict[str, Any]:
    """Objects, and a list, in one another."""
    value: Any = [1, "二", None]
    for _ in range(depth - 1):
        value = {"内": value}
    return value


def test_the_deepest_and_largest_that_is_kept_goes_through_every_outlet(make):
    client = make(store_of(records()))
    extra = deep(MAX_DEPTH)
    extra["x"] = "字" * ((MAX_BYTES - 600) // 3)
    seen = [
        post(client, "chargers", SOUTH, key="deep", extra=extra),
        post(client, "cameras", SOUTH, key="deep", extra=extra),
    ]
    assert [r.status_code for r in seen] == [201, 201]
    for layer in ("chargers", "cameras"):
        for address in (
            f"/collections/{layer}/items?limit=1000", f"/collections/{layer}/items/deep",
            f"/collections/{layer}/items?f=html&limit=1000", f"/collections/{layer}/items/deep?f=html",
            f"/collections/{layer}/items/deep/versions", f"/collections/{layer}", f"/collections/{layer}/items?filter=key='deep'",
            f"/collections/{layer}/bulk.geojson", f"/collections/{layer}/bulk.fgb", f"/collections/{layer}/bulk.parquet",
            f"/tiles/{layer}/16/54848/26825.geojson", f"/tiles/{layer}/16/54848/26825.mvt", f"/tiles/{layer}/8/214/104.mvt",
        ):  # fmt: skip
            answer = client.get(address)
            assert answer.status_code in (200, 204), (address, answer.text[:300])
        assert client.get(f"/collections/{layer}/items/deep").json()["properties"]["extra"] == extra
        tile = client.get(f"/tiles/{layer}/16/54848/26825.geojson").json()
        assert "deep" in [f["id"] for f in tile["features"]]
    changed = client.patch("/collections/chargers/items/deep", json={"properties": {"name": "x"}}, headers=GEOJSON)
    assert changed.status_code == 200


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 60, 61, 62, 253, 254, 1000, 2000])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_what_is_nested_deeper_is_refused_in_words_and_nothing_is_recorded(fresh, method, depth):
    before = fresh.get(ITEM).content
    address = ITEM.rpartition("/")[0] if method == "POST" else ITEM
    text = '{"type":"Feature","geometry":null,"properties":{"extra":' + '{"a":' * depth + "1" + "}" * depth + "}}"
    answer = fresh.request(method, address, content=text, headers=GEOJSON)
    assert answer.status_code == 400
    assert answer.json()["type"].startswith("urn:twin:problem:")
    assert fresh.get(ITEM).content == before


@pytest.mark.parametrize(
    "body",
    ['{"properties":%s}', '{"properties":{"name":%s}}', '{"geometry":{"type":"Point","coordinates":%s}}', '{"id":%s}'],
)
def test_nesting_anywhere_else_is_400_too(fresh, body):
    for depth in (20, 63, 500, 1000, 5000):
        answer = fresh.patch(ITEM, content=body % ("[" * depth + "]" * depth), headers=GEOJSON)
        assert (depth, answer.status_code) == (depth, 400)


def test_what_is_larger_than_a_record_may_be_is_refused_with_its_size(fresh):
    answer = post(fresh, extra={"x": "a" * MAX_BYTES}, max_power_kw="much")
    told = {error["column"]: error["message"] for error in answer.json()["errors"]}
    assert answer.status_code == 400
    assert f"{MAX_BYTES:,}" in told["extra"]
    assert "max_power_kw" in told


@pytest.mark.parametrize("layer", ["cameras", "sensors", "radio_sites"])
def test_the_keys_of_counts_per_town_are_taken_in_layers_that_are_counted(fresh, layer):
    for said in ({"key": "town:310112101"}, {"key": " town:x"}):
        answer = post(fresh, layer, SOUTH, **said)
        assert (answer.status_code, "town:" in answer.text) == (400, True)
    by_id = fresh.post(f"/collections/{layer}/items", json={**feature(SOUTH), "id": "town:x"}, headers=GEOJSON)
    assert by_id.status_code == 400
    assert post(fresh, layer, SOUTH, key="towns").status_code == 201
    assert post(fresh, "chargers", SOUTH, key=f"town:{layer}").status_code == 201


@pytest.mark.parametrize(
    ("said", "meant"), [("超级充电", None), ("pubic", "public"), (7, None), (True, None), ("publicc", "public")]
)
def test_a_value_that_the_field_does_not_have_is_refused_naming_those_it_has(fresh, said, meant):
    before = fresh.get(ITEM).content
    whole, part = feature(SOUTH, station_type=said), {"properties": {"station_type": said}}
    for answer in (
        post(fresh, station_type=said),
        fresh.put(ITEM, json=whole, headers=GEOJSON),
        fresh.patch(ITEM, json=part, headers=GEOJSON),
    ):
        (error,) = answer.json()["errors"]
        assert (answer.status_code, error["column"]) == (400, "station_type")
        assert "sanitation" in error["message"]
        assert ("did you mean" in error["message"], f"mean {meant}?" in error["message"]) == (meant is not None,) * 2
    assert fresh.get(ITEM).content == before


def test_all_that_is_wrong_is_told_at_once(fresh):
    answer = post(fresh, station_type="x", n_connectors=-1, max_power_kw="much", extra=deep(MAX_DEPTH + 1))
    assert {e["column"] for e in answer.json()["errors"]} == {"station_type", "n_connectors", "max_power_kw", "extra"}


def test_a_word_that_the_layer_knows_for_a_value_is_taken_for_it(fresh):
    assert post(fresh, station_type="公共").json()["properties"]["station_type"] == "public"


values = st.recursive(
    st.none() | st.integers(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
)


def depth_of(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth_of, inner), default=0)


@given(values, st.integers(0, 8))
def test_deeper_is_what_counting_says(value: Any, depth: int) -> None:
    assert is_deeper(value, depth) == (depth_of(value) > depth)
