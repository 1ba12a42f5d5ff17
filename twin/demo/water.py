"""Schematic water: one wide river between the west of the district and its east bank, creeks, a lake."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from twin.demo.city import City
from twin.demo.plane import XY

EAST_BANK = ("310112009", "310112114")
RIVER = "黄浦江"
RIVER_HALF_WIDTH_M = 210.0
UPSTREAM_LNGLAT = ((121.29, 30.974), (121.36, 30.975), (121.44, 31.0))
DOWNSTREAM_LNGLAT = ((121.462, 31.118), (121.466, 31.14))
LAKE = "兰香湖"
LAKE_LNGLAT = (121.443, 31.036)
LAKE_RADII_M = (420.0, 260.0)
ACROSS = ("吴淞江", "蒲汇塘", "淀浦河", "春申塘", "六磊塘", "俞塘", "大治河")
ALONG = ("横沥港", "北横泾", "樱桃河", "竹港", "周浦塘", "姚家浜")
CREEK_HALF_WIDTHS_M = (9.0, 20.0)
STEPS = 60
GRID_M = 0.5
"""Borders are snapped to it, so that rounded degrees are valid, too."""


@dataclass(frozen=True)
class Waters:
    """``shapes`` in metres, none overlapping another, aligned with ``names``."""

    names: tuple[str, ...]
    shapes: tuple[BaseGeometry, ...]
    all: BaseGeometry

    @property
    def river(self) -> BaseGeometry:
        return self.shapes[0]


def draw_waters(rng: np.random.Generator, city: City) -> Waters:
    """The river first, then the lake and the creeks, all within the extent of the data."""
    drawn = [(RIVER, _river(city)), (LAKE, _lake(city)), *_creeks(rng, city)]
    names, shapes = [], []
    taken: BaseGeometry = shapely.Polygon()
    for name, shape in drawn:
        free = _polygons(shapely.intersection(shape.difference(taken), city.extent, grid_size=GRID_M))
        if not free.is_empty:
            names.append(name)
            shapes.append(free)
            taken = shapely.union(taken, free, grid_size=GRID_M)
    shapely.prepare(taken)
    return Waters(tuple(names), tuple(shapes), taken)


def _polygons(geometry: BaseGeometry) -> BaseGeometry:
    """Without the lines and points where shapes only touch."""
    parts = shapely.get_parts(geometry)
    polygons: BaseGeometry = shapely.multipolygons(parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON])
    return polygons


def _river(city: City) -> BaseGeometry:
    """Along the border between the banks, smoothed, and on beyond the district at both ends."""
    banks = [[city.areas[c].geometry for c in city.towns if (c in EAST_BANK) is east] for east in (True, False)]
    east, west = (shapely.coverage_union_all(bank) for bank in banks)
    border = shapely.get_coordinates(shapely.line_merge(shapely.intersection(east, west)))
    northward = border if border[0, 1] < border[-1, 1] else border[::-1]
    course = city.plane.forward(np.concatenate([UPSTREAM_LNGLAT, northward, DOWNSTREAM_LNGLAT]))
    return shapely.LineString(_rounded_off(course, 4)).buffer(RIVER_HALF_WIDTH_M)


def _rounded_off(course: XY, n_times: int) -> XY:
    """Chaikin's corner cutting; the ends stay."""
    for _ in range(n_times):
        first, second = course[:-1], course[1:]
        cut = np.stack([0.75 * first + 0.25 * second, 0.25 * first + 0.75 * second], axis=1).reshape(-1, 2)
        course = np.concatenate([course[:1], cut, course[-1:]])
    return course


def _lake(city: City) -> BaseGeometry:
    angles = np.linspace(0, 2 * np.pi, STEPS, endpoint=False)
    ripple = 1 + 0.12 * np.sin(3 * angles)
    rim = np.column_stack([np.cos(angles), np.sin(angles)]) * np.array(LAKE_RADII_M) * ripple[:, None]
    return shapely.Polygon(city.plane.forward(np.array([LAKE_LNGLAT])) + rim)


def _creeks(rng: np.random.Generator, city: City) -> list[tuple[str, BaseGeometry]]:
    """Wavy bands from edge to edge, evenly spread."""
    west, south, east, north = city.extent.bounds
    creeks: list[tuple[str, BaseGeometry]] = []
    for names, (start, end), (low, high), flip in (
        (ACROSS, (west, east), (south, north), False),
        (ALONG, (south, north), (west, east), True),
    ):
        steps = np.linspace(start, end, STEPS)
        middles = low + (np.arange(len(names))[::-1] + rng.uniform(0.3, 0.7, len(names))) * (high - low) / len(names)
        for name, middle in zip(names, middles, strict=True):
            wave = rng.uniform(150, 500) * np.sin(steps / rng.uniform(1800, 3500) + rng.uniform(0, 2 * np.pi))
            course = np.column_stack([middle + wave, steps] if flip else [steps, middle + wave])
            creeks.append((name, shapely.LineString(course).buffer(rng.uniform(*CREEK_HALF_WIDTHS_M))))
    return creeks
