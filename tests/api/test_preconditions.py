"""Conditional edits as RFC 9110, section 13, has them: lists of entity tags, ``*``, and what must not be there."""

from __future__ import annotations

from functools import partial
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.conftest import Client, Make, records, store_of
from twin.access import Caller
from twin.api.replies import entity_tags

GEOJSON = {"content-type": "application/geo+json"}
ITEM = "/collections/chargers/items/west"


@pytest.fixture
def fresh(make: Make) -> Client:
    """The small world, to write to; its feature is at version 1."""
    return make(store_of(records()))


def edit(client: Client, headers: Any, item: str = ITEM) -> httpx.Response:
    return client.patch(item, json={"properties": {"name": "x"}}, headers=[*GEOJSON.items(), *headers])


@pytest.mark.parametrize(
    "text",
    ['"v1"', 'W/"v1"', '"v1-gz"', 'W/"v1-gz"', '"v7", "v1"', '"v7","v1"', '"abc" , W/"v1"', ', "v1",', '"a,b", "v1"', '""\t,"v1"', "*", " * "],
)  # fmt: skip
def test_an_edit_is_made_if_one_of_those_named_holds(fresh: Client, text: str) -> None:
    assert edit(fresh, [("if-match", text)]).status_code == 200


@pytest.mark.parametrize(
    "text", ['"v2"', '"v2", "v3"', '"abc"', '""', 'W/"abc"', '"v01x"', f'"v{"9" * 19}"', '"V1"', '"v-1"']
)
def test_an_edit_is_412_if_none_of_those_named_holds(fresh: Client, text: str) -> None:
    answer = edit(fresh, [("if-match", text)])
    assert (answer.status_code, answer.json()["type"]) == (412, "urn:twin:problem:stale")
    assert answer.json()["current_version"] == 1
    assert "None" not in answer.json()["detail"]
    assert fresh.get(ITEM).json()["properties"]["name"] == "chargers west"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v1",
        "soon",
        '"v1',
        'v1"',
        '"v1" "v2"',
        '"v1""v2"',
        '"v1"; "v2"',
        '"v1", *',
        "*, *",
        'w/"v1"',
        ",",
        'W/ "v1"',
        '"v 1"',
    ],
)
@pytest.mark.parametrize("name", ["If-Match", "If-None-Match"])
def test_what_is_no_list_of_entity_tags_is_400(fresh: Client, name: str, text: str) -> None:
    answer = edit(fresh, [(name, text)])
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["where"], error["column"]) == (400, "header", name)


def test_several_lines_of_a_header_are_one_list(fresh: Client) -> None:
    assert edit(fresh, [("if-match", '"v8"'), ("if-match", '"v1"')]).status_code == 200
    assert edit(fresh, [("if-match", '"v8"'), ("if-match", '"v9"')]).status_code == 412


def test_what_is_gone_is_404_whatever_is_named(fresh: Client) -> None:
    for headers in ([("if-match", '"v1"')], [("if-match", "*")], [("if-none-match", "*")]):
        assert edit(fresh, headers, "/collections/chargers/items/nobody").status_code == 404


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("text", ["*", '"v1"', '"x", W/"v1"'])
def test_what_must_not_be_there_and_is_there_is_412(fresh: Client, method: str, text: str) -> None:
    body = None if method == "DELETE" else {"type": "Feature", "properties": {"name": "x"}, "geometry": None}
    sent = {**GEOJSON, "if-none-match": text}
    answer = fresh.request(method, ITEM, json=body, headers=sent, params={"reason": "r"})
    assert (answer.status_code, answer.json()["type"]) == (412, "urn:twin:problem:already-there")
    assert answer.json()["current_version"] == 1
    assert fresh.get(ITEM).json()["properties"]["name"] == "chargers west"


def test_another_version_than_those_that_must_not_be_there_may_be_edited(fresh: Client) -> None:
    now = edit(fresh, [("if-none-match", '"v2", "else"')]).headers["etag"]
    assert edit(fresh, [("if-match", now), ("if-none-match", now)]).status_code == 412
    assert edit(fresh, [("if-match", now), ("if-none-match", '"v1"')]).status_code == 200


def test_a_star_or_a_foreign_tag_says_that_a_version_was_looked_at(make: Make) -> None:
    strict = make(store_of(records()), require_if_match=True)
    assert edit(strict, []).status_code == 428
    assert edit(strict, [("if-none-match", '"v7"')]).status_code == 428
    assert edit(strict, [("if-match", '"foreign"')]).status_code == 412
    assert edit(strict, [("if-match", "*")]).status_code == 200


tags = st.builds(
    lambda weak, inner: f'{weak}"{inner}"', st.sampled_from(["", "W/"]),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"'), max_size=8),
)  # fmt: skip


@given(st.lists(tags, min_size=1, max_size=5), st.sampled_from([",", ", ", " ,\t", ",,", " , , "]))
def test_every_list_of_entity_tags_is_read_as_it_was_written(found: list[str], between: str) -> None:
    assert entity_tags(between.join(found)) == found


@given(st.text(st.sampled_from('", vW/1*'), max_size=12))
def test_whatever_is_read_as_a_list_has_commas_between_whole_tags(text: str) -> None:
    found = entity_tags(text)
    if found is not None:
        rest = text
        for tag in found:
            before, there, rest = rest.partition(tag)
            assert there
            assert set(before) <= {" ", ","}
        assert set(rest) <= {" ", ","}


class As:
    """Everybody is the caller."""

    def __init__(self, app: Any, caller: Caller) -> None:
        self.app, self.caller = app, caller

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app({**scope, "caller": self.caller, "exact_reads": []}, receive, send)


@pytest.fixture
def southern(make: Make) -> Client:
    """The small world as an editor of the south sees it."""
    return make(store_of(records()), partial(As, caller=Caller("south", "editor", ("310112101",))))


@pytest.mark.parametrize("item", [ITEM, "/collections/cameras/items/cam-00"])
def test_an_editor_of_an_area_edits_by_the_etag_of_what_was_read(southern: Client, item: str) -> None:
    seen = southern.get(item).headers["etag"]
    assert seen == '"v1"'
    assert edit(southern, [("if-match", seen)], item).status_code == 200
    assert edit(southern, [("if-match", seen)], item).status_code == 412


def test_a_count_of_a_town_beyond_the_area_has_the_hash_of_its_bytes(southern: Client) -> None:
    answer = southern.get("/collections/cameras/items/town:310112102")
    assert answer.status_code == 200
    assert not answer.headers["etag"].startswith('"v')
