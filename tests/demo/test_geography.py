"""The schematic areas: one committed file, a clean partition, areas as published."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import shapely

from twin.demo.facts import read_facts
from twin.demo.geography import AREAS_FILE, ReferenceArea, areas_to_geojson, build_areas, plane_of, read_areas
from twin.demo.partition import partition
from twin.demo.plane import Plane
from twin.errors import InvalidInput
from twin.frames import geodesic_area_km2


@pytest.fixture(scope="module")
def areas(geodata: Path) -> dict[str, ReferenceArea]:
    return {area.code: area for area in read_areas(geodata)}


@pytest.fixture(scope="module")
def towns(areas: dict[str, ReferenceArea]) -> list[ReferenceArea]:
    return [area for area in areas.values() if area.level == "town"]


def test_the_committed_file_is_what_the_builder_makes(geodata: Path) -> None:
    assert (geodata / AREAS_FILE).read_text(encoding="utf-8") == areas_to_geojson(build_areas(read_facts(geodata)))


def test_the_file_says_that_it_is_schematic(geodata: Path) -> None:
    collection = json.loads((geodata / AREAS_FILE).read_text(encoding="utf-8"))
    assert collection["schematic"] is True
    assert collection["frame"] == "wgs84"
    assert collection["note"].startswith("示意边界，不作为行政区划依据 / Schematic boundary")


def test_every_kind_of_area_is_there(areas: dict[str, ReferenceArea], towns: list[ReferenceArea]) -> None:
    others = {code: area.level for code, area in areas.items() if area.level != "town"}
    assert others == {"310112": "district", "outer-ring": "zone", "hongqiao-cbd": "aoi", "data-extent": "zone"}
    assert len(towns) == 14
    assert all(area.name and area.name_en for area in areas.values())


def test_outlines_are_valid_turn_left_and_have_seven_decimals(areas: dict[str, ReferenceArea]) -> None:
    for area in areas.values():
        assert area.geometry.geom_type == "Polygon"
        assert area.geometry.is_valid
        assert area.geometry.exterior.is_ccw
        lnglat = shapely.get_coordinates(area.geometry)
        assert (lnglat == np.round(lnglat, 7)).all()


def test_towns_are_an_exact_partition_of_the_district(
    areas: dict[str, ReferenceArea], towns: list[ReferenceArea], geodata: Path
) -> None:
    shapes = np.array([town.geometry for town in towns])
    assert shapely.coverage_is_valid(shapes)
    plane = plane_of(read_facts(geodata))
    whole = shapely.union_all(plane.project(shapes))
    assert whole.symmetric_difference(plane.project(areas["310112"].geometry)).area < 1e-3
    assert shapely.area(plane.project(shapes)).sum() == pytest.approx(whole.area, abs=1e-3)


def test_drawn_areas_are_near_the_published_ones(areas: dict[str, ReferenceArea], towns: list[ReferenceArea]) -> None:
    for town in [*towns, areas["310112"], areas["hongqiao-cbd"], areas["outer-ring"]]:
        assert town.area_km2_published is not None
        assert geodesic_area_km2(town.geometry) == pytest.approx(town.area_km2_published, rel=0.015)


def test_every_town_holds_its_centre(areas: dict[str, ReferenceArea], geodata: Path) -> None:
    for fact in read_facts(geodata).towns:
        assert areas[fact.code].geometry.contains(shapely.Point(fact.centre_lnglat)), fact.name


def test_the_extent_reaches_1500_m_beyond_the_district(areas: dict[str, ReferenceArea], geodata: Path) -> None:
    plane = plane_of(read_facts(geodata))
    rim = shapely.get_coordinates(plane.project(areas["data-extent"].geometry))
    away = shapely.distance(plane.project(areas["310112"].geometry), shapely.points(rim))
    assert 1490 < away.min() < away.max() < 1500.1


def test_a_square_is_cut_in_two_by_area() -> None:
    left, right = partition(shapely.box(0, 0, 100, 100), np.array([[40.0, 50], [60, 50]]), np.array([1.0, 3]))
    assert left.bounds == pytest.approx((0, 0, 25, 100))
    assert right.bounds == pytest.approx((25, 0, 100, 100))


def test_a_part_in_pieces_is_refused() -> None:
    comb = shapely.box(0, 0, 90, 10).union(shapely.box(0, 0, 10, 90)).union(shapely.box(80, 0, 90, 90))
    with pytest.raises(InvalidInput, match="one piece"):
        partition(comb, np.array([[45.0, 0], [45, 90]]), np.array([1.0, 1]))


def test_the_plane_goes_there_and_back() -> None:
    lnglat = np.array([[121.3144, 31.196], [121.57, 30.98]])
    plane = Plane(121.4, 31.12)
    assert plane.inverse(plane.forward(lnglat)) == pytest.approx(lnglat, abs=1e-12)
