"""An area cut into fragments, cell × zone × part, once; then how much of each fragment any set of stations serves.

Cells divide the work, they decide nothing: figures of the fragments are exact, and those of cells, zones, towns and the
whole are their sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from twin.coverage.scope import POLYGON, SHARED_M2, Scope, polygonal, project_cells
from twin.coverage.service import XY
from twin.frames import MetricFrame
from twin.model import Cells, Geometries

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BUCKET_M = 500.0
MAX_BUCKETS = 1_000
"""On a side."""
EVERYWHERE_M = 2e7
"""From any place to its antipode."""
SHAPES_AT_ONCE = 50_000
BENT = 1e-4
"""More than a plane changes a length, relatively."""
SLIVER_M2 = 1e-6
"""What rounding leaves where two borders meet."""
FEW = 2_000
"""Fragments that one thread settles sooner than two."""
N_SLICES = 16


@dataclass(frozen=True)
class Stations:
    """Places that serve: (s, 2) metres, (zones, s) the radius of each for each zone's demand, (s,) how many it counts as."""

    xy: XY
    radius_m: Floats
    weight: Ints

    @classmethod
    def of(cls, xy: XY, radius_m: Floats) -> Stations:
        """One at each place; ``radius_m`` is (zones, s), or (zones,) where only the demand's zone decides.

        Raises:
            ValueError: a place is not finite. A radius may be infinite, but not NaN or negative.
        """
        if not np.isfinite(xy).all() or np.isnan(radius_m).any() or (radius_m < 0).any():
            raise ValueError("stations need finite places and radii of 0 or more")
        table = radius_m if radius_m.ndim == 2 else np.repeat(radius_m[:, None], len(xy), axis=1)
        return cls(np.array(xy, order="C"), np.minimum(table, EVERYWHERE_M, order="C"), np.ones(len(xy), np.int64))

    @property
    def widest_m(self) -> float:
        return float(self.radius_m.max(initial=0.0))


@dataclass(frozen=True)
class Tessellation:
    """The fragments of an area, in a metric frame, and their convex pieces.

    Attributes:
        cells: (c,) the cells that share area with it, sorted.
        cell, zone, part: (f,) each fragment's cell (an index of ``cells``), zone, and part (-1: in none of them).
        area_m2: (f,) exact in the plane.
        x, y, reach_m: (f,) the circle round each fragment.
        local: (f, 4) what takes the plane's offsets from there to true metres, row by row.
        first_piece: (f + 1,); first_vertex: (pieces + 1,); vx, vy: corners of convex pieces, counter-clockwise.
    """

    cells: Cells
    cell: Ints
    zone: Ints
    part: Ints
    area_m2: Floats
    x: Floats
    y: Floats
    reach_m: Floats
    local: Floats
    first_piece: Ints
    first_vertex: Ints
    vx: Floats
    vy: Floats

    def __len__(self) -> int:
        return len(self.area_m2)

    def served_m2(self, stations: Stations, at_least: int = 1) -> Floats:
        """(f,) square metres of each fragment that lie within reach of ``at_least`` stations (their weights summed)."""
        out = np.zeros(len(self))
        self._settle(np.arange(len(self)), stations, at_least, out)
        return out

    def updated_m2(self, served_m2: Floats, before: Stations, after: Stations, at_least: int = 1) -> Floats:
        """What ``served_m2(after)`` is, to the last bit, from what it was ``before``: only what stations that came or
        went can reach is computed. A station's radius must be a function of its place, the same before and after."""
        from twin.coverage.arcs import fragments_near

        changed = changed_places(before.xy, after.xy)
        if len(changed) == 0:
            return served_m2
        sx, sy = (np.ascontiguousarray(v) for v in changed.T)
        near = fragments_near(self.x, self.y, self.reach_m, sx, sy, max(before.widest_m, after.widest_m))
        out = served_m2.copy()
        self._settle(near, after, at_least, out)
        return out

    def pieces(self, fragments: Ints) -> tuple[Geometries, Ints]:
        """The convex polygons of some fragments, and which of those each belongs to."""
        counts = self.first_piece[fragments + 1] - self.first_piece[fragments]
        owner = np.repeat(np.arange(len(fragments)), counts)
        piece = _ranges(self.first_piece[fragments], counts)
        corners = self.first_vertex[piece + 1] - self.first_vertex[piece]
        vertex = _ranges(self.first_vertex[piece], corners)
        ring = np.repeat(np.arange(len(piece)), corners)
        rings = shapely.linearrings(np.column_stack([self.vx[vertex], self.vy[vertex]]), indices=ring)
        return np.asarray(shapely.polygons(rings), dtype=object), owner

    def _settle(self, which: Ints, stations: Stations, at_least: int, out: Floats) -> None:
        from twin.coverage.arcs import buckets, served_areas

        if len(which) == 0 or len(stations.xy) == 0:
            out[which] = 0.0
            return
        sx, sy = (np.ascontiguousarray(v) for v in stations.xy.T)
        west, south, size, columns, rows = self._grid(stations.widest_m)
        start, order = buckets(sx, sy, west, south, size, columns, rows)

        def settle(some: Ints) -> None:
            served_areas(
                some, self.x, self.y, self.reach_m, self.local, self.area_m2, self.zone, self.first_piece, self.first_vertex,
                self.vx, self.vy, at_least, stations.radius_m, sx, sy, stations.weight, west, south, size, columns,
                rows, start, order, out,
            )  # fmt: skip

        if len(which) < FEW:
            settle(which)
        else:
            list(_threads().map(settle, np.array_split(which, N_SLICES)))

    def _grid(self, widest_m: float) -> tuple[float, float, float, int, int]:
        """The buckets' corner, size and number; stations outside them are out of everybody's reach."""
        west, south, east, north = self._bounds
        margin = widest_m + BUCKET_M
        width, height = east - west + 2 * margin, north - south + 2 * margin
        size = max(BUCKET_M, max(width, height) / MAX_BUCKETS)
        return west - margin, south - margin, size, int(width / size) + 1, int(height / size) + 1

    @cached_property
    def _bounds(self) -> tuple[float, float, float, float]:
        r = self.reach_m
        return (
            float((self.x - r).min()), float((self.y - r).min()), float((self.x + r).max()), float((self.y + r).max()),
        )  # fmt: skip

    def by_cell(self, of_fragments: Floats) -> Floats:
        """Sums over the fragments of each cell. (c,)."""
        sums: Floats = np.bincount(self.cell, of_fragments, len(self.cells)).astype(np.float64)
        return sums

    @cached_property
    def cell_area_m2(self) -> Floats:
        """(c,) the part of each cell in the area."""
        return self.by_cell(self.area_m2)


def _ranges(first: Ints, counts: Ints) -> Ints:
    """``first[0], first[0] + 1, …`` for ``counts[0]``, then the same for the next."""
    before = np.concatenate([[0], np.cumsum(counts)[:-1]]) if len(counts) else counts
    return np.asarray(np.arange(counts.sum()) + np.repeat(first - before, counts), np.int64)


def changed_places(before: XY, after: XY) -> XY:
    """The places that one of two sets has more often than the other. (n, 2), sorted."""
    old, new = (np.ascontiguousarray(xy).view(np.complex128).ravel() for xy in (before, after))
    both, sign = np.concatenate([old, new]), np.repeat([-1, 1], [len(old), len(new)])
    order = np.argsort(both, kind="stable")
    both, sign = both[order], sign[order]
    first = np.flatnonzero(np.concatenate([[True], both[1:] != both[:-1]])) if len(both) else np.empty(0, np.int64)
    changed = both[first][np.add.reduceat(sign, first) != 0] if len(both) else both
    return np.column_stack([changed.real, changed.imag])


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    import numba

    return ThreadPoolExecutor(numba.get_num_threads(), "arcs")


def tessellate(
    scope: Scope, resolution: int, zones: Sequence[BaseGeometry], parts: Sequence[BaseGeometry] = ()
) -> Tessellation:
    """Cut an area into cells, zones and parts.

    Args:
        scope: the area.
        resolution: of the H3 cells.
        zones: what the scope consists of, without overlaps, in its metric frame.
        parts: further polygons without overlaps, likewise; they need not fill it.
    """
    cells = scope.cells(resolution)
    hexagons = project_cells(scope.frame, cells)
    tree = shapely.STRtree(hexagons)
    pieces, labels = [], []
    for zone, part, region in _regions(zones, parts):
        cell, fragment = _fragments(region, hexagons, tree)
        pieces.append(fragment)
        labels.append(np.column_stack([cell, np.full(len(cell), zone), np.full(len(cell), part)]))
    label = np.concatenate(labels) if labels else np.empty((0, 3), np.int64)
    shapes = np.concatenate(pieces) if pieces else np.empty(0, object)
    _give_slivers_to_neighbours(label, shapes)
    order = np.lexsort(label.T[::-1])
    return _assemble(cells, label[order], shapes[order], scope.frame)


def _give_slivers_to_neighbours(label: Ints, shapes: Geometries) -> None:
    """Where two drawings of one border part by less than ``SHARED_M2``, the ground between belongs to the part beside it:
    so parts that fill an area add up to it."""
    slivers = np.flatnonzero((label[:, 2] < 0) & (shapely.area(shapes) < SHARED_M2))
    owned = np.flatnonzero(label[:, 2] >= 0)
    owned = owned[np.argsort(label[owned, 0], kind="stable")]
    at = np.searchsorted(label[owned, 0], label[slivers, 0])
    for sliver, first in zip(slivers, at, strict=True):
        if first < len(owned) and label[owned[first], 0] == label[sliver, 0]:
            label[sliver, 2] = label[owned[first], 2]


def _regions(zones: Sequence[BaseGeometry], parts: Sequence[BaseGeometry]) -> Iterator[tuple[int, int, BaseGeometry]]:
    rest = shapely.union_all(np.array(parts, object)) if parts else None
    for z, zone in enumerate(zones):
        for p, part in enumerate(parts):
            yield z, p, polygonal(shapely.intersection(zone, part))
        yield z, -1, zone if rest is None else polygonal(shapely.difference(zone, rest))


def _fragments(region: BaseGeometry, hexagons: Geometries, tree: shapely.STRtree) -> tuple[Ints, Geometries]:
    """What of each cell lies in each polygon of a region: the cells' indices, and (multi)polygons."""
    if region.is_empty:
        return np.empty(0, np.int64), np.empty(0, object)
    parts = shapely.get_parts(region)
    part, cell = tree.query(parts, predicate="intersects")
    shapely.prepare(parts)
    inside = shapely.contains_properly(parts[part], hexagons[cell])
    cut = shapely.intersection(hexagons[cell[~inside]], parts[part[~inside]])
    kept = shapely.area(cut) > SLIVER_M2
    return np.concatenate([cell[inside], cell[~inside][kept]]), np.concatenate([hexagons[cell[inside]], cut[kept]])


def _assemble(cells: Cells, label: Ints, shapes: Geometries, frame: MetricFrame | None = None) -> Tessellation:
    vertices, corners, owner = _corners(shapes)
    piece = np.repeat(np.arange(len(corners)), corners)
    first_vertex = np.append(0, np.cumsum(corners))
    first_piece = np.searchsorted(owner, np.arange(len(shapes) + 1))
    begin = first_vertex[first_piece[:-1]]
    of = owner[piece]
    east, north = ((np.minimum.reduceat(v, begin) + np.maximum.reduceat(v, begin)) / 2 for v in vertices.T)
    x, y = vertices[:, 0] - east[of], vertices[:, 1] - north[of]
    following = np.arange(1, len(piece) + 1)
    following[first_vertex[1:] - 1] = first_vertex[:-1]
    area = np.add.reduceat((x * y[following] - x[following] * y) / 2, begin)
    reach = np.maximum.reduceat(np.hypot(x, y), begin) * (1 + BENT) + SLIVER_M2
    local = (
        np.tile([1.0, 0.0, 0.0, 1.0], (len(east), 1))
        if frame is None
        else frame.to_local(np.column_stack([east, north]))
    )
    used, cell = np.unique(label[:, 0], return_inverse=True)
    zone, part = (np.ascontiguousarray(v) for v in (label[:, 1], label[:, 2]))
    vx, vy = (np.ascontiguousarray(v) for v in vertices.T)
    return Tessellation(
        cells[used],
        cell,
        zone,
        part,
        area,
        east,
        north,
        reach,
        np.ascontiguousarray(local),
        first_piece,
        first_vertex,
        vx,
        vy,
    )


def _corners(shapes: Geometries) -> tuple[XY, Ints, Ints]:
    """Of the convex pieces of some shapes: the corners, how many each piece has, and whose piece it is."""
    vertices, corners, owners = [], [], []
    for begin in range(0, len(shapes), SHAPES_AT_ONCE):
        convex, owner = _convex_pieces(shapes[begin : begin + SHAPES_AT_ONCE])
        rings = shapely.get_exterior_ring(convex)
        points, ring = shapely.get_coordinates(rings, return_index=True)
        vertices.append(points[:-1][ring[1:] == ring[:-1]])
        corners.append(shapely.get_num_points(rings) - 1)
        owners.append(owner + begin)
    if not vertices:
        return np.empty((0, 2)), np.empty(0, np.int64), np.empty(0, np.int64)
    return np.concatenate(vertices), np.concatenate(corners).astype(np.int64), np.concatenate(owners)


def _convex_pieces(shapes: Geometries) -> tuple[Geometries, Ints]:
    """Counter-clockwise convex polygons that make up the shapes, and whose each one is."""
    whole = _convex(shapes)
    triangles, owner = shapely.get_parts(shapely.constrained_delaunay_triangles(shapes[~whole]), return_index=True)
    pieces = np.concatenate([shapes[whole], triangles])
    owner = np.concatenate([np.flatnonzero(whole), np.flatnonzero(~whole)[owner]])
    order = np.argsort(owner, kind="stable")
    return np.asarray(shapely.orient_polygons(pieces[order])), owner[order]


def _convex(shapes: Geometries) -> NDArray[np.bool_]:
    """Which are polygons that turn left at every corner, however short the edges: each edge bounds a half-plane."""
    convex: NDArray[np.bool_] = (shapely.get_type_id(shapes) == POLYGON) & (shapely.get_num_interior_rings(shapes) == 0)
    which = np.flatnonzero(convex)
    rings = shapely.get_exterior_ring(shapely.orient_polygons(shapes[which]))
    points, ring = shapely.get_coordinates(rings, return_index=True)
    within = ring[1:] == ring[:-1]
    edge, ring = np.diff(points, axis=0)[within], ring[:-1][within]
    following = np.arange(1, len(edge) + 1)
    first, counts = np.unique(ring, return_index=True, return_counts=True)[1:]
    following[first + counts - 1] = first
    dx, dy = edge.T
    right = dx * dy[following] - dy * dx[following] < 0
    convex[which[ring[right]]] = False
    return convex
