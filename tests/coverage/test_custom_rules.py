"""Kinds that a planner's own clauses may name: what they choose, count and refuse, on worlds that can be checked by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.world import CENTRE, NOW, PLAN, area, asset, camera, charger, district, offset, snapshot, square, twin_with
from twin.coverage import RULES, clause_faults
from twin.coverage.result import Evaluation, Scene
from twin.coverage.scope import Scope
from twin.errors import BadParameter, RuleUnready
from twin.layers import LAYERS
from twin.model import LIFECYCLES, Record, Snapshot
from twin.plan import Clause


def clause_of(rule: str, operator: str, value: float | None, unit: str, **parameters: Any) -> Clause:
    return replace(PLAN.clause("net-home"), id=f"my-{rule}", rule=rule, operator=operator, value=value, unit=unit,
                   strength="aspired", parameters=parameters)  # fmt: skip


def judge(world: Snapshot, clause: Clause, code: str = "310112") -> Evaluation:
    rule = RULES[clause.rule]
    return rule.evaluate(Scene(world, Scope(world.areas[code]), clause), rule.read(clause.parameters))


def count(world: Snapshot, value: float | None = 1, operator: str = "at-least", **parameters: Any) -> Any:
    return judge(world, clause_of("count", operator, value, "个", **parameters)).result


def share(world: Snapshot, value: float | None = 0.5, operator: str = "at-least", **parameters: Any) -> Evaluation:
    return judge(world, clause_of("share", operator, value, "share", **parameters))


def stations() -> list[Record]:
    """What is in the square district of 10 km: 3 + 2 public devices, a bus station of 4, one of unknown type; one outside."""
    return [
        charger("a", CENTRE, n_devices=3, max_power_kw=120.0, n_connectors=8),
        charger("b", offset(CENTRE, 500, 0), n_devices=2, max_power_kw=7.0, lifecycle="managed", online=False),
        charger("c", offset(CENTRE, 900, 0), n_devices=4, station_type="bus", max_power_kw=60.0),
        charger("d", offset(CENTRE, 0, 900), station_type="unknown", online=None, n_connectors=None),
        charger("planned", offset(CENTRE, 0, 950), lifecycle="planned", n_devices=50, max_power_kw=120.0),
        charger("outside", offset(CENTRE, 9000, 0), n_devices=100, max_power_kw=120.0),
    ]


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


def test_a_density_is_devices_over_the_area_and_what_is_not_known_may_decide_it(world):
    result = judge(
        world, clause_of("density", "at-least", 0.05, "个/km²", layer="chargers", where={"station_type": "public"})
    ).result
    assert result.value == pytest.approx(5 / 100, rel=1e-3)
    assert result.value == 5 / result.area_km2
    assert (result.facts["n"], result.facts["n_doubtful"]["unknown_field"]) == (5, 1)
    for target, met in ((5 / result.area_km2, True), (5.5 / result.area_km2, None), (6.5 / result.area_km2, False)):
        clause = clause_of("density", "at-least", target, "个/km²", layer="chargers", where={"station_type": "public"})
        assert judge(world, clause).result.met is met
    assert judge(world, clause_of("density", "at-least", 1, "个/km²", layer="sensors")).result.missing_layers == (
        "sensors",
    )


def town_world(rng: np.random.Generator) -> Snapshot:
    """Two towns, a ring round the centre, random cameras and stations of every sort, some of them outside."""
    west, south, east, north = square(3000).bounds
    towns = [area("310112001", "town", shapely.box(west, south, CENTRE[0], north)),
             area("310112002", "town", shapely.box(CENTRE[0], south, east, north))]  # fmt: skip
    places = [offset(CENTRE, *xy) for xy in rng.uniform(-3800, 3800, (60, 2))]
    sorts = (
        rng.choice(["own", "relayed", "unlinked"], 60),
        rng.choice(["public", "bus"], 60),
        rng.choice(LIFECYCLES, 60),
    )
    cameras = [
        camera(f"c{i}", p, access=a, lifecycle=s, n_devices=1 + i % 3)
        for i, (p, a, s) in enumerate(zip(places, sorts[0], sorts[2], strict=True))
    ]
    chargers = [charger(f"s{i}", p, station_type=k, lifecycle=s, n_connectors=i % 4, online=(True, False, None)[i % 3])
                for i, (p, k, s) in enumerate(zip(places[:25], sorts[1], sorts[2], strict=False))]  # fmt: skip
    return snapshot([*district(3000, square(1000)), *towns, *cameras, *chargers])


@pytest.mark.parametrize("seed", range(3))
def test_the_plans_own_rules_written_as_kinds_give_the_same(seed: int):
    """Two ways to say one thing: an oracle for the kinds."""
    world = town_world(np.random.default_rng(seed))
    density = clause_of("density", "at-least", 2.0, "个/km²", layer="cameras", where={"access": ["own", "relayed"]})
    own_density = replace(PLAN.clause("camera-density"), value=2.0)
    service = clause_of("service", "equal", 1.0, "share", layer="chargers", radius_m=1500, zones=[{"code": "outer-ring", "radius_m": 900}],
                        where={"station_type": "public", "n_connectors": {"min": 1}})  # fmt: skip
    for kind, own in ((density, own_density), (service, PLAN.clause("charger-service"))):
        a, b = judge(world, kind), judge(world, own)
        for name in ("value", "met", "share", "nominal", "effective", "n_unknown", "by_state", "area_km2"):
            assert getattr(a.result, name) == getattr(b.result, name), name
        rows = [[(r.code, r.value, r.met, r.shortfall, r.area_km2) for r in e.area_rows("town")] for e in (a, b)]
        assert rows[0] == rows[1]
        assert [(g.id, g.area_km2, g.nearest, g.n_missing) for g in a.gaps()] == [
            (g.id, g.area_km2, g.nearest, g.n_missing) for g in b.gaps()
        ]
        assert np.array_equal(a.cells(9).value, b.cells(9).value, equal_nan=True)
        x, y = (e.explain(*offset(CENTRE, 700, 300)) for e in (a, b))
        assert (x.served, x.limit_m, x.value, x.n) == (y.served, y.limit_m, y.value, y.n)
        assert [n.key for n in x.nearest if n.counts] == [n.key for n in y.nearest if n.counts]


@pytest.mark.parametrize(("target", "met"), [(0.2, True), (0.3, False), (1.0, False)])
def test_a_service_share_below_one_is_met_by_the_share(target, met):
    """One disc of 1 km in a square of 3.4 km: 27 % of it."""
    world = snapshot([*district(1700), area("310112001", "town", square(1700)), charger("a", CENTRE)])
    evaluation = judge(world, clause_of("service", "at-least", target, "share", layer="chargers", radius_m=1000))
    assert evaluation.result.share == pytest.approx(np.pi / 3.4**2, rel=1e-3)
    assert (evaluation.result.met, evaluation.headline().met) == (met, met)
    (row,) = evaluation.area_rows("town")
    assert (row.target, row.met) == (target, met)
    assert row.shortfall == pytest.approx(3.4**2 - np.pi, rel=1e-3)


def test_why_an_asset_does_not_serve_names_the_condition():
    world = snapshot([*district(), *stations()])
    parameters = {"layer": "chargers", "radius_m": 500, "where": {"station_type": "public", "n_connectors": {"min": 5}}}
    evaluation = judge(world, clause_of("service", "at-least", 0.5, "share", **parameters))
    near = {n.key: (n.counts, n.reason.en) for n in evaluation.explain(*CENTRE, n_nearest=9).nearest}
    assert near["a"] == (True, "counted")
    assert near["b"] == (False, "built, not serving")
    assert near["c"] == (False, "Station type is bus: not counted")
    assert near["d"] == (False, "Station type not recorded: not counted")
    assert near["outside"] == (False, "Connectors is 4.0: not counted")
    assert (evaluation.result.facts["n_counted"], evaluation.result.facts["n_undecided"]) == (1, 1)


def test_a_zone_that_is_not_loaded_is_said():
    world = snapshot([*district(), charger("a", CENTRE)])
    clause = clause_of(
        "service", "at-least", 0.5, "share", layer="chargers", radius_m=500, zones=[{"code": "hub", "radius_m": 300}]
    )
    with pytest.raises(RuleUnready, match="hub"):
        judge(world, clause)


def test_every_point_layer_and_field_can_be_chosen_by():
    values = {
        "enum": lambda f: f.domain[0],
        "text": lambda f: "x",
        "bool": lambda f: True,
        "int": lambda f: 2,
        "float": lambda f: {"min": 1},
    }
    for name, layer in LAYERS.items():
        where = {f.name: values[f.kind](f) for f in layer.all_fields() if f.kind != "time" and f.name != "lifecycle"}
        if layer.geometry == "point":
            RULES["count"].read({"layer": name, "where": where})
            world = snapshot([*district(), asset(name, "a", CENTRE)])
            assert count(world, layer=name, where=where).value in (0, 1)
        else:
            with pytest.raises(BadParameter, match="point layer"):
                RULES["count"].read({"layer": name, "where": {}})


COUNT = {"rule": "count", "operator": "at-least", "value": 3, "unit": "个"}
SHARE = {"rule": "share", "operator": "at-least", "value": 0.5, "unit": "share"}
DENSITY = {"rule": "density", "operator": "at-least", "value": 3, "unit": "个/km²"}
SERVICE = {"rule": "service", "operator": "at-least", "value": 0.9, "unit": "share"}
CHARGERS: dict[str, Any] = {"layer": "chargers"}
OWN: dict[str, Any] = {"layer": "chargers", "having": {"online": True}}
# clause, parameters, where the fault lies, what it must say in English
WRONG: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[Any, ...], str]] = {
    "no layer": (COUNT, {}, ("parameters", "layer"), "missing"),
    "unknown layer": (COUNT, {"layer": "charger"}, ("parameters", "layer"), "did you mean chargers"),
    "no point layer": (COUNT, {"layer": "roads"}, ("parameters", "layer"), "known: cameras"),
    "layer is no text": (COUNT, {"layer": 3}, ("parameters", "layer"), "text"),
    "unknown parameter": (COUNT, {**CHARGERS, "state": ["operating"]}, ("parameters", "state"), "did you mean states"),
    "unknown field": (COUNT, {**CHARGERS, "where": {"acces": "own"}}, ("parameters", "where", "acces"), "unknown field"),
    "field of another layer": (COUNT, {**CHARGERS, "where": {"access": "own"}}, ("parameters", "where", "access"), "station_type"),
    "value not in the domain": (COUNT, {**CHARGERS, "where": {"station_type": "pubic"}}, ("parameters", "where", "station_type"), "did you mean public"),
    "the domain is listed": (COUNT, {**CHARGERS, "where": {"station_type": 3}}, ("parameters", "where", "station_type"), "public, private, bus"),
    "a standard's code": (COUNT, {**CHARGERS, "where": {"station_type": "公交"}}, ("parameters", "where", "station_type"), "did you mean bus"),
    "one value of a list": (COUNT, {**CHARGERS, "where": {"station_type": ["bus", "x"]}}, ("parameters", "where", "station_type", 1), "no value"),
    "an empty list": (COUNT, {**CHARGERS, "where": {"station_type": []}}, ("parameters", "where", "station_type"), "empty"),
    "text for a number": (COUNT, {**CHARGERS, "where": {"max_power_kw": "60"}}, ("parameters", "where", "max_power_kw"), "number"),
    "below the field's range": (COUNT, {**CHARGERS, "where": {"max_power_kw": {"min": -1}}}, ("parameters", "where", "max_power_kw", "min"), "kW"),
    "an unknown limit": (COUNT, {**CHARGERS, "where": {"max_power_kw": {"minimum": 1}}}, ("parameters", "where", "max_power_kw", "minimum"), "min"),
    "no limit": (COUNT, {**CHARGERS, "where": {"max_power_kw": {}}}, ("parameters", "where", "max_power_kw"), "min"),
    "limits the wrong way round": (COUNT, {**CHARGERS, "where": {"max_power_kw": {"min": 2, "max": 1}}}, ("parameters", "where", "max_power_kw"), "greater"),
    "a range of words": (COUNT, {**CHARGERS, "where": {"station_type": {"min": 1}}}, ("parameters", "where", "station_type"), "numbers"),
    "not true or false": (COUNT, {**CHARGERS, "where": {"online": "true"}}, ("parameters", "where", "online"), "true or false"),
    "the state as a condition": (COUNT, {**CHARGERS, "where": {"lifecycle": "operating"}}, ("parameters", "where", "lifecycle"), "states"),
    "no table": (COUNT, {**CHARGERS, "where": "station_type"}, ("parameters", "where"), "table"),
    "an unknown state": (COUNT, {**CHARGERS, "states": ["operating", "running"]}, ("parameters", "states", 1), "must be one of"),
    "no condition to have": (SHARE, CHARGERS, ("parameters", "having"), "missing"),
    "an empty condition to have": (SHARE, {**CHARGERS, "having": {}}, ("parameters", "having"), "empty"),
    "an unknown field to have": (SHARE, {**CHARGERS, "having": {"power": 3}}, ("parameters", "having", "power"), "unknown field"),
    "a count per km²": ({**COUNT, "unit": "个/km²"}, CHARGERS, ("unit",), "not per km²"),
    "a count in per cent": ({**COUNT, "unit": "%"}, CHARGERS, ("unit",), "no share"),
    "a count as a share": ({**COUNT, "unit": "share"}, CHARGERS, ("unit",), "no share"),
    "a count in a measure": ({**COUNT, "unit": "km²"}, CHARGERS, ("unit",), "no measure"),
    "a negative count": ({**COUNT, "value": -1}, CHARGERS, ("value",), "negative"),
    "a share in per cent": ({**SHARE, "unit": "%"}, OWN, ("unit",), "0.9"),
    "a share of 90": ({**SHARE, "value": 90}, OWN, ("value",), "0 to 1"),
    "more than all": ({**SHARE, "operator": "more-than", "value": 1.0}, OWN, ("value",), "more than 1"),
    "every, but not all": ({**SHARE, "operator": "every", "value": 0.9}, OWN, ("value",), "1.0"),
    "every, without a value": ({**SHARE, "operator": "every", "value": None}, OWN, ("value",), "1.0"),
    "an indicator with a target": ({**SHARE, "operator": "indicator"}, OWN, ("value",), "leave value out"),
    "a count of every": ({**COUNT, "operator": "every"}, CHARGERS, ("operator",), "at-least, more-than"),
    "a density that is not per km²": ({**DENSITY, "unit": "个"}, CHARGERS, ("unit",), "per square kilometre"),
    "a density per something else": ({**DENSITY, "unit": "个/人"}, CHARGERS, ("unit",), "per square kilometre"),
    "a density at most": ({**DENSITY, "operator": "at-most"}, CHARGERS, ("operator",), "at-least"),
    "a window smaller than its least part": (DENSITY, {**CHARGERS, "window_km2": 0.1}, ("parameters",), "window_km2"),
    "an unknown spatial unit": (DENSITY, {**CHARGERS, "spatial_unit": "hex"}, ("parameters", "spatial_unit"), "window, cell, town"),
    "a radius in kilometres": (SERVICE, {**CHARGERS, "radius_m": 900, "radius_km": 0.9}, ("parameters", "radius_km"), "did you mean radius_m (metres)"),
    "only a radius in kilometres": (SERVICE, {**CHARGERS, "radius_km": 0.9}, ("parameters", "radius_km"), "did you mean radius_m (metres)"),
    "no radius": (SERVICE, CHARGERS, ("parameters", "radius_m"), "missing"),
    "a negative radius": (SERVICE, {**CHARGERS, "radius_m": -1}, ("parameters", "radius_m"), "greater than 0"),
    "a zone's radius in kilometres": (SERVICE, {**CHARGERS, "radius_m": 900, "zones": [{"code": "a", "radius_m": 1}, {"code": "b", "radius_km": 1}]}, ("parameters", "zones", 1, "radius_km"), "radius_m (metres)"),
    "a zone without a radius": (SERVICE, {**CHARGERS, "radius_m": 900, "zones": [{"code": "a"}]}, ("parameters", "zones", 0, "radius_m"), "missing"),
    "a service in per cent": ({**SERVICE, "unit": "%", "value": 0.9}, {**CHARGERS, "radius_m": 900}, ("unit",), "0.9"),
    "a service of 90": ({**SERVICE, "value": 90}, {**CHARGERS, "radius_m": 900}, ("value",), "0 to 1"),
    "equal, but not all": ({**SERVICE, "operator": "equal", "value": 0.9}, {**CHARGERS, "radius_m": 900}, ("value",), "1.0"),
    "an unknown rule": ({**COUNT, "rule": "counts"}, CHARGERS, ("rule",), "did you mean count"),
    "ours that is no parameter": ({**COUNT, "ours": ["layer", "wher"]}, CHARGERS, ("ours", 1), "did you mean where"),
}  # fmt: skip


@pytest.mark.parametrize(("clause", "parameters", "path", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_clause_is_said_where_it_lies(clause, parameters, path, said):
    (fault,) = clause_faults({**clause, "parameters": parameters})
    assert fault.path == path
    assert said in fault.words.en
    assert any("一" <= c <= "鿿" for c in fault.words.zh)


def test_all_that_is_wrong_with_a_clause_is_said_at_once():
    parameters = {
        "layer": "chargers",
        "radius_km": 1,
        "where": {"a": 1, "station_type": "b"},
        "having": {"online": 1},
        "states": ["c"],
    }
    found = clause_faults(
        {"rule": "share", "operator": "equal", "value": 2, "unit": "%", "parameters": parameters, "ours": ["d"]}
    )
    assert {f.path for f in found} == {
        ("operator",), ("value",), ("unit",), ("ours", 0), ("parameters", "radius_km"), ("parameters", "where", "a"),
        ("parameters", "where", "station_type"), ("parameters", "having", "online"), ("parameters", "states", 0),
    }  # fmt: skip


def test_the_plans_own_service_rules_take_full_coverage_only():
    table = {
        "rule": "charger-service",
        "operator": "at-least",
        "value": 0.9,
        "unit": "share",
        "parameters": {"zones": [], "radius_m": 900},
    }
    (fault,) = clause_faults(table)
    assert (fault.path, "service" in fault.words.en) == (("value",), True)
    assert clause_faults({**table, "rule": "service", "parameters": {"layer": "chargers", "radius_m": 900}}) == []


@pytest.mark.parametrize("unit", ["个", "座", "项", "站", "cameras"])
def test_what_is_counted_may_be_called_anything(unit):
    assert clause_faults({**COUNT, "unit": unit, "parameters": CHARGERS}) == []


def test_the_plans_own_clauses_have_targets_of_their_kinds():
    for clause in PLAN.clauses:
        table = {"rule": clause.rule, "operator": clause.operator, "value": clause.value, "unit": clause.unit,
                 "parameters": clause.parameters, "ours": list(clause.ours)}  # fmt: skip
        assert clause_faults(table) == []
