"""Scenes in the plane, and what discs serve of them by an independent method: scan lines, integrated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from twin.coverage.tessellation import Stations, Tessellation, _assemble

Floats = NDArray[np.float64]
BENT = 4e-7
"""Each fragment's neighbourhood is made true to length by itself: of what is cut otherwise, or drawn in one plane, arcs lie some
tenths of a millimetre elsewhere. Relative to a scene's area."""
NODES, WEIGHTS = np.polynomial.legendre.leggauss(48)
"""On -1 to 1."""


def cut(*shapes: BaseGeometry) -> Tessellation:
    """One fragment a shape, in a plane of metres."""
    label = np.column_stack([np.arange(len(shapes)), np.zeros((len(shapes), 2), np.int64)])
    return _assemble(np.arange(len(shapes), dtype=np.uint64), label, np.array(shapes, object))


def stations(xy: Sequence[tuple[float, float]] | Floats, radius_m: float | Sequence[float] | Floats) -> Stations:
    places = np.asarray(xy, np.float64).reshape(-1, 2)
    return Stations.of(places, np.broadcast_to(np.asarray(radius_m, np.float64), len(places))[None, :])


def area_by_scan_lines(shape: BaseGeometry, xy: Floats, radius_m: Floats, at_least: int = 1) -> float:
    """The area of ``shape`` within reach of ``at_least`` places, right to some 1e-11 of it.

    Between the heights where anything begins, ends or crosses, the length served of a horizontal line is a smooth
    function of the height (with roots at the ends, which the cosine takes away): Gauss's rule integrates it.
    """
    starts, ends = _edges(shape)
    heights = np.unique(np.concatenate([starts[:, 1], _heights(starts, ends, xy, radius_m)]))
    low, high = starts[:, 1].min(), starts[:, 1].max()
    heights = heights[(heights >= low) & (heights <= high)]
    middle, half = (heights[1:] + heights[:-1])[:, None] / 2, np.diff(heights)[:, None] / 2
    angle = np.pi / 2 * (1 + NODES)
    y = middle - half * np.cos(angle)
    weight = half * np.sin(angle) * WEIGHTS * np.pi / 2
    return float((_served_lengths(y.ravel(), starts, ends, xy, radius_m, at_least) * weight.ravel()).sum())


def _edges(shape: BaseGeometry) -> tuple[Floats, Floats]:
    rings = [np.asarray(r.coords) for p in shapely.get_parts(shape) for r in (p.exterior, *p.interiors)]
    return np.concatenate([r[:-1] for r in rings]), np.concatenate([r[1:] for r in rings])


def _heights(starts: Floats, ends: Floats, xy: Floats, radius_m: Floats) -> Floats:
    """Of the tops and bottoms of circles, of where they cross each other and where they cross edges."""
    found = [xy[:, 1] - radius_m, xy[:, 1] + radius_m]
    for i in range(len(xy)):
        delta = xy - xy[i]
        d = np.hypot(*delta.T)
        with np.errstate(all="ignore"):
            along = (d * d + radius_m[i] ** 2 - radius_m**2) / (2 * d)
            across = np.sqrt(radius_m[i] ** 2 - along**2)
            found += [xy[i, 1] + (along * delta[:, 1] + s * across * delta[:, 0]) / d for s in (1, -1)]
            edge, from_centre = ends - starts, starts - xy[i]
            a, b = (edge**2).sum(axis=1), (edge * from_centre).sum(axis=1)
            root = np.sqrt(b * b - a * ((from_centre**2).sum(axis=1) - radius_m[i] ** 2))
            found += [starts[:, 1] + (-b + s * root) / a * edge[:, 1] for s in (1, -1)]
    every = np.concatenate(found)
    return every[np.isfinite(every)]


def _served_lengths(y: Floats, starts: Floats, ends: Floats, xy: Floats, radius_m: Floats, at_least: int) -> Floats:
    far = max(np.abs(starts).max(), float((np.abs(xy).max(axis=1) + radius_m).max(initial=0.0))) + 1.0
    height = y[:, None]
    with np.errstate(all="ignore"):
        x = starts[:, 0] + (height - starts[:, 1]) / (ends - starts)[:, 1] * (ends - starts)[:, 0]
    crosses = (starts[:, 1] > height) != (ends[:, 1] > height)
    reach2 = radius_m**2 - (height - xy[:, 1]) ** 2
    reach = np.sqrt(np.maximum(reach2, 0.0))
    left, right = (np.where(reach2 > 0, xy[:, 0] + s * reach, far) for s in (-1, 1))
    at = np.concatenate([np.where(crosses, x, far), left, right], axis=1)
    n, m = crosses.shape[1], len(xy)
    order = np.argsort(at, axis=1)
    at = np.take_along_axis(at, order, axis=1)
    inside = np.cumsum(np.repeat([1, 0], [n, 2 * m])[order], axis=1) % 2 == 1
    depth = np.cumsum(np.repeat([0, 1, -1], [n, m, m])[order], axis=1)
    counted = inside & (depth >= at_least)
    lengths: Floats = (np.diff(at, axis=1) * counted[:, :-1]).sum(axis=1)
    return lengths
