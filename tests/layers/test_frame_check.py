"""The frame check by areas: points tell their frame at a border, or nothing is decided."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from tests.layers.framed import DEGREES, DISTRICT, DISTRICT_M, PLANE, judged, scattered
from twin.frames import FRAMES, Frame, from_wgs84, to_wgs84
from twin.layers.frame_check import AGAINST, CHANCE, check_frame
from twin.layers.frame_readings import beyond_chance, candidates, read_positions, votes

CITY_TOO_FAR = (-7.3, -8.5)


@pytest.mark.parametrize("true", DEGREES)
@pytest.mark.parametrize("declared", DEGREES)
def test_points_all_over_a_district_tell_their_frame(true: str, declared: str) -> None:
    check = judged(scattered(3000), true, declared)
    assert (check.verdict, check.best) == ("fits" if true == declared else "fits worse", true)
    assert check.basis == ("areas",)
    assert {s.frame for s in check.standings} == set(DEGREES)
    assert check.standings[0].frame == declared


def test_the_words_name_the_frame_to_declare_and_the_way_to_insist() -> None:
    words = judged(scattered(3000), "bd09", "wgs84").words
    assert "Say --frame bd09; or --force if wgs84 is certain" in words.en
    assert "请改用 --frame bd09；确认 wgs84 无误，用 --force 继续" in words.zh
    assert "bd09 100.0%" in words.en


def test_frames_that_do_equally_well_are_both_named() -> None:
    """Sparse enough that BD-09 is refuted and GCJ-02 is not."""
    check = judged(scattered(250), "wgs84", "bd09")
    assert check.verdict == "fits worse"
    assert "--frame wgs84 or --frame gcj02" in check.words.en


def test_cgcs2000_is_as_good_as_wgs84() -> None:
    check = judged(scattered(3000), "wgs84", "cgcs2000")
    assert (check.verdict, [s.frame for s in check.standings]) == ("fits", ["cgcs2000", "gcj02", "bd09"])


@pytest.mark.parametrize(
    ("lnglat", "areas", "said"),
    [
        (scattered(500), [], "no areas are loaded"),
        (np.empty((0, 2)), [DISTRICT], "no points with coordinates"),
        (np.full((3, 2), np.nan), [DISTRICT], "no points with coordinates"),
        (scattered(500), [shapely.Point(121.4, 31.1), shapely.Polygon()], "no areas are loaded"),
        (np.add(scattered(500), CITY_TOO_FAR), [DISTRICT], "another city"),
        (scattered(500, within=shapely.box(-3000, -3000, 3000, 3000)), [DISTRICT], "all points lie well inside"),
        (scattered(3), [DISTRICT], "no more than by chance"),
        (scattered(3000, within=shapely.box(-15000, -15000, 15000, 15000)), [DISTRICT], "under no frame do 95%"),
    ],
    ids=["empty store", "no points", "no locations", "no polygons", "another city", "well inside", "three", "a wider file"],
)  # fmt: skip
@pytest.mark.parametrize("declared", DEGREES)
def test_what_cannot_be_compared_is_undecidable_and_says_why(
    lnglat: np.ndarray, areas: list[shapely.Geometry], said: str, declared: str
) -> None:
    check = check_frame(lnglat, FRAMES[declared], areas)
    assert (check.verdict, check.basis) == ("undecidable", ())
    assert said in check.words.en
    assert check.words.zh.startswith(f"无法判断坐标系 {declared}")


def test_a_crowd_beyond_a_border_does_not_make_another_frame() -> None:
    """BD-09 lies north-east of WGS-84, so that all of a right file along that border would be won by reading it as BD-09."""
    rng = np.random.default_rng(2)
    border = shapely.LineString([(9500, -1000), (7000, 8000)])
    along = shapely.get_coordinates(shapely.line_interpolate_point(border, rng.uniform(0, 9000, 400)))
    right = PLANE.inverse(along + rng.normal((250, 50), 150, (400, 2)))
    as_bd09 = np.column_stack(to_wgs84(*right.T, FRAMES["bd09"], allow_datum_inverse=True))
    won = shapely.contains_xy(DISTRICT, as_bd09[:, 0], as_bd09[:, 1])
    assert won.mean() > 0.95
    assert shapely.contains_xy(DISTRICT, right[:, 0], right[:, 1]).mean() < 0.6
    assert check_frame(right, FRAMES["wgs84"], [DISTRICT]).verdict == "undecidable"


def test_many_devices_on_few_poles_are_few_positions() -> None:
    poles = scattered(9, seed=4)
    check = judged(np.repeat(poles, 500, axis=0), "bd09", "wgs84")
    assert (check.n_points, check.verdict) == (9, "undecidable")


def test_an_outline_is_not_taken_more_exactly_than_it_is_drawn() -> None:
    """Points up to 80 m outside are inside; those 120 m outside are not."""
    out = np.array([[9580.0, -1000.0], [9620.0, -1000.0]])
    (reading,) = read_positions(PLANE.inverse(out), [FRAMES["wgs84"]], [DISTRICT], 100.0)
    assert reading.inside.tolist() == [True, False]


def test_a_file_with_its_halo_is_decided_by_the_areas_with_theirs() -> None:
    wide = scattered(4000, within=shapely.Polygon(DISTRICT_M.buffer(1500)))
    assert judged(wide, "bd09", "wgs84").verdict == "undecidable"
    assert judged(wide, "bd09", "wgs84", halo_m=1500.0).best == "bd09"
    assert judged(wide, "bd09", "wgs84", halo_m=1500.0).verdict == "fits worse"
    assert judged(wide, "bd09", "bd09", halo_m=1500.0).verdict == "fits"


def test_a_halo_does_not_hide_what_the_bare_areas_tell() -> None:
    assert judged(scattered(3000), "bd09", "wgs84", halo_m=1500.0).verdict == "fits worse"


@pytest.mark.parametrize(
    ("true", "declared", "verdict"),
    [
        ("epsg:4549", "epsg:4549", "fits"),
        ("epsg:32651", "epsg:4549", "fits worse"),
        ("epsg:4549", "epsg:32651", "fits worse"),
        ("epsg:4528", "epsg:4528", "fits"),
    ],
)
def test_planes_are_told_apart_by_a_crowd_well_inside(true: str, declared: str, verdict: str) -> None:
    crowd = scattered(40, within=shapely.box(-300, -300, 300, 300))
    check = judged(crowd, true, declared)
    assert (check.verdict, check.best) == (verdict, true)


def test_a_local_grid_without_a_rival_decides_nothing() -> None:
    """Its definition may be wrong by some hundred metres, and no other frame could hold the numbers."""
    pipeline = (
        "+proj=pipeline +step +inv +proj=tmerc +lat_0=31.1 +lon_0=121.4 +ellps=GRS80 +step +proj=unitconvert "
        "+xy_in=rad +xy_out=deg"
    )
    bounds = (-3e5, -3e6, 3e5, 3e6)
    local = Frame("local:grid.toml@0123456789ab", "plane", FRAMES["wgs84"].title, bounds, pipeline=pipeline)
    lnglat = scattered(500)
    xy = np.column_stack(from_wgs84(lnglat[:, 0], lnglat[:, 1], local))
    alone = check_frame(xy, local, [DISTRICT])
    assert (alone.verdict, "no other frame" in alone.words.en) == ("undecidable", True)
    assert check_frame(np.add(xy, (40_000, 0)), local, [DISTRICT]).verdict == "undecidable"


def test_only_frames_that_can_hold_the_numbers_are_candidates() -> None:
    assert [f.name for f in candidates(np.array([[121.4, 31.1]]), FRAMES["gcj02"])] == ["gcj02", "wgs84", "bd09"]
    assert [f.name for f in candidates(np.array([[6e5, 3.4e6]]), FRAMES["epsg:4549"])] == ["epsg:4549", "epsg:32651"]


@pytest.mark.parametrize("frame", ["gcj02", "bd09", "epsg:4549"])
def test_areas_are_taken_forward_right_to_a_metre(frame: str) -> None:
    """Points on the long straight edges of a box, in each frame, are on the edges that the region has there."""
    box = shapely.box(121.0, 30.8, 121.8, 31.4)
    (reading,) = read_positions(np.empty((0, 2)), [FRAMES[frame]], [box], 1e-6)
    edge = shapely.get_coordinates(shapely.segmentize(box.exterior, 0.0007))
    x, y = from_wgs84(edge[:, 0], edge[:, 1], FRAMES[frame])
    xy = np.column_stack([x, y]) if frame.startswith("epsg") else reading.plane.forward(np.column_stack([x, y]))
    assert shapely.distance(reading.region.exterior, shapely.points(xy)).max() < 1


@given(st.integers(0, 60), st.integers(0, 60))
def test_chance_is_the_exact_sign_test(n_pro: int, n_con: int) -> None:
    exact = binomtest(n_pro, n_pro + n_con, 0.5, alternative="greater").pvalue if n_pro + n_con else 1.0
    assert beyond_chance(n_pro, n_con, CHANCE) == (exact <= CHANCE)


def test_a_block_has_one_vote_and_a_tie_none() -> None:
    xy = np.array([[10, 10], [20, 20], [30, 30], [1500, 10], [1600, 10], [-10, 10]], float)
    pro = np.array([True, True, False, True, False, False])
    con = np.array([False, False, True, False, True, True])
    assert votes(xy, pro, con, 1000.0) == (1, 1)
    assert votes(xy, pro, pro, 1000.0) == (0, 0)
    assert beyond_chance(10, 0, CHANCE)
    assert not beyond_chance(9, 0, CHANCE)
    assert AGAINST > 1


def crowd(rng: np.random.Generator) -> np.ndarray:
    """(n, 2) WGS-84 degrees: a right file of some kind, with or without what lies beyond the border."""
    n = int(np.exp(rng.uniform(np.log(8), np.log(1500))))
    kind = rng.integers(4)
    if kind == 0:
        xy = rng.uniform(-9500, 9500, (2 * n, 2))
    elif kind == 1:
        xy = rng.uniform(-9000, 9000, 2) + rng.normal(0, np.exp(rng.uniform(5, 8.5)), (3 * n, 2))
    elif kind == 2:
        middles = rng.uniform(-9000, 9000, (rng.integers(2, 9), 2))
        xy = middles[rng.integers(len(middles), size=2 * n)] + rng.normal(0, 1200, (2 * n, 2))
    else:
        ring, start = DISTRICT_M.exterior, rng.uniform(0, 60_000)
        along = (start + rng.uniform(0, rng.uniform(1000, 40_000), n)) % ring.length
        xy = shapely.get_coordinates(shapely.line_interpolate_point(ring, along)) + rng.normal(0, 120, (n, 2))
    reach_m = rng.choice([0.0, 300.0, 1500.0])
    if kind < 3:
        xy = xy[shapely.contains_xy(DISTRICT_M.buffer(reach_m), xy[:, 0], xy[:, 1])][:n]
    return PLANE.inverse(xy.reshape(-1, 2))


@pytest.mark.slow
def test_right_files_are_not_doubted_once_in_three_thousand() -> None:
    """No doubt in 3,000 bounds its rate below 0.1 % (95 % confidence)."""
    rng, doubts = np.random.default_rng(310112), 0
    for _ in range(3000):
        frame = str(rng.choice(DEGREES))
        doubts += judged(crowd(rng), frame, frame, halo_m=float(rng.choice([0.0, 1500.0]))).verdict == "fits worse"
    assert doubts == 0
