"""The two numbers of a moving window: what is counted in a disc round each centre, and the disc's area in a polygon.

Plane coordinates in metres. A disc stays a disc: its area is a boundary integral, nothing is drawn as a polygon. What comes
out depends neither on the order of the records nor on that of the centres.

``numba`` compiles this module when it is first imported (seconds once, then from its cache): import it where it is used.
"""

from __future__ import annotations

import math
from typing import Any

import numba as nb
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

XY = NDArray[np.float64]
BUCKETS_A_RADIUS = 4
SURELY_M = 1e-6
"""Buckets this much inside (or outside) a disc are settled whole; all others point by point."""
WHOLE = 1e-9
"""Nearer than this, relative to the disc, an area is all of it or nothing."""

_XY, _FLOATS, _INTS = nb.float64[:, ::1], nb.float64[::1], nb.int64[::1]


def _jit(signature: Any) -> Any:
    return nb.njit(signature, cache=True, nogil=True, error_model="numpy")


def count_within(centres: XY, places: XY, weights: NDArray[np.int64], radius_m: float) -> NDArray[np.int64]:
    """The sum of the weights within a radius of each centre; exactly at the radius counts.

    Args:
        centres: (n, 2) metres in a plane.
        places: (m, 2), likewise; m may be 0. No NaN.
        weights: (m,) int64.
        radius_m: > 0.

    Returns:
        (n,) int64.
    """
    own = [np.ascontiguousarray(a, np.float64).reshape(-1, 2) for a in (centres, places)]
    found: NDArray[np.int64] = _count_within(*own, np.ascontiguousarray(weights, np.int64), float(radius_m))
    return found


def disc_areas(shape: BaseGeometry, centres: XY, radius_m: float) -> NDArray[np.float64]:
    """The area of the disc round each centre that lies in a valid (multi)polygon, holes left out.

    Args:
        shape: in a plane, metres; may be empty.
        centres: (n, 2) in the same plane.
        radius_m: > 0.

    Returns:
        (n,) square metres; exactly π·r² for a disc wholly inside.
    """
    parts = shapely.get_parts(shapely.orient_polygons(shape))
    rings = shapely.get_rings(parts)
    vertices, ring = shapely.get_coordinates(rings, return_index=True)
    first = np.searchsorted(ring, np.arange(len(rings) + 1))
    own = [np.ascontiguousarray(a, np.float64).reshape(-1, 2) for a in (vertices, centres)]
    areas: NDArray[np.float64] = _disc_areas(own[0], first.astype(np.int64), own[1], float(radius_m))
    return areas


_BUCKETS = nb.types.Tuple((_INTS, _FLOATS, _FLOATS, _INTS))


@_jit(_BUCKETS(_XY, _INTS, nb.float64, nb.float64, nb.float64, nb.int64, nb.int64))
def _sort_into_buckets(
    places: Any, weights: Any, west: float, south: float, side: float, columns: int, rows: int
) -> Any:
    """Where each bucket's places begin, row by row; their x and y in that order; the weight before each of them."""
    n = len(places)
    bucket, first = np.empty(n, np.int64), np.zeros(columns * rows + 1, np.int64)
    for i in range(n):
        column = min(int((places[i, 0] - west) / side), columns - 1)
        bucket[i] = min(int((places[i, 1] - south) / side), rows - 1) * columns + column
        first[bucket[i] + 1] += 1
    first = np.cumsum(first)
    free = first[:-1].copy()
    x, y, weight = np.empty(n), np.empty(n), np.zeros(n + 1, np.int64)
    for i in range(n):
        at = free[bucket[i]]
        free[bucket[i]] += 1
        x[at], y[at], weight[at + 1] = places[i, 0], places[i, 1], weights[i]
    return first, x, y, np.cumsum(weight)


@_jit(nb.int64(nb.int64, nb.int64, _FLOATS, _FLOATS, _INTS, nb.float64, nb.float64, nb.float64))
def _count_one_by_one(start: int, stop: int, x: Any, y: Any, before: Any, cx: float, cy: float, radius: float) -> int:
    found = 0
    for k in range(start, stop):
        dx, dy = x[k] - cx, y[k] - cy
        found += (before[k + 1] - before[k]) * (dx * dx + dy * dy <= radius * radius)  # no branch to guess
    return found


@_jit(nb.int64[::1](_XY, _XY, _INTS, nb.float64))
def _count_within(centres: Any, places: Any, weights: Any, radius: float) -> Any:
    """Places are sorted into square buckets, row by row: a run of buckets inside the disc is one difference of sums."""
    out, n = np.zeros(len(centres), np.int64), len(places)
    if n == 0:
        return out
    west, south = places[:, 0].min(), places[:, 1].min()
    width, height = places[:, 0].max() - west, places[:, 1].max() - south
    side = max(
        radius / BUCKETS_A_RADIUS, math.sqrt(width * height / (4.0 * n)), max(width, height) / (4.0 * n + 1024.0)
    )
    columns, rows = int(width / side) + 1, int(height / side) + 1
    first, x, y, before = _sort_into_buckets(places, weights, west, south, side, columns, rows)
    inner, outer = max(radius - SURELY_M, 0.0), radius + SURELY_M
    for c in range(len(centres)):
        cx, cy = centres[c, 0], centres[c, 1]
        bottom = max(0, math.floor((cy - outer - south) / side))
        top = min(rows - 1, math.floor((cy + outer - south) / side))
        for row in range(bottom, top + 1):
            down, up, base = south + row * side - cy, south + (row + 1) * side - cy, row * columns
            near, far = max(0.0, down, -up), max(-down, up)
            reach = math.sqrt(max(0.0, outer * outer - near * near))
            left = max(0, math.floor((cx - reach - west) / side))
            right = min(columns - 1, math.floor((cx + reach - west) / side))
            if left > right:
                continue
            surely = math.sqrt(max(0.0, inner * inner - far * far))
            whole_from = max(left, math.ceil((cx - surely - west) / side))
            whole_to = min(right + 1, math.floor((cx + surely - west) / side))
            if far >= inner or whole_from >= whole_to:
                whole_from = whole_to = right + 1
            a, b = first[base + left], first[base + whole_from]
            d, e = first[base + whole_to], first[base + right + 1]
            out[c] += before[d] - before[b]
            out[c] += _count_one_by_one(a, b, x, y, before, cx, cy, radius)
            out[c] += _count_one_by_one(d, e, x, y, before, cx, cy, radius)
    return out


@_jit(nb.float64(nb.float64, nb.float64, nb.float64, nb.float64))
def _angle(ax: float, ay: float, bx: float, by: float) -> float:
    """From a to b as the origin sees them, in (-π, π]."""
    return math.atan2(ax * by - ay * bx, ax * bx + ay * by)


@_jit(nb.float64(nb.float64, nb.float64, nb.float64, nb.float64, nb.float64))
def _edge_area(ax: float, ay: float, bx: float, by: float, radius: float) -> float:
    """The signed area of the triangle of the origin, a and b that lies in the disc round the origin."""
    dx, dy, r2 = bx - ax, by - ay, radius * radius
    length2, cross = dx * dx + dy * dy, ax * by - ay * bx
    if length2 == 0.0:
        return 0.0
    foot, half2 = -(ax * dx + ay * dy) / length2, (r2 - cross * cross / length2) / length2
    if half2 <= 0.0:
        return 0.5 * r2 * _angle(ax, ay, bx, by)
    half = math.sqrt(half2)
    enter, leave = max(0.0, foot - half), min(1.0, foot + half)
    if enter >= leave:
        return 0.5 * r2 * _angle(ax, ay, bx, by)
    px, py, qx, qy = ax + enter * dx, ay + enter * dy, ax + leave * dx, ay + leave * dy
    area = 0.5 * cross * (leave - enter)
    if enter > 0.0:
        area += 0.5 * r2 * _angle(ax, ay, px, py)
    if leave < 1.0:
        area += 0.5 * r2 * _angle(qx, qy, bx, by)
    return area


@_jit(nb.void(_XY, nb.int64, nb.int64, _XY, _INTS, nb.int64))
def _grow_tree(vertices: Any, start: int, stop: int, boxes: Any, spans: Any, root: int) -> None:
    """Boxes over ever shorter runs of the ring's edges, in pre-order: a run of m edges and its halves take 2 m - 1."""
    node, depth = root, 1
    stack = np.empty((128, 2), np.int64)
    stack[0, 0], stack[0, 1] = start, stop
    while depth:
        depth -= 1
        low, high = stack[depth, 0], stack[depth, 1]
        run = vertices[low : high + 1]
        boxes[node, 0], boxes[node, 1] = run[:, 0].min(), run[:, 1].min()
        boxes[node, 2], boxes[node, 3] = run[:, 0].max(), run[:, 1].max()
        spans[2 * node], spans[2 * node + 1] = low, high
        node += 1
        if high - low > 1:
            middle = (low + high) // 2
            stack[depth, 0], stack[depth, 1] = middle, high
            stack[depth + 1, 0], stack[depth + 1, 1] = low, middle
            depth += 2


@_jit(nb.types.Tuple((nb.float64[:, ::1], _INTS))(_XY, _INTS))
def _forest(vertices: Any, first: Any) -> Any:
    """The trees of all rings, one after the other: (n, 4) boxes and (2 n,) first and last vertex of each run."""
    n_rings = len(first) - 1
    n_nodes = max(0, 2 * (len(vertices) - n_rings) - n_rings)
    boxes, spans, root = np.empty((n_nodes, 4)), np.empty(2 * n_nodes, np.int64), 0
    for ring in range(n_rings):
        _grow_tree(vertices, first[ring], first[ring + 1] - 1, boxes, spans, root)
        root += 2 * (first[ring + 1] - 1 - first[ring]) - 1
    return boxes, spans


@_jit(nb.float64[::1](_XY, _INTS, _XY, nb.float64))
def _disc_areas(vertices: Any, first: Any, centres: Any, radius: float) -> Any:
    """Green's theorem, edge by edge: each makes a triangle with the centre. A run of edges whose box the disc does not
    touch sweeps the angle between its ends, since its box does not hold the centre."""
    boxes, spans = _forest(vertices, first)
    full, out = math.pi * radius * radius, np.zeros(len(centres))
    for c in range(len(centres)):
        cx, cy, area, node = centres[c, 0], centres[c, 1], 0.0, 0
        while node < len(boxes):
            low, high = spans[2 * node], spans[2 * node + 1]
            ax, ay = vertices[low, 0] - cx, vertices[low, 1] - cy
            bx, by = vertices[high, 0] - cx, vertices[high, 1] - cy
            dx = max(0.0, boxes[node, 0] - cx, cx - boxes[node, 2])
            dy = max(0.0, boxes[node, 1] - cy, cy - boxes[node, 3])
            if dx * dx + dy * dy >= radius * radius:
                area += 0.5 * radius * radius * _angle(ax, ay, bx, by)
                node += 2 * (high - low) - 1
            elif high - low == 1:
                area += _edge_area(ax, ay, bx, by, radius)
                node += 1
            else:
                node += 1
        if area > full * (1.0 - WHOLE):
            area = full
        out[c] = area if area > full * WHOLE else 0.0
    return out
