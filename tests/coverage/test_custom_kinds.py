"""Densities, service and zones of a planner's own clauses, and the plan's own rules written as kinds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely

from tests.coverage.custom_worlds import clause_of, count, judge, stations
from tests.world import CENTRE, PLAN, area, asset, camera, charger, district, offset, snapshot, square
from twin.coverage import RULES
from twin.errors import BadParameter, RuleUnready
from twin.layers import LAYERS
from twin.model import LIFECYCLES, Snapshot


def test_a_density_is_devices_over_the_area_and_what_is_not_known_may_decide_it():
    world = snapshot([*district(), *stations()])
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
