"""Roll-up over levels and overlapping areas: parts of partitions add up, overlapping areas each count their own."""

from __future__ import annotations

import pytest
import shapely

from tests.world import CENTRE, area, camera, charger, district, offset, square, twin_with

WEST, SOUTH, EAST, NORTH = square(3000).bounds
LEFT, RIGHT = shapely.box(WEST, SOUTH, CENTRE[0], NORTH), shapely.box(CENTRE[0], SOUTH, EAST, NORTH)
INNER, SHIFTED = square(1000), square(1000, offset(CENTRE, 1000, 0))
BEYOND = shapely.box(offset(CENTRE, 2000, 0)[0], SOUTH, offset(CENTRE, 4000, 0)[0], NORTH)


def world(*more):
    return twin_with([
        *district(3000), area("t1", "town", LEFT), area("t2", "town", RIGHT), area("a1", "aoi", INNER),
        area("a2", "aoi", SHIFTED), area("a3", "aoi", BEYOND), *more,
    ])  # fmt: skip


STATIONS = [charger("a", offset(CENTRE, -400, 100)), charger("b", offset(CENTRE, 1700, -900))]
CAMERAS = [camera(f"c{i}", offset(CENTRE, x, 0)) for i, x in enumerate((-1500, -500, 500, 500, 1500, 2500))]


@pytest.mark.parametrize(("rule", "assets"), [("charger-service", STATIONS), ("camera-count", CAMERAS)])
def test_a_partition_adds_up_to_the_whole(rule, assets):
    evaluation = world(*assets).cover(rule)
    rows, result = evaluation.area_rows("town"), evaluation.result
    assert sum(r.area_km2 for r in rows) == pytest.approx(result.area_km2, rel=1e-7)
    if rule == "camera-count":
        assert sum(r.value for r in rows) == result.value == 6
    else:
        open_km2 = sum(r.shortfall for r in rows)
        assert open_km2 == pytest.approx(result.facts["open_km2"], rel=1e-12)
        assert open_km2 == pytest.approx(sum(g.area_km2 for g in evaluation.gaps()), rel=1e-9)


@pytest.mark.parametrize(("rule", "counts"), [("camera-count", (3, 3, 1)), ("camera-density", (3, 3, 1))])
def test_what_lies_in_two_overlapping_areas_counts_in_both(rule, counts):
    evaluation = world(*CAMERAS).cover(rule)
    rows = {r.code: r for r in evaluation.area_rows("aoi")}
    found = [
        rows[c].value if rule == "camera-count" else round(rows[c].value * rows[c].area_km2) for c in ("a1", "a2", "a3")
    ]
    assert found == list(counts)


def test_overlapping_areas_are_each_judged_whole_by_a_service():
    twin = world(*STATIONS)
    rows = {r.code: r for r in twin.cover("charger-service").area_rows("aoi")}
    for code in ("a1", "a2"):
        alone = twin.cover("charger-service", area=code).result
        assert rows[code].share == pytest.approx(alone.share, abs=1e-6)
        assert rows[code].area_km2 == pytest.approx(alone.area_km2, rel=1e-9)


def test_an_area_that_reaches_beyond_what_is_judged_says_so():
    for rule, assets in (("charger-service", STATIONS), ("camera-count", CAMERAS), ("camera-density", CAMERAS)):
        rows = {r.code: r for r in world(*assets).cover(rule).area_rows("aoi")}
        assert [rows[c].status for c in ("a1", "a2", "a3")] == ["ok", "ok", "partial"]
        assert rows["a3"].area_km2 == pytest.approx(rows["a3"].area_km2_drawn / 2, rel=1e-3)
