"""Laws of service coverage, for any stations."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.plane import BENT
from tests.world import CENTRE, area, charger, offset, service_of, snapshot, square
from twin.cells import points_to_cells
from twin.coverage.scope import scope_of_polygon
from twin.coverage.service import discs, open_region
from twin.coverage.service_evaluation import ServiceEvaluation
from twin.model import Snapshot

METRES = st.floats(-4000, 4000, allow_nan=False).map(lambda m: round(m, 1))
PLACE = st.tuples(METRES, METRES)
PLACES = st.lists(PLACE, min_size=0, max_size=8)
PARAMETERS = st.sampled_from([{}, {"at_least": 2}, {"reading": "station"}, {"reading": "station", "at_least": 2}])
HALF_M = 3000
ROUNDING = 1e-12


def world(
    places: list[tuple[float, float]], centre: tuple[float, float] = CENTRE, ring_is_west: bool = False
) -> Snapshot:
    west, south, east, north = square(HALF_M, centre).bounds
    halves = [shapely.box(west, south, centre[0], north), shapely.box(centre[0], south, east, north)]
    towns = [
        area("310112001", "town", shapely.box(west, south, *centre)),
        area("310112002", "town", shapely.box(west, centre[1], centre[0], north)),
        area("310112003", "town", halves[1]),
    ]
    # Where neighbours share a border they share its corners, as boundaries that were drawn together do.
    outline = shapely.Polygon(
        [
            (west, south),
            (centre[0], south),
            (east, south),
            (east, north),
            (centre[0], north),
            (west, north),
            (west, centre[1]),
        ]
    )
    borders = [area("310112", "district", outline), area("outer-ring", "zone", halves[not ring_is_west])]
    # A counted station far from everything keeps the layer there when the list is empty.
    stations = [
        charger("far", offset(centre, 50_000, 0)),
        *(charger(f"c{i}", offset(centre, *p)) for i, p in enumerate(places)),
    ]
    return snapshot([*borders, *towns, *stations])


def served_km2(evaluation: ServiceEvaluation) -> float:
    return float(evaluation.served_m2(evaluation.base).sum()) / 1e6


def radii(ring_m: float, elsewhere_m: float) -> dict[str, object]:
    return {"zones": [{"code": "outer-ring", "radius_m": ring_m}], "radius_m": elsewhere_m}


# More is never less -----------------------------------------------------------------------------------------------------


@settings(max_examples=8)
@given(PLACES, PLACE, PARAMETERS)
def test_one_more_station_never_lowers_the_share(places, extra, parameters):
    more, less = (service_of(world(p), **parameters).share for p in ([*places, extra], places))
    assert more >= less - ROUNDING


@settings(max_examples=8)
@given(PLACES, st.floats(0, 800), st.floats(0, 800), st.sampled_from(["demand", "station"]))
def test_wider_radii_never_lower_the_share(places, ring_m, elsewhere_m, reading):
    held = world(places)
    narrow = service_of(held, **radii(900, 1500), reading=reading).share
    assert service_of(held, **radii(900 + ring_m, 1500 + elsewhere_m), reading=reading).share >= narrow - ROUNDING


@settings(max_examples=8)
@given(PLACES)
def test_asking_for_more_stations_never_raises_the_share(places):
    held = world(places)
    shares = [service_of(held, at_least=k).share for k in (1, 2, 3)]
    assert shares[0] >= shares[1] - ROUNDING
    assert shares[1] >= shares[2] - ROUNDING


@settings(max_examples=8)
@given(PLACES, PLACES, st.sampled_from(["demand", "station"]))
def test_two_sets_together_serve_no_more_than_their_sum_and_no_less_than_either(one, two, reading):
    first, second, both = (served_km2(service_of(world(p), reading=reading)) for p in (one, two, one + two))
    assert max(first, second) - 1e-9 <= both <= first + second + 1e-9


@settings(max_examples=8)
@given(PLACES)
def test_twice_the_same_stations_serve_twice_where_they_served_once(places):
    assert service_of(world(places + places), at_least=2).share == pytest.approx(
        service_of(world(places)).share, abs=1e-12
    )


# Parts and the whole ----------------------------------------------------------------------------------------------------


@settings(max_examples=8)
@given(PLACES, PARAMETERS)
def test_the_parts_of_a_partition_add_up_to_the_whole(places, parameters):
    evaluation = service_of(world(places), **parameters)
    rows = evaluation.area_rows("town")
    assert sum(r.shortfall for r in rows) == pytest.approx(evaluation.open_km2, rel=1e-9, abs=1e-9)
    assert sum(r.area_km2 * r.share for r in rows) == pytest.approx(served_km2(evaluation), rel=1e-9, abs=1e-9)


@settings(max_examples=8)
@given(PLACES, PARAMETERS)
def test_gaps_and_what_is_served_make_up_the_area(places, parameters):
    evaluation = service_of(world(places), **parameters)
    gaps = evaluation.gaps()
    open_km2 = sum(g.area_km2 for g in gaps)
    assert open_km2 == pytest.approx(evaluation.open_km2, abs=1e-6)
    assert open_km2 + served_km2(evaluation) == pytest.approx(evaluation.scope.shape.area / 1e6, rel=1e-7)
    for gap in gaps:
        assert sum(km2 for _, _, km2 in gap.areas) == pytest.approx(gap.area_km2, rel=1e-6, abs=1e-9)
        drawn_km2 = evaluation.scope.frame.project(gap.geometry, 360.0).area / 1e6
        assert drawn_km2 == pytest.approx(
            gap.area_km2, abs=1e-7 * evaluation.scope.frame.project(gap.geometry, 360.0).length
        )


@settings(max_examples=10)
@given(PLACES, PARAMETERS, st.sampled_from([7, 8, 10]))
def test_cells_of_any_size_add_up_to_the_whole(places, parameters, resolution):
    evaluation = service_of(world(places), **parameters)
    table = evaluation.cells(resolution)
    whole_km2 = evaluation.scope.shape.area / 1e6
    assert table.share @ table.area_km2 == pytest.approx(served_km2(evaluation), abs=BENT * whole_km2)
    assert table.area_km2.sum() == pytest.approx(whole_km2, rel=1e-12)


@settings(max_examples=10)
@given(PLACES, st.floats(-2500, 2500), PARAMETERS)
def test_an_area_cut_in_two_serves_what_the_whole_does(places, at_m, parameters):
    held = world(places)
    west, south, east, north = square(HALF_M).bounds
    at = offset(CENTRE, at_m, 0)[0]
    halves = [scope_of_polygon(shapely.box(*b)) for b in ((west, south, at, north), (at, south, east, north))]
    parts = [service_of(held, half, **parameters) for half in halves]
    assert sum(map(served_km2, parts)) == pytest.approx(served_km2(service_of(held, **parameters)), abs=1e-5)


@settings(max_examples=8)
@given(PLACES, st.sampled_from([5, 6, 7]))
def test_a_partitioned_run_equals_the_whole(places, resolution):
    """Judged tile by tile, each with all stations within reach, the open areas add up to those of one run."""
    whole = service_of(world(places))
    frame, shape = whole.scope.frame, whole.scope.shape
    from twin.cells import cell_polygons

    tiles = frame.project(cell_polygons(whole.scope.cells(resolution)), 360.0)
    open_m2 = 0.0
    for zone in whole.zones:
        for tile in shapely.intersection(tiles, zone.shape):
            reach = shapely.dwithin(tile, shapely.points(whole.server_xy), zone.radius_m + 1)
            open_m2 += open_region(tile, whole.server_xy[reach], zone.radius_m).area
    assert open_m2 / 1e6 == pytest.approx(whole.open_km2, abs=1e-5)
    assert shape.area == pytest.approx(sum(shapely.area(shapely.intersection(tiles, shape))), rel=1e-9)


# What does not matter ---------------------------------------------------------------------------------------------------


@settings(max_examples=8)
@given(PLACES, PARAMETERS)
def test_a_drawn_polygon_is_judged_like_an_area_of_the_same_shape(places, parameters):
    held = world(places)
    drawn = service_of(held, scope_of_polygon(held.areas["310112"].geometry), **parameters)
    assert drawn.result.share == service_of(held, **parameters).result.share
    assert drawn.result.binding is True


@settings(max_examples=8)
@given(PLACES, st.tuples(st.floats(-600, 600), st.floats(-600, 600)), PARAMETERS)
def test_a_small_world_moved_some_hundred_metres_is_served_alike(places, by, parameters):
    """Other cells divide it, and it lies otherwise in its frame."""
    moved = service_of(world(places, offset(CENTRE, *by)), **parameters)
    assert moved.share == pytest.approx(service_of(world(places), **parameters).share, abs=2e-6)


@settings(max_examples=8)
@given(PLACES, st.sampled_from([{}, {"at_least": 2}]))
def test_which_half_is_called_the_ring_changes_nothing_if_the_radii_change_places(places, parameters):
    """Not of the station's reading: there the ring's border belongs to the ring."""
    east = service_of(world(places), **radii(900, 1500), **parameters)
    west = service_of(world(places, ring_is_west=True), **radii(1500, 900), **parameters)
    assert west.share == pytest.approx(east.share, abs=1e-9)
    assert west.zone_shares == pytest.approx(east.zone_shares[::-1], abs=1e-9)


@settings(max_examples=10)
@given(st.lists(PLACE, min_size=1, max_size=8), PARAMETERS, st.randoms(use_true_random=False))
def test_neither_the_order_nor_the_keys_of_the_stations_change_a_bit(places, parameters, random):
    shuffled = random.sample(places, len(places))
    one, two = (service_of(world(p), **parameters) for p in (places, shuffled))
    assert one.served_m2(one.base).tobytes() == two.served_m2(two.base).tobytes()
    assert [g.area_km2 for g in one.gaps()] == [g.area_km2 for g in two.gaps()]


# Points and areas -------------------------------------------------------------------------------------------------------


@settings(max_examples=8)
@given(PLACES, PARAMETERS, st.integers(0, 999))
def test_the_share_of_points_served_is_that_of_the_area(places, parameters, seed):
    """One point in each square of a lattice: they stray less than as many anywhere."""
    evaluation = service_of(world(places), **parameters)
    west, south, east, north = evaluation.scope.shape.bounds
    n, rng = 45, np.random.default_rng(seed)
    column, row = (v.ravel() for v in np.meshgrid(np.arange(n), np.arange(n)))
    at = np.column_stack([column, row]) + rng.uniform(0, 1, (n * n, 2))
    xy = at / n * [east - west, north - south] + [west, south]
    xy = xy[shapely.intersects_xy(evaluation.scope.shape, *xy.T)]
    served = evaluation.is_served(evaluation.scope.frame.inverse(xy))
    p = evaluation.share
    assert abs(served.mean() - p) <= 4 * np.sqrt(p * (1 - p) / len(xy)) + 1e-9


@settings(max_examples=50)
@given(st.floats(50, 5000), METRES, METRES)
def test_a_disc_has_the_circles_area_and_stays_within_its_tolerance(radius_m, x, y):
    (disc,) = discs(np.array([[x, y]]), radius_m)
    assert disc.area == pytest.approx(np.pi * radius_m**2, rel=1e-9)
    assert shapely.Point(x, y).hausdorff_distance(disc.boundary) == pytest.approx(radius_m, abs=0.05)
    assert shapely.Point(x, y).distance(disc.boundary) == pytest.approx(radius_m, abs=0.05)


@given(st.floats(-180, 180), st.floats(-85, 85), st.integers(5, 12))
def test_the_index_is_h3s_own(lng, lat, resolution):
    import h3

    (cell,) = points_to_cells(np.array([[lng, lat]]), resolution)
    assert f"{cell:x}" == h3.latlng_to_cell(lat, lng, resolution)
