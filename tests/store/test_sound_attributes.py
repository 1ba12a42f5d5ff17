"""How much a record may say besides its fields, in every store: what is kept can be read, encoded and shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store.test_contract import A, commit
from twin.errors import InvalidInput
from twin.layers.attributes import MAX_BYTES, MAX_DEPTH, TOO_DEEP, is_deeper, unkeepable
from twin.model import Edit


def nested(depth: int, kind: type = dict) -> Any:
    """Objects, lists or tuples in one another."""
    value: Any = 1
    for _ in range(depth):
        value = {"a": value} if kind is dict else kind([value])
    return value


@pytest.mark.parametrize("kind", [dict, list, tuple])
@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 252, 253, 254, 255, 999, 5000])
def test_what_is_nested_too_deep_is_refused_in_words_and_nothing_is_recorded(store, depth, kind):
    with pytest.raises(InvalidInput, match="nested too deep") as error:
        commit(store, Edit("add", replace(A, attributes={"extra": nested(depth, kind)})))
    (fault,) = error.value.faults
    assert (fault.column, fault.value, fault.words) == ("attributes", "extra", TOO_DEEP)
    assert store.head() == 0


@pytest.mark.parametrize("kind", [dict, list])
def test_the_deepest_is_kept_as_it_is(store, kind):
    attributes = {"extra": nested(MAX_DEPTH, kind), "also": nested(MAX_DEPTH, kind), "text": "{[" * 200}
    commit(store, Edit("add", replace(A, attributes=attributes)))
    ((_, _, _, record),) = store.versions("chargers", "a")
    assert record.attributes == attributes


def test_a_record_has_as_many_bytes_of_attributes_as_there_is_room_for_and_not_one_more(store):
    room = MAX_BYTES - len(orjson.dumps({"x": ""}))
    commit(store, Edit("add", replace(A, attributes={"x": "a" * room})))
    with pytest.raises(InvalidInput, match=f"{MAX_BYTES + 1:,} bytes"):
        commit(store, Edit("add", replace(A, key="b", attributes={"x": "a" * (room + 1)})))
    with pytest.raises(InvalidInput, match="too large"):
        commit(store, Edit("add", replace(A, key="b", original={"x": "a" * MAX_BYTES})))
    assert store.head() == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab[{", max_size=2), inner, max_size=2), max_leaves=12,
)  # fmt: skip


@given(json_values, st.integers(0, 20), st.sampled_from([dict, list]))
def test_what_is_let_through_can_be_put_into_anything_else(value, more, kind):
    for _ in range(more):
        value = {"a": value} if kind is dict else [value]
    refused = unkeepable({"extra": value})
    assert (refused is not None) == is_deeper(value, MAX_DEPTH)
    if refused is None:
        said = orjson.dumps({"type": "FeatureCollection", "features": [{"properties": {"extra": value}}]})
        assert orjson.loads(said)["features"][0]["properties"]["extra"] == value
        assert len(repr(value)) > 0
