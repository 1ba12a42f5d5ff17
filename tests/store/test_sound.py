"""What cannot be kept everywhere is refused everywhere, with all its faults, and what can be is made the same everywhere."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.conftest import KINDS
from tests.store.log import content_id
from tests.store.test_contract import LATER, T1, A, commit
from tests.world import HAND, area, square
from twin.errors import InvalidInput
from twin.model import MAX_KEY, Edit
from twin.ports import GridFile
from twin.store import MemoryStore

BAD = {
    "key": {"key": ""},
    "long key": {"key": "x" * (MAX_KEY + 1)},
    "nul": {"name": "a\0b"},
    "surrogate": {"owner": "\ud800"},
    "nan": {"lng": math.nan},
    "infinite": {"lat": math.inf},
    "one coordinate": {"lat": None},
    "devices": {"n_devices": 2**31},
    "negative": {"n_devices": -1},
    "no zone": {"valid_from": datetime(2026, 1, 1)},  # noqa: DTZ001  (that is the fault)
    "no zone at the end": {"valid_to": datetime(2027, 1, 1)},  # noqa: DTZ001
    "no json": {"attributes": {"x": object()}},
    "nul in json": {"attributes": {"x": [{"y": "\0"}]}},
    "nul in a name in json": {"original": {"x\0": 1}},
    "surrogate in json": {"attributes": {"x": "\udfff"}},
    "huge number": {"attributes": {"x": 2**80}},
    "wkb": {"geometry": b"no wkb"},
    "open ring": {"geometry": shapely.to_wkb(square(10))[:-8] + b"\0" * 8},
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_what_cannot_be_kept_is_refused_and_nothing_is_recorded(store, bad):
    with pytest.raises(InvalidInput, match="cannot be kept") as error:
        commit(store, Edit("add", replace(A, key="good")), Edit("add", replace(A, **bad)))
    assert len(error.value.faults) == 1
    assert store.head() == 0


def test_all_faults_are_told_at_once(store):
    edits = [Edit("add", replace(A, key=f"k{i}", **bad)) for i, bad in enumerate(BAD.values()) if "key" not in bad]
    with pytest.raises(InvalidInput) as error:
        commit(store, *edits)
    assert {f.where for f in error.value.faults} == {f"chargers {e.record.key}" for e in edits}


@pytest.mark.parametrize(
    ("what", "value"),
    [("sources", [replace(HAND, title="\0")]), ("sources", [replace(HAND, id="")]), ("sources", [replace(HAND, id="x" * 513)]),
     ("grids", [GridFile("\ud800", "people", "hand", b"")]), ("reason", "\0"), ("author", "\ud800")],
)  # fmt: skip
def test_words_of_a_transaction_that_cannot_be_kept_are_refused(store, what, value):
    said = {"author": "a", "reason": "r", "at": T1, what: value}
    with pytest.raises(InvalidInput):
        store.commit([], **said)
    if what in ("author", "reason"):
        with pytest.raises(InvalidInput):
            store.revert(1, **said)
    assert store.head() == 0


def test_a_backslash_before_u0000_is_no_nul(store):
    commit(store, Edit("add", replace(A, attributes={"x": "\\u0000", "y": "\\\\u0000"})))
    ((_, _, _, record),) = store.versions("chargers", "a")
    assert record.attributes == {"x": "\\u0000", "y": "\\\\u0000"}


def test_the_longest_key_is_kept_in_any_script(store):
    key = "𠮷" * MAX_KEY
    commit(store, Edit("add", replace(A, key=key, layer="b" * 30)))
    assert [row[0] for row in store.state(LATER, LATER).rows["b" * 30]] == [key]


def test_numbers_of_other_libraries_and_negative_zero_come_back_plain(store):
    odd = replace(A, lng=np.float64(121.5), lat=np.float32(31), n_devices=np.int64(3), online=np.bool_(True))
    commit(store, Edit("add", odd), Edit("add", replace(A, key="zero", lng=-0.0, lat=0)))
    first, second = store.state(LATER, LATER).rows["chargers"]
    assert [type(v) for v in (*first[5:7], *first[10:12])] == [bool, int, float, float]
    assert [math.copysign(1, v) for v in second[10:12]] == [1, 1]


SHAPES = {
    "three dimensions": shapely.Polygon([(0, 0, 5), (1, 0, 5), (1, 1, 5), (0, 0, 5)]),
    "collection": shapely.GeometryCollection([shapely.Point(1, 2), shapely.LineString([(0, 0), (1, 1)])]),
    "empty": shapely.Polygon(),
    "empty point": shapely.Point(),
    "hole": square(1000).difference(square(10)),
    "multi": shapely.MultiPoint([(0, 0), (1, 1)]),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("written", [{}, {"byte_order": 0}, {"include_srid": True}, {"flavor": "iso"}], ids=str)
def test_geometries_come_back_as_the_same_plain_wkb(store, shape, written):
    wkb = shapely.to_wkb(shapely.set_srid(shape, 4326), **written)
    commit(store, Edit("add", replace(area("x", "zone", square(10)), geometry=wkb)))
    ((_, _, _, record),) = store.versions("areas", "x")
    assert record.geometry == shapely.to_wkb(shapely.force_2d(shape))


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
texts = st.text(max_size=30)


@pytest.mark.parametrize("kind", KINDS[1:])
@given(
    key=st.text(min_size=1, max_size=40),
    texts=st.tuples(texts, texts, texts),
    attributes=st.dictionaries(texts, values),
)
@settings(max_examples=50)
def test_any_text_is_kept_byte_for_byte_or_refused_as_in_memory(kind, empty, key, texts, attributes):
    name, owner, reason = texts
    edit = Edit("add", replace(A, key=key, name=name, owner=owner, attributes=attributes))
    said = []
    with empty(kind) as store:
        for one in (MemoryStore(), store):
            try:
                one.commit([edit], author="", reason=reason, at=T1)
                said.append((content_id(one.state(LATER, LATER)), one.transactions(), one.versions("chargers", key)))
            except InvalidInput as error:
                said.append(error.words)
    assert said[0] == said[1]
