"""The frame of points against areas and streets: real files, drawn worlds, and how often it is wrong."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from twin.frames import FRAMES, Frame, MetricFrame, from_wgs84, to_wgs84
from twin.layers.frame_check import AGAINST, CHANCE, FrameCheck, check_frame
from twin.layers.frame_readings import beyond_chance, candidates, read_positions, votes

DEGREES = ("wgs84", "gcj02", "bd09")
PLANE = MetricFrame(121.4, 31.1)
# A district of some 19 km by 18 km with a bent border, in metres around its middle.
OUTLINE = [(-9000, -8000), (-2000, -9500), (6000, -7000), (9500, -1000), (7000, 8000), (0, 8500), (-6000, 6000), (-9500, 1000)]  # fmt: skip
DISTRICT_M = shapely.Polygon(OUTLINE)
DISTRICT = PLANE.unproject(DISTRICT_M)
CITY_TOO_FAR = (-7.3, -8.5)


def scattered(n: int, seed: int = 1, within: shapely.Polygon = DISTRICT_M) -> np.ndarray:
    """(n, 2) WGS-84 degrees, evenly over a polygon in metres."""
    rng = np.random.default_rng(seed)
    west, south, east, north = within.bounds
    xy = rng.uniform((west, south), (east, north), (4 * n, 2))
    return PLANE.inverse(xy[shapely.contains_xy(within, xy[:, 0], xy[:, 1])][:n])


def written(lnglat: np.ndarray, frame: str) -> np.ndarray:
    """The same places as a file in that frame has them."""
    return np.column_stack(from_wgs84(lnglat[:, 0], lnglat[:, 1], FRAMES[frame]))


def judged(lnglat: np.ndarray, true: str, declared: str, **more: object) -> FrameCheck:
    return check_frame(written(lnglat, true), FRAMES[declared], [DISTRICT], **more)  # type: ignore[arg-type]


# Areas -----------------------------------------------------------------------------------------------------------------


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


# Streets ---------------------------------------------------------------------------------------------------------------


def streets(reach_m: float = 3300, seed: int = 5) -> np.ndarray:
    """Streets 180 to 420 m apart, both ways, around the middle of the district, as EPSG:4326 lines."""
    rng = np.random.default_rng(seed)
    places = [np.cumsum(rng.uniform(180, 420, int(reach_m / 150))) - reach_m for _ in range(2)]
    lines = [shapely.LineString([(x, -reach_m), (x, reach_m)]) for x in places[0]]
    lines += [shapely.LineString([(-reach_m, y), (reach_m, y)]) for y in places[1]]
    return np.asarray(PLANE.unproject(shapely.segmentize(np.array(lines, dtype=object), 50.0)), dtype=object)


def beside(roads: np.ndarray, n: int, off_m: float, seed: int = 6) -> np.ndarray:
    """(n, 2) WGS-84 degrees some metres beside the streets."""
    rng = np.random.default_rng(seed)
    metric = PLANE.project(roads)[rng.integers(len(roads), size=n)]
    spots = shapely.get_coordinates(shapely.line_interpolate_point(metric, rng.uniform(0.05, 0.95, n), normalized=True))
    return PLANE.inverse(spots + rng.uniform(-off_m, off_m, (n, 2)))


@pytest.mark.parametrize("true", DEGREES)
@pytest.mark.parametrize("declared", DEGREES)
def test_streets_tell_the_frame_of_points_well_inside(true: str, declared: str) -> None:
    """470 m apart at the least, with streets in between."""
    roads = streets()
    lnglat = beside(roads, 600, 15.0)
    assert judged(lnglat, true, declared).verdict == "undecidable"
    check = judged(lnglat, true, declared, roads=roads)
    assert (check.verdict, check.best) == ("fits" if true == declared else "fits worse", true)
    assert check.basis == ("roads",)


@pytest.mark.parametrize("declared", DEGREES)
@pytest.mark.parametrize(
    ("lnglat", "roads"),
    [
        (scattered(3000, within=shapely.box(-3000, -3000, 3000, 3000)), streets()),
        (beside(streets()[:2], 300, 15.0), streets()[:2]),
        (beside(streets(), 12, 15.0), streets()),
        (beside(streets(), 600, 15.0), streets()[::9]),
        (beside(streets(), 600, 15.0), np.array([shapely.Point(121.4, 31.1)], dtype=object)),
        (beside(streets(), 600, 15.0), np.array([], dtype=object)),
    ],
    ids=["sites anywhere", "two parallel streets", "twelve points", "a few of the streets", "no lines", "no streets"],
)  # fmt: skip
def test_streets_that_do_not_fit_like_a_key_decide_nothing(
    lnglat: np.ndarray, roads: np.ndarray, declared: str
) -> None:
    assert judged(lnglat, "wgs84", declared, roads=roads).verdict == "undecidable"


def test_streets_that_all_run_one_way_decide_nothing() -> None:
    """What a shift along them would do they cannot say."""
    lines = [shapely.LineString([(x, -3000), (x, 3000)]) for x in range(-3000, 3001, 400)]
    roads = np.asarray(PLANE.unproject(np.array(lines, dtype=object)), dtype=object)
    assert judged(beside(roads, 500, 5.0), "gcj02", "wgs84", roads=roads).verdict == "undecidable"


def test_areas_and_streets_that_contradict_each_other_decide_nothing() -> None:
    roads = streets(9000)
    lnglat = beside(roads, 6000, 10.0)
    lnglat = lnglat[shapely.contains_xy(DISTRICT, lnglat[:, 0], lnglat[:, 1])]
    assert judged(lnglat, "bd09", "wgs84", roads=roads).basis == ("areas", "roads")
    shifted = shapely.transform(roads, lambda places: written(places, "bd09"))
    check = judged(lnglat, "bd09", "wgs84", roads=shifted)
    assert check.verdict == "undecidable"
    assert "contradict" in check.words.en


def test_streets_alone_decide_nothing_without_areas() -> None:
    roads = streets()
    assert check_frame(written(beside(roads, 600, 15.0), "bd09"), FRAMES["wgs84"], [], roads).verdict == "undecidable"


# Real files ------------------------------------------------------------------------------------------------------------


def shapes(path: Path) -> list[tuple[dict[str, object], shapely.Geometry]]:
    found = json.loads(path.read_text("utf-8"))["features"]
    return [(f["properties"], shapely.from_geojson(json.dumps(f["geometry"]))) for f in found]


@pytest.fixture(scope="module")
def districts(realdata: Path) -> dict[str, shapely.Geometry]:
    return {str(p["adcode"]): shape for p, shape in shapes(realdata / "shanghai_districts_16_wgs84.geojson")}


@pytest.fixture(scope="module")
def telecom(realdata: Path) -> dict[str, np.ndarray]:
    with (realdata / "base_stations_shanghai_telecom_wgs84.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {
        name: np.array([[float(r[x]), float(r[y])] for r in rows])
        for name, x, y in (("wgs84", "lon", "lat"), ("bd09", "lon_bd09_raw", "lat_bd09_raw"))
    }


@pytest.mark.parametrize("halo_m", [0.0, 1500.0])
@pytest.mark.parametrize(
    ("form", "declared", "loaded", "verdict", "best"),
    [
        ("wgs84", "wgs84", "minhang", "undecidable", None),
        ("wgs84", "bd09", "minhang", "undecidable", None),
        ("bd09", "wgs84", "minhang", "undecidable", None),
        ("bd09", "bd09", "minhang", "undecidable", None),
        ("wgs84", "wgs84", "all", "undecidable", "wgs84"),
        ("wgs84", "gcj02", "all", "undecidable", None),
        ("wgs84", "bd09", "all", "fits worse", "wgs84"),
        ("bd09", "wgs84", "all", "fits worse", "bd09"),
        ("bd09", "gcj02", "all", "fits worse", "bd09"),
        ("bd09", "bd09", "all", "fits", "bd09"),
    ],
)
def test_both_forms_of_the_telecom_file(
    districts, telecom, form: str, declared: str, loaded: str, verdict: str, best: str | None, halo_m: float
) -> None:
    areas = [districts["310112"]] if loaded == "minhang" else list(districts.values())
    check = check_frame(telecom[form], FRAMES[declared], areas, halo_m=halo_m)
    assert (check.n_points, check.verdict) == (3008, verdict)
    assert best in (None, check.best)


def test_counting_alone_would_have_misled(districts, telecom) -> None:
    """The right file has the fewest points in Minhang when it is read rightly."""
    readings = read_positions(telecom["wgs84"], [FRAMES[f] for f in DEGREES], [districts["310112"]], 1e-6)
    assert [int(r.inside.sum()) for r in readings] == [258, 270, 286]
    check = check_frame(telecom["wgs84"], FRAMES["wgs84"], [districts["310112"]])
    assert (check.verdict, check.best) == ("undecidable", "bd09")


@pytest.mark.parametrize("form", ["wgs84", "bd09"])
@pytest.mark.parametrize("declared", DEGREES)
@pytest.mark.parametrize("loaded", ["minhang", "all"])
def test_an_inner_cluster_is_undecidable(districts, telecom, form: str, declared: str, loaded: str) -> None:
    areas = [districts["310112"]] if loaded == "minhang" else list(districts.values())
    deep = PLANE.unproject(PLANE.project(districts["310112"]).buffer(-2500))
    inner = shapely.contains_xy(deep, telecom["wgs84"][:, 0], telecom["wgs84"][:, 1])
    assert inner.sum() > 30
    check = check_frame(telecom[form][inner], FRAMES[declared], areas)
    assert (check.verdict, check.standings[0].share) == ("undecidable", 1.0)
    assert "well inside" in check.words.en


@pytest.mark.parametrize(
    ("form", "declared", "verdict"),
    [("wgs84", "wgs84", "undecidable"), ("wgs84", "bd09", "fits worse"), ("bd09", "wgs84", "fits worse"), ("bd09", "bd09", "fits")],
)  # fmt: skip
def test_minhangs_part_of_the_file_in_minhang(districts, telecom, form: str, declared: str, verdict: str) -> None:
    minhang = districts["310112"]
    own = shapely.contains_xy(minhang, telecom["wgs84"][:, 0], telecom["wgs84"][:, 1])
    check = check_frame(telecom[form][own], FRAMES[declared], [minhang])
    assert (check.n_points, check.verdict) == (258, verdict)


@pytest.mark.parametrize("name", ["ev_charging_stations_shenzhen_wgs84.csv", "cctv_seoul_gangnam_wgs84.csv"])
@pytest.mark.parametrize("declared", DEGREES)
def test_other_cities_are_undecidable(districts, realdata: Path, name: str, declared: str) -> None:
    with (realdata / name).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    lng, lat = (next(c for c in rows[0] if c.lower() in names) for names in (("lon", "lng"), ("lat",)))
    xy = np.array([[float(r[lng]), float(r[lat])] for r in rows])
    assert check_frame(xy, FRAMES[declared], list(districts.values())).verdict == "undecidable"


@pytest.mark.parametrize("true", DEGREES)
@pytest.mark.parametrize("declared", DEGREES)
def test_metro_stations_are_told_by_the_lines_they_stand_on(
    districts, realdata: Path, true: str, declared: str
) -> None:
    lines = np.array([shape for _, shape in shapes(realdata / "metro_lines_osm_wgs84.geojson")], dtype=object)
    stations = np.array([p.coords[0] for _, p in shapes(realdata / "metro_stations_wgs84.geojson")])
    window = shapely.contains_xy(shapely.box(121.2, 30.97, 121.6, 31.28), stations[:, 0], stations[:, 1])
    check = check_frame(written(stations[window], true), FRAMES[declared], list(districts.values()), lines)
    assert (check.verdict, check.best) == ("fits" if true == declared else "fits worse", true)
    assert check.basis == ("roads",)


@pytest.mark.parametrize("form", ["wgs84", "bd09"])
@pytest.mark.parametrize("declared", DEGREES)
def test_a_few_expressways_change_no_verdict(districts, telecom, realdata: Path, form: str, declared: str) -> None:
    file = realdata / "expressways_minhang_hongqiao_wgs84.geojson"
    roads = np.array([shape for _, shape in shapes(file)], dtype=object)
    areas = list(districts.values())
    with_roads = check_frame(telecom[form], FRAMES[declared], areas, roads)
    assert with_roads == check_frame(telecom[form], FRAMES[declared], areas)


# How fast, and how often wrong -----------------------------------------------------------------------------------------


def test_seventy_thousand_points_are_judged_as_a_few_are() -> None:
    raw, roads = written(scattered(70_000), "bd09"), streets()
    check = check_frame(raw, FRAMES["wgs84"], [DISTRICT], roads, halo_m=1500.0)
    assert (check.n_points, check.verdict) == (70_000, "fits worse")


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
