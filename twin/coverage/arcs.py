"""The exact area of convex pieces within reach of stations: circles stay circles, nothing is drawn as a polygon.

The area of ``{p in piece : the weights of the discs that hold p sum to at least need}`` is a boundary integral,
½ ∮ x dy - y dx, over the stretches of the piece's edges that are served and over the arcs of each circle, inside the
piece, where the other discs alone are not enough. Edges and half-planes cut a circle in angles, circles cut edges in
lengths: both are swept in order. A fragment far inside or outside every circle is settled by distance alone.

Where a circle is cut, arcs and edges must agree, also where they barely touch: both are computed from the same distance
``h`` by products of differences, and angles by ``atan2``, since ``acos`` and squares lose half the digits there.

What comes out does not depend on the order of the stations: those that cross a fragment are sorted by place, and
those at one spot are taken as one.

An equal-area plane bends lengths, by some parts in a million some ten kilometres from its origin: each fragment has a matrix
of determinant 1 that makes its neighbourhood true to length, so that areas stay and circles are round.

``numba`` compiles this module when it is imported (half a minute once, then from its cache): import it where it is used.
"""

from __future__ import annotations

import math
from typing import Any

import numba as nb
import numpy as np

TAU = 2 * math.pi
OUTSIDE = 1 << 40
"""More than any sum of weights: marks the angles at which a circle has left the piece."""

FRAME_M = 1.0
"""More than a plane adds to a radius."""
MANY = 64
"""Above so many events, inserting them one by one is slow."""

_FLOATS, _INTS = nb.float64[::1], nb.int64[::1]
_jit: Any = nb.njit(cache=True, nogil=True, error_model="numpy", boundscheck=False)


@_jit
def _sort(n: int, key: Any, other: Any) -> None:
    """Sort the first ``n`` of ``key``, and ``other`` with it. Equal keys may come in any order."""
    if n > MANY:
        order = np.argsort(key[:n])
        key[:n], other[:n] = key[:n][order], other[:n][order]
        return
    for i in range(1, n):
        a, b = key[i], other[i]
        j = i - 1
        while j >= 0 and key[j] > a:
            key[j + 1], other[j + 1] = key[j], other[j]
            j -= 1
        key[j + 1], other[j + 1] = a, b


@_jit
def _edges_area(vx: Any, vy: Any, cx: Any, cy: Any, r: Any, w: Any, need: int, at: Any, step: Any) -> float:
    """The integral over the served stretches of a piece's edges."""
    area = 0.0
    m, k = len(vx), len(cx)
    for e in range(m):
        x0, y0 = vx[e], vy[e]
        f = e + 1 if e + 1 < m else 0
        dx, dy = vx[f] - x0, vy[f] - y0
        length = math.sqrt(dx * dx + dy * dy)
        if length == 0.0:
            continue
        dx, dy = dx / length, dy / length
        n = 0
        for q in range(k):
            h = dy * (x0 - cx[q]) - dx * (y0 - cy[q])
            chord2 = (r[q] - h) * (r[q] + h)
            if chord2 <= 0.0:
                continue
            foot, chord = dx * (cx[q] - x0) + dy * (cy[q] - y0), math.sqrt(chord2)
            t0, t1 = max(0.0, foot - chord), min(length, foot + chord)
            if t1 > t0:
                at[n], step[n] = t0, w[q]
                at[n + 1], step[n + 1] = t1, -w[q]
                n += 2
        _sort(n, at, step)
        depth = 0
        cross = x0 * dy - y0 * dx
        for i in range(n):
            if depth >= need:
                area += 0.5 * cross * (at[i] - at[i - 1])
            depth += step[i]
    return area


@_jit
def _cover(phi: float, half: float, weight: int, n: int, base: int, at: Any, step: Any) -> tuple[int, int]:
    """Note that the angles within ``half`` of ``phi`` are covered once more; the number of events and the depth at 0."""
    a = phi - half
    if a < 0.0:
        a += TAU
    z = a + 2 * half
    if z >= TAU:
        z -= TAU
        base += weight
    at[n], step[n] = a, weight
    at[n + 1], step[n + 1] = z, -weight
    return n + 2, base


@_jit
def _leave_piece(vx: Any, vy: Any, x: float, y: float, radius: float, at: Any, step: Any) -> tuple[int, int]:
    """Note the angles at which a circle is outside a piece: events, depth at 0; -1 events: it never enters."""
    n, base, m = 0, 0, len(vx)
    for e in range(m):
        x0, y0 = vx[e], vy[e]
        f = e + 1 if e + 1 < m else 0
        dx, dy = vx[f] - x0, vy[f] - y0
        length = math.sqrt(dx * dx + dy * dy)
        if length == 0.0:
            continue
        dx, dy = dx / length, dy / length
        h = dy * (x0 - x) - dx * (y0 - y)
        if h <= -radius:
            return -1, 0
        if h < radius:
            half = math.atan2(math.sqrt((radius - h) * (radius + h)), h)
            n, base = _cover(math.atan2(-dx, dy), half, OUTSIDE, n, base, at, step)
    return n, base


@_jit
def _enter_others(q: int, cx: Any, cy: Any, r: Any, w: Any, n: int, base: int, at: Any, step: Any) -> tuple[int, int]:
    """Note the angles at which circle ``q`` is inside each of the other discs."""
    for p in range(len(cx)):
        dx, dy, radius = cx[p] - cx[q], cy[p] - cy[q], r[p]
        d = math.sqrt(dx * dx + dy * dy)
        both, wider = r[q] + radius, r[q] - radius
        if p == q or d >= both or (d <= wider and (wider > 0.0 or p > q)):
            continue
        if d <= -wider:
            base += w[p]
            continue
        across = math.sqrt((both + d) * (both - d) * (d + wider) * (d - wider))
        n, base = _cover(math.atan2(dy, dx), math.atan2(across, d * d + wider * both), w[p], n, base, at, step)
    return n, base


@_jit
def _arcs_area(vx: Any, vy: Any, cx: Any, cy: Any, r: Any, w: Any, need: int, at: Any, step: Any) -> float:
    """The integral over the arcs, inside a piece, that bound what is served."""
    area = 0.0
    for q in range(len(cx)):
        x, y, radius = cx[q], cy[q], r[q]
        n, base = _leave_piece(vx, vy, x, y, radius, at, step)
        if n < 0:
            continue
        n, depth = _enter_others(q, cx, cy, r, w, n, base, at, step)
        _sort(n, at, step)
        start = 0.0
        for i in range(n + 1):
            stop = at[i] if i < n else TAU
            if need - w[q] <= depth < need and stop > start:
                sines, cosines = math.sin(stop) - math.sin(start), math.cos(stop) - math.cos(start)
                area += 0.5 * radius * (radius * (stop - start) + x * sines - y * cosines)
            if i < n:
                depth += step[i]
            start = stop
    return area


@_jit
def _sort_and_merge(n: int, cx: Any, cy: Any, r: Any, w: Any) -> int:
    """Order the first ``n`` discs by place and radius, and make those that are equal one. How many are left."""
    for i in range(1, n):
        x, y, radius, weight = cx[i], cy[i], r[i], w[i]
        j = i - 1
        while j >= 0 and (cx[j] > x or (cx[j] == x and (cy[j] > y or (cy[j] == y and r[j] > radius)))):
            cx[j + 1], cy[j + 1], r[j + 1], w[j + 1] = cx[j], cy[j], r[j], w[j]
            j -= 1
        cx[j + 1], cy[j + 1], r[j + 1], w[j + 1] = x, y, radius, weight
    kept = min(n, 1)
    for i in range(1, n):
        last = kept - 1
        if cx[i] == cx[last] and cy[i] == cy[last] and r[i] == r[last]:
            w[last] += w[i]
        else:
            cx[kept], cy[kept], r[kept], w[kept] = cx[i], cy[i], r[i], w[i]
            kept += 1
    return kept


@_jit
def _gather(
    x: float, y: float, reach: float, local: Any, need: int, radius: Any, sx: Any, sy: Any, weight: Any, west: float, south: float,
    size: float, columns: int, rows: int, start: Any, order: Any, widest: float, cx: Any, cy: Any, r: Any, w: Any,
) -> int:  # fmt: skip
    """Collect the discs that cross the circle of ``reach`` round a fragment's centre, relative to it and sorted.

    -1: it is served through and through. Else how many were collected; ``w`` of them must still sum to what is lacking,
    which is left in ``w[n]``.
    """
    span = widest + reach + FRAME_M
    first, last = max(0, int((x - span - west) / size)), min(columns - 1, int((x + span - west) / size))
    bottom, top = max(0, int((y - span - south) / size)), min(rows - 1, int((y + span - south) / size))
    n, full = 0, 0
    for row in range(bottom, top + 1):
        for slot in range(start[row * columns + first], start[row * columns + last + 1]):
            i = order[slot]
            px, py = sx[i] - x, sy[i] - y
            d2 = px * px + py * py
            inner, outer = radius[i] - reach, radius[i] + reach
            if inner >= FRAME_M and d2 <= (inner - FRAME_M) * (inner - FRAME_M):
                full += weight[i]
            elif d2 < (outer + FRAME_M) * (outer + FRAME_M):
                dx, dy = local[0] * px + local[1] * py, local[2] * px + local[3] * py
                d2 = dx * dx + dy * dy
                if inner >= 0.0 and d2 <= inner * inner:
                    full += weight[i]
                elif d2 < outer * outer:
                    cx[n], cy[n], r[n], w[n] = dx, dy, radius[i], weight[i]
                    n += 1
            if full >= need:
                return -1
    n = _sort_and_merge(n, cx, cy, r, w)
    w[n] = need - full
    return n


@nb.njit(
    nb.void(
        _INTS, _FLOATS, _FLOATS, _FLOATS, nb.float64[:, ::1], _FLOATS, _INTS, _INTS, _INTS, _FLOATS, _FLOATS, nb.int64,
        nb.float64[:, ::1],
        _FLOATS, _FLOATS, _INTS, nb.float64, nb.float64, nb.float64, nb.int64, nb.int64, _INTS, _INTS, _FLOATS,
    ),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def served_areas(
    which: Any, fx: Any, fy: Any, reach: Any, local: Any, whole: Any, zone: Any, first_piece: Any, first_vertex: Any, vx: Any,
    vy: Any, need: int, radius: Any, sx: Any, sy: Any, weight: Any, west: float, south: float, size: float,
    columns: int, rows: int, start: Any, order: Any, out: Any,
) -> None:  # fmt: skip
    """Write the served area of each of the fragments ``which`` into ``out``.

    Args:
        which: (n,) indices of fragments.
        fx, fy, reach, whole, zone: (f,) centre, bounding radius, area and zone of every fragment, metres.
        local: (f, 4) what takes the plane's offsets from a fragment's centre to true metres, row by row.
        first_piece: (f + 1,) where each fragment's convex pieces begin.
        first_vertex: (pieces + 1,) where each piece's vertices begin in ``vx, vy``; counter-clockwise.
        need: how many stations a place must be within reach of, at least 1.
        radius: (zones, s) each station's radius for each zone's demand, metres.
        sx, sy, weight: (s,) stations.
        west, south, size, columns, rows, start, order: the stations in square buckets, row by row.
        out: (f,) square metres.
    """
    n_stations, widest, most = len(sx), 0.0, 0
    for z in range(radius.shape[0]):
        for i in range(n_stations):
            widest = max(widest, radius[z, i])
    for piece in range(len(first_vertex) - 1):
        most = max(most, first_vertex[piece + 1] - first_vertex[piece])
    cx, cy, r = np.empty(n_stations + 1), np.empty(n_stations + 1), np.empty(n_stations + 1)
    w = np.empty(n_stations + 1, np.int64)
    px, py = np.empty(most), np.empty(most)
    at, step = np.empty(2 * (n_stations + most)), np.empty(2 * (n_stations + most), np.int64)
    for f in which:
        n = _gather(
            fx[f], fy[f], reach[f], local[f], need, radius[zone[f]], sx, sy, weight, west, south, size, columns, rows, start,
            order, widest, cx, cy, r, w,
        )  # fmt: skip
        if n < 0:
            out[f] = whole[f]
            continue
        lacking = w[n]
        area = 0.0
        if w[:n].sum() >= lacking:
            for piece in range(first_piece[f], first_piece[f + 1]):
                m = 0
                for v in range(first_vertex[piece], first_vertex[piece + 1]):
                    dx, dy = vx[v] - fx[f], vy[v] - fy[f]
                    px[m], py[m] = local[f, 0] * dx + local[f, 1] * dy, local[f, 2] * dx + local[f, 3] * dy
                    m += 1
                area += _edges_area(px[:m], py[:m], cx[:n], cy[:n], r[:n], w[:n], lacking, at, step)
                area += _arcs_area(px[:m], py[:m], cx[:n], cy[:n], r[:n], w[:n], lacking, at, step)
        out[f] = min(max(area, 0.0), whole[f])


@nb.njit(nb.float64[:, ::1](_FLOATS, _FLOATS, _FLOATS, nb.int64), cache=True, nogil=True, error_model="numpy")
def open_corners(sx: Any, sy: Any, radius: Any, need: int) -> Any:
    """Where circles cross at the edge of what lies in fewer than ``need`` discs, from either circle. (n, 2)."""
    cx, cy, r, w = sx.copy(), sy.copy(), radius.copy(), np.ones(len(sx), np.int64)
    n = _sort_and_merge(len(cx), cx, cy, r, w)
    cx, cy, r, w = cx[:n], cy[:n], r[:n], w[:n]
    at, step = np.empty(2 * n), np.empty(2 * n, np.int64)
    corners, n_corners = np.empty((16, 2)), 0
    widest = r.max() if n else 0.0
    for q in range(n):
        a, b = np.searchsorted(cx, cx[q] - r[q] - widest), np.searchsorted(cx, cx[q] + r[q] + widest)
        m, depth = _enter_others(q - a, cx[a:b], cy[a:b], r[a:b], w[a:b], 0, 0, at, step)
        _sort(m, at, step)
        for i in range(m):
            bounded = need - w[q] <= depth < need
            depth += step[i]
            if bounded != (need - w[q] <= depth < need):
                if n_corners == len(corners):
                    corners = np.concatenate((corners, np.empty_like(corners)))
                corners[n_corners, 0] = cx[q] + r[q] * math.cos(at[i])
                corners[n_corners, 1] = cy[q] + r[q] * math.sin(at[i])
                n_corners += 1
    return corners[:n_corners].copy()


@nb.njit(nb.int64[::1](_FLOATS, _FLOATS, _FLOATS, _FLOATS, _FLOATS, nb.float64), cache=True, nogil=True)
def fragments_near(fx: Any, fy: Any, reach: Any, sx: Any, sy: Any, radius_m: float) -> Any:
    """The indices of the fragments that a disc of ``radius_m`` round any of the places may touch."""
    near = np.empty(len(fx), np.int64)
    n = 0
    for f in range(len(fx)):
        limit = radius_m + reach[f] + FRAME_M
        for i in range(len(sx)):
            dx, dy = sx[i] - fx[f], sy[i] - fy[f]
            if dx * dx + dy * dy <= limit * limit:
                near[n] = f
                n += 1
                break
    return near[:n].copy()


@nb.njit(
    nb.types.UniTuple(_INTS, 2)(_FLOATS, _FLOATS, nb.float64, nb.float64, nb.float64, nb.int64, nb.int64),
    cache=True, nogil=True,
)  # fmt: skip
def buckets(sx: Any, sy: Any, west: float, south: float, size: float, columns: int, rows: int) -> Any:
    """Stations by square bucket, row by row: where each begins, and their indices. Those off the grid are left out."""
    bucket = np.empty(len(sx), np.int64)
    start = np.zeros(columns * rows + 2, np.int64)
    for i in range(len(sx)):
        column, row = math.floor((sx[i] - west) / size), math.floor((sy[i] - south) / size)
        inside = 0 <= column < columns and 0 <= row < rows
        bucket[i] = row * columns + column if inside else -1
        if inside:
            start[bucket[i] + 2] += 1
    for b in range(2, len(start)):
        start[b] += start[b - 1]
    order = np.empty(start[-1], np.int64)
    for i in range(len(sx)):
        if bucket[i] >= 0:
            order[start[bucket[i] + 1]] = i
            start[bucket[i] + 1] += 1
    return start[:-1].copy(), order
