"""The exact kernel against two independent methods: scan lines (to 1e-9) and polygons of 4,096 corners."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry.base import BaseGeometry

from tests.plane import area_by_scan_lines, cut, stations

ROOT = Path(__file__).parents[2]
SQUARE = shapely.box(-200, -200, 200, 200)
RING = SQUARE.difference(shapely.box(-50, -80, 90, 60))
THIN = shapely.Polygon([(-200, 0), (200, 0), (200, 1e-6)])
CORNERS = 4096
ROUNDING_M2 = 1e-10
"""Of corners some hundred metres away, along an edge as long."""


def served(shape: BaseGeometry, xy: object, radius_m: object, at_least: int = 1) -> float:
    return float(cut(shape).served_m2(stations(xy, radius_m), at_least)[0])


def expected(shape: BaseGeometry, xy: object, radius_m: object, at_least: int = 1) -> float:
    places = np.asarray(xy, np.float64).reshape(-1, 2)
    return area_by_scan_lines(shape, places, np.broadcast_to(np.asarray(radius_m, float), len(places)), at_least)


def by_polygons(shape: BaseGeometry, xy: object, radius_m: object, at_least: int) -> float:
    """The faces between the discs' outlines, each counted and cut by the shape: discs as polygons of the circle's area."""
    step = 2 * np.pi / CORNERS
    angle = step * np.arange(CORNERS)
    unit = np.sqrt(step / np.sin(step)) * np.column_stack([np.cos(angle), np.sin(angle)])
    places = np.asarray(xy, np.float64).reshape(-1, 2)
    radii = np.broadcast_to(np.asarray(radius_m, float), len(places))
    discs = np.array([shapely.Polygon(p + r * unit) for p, r in zip(places, radii, strict=True)], object)
    lines = shapely.union_all(shapely.boundary(discs))
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(lines)))
    inside = shapely.point_on_surface(faces)
    depth = shapely.intersects(discs[:, None], inside).sum(axis=0)
    return float(shapely.area(shapely.intersection(shape, faces[depth >= at_least])).sum())


SCENES: dict[str, tuple[BaseGeometry, object, object]] = {
    "no discs": (SQUARE, [], []),
    "one disc inside the piece": (SQUARE, [(10, 0)], 50),
    "the piece inside one disc": (SQUARE, [(10, 0)], 500),
    "a disc out of reach": (SQUARE, [(1000, 0)], 500),
    "three that overlap": (SQUARE, [(-60, 0), (60, 0), (0, 90)], [120, 100, 110]),
    "nested": (SQUARE, [(0, 0), (20, 10)], [150, 60]),
    "one centre, three radii": (SQUARE, [(10, 0)] * 3, [50, 100, 150]),
    "one centre, one radius": (SQUARE, [(10, 0)] * 3, 150),
    "tangent from outside": (SQUARE, [(-100, 0), (100, 0)], 100),
    "wide and tangent from outside": (SQUARE, [(-1500, 0), (1500, 0)], 1500),
    "tangent from inside": (SQUARE, [(-50, 0), (0, 0)], [100, 150]),
    "wide and tangent from inside": (SQUARE, [(-600, 0), (0, 0)], [900, 1500]),
    "through a corner, from outside": (SQUARE, [(500, 600)], 500),
    "through a corner, from inside": (SQUARE, [(-100, -200)], 500),
    "tangent to an edge, from inside": (SQUARE, [(0, 0)], 200),
    "tangent to an edge, from outside": (SQUARE, [(1700, 3)], 1500),
    "an edge's far side is tangent": (SQUARE, [(-1300, 0)], 1500),
    "a centre on a corner": (SQUARE, [(200, 200)], 150),
    "a hole": (RING, [(0, 0), (150, -150)], [120, 70]),
    "a disc in the hole": (RING, [(20, -10)], 40),
    "a very thin triangle": (THIN, [(0, 0), (50, 100)], 120),
    "two pieces": (
        shapely.MultiPolygon([shapely.box(-200, -200, -90, 100), shapely.box(60, -90, 200, 200)]),
        [(-100, 0), (100, 100), (0, 0)],
        [110, 90, 120],
    ),
    "a radius of nothing": (SQUARE, [(0, 0), (30, 0)], [0, 40]),
    "a radius beyond everything": (SQUARE, [(0, 0), (30, 0)], [1e12, 40]),
}


@pytest.mark.parametrize("turn_deg", [0.0, 33.3])
@pytest.mark.parametrize("at_least", [1, 2, 3, 4])
@pytest.mark.parametrize("name", SCENES)
def test_scenes_made_by_hand(name, at_least, turn_deg):
    shape, xy, radius_m = SCENES[name]
    shape = shapely.affinity.rotate(shape, turn_deg, origin=(0, 0))
    turn = np.radians(turn_deg)
    rotate = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    places = np.asarray(xy, float).reshape(-1, 2) @ rotate
    assert served(shape, places, radius_m, at_least) == pytest.approx(
        expected(shape, places, radius_m, at_least), rel=1e-9, abs=1e-9 * shape.area + ROUNDING_M2
    )


COORDINATE = st.one_of(
    st.floats(-300, 300).map(lambda metres: round(metres, 6)),
    st.sampled_from([-200.0, -100.0, 0.0, 50.0, 100.0, 200.0]),
)
DISC = st.tuples(COORDINATE, COORDINATE, st.sampled_from([50.0, 100.0, 150.0, 200.0, 300.0, 900.0]))
SHAPE = st.one_of(
    st.sampled_from([SQUARE, RING, shapely.box(-200, -3, 200, 3)]),
    st.lists(st.tuples(COORDINATE, COORDINATE), min_size=3, max_size=8)
    .map(lambda points: shapely.convex_hull(shapely.MultiPoint(points)))
    .filter(lambda hull: hull.area > 1e-3),
)


@settings(max_examples=150)
@given(SHAPE, st.lists(DISC, max_size=8), st.integers(1, 4))
def test_any_scene_agrees_with_scan_lines(shape, discs, at_least):
    xy, radius_m = [d[:2] for d in discs], [d[2] for d in discs]
    assert served(shape, xy, radius_m, at_least) == pytest.approx(
        expected(shape, xy, radius_m, at_least), rel=1e-9, abs=1e-4
    )


@settings(max_examples=25)
@given(SHAPE, st.lists(DISC, max_size=5), st.integers(1, 4))
def test_any_scene_agrees_with_polygons_of_4096_corners(shape, discs, at_least):
    xy, radius_m = [d[:2] for d in discs], [d[2] for d in discs]
    assert served(shape, xy, radius_m, at_least) == pytest.approx(by_polygons(shape, xy, radius_m, at_least), abs=0.1)


@pytest.mark.parametrize("apart_m", [1e-3, 1e-6, 1e-9, 1e-12, 1e-13, 1e-15, 1e-20, 1e-170])
@pytest.mark.parametrize("centre", [(0.0, 0.0), (40.0, -70.0)], ids=["at the middle", "elsewhere"])
def test_discs_that_nearly_coincide(centre, apart_m):
    x, y = centre
    alone, sides = np.pi * 100**2, 2 * 100 * apart_m
    for places in ([(x, y), (x + apart_m, y)], [(x, y), (x, y + apart_m)]):
        assert served(SQUARE, places, 100) == pytest.approx(alone + sides, rel=1e-11)
        assert served(SQUARE, places, 100, 2) == pytest.approx(alone - sides, rel=1e-11)
        assert served(SQUARE, places, [100, 100 + apart_m / 2]) == pytest.approx(alone, abs=2 * sides + 1e-9)


def test_thousands_at_one_spot_are_one_that_counts_for_all():
    places, alone = np.tile([[3.0, 4.0]], (5000, 1)), np.pi * 100**2
    assert served(SQUARE, places, 100, 1) == pytest.approx(alone, rel=1e-12)
    assert served(SQUARE, places, 100, 5000) == pytest.approx(alone, rel=1e-12)
    assert served(SQUARE, places, 100, 5001) == 0.0


def test_dozens_within_a_few_metres():
    places = np.random.default_rng(1).uniform(-5, 5, (34, 2))
    for at_least in (1, 17):
        assert served(SQUARE, places, 100, at_least) == pytest.approx(expected(SQUARE, places, 100, at_least), rel=1e-9)


@pytest.mark.parametrize("notch_m", [1e-3, 1e-6, 1e-9, 1e-11, 1e-13])
def test_a_corner_that_rounding_bent_back_cuts_nothing_away(notch_m):
    """Every edge of a convex piece bounds a half-plane: a short one that turns back must not pass for one."""
    bent = shapely.Polygon([(-200, -200), (200, -200), (200 - notch_m, -200 + notch_m / 2), (200, 200), (-200, 200)])
    spiked = shapely.Polygon(
        [(-200, -200), (200, -200), (200, 200), (notch_m, 200), (2 * notch_m, 200 - 2 * notch_m), (-notch_m, 200), (-200, 200)]
    )  # fmt: skip
    for shape in (bent, spiked):
        assert served(shape, [(0, 0)], 100) == pytest.approx(np.pi * 100**2, rel=1e-9)


def test_an_area_of_many_pieces_is_the_sum_of_its_pieces():
    rng = np.random.default_rng(3)
    star = shapely.Polygon(
        [
            (r * np.cos(a), r * np.sin(a))
            for a, r in zip(np.arange(40) * np.pi / 20, rng.uniform(60, 250, 40), strict=True)
        ]
    )
    xy, radius_m = rng.uniform(-250, 250, (12, 2)), rng.choice([60.0, 100.0], 12)
    for at_least in (1, 2, 3):
        assert served(star, xy, radius_m, at_least) == pytest.approx(
            expected(star, xy, radius_m, at_least), rel=1e-9, abs=1e-4
        )


def many() -> tuple[object, np.ndarray, np.ndarray]:
    """2,500 squares: more than one thread's work."""
    west, south = (v.ravel() * 400.0 for v in np.meshgrid(np.arange(50), np.arange(50)))
    rng = np.random.default_rng(7)
    places = rng.uniform(0, 20_000, (900, 2))
    return cut(*shapely.box(west, south, west + 400, south + 400)), np.concatenate([places, places[:50]]), places[:50]


@pytest.mark.parametrize("at_least", [1, 2, 3])
def test_the_order_of_the_stations_changes_no_bit(at_least):
    tessellation, places, _ = many()
    radius_m = np.random.default_rng(8).choice([300.0, 900.0], len(places))
    first = tessellation.served_m2(stations(places, radius_m), at_least)
    assert 0 < first.sum() < tessellation.area_m2.sum()
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(places))
        again = tessellation.served_m2(stations(places[order], radius_m[order]), at_least)
        assert again.tobytes() == first.tobytes()


def test_stations_elsewhere_change_no_bit():
    tessellation, places, _ = many()
    far = np.concatenate([places, places + np.array([1e5, 0])])
    one, two = (tessellation.served_m2(stations(p, 900.0)) for p in (places, far))
    assert one.tobytes() == two.tobytes()


def digest() -> str:
    from hashlib import sha256

    tessellation, places, _ = many()
    return sha256(b"".join(tessellation.served_m2(stations(places, 700.0), k).tobytes() for k in (1, 2))).hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize("threads", ["1", "2"])
def test_another_process_and_another_number_of_threads_change_no_bit(threads):
    command = [sys.executable, "-c", "from tests.coverage.test_arcs import digest; print(digest())"]
    said = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "NUMBA_NUM_THREADS": threads}, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == digest()


@settings(max_examples=30)
@given(st.lists(DISC, min_size=1, max_size=8), st.floats(10, 400))
def test_more_needed_is_never_more_served_and_wider_never_less(discs, wider_m):
    xy, radius_m = [d[:2] for d in discs], np.array([d[2] for d in discs])
    by_need = [served(RING, xy, radius_m, k) for k in (1, 2, 3, 4)]
    assert all(a >= b - 1e-6 for a, b in pairwise(by_need))
    assert served(RING, xy, radius_m + wider_m) >= by_need[0] - 1e-6


@pytest.mark.parametrize(
    ("xy", "radius_m"),
    [([(np.nan, 0)], [1.0]), ([(0, np.inf)], [1.0]), ([(0, 0)], [np.nan]), ([(0, 0)], [-1.0])],
    ids=["NaN", "infinitely far", "no radius", "a negative radius"],
)
def test_what_is_no_place_or_no_radius_is_refused(xy, radius_m):
    with pytest.raises(ValueError, match="finite places"):
        stations(xy, radius_m)
