"""Gaps: drawn within a decimetre, measured exactly, none lost however narrow, none made up by the drawing."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.plane import area_by_scan_lines
from tests.world import CENTRE, charger, district, service_of, snapshot
from twin.cells import cell_centres, points_to_cells
from twin.coverage.scope import Scope
from twin.coverage.service import discs, open_region
from twin.coverage.service_evaluation import ServiceEvaluation

HALF_M, RADIUS_M = 5000, 1500.0
FRAME = Scope(snapshot(district(HALF_M)).areas["310112"]).frame
CELL_CENTRE = FRAME.forward(cell_centres(points_to_cells(np.array([CENTRE]), 9)))[0]


def evaluate(xy: np.ndarray, **parameters: object) -> ServiceEvaluation:
    """Stations at places of the plane."""
    places = FRAME.inverse(np.asarray(xy, float).reshape(-1, 2))
    world = snapshot([*district(HALF_M), *(charger(f"c{i:03}", tuple(map(float, p))) for i, p in enumerate(places))])
    return service_of(world, **parameters)


def turned(xy: list[tuple[float, float]], turn_deg: float, at: tuple[float, float]) -> np.ndarray:
    a = np.radians(turn_deg)
    return np.array(xy) @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) + at


def open_in(evaluation: ServiceEvaluation, window: shapely.Polygon) -> float:
    xy = evaluation.server_xy
    return window.area - area_by_scan_lines(window, xy, np.full(len(xy), RADIUS_M), evaluation.at_least)


def small(evaluation: ServiceEvaluation) -> list[float]:
    """Square metres."""
    return [1e6 * g.area_km2 for g in evaluation.gaps() if g.area_km2 < 1e-3]


def three_round_a_point(apart_m: float) -> list[tuple[float, float]]:
    """Each farther from it than the radius by so much: the open triangle between them is as deep."""
    return [((RADIUS_M + apart_m) * np.cos(a), (RADIUS_M + apart_m) * np.sin(a)) for a in np.radians([90, 210, 330])]


@pytest.mark.parametrize("turn_deg", [0, 7, 13.37])
@pytest.mark.parametrize("apart_m", [0.4, 0.1, 0.03, 0.01])
def test_a_sliver_of_centimetres_is_a_gap_with_its_exact_area(apart_m, turn_deg):
    at = (30.0, 40.0)
    evaluation = evaluate(turned(three_round_a_point(apart_m), turn_deg, at))
    (area_m2,) = small(evaluation)
    assert area_m2 < 1.0
    assert area_m2 == pytest.approx(3 * np.sqrt(3) * apart_m**2, rel=0.01)
    assert area_m2 == pytest.approx(open_in(evaluation, shapely.box(20, 30, 40, 50)), rel=1e-5, abs=1e-9)
    (gap,) = (g for g in evaluation.gaps() if g.area_km2 < 1e-3)
    assert gap.missing_m == pytest.approx(apart_m, abs=0.002)
    assert FRAME.forward(np.array([gap.deepest_lnglat]))[0] == pytest.approx(at, abs=0.02)


def test_a_sliver_that_only_the_drawing_leaves_is_no_gap():
    """All three discs overlap at a point where the polygons that are drawn for them fall short of their circles."""
    n = shapely.get_num_coordinates(discs(np.zeros((1, 2)), RADIUS_M)[0]) - 1
    middles = 2 * np.pi * (np.round(n * np.array([0.25, 0.58, 0.92])) + 0.5) / n
    at = np.array([30.0, 40.0])
    evaluation = evaluate(at - (RADIUS_M - 0.003) * np.column_stack([np.cos(middles), np.sin(middles)]))
    window = shapely.box(20, 30, 40, 50)
    assert open_region(window, evaluation.server_xy, RADIUS_M).area > 1e-4
    assert open_in(evaluation, window) == pytest.approx(0.0, abs=1e-9)
    assert small(evaluation) == []


@pytest.mark.parametrize("turn_deg", [0, 37])
@pytest.mark.parametrize("above_m", [3.0, 1.0, 0.5, 0.3, -0.01, -0.05, -0.3, -1.0])
def test_slivers_true_and_made_up_beside_a_wide_gap_in_the_same_cell(above_m, turn_deg):
    """Two discs that barely overlap leave a cusp; a third closes it but for its tip. The other cusp stays open."""
    tip = float(np.sqrt(RADIUS_M**2 - 1498**2))
    xy = turned([(-1498, 0), (1498, 0), (0, tip + above_m + RADIUS_M)], turn_deg, CELL_CENTRE)
    evaluation = evaluate(xy)
    window = shapely.box(-60, tip - 5, 60, tip + max(above_m, 0) + 0.5)
    window = shapely.transform(window, lambda p: turned(p, turn_deg, CELL_CENTRE))
    expected = open_in(evaluation, window)
    if above_m > 0:
        (area_m2,) = small(evaluation)
        assert area_m2 == pytest.approx(expected, rel=0.01)
    else:
        assert (small(evaluation), expected) == ([], pytest.approx(0.0, abs=1e-9))
    assert sum(g.area_km2 for g in evaluation.gaps()) == pytest.approx(evaluation.open_km2, abs=1e-12)


@pytest.mark.parametrize("at_least", [1, 2])
def test_a_sliver_between_twice_as_many_when_two_must_serve(at_least):
    places = turned(three_round_a_point(0.05), 5, (30.0, 40.0))
    evaluation = evaluate(np.concatenate([places] * at_least), at_least=at_least)
    (area_m2,) = small(evaluation)
    assert area_m2 == pytest.approx(3 * np.sqrt(3) * 0.05**2, rel=0.01)


def test_the_corner_of_an_area_that_pokes_out_by_centimetres_is_a_gap():
    shape = Scope(snapshot(district(HALF_M)).areas["310112"]).shape
    corners = shapely.get_coordinates(shape)
    tip = corners[np.argmax(corners.sum(axis=1))]
    evaluation = evaluate(np.array([tip - (RADIUS_M + 0.04) / np.sqrt(2)]))
    window = shapely.intersection(shape, shapely.box(*(tip - 3), *(tip + 3)))
    (area_m2,) = small(evaluation)
    assert area_m2 == pytest.approx(open_in(evaluation, window), rel=0.1)
    assert 0 < area_m2 < 0.01


PLACE = st.tuples(st.integers(-6000, 6000), st.integers(-6000, 6000))


@settings(max_examples=12)
@given(st.lists(PLACE, min_size=1, max_size=40), st.integers(1, 3))
def test_borders_of_gaps_lie_within_a_decimetre_of_a_circle_or_on_the_areas_border(places, at_least):
    evaluation = evaluate(np.array(places), at_least=at_least)
    border, xy = evaluation.scope.shape.boundary, evaluation.server_xy
    for gap in evaluation.gaps():
        ring = shapely.segmentize(FRAME.project(gap.geometry, 360.0), 20.0).boundary
        for line in shapely.get_parts(ring):
            corners = shapely.get_coordinates(line)
            points = np.concatenate([corners, (corners[1:] + corners[:-1]) / 2])
            inland = points[shapely.distance(border, shapely.points(points)) > 0.01]
            away = np.abs(np.hypot(*(inland[:, None, :] - xy).transpose(2, 0, 1)) - RADIUS_M).min(axis=1)
            assert (away < 0.1).all()


@settings(max_examples=12)
@given(st.lists(PLACE, min_size=1, max_size=40), st.integers(1, 3))
def test_the_outline_of_a_gap_holds_its_area_and_its_deepest_point(places, at_least):
    evaluation = evaluate(np.array(places), at_least=at_least)
    gaps = evaluation.gaps()
    assert sum(g.area_km2 for g in gaps) == pytest.approx(evaluation.open_km2, abs=1e-7)
    assert len(gaps) == len(evaluation.gaps(0.0)) >= len(evaluation.gaps(0.5))
    assert all(g.area_km2 >= 0.5 for g in evaluation.gaps(0.5))
    for gap in gaps:
        outline = FRAME.project(gap.geometry, 360.0)
        assert 1e6 * gap.area_km2 == pytest.approx(outline.area, abs=0.06 * outline.length)
        deepest = shapely.Point(FRAME.forward(np.array([gap.deepest_lnglat]))[0])
        assert outline.distance(deepest) < 0.01


@pytest.mark.parametrize("at_least", [1, 2])
def test_gaps_are_found_among_thousands_of_stations_close_together(at_least):
    """Nothing grows with the square of how many lie at one place."""
    places = np.random.default_rng(2).uniform(-40, 40, (60, 2))
    evaluation = evaluate(np.concatenate([places, np.tile(places[:1], (3000, 1))]), at_least=at_least)
    (gap,) = evaluation.gaps()
    assert gap.area_km2 == pytest.approx(evaluation.open_km2, rel=1e-12)
