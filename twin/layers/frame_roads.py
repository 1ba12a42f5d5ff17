"""What streets say of a frame: cameras and chargers stand beside them. Asked more strictly than areas are.

By chance a good part of any places lies near some street, so a frame counts only if its streets fit like a key: in it most
positions stand within ``NEAR_M`` of a street, and moving them to any side loses many more than it wins. Sites that do not
keep to streets, and maps with but a few of them, decide nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from twin.frames import SEGMENT_DEG
from twin.layers.frame_readings import Flags, Floats, Reading, beyond_chance, in_metres, shift_m, shifts_around, votes
from twin.model import Geometries

NEAR_M = 30.0
MOST_NEAR = 0.5
DENSE_M = 300.0
MOST_DENSE = 0.9
CHANCE = 1e-6
AGAINST = 2
BLOCK_M = 250.0
N_SAMPLE = 3000
REACH_M = 2000.0
"""Streets this far around the positions are looked at: further than any two frames of degrees are apart."""


def road_leader(readings: Sequence[Reading], roads: Geometries, far_m: float) -> Reading | None:
    """The reading that the streets (EPSG:4326 lines) speak for, if any. ``readings[0]`` is the declared one.

    Readings further than ``far_m`` from the declared are left out: a crowd tells those apart.
    """
    mine = readings[0]
    apart_m = [float(np.hypot(*shift_m(r, mine))) for r in readings[1:]]
    ends = _ends(roads)
    sides = [_beside(mine, ends), *(_beside(r, ends) for r, m in zip(readings[1:], apart_m, strict=True) if m <= far_m)]
    best = max(sides, key=lambda side: (side.n_near, side is sides[0]))
    if len(sides) == 1 or not best.speaks():
        return None
    others = sides[1:] if best is sides[0] else sides[:1]
    if not all(_leads(best, other.near) for other in others):
        return None
    lengths_m = {float(np.hypot(*shift_m(best.reading, other.reading))) for other in others}
    moved = (best.near_after(shift) for length_m in lengths_m for shift in shifts_around(length_m))
    return best.reading if all(_leads(best, near) for near in moved) else None


@dataclass(frozen=True)
class Beside:
    """A reading's positions (a sample, evenly taken) and the streets around them. ``near`` is (n,)."""

    reading: Reading
    xy_m: Floats
    streets: shapely.STRtree
    near: Flags

    @property
    def n_near(self) -> int:
        return int(self.near.sum())

    def near_after(self, shift: Floats) -> Flags:
        return _within(self.streets, self.xy_m + shift, NEAR_M)

    def speaks(self) -> bool:
        """Whether most positions keep to streets, and there are streets wherever they are."""
        return bool(self.near.mean() >= MOST_NEAR and _within(self.streets, self.xy_m, DENSE_M).mean() >= MOST_DENSE)


def _beside(reading: Reading, ends: Floats) -> Beside:
    step = -(-len(reading.xy_m) // N_SAMPLE)
    xy_m = reading.xy_m[::step]
    streets = shapely.STRtree(_edges(reading, ends, xy_m))
    return Beside(reading, xy_m, streets, _within(streets, xy_m, NEAR_M))


def _ends(roads: Geometries) -> Floats:
    """(n, 2, 2) degrees: where the single edges of the streets begin and end, long ones split."""
    lines = shapely.segmentize(roads[shapely.get_dimensions(roads) == 1], SEGMENT_DEG)
    lnglat, line = shapely.get_coordinates(shapely.get_parts(lines), return_index=True)
    ends: Floats = np.stack([lnglat[:-1], lnglat[1:]], axis=1)[line[:-1] == line[1:]]
    return ends


def _edges(reading: Reading, ends: Floats, xy_m: Floats) -> Geometries:
    """The edges in the reading's plane, those within reach of the positions."""
    pairs = in_metres(ends.reshape(-1, 2), reading.frame, reading.plane).reshape(-1, 2, 2)
    low, high = xy_m.min(axis=0) - REACH_M, xy_m.max(axis=0) + REACH_M
    around = ((pairs >= low) & (pairs <= high)).all(axis=(1, 2))
    return np.asarray(shapely.linestrings(pairs[around]), dtype=object).reshape(-1)


def _within(streets: shapely.STRtree, xy_m: Floats, metres: float) -> Flags:
    found = np.zeros(len(xy_m), bool)
    found[streets.query(shapely.points(xy_m), predicate="dwithin", distance=metres)[0]] = True
    return found


def _leads(best: Beside, other: Flags) -> bool:
    n_pro, n_con = votes(best.xy_m, best.near & ~other, other & ~best.near, BLOCK_M)
    return n_pro >= AGAINST * n_con and beyond_chance(n_pro, n_con, CHANCE)
