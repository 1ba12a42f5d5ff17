"""Inside, in the halo, beyond: against pyproj's geodesics to densified borders."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from tests.world import CENTRE, GEOD, offset, square
from twin.layers.halo import halo

BEND = shapely.Polygon(
    [offset(CENTRE, e, n) for e, n in [(-4000, -3000), (3000, -4000), (4000, 2500), (500, 0), (-2000, 3500)]]
)
HOLED = shapely.difference(square(6000), square(2500))


def nearest_m(shape: Any, lng: float, lat: float) -> float:
    """Metres to the border, by pyproj, to 0.01 m: points some 2 m apart."""
    dense = shapely.get_coordinates(shapely.segmentize(shapely.boundary(shape), 2e-5))
    near = dense[np.argsort(np.hypot((dense[:, 0] - lng) * 0.856, dense[:, 1] - lat))[:3000]]
    return float(GEOD.inv(np.full(len(near), lng), np.full(len(near), lat), near[:, 0], near[:, 1])[2].min())


@given(
    st.sampled_from([BEND, HOLED, square(300)]),
    st.floats(-9000, 9000),
    st.floats(-9000, 9000),
    st.sampled_from([300.0, 1500.0, 4000.0]),
)
def test_points_are_sorted_as_geodesics_to_the_border_say(
    shape: Any, east: float, north: float, reach_m: float
) -> None:
    place = offset(CENTRE, east, north)
    inside, within, beyond = (bool(mask[0]) for mask in halo(np.array([place]), [shape], reach_m))
    assert inside + within + beyond == 1
    assert inside == shape.intersects(shapely.Point(place))
    metres = nearest_m(shape, *place)
    if not inside and abs(metres - reach_m) > 0.5:
        assert within == (metres < reach_m)


@pytest.mark.parametrize(("metres", "where"), [(1499.5, 1), (1500.5, 2)])
@pytest.mark.parametrize("bearing", [0, 37, 90, 200])
def test_the_halo_ends_at_1500_m_whatever_the_bearing(metres: float, where: int, bearing: float) -> None:
    dot = shapely.Point(CENTRE).buffer(1e-7)
    lng, lat, _ = GEOD.fwd(*CENTRE, bearing, metres)
    assert [bool(mask[0]) for mask in halo(np.array([[lng, lat]]), [dot])].index(True) == where


def test_of_several_outlines_the_union_counts_and_points_without_place_are_nowhere() -> None:
    east = offset(CENTRE, 30_000, 0)
    points = np.array([CENTRE, east, offset(CENTRE, 15_000, 0), (np.nan, np.nan)])
    inside, within, beyond = halo(points, [square(1000), square(1000, east)])
    assert inside.tolist() == [True, True, False, False]
    assert within.tolist() == [False] * 4
    assert beyond.tolist() == [False, False, True, False]


def test_without_an_outline_all_places_lie_beyond() -> None:
    assert [mask.tolist() for mask in halo(np.array([CENTRE]), [])] == [[False], [False], [True]]
    assert [mask.tolist() for mask in halo(np.empty((0, 2)), [square(10)])] == [[], [], []]
