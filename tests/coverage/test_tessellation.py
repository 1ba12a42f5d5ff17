"""An area cut into fragments: nothing is lost, nothing is counted twice, and how it is cut changes no figure."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry.base import BaseGeometry

from tests.plane import BENT
from tests.world import CENTRE, offset, square
from twin.cells import cell_polygons, points_to_cells
from twin.coverage.scope import Scope, cut_into_zones
from twin.coverage.tessellation import Stations, Tessellation, changed_places, tessellate
from twin.model import Area

CELL = points_to_cells(np.array([CENTRE]), 9)
OUTER = square(3000)
HOLED = OUTER.difference(square(1200, offset(CENTRE, 500, 300))).difference(square(300, offset(CENTRE, -1800, -1800)))
ISLANDS = shapely.union_all([square(900, offset(CENTRE, x, y)) for x, y in [(-3000, 0), (0, 0), (900, 2500)]])
ACROSS = shapely.Polygon([offset(CENTRE, *p) for p in [(-4000, -3000), (3900, 200), (3700, 600), (-100, 4100)]])
SHAPES: dict[str, BaseGeometry] = {
    "a square": OUTER,
    "with holes": HOLED,
    "islands": ISLANDS,
    "a slanted outline": ACROSS,
    "smaller than a cell": square(20),
    "across a cell's corner": square(25, tuple(shapely.get_coordinates(cell_polygons(CELL))[0])),
    "exactly a cell": cell_polygons(CELL)[0],
    "a ring-shaped lane": square(2000).difference(square(1990)),
    "touching in a point": shapely.MultiPolygon(
        [square(500), shapely.affinity.translate(square(500), 2 * (square(500).bounds[2] - CENTRE[0]), 2 * (square(500).bounds[3] - CENTRE[1]))]
    ),
}  # fmt: skip


def scope(shape: BaseGeometry) -> Scope:
    return Scope(Area("x", "x", "x", "district", shape))


def whole(shape: BaseGeometry, resolution: int = 9) -> tuple[Scope, Tessellation]:
    judged = scope(shape)
    return judged, tessellate(judged, resolution, [judged.shape])


def some_stations(n: int = 40, seed: int = 1, radius_m: tuple[float, ...] = (900.0,)) -> Stations:
    return Stations.of(np.random.default_rng(seed).uniform(-5000, 5000, (n, 2)), np.array(radius_m))


@pytest.mark.parametrize("resolution", [5, 7, 9, 11])
@pytest.mark.parametrize("name", SHAPES)
def test_fragments_add_up_to_the_area(name, resolution):
    judged, cut = whole(SHAPES[name], resolution)
    assert cut.area_m2.sum() == pytest.approx(judged.shape.area, rel=1e-12 if judged.shape.area > 1e5 else 1e-9)
    assert judged.shape.area == pytest.approx(1e6 * judged.area_km2, rel=1e-6)
    assert (cut.area_m2 > 0).all()
    assert cut.cell_area_m2.sum() == pytest.approx(cut.area_m2.sum(), rel=1e-12)
    assert list(cut.cells) == sorted(set(cut.cells))


@pytest.mark.parametrize("name", SHAPES)
def test_pieces_are_convex_apart_from_each_other_and_make_up_their_fragments(name):
    judged, cut = whole(SHAPES[name], 8)
    pieces, owner = cut.pieces(np.arange(len(cut)))
    assert np.bincount(owner, shapely.area(pieces), len(cut)) == pytest.approx(cut.area_m2, rel=1e-9, abs=1e-6)
    assert shapely.area(shapely.convex_hull(pieces)) == pytest.approx(shapely.area(pieces), rel=1e-9, abs=1e-6)
    first, second = shapely.STRtree(pieces).query(pieces, predicate="intersects")
    pairs = first < second
    shared = shapely.area(shapely.intersection(pieces[first[pairs]], pieces[second[pairs]]))
    assert shared.sum() == pytest.approx(0, abs=1e-6)
    assert shapely.symmetric_difference(shapely.union_all(pieces, grid_size=1e-7), judged.shape).area < 0.01


@pytest.mark.parametrize("name", SHAPES)
def test_every_fragment_lies_in_its_circle_and_its_cell(name):
    judged, cut = whole(SHAPES[name])
    pieces, owner = cut.pieces(np.arange(len(cut)))
    corners, piece = shapely.get_coordinates(pieces, return_index=True)
    of = owner[piece]
    assert (np.hypot(corners[:, 0] - cut.x[of], corners[:, 1] - cut.y[of]) <= cut.reach_m[of]).all()
    middles = judged.frame.inverse(shapely.get_coordinates(shapely.centroid(pieces)))
    big = shapely.area(pieces) > 1.0
    assert (points_to_cells(middles[big], 9) == cut.cells[cut.cell[owner[big]]]).all()


def zones_and_parts(judged: Scope) -> tuple[list[BaseGeometry], list[BaseGeometry]]:
    areas = [Area("z", "z", "z", "zone", square(1500, offset(CENTRE, -700, 400)))]
    parts = [square(700, offset(CENTRE, x, -900)) for x in (-1500, 0, 2500)]
    return cut_into_zones(judged, areas), [judged.frame.project(p) for p in parts]


@pytest.mark.parametrize("name", SHAPES)
def test_zones_and_parts_that_do_not_fill_the_area(name):
    judged = scope(SHAPES[name])
    zones, parts = zones_and_parts(judged)
    cut = tessellate(judged, 9, zones, parts)
    assert cut.area_m2.sum() == pytest.approx(judged.shape.area, rel=1e-9)
    for z, zone in enumerate(zones):
        assert cut.area_m2[cut.zone == z].sum() == pytest.approx(zone.area, rel=1e-9, abs=1e-5)
        for p, part in enumerate(parts):
            there = (cut.zone == z) & (cut.part == p)
            assert cut.area_m2[there].sum() == pytest.approx(zone.intersection(part).area, rel=1e-9, abs=1e-5)
    in_none = judged.shape.difference(shapely.union_all(parts)).area
    assert cut.area_m2[cut.part == -1].sum() == pytest.approx(in_none, rel=1e-9, abs=1e-5)


@pytest.mark.parametrize("at_least", [1, 2])
@pytest.mark.parametrize("name", SHAPES)
def test_how_the_area_is_cut_changes_no_figure(name, at_least):
    judged = scope(SHAPES[name])
    zones, parts = zones_and_parts(judged)
    stations = some_stations(radius_m=(900.0, 1500.0))
    totals = [
        np.bincount(cut.zone, cut.served_m2(stations, at_least), 2)
        for cut in (
            *(tessellate(judged, resolution, zones) for resolution in (5, 7, 9, 10)),
            tessellate(judged, 9, zones, parts),
        )
    ]
    for other in totals[1:]:
        assert other == pytest.approx(totals[0], abs=BENT * judged.shape.area)


CORNER = st.tuples(st.floats(-3000, 3000), st.floats(-3000, 3000)).map(lambda p: (round(p[0], 2), round(p[1], 2)))


@settings(max_examples=25)
@given(st.lists(CORNER, min_size=3, max_size=9), st.sampled_from([7, 8, 9, 10]), st.integers(0, 99))
def test_any_valid_polygon_is_cut_without_loss(corners, resolution, seed):
    drawn = shapely.make_valid(shapely.Polygon([offset(CENTRE, *c) for c in corners]), method="structure")
    if drawn.area < 1e-9 or drawn.geom_type not in ("Polygon", "MultiPolygon"):
        return
    judged, cut = whole(drawn, resolution)
    assert cut.area_m2.sum() == pytest.approx(judged.shape.area, rel=1e-9, abs=1e-3)
    stations = some_stations(30, seed)
    one = tessellate(judged, 5, [judged.shape]).served_m2(stations).sum()
    assert cut.served_m2(stations).sum() == pytest.approx(one, abs=max(0.02, BENT * judged.shape.area))


def test_a_zone_without_ground_has_no_fragments():
    judged = scope(OUTER)
    cut = tessellate(judged, 9, [shapely.MultiPolygon(), judged.shape])
    assert (cut.zone == 1).all()


def test_an_area_without_ground_has_no_fragments_and_nothing_is_served():
    cut = tessellate(scope(OUTER), 9, [shapely.MultiPolygon()])
    assert (len(cut), len(cut.served_m2(some_stations())), len(cut.cells)) == (0, 0, 0)
    assert len(cut.updated_m2(np.empty(0), some_stations(1), some_stations(2))) == 0


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ([], [], []),
        ([(0, 0), (1, 1)], [(1, 1), (0, 0)], []),
        ([(0, 0)], [(0, 0), (0, 0)], [(0, 0)]),
        ([(0, 0), (2, 0)], [(2, 0), (1, 5)], [(0, 0), (1, 5)]),
        ([], [(3, 4)], [(3, 4)]),
        ([(-0.0, 1)], [(0.0, 1)], []),
    ],
    ids=["none", "another order", "one more at a spot", "one moved", "the first", "minus nothing"],
)
def test_places_that_came_or_went(before, after, changed):
    old, new = (np.array(p, float).reshape(-1, 2) for p in (before, after))
    assert changed_places(old, new).tolist() == [list(map(float, c)) for c in changed]
