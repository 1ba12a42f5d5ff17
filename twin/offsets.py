"""GCJ-02 and BD-09: the shifted degrees of Chinese web maps, there and back. Arrays in, arrays out.

The public formulae with Krasovsky 1940 constants. Every function takes ``x`` (longitude) and ``y`` (latitude) as (n,)
float64 degrees and returns such a pair; places outside China's rectangle, and NaN, pass unchanged.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Pair = tuple[Floats, Floats]

SEMI_MAJOR_M = 6378245.0
ECC2 = 0.00669342162296594323
BD_WAVE = np.pi * 3000.0 / 180.0
CHINA = (72.004, 0.8293, 137.8347, 55.8271)
MARGIN_DEG = 0.03
"""How far outside the rectangle shifted degrees of a place inside may be."""
EDGE_DEG = 1e-10
"""What comes back this far outside was on the edge."""
CHUNK = 1 << 15
"""Points worked on at a time: small enough for the processor's cache."""


def wgs84_to_gcj02(x: Floats, y: Floats) -> Pair:
    return _inside(_gcj02, x, y)


def wgs84_to_bd09(x: Floats, y: Floats) -> Pair:
    return _inside(_bd09, x, y)


def gcj02_to_wgs84(x: Floats, y: Floats) -> Pair:
    return _inside(lambda u, v: _undo(_gcj02, u, v), x, y, MARGIN_DEG)


def bd09_to_wgs84(x: Floats, y: Floats) -> Pair:
    return _inside(lambda u, v: _undo(_bd09, u, v), x, y, MARGIN_DEG)


def _in_china(x: Floats, y: Floats, margin_deg: float = 0.0) -> NDArray[np.bool_]:
    west, south, east, north = CHINA
    return np.asarray(
        (x >= west - margin_deg) & (x <= east + margin_deg) & (y >= south - margin_deg) & (y <= north + margin_deg)
    )


def _inside(convert: Callable[[Floats, Floats], Pair], x: Floats, y: Floats, margin_deg: float = 0.0) -> Pair:
    """Convert what lies in China's rectangle, chunk by chunk; the rest is copied."""
    out_x, out_y = np.array(x, np.float64, ndmin=1), np.array(y, np.float64, ndmin=1)
    places = np.flatnonzero(_in_china(out_x, out_y, margin_deg))
    for start in range(0, len(places), CHUNK):
        some = places[start : start + CHUNK]
        out_x[some], out_y[some] = convert(out_x[some], out_y[some])
    return out_x.reshape(np.shape(x)), out_y.reshape(np.shape(y))


def _gcj02(lng: Floats, lat: Floats) -> Pair:
    x, y = lng - 105.0, lat - 35.0
    root, px, py, phi = np.sqrt(np.abs(x)), np.pi * x, np.pi * y, np.radians(lat)
    sin = np.sin
    shared = 20 * sin(6 * px) + 20 * sin(2 * px)
    waves_x = shared + 20 * sin(px) + 40 * sin(px / 3) + 150 * sin(px / 12) + 300 * sin(px / 30)
    waves_y = shared + 20 * sin(py) + 40 * sin(py / 3) + 160 * sin(py / 12) + 320 * sin(py / 30)
    east_m = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + waves_x * 2 / 3
    north_m = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + waves_y * 2 / 3
    flat = 1 - ECC2 * sin(phi) ** 2
    d_lng = np.degrees(east_m * np.sqrt(flat) / (SEMI_MAJOR_M * np.cos(phi)))
    d_lat = np.degrees(north_m * flat * np.sqrt(flat) / (SEMI_MAJOR_M * (1 - ECC2)))
    return lng + d_lng, lat + d_lat


def _bd09(lng: Floats, lat: Floats) -> Pair:
    x, y = _gcj02(lng, lat)
    radius = np.hypot(x, y) + 2e-5 * np.sin(y * BD_WAVE)
    theta = np.arctan2(y, x) + 3e-6 * np.cos(x * BD_WAVE)
    return radius * np.cos(theta) + 0.0065, radius * np.sin(theta) + 0.006


def _undo(forward: Callable[[Floats, Floats], Pair], x: Floats, y: Floats) -> Pair:
    """Solve ``forward(u, v) = (x, y)`` by fixed point.

    A step leaves less than a twentieth of the error, so after one of 1e-11 degrees (1 µm) less than 0.05 µm is left.
    What turns out to have been outside the rectangle is returned as it came.
    """
    u, v = x, y
    for _ in range(12):
        fx, fy = forward(u, v)
        du, dv = x - fx, y - fy
        u, v = u + du, v + dv
        if max(np.abs(du).max(), np.abs(dv).max()) < 1e-11:
            break
    inside = _in_china(u, v, EDGE_DEG)
    west, south, east, north = CHINA
    return np.where(inside, np.clip(u, west, east), x), np.where(inside, np.clip(v, south, north), y)
