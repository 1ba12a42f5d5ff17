"""Web Mercator tiles: the unit square, Morton codes and which points a tile owns. Half-open: left and top edges are in."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from twin.errors import BadParameter, Fault, Words
from twin.model import LngLat

MAX_ZOOM = 22
LEVELS = 31
"""Bits of a Morton code per axis: 2 cm at the equator."""
NOWHERE = np.uint64(2**64 - 1)
"""The code of what has no place, or none on the map; sorts last and lies in no tile."""
MAX_LAT = math.degrees(math.atan(math.sinh(math.pi)))

Unit = NDArray[np.float64]
"""(n, 2) in [0, 1): x to the east, y to the south."""


def lnglat_to_unit(lnglat: LngLat) -> Unit:
    """Degrees to the unit square; NaN stays NaN, latitudes beyond the map fall outside [0, 1)."""
    sine = np.sin(np.radians(np.clip(lnglat[:, 1], -89.999, 89.999)))
    return np.column_stack([lnglat[:, 0] / 360.0 + 0.5, 0.5 - np.log((1 + sine) / (1 - sine)) / (4 * math.pi)])


def unit_to_lnglat(unit: Unit) -> LngLat:
    """The inverse of ``lnglat_to_unit``."""
    lat = np.degrees(np.arctan(np.sinh(math.pi * (1 - 2 * unit[:, 1]))))
    return np.column_stack([(unit[:, 0] - 0.5) * 360.0, lat])


def morton(unit: Unit) -> NDArray[np.uint64]:
    """(n,) Z-curve codes of ``LEVELS`` bits per axis; ``NOWHERE`` outside the unit square."""
    with np.errstate(invalid="ignore"):
        inside = np.all((unit >= 0) & (unit < 1), axis=1)
    grid = np.floor(np.where(inside[:, None], unit, 0.0) * 2.0**LEVELS).astype(np.uint64)
    codes = _spread(grid[:, 0]) | (_spread(grid[:, 1]) << np.uint64(1))
    return np.where(inside, codes, NOWHERE)


def _spread(v: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A zero between any two bits."""
    for shift, mask in (
        (16, 0x0000FFFF0000FFFF),
        (8, 0x00FF00FF00FF00FF),
        (4, 0x0F0F0F0F0F0F0F0F),
        (2, 0x3333333333333333),
        (1, 0x5555555555555555),
    ):
        v = (v | (v << np.uint64(shift))) & np.uint64(mask)
    return v


def tile_codes(z: int, x: int, y: int) -> tuple[np.uint64, np.uint64]:
    """The codes of a tile's points are from the first (included) to the second (excluded)."""
    tile = sum(((x >> i) & 1) << (2 * i) | ((y >> i) & 1) << (2 * i + 1) for i in range(z))
    shift = 2 * (LEVELS - z)
    return np.uint64(tile << shift), np.uint64((tile + 1) << shift)


def is_tile(z: int, x: int, y: int) -> bool:
    """Whether there is such a tile."""
    return 0 <= z <= MAX_ZOOM and 0 <= x < 2**z and 0 <= y < 2**z


def check_tile(z: int, x: int, y: int) -> None:
    """Refuse what is no tile.

    Raises:
        BadParameter: saying the range.
    """
    faults = []
    if not 0 <= z <= MAX_ZOOM:
        faults.append(_fault("z", z, MAX_ZOOM))
    else:
        faults = [_fault(name, value, 2**z - 1) for name, value in (("x", x), ("y", y)) if not 0 <= value < 2**z]
    if faults:
        zh, en = "；".join(f.words.zh for f in faults), "; ".join(f.words.en for f in faults)
        raise BadParameter(f"没有这个瓦片：{zh}", f"no such tile: {en}", faults)


def _fault(name: str, value: int, last: int) -> Fault:
    shown = str(value) if abs(value) < 10**20 else "…"
    return Fault(
        "path", name, shown, Words(f"{name} 应为 0 至 {last}，收到 {shown}", f"{name} must be 0 to {last}, got {shown}")
    )
