"""What listeners are told of a change: no more than their role and its areas may know."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import h3
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point, box

from tests.api.conftest import records, store_of
from tests.api.listening import CLEARED, PLANNER, Stage, on_stage, parsed, twin_over
from twin.access import ANONYMOUS, OPEN, Caller
from twin.api.feed import Wish, in_words
from twin.api.touched import Sight, news_of, sight_of, touched
from twin.layers import LAYERS, LayerType
from twin.sensitive import is_sensitive

CELL = h3.latlng_to_cell(31.01, 121.28, 9)


def places_within(cell: str) -> st.SearchStrategy[tuple[float, float]]:
    """Places in a res-9 cell, by mixing its corners; those that its neighbours may claim are left out."""
    ring = np.array([(lng, lat) for lat, lng in h3.cell_to_boundary(cell)])
    weights = st.lists(st.floats(0.01, 1), min_size=len(ring), max_size=len(ring))
    made = weights.map(lambda w: tuple((np.array(w) / sum(w) @ ring).tolist()))
    return made.filter(lambda p: h3.latlng_to_cell(p[1], p[0], 9) == cell)


def told_of(caller: Caller, before: tuple[float, float], after: tuple[float, float]) -> bytes:
    """What a caller is told of a camera that moved."""
    rows = [("cameras", "cam", *place, None, b"{}") for place in (before, after)]
    news = replace(news_of((TX, []), {}), layers=(touched("cameras", rows),))
    return in_words(news, Wish(sight_of(caller)), SNAPSHOT, SNAPSHOT.id)


SNAPSHOT = twin_over(store_of(records())).snapshot()
TX = store_of(records()).transactions()[0]
SCOPED = ("310112101",)


@pytest.mark.parametrize("caller", [PLANNER, CLEARED, replace(PLANNER, areas=SCOPED), replace(ANONYMOUS)], ids=str)
@given(data=st.data())
def test_cameras_that_change_places_within_their_cells_tell_nothing_new(caller: Caller, data: st.DataObject) -> None:
    here, there = places_within(CELL), places_within(h3.latlng_to_cell(31.03, 121.3, 9))
    one = told_of(caller, data.draw(here), data.draw(there))
    assert one == told_of(caller, data.draw(here), data.draw(there))


@given(places_within(CELL))
def test_a_planner_is_told_the_centre_of_the_cell(place: tuple[float, float]) -> None:
    (event,) = parsed(told_of(PLANNER, place, place))
    lat, lng = h3.cell_to_latlng(CELL)
    assert event.data["bbox"] == [lng, lat, lng, lat]
    assert (event.data["n"], event.data["keys"]) == (1, ["cam"])


@given(places_within(CELL))
def test_who_is_cleared_is_told_a_box_that_holds_the_place(place: tuple[float, float]) -> None:
    (event,) = parsed(told_of(CLEARED, place, place))
    ring = [(lng, lat) for lat, lng in h3.cell_to_boundary(CELL)]
    assert event.data["bbox"] == pytest.approx(shapely.Polygon(ring).bounds)
    assert box(*event.data["bbox"]).contains(Point(place))


def test_the_public_is_told_that_something_changed_no_more() -> None:
    (event,) = parsed(told_of(ANONYMOUS, (121.28, 31.01), (121.3, 31.03)))
    assert {k: v for k, v in event.data.items() if k not in ("at", "snapshot")} == {
        "layer": "cameras", "tx": 1, "bbox": None, "n": None,
    }  # fmt: skip


def test_where_all_is_open_the_box_is_round_the_places() -> None:
    (event,) = parsed(told_of(OPEN, (121.28, 31.03), (121.3, 31.01)))
    assert event.data["bbox"] == [121.28, 31.01, 121.3, 31.03]


def test_layers_that_are_not_sensitive_are_told_to_everybody() -> None:
    rows = [("chargers", "west", 121.28, 31.01, None, b"{}")]
    news = replace(news_of((TX, []), {}), layers=(touched("chargers", rows),))
    (event,) = parsed(in_words(news, Wish(sight_of(ANONYMOUS)), SNAPSHOT, SNAPSHOT.id))
    assert (event.data["bbox"], event.data["n"], event.data["keys"]) == ([121.28, 31.01] * 2, 1, ["west"])


def test_of_a_layer_that_is_sensitive_in_part_the_public_is_told_the_other_part() -> None:
    rows = [
        ("sensors", "air", 121.28, 31.01, None, b'{"domain":"environment"}'),
        ("sensors", "gas", 121.30, 31.03, None, b'{"domain":"gas"}'),
        ("sensors", "pipe", None, None, None, b'{"domain":"gas"}'),
    ]
    made = touched("sensors", rows)
    told = made.seen(Sight("public"), {})
    assert told == {"bbox": [121.28, 31.01, 121.28, 31.01], "n": None, "keys": ["air"]}
    lat, lng = h3.cell_to_latlng(h3.latlng_to_cell(31.03, 121.3, 9))
    seen = made.seen(Sight("planner"), {})
    assert seen["bbox"] == pytest.approx([121.28, 31.01, lng, lat])
    assert (seen["n"], seen["keys"]) == (3, ["air", "gas", "pipe"])


@pytest.mark.parametrize("role", ["planner", "cleared", "editor"])
def test_beyond_the_areas_of_a_role_one_is_told_as_the_public_is(role: Any) -> None:
    caller = Caller("s", role, areas=SCOPED)
    inside, outside = (121.28, 31.005), (121.28, 31.035)
    (event,) = parsed(told_of(caller, outside, outside))
    assert (event.data["bbox"], event.data["n"], event.data.get("keys")) == (None, None, None)
    (crossing,) = parsed(told_of(caller, inside, outside))
    (within,) = parsed(told_of(caller, inside, inside))
    assert crossing.data["bbox"] == within.data["bbox"]
    assert crossing.data["keys"] == ["cam"]


def test_an_area_that_is_not_there_is_nowhere() -> None:
    (event,) = parsed(told_of(Caller("s", "cleared", areas=("nowhere",)), (121.28, 31.01), (121.28, 31.01)))
    assert (event.data["bbox"], event.data["n"]) == (None, None)


@pytest.mark.parametrize(
    ("layer", "attributes", "expected"),
    [("cameras", b"{}", True), ("chargers", b"{}", False), ("none such", b"{}", True), ("sensors", b"{}", True),
     ("sensors", b'{"domain":null}', True), ("sensors", b'{"domain":"gas"}', True), ("sensors", b'{"domain":"road"}', False)],
)  # fmt: skip
def test_what_is_sensitive_is_what_the_layers_type_says_and_what_cannot_be_said_is(
    layer: str, attributes: bytes, expected: bool
) -> None:
    assert is_sensitive(layer, attributes) == expected


@pytest.mark.parametrize("kind", [k for k in LAYERS.values() if k.sensitive_where], ids=lambda k: k.name)
def test_what_decides_on_sensitivity_is_a_field_that_is_kept_with_the_attributes(kind: LayerType) -> None:
    assert set(kind.sensitive_where) <= {f.name for f in kind.fields}


def test_each_caller_hears_his_own_words() -> None:
    async def play(stage: Stage) -> None:
        callers = (OPEN, CLEARED, PLANNER, ANONYMOUS)
        listening = [await stage.listen(caller=caller) for caller in callers]
        stage.move("cam-00", (121.28, 31.01), "cameras")
        told = [(await heard.events(1))[0].data["bbox"] for heard in listening]
        assert told[0] == [121.272, 31.004, 121.28, 31.01]
        assert told[3] is None
        assert len({json.dumps(each) for each in told}) == 4

    on_stage(play)
