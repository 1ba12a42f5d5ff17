"""The schematic street network, and the places along it where things stand.

Two families of streets cross on a grid that is turned and gently bent. Secondary streets thin out where the city does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np
import shapely

from twin.demo.city import City
from twin.demo.names import EXPRESSWAYS, street_names
from twin.demo.plane import XY, Bools, Floats, Ints
from twin.demo.water import Waters

BLOCK_M = 400.0
TURN_DEG = -12.0
BEND_M = 260.0
BEND_LENGTHS_M = (5000.0, 9000.0)
SLOT_M = 10.0
ARTERIAL_EVERY = 4
EXPRESSWAY_EVERY = 28
WIDTHS_M = {"expressway": 36.0, "arterial": 30.0, "secondary": 18.0}
HOUSE_M = 8.0
"""Street front to a house number."""
EDGE_M = 125.0
"""How far slots keep from the edge of the extent, so that what stands beside them lies within it."""


@dataclass(frozen=True)
class Street:
    """One street, in the pieces that are built. ``pieces`` are (k, 2) metres each."""

    name: str
    road_class: str
    pieces: tuple[XY, ...]


@dataclass(frozen=True)
class Slots:
    """Places every ``SLOT_M`` along the streets (no expressways), inside the extent, not over water.

    ``xy`` (n, 2) metres on the centre line; ``ahead`` (n, 2) unit vectors along it; ``street`` and ``cross`` index the
    streets, ``cross`` being the nearest crossing one, ``past_cross_m`` behind (negative: ahead); ``house`` is a number;
    ``town`` as in :class:`City`; ``urbanity`` in [0, 1]; ``appeal`` is how much goes on in that street, around 1.
    """

    xy: XY
    ahead: XY
    street: Ints
    cross: Ints
    past_cross_m: Floats
    house: Ints
    town: Ints
    urbanity: Floats
    appeal: Floats

    def __len__(self) -> int:
        return len(self.xy)

    @cached_property
    def to_cross_m(self) -> Floats:
        return np.abs(self.past_cross_m)

    @cached_property
    def left(self) -> XY:
        """(n, 2) unit vectors across the street."""
        return np.column_stack([-self.ahead[:, 1], self.ahead[:, 0]])

    def beside(self, index: Ints, offset_m: Floats, along_m: Floats | float = 0.0) -> XY:
        """Metres of places ``offset_m`` to the left of slots (negative: right), ``along_m`` further on."""
        further = self.ahead[index] * np.broadcast_to(np.asarray(along_m, np.float64), len(index))[:, None]
        return np.asarray(self.xy[index] + self.left[index] * offset_m[:, None] + further)


@dataclass(frozen=True)
class Network:
    streets: tuple[Street, ...]
    slots: Slots

    @cached_property
    def names(self) -> list[str]:
        return [street.name for street in self.streets]


@dataclass(frozen=True)
class _Blocks:
    """One built stretch from crossing to crossing each. ``street`` and ``crosses`` (n, 2) index the streets."""

    start: XY
    end: XY
    street: Ints
    crosses: Ints
    step: Ints


def draw_network(rng: np.random.Generator, city: City, waters: Waters) -> Network:
    """Streets and slots over the extent of the data."""
    grid = _grid(rng, city)
    n = len(grid)
    order = np.concatenate([_class_order(n), _class_order(n)])
    classes = np.array(["expressway", "arterial", "secondary"])[order]
    blocks = _built(rng, city, waters, grid, order)
    names = _names(rng, order)
    streets = tuple(
        Street(names[s], str(classes[s]), tuple(_pieces(blocks, np.flatnonzero(blocks.street == s))))
        for s in range(2 * n)
    )
    return Network(streets, _slots(rng, city, waters, blocks, order))


def _grid(rng: np.random.Generator, city: City) -> Floats:
    """(n, n, 2) metres of the crossings; the first axis counts the streets that run north, from the west."""
    west, south, east, north = city.extent.bounds
    half = int(np.hypot(east - west, north - south) / 2 / BLOCK_M) + 2
    steps = np.arange(-half, half + 1) * BLOCK_M
    flat = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1)
    waves = rng.uniform(*BEND_LENGTHS_M, size=(2, 2))
    phases = rng.uniform(0, 2 * np.pi, size=(2, 2))
    bends = np.sin(2 * np.pi * flat[..., None, :] / waves + phases).sum(axis=-1)
    turn = np.radians(TURN_DEG)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    middle = np.array([(west + east) / 2, (south + north) / 2])
    return np.asarray((flat + BEND_M / 2 * bends) @ rotation + middle)


def _class_order(n: int) -> Ints:
    """0 expressway, 1 arterial, 2 secondary, for each of ``n`` parallel streets."""
    index = np.arange(n) - n // 2
    return np.where(index % EXPRESSWAY_EVERY == 6, 0, np.where(index % ARTERIAL_EVERY == 0, 1, 2))


def _names(rng: np.random.Generator, order: Ints) -> list[str]:
    plain, fast = iter(street_names(rng, int((order > 0).sum()))), iter(EXPRESSWAYS)
    return [next(fast) if o == 0 else next(plain) for o in order]


def _built(rng: np.random.Generator, city: City, waters: Waters, grid: Floats, order: Ints) -> _Blocks:
    """The blocks of both families that exist: in the extent, urban enough, no small street over the river."""
    n = len(grid)
    street, step = (a.ravel() for a in np.meshgrid(np.arange(n), np.arange(n - 1), indexing="ij"))
    crosses = np.column_stack([step, step + 1])
    north = _Blocks(grid[street, step], grid[street, step + 1], street, crosses + n, step)
    east = _Blocks(grid[step, street], grid[step + 1, street], street + n, crosses, step)
    both = _Blocks(*(np.concatenate([getattr(north, f), getattr(east, f)]) for f in _Blocks.__dataclass_fields__))
    middle = (both.start + both.end) / 2
    keep = _inside(city, both.start) & _inside(city, both.end)
    small = order[both.street] == 2
    wanted = city.urbanity(middle) > 0.16 + 0.1 * _patches(rng, middle)
    lines = shapely.linestrings(np.stack([both.start, both.end], axis=1))
    keep &= ~small | (wanted & ~shapely.intersects(waters.river, lines))
    return _Blocks(*(getattr(both, f)[keep] for f in _Blocks.__dataclass_fields__))


def _inside(city: City, xy: XY) -> Bools:
    return np.asarray(shapely.contains_xy(city.extent, xy[:, 0], xy[:, 1]))


def _patches(rng: np.random.Generator, xy: XY) -> Floats:
    """A slow wave over the plane, in [-1, 1]: villages and fields."""
    phases = rng.uniform(0, 2 * np.pi, 2)
    return np.asarray(np.sin(2 * np.pi * xy[:, 0] / 2700 + phases[0]) * np.sin(2 * np.pi * xy[:, 1] / 2300 + phases[1]))


def _pieces(blocks: _Blocks, own: Ints) -> Iterator[XY]:
    """Consecutive blocks of one street as one line each."""
    for _, group in groupby(enumerate(own), key=lambda pair: blocks.step[pair[1]] - pair[0]):
        index = np.array([i for _, i in group])
        yield np.concatenate([blocks.start[index[:1]], blocks.end[index]])


def _slots(rng: np.random.Generator, city: City, waters: Waters, blocks: _Blocks, order: Ints) -> Slots:
    plain = order[blocks.street] > 0
    start, end = blocks.start[plain], blocks.end[plain]
    length = np.hypot(*(end - start).T)
    n_slots = (length / SLOT_M).astype(np.int64)
    block = np.repeat(np.arange(len(start)), n_slots)
    along = (np.arange(len(block)) - np.repeat(np.cumsum(n_slots) - n_slots, n_slots) + 0.5) * SLOT_M
    ahead = ((end - start) / length[:, None])[block]
    xy = start[block] + ahead * along[:, None]
    ground = city.extent.buffer(-EDGE_M).difference(waters.all)
    shapely.prepare(ground)
    dry = shapely.contains_xy(ground, xy[:, 0], xy[:, 1])
    late = along > length[block] / 2
    appeal = rng.lognormal(0, 0.55, len(start))[block]
    house = (blocks.step[plain][block] * BLOCK_M + along) / HOUSE_M
    columns = (
        ahead, blocks.street[plain][block], blocks.crosses[plain][block, late.astype(np.int64)],
        along - late * length[block], house.astype(np.int64), city.town_of(city.plane.inverse(xy)),
        city.urbanity(xy), appeal,
    )  # fmt: skip
    return Slots(*(column[dry] for column in (xy, *columns)))
