"""Cells as units of judgement: cut at the borders of a scope and its zones, each with the point where it is judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from twin.cells import cell_centres, cell_polygons
from twin.coverage.scope import Scope, polygonal
from twin.model import Area, Cells, Geometries, LngLat

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

SLIVER_M2 = 1e-6
"""What rounding leaves where two borders meet."""
DECIMALS = 3
"""Corners are rounded to millimetres, so that those of neighbours coincide wherever a border has cut them."""


@dataclass(frozen=True, eq=False)
class Fragments:
    """The connected parts of cells in each zone; together they are the scope, to a millimetre at its border.

    Attributes:
        cells: (c,) the cells that share area with the scope.
        cell, zone: (f,) each fragment's cell (an index of ``cells``) and zone.
        polygons: (f,) in the scope's metric frame; ``area_m2`` (f,) of them.
        lnglat: (f, 2) where each is judged: the cell's centre, or a point inside where that lies elsewhere.
        whole: (f,) whether it is a whole cell.
    """

    cells: Cells
    cell: Ints
    zone: Ints
    polygons: Geometries
    lnglat: LngLat
    whole: Bools

    @cached_property
    def area_m2(self) -> Floats:
        return np.asarray(shapely.area(self.polygons), np.float64)

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree(self.polygons)

    def inside(self, shape: BaseGeometry) -> tuple[Ints, Floats]:
        """The fragments that meet a metric shape, and the square metres of each in it."""
        shapely.prepare(shape)
        touched = self._tree.query(shape, predicate="intersects")
        area_m2 = self.area_m2[touched]
        cut = ~shapely.covers(shape, self.polygons[touched])
        area_m2[cut] = shapely.area(shapely.intersection(self.polygons[touched[cut]], shape))
        return touched, area_m2

    def connected(self, members: Ints) -> tuple[Geometries, Ints, Ints]:
        """The union of some fragments as (g,) connected polygons, and pairs of such a polygon and one of its members.

        Returns:
            The polygons, and (k,) indices of them and of ``members``.
        """
        whole = self.whole[members]
        cells, cut = self.polygons[members[whole]], self.polygons[members[~whole]]
        union = shapely.get_parts(polygonal(shapely.union_all(np.array([_united(cells), *cut], object))))
        inside = shapely.STRtree(shapely.point_on_surface(self.polygons[members]))
        polygon, member = inside.query(union, predicate="intersects")
        return union, polygon, member


def _united(cells: Geometries) -> BaseGeometry:
    """The union of whole cells: fast if the corners of neighbours are the same to the last bit, as they are."""
    try:
        return shapely.coverage_union_all(cells)
    except shapely.GEOSException:
        return shapely.union_all(cells)


def cut_cells(scope: Scope, zones: Sequence[BaseGeometry], resolution: int) -> Fragments:
    """The fragments of a scope's cells of that resolution.

    Args:
        scope: the area.
        zones: what it consists of, without overlaps, in its metric frame.
        resolution: of the H3 cells.
    """
    cells = scope.cells(resolution)
    hexagons = shapely.transform(cell_polygons(cells), lambda lnglat: np.round(scope.frame.forward(lnglat), DECIMALS))
    tree = shapely.STRtree(hexagons)
    parts = [_cut(zone, hexagons, tree) for zone in zones]
    cell, polygons, whole = (np.concatenate(column) for column in zip(*parts, strict=True))
    zone = np.repeat(np.arange(len(zones)), [len(own) for own, _, _ in parts])
    lnglat = cell_centres(cells)[cell]
    xy = scope.frame.forward(lnglat)
    elsewhere = ~whole & ~shapely.intersects_xy(polygons, xy[:, 0], xy[:, 1])
    inside = shapely.get_coordinates(shapely.point_on_surface(polygons[elsewhere]))
    lnglat[elsewhere] = scope.frame.inverse(inside)
    return Fragments(cells, cell, zone, polygons, lnglat, whole)


def _cut(zone: BaseGeometry, hexagons: Geometries, tree: shapely.STRtree) -> tuple[Ints, Geometries, Bools]:
    """The parts of each cell in a zone: the cell's index, the polygon, whether it is the whole cell."""
    shapely.prepare(zone)
    touched = np.sort(tree.query(zone, predicate="intersects"))
    inside = shapely.contains_properly(zone, hexagons[touched])
    crossing = touched[~inside]
    parts, owner = shapely.get_parts(
        shapely.intersection(hexagons[crossing], zone, grid_size=10**-DECIMALS), return_index=True
    )
    kept = shapely.area(parts) > SLIVER_M2
    cell = np.concatenate([touched[inside], crossing[owner[kept]]])
    polygons = np.concatenate([hexagons[touched[inside]], parts[kept]])
    return cell, polygons, np.arange(len(cell)) < inside.sum()


def km2_by_town(parts: Geometries, towns: list[tuple[Area, BaseGeometry]]) -> list[tuple[tuple[str, str, float], ...]]:
    """``(code, name, km²)`` of each town that each part lies in, the largest first."""
    rows: list[list[tuple[str, str, float]]] = [[] for _ in parts]
    tree = shapely.STRtree(parts)
    for town, shape in towns:
        touched = tree.query(shape, predicate="intersects")
        area_m2 = shapely.area(shapely.intersection(parts[touched], shape))
        for i, m2 in zip(touched[area_m2 > 1.0], area_m2[area_m2 > 1.0], strict=True):
            rows[i].append((town.code, town.name, float(m2) / 1e6))
    return [tuple(sorted(row, key=lambda r: -r[2])) for row in rows]
