"""Input at the limit: each has an answer that can be said beforehand."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from tests.plane import BENT, area_by_scan_lines
from tests.world import (
    CENTRE,
    area,
    charger,
    district,
    offset,
    radio_site,
    service_of,
    snapshot,
    square,
    twin_with,
)
from twin.cells import cell_polygons, points_to_cells
from twin.coverage.result import DATA_EXTENT
from twin.coverage.scope import Scope, scope_of_polygon
from twin.coverage.service import nearest_distance_m
from twin.coverage.service_evaluation import ServiceEvaluation
from twin.errors import BadParameter
from twin.model import Change, Record

HALF_M = 3000
WEST, SOUTH, EAST, NORTH = square(HALF_M).bounds
RING = shapely.box(CENTRE[0], SOUTH, EAST, NORTH)
CELL = cell_polygons(points_to_cells(np.array([CENTRE]), 9))[0]


def open_m2(evaluation: ServiceEvaluation) -> float:
    """By scan lines, for zones that the demand's place decides."""
    xy, total = evaluation.server_xy, 0.0
    for zone in evaluation.zones:
        for part in shapely.get_parts(zone.shape):
            total += part.area - area_by_scan_lines(part, xy, np.full(len(xy), zone.radius_m), evaluation.at_least)
    return total


# Stations ---------------------------------------------------------------------------------------------------------------


def test_none_that_counts_leaves_all_of_it_open():
    evaluation = service_of(snapshot([*district(HALF_M), charger("a", CENTRE, lifecycle="planned")]))
    result = evaluation.result
    assert (result.share, result.met, result.status, result.facts["n_stations"]) == (0.0, False, "ok", 0)
    (gap,) = evaluation.gaps()
    assert gap.area_km2 == pytest.approx(result.area_km2, rel=1e-9)
    assert (gap.nearest, gap.nearest_distance_m, gap.missing_m) == (None, None, None)
    assert set(evaluation.cells(8).status) == {"none"}


def test_an_empty_layer_is_no_data_and_has_no_gap():
    result = twin_with(district(HALF_M)).cover("charger-service")
    assert (result.result.status, result.result.share, result.gaps()) == ("no-data", None, [])


def test_the_last_station_removed_leaves_all_of_it_open_and_the_first_one_serves_its_disc():
    twin = twin_with([*district(HALF_M), charger("a", CENTRE), charger("b", CENTRE, lifecycle="planned")])
    disc = twin.cover("charger-service").result.share
    assert disc == pytest.approx(np.pi * 1500**2 / (2 * HALF_M) ** 2, rel=1e-5)
    none = twin.cover("charger-service", changes=[Change("remove", "chargers", "a")])
    assert (none.result.share, len(none.gaps())) == (0.0, 1)
    moved = twin.cover("charger-service", changes=[Change("change", "chargers", "b", {"lifecycle": "operating"})])
    assert moved.result.share == disc


@pytest.mark.parametrize("n", [2, 5000])
def test_any_number_at_one_spot_serves_what_one_does(n):
    one = service_of(snapshot([*district(HALF_M, RING), charger("c0", CENTRE)]))
    many = snapshot([*district(HALF_M, RING), *(charger(f"c{i}", CENTRE) for i in range(n))])
    for at_least in (1, n):
        found = service_of(many, at_least=at_least)
        assert found.share == one.share
        assert [g.area_km2 for g in found.gaps()] == pytest.approx([g.area_km2 for g in one.gaps()], rel=1e-12)
    assert service_of(many, at_least=n + 1).share == 0.0


def test_a_station_on_the_ring_has_the_rings_radius_and_serves_each_side_by_its_own():
    world = snapshot([*district(HALF_M, RING), charger("a", CENTRE)])
    by_station = service_of(world, reading="station")
    assert by_station.share == pytest.approx(np.pi * 900**2 / (2 * HALF_M) ** 2, rel=1e-5)
    by_demand = service_of(world)
    assert by_demand.share == pytest.approx(np.pi * (900**2 + 1500**2) / 2 / (2 * HALF_M) ** 2, rel=1e-5)
    assert by_demand.explain(*CENTRE).zone == "outer-ring"


def test_exactly_at_the_radius_is_served_and_a_hair_less_is_not():
    place = offset(CENTRE, 700, 311)
    radius_m = float(nearest_distance_m(np.array([CENTRE]), np.array([place]))[0])
    world = snapshot([*district(HALF_M), charger("a", place)])
    assert service_of(world, radius_m=radius_m).explain(*CENTRE).served
    assert not service_of(world, radius_m=float(np.nextafter(radius_m, 0))).explain(*CENTRE).served


@pytest.mark.parametrize(
    ("radius_m", "share"), [(100_000, 1.0), (20_000, 1.0), (1e-3, 0.0)], ids=["the widest", "wide", "a millimetre"]
)
def test_a_radius_that_is_absurd_has_a_plain_answer(radius_m, share):
    zones = [{"code": "outer-ring", "radius_m": radius_m}]
    world = snapshot([*district(HALF_M, RING), charger("a", offset(CENTRE, 100, 50))])
    evaluation = service_of(world, radius_m=radius_m, zones=zones)
    assert evaluation.share == pytest.approx(share, abs=1e-9)
    assert len(evaluation.gaps()) == (0 if share == 1.0 else 2)


@pytest.mark.parametrize("radius_m", [0, -1, 1e7, float("nan"), float("inf"), "far"])
def test_a_radius_that_is_none_is_refused(radius_m):
    with pytest.raises(BadParameter, match="radius_m"):
        service_of(snapshot([*district(HALF_M), charger("a", CENTRE)]), radius_m=radius_m)


@pytest.mark.parametrize("place", [(-58.6, -31.1), (121.4, 90.0), (-58.6, 31.1), (0.0, 0.0)],
                         ids=["the antipode", "the pole", "the other side", "nowhere"])  # fmt: skip
def test_a_station_at_the_end_of_the_world_serves_nothing_here(place):
    alone = service_of(snapshot([*district(HALF_M), charger("a", CENTRE)]))
    both = service_of(snapshot([*district(HALF_M), charger("a", CENTRE), charger("b", place)]))
    assert both.share == alone.share
    assert [g.id for g in both.gaps()] == [g.id for g in alone.gaps()]


def test_a_station_exactly_at_the_antipode_serves_nothing_here():
    frame = Scope(snapshot(district(HALF_M)).areas["310112"]).frame
    place = (frame.lng0 - 180, -frame.lat0)
    both = service_of(snapshot([*district(HALF_M), charger("a", CENTRE), charger("b", place)]))
    assert both.share == pytest.approx(np.pi * 1500**2 / (2 * HALF_M) ** 2, rel=1e-5)


def test_a_station_without_a_place_is_not_counted():
    nowhere = charger("b", CENTRE)
    world = snapshot([*district(HALF_M), charger("a", CENTRE), Record(**{**{f: getattr(nowhere, f) for f in nowhere.__slots__}, "lng": None, "lat": None})])  # fmt: skip
    assert service_of(world, at_least=1).share > 0
    assert service_of(world, at_least=2).share == 0.0


@pytest.mark.parametrize("place", [{"lng": float("nan"), "lat": 31.1}, {"lng": 121.4, "lat": float("inf")}])
def test_a_tried_place_that_is_no_number_is_refused(place):
    with pytest.raises(BadParameter, match="degrees"):
        twin_with([*district(HALF_M), charger("a", CENTRE)]).cover(
            "charger-service", changes=[Change("add", "chargers", "n", place)]
        )


# Areas ------------------------------------------------------------------------------------------------------------------

HOLED = square(2500).difference(square(800, offset(CENTRE, 300, -200)))
ISLANDS = shapely.union_all([square(700, offset(CENTRE, x, y)) for x, y in [(-2000, 0), (0, 0), (900, 1900)]])
OUTLINES = {
    "much smaller than a cell": square(30, offset(CENTRE, 1480, 0)),
    "exactly a cell": CELL,
    "with a hole": HOLED,
    "islands": ISLANDS,
    "a lane a metre wide": square(1600).difference(square(1599)),
}


@pytest.mark.parametrize("at_least", [1, 2])
@pytest.mark.parametrize("name", OUTLINES)
def test_outlines_of_every_kind(name, at_least):
    stations = [
        charger(f"c{i}", offset(CENTRE, *p)) for i, p in enumerate([(0, 0), (900, 700), (-1500, 200), (200, -1700)])
    ]
    world = snapshot([*district(HALF_M, RING), *stations])
    evaluation = service_of(world, scope_of_polygon(OUTLINES[name]), at_least=at_least)
    expected = open_m2(evaluation)
    assert 1e6 * evaluation.open_km2 == pytest.approx(expected, rel=BENT, abs=0.05)
    assert 1e6 * sum(g.area_km2 for g in evaluation.gaps()) == pytest.approx(
        1e6 * evaluation.open_km2, rel=1e-9, abs=1e-2
    )
    table = evaluation.cells(9)
    assert (1 - table.share) @ table.area_km2 == pytest.approx(evaluation.open_km2, rel=BENT, abs=1e-9)


BOW_TIE = shapely.Polygon([(WEST, SOUTH), (EAST, NORTH), (EAST, SOUTH), (WEST, NORTH)])


def test_a_drawn_bow_tie_is_repaired_and_its_name_says_so():
    scope = scope_of_polygon(BOW_TIE)
    assert (scope.area.name, scope.area.name_en) == ("自绘范围（已修复）", "drawn area (repaired)")
    assert scope.area_km2 == pytest.approx((2 * HALF_M / 1000) ** 2 / 2, rel=1e-3)
    assert scope_of_polygon(square(HALF_M)).area.name_en == "drawn area"
    evaluation = service_of(snapshot([*district(HALF_M), charger("a", CENTRE)]), scope)
    assert 1e6 * evaluation.open_km2 == pytest.approx(open_m2(evaluation), rel=BENT)
    assert len(evaluation.gaps()) == 2


def triangle(lng: float) -> shapely.Polygon:
    with np.errstate(invalid="ignore"):
        return shapely.Polygon([(121, 31), (lng, 31), (121.1, 31.1)])


@pytest.mark.parametrize(
    "geometry",
    [
        shapely.Polygon(),
        shapely.Point(*CENTRE),
        shapely.LineString([CENTRE, offset(CENTRE, 1, 1)]),
        shapely.Polygon([(0, 0), (1, 1), (2, 2)]),
        shapely.Polygon([(0, 0), (1, 0), (1, 0), (0, 0)]),
        triangle(float("nan")),
        triangle(float("inf")),
        shapely.box(-180, -90, 180, 90),
    ],
    ids=["empty", "a point", "a line", "all on a line", "there and back", "NaN", "infinite", "the world"],
)
def test_what_is_no_area_or_too_wide_a_one_is_refused(geometry):
    with pytest.raises(BadParameter, match="polygon"):
        scope_of_polygon(geometry)


def test_areas_that_overlap_each_have_their_own_share():
    left, right = (square(1000, offset(CENTRE, x, 0)) for x in (-600, 600))
    world = snapshot([
        *district(HALF_M), area("left", "aoi", left), area("right", "aoi", right), area("same", "aoi", right),
        charger("a", offset(CENTRE, -1800, 0)),
    ])  # fmt: skip
    evaluation = service_of(world)
    rows = {row.code: row for row in evaluation.area_rows("aoi")}
    assert list(rows) == ["left", "right", "same"]
    for code, shape in (("left", left), ("right", right), ("same", right)):
        alone = service_of(world, Scope(world.areas[code]))
        assert rows[code].area_km2 == pytest.approx(alone.result.area_km2, rel=1e-6)
        assert rows[code].share == pytest.approx(alone.share, abs=1e-7)
        assert shape.area > 0
    assert rows["left"].share > rows["right"].share > 0
    assert rows["same"].share == rows["right"].share


def test_an_area_beyond_the_data_is_judged_in_them_only_and_called_partial():
    """The business district spans four districts; the data are of one."""
    cbd = square(1000, offset(CENTRE, 2500, 0))
    world = [
        *district(HALF_M), area("hongqiao-cbd", "aoi", cbd), area(DATA_EXTENT, "aoi", square(HALF_M)),
        charger("a", offset(CENTRE, 2000, 0)),
    ]  # fmt: skip
    evaluation = twin_with(world).cover("charger-service", area="hongqiao-cbd")
    result = evaluation.result
    assert (result.status, result.binding) == ("partial", False)
    assert result.area_km2 == pytest.approx(4.0, rel=1e-4)
    assert result.area_with_data_km2 == pytest.approx(3.0, rel=1e-4)
    assert sum(g.area_km2 for g in evaluation.gaps()) == pytest.approx(
        (1 - result.share) * result.area_with_data_km2, rel=1e-6
    )


@pytest.mark.parametrize("rule", ["charger-service", "radio-coverage"])
def test_an_area_outside_the_data_has_no_data(rule):
    world = [
        *district(HALF_M), area(DATA_EXTENT, "aoi", square(HALF_M)), charger("a", CENTRE), radio_site("s", CENTRE),
    ]  # fmt: skip
    evaluation = twin_with(world).cover(rule, polygon=square(500, offset(CENTRE, 20_000, 0)))
    assert (evaluation.result.status, evaluation.result.share, evaluation.result.met) == ("no-data", None, None)
    assert evaluation.gaps() == []
    assert evaluation.area_rows("town") == []


def test_a_denominator_without_ground_here_has_no_share():
    from dataclasses import replace

    lake = square(300, offset(CENTRE, 30_000, 0))
    elsewhere = replace(area("lake", "aoi", lake), layer="water", attributes={})
    evaluation = service_of(snapshot([*district(HALF_M), elsewhere, charger("a", CENTRE)]), denominator="water")
    assert evaluation.share is None
