"""A clause under all its readings: the spread, what turns the verdict, and the interval under an error of position."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely

from tests.world import CENTRE, PLAN, camera, charger, district, offset, snapshot, square, twin_with
from twin.coverage import RULES
from twin.coverage.readings import all_readings, first
from twin.coverage.result import Scene
from twin.coverage.scope import Scope
from twin.engine import Twin
from twin.errors import BadParameter
from twin.store import MemoryStore


def readings(twin: Twin, rule: str = "charger-service", **asked: object):
    return twin.readings(rule, **asked)[1]


def test_every_combination_is_read_once_and_the_declared_one_first():
    twin = twin_with([*district(2000), charger("a", CENTRE), charger("b", offset(CENTRE, 900, 0), online=False)])
    found = readings(twin)
    assert found.alternatives == {
        "reading": ("demand", "station"), "public_only": (True, False), "denominator": ("area",),
    }  # fmt: skip
    assert len(found.rows) == 2 * 2 * 2
    told = {(*map(str, row.parameters.values()), row.account) for row in found.rows}
    assert len(told) == len(found.rows)
    assert [row.declared for row in found.rows] == [True] + [False] * 7
    assert found.rows[0].value == twin.cover("charger-service").result.value
    assert found.low == min(row.value for row in found.rows)
    assert found.high == max(row.value for row in found.rows)


def test_each_reading_is_the_rule_under_those_parameters():
    twin = twin_with([
        *district(4000, square(1500)), charger("a", CENTRE), charger("bus", offset(CENTRE, 2500, 0), station_type="bus"),
        charger("off", offset(CENTRE, -2500, 0), online=False),
    ])  # fmt: skip
    for row in readings(twin).rows:
        result = twin.cover("charger-service", parameters=row.parameters).result
        assert row.value == (result.value if row.account == "nominal" else result.effective)


def test_a_verdict_that_one_choice_turns_depends_on_the_reading():
    """One public station leaves the corners open, a bus depot's charger on each side closes them."""
    sides = [charger(f"bus{i}", offset(CENTRE, x, y), station_type="bus") for i, (x, y) in enumerate(
        [(900, 900), (-900, 900), (900, -900), (-900, -900)])]  # fmt: skip
    found = readings(twin_with([*district(1500), charger("a", CENTRE), *sides]))
    assert found.rows[0].met is False
    assert found.robust is False
    assert found.decided_by == ("public_only",)


def test_a_verdict_that_nothing_turns_is_robust():
    found = readings(twin_with([*district(500), charger("a", CENTRE)]))
    assert (found.robust, found.decided_by, found.low, found.high) == (True, (), 1.0, 1.0)


def test_what_is_offline_turns_the_account():
    found = readings(twin_with([*district(500), charger("a", CENTRE, online=False)]))
    assert (found.robust, found.decided_by) == (False, ("account",))
    assert {row.value for row in found.rows if row.account == "effective"} == {0.0}


def test_what_is_not_known_to_be_online_turns_nothing():
    found = readings(twin_with([*district(500), charger("a", CENTRE, online=None)]))
    effective = [row for row in found.rows if row.account == "effective"]
    assert {(row.value, row.value_high, row.met) for row in effective} == {(0.0, 1.0, None)}
    assert (found.robust, found.decided_by) == (None, ())
    assert (found.low, found.high) == (0.0, 1.0)


def test_a_density_whose_online_state_is_unknown_is_not_judged_by_it():
    twin = twin_with([*district(100), *(camera(f"c{i}", CENTRE, online=None) for i in range(20))])
    found = readings(twin, "camera-density")
    assert {row.met for row in found.rows if row.account == "effective"} == {None}
    assert {row.met for row in found.rows if row.account == "nominal"} == {True}


def test_along_streets_only_the_zone_of_the_demand_is_read():
    world, clause, rule = snapshot(district(500)), PLAN.clause("charger-service"), RULES["charger-service"]
    scene = Scene(world, Scope(world.areas["310112"]), clause)
    asked = rule.read(clause.parameters, {"metric": "network"})
    assert list(rule.readings(scene, asked)) == ["public_only", "denominator"]


@pytest.mark.parametrize(("east_m", "interval_turns"), [(5, True), (-5, True), (15, False), (-15, False)])
def test_a_station_that_may_lie_on_the_other_side_of_the_ring_may_have_the_other_radius(east_m, interval_turns):
    """Under the reading by the station's zone; the ring's border runs through the middle, the zone is in the west."""
    west, south, _, north = square(3000).bounds
    ring = shapely.box(west, south, CENTRE[0], north)
    twin = twin_with([*district(3000, ring), charger("a", offset(CENTRE, east_m, 0))])
    low, high = readings(twin, parameters={"reading": "station"}).interval
    own_m = 900 if east_m < 0 else 1500
    least, most = (900, 1500) if interval_turns else (own_m, own_m)
    assert low == pytest.approx(np.pi * ((least - 10) / 6000) ** 2, rel=1e-4)
    assert high == pytest.approx(np.pi * ((most + 10) / 6000) ** 2, rel=1e-4)


def test_the_share_under_an_error_of_position_lies_between_shorter_and_longer_radii():
    found = readings(twin_with([*district(5000), charger("a", CENTRE)]), position_error_m=25.0)
    low, high = found.interval
    assert low == pytest.approx(np.pi * 1.475**2 / 100, rel=2e-5)
    assert high == pytest.approx(np.pi * 1.525**2 / 100, rel=2e-5)
    assert readings(twin_with([*district(5000), charger("a", CENTRE)])).position_error_m == 10.0


def test_a_count_under_an_error_of_position_is_unsure_of_what_is_near_the_border():
    places = {"in": (0, 0), "just in": (995, 0), "just out": (1005, 0), "out": (1100, 0)}
    twin = twin_with([*district(1000), *(camera(k, offset(CENTRE, *p)) for k, p in places.items())])
    assert readings(twin, "camera-count").interval == (1, 3)
    assert readings(twin, "camera-count", position_error_m=0.0).interval == (2, 2)


def test_readings_of_another_time_have_no_effective_value():
    twin = twin_with([*district(500), charger("a", CENTRE)])
    past = twin.snapshot(as_of=twin.now())
    assert {row.account for row in readings(twin, snapshot=past).rows} == {"nominal"}


def test_a_clause_without_data_has_one_reading_without_a_value():
    found = readings(twin_with(district(500)))
    assert [(row.value, row.met) for row in found.rows] == [(None, None)]
    assert (found.low, found.high, found.robust) == (None, None, None)


@pytest.mark.parametrize("error_m", [-1.0, 1e9, float("nan")])
def test_an_impossible_error_of_position_is_refused(error_m):
    with pytest.raises(BadParameter, match="position_error_m"):
        readings(twin_with([*district(500), charger("a", CENTRE)]), position_error_m=error_m)


def test_the_other_settings_of_the_caller_hold_in_every_reading():
    twin = twin_with([*district(5000), charger("a", CENTRE)])
    found = readings(twin, parameters={"radius_m": 1000, "reading": "station"})
    assert found.alternatives["reading"] == ("station", "demand")
    assert found.rows[0].value == pytest.approx(np.pi / 100, rel=2e-5)


def test_alternatives_begin_with_the_declared_one_and_name_none_twice():
    assert first("b", "a", "b", "c") == ("b", "a", "c")
    twin = twin_with([*district(500), charger("a", CENTRE)])
    declared = twin.cover("charger-service")
    found = all_readings(lambda chosen: declared, {"x": (1, 2)}, 0.0)
    assert [row.parameters for row in found.rows if row.account == "nominal"] == [{"x": 1}, {"x": 2}]


def test_a_plan_without_a_target_has_no_verdict_to_be_robust():
    clause = replace(PLAN.clause("camera-count"), value=None, operator="indicator")
    plan = replace(PLAN, clauses=(clause,))
    world = twin_with([*district(500), camera("a", CENTRE)])
    twin = Twin(world.store, plan, lambda grid: grid, world.now)
    assert isinstance(world.store, MemoryStore)
    assert readings(twin, "camera-count").robust is None
