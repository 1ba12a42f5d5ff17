"""The frame check by streets: points beside them tell their frame well inside a district."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from tests.layers.framed import DEGREES, DISTRICT, PLANE, judged, scattered, written
from twin.frames import FRAMES
from twin.layers.frame_check import check_frame


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


def test_seventy_thousand_points_are_judged_as_a_few_are() -> None:
    raw, roads = written(scattered(70_000), "bd09"), streets()
    check = check_frame(raw, FRAMES["wgs84"], [DISTRICT], roads, halo_m=1500.0)
    assert (check.n_points, check.verdict) == (70_000, "fits worse")
