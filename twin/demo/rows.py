"""Columns to records, and the columns every asset has: state, dates, online, owner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.demo.plane import Floats, Ints
from twin.model import LngLat, Record

ASSETS = "demo-assets"
"""The source of everything synthetic but the population."""
FIRST_DAY = datetime(2014, 12, 31, 16, tzinfo=UTC)
"""1 January 2015 in Shanghai."""
DAYS: dict[str, tuple[int, int]] = {
    "operating": (0, 3925),
    "managed": (2555, 3985),
    "building": (3440, 4005),
    "planned": (3650, 4010),
    "retired": (0, 1825),
}
"""Days since ``FIRST_DAY`` between which the state's first date lies: commissioning, or when it was recorded."""
ONLINE_SHARES = (0.93, 0.05, 0.02)
"""Online, offline, unknown; of what is in operation."""
ONLINE_WORDS = (True, False, None)

Words = NDArray[np.str_]


@dataclass(frozen=True)
class Batch:
    """Features of one layer, as columns of one length. ``geometry`` is WKB in EPSG:4326; None for points."""

    layer: str
    keys: Sequence[str]
    names: Sequence[str]
    lnglat: LngLat
    attributes: Mapping[str, Sequence[Any]]
    valid_from: Sequence[datetime]
    lifecycle: Sequence[str]
    online: Sequence[bool | None]
    owners: Sequence[str]
    geometry: Sequence[bytes] | None = None
    source: str = ASSETS


def records_of(batch: Batch) -> list[Record]:
    """One record a feature."""
    n = len(batch.keys)
    geometry: Sequence[bytes | None] = batch.geometry if batch.geometry is not None else [None] * n
    fields = tuple(batch.attributes)
    values = zip(*batch.attributes.values(), strict=True) if fields else [()] * n
    lng, lat = batch.lnglat.T.tolist()
    return [
        Record(batch.layer, key, name, state, start, None, online, 1, owner, batch.source, x, y, wkb,
               dict(zip(fields, row, strict=True)))
        for key, name, state, start, online, owner, x, y, wkb, row in zip(
            batch.keys, batch.names, batch.lifecycle, batch.valid_from, batch.online, batch.owners, lng, lat, geometry,
            values, strict=True,
        )
    ]  # fmt: skip


def keys_of(prefix: str, n: int, n_digits: int) -> list[str]:
    """``prefix`` and a running number from 1."""
    return [f"{prefix}{i:0{n_digits}d}" for i in range(1, n + 1)]


def some_of(rng: np.random.Generator, among: Ints, values: Words, quotas: Mapping[str, int]) -> None:
    """Overwrite ``values`` at random positions of ``among``: so many of each quota."""
    chosen = rng.permutation(among)[: sum(quotas.values())]
    values[chosen] = np.repeat(list(quotas), list(quotas.values()))[: len(chosen)]


def states_of(rng: np.random.Generator, among: Ints, n: int, quotas: Mapping[str, int]) -> Words:
    """(n,) lifecycle states: operating, but for the quotas, which fall among the positions ``among``."""
    states: Words = np.full(n, "operating", "U9")
    some_of(rng, among, states, quotas)
    return states


def online_of(rng: np.random.Generator, states: Words) -> list[bool | None]:
    """True, False or unknown for what is in operation; None for the rest."""
    drawn = rng.choice(3, len(states), p=ONLINE_SHARES)
    drawn[states != "operating"] = 2
    return [ONLINE_WORDS[i] for i in drawn]


def dates_of(rng: np.random.Generator, states: Words, now: datetime, first_day: int = 0) -> list[datetime]:
    """When each became true, in UTC: a day of the state's span, not before ``first_day``, never after ``now``."""
    low, high = np.maximum(np.array([DAYS[state] for state in states.tolist()]).T, first_day)
    day = low + np.floor((high - low) * rng.beta(1.6, 1.1, len(states))).astype(np.int64)
    last = 1 + max(high for _, high in DAYS.values())
    calendar = [min(FIRST_DAY + timedelta(days=d), now.astimezone(UTC)) for d in range(last)]
    return [calendar[d] for d in day]


def pick(rng: np.random.Generator, n: int, shares: Mapping[str, float]) -> Words:
    """(n,) words drawn by their shares."""
    weights = np.array(list(shares.values()))
    return np.asarray(rng.choice(list(shares), n, p=weights / weights.sum()))


def draw_index(rng: np.random.Generator, weights: Floats, n: int) -> Ints:
    """(n,) positions drawn with replacement, by weight."""
    edges = np.cumsum(weights)
    return np.minimum(np.searchsorted(edges, rng.uniform(0, edges[-1], n), side="right"), len(weights) - 1)


def shared_out(total: int, weights: Floats) -> Ints:
    """``total`` in whole parts by weight (largest remainders)."""
    exact = total * weights / weights.sum()
    parts: Ints = np.floor(exact).astype(np.int64)
    parts[np.argsort(parts - exact, kind="stable")[: total - parts.sum()]] += 1
    return parts
