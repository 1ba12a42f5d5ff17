"""Counts and shares that a planner's own clauses may name: what they choose and count, checked by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.coverage.custom_worlds import clause_of, count, judge, stations
from tests.world import CENTRE, NOW, area, asset, camera, charger, district, offset, snapshot, square, twin_with
from twin.coverage.result import Evaluation
from twin.errors import BadParameter, RuleUnready
from twin.model import LIFECYCLES, Snapshot


def share(world: Snapshot, value: float | None = 0.5, operator: str = "at-least", **parameters: Any) -> Evaluation:
    return judge(world, clause_of("share", operator, value, "share", **parameters))


@pytest.fixture(scope="module")
def world() -> Snapshot:
    return snapshot([*district(), *stations()])


@pytest.mark.parametrize(
    ("parameters", "n", "n_undecided"),
    [
        ({}, 3 + 2 + 4 + 1, 0),
        ({"where": {"station_type": "public"}}, 5, 1),
        ({"where": {"station_type": ["public", "bus"]}}, 9, 1),
        ({"where": {"station_type": "unknown"}}, 1, 0),
        ({"where": {"station_type": "public"}, "states": ["operating"]}, 3, 1),
        ({"where": {"station_type": "public"}, "states": ["planned"]}, 50, 0),
        ({"where": {"max_power_kw": {"min": 60}}}, 7, 1),
        ({"where": {"max_power_kw": {"min": 60, "max": 60}}}, 4, 1),
        ({"where": {"max_power_kw": {"max": 59.9}}}, 2, 1),
        ({"where": {"max_power_kw": [7, 120]}}, 5, 1),
        ({"where": {"max_power_kw": {"min": 60}, "station_type": "public"}}, 3, 1),
        ({"where": {"online": True}}, 7, 1),
        ({"where": {"online": False}}, 2, 1),
        ({"where": {"n_connectors": {"max": 4}}}, 6, 1),
        ({"where": {"key": ["a", "c"]}}, 7, 0),
    ],
)
def test_a_count_sums_the_devices_inside_that_meet_every_condition(world, parameters, n, n_undecided):
    result = count(world, layer="chargers", **parameters)
    assert (result.value, result.facts["n_undecided"], result.status) == (n, n_undecided, "ok")


def test_what_is_not_recorded_meets_no_condition_unless_it_is_asked_for():
    sites = [
        asset("radio_sites", "a", CENTRE, operator="unknown", mast=""),
        asset("radio_sites", "b", CENTRE, operator="甲", mast="m"),
    ]
    world = snapshot([*district(), *sites])
    told = [
        count(world, layer="radio_sites", where=w)
        for w in ({"mast": "m"}, {"mast": ""}, {"operator": "unknown"}, {"operator": "乙"})
    ]
    assert [(r.value, r.facts["n_undecided"]) for r in told] == [(1, 1), (1, 0), (1, 0), (0, 1)]


@pytest.mark.parametrize(
    ("operator", "value", "met"),
    [("at-least", 10, True), ("at-least", 11, False), ("more-than", 9, True), ("more-than", 10, False),
     ("at-most", 10, True), ("at-most", 9, False), ("indicator", None, None)],
)  # fmt: skip
def test_a_count_is_met_as_its_operator_says(world, operator, value, met):
    assert count(world, value, operator, layer="chargers").met is met


def test_a_layer_that_holds_nothing_has_no_data_and_one_without_such_assets_has_none(world):
    nothing = count(world, layer="cameras")
    assert (nothing.value, nothing.status, nothing.missing_layers) == (None, "no-data", ("cameras",))
    none = count(world, layer="chargers", where={"station_type": "taxi"})
    assert (none.value, none.met, none.status) == (0, False, "ok")
    assert share(world, layer="cameras", having={"access": "own"}).result.missing_layers == ("cameras",)


@pytest.mark.parametrize(
    ("parameters", "value", "n_unknown", "high"),
    [
        ({"having": {"station_type": "public"}}, 5 / 10, 1, 6 / 10),
        ({"having": {"online": True}}, 7 / 10, 1, 8 / 10),
        ({"having": {"max_power_kw": {"min": 60}}, "where": {"station_type": "public"}}, 3 / 5, 0, 3 / 5),
        ({"having": {"max_power_kw": {"min": 60}}, "states": ["operating"]}, 7 / 8, 1, 8 / 8),
    ],
)
def test_a_share_is_that_of_the_chosen_devices_and_unknown_is_not_having(world, parameters, value, n_unknown, high):
    result = share(world, layer="chargers", **parameters).result
    assert (result.value, result.share, result.nominal) == (value, value, value)
    assert (result.n_unknown, result.facts["share_if_unknown_had"], result.denominator) == (n_unknown, high, "assets")


def test_the_effective_share_counts_only_what_is_online_too(world):
    result = share(world, layer="chargers", having={"station_type": "public"}).result
    assert result.effective == 3 / 10


def test_without_any_chosen_asset_there_is_no_share(world):
    result = share(world, layer="chargers", where={"station_type": "taxi"}, having={"online": True}).result
    assert (result.value, result.met, result.status, result.facts["n"]) == (None, None, "no-data", 0)


@pytest.mark.parametrize(
    ("operator", "value", "met", "n_lacking"),
    [("at-least", 0.5, True, 0), ("at-least", 0.51, False, 1), ("at-least", 1.0, False, 5), ("more-than", 0.5, False, 1),
     ("at-most", 0.5, True, None), ("at-most", 0.4, False, None), ("every", 1.0, False, 5), ("indicator", None, None, None)],
)  # fmt: skip
def test_a_share_is_met_as_its_operator_says_and_says_how_many_lack(world, operator, value, met, n_lacking):
    result = share(world, value, operator, layer="chargers", having={"station_type": "public"}).result
    assert (result.met, result.facts["n_lacking"]) == (met, n_lacking)


def test_rows_of_a_share_are_those_of_each_town_and_a_town_without_assets_has_none():
    west, south, east, north = square(5000).bounds
    towns = [area("310112001", "town", shapely.box(west, south, CENTRE[0], north)),
             area("310112002", "town", shapely.box(CENTRE[0], south, east, CENTRE[1])),
             area("310112003", "town", shapely.box(CENTRE[0], CENTRE[1], east, north))]  # fmt: skip
    cameras = [camera("a", offset(CENTRE, -1000, 0)), camera("b", offset(CENTRE, -1000, 10), access="unlinked", n_devices=3),
               camera("c", offset(CENTRE, 1000, -1000))]  # fmt: skip
    evaluation = share(
        snapshot([*district(), *towns, *cameras]), 0.9, layer="cameras", having={"access": ["own", "relayed"]}
    )
    rows = {r.code[-1]: (r.value, r.target, r.met, r.shortfall) for r in evaluation.area_rows("town")}
    assert rows == {"1": (0.25, 0.9, False, 3), "2": (1.0, 0.9, True, 0), "3": (None, 0.9, None, None)}
    cells = evaluation.cells(8)
    held = cells.n > 0
    assert sorted(zip(cells.value[held], cells.n[held], cells.status[held], strict=True)) == [
        (0.25, 4, "fail"),
        (1.0, 1, "pass"),
    ]
    assert set(cells.status[~held]) == {"no-value"}
    assert np.isnan(cells.value[~held]).all()


def test_what_was_online_is_not_known_of_another_time():
    twin = twin_with([*district(), *stations()])
    then = twin.snapshot(as_of=NOW - timedelta(days=100))
    with pytest.raises(RuleUnready, match="online"):
        count(then, layer="chargers", where={"online": True})
    with pytest.raises(RuleUnready, match="online"):
        share(then, layer="chargers", having={"online": True})
    assert share(then, layer="chargers", having={"station_type": "public"}).result.effective is None


def test_a_count_or_a_share_has_nothing_to_explain_at_a_point(world):
    for evaluation in (
        share(world, layer="chargers", having={"online": True}),
        judge(world, clause_of("count", "at-least", 1, "个", layer="chargers")),
    ):
        with pytest.raises(BadParameter, match="my-"):
            evaluation.explain(*CENTRE)


assets = st.lists(
    st.tuples(
        st.sampled_from(LIFECYCLES), st.sampled_from(["public", "bus", "unknown"]), st.sampled_from([True, False, None]),
        st.sampled_from([None, 7.0, 60.0]), st.integers(1, 3), st.booleans(),
    ), max_size=12,
)  # fmt: skip


@settings(max_examples=30)
@given(assets)
def test_a_share_is_the_count_of_both_over_the_count_of_the_one(rows):
    """Also against a plain loop; what is not counted as having, unknown or not having does not exist."""
    made = [
        charger(f"c{i}", offset(CENTRE, 100.0 * i, 0 if inside else 9000), lifecycle=state, station_type=kind, online=online,
                max_power_kw=power, n_devices=n)
        for i, (state, kind, online, power, n, inside) in enumerate(rows)
    ]  # fmt: skip
    world = snapshot([*district(), *made, camera("x", CENTRE)])
    power = {"max_power_kw": {"min": 60}}
    chosen = [r for r in rows if r[0] in ("managed", "operating") and r[1] == "public" and r[5]]
    n, both, unknown = (
        sum(r[4] for r in chosen if keep(r[3])) for keep in (lambda p: True, lambda p: p == 60.0, lambda p: p is None)
    )
    result = share(world, layer="chargers", where={"station_type": "public"}, having=power).result
    if not n:
        assert (result.value, result.status) == (None, "no-data")
        return
    assert (result.value, result.n_unknown) == (both / n, unknown)
    assert count(world, layer="chargers", where={"station_type": "public", **power}).value == both
