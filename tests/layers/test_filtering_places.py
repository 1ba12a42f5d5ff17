"""Filters on places: they lie as shapely says of each."""

from __future__ import annotations

from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from tests.layers.filtered import BORN, CAMERAS, camera, chosen, geojson, op, prop, refused, table_with
from twin.layers import LAYERS
from twin.layers.filtering import filter_of
from twin.model import Record

GRID = [(121.0 + x / 10, 31.0 + y / 10) for x in range(5) for y in range(5)]
POINTS = table_with(*(camera(f"{i:02d}", p) for i, p in enumerate(GRID)), camera("nowhere", None))
corner = st.tuples(st.integers(0, 8), st.integers(0, 8)).map(lambda c: (121.0 + c[0] / 20, 31.0 + c[1] / 20))
literals = (
    corner.map(shapely.Point)
    | st.lists(corner, min_size=2, max_size=4, unique=True).map(shapely.LineString)
    | st.lists(corner, min_size=1, max_size=4, unique=True).map(shapely.MultiPoint)
    | st.lists(corner, min_size=3, max_size=6, unique=True).map(lambda c: shapely.MultiPoint(c).convex_hull)
    | st.tuples(corner, corner).map(lambda c: shapely.GeometryCollection([shapely.Point(c[0]), shapely.LineString(c)]))
).filter(lambda g: g.is_valid)
SPATIAL = ("intersects", "disjoint", "equals", "within", "contains", "touches", "crosses", "overlaps")


@pytest.mark.parametrize("name", SPATIAL)
@given(literal=literals)
def test_points_lie_as_shapely_says_of_each(name: str, literal: Any) -> None:
    expected = [f"{i:02d}" for i, p in enumerate(GRID) if getattr(shapely, name)(shapely.Point(p), literal)]
    turned = [f"{i:02d}" for i, p in enumerate(GRID) if getattr(shapely, name)(literal, shapely.Point(p))]
    assert chosen(op(f"s_{name}", prop("geometry"), geojson(literal)), POINTS) == expected
    assert chosen(op(f"S_{name.upper()}", geojson(literal), prop("geometry")), POINTS) == turned


SHAPES = [
    shapely.box(121, 31, 121.2, 31.2),
    shapely.box(121.1, 31.1, 121.3, 31.3),
    shapely.box(121.2, 31, 121.4, 31.1),
    shapely.box(121.05, 31.05, 121.1, 31.1).union(shapely.box(121.3, 31.3, 121.4, 31.4)),
]
POLYGONS = table_with(
    *(Record("areas", str(i), "", "operating", BORN, None, None, 1, "", "hand", 121.1, 31.1, shapely.to_wkb(s), {"code": str(i), "level": "zone"}) for i, s in enumerate(SHAPES)),
    kind=LAYERS["areas"],
)  # fmt: skip


@pytest.mark.parametrize("name", SPATIAL)
@given(literal=literals | st.sampled_from(SHAPES))
def test_polygons_lie_as_shapely_says_of_each(name: str, literal: Any) -> None:
    expected = [str(i) for i, s in enumerate(SHAPES) if getattr(shapely, name)(s, literal)]
    assert chosen(op(f"s_{name}", prop("geometry"), geojson(literal)), POLYGONS, LAYERS["areas"]) == expected


def test_what_has_no_place_is_neither_in_nor_out() -> None:
    box = {"bbox": [120, 30, 122, 32]}
    assert "nowhere" not in chosen(op("s_intersects", prop("geometry"), box), POINTS)
    assert "nowhere" not in chosen(op("s_disjoint", prop("geometry"), box), POINTS)
    assert chosen(op("isNull", prop("geometry")), POINTS) == ["nowhere"]


def test_a_boxs_edge_belongs_to_it_and_heights_are_passed_over() -> None:
    assert chosen(op("s_intersects", prop("geometry"), {"bbox": [121.0, 31.0, 121.1, 31.1]}), POINTS) == [
        "00",
        "01",
        "05",
        "06",
    ]
    with_heights = {"bbox": [121.0, 31.0, -5, 121.1, 31.1, 99]}
    assert chosen(op("s_intersects", prop("geometry"), with_heights), POINTS) == ["00", "01", "05", "06"]


def test_a_box_may_cross_the_antimeridian() -> None:
    table = table_with(camera("east", (179.5, 0.0)), camera("west", (-179.5, 0.0)), camera("here", (121.0, 31.0)))
    assert chosen(op("s_within", prop("geometry"), {"bbox": [179, -1, -179, 1]}), table) == ["east", "west"]


def test_places_are_those_that_callers_see() -> None:
    table = table_with(camera("x", (121.400000049, 31.1)))
    assert chosen(op("s_equals", prop("geometry"), geojson(shapely.Point(121.4, 31.1))), table) == ["x"]


def test_geometries_of_another_frame_are_taken_to_degrees() -> None:
    def halved(shape: Any) -> Any:
        return shapely.transform(shape, lambda c: c / 2)

    box = op("s_intersects", prop("geometry"), {"bbox": [242.0, 62.0, 242.2, 62.2]})
    mask = filter_of(box, halved).mask(CAMERAS, POINTS)
    assert POINTS.frame["key"][mask].tolist() == ["00", "01", "05", "06"]
    assert "filter-crs" in str(refused(box))
