"""Cutting an outline into parts of given areas around given centres: a power diagram. Knows nothing but the plane.

With weights w, part i is where |x - p_i|² - w_i is least; its borders are straight. For any areas that add up to the
outline's there is one such diagram (Aurenhammer, Hoffmann, Aronov 1998, doi:10.1007/PL00009187); Newton's method finds
it, since ∂area_i/∂w_j = -(length of the common border) / (2 |p_i - p_j|).
"""

from __future__ import annotations

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from twin.demo.plane import XY, Floats
from twin.errors import InvalidInput
from twin.model import Geometries

TOLERANCE_M2 = 1e-3
MAX_STEPS = 30
FAR_M = 1e6
ON_BORDER_M2 = 10.0
"""How far the powers of two centres may differ at a point of their common border (rounding)."""


def partition(outline: BaseGeometry, centres: XY, areas_m2: Floats) -> Geometries:
    """The parts of ``outline``, aligned with ``centres``; they share borders, not yet vertices.

    Args:
        outline: polygon in metres.
        centres: (n, 2) metres, all different.
        areas_m2: (n,) square metres; scaled to add up to the outline's.

    Raises:
        InvalidInput: Newton's method does not settle, or a part comes out in several pieces.
    """
    targets = areas_m2 / areas_m2.sum() * outline.area
    weights = np.zeros(len(centres))
    for _ in range(MAX_STEPS):
        parts = _parts(outline, centres, weights)
        missing = targets - shapely.area(parts)
        if np.abs(missing).max() < TOLERANCE_M2:
            return _whole(parts)
        slopes = _slopes(parts, centres, weights)
        weights[1:] += np.linalg.solve(slopes[1:, 1:], missing[1:])
    raise InvalidInput("无法按给定面积划分", f"no partition by area after {MAX_STEPS} steps")


def _whole(parts: Geometries) -> Geometries:
    if broken := [i for i, part in enumerate(parts) if part.geom_type != "Polygon"]:
        raise InvalidInput(f"第 {broken} 块不连续", f"parts {broken} are not in one piece: move their centres")
    return parts


def _parts(outline: BaseGeometry, centres: XY, weights: Floats) -> Geometries:
    return np.array([outline.intersection(_power_cell(i, centres, weights)) for i in range(len(centres))], object)


def _power_cell(i: int, centres: XY, weights: Floats) -> BaseGeometry:
    cell: BaseGeometry = shapely.box(-FAR_M, -FAR_M, FAR_M, FAR_M)
    for j in range(len(centres)):
        if j != i:
            cell = cell.intersection(_half_plane(centres[i], centres[j], weights[i] - weights[j]))
    return cell


def _half_plane(own: Floats, other: Floats, advantage_m2: float) -> BaseGeometry:
    """The (huge) square of points that belong to ``own`` rather than to ``other``."""
    apart = float(np.hypot(*(other - own)))
    ahead = (other - own) / apart
    left = np.array([-ahead[1], ahead[0]])
    foot = own + ahead * (apart**2 + advantage_m2) / (2 * apart)
    far = 4 * FAR_M
    return shapely.Polygon([
        foot + left * far, foot - left * far, foot - (left + ahead) * far, foot + (left - ahead) * far,
    ])  # fmt: skip


def _slopes(parts: Geometries, centres: XY, weights: Floats) -> Floats:
    """∂area_i/∂w_j, (n, n) and symmetric."""
    n = len(centres)
    slopes = np.zeros((n, n))
    apart = np.hypot(*(centres[:, None] - centres[None]).T) + np.eye(n)
    for i, part in enumerate(parts):
        for line in shapely.get_parts(part.boundary):
            xy = shapely.get_coordinates(line)
            power = ((xy[:, None] - centres[None]) ** 2).sum(2) - weights
            shared = np.abs(power - power[:, [i]]) < ON_BORDER_M2
            length = np.hypot(*np.diff(xy, axis=0).T)
            slopes[i] -= length @ (shared[1:] & shared[:-1]) / (2 * apart[i])
    np.fill_diagonal(slopes, 0.0)
    slopes = (slopes + slopes.T) / 2
    np.fill_diagonal(slopes, -slopes.sum(axis=1))
    return slopes
