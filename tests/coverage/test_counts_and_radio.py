"""The three counts, the disc model, balance and lifecycle."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import shapely

from tests.world import (
    CENTRE,
    HAND,
    NOW,
    PLAN,
    area,
    asset,
    charger,
    district,
    offset,
    radio_site,
    snapshot,
    square,
    twin_with,
)
from twin.coverage import RULES
from twin.coverage.charger_balance import lorenz
from twin.coverage.result import Evaluation, Scene
from twin.coverage.scope import Scope
from twin.errors import BadParameter
from twin.model import DemandGrid, Record, Snapshot, Source


def evaluate(rule: str, world: Snapshot, code: str = "310112", **parameters: object) -> Evaluation:
    clause = PLAN.clause(rule)
    return RULES[rule].evaluate(
        Scene(world, Scope(world.areas[code]), clause), RULES[rule].read(clause.parameters, parameters)
    )


def test_stations_count_once_built_indoor_apart_masts_and_sectors_beside():
    world = snapshot([
        *district(),
        radio_site("a", CENTRE, mast="m1"),
        radio_site("b", CENTRE, mast="m1", operator="电信", lifecycle="managed"),
        radio_site("c", CENTRE, site_kind="indoor"),
        radio_site("d", CENTRE, lifecycle="building"),
        radio_site("e", offset(CENTRE, 9000, 0)),
        *(asset("radio_sectors", f"a-{i}", CENTRE, site="a") for i in range(3)),
    ])  # fmt: skip
    result = evaluate("radio-site-count", world).result
    assert (result.value, result.met) == (2, False)
    assert result.facts["n_indoor"] == 1
    assert result.facts["n_masts"] == 2
    assert result.facts["n_sectors"] == 3
    assert result.by_state == {"planned": 0, "building": 1, "managed": 1, "operating": 2, "retired": 0}


def test_a_count_is_met_exactly_at_its_number():
    """100,000 以上 includes the number."""
    world = snapshot([*district(), asset("sensors", "many", CENTRE, domain="road", n_devices=100_000)])
    assert evaluate("sensor-count", world).result.met is True
    world = snapshot([*district(), asset("sensors", "many", CENTRE, domain="road", n_devices=99_999)])
    assert evaluate("sensor-count", world).result.met is False


def test_a_point_on_a_shared_border_lies_in_the_area_of_the_lower_code():
    west, south, east, north = square(1000).bounds
    towns = [area("310112002", "town", shapely.box(west, south, CENTRE[0], north)),
             area("310112001", "town", shapely.box(CENTRE[0], south, east, north))]  # fmt: skip
    world = snapshot([*district(1000), *towns, asset("sensors", "s", CENTRE, domain="road")])
    rows = {r.code: r.value for r in evaluate("sensor-count", world).area_rows("town")}
    assert rows == {"310112001": 1, "310112002": 0}


def test_cells_of_a_count_add_up():
    rng = np.random.default_rng(1)
    sensors = [
        asset("sensors", f"s{i}", offset(CENTRE, *rng.uniform(-5500, 5500, 2)), domain="road") for i in range(500)
    ]
    evaluation = evaluate("sensor-count", snapshot([*district(), *sensors]))
    assert evaluation.cells(8).n.sum() == evaluation.result.value


def test_outdoor_stations_cover_their_disc_for_any_operator_and_the_worst_is_named():
    world = snapshot([*district(2000), radio_site("a", CENTRE), radio_site("b", offset(CENTRE, 1000, 0), operator="电信"),
                      radio_site("c", offset(CENTRE, 1300, 0), operator="电信"), radio_site("d", CENTRE, site_kind="indoor")])  # fmt: skip
    result = evaluate("radio-coverage", world).result
    disc = np.pi * 0.3**2 / 16
    assert result.facts["share_by_operator"]["移动"] == pytest.approx(disc, rel=1e-4)
    assert result.facts["worst_operator"] == "移动"
    assert disc < result.share < 3 * disc
    assert result.facts["share_by_radius"]["375.0"] > result.share > result.facts["share_by_radius"]["225.0"]
    assert "model" in result.labels


@pytest.mark.parametrize(
    ("amount", "people", "expected"),
    [((1, 1), (1, 1), 0.0), ((0, 1), (1, 1), 0.5), ((0, 0, 0, 1), (1, 1, 1, 1), 0.75), ((1, 2), (1, 2), 0.0)],
)
def test_gini_of_known_distributions(amount, people, expected):
    curve = lorenz(np.array(amount, float), np.array(people, float))
    assert (curve and curve.gini) == pytest.approx(expected)


def test_the_lorenz_curve_goes_from_the_poorest_area_to_the_richest():
    """Per head 1, 4 and 0.5, and an area where nobody lives."""
    curve = lorenz(np.array([10.0, 40.0, 5.0, 99.0]), np.array([10.0, 10.0, 10.0, 0.0]))
    assert curve.order.tolist() == [2, 0, 1]
    assert curve.people.tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert curve.amount.tolist() == pytest.approx([0, 5 / 55, 15 / 55, 1])
    differences = np.abs(np.subtract.outer([1.0, 4.0, 0.5], [1.0, 4.0, 0.5])).sum()
    assert curve.gini == pytest.approx(differences / (2 * 9 * (5.5 / 3)))


def test_balance_says_its_lorenz_curve_by_area():
    west, south, east, north = square(3000).bounds
    towns = [
        area("310112001", "town", shapely.box(west, south, CENTRE[0], north)),
        area("310112002", "town", shapely.box(CENTRE[0], south, east, north)),
    ]
    people = DemandGrid(
        "population",
        "people",
        np.array([offset(CENTRE, -900, 0), offset(CENTRE, 900, 0)]),
        np.array([300.0, 100.0]),
        "hand",
    )
    stations = [
        charger("a", offset(CENTRE, -500, 0), n_connectors=5),
        charger("b", offset(CENTRE, 500, 0), n_connectors=15),
    ]
    world = snapshot([*district(3000), *towns, *stations], [people])
    clause, scope = PLAN.clause("charger-balance"), Scope(world.areas["310112"])
    service_clause, service = PLAN.clause("charger-service"), RULES["charger-service"]
    served = service.evaluate(Scene(world, scope, service_clause), service.read(service_clause.parameters))
    rule = RULES["charger-balance"]
    facts = rule.evaluate(Scene(world, scope, clause), rule.read(clause.parameters), served).result.facts
    assert facts["lorenz"] == [
        {"code": None, "people_share": 0.0, "connectors_share": 0.0},
        {"code": "310112001", "people_share": 0.75, "connectors_share": 0.25},
        {"code": "310112002", "people_share": 1.0, "connectors_share": 1.0},
    ]
    assert facts["gini"] == pytest.approx(0.5)
    assert facts["concentration"] == 0.75


def test_balance_names_the_worst_town_and_gives_no_verdict():
    west, south, east, north = square(3000).bounds
    towns = [area("310112001", "town", shapely.box(west, south, CENTRE[0], north), "西镇"),
             area("310112002", "town", shapely.box(CENTRE[0], south, east, north), "东镇")]  # fmt: skip
    twin = twin_with([*district(3000), *towns, charger("a", offset(CENTRE, -1500, 0), n_connectors=20)])
    result = twin.cover("charger-balance").result
    assert (result.facts["worst_name"], result.met) == ("东镇", None)
    assert result.facts["concentration"] == 1.0


def test_a_state_that_an_import_assumed_is_not_a_recorded_one():
    records: list[Record] = [area("hongqiao-cbd", "aoi", square(1000)), asset("sensors", "a", CENTRE, domain="road"),
                             asset("sensors", "b", CENTRE, domain="road", lifecycle_assumed=True)]  # fmt: skip
    result = evaluate("lifecycle", snapshot([*district(), *records]), "hongqiao-cbd").result
    assert (result.value, result.met) == (0.5, False)


def test_outside_the_clauses_scope_a_result_is_only_a_reference():
    far = area("elsewhere", "aoi", square(1000, offset(CENTRE, 20_000, 0)))
    world = snapshot([*district(), far, asset("sensors", "a", CENTRE, domain="road")])
    result = evaluate("sensor-count", world, "elsewhere").result
    assert result.binding is False
    assert "reference" in result.labels


def test_every_clause_has_an_answer_and_none_is_left_out():
    twin = twin_with([*district(), area("hongqiao-cbd", "aoi", square(1000))])
    results = {c.id: twin.cover(c.id).result for c in PLAN.clauses}
    assert {r.status for r in results.values()} == {"no-data"}
    assert all(r.value is None and r.met is None for r in results.values())


def test_an_area_that_reaches_beyond_the_loaded_data_is_partial_and_says_how_much_is_in_them():
    west, south, _, north = square(2000).bounds
    extent = area("data-extent", "zone", shapely.box(west, south, CENTRE[0], north))
    world = snapshot([*district(2000), extent, asset("sensors", "a", CENTRE, domain="road")])
    result = evaluate("sensor-count", world).result
    assert result.status == "partial"
    assert result.area_with_data_km2 == pytest.approx(result.area_km2 / 2, rel=1e-4)


def test_nothing_is_judged_where_nothing_is_known():
    """Data for the western half, wholly served: the share is 100 % of what is known, and says that half is not."""
    west, south, _, north = square(1000).bounds
    extent = area("data-extent", "zone", shapely.box(west, south, CENTRE[0], north))
    world = snapshot([*district(1000), extent, charger("a", offset(CENTRE, -500, 0))])
    result = evaluate("charger-service", world).result
    assert (result.share, result.status) == (1.0, "partial")
    assert result.area_with_data_km2 == pytest.approx(result.area_km2 / 2, rel=1e-4)
    far = area("far", "aoi", square(500, offset(CENTRE, 20_000, 0)))
    twin = twin_with([*district(1000), extent, far, charger("a", CENTRE)])
    nothing = twin.cover("charger-service", area="far").result
    assert (nothing.status, nothing.value, nothing.met, nothing.area_with_data_km2) == ("no-data", None, None, 0)


@pytest.mark.parametrize(
    ("rule", "settings"),
    [
        ("camera-count", {"access": "foo"}),
        ("sensor-count", {"domains": "foo"}),
        ("radio-site-count", {"site_kinds": "foo"}),
        ("radio-coverage", {"operator": "foo"}),
        ("lifecycle", {"layers": "foo"}),
        ("charger-balance", {"level": "foo"}),
        ("charger-service", {"states": "foo"}),
        ("charger-service", {"states": ""}),
        ("charger-service", {"zones": ["outer-ring"]}),
        ("charger-service", {"radius_m": "far"}),
    ],
)
def test_a_value_outside_a_closed_set_is_refused_in_both_languages(rule, settings):
    twin = twin_with([*district(), area("hongqiao-cbd", "aoi", square(900)), charger("a", CENTRE), radio_site("b", CENTRE),
                      asset("cameras", "c", CENTRE, access="own"), asset("sensors", "s", CENTRE, domain="road")])  # fmt: skip
    with pytest.raises(BadParameter) as error:
        _ = twin.cover(rule, parameters=settings).result
    assert any("一" <= c <= "鿿" for c in error.value.words.zh)


def test_what_is_online_is_said_of_the_present_only():
    """No history of it is kept: at another time ``effective`` is null, never today's figure."""
    twin = twin_with(
        [*district(), charger("a", CENTRE), asset("cameras", "c", CENTRE, access="own"), radio_site("r", CENTRE)]
    )
    then = twin.snapshot(as_of=NOW - timedelta(days=100))
    for rule in ("charger-service", "camera-density", "camera-count", "radio-coverage"):
        assert twin.cover(rule).result.effective is not None
        past = twin.cover(rule, snapshot=then).result
        assert (past.effective, past.n_unknown) == (None, None)
        assert past.value == twin.cover(rule).result.value


def test_unknown_online_states_count_only_where_they_could_serve():
    far = [charger(f"far{i}", offset(CENTRE, 50_000, i), online=None) for i in range(9)]
    world = snapshot([*district(1000), *far, charger("near", offset(CENTRE, 2000, 0), online=None, n_devices=2)])
    assert evaluate("charger-service", world).result.n_unknown == 2


def test_the_ring_and_the_towns_that_decide_bring_their_labels():
    derived = replace(area("outer-ring", "zone", square(500)), source="ring")
    schematic = replace(area("310112001", "town", square(5000)), source="towns")
    sources = [HAND, Source("ring", "ring", "wgs84", derived=True), Source("towns", "towns", "wgs84", schematic=True)]
    twin = twin_with([area("310112", "district", square(5000)), derived, schematic, charger("a", CENTRE)], sources)
    assert {"derived", "schematic"} <= set(twin.cover("charger-service").result.labels)
