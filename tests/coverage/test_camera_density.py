"""The density clause: the verdict on the mean, windows, hexes, gaps and what is missing."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, poisson

from tests.coverage.density_worlds import evaluate, half, scattered
from tests.world import CENTRE, GEOD, PLAN, area, camera, district, offset, snapshot, square
from twin.api.wire import cells_to_json, gap_to_json
from twin.cells import cell_centres, points_to_cells
from twin.coverage import RULES
from twin.coverage.density import poisson_interval
from twin.coverage.density_gaps import missing
from twin.coverage.result import Scene
from twin.coverage.scope import Scope
from twin.errors import BadParameter
from twin.model import N_KEPT, Snapshot


def test_the_plans_own_arithmetic():
    """180 × 372.56 km² rounds up to 67,061 cameras; 70,000 on that area are 187.9 per km²."""
    assert missing(180, 372.56, 0) == 67_061
    assert pytest.approx(187.9, abs=0.05) == 70_000 / 372.56
    assert missing(180, 1.0, 180) == 0


def test_the_verdict_is_the_mean_of_the_scope_and_towns_never_set_it():
    """Two halves of 2 km²: all 400 cameras in one; the mean of 100/km² fails though one town passes with 200."""
    west, south, east, north = square(1000).bounds
    halves = [area("310112001", "town", shapely.box(west, south, CENTRE[0], north)),
              area("310112002", "town", shapely.box(CENTRE[0], south, east, north))]  # fmt: skip
    rng = np.random.default_rng(1)
    cameras = [camera(f"c{i}", offset(CENTRE, *rng.uniform((10, -990), (990, 990)))) for i in range(400)]
    evaluation = evaluate(snapshot([*district(1000), *halves, *cameras]))
    assert evaluation.result.value == pytest.approx(400 / evaluation.result.area_km2)
    assert evaluation.result.value == pytest.approx(100, rel=1e-3)
    assert evaluation.result.met is False
    poor, rich = evaluation.area_rows("town")
    assert (poor.value, poor.met, poor.shortfall) == (0, False, math.ceil(180 * poor.area_km2))
    assert (rich.met, rich.shortfall) == (True, 0)
    assert sum(r.area_km2 for r in (poor, rich)) == pytest.approx(evaluation.result.area_km2, rel=1e-9)


@pytest.mark.parametrize(
    ("values", "counts"),
    [({}, 1), ({"access": "relayed"}, 1), ({"access": "unlinked"}, 0), ({"lifecycle": "managed"}, 1),
     ({"lifecycle": "building"}, 0), ({"lifecycle": "retired"}, 0), ({"n_devices": 5}, 5)],
    ids=["own", "relayed", "unlinked", "managed", "building", "retired", "five on a row"],
)  # fmt: skip
def test_what_counts(values, counts):
    world = snapshot([*district(1000), camera("a", CENTRE, **values)])
    assert evaluate(world).result.facts["n"] == counts


def test_cameras_outside_the_scope_do_not_count_even_in_a_window_that_crosses_its_border():
    inside, outside = offset(CENTRE, 990, 0), offset(CENTRE, 1010, 0)
    world = snapshot([*district(1000), camera("in", inside), *(camera(f"out{i}", outside) for i in range(500))])
    explanation = evaluate(world).explain(*inside)
    assert explanation.n == 1
    assert explanation.window_km2 == pytest.approx(0.5, abs=0.02)


def test_a_camera_on_the_windows_edge_is_in_it():
    radius_m = math.sqrt(1e6 / math.pi)
    for metres, n in ((radius_m - 0.01, 1), (radius_m + 0.01, 0)):
        world = snapshot([*district(3000), camera("a", offset(CENTRE, 0, metres))])
        assert evaluate(world).explain(*CENTRE).n == n


def test_the_window_over_open_ground_is_one_square_kilometre():
    rng = np.random.default_rng(2)
    places = [offset(CENTRE, *rng.uniform(-2000, 2000, 2)) for _ in range(900)]
    evaluation = evaluate(snapshot([*district(2500), *(camera(f"c{i}", p) for i, p in enumerate(places))]))
    by_hand = sum(GEOD.inv(*CENTRE, *p)[2] <= math.sqrt(1e6 / math.pi) for p in places)
    explanation = evaluation.explain(*CENTRE)
    assert (explanation.n, explanation.window_km2, explanation.value) == (by_hand, 1.0, by_hand)


def test_uniform_cameras_pass_raw_cells_as_often_as_poisson_says():
    """Within three standard errors of the mean of P(Poisson(λaᵢ) ≥ 180aᵢ) over the cells' own clipped areas."""
    rng = np.random.default_rng(3)
    n = 190 * 36
    world = snapshot(
        [*district(3000), *(camera(f"c{i}", offset(CENTRE, *rng.uniform(-3000, 3000, 2))) for i in range(n))]
    )
    evaluation = evaluate(world, spatial_unit="cell")
    table = evaluation.cells(9)
    p = poisson.sf(np.ceil(180 * table.area_km2) - 1, evaluation.result.value * table.area_km2)
    error = math.sqrt((p * (1 - p)).sum()) / len(p)
    assert (table.status == "pass").mean() == pytest.approx(p.mean(), abs=3 * error)
    assert table.n.sum() == evaluation.result.facts["n"]


def test_gaps_are_merged_failing_windows_with_the_cameras_they_lack():
    """A dense corner and nothing else: what fails is one gap, and its missing cameras are those of its own polygon."""
    rng = np.random.default_rng(4)
    dense = [camera(f"c{i}", offset(CENTRE, *rng.uniform(0, 2400, 2))) for i in range(3000)]
    world = snapshot([*district(2500), *dense])
    evaluation = evaluate(world)
    gap = evaluation.gaps()[0]
    places = world.layers["cameras"].lnglat
    n = int(shapely.intersects_xy(gap.geometry, places[:, 0], places[:, 1]).sum())
    assert gap.n_missing == max(0, math.ceil(180 * gap.area_km2 - 1e-9) - n)
    failing = evaluation.cells(9)
    open_km2 = failing.area_km2[failing.status == "fail"].sum()
    assert sum(g.area_km2 for g in evaluation.gaps()) == pytest.approx(open_km2, rel=1e-4)


@pytest.mark.parametrize("settings", [{"window_km2": 1000}, {"window_km2": 0.1}, {"min_window_km2": 2}])
def test_a_window_too_large_or_smaller_than_its_least_part_is_refused(settings):
    with pytest.raises(BadParameter, match="window"):
        evaluate(snapshot([*district(1000), camera("a", CENTRE)]), **settings)


def test_a_camera_without_a_place_is_counted_apart():
    result = evaluate(snapshot([*district(1000), camera("a", CENTRE), camera("b", None)])).result
    assert (result.facts["n"], result.facts["n_unlocated"]) == (1, 1)


def test_no_cameras_layer_is_no_data():
    result = evaluate(snapshot(district(1000))).result
    assert (result.status, result.value, result.met, result.missing_layers) == ("no-data", None, None, ("cameras",))


# --- every value with its window -------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["window", "cell", "town"])
def test_every_value_is_its_count_over_the_area_it_came_from(unit: str):
    towns = [
        area("310112001", "town", half(east=False, half_m=2000)),
        area("310112002", "town", half(east=True, half_m=2000)),
    ]
    evaluation = evaluate(snapshot([*district(2000), *towns, *scattered(2600, 1990)]), spatial_unit=unit)
    table = evaluation.cells(9)
    known = ~np.isnan(table.value)
    assert known.sum() > 100
    np.testing.assert_allclose(table.value[known], table.n[known] / table.window_km2[known])
    if unit == "window":
        assert (known == (table.window_km2 >= 0.25)).all()
        assert table.window_km2.max() == 1.0
    elif unit == "cell":
        assert (table.window_km2 == table.area_km2).all()
    else:
        found = set(zip(table.value[known], table.window_km2[known], strict=True))
        assert found == {(row.value, row.area_km2) for row in evaluation.area_rows("town")}


@pytest.mark.parametrize("window_km2", [0.3, 1.0, 4.0])
def test_windows_of_any_size_are_those_by_geodesics_and_shapely(window_km2: float):
    world = snapshot([*district(1500), *scattered(900, 1490)])
    evaluation = evaluate(world, window_km2=window_km2)
    table, radius_m = evaluation.cells(9), math.sqrt(window_km2 * 1e6 / math.pi)
    places, frame = world.layers["cameras"].lnglat, evaluation.scope.frame
    for cell, n, km2 in zip(table.cells[::7], table.n[::7], table.window_km2[::7], strict=True):
        (centre,) = cell_centres(np.array([cell]))
        away = GEOD.inv(*(np.repeat(c, len(places)) for c in centre), *places.T)[2]
        assert (away <= radius_m - 0.01).sum() <= n <= (away <= radius_m + 0.01).sum()
        disc = shapely.Point(*frame.forward(centre[None, :])[0]).buffer(radius_m, quad_segs=1024)
        assert km2 == pytest.approx(disc.intersection(evaluation.scope.shape).area / 1e6, rel=1e-5, abs=1e-6)


@given(st.integers(0, 3000))
def test_the_interval_of_a_raw_hex_is_garwoods(n: int):
    low, high = poisson_interval(np.array([n, 0]))
    assert low[0] == pytest.approx(chi2.ppf(0.025, 2 * n) / 2 if n else 0.0)
    assert high[0] == pytest.approx(chi2.ppf(0.975, 2 * n + 2) / 2)
    assert (low[1], high[1]) == (0.0, pytest.approx(-math.log(0.025)))


def test_raw_hexes_say_how_little_they_know():
    table = evaluate(snapshot([*district(1000), *scattered(300, 990)]), spatial_unit="cell").cells(9)
    assert table.note.en == "raw hexes, small numbers, for browsing only"
    assert ((table.low <= table.value) & (table.value <= table.high)).all()
    one = int(np.argmax(table.n))
    assert table.low[one] == pytest.approx(chi2.ppf(0.025, 2 * table.n[one]) / 2 / table.area_km2[one])
    said = cells_to_json(table)
    assert said["note"]["zh"].endswith("仅供浏览")
    assert {"window_km2", "low", "high"} <= set(said)
    windows = cells_to_json(evaluate(snapshot([*district(1000), *scattered(300, 990)])).cells(9))
    assert "window_km2" in windows
    assert not {"note", "low", "high"} & set(windows)


# --- what is missing, and the first remedy ---------------------------------------------------------------------------


def remedy_world() -> Snapshot:
    """A dense north, a poor south with 30 unlinked cameras in it, one of them planned only."""
    north = [
        camera(f"n{i}", offset(CENTRE, *p))
        for i, p in enumerate(np.random.default_rng(7).uniform((-1990, 500), (1990, 1990), (1700, 2)))
    ]
    unlinked = [
        camera(f"u{i:02d}", offset(CENTRE, -1500 + 100 * i, -1500), access="unlinked", n_devices=2) for i in range(30)
    ]
    planned = camera("planned", offset(CENTRE, 0, -1500), access="unlinked", lifecycle="planned")
    return snapshot([*district(2000), *north, *unlinked, planned])


def test_a_gap_names_its_worst_window_and_the_unlinked_cameras_in_it():
    evaluation = evaluate(remedy_world())
    gap, windows = evaluation.gaps()[0], evaluation.cells(9)
    worst = windows.value == np.nanmin(windows.value)
    assert gap.worst_window_value == np.nanmin(windows.value) == 0
    assert gap.worst_window_km2 == windows.window_km2[worst].max()
    assert gap.worst_window_missing == math.ceil(180 * gap.worst_window_km2)
    assert (gap.n_unlinked, gap.zone) == (60, None)
    assert gap.n_missing_after_unlinked == gap.n_missing - 60
    assert shapely.Point(gap.deepest_lnglat).within(gap.geometry)
    places = {f"u{i:02d}": offset(CENTRE, -1500 + 100 * i, -1500) for i in range(30)}
    assert list(gap.remedies) == sorted(places, key=lambda k: GEOD.inv(*gap.deepest_lnglat, *places[k])[2])
    said = gap_to_json(gap, 1)
    assert (said["zone"], said["n_remedies"], said["remedies"]) == (None, 30, list(gap.remedies[:20]))
    facts = evaluation.result.facts
    assert facts["n_unlinked"] == 60
    assert facts["n_missing_after_unlinked"] == facts["n_missing_net"] - 60


def test_each_gap_has_its_own_deepest_point_inside_it():
    """Four dense blocks leave gaps on all sides; a cell that the border or a block cuts belongs to no two gaps."""
    dense = [offset(CENTRE, x + dx, y + dy) for x in (-1800, 1800) for y in (-1800, 1800)
             for dx, dy in np.random.default_rng(9).uniform(-500, 500, (400, 2))]  # fmt: skip
    gaps = evaluate(
        snapshot([*district(2600), *(camera(f"c{i}", p) for i, p in enumerate(dense))]), window_km2=0.3
    ).gaps()
    assert len({g.id for g in gaps}) == len(gaps) > 0
    for gap in gaps:
        assert shapely.Point(gap.deepest_lnglat).within(gap.geometry)
        assert gap.id == f"{points_to_cells(np.array([gap.deepest_lnglat]), 12)[0]:x}"


def test_an_area_lacks_less_once_its_unlinked_cameras_are_linked():
    towns = [area("310112001", "town", half(east=False)), area("310112002", "town", half(east=True))]
    world = snapshot([*district(1000), *towns, camera("own", offset(CENTRE, 9, 9)),
                      camera("later", offset(CENTRE, 500, 0), access="unlinked", n_devices=7)])  # fmt: skip
    west, east = evaluate(world).area_rows("town")
    assert (west.n_unlinked, west.n_missing_after_unlinked) == (0, west.shortfall)
    assert (east.n_unlinked, east.n_missing_after_unlinked) == (7, east.shortfall - 7)
    assert evaluate(world, access="own,relayed,unlinked").result.facts["n_unlinked"] == 0


def test_a_point_is_told_the_nearest_cameras_that_would_count_once_linked():
    unlinked = [camera(f"u{i}", offset(CENTRE, 100.0 * (5 - i), 0), access="unlinked") for i in range(5)]
    outside = camera("beyond", offset(CENTRE, 0, 1050), access="unlinked")
    world = snapshot([*district(1000), camera("a", CENTRE), *unlinked, outside])
    near = evaluate(world).explain(*CENTRE).nearest
    assert [(n.key, round(n.distance_m), round(n.bearing_deg), n.counts) for n in near] == [
        ("u4", 100, 90, False), ("u3", 200, 90, False), ("u2", 300, 90, False)
    ]  # fmt: skip
    assert (near[0].reason.zh, near[0].lifecycle) == ("待复接，复接后可计入", "operating")


# --- the same answer every time --------------------------------------------------------------------------------------


def test_the_order_of_the_records_changes_nothing():
    records, names = scattered(800, 1490), [f"k{i:04d}" for i in np.random.default_rng(3).permutation(800)]
    renamed = [dataclasses.replace(r, key=name) for r, name in zip(records, names, strict=True)]
    one, other = (evaluate(snapshot([*district(1500), *cameras])) for cameras in (records, renamed))
    assert one.result.facts == other.result.facts
    for a, b in zip((one.cells(9).value, one.cells(9).n), (other.cells(9).value, other.cells(9).n), strict=True):
        np.testing.assert_array_equal(a, b)
    assert [(g.id, g.n_missing) for g in one.gaps()] == [(g.id, g.n_missing) for g in other.gaps()]


def test_what_a_table_keeps_is_made_once_bounded_and_not_passed_on():
    table = snapshot([*district(1000), camera("a", CENTRE)]).layers["cameras"]
    made: list[int] = []
    for i in [0, 0, *range(N_KEPT), 0]:
        assert table.keep(i, lambda i=i: made.append(i) or i) == i
    assert made == list(range(N_KEPT))
    table.keep("one more", str)
    table.keep(0, lambda: made.append(0))
    assert made == [*range(N_KEPT), 0]
    assert isinstance(dataclasses.replace(table).keep(1, dict), dict)


def test_a_clause_without_a_target_has_a_value_and_no_verdict_share_or_gap():
    rule, declared = RULES["camera-density"], PLAN.clause("camera-density")
    clause = dataclasses.replace(declared, value=None, operator="indicator")
    world = snapshot([*district(1000), area("310112001", "town", square(1000)), camera("a", CENTRE), camera("b", None)])
    evaluation = rule.evaluate(Scene(world, Scope(world.areas["310112"]), clause), rule.read(clause.parameters, {}))
    result, (row,) = evaluation.result, evaluation.area_rows("town")
    assert result.value == pytest.approx(1 / result.area_km2)
    assert (result.met, result.share, row.met, row.target, row.shortfall) == (None, None, None, None, 0)
    assert (result.facts["undecided"], result.facts["n_towns_undecided"], evaluation.gaps()) == (False, 0, [])
