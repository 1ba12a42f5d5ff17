"""A store in memory: the same semantics as the database, for tests and for trying things."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from threading import RLock
from typing import Any

import orjson

from twin.layers.tabulate import row_of
from twin.model import Edit, Record, Source, Transaction
from twin.ports import GridFile, PlaceTouched, StoredNews, StoredState
from twin.store.bell import Bell, wait_for_change
from twin.store.sound import json_bytes, refuse_unsound_words, sound
from twin.store.undo import KeptGrid, Version, no_such_transaction, undo
from twin.store.versions import Held, Step, not_before, refuse_twice, step


@dataclass(slots=True)
class _Version:
    version: int
    tx: int
    tx_to: int | None
    record: Record


class MemoryStore:
    """Implements ``twin.ports.Store``."""

    def __init__(self) -> None:
        self._lock, self._bell = RLock(), Bell()
        self._transactions: list[Transaction] = []
        self._versions: dict[tuple[str, str], list[_Version]] = {}
        self._sources: list[tuple[int, Source]] = []
        self._grids: list[KeptGrid] = []

    def head(self) -> int:
        return len(self._transactions)

    def state(self, as_of: datetime, known_at: datetime | None) -> StoredState:
        with self._lock:
            return self._state(
                as_of, max((t.tx for t in self._transactions if known_at is None or t.at <= known_at), default=0)
            )

    def _state(self, as_of: datetime, tx: int) -> StoredState:
        with self._lock:
            held = self._held(tx)
            rows = _rows(v for v in held if _is_valid(v.record, as_of, as_of))
            times = {t for v in held for t in (v.record.valid_from, v.record.valid_to) if t is not None and t > as_of}
            sources = {s.id: s for number, s in self._sources if number <= tx}
            grids = [g for number, tx_to, g in self._grids if number <= tx and (tx_to is None or tx_to > tx)]
            return StoredState(rows, sources, sorted(grids, key=lambda g: g.name), min(times, default=None), tx)

    def _held(self, tx: int) -> list[_Version]:
        """The versions that hold by the transactions up to one."""
        every = (v for versions in self._versions.values() for v in versions)
        return [v for v in every if v.tx <= tx and (v.tx_to is None or v.tx_to > tx)]

    def elsewhen(
        self, tx: int, moment: datetime, start: datetime | None, end: datetime | None
    ) -> dict[str, list[tuple[Any, ...]]]:
        with self._lock:
            held = [v for v in self._held(tx) if not _is_valid(v.record, moment, moment)]
            return _rows(v for v in held if _is_valid(v.record, start, end))

    def attributes(self, layer: str, after: int) -> list[tuple[str, bytes]]:
        with self._lock:
            found = ((key, v) for key, versions in self._versions.items() if key[0] == layer for v in versions)
            return [(key[1], json_bytes(v.record.attributes)) for key, v in found if v.tx > after]

    def since(
        self, head: int, as_of: datetime, was: datetime | None, most: int, *, back: bool = False
    ) -> StoredNews | None:
        with self._lock:
            touched = sorted(
                key for key, versions in self._versions.items() if any(_is_news(v, head, as_of, was) for v in versions)
            )
            if len(touched) > most or any(g.tx > head or (g.tx_to or 0) > head for g in self._grids):
                return None
            whole = self._state(was, head) if back and was is not None else self.state(as_of, None)
            keys: dict[str, list[str]] = {}
            for layer, key in touched:
                keys.setdefault(layer, []).append(key)
            rows = {
                layer: [r for r in whole.rows.get(layer, ()) if r[0] in set(names)] for layer, names in keys.items()
            }
            return StoredNews(keys, rows, whole.sources, whole.next_change, whole.head)

    def commit(
        self, edits: Sequence[Edit], *, author: str, reason: str, at: datetime, sources: Sequence[Source] = (),
        grids: Sequence[GridFile] = (), replace_all: bool = False,
    ) -> Transaction:  # fmt: skip
        refuse_unsound_words({"author": author, "reason": reason}, sources, grids)
        edits = sound(edits)
        refuse_twice(edits)
        with self._lock:
            steps = {(e.record.layer, e.record.key): self._plan(e, replace_all) for e in edits}
            if replace_all:
                for version in (v for versions in self._versions.values() for v in versions if v.tx_to is None):
                    version.tx_to = len(self._transactions) + 1
            ended = {g.name for g in grids} | ({g.grid.name for g in self._grids} if replace_all else set())
            title = sources[0].id if sources else ""
            return self._record(steps, Transaction(0, at, author, reason, title, len(edits)), sources, ended, grids)

    def revert(self, tx: int, *, author: str, reason: str, at: datetime) -> Transaction:
        refuse_unsound_words({"author": author, "reason": reason}, (), ())
        with self._lock:
            keys = {key: (versions, versions[-1].version) for key, versions in self._touched(tx).items()}
            done = undo(tx, keys, self._sources, self._grids)
            transaction = Transaction(0, at, author, reason, "", len(keys))
            return self._record(done.keys, transaction, done.sources, set(done.closed_grids), done.grids)

    def _record(
        self, steps: Mapping[tuple[str, str], Step], said: Transaction, sources: Iterable[Source], ended_grids: Set[str],
        grids: Iterable[GridFile],
    ) -> Transaction:  # fmt: skip
        number = len(self._transactions) + 1
        for key, plan in steps.items():
            versions = self._versions.setdefault(key, [])
            for version in versions:
                if version.version in plan.closes:
                    version.tx_to = number
            versions += [_Version(v, number, None, record) for v, record in plan.new]
        last = self._transactions[-1].at if self._transactions else None
        transaction = replace(said, tx=number, at=not_before(said.at, last))
        self._transactions.append(transaction)
        self._sources += [(number, s) for s in sources]
        closed = [
            g._replace(tx_to=number) if g.tx_to is None and g.grid.name in ended_grids else g for g in self._grids
        ]
        self._grids = closed + [KeptGrid(number, None, g) for g in grids]
        self._bell.ring()
        return transaction

    def _plan(self, edit: Edit, replaced: bool) -> Step:
        versions = self._versions.get((edit.record.layer, edit.record.key), [])
        timeline = [] if replaced else [Held(v.record, v.version) for v in versions if v.tx_to is None]
        return step(edit, timeline, max((v.version for v in versions), default=0))

    def _touched(self, tx: int) -> dict[tuple[str, str], list[Version]]:
        """All versions of the keys that a transaction recorded or closed something of."""
        if not 1 <= tx <= len(self._transactions):
            raise no_such_transaction(tx, len(self._transactions))
        return {
            key: [Version(v.version, v.tx, v.tx_to, _as_read(v.record)) for v in versions]
            for key, versions in sorted(self._versions.items())
            if any(tx in (v.tx, v.tx_to) for v in versions)
        }

    def touched(self, tx: int) -> list[tuple[str, str, list[Record], list[Record]]]:
        with self._lock:
            return [
                (*key, [v.record for v in versions if v.tx_to == tx], [v.record for v in versions if v.tx == tx])
                for key, versions in self._touched(tx).items()
            ]

    def places(self, tx: int) -> tuple[Transaction, list[PlaceTouched]]:
        touched = self.touched(tx)
        return self._transactions[tx - 1], [
            (layer, key, r.lng, r.lat, r.geometry, json_bytes(r.attributes))
            for layer, key, closed, recorded in touched
            for r in (*closed, *recorded)
        ]

    def sources(self) -> list[tuple[int, Source]]:
        return list(self._sources)

    def wait(self, head: int, timeout_s: float) -> int:
        return wait_for_change(head, timeout_s, self.head, self._bell, self._bell.wait)

    def transactions(self) -> list[Transaction]:
        return list(self._transactions)

    def open_versions(self, layer: str) -> list[tuple[int, Record]]:
        with self._lock:
            held = [
                (v.version, v.record)
                for (name, _), versions in self._versions.items() if name == layer
                for v in versions if v.tx_to is None
            ]  # fmt: skip
        return sorted(held, key=lambda pair: (pair[1].key, pair[1].valid_from))

    def versions(self, layer: str, key: str) -> list[tuple[int, int, int | None, Record]]:
        with self._lock:
            return [(v.version, v.tx, v.tx_to, _as_read(v.record)) for v in self._versions.get((layer, key), [])]


def _is_valid(r: Record, start: datetime | None, end: datetime | None) -> bool:
    """At some moment from ``start`` to ``end``, both included; None = open."""
    return (end is None or r.valid_from <= end) and (start is None or r.valid_to is None or r.valid_to > start)


def _rows(versions: Iterable[_Version]) -> dict[str, list[tuple[Any, ...]]]:
    rows: dict[str, list[tuple[Any, ...]]] = {}
    for v in sorted(versions, key=lambda v: (v.record.layer, v.record.key, v.record.valid_from)):
        rows.setdefault(v.record.layer, []).append(row_of(v.record, v.version))
    return rows


def _is_news(v: _Version, head: int, as_of: datetime, was: datetime | None) -> bool:
    if v.tx > head or (v.tx_to or 0) > head:
        return True
    ends = (v.record.valid_from, v.record.valid_to)
    return was is not None and v.tx_to is None and any(t is not None and was < t <= as_of for t in ends)


def _as_read(r: Record) -> Record:
    """The record as a file would give it back: attributes as JSON has them."""
    original = None if r.original is None else orjson.loads(json_bytes(r.original))
    return replace(r, attributes=orjson.loads(json_bytes(r.attributes)), original=original)
