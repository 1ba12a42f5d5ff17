"""The way through pages of items, forwards and back: every feature once, in the state that the walk began with."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.conftest import N_CAMERAS, Client, Make, records, store_of
from twin.api.quick_items import query_of

ITEMS = "/collections/cameras/items"
KEYS = [*(f"cam-{i:02d}" for i in range(N_CAMERAS - 1)), "nowhere/1"]


def links(answer: Any) -> dict[str, str]:
    return {link["rel"]: link["href"] for link in answer.json()["links"]}


def keys(answer: Any) -> list[str]:
    return [feature["id"] for feature in answer.json()["features"]]


def walk(client: Client, path: str, rel: str) -> list[list[str]]:
    """The pages from an address on, as their links of a kind lead."""
    pages, url = [], path
    while url:
        answer = client.get(url)
        assert answer.status_code == 200, answer.text
        pages.append(keys(answer))
        url = links(answer).get(rel, "")
    return pages


@pytest.mark.parametrize(
    "query", ["", "&bbox=121,30,122,32", "&filter=n_devices=1", "&online=true&datetime=2025-06-01"]
)
@pytest.mark.parametrize("limit", [1, 7, 48, 49, 50])
def test_the_way_back_passes_the_same_pages(client: Client, query: str, limit: int) -> None:
    path = f"{ITEMS}?limit={limit}{query}"
    there = walk(client, path, "next")
    answer = client.get(path)
    while "next" in links(answer):
        answer = client.get(links(answer)["next"])
    assert walk(client, str(answer.request.url), "prev") == there[::-1]


@given(
    place=st.sampled_from([*KEYS, "", "a", "cam-", "cam-07x", "zzz"]), limit=st.integers(1, 60), has_box=st.booleans()
)
def test_a_page_before_a_key_has_the_last_that_come_before_it(
    client: Client, place: str, limit: int, has_box: bool
) -> None:
    box = {"bbox": "121.275,30,122,32"} if has_box else {}
    matching = keys(client.get(ITEMS, params={"limit": 100, **box}))
    answer = client.get(ITEMS, params={"limit": limit, "before": place, **box})
    assert keys(answer) == [key for key in matching if key < place][-limit:]
    assert answer.json()["numberMatched"] == len(matching)
    assert ("next" in links(answer)) == (any(key >= place for key in matching) and any(key < place for key in matching))
    assert ("prev" in links(answer)) == ("first" in links(answer)) == (sum(key < place for key in matching) > limit)


def test_the_first_page_has_no_way_back(client: Client) -> None:
    for path in (ITEMS, f"{ITEMS}?offset=0", f"{ITEMS}?before=cam-05", f"{ITEMS}?bbox=0,0,1,1"):
        assert not {"prev", "first"} & set(links(client.get(path))), path


def test_links_back_keep_the_other_parameters(client: Client) -> None:
    asked = {"bbox": "121,31,122,32", "limit": "5", "as_of": "2025-01-01"}
    found = links(client.get(ITEMS, params={**asked, "offset": 7}))
    for rel, more in (("first", set()), ("prev", {"before", "state"}), ("next", {"after", "state"})):
        said = {name: value for name, (value,) in parse_qs(urlsplit(found[rel]).query).items()}
        assert said.items() >= asked.items(), rel
        assert set(said) - set(asked) == more, rel
    assert keys(client.get(found["prev"])) == KEYS[2:7]
    assert keys(client.get(found["first"])) == KEYS[:5]


def test_beyond_the_end_there_is_a_way_to_the_first_page(client: Client) -> None:
    answer = client.get(ITEMS, params={"offset": 1000})
    assert keys(answer) == []
    assert keys(client.get(links(answer)["first"])) == KEYS[:10]


def test_a_page_links_to_itself_as_it_is(client: Client) -> None:
    answer = client.get(f"{ITEMS}?limit=5")
    for rel in ("next", "next", "prev"):
        answer = client.get(links(answer)[rel])
        assert client.get(links(answer)["self"]).json()["features"] == answer.json()["features"]
        assert parse_qs(urlsplit(links(answer)["self"]).query) == parse_qs(answer.request.url.query.decode())


def test_the_way_back_stays_in_the_state_of_the_walk_and_the_first_page_is_of_now(make: Make) -> None:
    fresh = make(store_of(records()))
    third = fresh.get(links(fresh.get(links(fresh.get(f"{ITEMS}?limit=5"))["next"]))["next"])
    new = {"type": "Feature", "properties": {"key": "cam-03x"}, "geometry": None}
    sent = fresh.post(ITEMS, json=new, headers={"content-type": "application/geo+json"})
    assert sent.status_code == 201
    assert fresh.delete(f"{ITEMS}/cam-07", params={"reason": "r"}).status_code == 200
    second = fresh.get(links(third)["prev"])
    assert (keys(second), second.json()["numberMatched"]) == (KEYS[5:10], N_CAMERAS)
    assert keys(fresh.get(links(second)["prev"])) == KEYS[:5]
    assert keys(fresh.get(links(second)["first"])) == [*KEYS[:4], "cam-03x"]


@pytest.mark.parametrize("more", [{"after": "cam-01"}, {"offset": 1}])
def test_before_goes_with_no_other_place(client: Client, more: dict[str, Any]) -> None:
    answer = client.get(ITEMS, params={"before": "cam-09", **more})
    assert (answer.status_code, answer.json()["errors"][0]["column"]) == (400, "before")
    assert client.get(ITEMS, params={"before": "x" * 601}).status_code == 400


def test_pages_before_a_key_are_left_to_the_routes() -> None:
    asked = query_of(b"limit=5&after=cam-01")
    assert asked is not None
    assert (asked.after, asked.before) == ("cam-01", None)
