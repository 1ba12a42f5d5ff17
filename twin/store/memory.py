"""A store in memory: the same semantics as the database, for tests and for trying things."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import RLock
from typing import Any

import orjson

from twin.model import Edit, Record, Source, Transaction
from twin.ports import GridFile, StoredState
from twin.store.schema import time_text
from twin.store.versions import Held, Step, refuse_twice, step


@dataclass(slots=True)
class _Version:
    version: int
    tx: int
    tx_to: int | None
    record: Record


class MemoryStore:
    """Implements ``twin.ports.Store``."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._transactions: list[Transaction] = []
        self._versions: dict[tuple[str, str], list[_Version]] = {}
        self._sources: list[tuple[int, Source]] = []
        self._grids: list[tuple[int, int | None, GridFile]] = []

    def head(self) -> int:
        return len(self._transactions)

    def state(self, as_of: datetime, known_at: datetime) -> StoredState:
        with self._lock:
            tx = max((t.tx for t in self._transactions if t.at <= known_at), default=0)
            held = [
                v for versions in self._versions.values() for v in versions if v.tx <= tx and (v.tx_to is None or v.tx_to > tx)
            ]  # fmt: skip
            rows: dict[str, list[tuple[Any, ...]]] = {}
            for v in sorted(held, key=lambda v: (v.record.layer, v.record.key)):
                if v.record.valid_from <= as_of and (v.record.valid_to is None or v.record.valid_to > as_of):
                    rows.setdefault(v.record.layer, []).append(_row(v))
            times = {t for v in held for t in (v.record.valid_from, v.record.valid_to) if t is not None and t > as_of}
            sources = {s.id: s for number, s in self._sources if number <= tx}
            grids = {g.name: g for number, tx_to, g in self._grids if number <= tx and (tx_to is None or tx_to > tx)}
            return StoredState(rows, sources, list(grids.values()), min(times, default=None))

    def commit(
        self, edits: Sequence[Edit], *, author: str, reason: str, at: datetime, sources: Sequence[Source] = (),
        grids: Sequence[GridFile] = (), replace_all: bool = False,
    ) -> Transaction:  # fmt: skip
        with self._lock:
            refuse_twice(edits)
            number = len(self._transactions) + 1
            planned = [(e, self._plan(e, replace_all)) for e in edits]
            if replace_all:
                for version in (v for versions in self._versions.values() for v in versions if v.tx_to is None):
                    version.tx_to = number
            for edit, plan in planned:
                versions = self._versions.setdefault((edit.record.layer, edit.record.key), [])
                for version in versions:
                    if version.version in plan.closes:
                        version.tx_to = number
                versions += [_Version(v, number, None, record) for v, record in plan.new]
            title = sources[0].id if sources else ""
            transaction = Transaction(number, at, author, reason, title, len(edits))
            self._transactions.append(transaction)
            self._sources += [(number, s) for s in sources]
            fresh = {g.name for g in grids}
            self._grids = [
                (n, number if to is None and (replace_all or g.name in fresh) else to, g) for n, to, g in self._grids
            ] + [(number, None, g) for g in grids]
            return transaction

    def _plan(self, edit: Edit, replaced: bool) -> Step:
        versions = self._versions.get((edit.record.layer, edit.record.key), [])
        timeline = [] if replaced else [Held(v.record, v.version) for v in versions if v.tx_to is None]
        return step(edit, timeline, max((v.version for v in versions), default=0))

    def transactions(self) -> list[Transaction]:
        return list(self._transactions)

    def versions(self, layer: str, key: str) -> list[tuple[int, int, int | None, Record]]:
        return [(v.version, v.tx, v.tx_to, v.record) for v in self._versions.get((layer, key), [])]


def _row(v: _Version) -> tuple[Any, ...]:
    r = v.record
    return (
        r.key, r.name, r.lifecycle, time_text(r.valid_from), time_text(r.valid_to) if r.valid_to else None, r.online,
        r.n_devices, r.owner, r.source, v.version, r.lng, r.lat, r.geometry,
        orjson.dumps(dict(r.attributes), option=orjson.OPT_SORT_KEYS),
    )  # fmt: skip
