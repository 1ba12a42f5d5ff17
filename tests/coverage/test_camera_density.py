"""The density clause: the verdict on the mean, windows, hexes, gaps and what is missing."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from scipy.stats import poisson

from tests.world import CENTRE, PLAN, area, camera, district, offset, snapshot, square
from twin.coverage import RULES
from twin.coverage.camera_density import missing
from twin.coverage.result import Evaluation, Scene
from twin.coverage.scope import Scope
from twin.errors import BadParameter
from twin.model import Snapshot


def evaluate(world: Snapshot, **parameters: object) -> Evaluation:
    clause, rule = PLAN.clause("camera-density"), RULES["camera-density"]
    return rule.evaluate(Scene(world, Scope(world.areas["310112"]), clause), rule.read(clause.parameters, parameters))


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
    from tests.world import GEOD

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
