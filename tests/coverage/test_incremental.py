"""An evaluation begun from the last one is the one that is made afresh: to the last bit where it is recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.world import (
    CENTRE,
    HAND,
    NOW,
    PLAN,
    area,
    charger,
    district,
    offset,
    radio_site,
    square,
    twin_with,
)
from twin.api.wire import area_row_to_json, cells_to_json, gap_to_feature, result_to_json
from twin.coverage.result import Evaluation
from twin.coverage.service_evaluation import ServiceEvaluation
from twin.coverage.tessellation import Tessellation
from twin.engine import Twin
from twin.model import Change, DemandGrid, Edit, Record
from twin.ports import GridFile

HALF_M = 5000
WEST, SOUTH, EAST, NORTH = square(HALF_M).bounds
RING = shapely.box(CENTRE[0], SOUTH, EAST, NORTH)
PLACE = st.tuples(st.integers(-6000, 6000), st.integers(-6000, 6000))
STATES = ("operating", "planned", "retired")


def towns(split_m: float = 0.0) -> list[Record]:
    middle = offset(CENTRE, 0, split_m)[1]
    return [
        area("310112001", "town", shapely.box(WEST, SOUTH, CENTRE[0], middle)),
        area("310112002", "town", shapely.box(WEST, middle, CENTRE[0], NORTH)),
        area("310112003", "town", shapely.box(CENTRE[0], SOUTH, EAST, NORTH)),
    ]


def records(seed: int, n: int = 25) -> list[Record]:
    rng = np.random.default_rng(seed)
    places = rng.integers(-6000, 6000, (n, 2)).tolist()
    stations = [charger(f"c{i:02}", offset(CENTRE, *p)) for i, p in enumerate(places)]
    return [*district(HALF_M, RING), *towns(), *stations, charger("far", offset(CENTRE, 40_000, 0))]


def fresh(twin: Twin) -> Twin:
    """Another twin over the same store, that has seen nothing yet."""
    return Twin(twin.store, PLAN, read_people, lambda: NOW)


def read_people(grid: GridFile) -> DemandGrid:
    lnglat = np.frombuffer(grid.content, np.float64).reshape(-1, 2)
    return DemandGrid(grid.name, grid.unit, lnglat, np.ones(len(lnglat)), grid.source)


def people(rng: np.random.Generator, n: int) -> GridFile:
    places = [offset(CENTRE, *p) for p in rng.uniform(-4500, 4500, (n, 2))]
    return GridFile("population", "people", HAND.id, np.array(places).tobytes())


def inner(evaluation: Evaluation) -> ServiceEvaluation:
    found = evaluation.inner  # type: ignore[attr-defined]
    assert isinstance(found, ServiceEvaluation)
    return found


def written(evaluation: Evaluation) -> bytes:
    gaps = [gap_to_feature(g, i) for i, g in enumerate(evaluation.gaps())]
    rows = [area_row_to_json(r) for r in evaluation.area_rows("town")]
    hexes = [cells_to_json(evaluation.cells(r)) for r in (8, 9)]
    return orjson.dumps([result_to_json(evaluation.result), rows, hexes, gaps], option=orjson.OPT_SERIALIZE_NUMPY)


def same(updated: ServiceEvaluation, anew: ServiceEvaluation) -> None:
    for resolution in (None, 8):
        one, two = (e.base if resolution is None else e.tessellation(resolution) for e in (updated, anew))
        assert updated.served_m2(one).tobytes() == anew.served_m2(two).tobytes()
    a, b = updated.result, anew.result
    assert (a.by_state, a.facts["n_stations"], a.facts["n_gaps"]) == (
        b.by_state,
        b.facts["n_stations"],
        b.facts["n_gaps"],
    )
    assert a.share == pytest.approx(b.share, rel=1e-9)
    for mine, other in zip(updated.area_rows("town"), anew.area_rows("town"), strict=True):
        assert mine.code == other.code
        assert mine.shortfall == pytest.approx(other.shortfall, rel=1e-9)
    assert updated.open_km2 == pytest.approx(anew.open_km2, abs=1e-9)


def same_gaps(updated: Evaluation, anew: Evaluation) -> None:
    """Told apart by their deepest points; where two are as deep, by overlap."""
    mine, others = updated.gaps(), anew.gaps()
    assert len(mine) == len(others)
    frame = inner(updated).scope.frame
    outlines = [frame.project(g.geometry, 360.0) for g in others]
    for gap in mine:
        outline = frame.project(gap.geometry, 360.0)
        shared = [shapely.intersection(outline, o).area for o in outlines]
        other = others[int(np.argmax(shared))]
        assert gap.area_km2 == pytest.approx(other.area_km2, rel=1e-9)
        assert shapely.symmetric_difference(outline, outlines[int(np.argmax(shared))]).area < 1e-3
        assert gap.nearest_distance_m == pytest.approx(other.nearest_distance_m, abs=1e-6)


EDIT = st.one_of(
    st.tuples(st.just("add"), PLACE),
    st.tuples(st.just("move"), PLACE),
    st.tuples(st.just("remove"), st.none()),
    st.tuples(st.just("state"), st.sampled_from(STATES)),
    st.tuples(st.just("towns"), st.integers(-3000, 3000)),
    st.tuples(st.just("ring"), st.integers(-3000, 3000)),
    st.tuples(st.just("the same spot"), st.none()),
)


def edits_of(step: tuple[str, Any], twin: Twin, number: int) -> list[Edit]:
    """One step as edits, on the asset that its number picks."""
    op, value = step
    store, held = twin.store, twin.snapshot()
    keys = [k for k in held.layers["chargers"].frame["key"] if k != "far"]

    def latest(layer: str, key: str) -> tuple[int, Record]:
        version, _, _, record = store.versions(layer, key)[-1]
        return version, record

    def change(layer: str, key: str, alter: Callable[[Record], Record]) -> Edit:
        version, record = latest(layer, key)
        return Edit("change", alter(record), expected_version=version)

    if op == "add":
        return [Edit("add", charger(f"n{number}", offset(CENTRE, *value)))]
    if op == "towns":
        return [change("areas", t.key, lambda _, t=t: t) for t in towns(value)]
    if op == "ring":
        ring = area("outer-ring", "zone", shapely.box(offset(CENTRE, value, 0)[0], SOUTH, EAST, NORTH))
        return [change("areas", "outer-ring", lambda _: ring)]
    if not keys:
        return []
    key = keys[number % len(keys)]
    version, record = latest("chargers", key)
    if op == "remove":
        return [Edit("remove", replace(record, valid_to=record.valid_from), expected_version=version)]
    if op == "state":
        return [change("chargers", key, lambda r: replace(r, lifecycle=value))]
    if op == "the same spot":
        return [Edit("add", charger(f"n{number}", (record.lng, record.lat)))]
    lng, lat = offset(CENTRE, *value)
    return [change("chargers", key, lambda r: replace(r, lng=lng, lat=lat))]


def test_an_edit_of_every_kind_one_after_another_ends_where_a_fresh_start_does():
    steps = [
        ("add", (-3000, -3000)), ("move", (1000, 500)), ("state", "planned"), ("towns", 700), ("the same spot", None),
        ("ring", -500), ("remove", None), ("add", (2500, 2500)),
    ]  # fmt: skip
    twin = twin_with(records(11))
    twin.cover("charger-service").gaps()
    for number, step in enumerate(steps):
        twin.commit(edits_of(step, twin, number), author="x", reason="y")
        updated = twin.cover("charger-service")
        assert inner(updated).share is not None
    anew = fresh(twin).cover("charger-service")
    same(inner(updated), inner(anew))
    assert written(updated) == written(anew)


@pytest.mark.slow
@settings(max_examples=12)
@given(
    st.integers(0, 10**6),
    st.lists(EDIT, min_size=1, max_size=4),
    st.sampled_from([{}, {"at_least": 2}, {"reading": "station"}]),
)
def test_recorded_edits_one_by_one_end_where_a_fresh_start_does(seed, steps, parameters):
    twin = twin_with(records(seed))
    twin.cover("charger-service", parameters=parameters).gaps()
    for number, step in enumerate(steps):
        twin.commit(edits_of(step, twin, number + seed), author="x", reason="y")
        updated = twin.cover("charger-service", parameters=parameters)
        if number % 2:
            _ = updated.result
    anew = fresh(twin).cover("charger-service", parameters=parameters)
    same(inner(updated), inner(anew))
    assert written(updated) == written(anew)


CHANGE = st.one_of(
    st.tuples(st.just("add"), PLACE), st.tuples(st.just("change"), PLACE), st.tuples(st.just("remove"), st.none()),
    st.tuples(st.just("state"), st.sampled_from(STATES)),
)  # fmt: skip


def changes_of(steps: list[tuple[str, Any]]) -> list[Change]:
    changes = []
    for i, (op, value) in enumerate(steps):
        key = f"c{i:02}"
        place = dict(zip(("lng", "lat"), offset(CENTRE, *value), strict=True)) if op in ("add", "change") else {}
        if op == "state":
            changes.append(Change("change", "chargers", key, {"lifecycle": value}))
        else:
            changes.append(Change(op, "chargers", f"new{i}" if op == "add" else key, place))
    return changes


@settings(max_examples=5)
@given(
    st.integers(0, 10**6),
    st.lists(CHANGE, min_size=1, max_size=5),
    st.sampled_from([{}, {"at_least": 2}, {"reading": "station"}]),
)
def test_tried_changes_are_judged_as_if_they_had_been_recorded(seed, steps, parameters):
    twin = twin_with(records(seed))
    twin.cover("charger-service", parameters=parameters).gaps()
    after = twin.cover("charger-service", parameters=parameters, changes=changes_of(steps))
    anew = fresh(twin)
    clause, scope = (
        anew.plan.clause("charger-service"),
        anew._scope(anew.snapshot(), anew.plan.clause("charger-service"), None),
    )
    alone = anew._evaluate(inner(after).scene.snapshot, clause, scope, parameters, None)
    same(inner(after), inner(alone))
    same_gaps(after, alone)


@pytest.mark.parametrize("op", ["add", "move", "remove"])
def test_only_what_an_edit_can_reach_is_computed_again(op, monkeypatch):
    twin = twin_with(records(3))
    before = inner(twin.cover("charger-service"))
    n_fragments, share, settled = len(before.base), before.share, []
    settle = Tessellation._settle

    def counted(self: Tessellation, which: np.ndarray, *rest: Any) -> None:
        settled.append(len(which))
        settle(self, which, *rest)

    monkeypatch.setattr(Tessellation, "_settle", counted)
    twin.commit(edits_of((op, (-3000, -3000)), twin, 1), author="x", reason="y")
    assert inner(twin.cover("charger-service")).share != share
    in_reach = (2 if op == "move" else 1) * np.pi * (1500 + 2 * 250) ** 2 / (np.pi / 4 * 340**2)
    assert len(settled) == 1
    assert 0 < settled[0] < in_reach < n_fragments


def test_a_change_that_moves_nothing_computes_nothing(monkeypatch):
    twin = twin_with(records(3))
    share = inner(twin.cover("charger-service")).share
    monkeypatch.setattr(Tessellation, "_settle", lambda *_: pytest.fail("nothing to settle"))
    version, _, _, record = twin.store.versions("chargers", "c01")[-1]
    renamed = Edit("change", replace(record, name="another name"), expected_version=version)
    twin.commit([renamed], author="x", reason="y")
    assert inner(twin.cover("charger-service")).share == share


def test_a_station_that_takes_anothers_place_is_the_nearest_of_the_gaps_that_stay():
    twin = twin_with([*district(HALF_M), charger("a", CENTRE), charger("far", offset(CENTRE, 40_000, 0))])
    assert [g.nearest for g in twin.cover("charger-service").gaps()] == ["a"]
    place = dict(zip(("lng", "lat"), CENTRE, strict=True))
    swap = [Change("remove", "chargers", "a"), Change("add", "chargers", "b", place)]
    assert [g.nearest for g in twin.cover("charger-service", changes=swap).gaps()] == ["b"]


def test_people_are_asked_again_where_a_station_came_or_went_and_all_of_them_when_they_are_others():
    rng = np.random.default_rng(2)
    twin = fresh(twin_with(records(4)))
    twin.commit([], author="x", reason="people", grids=[people(rng, 300)])
    before = twin.cover("charger-service").result.facts["share_population"]
    twin.commit(edits_of(("add", (-3000, -3000)), twin, 1), author="x", reason="y")
    after = twin.cover("charger-service").result.facts["share_population"]
    assert before <= after == fresh(twin).cover("charger-service").result.facts["share_population"]
    twin.commit([], author="x", reason="others", grids=[people(rng, 200)])
    others = twin.cover("charger-service").result.facts["share_population"]
    assert others == fresh(twin).cover("charger-service").result.facts["share_population"] != after


def test_what_is_kept_does_not_grow_with_every_edit():
    twin = twin_with(records(5))
    sizes = []
    for number in range(6):
        twin.commit(edits_of(("towns", 100 * number), twin, number), author="x", reason="y")
        evaluation = twin.cover("charger-service")
        assert evaluation.result.share is not None
        sizes.append(len(inner(evaluation)._settled))
    assert sizes[-1] == sizes[1], "tessellations by towns that are no more are still brought up to date"


def test_radio_coverage_is_brought_up_to_date_too():
    rng = np.random.default_rng(6)
    places = rng.integers(-5500, 5500, (80, 2)).tolist()
    sites = [radio_site(f"s{i}", offset(CENTRE, *p), operator=("移动", "联通")[i % 2]) for i, p in enumerate(places)]
    twin = twin_with([*district(HALF_M), *sites])
    assert twin.cover("radio-coverage").result.share is not None
    twin.commit([Edit("add", radio_site("new", offset(CENTRE, 10, 20)))], author="x", reason="y")
    updated, anew = twin.cover("radio-coverage"), fresh(twin).cover("radio-coverage")
    assert written(updated) == written(anew)
