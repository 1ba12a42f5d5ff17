"""Snapshots from a store: read whole, or brought up to date by what has changed since. Knows ports, no adapter."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from typing import Any

import orjson
from shapely.errors import ShapelyError

from twin.errors import Unavailable
from twin.layers import LAYERS
from twin.layers.tabulate import areas_of, patched, table_of
from twin.model import DemandGrid, LayerTable, Snapshot, Source
from twin.ports import GridFile, Store
from twin.times import stored_time

MOST_NEWS = 5_000
"""More changed keys than that are read with all others: about as fast, and simpler."""
ReadGrid = Callable[[GridFile], DemandGrid]


@dataclass(frozen=True)
class Read:
    """A snapshot, and what is needed to bring it up to date. ``grids_id`` is a hash of the rasters."""

    snapshot: Snapshot
    head: int
    next_change: datetime | None
    grids_id: str


def read(store: Store, read_grid: ReadGrid, as_of: datetime, known_at: datetime | None, now: datetime) -> Read:
    """What is held at ``as_of``; by all that is recorded, whatever the clocks of those who did, unless ``known_at``.

    Raises:
        Unavailable: what the store gives cannot be read.
    """
    with collector_paused(), readable():
        state = store.state(as_of, known_at)
        layers = {name: table_of(kind, state.rows.pop(name, ())) for name, kind in LAYERS.items()}
        grids = {grid.name: read_grid(grid) for grid in state.grids}
        grids_id = grids_id_of(state.grids)
        snapshot = Snapshot(
            content_id(layers, state.sources, grids_id), layers, areas_of(layers["areas"]), grids, state.sources, as_of,
            known_at or now, state.head,
        )  # fmt: skip
        return Read(snapshot, state.head, state.next_change, grids_id)


def brought_up_to_date(last: Read, store: Store, read_grid: ReadGrid, now: datetime) -> Read:
    """What holds now, from what held at the last reading: equal to what reading everything gives.

    Raises:
        Unavailable: what the store gives cannot be read.
    """
    passed = last.next_change is not None and last.next_change <= now
    was = last.snapshot.as_of if passed else None
    with readable():
        news = store.since(last.head, now, was, MOST_NEWS)
        if news is None:
            return read(store, read_grid, now, None, now)
        layers = dict(last.snapshot.layers)
        for name, keys in news.keys.items():
            layers[name] = patched(LAYERS[name], layers[name], keys, news.rows[name])
        areas = areas_of(layers["areas"]) if "areas" in news.keys else last.snapshot.areas
        snapshot = replace(
            last.snapshot, id=content_id(layers, news.sources, last.grids_id), layers=layers, areas=areas, sources=news.sources,
            as_of=now, known_at=now, tx=news.head,
        )  # fmt: skip
    times = [t for t in (news.next_change, None if passed else last.next_change) if t is not None]
    return Read(snapshot, news.head, min(times, default=None), last.grids_id)


def brought_back(last: Read, store: Store, tx: int, as_of: datetime, now: datetime) -> Snapshot | None:
    """What held at ``as_of`` by the transactions up to ``tx``, from what was read later; None if that is too much to take back."""
    with readable():
        news = store.since(tx, now, as_of, MOST_NEWS, back=True)
        if news is None:
            return None
        layers = dict(last.snapshot.layers)
        for name, keys in news.keys.items():
            layers[name] = patched(LAYERS[name], layers[name], keys, news.rows[name])
        areas = areas_of(layers["areas"]) if "areas" in news.keys else last.snapshot.areas
        known = content_id(layers, news.sources, last.grids_id)
        return replace(
            last.snapshot, id=known, layers=layers, areas=areas, sources=news.sources, as_of=as_of, known_at=as_of, tx=tx,
            is_present=False,
        )  # fmt: skip


def widened(snapshot: Snapshot, store: Store, start: datetime | None, end: datetime | None) -> Snapshot:
    """The snapshot with whatever else holds at some moment from ``start`` to ``end``, both included; None = open.

    Of what holds then in several versions, and in none at the snapshot's ``as_of``, it is the last one begun by then, or the first
    that is to come. ``areas`` stay those of ``as_of``: what is counted by area is counted once.
    """
    layers, as_of = dict(snapshot.layers), stored_time(snapshot.as_of)
    with readable():
        found = store.elsewhen(snapshot.tx, snapshot.as_of, start, end)
        for name in LAYERS.keys() & found.keys():
            held = set(layers[name].frame["key"])
            chosen: dict[str, tuple[Any, ...]] = {}
            for row in found[name]:
                key, valid_from = row[0], row[3]
                if key not in held and (key not in chosen or valid_from <= as_of):
                    chosen[key] = row
            keys = sorted(chosen)
            layers[name] = patched(LAYERS[name], layers[name], keys, [chosen[key] for key in keys])
        known = content_id(layers, snapshot.sources, snapshot.id)
    return replace(snapshot, id=known, layers=layers, is_present=False)


@contextmanager
def readable() -> Iterator[None]:
    try:
        yield
    except (orjson.JSONDecodeError, ShapelyError) as reason:
        raise Unavailable(
            f"存储中的内容已损坏（{reason}）；请用 twin check 查明，并用备份恢复",
            f"what the store holds is damaged ({reason}): twin check says where; restore a backup",
        ) from None


def content_id(layers: Mapping[str, LayerTable], sources: Mapping[str, Source], grids_id: str) -> str:
    """A hash of what a snapshot holds: the same content gives the same id, on any store and day."""
    digest = blake2b(grids_id.encode(), digest_size=8)
    for name in sorted(layers):
        if len(layers[name]):
            digest.update(layers[name].digest.encode())
    for source in sorted(sources.values(), key=lambda s: s.id):
        digest.update(repr(source).encode())
    return digest.hexdigest()


def grids_id_of(grids: list[GridFile]) -> str:
    digest = blake2b(digest_size=8)
    for grid in sorted(grids, key=lambda g: g.name):
        digest.update(grid.name.encode() + grid.content)
    return digest.hexdigest()


@contextmanager
def collector_paused() -> Iterator[None]:
    """No garbage collection meanwhile: hundreds of thousands of new rows would set it off again and again, for nothing."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
