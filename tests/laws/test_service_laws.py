"""Laws of service coverage, for any stations."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.world import CENTRE, PLAN, area, charger, district, offset, snapshot, square
from twin.cells import points_to_cells
from twin.coverage import RULES
from twin.coverage.result import Evaluation, Scene
from twin.coverage.scope import Scope, scope_of_polygon
from twin.coverage.service import discs, open_region
from twin.model import Snapshot

METRES = st.floats(-4000, 4000, allow_nan=False).map(lambda m: round(m, 1))
PLACES = st.lists(st.tuples(METRES, METRES), min_size=0, max_size=8)
HALF_M = 3000
WEST, SOUTH, EAST, NORTH = square(HALF_M).bounds
RING = shapely.box(CENTRE[0], SOUTH, EAST, NORTH)
TOWNS = [
    area("310112001", "town", shapely.box(WEST, SOUTH, CENTRE[0], CENTRE[1])),
    area("310112002", "town", shapely.box(WEST, CENTRE[1], CENTRE[0], NORTH)),
    area("310112003", "town", shapely.box(CENTRE[0], SOUTH, EAST, NORTH)),
]


def world(places: list[tuple[float, float]]) -> Snapshot:
    # A counted station far from everything keeps the layer there when the list is empty.
    stations = [
        charger("far", offset(CENTRE, 50_000, 0)),
        *(charger(f"c{i}", offset(CENTRE, *p)) for i, p in enumerate(places)),
    ]
    return snapshot([*district(HALF_M, RING), *TOWNS, *stations])


def evaluate(world: Snapshot, scope: Scope | None = None) -> Evaluation:
    clause, rule = PLAN.clause("charger-service"), RULES["charger-service"]
    return rule.evaluate(Scene(world, scope or Scope(world.areas["310112"]), clause), rule.read(clause.parameters))


@settings(max_examples=25)
@given(PLACES)
def test_the_parts_of_a_partition_add_up_to_the_whole(places):
    evaluation = evaluate(world(places))
    rows = evaluation.area_rows("town")
    assert sum(r.shortfall for r in rows) == pytest.approx(evaluation.open_km2, abs=1e-6)
    assert sum(r.area_km2 * r.share for r in rows) == pytest.approx(
        evaluation.result.share * evaluation.result.area_km2, abs=1e-3
    )


@settings(max_examples=25)
@given(PLACES, st.tuples(METRES, METRES))
def test_one_more_station_never_lowers_the_share(places, extra):
    assert evaluate(world([*places, extra])).result.share >= evaluate(world(places)).result.share - 1e-9


@settings(max_examples=15)
@given(PLACES, st.sampled_from([5, 6, 7]))
def test_a_partitioned_run_equals_the_whole(places, resolution):
    """Judged tile by tile, each with all stations within reach, the open areas add up to those of one run."""
    whole = evaluate(world(places))
    frame, shape = whole.scope.frame, whole.scope.shape
    from twin.cells import cell_polygons

    tiles = frame.project(cell_polygons(whole.scope.cells(resolution)))
    open_m2 = 0.0
    for zone in whole.zones:
        for tile in shapely.intersection(tiles, zone.shape):
            reach = shapely.dwithin(tile, shapely.points(whole.server_xy), zone.radius_m + 1)
            open_m2 += open_region(tile, whole.server_xy[reach], zone.radius_m).area
    assert open_m2 / 1e6 == pytest.approx(whole.open_km2, abs=1e-6)
    assert shape.area == pytest.approx(sum(shapely.area(shapely.intersection(tiles, shape))), rel=1e-9)


@settings(max_examples=15)
@given(PLACES)
def test_a_drawn_polygon_is_judged_like_an_area_of_the_same_shape(places):
    held = world(places)
    drawn = evaluate(held, scope_of_polygon(held.areas["310112"].geometry))
    assert drawn.result.share == evaluate(held).result.share
    assert drawn.result.binding is True


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
