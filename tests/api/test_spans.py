"""``datetime`` as an interval finds all that held at some moment of it, each once, also what is gone or is still to come."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.api.conftest import NOW, Make, record, records, store_of
from twin.model import Edit, Record
from twin.store import MemoryStore

PLACE = (121.28, 31.01)


def day(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}T00:00:00+08:00")


def thing(key: str, begin: str, end: str | None, name: str = "") -> Record:
    return record(
        "chargers", key, PLACE, name=name or key, valid_from=day(begin), valid_to=None if end is None else day(end)
    )


@pytest.fixture
def store() -> MemoryStore:
    """Recorded in the order in which it came to be; it is the end of 2025 now."""
    store = store_of([thing("gone", "2019-01-01", "2021-01-01"), thing("here", "2020-01-01", None, "first")])
    for edit in (
        Edit("change", thing("here", "2022-01-01", None, "second"), 1),
        Edit("change", thing("here", "2028-01-01", None, "third"), 2),
        Edit("add", thing("to come", "2027-01-01", None)),
    ):
        store.commit([edit], author="", reason="", at=NOW)
    return store


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2020-06-01", {"gone": "gone", "here": "first"}),
        ("2018-01-01/2019-06-01", {"gone": "gone"}),
        ("2018-01-01/2020-06-01", {"gone": "gone", "here": "first"}),
        ("2020-06-01/2023-01-01", {"gone": "gone", "here": "second"}),
        ("2020-12-31/..", {"gone": "gone", "here": "second", "to come": "to come"}),
        ("2021-01-01/..", {"here": "second", "to come": "to come"}),
        ("2021-01-01/2026-12-31", {"here": "second"}),
        ("2021-01-01/2027-01-01", {"here": "second", "to come": "to come"}),
        ("../2018-12-31", {}),
        ("../2019-01-01", {"gone": "gone"}),
        ("../..", {"gone": "gone", "here": "second", "to come": "to come"}),
        ("2027-06-01", {"here": "second", "to come": "to come"}),
        ("2028-06-01T00:00:00Z", {"here": "third", "to come": "to come"}),
        ("2027-12-01/2028-06-01", {"here": "second", "to come": "to come"}),
        ("2028-06-01/..", {"here": "third", "to come": "to come"}),
    ],
)
def test_each_thing_comes_once_as_it_was_nearest_to_now(
    make: Make, store: MemoryStore, text: str, found: dict[str, str]
) -> None:
    body = make(store).get("/collections/chargers/items", params={"datetime": text}).json()
    assert {f["id"]: f["properties"]["name"] for f in body["features"]} == found
    assert body["numberMatched"] == len(found)


def test_pages_of_an_interval_hold_to_what_the_first_was_made_of(make: Make, store: MemoryStore) -> None:
    client = make(store)
    page = client.get("/collections/chargers/items", params={"datetime": "2020-06-01/..", "limit": 1}).json()
    store.commit([Edit("add", thing("h between", "2020-01-01", None))], author="", reason="", at=NOW)
    store.commit([Edit("remove", thing("to come", "2027-01-01", "2027-01-01"), 1)], author="", reason="", at=NOW)
    seen = [f["id"] for f in page["features"]]
    while after := [link["href"] for link in page["links"] if link["rel"] == "next"]:
        page = client.get(after[0]).json()
        assert page["numberMatched"] == 3
        seen += [f["id"] for f in page["features"]]
    assert seen == ["gone", "here", "to come"]


def test_what_had_been_recorded_by_then_is_asked_together_with_an_interval(make: Make) -> None:
    early, late = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 6, 1, tzinfo=UTC)
    store = MemoryStore()
    store.commit([Edit("add", thing("one", "2019-01-01", "2020-01-01"))], author="", reason="", at=early)
    store.commit([Edit("add", thing("two", "2019-01-01", "2020-01-01"))], author="", reason="", at=late)
    query = {"datetime": "2019-06-01/..", "known_at": "2025-03-01"}
    body = make(store).get("/collections/chargers/items", params=query).json()
    assert [f["id"] for f in body["features"]] == ["one"]


def test_towns_are_those_of_now_and_nothing_is_counted_twice(make: Make) -> None:
    """What is gone is found, but the areas by which anything is summed up do not overlap."""
    store = store_of(records())
    client = make(store)
    plain = client.get("/collections/cameras/items?limit=1").json()["numberMatched"]
    assert client.get("/collections/cameras/items?limit=1&datetime=../..").json()["numberMatched"] == plain
