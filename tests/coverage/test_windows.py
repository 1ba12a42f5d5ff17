"""The kernels of the moving window, against brute force, a k-d tree, Shapely and school geometry."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from twin.coverage.windows import XY, count_within, disc_areas

RADIUS_M = 564.19
LENGTHS = st.floats(0.5, 5000)


def ones(n: int) -> np.ndarray:
    return np.ones(n, np.int64)


def by_hand(centres: XY, places: XY, weights: np.ndarray, radius_m: float) -> np.ndarray:
    dx, dy = (places[None, :, i] - centres[:, None, i] for i in (0, 1))
    return ((dx * dx + dy * dy <= radius_m * radius_m) * weights[None, :]).sum(axis=1)


def drawn_disc(centre: tuple[float, float], radius_m: float, corners: int = 4096) -> shapely.Polygon:
    """A polygon of the circle's area."""
    step = 2 * math.pi / corners
    angles, out = step * np.arange(corners), radius_m * math.sqrt(step / math.sin(step))
    return shapely.Polygon(np.array(centre) + out * np.column_stack([np.cos(angles), np.sin(angles)]))


def star(rng: np.random.Generator, corners: int, outer_m: float) -> shapely.Polygon:
    """A simple polygon with a ragged outline round the origin."""
    angles, radii = np.sort(rng.uniform(0, 2 * np.pi, corners)), outer_m * rng.uniform(0.6, 1.0, corners)
    return shapely.Polygon(np.column_stack([radii * np.cos(angles), radii * np.sin(angles)]))


def with_holes(rng: np.random.Generator, corners: int) -> shapely.Geometry:
    holes = [shapely.Point(*rng.uniform(-4000, 4000, 2)).buffer(r, 6) for r in (60, 200, 600, 1500)]
    return star(rng, corners, 6000).difference(shapely.union_all(holes))


# --- counting --------------------------------------------------------------------------------------------------------


def test_exactly_at_the_radius_counts_and_a_hair_beyond_does_not():
    places = np.array([[3.0, 4.0], [-5.0, 0.0], [0.0, 5.0], [3.0, np.nextafter(4.0, 5.0)]])
    assert count_within(np.zeros((1, 2)), places, np.array([1, 10, 100, 1000]), 5.0).tolist() == [111]


def test_nothing_to_count_and_nowhere_to_count():
    assert count_within(np.zeros((2, 2)), np.empty((0, 2)), ones(0), 10.0).tolist() == [0, 0]
    assert count_within(np.empty((0, 2)), np.zeros((3, 2)), ones(3), 10.0).tolist() == []


@pytest.mark.parametrize("radius_m", [20.0, RADIUS_M, 9000.0])
def test_counts_are_those_of_a_k_d_tree(radius_m: float):
    rng = np.random.default_rng(5)
    places, centres = rng.normal(0, 2000, (6000, 2)), rng.uniform(-7000, 7000, (700, 2))
    expected = cKDTree(places).query_ball_point(centres, radius_m, return_length=True)
    assert count_within(centres, places, ones(6000), radius_m).tolist() == expected.tolist()
    assert expected.sum() > 0


GRID = st.tuples(st.integers(-30, 30), st.integers(-30, 30))


@given(st.lists(GRID, min_size=1, max_size=60), st.lists(GRID, min_size=1, max_size=8), st.integers(1, 45))
def test_on_whole_numbers_where_many_stand_on_the_edge_counts_are_those_by_hand(places, centres, radius_m):
    at, middle = np.array(places, float), np.array(centres, float)
    weights = np.arange(1, len(at) + 1)
    assert count_within(middle, at, weights, radius_m).tolist() == by_hand(middle, at, weights, radius_m).tolist()


@given(st.lists(st.tuples(LENGTHS, LENGTHS), min_size=1, max_size=60), LENGTHS, st.randoms(use_true_random=False))
def test_the_order_of_the_records_changes_nothing(places, radius_m, random):
    centres, weights = np.array([[0.0, 0.0], [2000.0, 900.0]]), list(range(1, len(places) + 1))
    before = count_within(centres, np.array(places), np.array(weights), radius_m)
    shuffled = list(zip(places, weights, strict=True))
    random.shuffle(shuffled)
    after = count_within(centres, np.array([p for p, _ in shuffled]), np.array([w for _, w in shuffled]), radius_m)
    assert before.tolist() == after.tolist() == by_hand(centres, np.array(places), np.array(weights), radius_m).tolist()


@pytest.mark.parametrize(
    "places", [[(7.0, 7.0)] * 50, [(float(i), 0.0) for i in range(50)]], ids=["one spot", "a line"]
)
def test_places_without_any_breadth_are_counted(places: list[tuple[float, float]]):
    at, centres = np.array(places), np.array([[7.0, 7.0], [1e6, -1e6], [0.0, 0.0]])
    assert count_within(centres, at, ones(50), 12.0).tolist() == by_hand(centres, at, ones(50), 12.0).tolist()


# --- areas -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "share"),
    [(shapely.box(-900, -900, 900, 900), 1.0), (shapely.box(0, -900, 900, 900), 0.5), (shapely.box(0, 0, 900, 900), 0.25),
     (shapely.box(600, 600, 900, 900), 0.0), (shapely.MultiPolygon(), 0.0),
     (shapely.box(-900, -900, 900, 900).difference(shapely.box(0, 0, 800, 800)), 0.75),
     (shapely.MultiPolygon([shapely.box(0, 0, 900, 900), shapely.box(-900, -900, 0, 0)]), 0.5),
     (shapely.box(-9000, -9000, 9000, 9000).difference(shapely.box(-800, -800, 800, 800)), 0.0)],
    ids=["wholly inside", "centre on an edge", "centre on a corner", "outside", "empty", "a hole's corner", "two parts",
         "in a hole"],
)  # fmt: skip
def test_the_share_of_a_disc_in_simple_shapes(shape: shapely.Geometry, share: float):
    area = disc_areas(shape, np.zeros((1, 2)), RADIUS_M)[0]
    assert area == pytest.approx(share * math.pi * RADIUS_M**2, rel=1e-12)
    if share in (0.0, 1.0):
        assert area == share * math.pi * RADIUS_M * RADIUS_M


def test_a_polygon_inside_the_disc_has_its_own_area_less_its_hole():
    shape = shapely.box(-50, -50, 50, 50).difference(shapely.box(-10, -10, 10, 10))
    assert disc_areas(shape, np.array([[20.0, 5.0]]), RADIUS_M)[0] == pytest.approx(100 * 100 - 20 * 20, rel=1e-12)


@given(st.floats(-0.999, 0.999))
def test_a_disc_cut_by_a_straight_border_is_the_circular_segment_of_the_school_book(part: float):
    h = part * RADIUS_M
    segment = RADIUS_M**2 * math.acos(part) - h * math.sqrt(RADIUS_M**2 - h**2)
    area = disc_areas(shapely.box(h, -5000, 5000, 5000), np.zeros((1, 2)), RADIUS_M)[0]
    assert area == pytest.approx(segment, rel=1e-9, abs=1e-3)


@pytest.mark.parametrize("corners", [7, 80, 3000])
def test_areas_are_those_of_shapely_with_a_4096_gon(corners: int):
    rng = np.random.default_rng(corners)
    shape, centres = with_holes(rng, corners), rng.uniform(-6500, 6500, (60, 2))
    expected = [drawn_disc((x, y), RADIUS_M).intersection(shape).area for x, y in centres]
    np.testing.assert_allclose(
        disc_areas(shape, centres, RADIUS_M), expected, rtol=1e-6, atol=1e-6 * math.pi * RADIUS_M**2
    )
    assert 0 < sum(0 < a < 0.999 * math.pi * RADIUS_M**2 for a in expected) < 60


@given(st.integers(0, 10_000), st.floats(50, 8000))
def test_the_parts_of_a_shape_add_up_to_it(seed: int, radius_m: float):
    rng = np.random.default_rng(seed)
    shape, centres = with_holes(rng, 20), rng.uniform(-6500, 6500, (5, 2))
    cut = shapely.box(-9000, -9000, float(rng.uniform(-4000, 4000)), 9000)
    parts = [disc_areas(p, centres, radius_m) for p in (shape.intersection(cut), shape.difference(cut))]
    whole = disc_areas(shape, centres, radius_m)
    np.testing.assert_allclose(sum(parts), whole, atol=1e-7 * math.pi * radius_m**2)
    assert (whole <= min(math.pi * radius_m**2, shape.area) * (1 + 1e-9)).all()


def test_how_rings_turn_and_where_they_begin_changes_nothing_to_speak_of():
    rng = np.random.default_rng(8)
    shape, centres = with_holes(rng, 40), rng.uniform(-6000, 6000, (50, 2))
    again = shapely.reverse(shape.normalize())
    np.testing.assert_allclose(
        disc_areas(again, centres, 900.0), disc_areas(shape, centres, 900.0), rtol=1e-9, atol=1e-3
    )
