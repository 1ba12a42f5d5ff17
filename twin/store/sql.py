"""What the stores on a database share, through SQLAlchemy Core: what is read, what is recorded, in the same words and bytes.

One writer at a time (the databases' own modules see to that), versions closed by compare-and-swap, readers that see the
last committed state.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

import orjson
import sqlalchemy as sa

from twin.errors import Conflict, TwinError, Unavailable
from twin.model import Edit, Record, Source, Transaction
from twin.ports import GridFile, PlaceTouched, StoredNews, StoredState
from twin.store import queries as q
from twin.store import schema as t
from twin.store.bell import Bell, wait_for_change
from twin.store.sound import json_bytes, refuse_unsound_words, sound
from twin.store.undo import Undo, no_such_transaction, undo
from twin.store.versions import not_before, refuse_twice, step
from twin.times import stored_time


class SqlStore(ABC):
    """Implements ``twin.ports.Store``.

    Args:
        engine: makes transactions that may write. ``reader`` shares its connections and makes those that see one state.
        name: how words name the store; without a password.
    """

    def __init__(self, engine: sa.Engine, reader: sa.Engine, name: str) -> None:
        self.engine, self._reader, self.name = engine, reader, name
        self._bell = Bell()

    def close(self) -> None:
        self.engine.dispose()

    @abstractmethod
    def lock(self, c: sa.Connection) -> None:
        """Wait until nobody else writes, and keep others from it until the transaction ends."""

    @abstractmethod
    def insert(self, c: sa.Connection, table: sa.Table, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows of all of a versioned table's columns, in their order."""

    @abstractmethod
    def announce(self, c: sa.Connection, number: int) -> None:
        """Tell other processes of a transaction, once it is committed."""

    @abstractmethod
    def integrity(self, c: sa.Connection) -> list[str]:
        """What the database itself finds damaged, in its words."""

    @abstractmethod
    def unavailable(self, reason: Exception) -> TwinError:
        """What the driver said, in words."""

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that may write; committed at the end, or nothing of it."""
        with self.words(), self.engine.connect() as c, c.begin():
            self.lock(c)
            yield c
        self._bell.ring()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that sees one state of the store."""
        with self.words(), self._reader.connect() as c, c.begin():
            yield c

    @contextmanager
    def words(self) -> Iterator[None]:
        try:
            yield
        except orjson.JSONDecodeError as reason:
            raise Unavailable(
                f"{self.name} 中的内容已损坏（{reason}）；请用 twin check 查明，并用备份恢复",
                f"what {self.name} holds is damaged ({reason}): twin check says where; restore a backup",
            ) from None
        except (sa.exc.DBAPIError, sa.exc.TimeoutError, self.engine.dialect.loaded_dbapi.Error) as reason:
            raise self.unavailable(getattr(reason, "orig", None) or reason) from None

    def head(self) -> int:
        with self.reading() as c:
            return q.head_of(c)

    def state(self, as_of: datetime, known_at: datetime | None) -> StoredState:
        with self.reading() as c:
            tx, moment = q.head_of(c, known_at), stored_time(as_of)
            rows: dict[str, list[tuple[Any, ...]]] = {}
            times: list[str] = []
            for table in t.VERSIONED:
                for layer, held in groupby(c.execute(q.holding(table, tx, moment)), itemgetter(-1)):
                    rows[layer] = [row[:-1] for row in held]
                times += [v for v in c.execute(q.later(table, tx, moment)).one() if v is not None]
            sources = {s.id: s for number, s in q.sources_of(c) if number <= tx}
            grids = [g.grid for g in q.grids_of(c, q.at(t.grid, tx))]
        return StoredState(rows, sources, grids, t.text_time(min(times)) if times else None, tx)

    def elsewhen(
        self, tx: int, moment: datetime, start: datetime | None, end: datetime | None
    ) -> dict[str, list[tuple[Any, ...]]]:
        first, last = (None if time is None else stored_time(time) for time in (start, end))
        rows: dict[str, list[tuple[Any, ...]]] = {}
        with self.reading() as c:
            for table in t.VERSIONED:
                found = c.execute(q.elsewhen(table, tx, stored_time(moment), first, last))
                rows |= {layer: [row[:-1] for row in held] for layer, held in groupby(found, itemgetter(-1))}
        return rows

    def attributes(self, layer: str, after: int) -> list[tuple[str, bytes]]:
        columns = t.table_for(layer).c
        wanted = sa.select(columns.key, columns.attributes).where(columns.layer == layer, columns.tx > after)
        with self.reading() as c:
            return [(key, said) for key, said in c.execute(wanted)]

    def since(
        self, head: int, as_of: datetime, was: datetime | None, most: int, *, back: bool = False
    ) -> StoredNews | None:
        moment, before = stored_time(as_of), None if was is None else stored_time(was)
        at_time = before if back and before is not None else moment
        keys: dict[str, list[str]] = {}
        rows: dict[str, list[tuple[Any, ...]]] = {}
        times: list[str | None] = []
        with self.reading() as c:
            tx = head if back else q.head_of(c)
            if q.grids_of(c, sa.or_(t.grid.c.tx > head, t.grid.c.tx_to > head)):
                return None
            for table in t.VERSIONED:
                touched = q.touched_keys(c, table, head, before, moment, most)
                if len(touched) > most:
                    return None
                for layer, group in groupby(touched, itemgetter(0)):
                    names = keys[layer] = [key for _, key in group]
                    held = [
                        r
                        for query in q.of_keys(q.holding(table, tx, at_time), table, layer, names)
                        for r in c.execute(query)
                    ]
                    rows[layer] = [row[:-1] for row in held]
                    if was is None:
                        times += [
                            v
                            for query in q.of_keys(q.later(table, tx, at_time), table, layer, names)
                            for v in c.execute(query).one()
                        ]
                if was is not None:
                    times += c.execute(q.later(table, tx, at_time)).one()
            sources = {s.id: s for number, s in q.sources_of(c) if number <= tx}
        said = [text for text in times if text is not None]
        return StoredNews(keys, rows, sources, t.text_time(min(said)) if said else None, tx)

    def commit(
        self, edits: Sequence[Edit], *, author: str, reason: str, at: datetime, sources: Sequence[Source] = (),
        grids: Sequence[GridFile] = (), replace_all: bool = False,
    ) -> Transaction:  # fmt: skip
        refuse_unsound_words({"author": author, "reason": reason}, sources, grids)
        edits = sound(edits)
        refuse_twice(edits)
        said = Transaction(0, at, author, reason, sources[0].id if sources else "", len(edits))
        with self.writing() as c:
            transaction = self._begin(c, said)
            if replace_all:
                for table in (*t.VERSIONED, t.grid):
                    c.execute(sa.update(table).where(table.c.tx_to.is_(None)).values(tx_to=transaction.tx))
            last, timelines = q.present(c, edits)
            steps = {_key(e): step(e, timelines.get(_key(e), ()), last.get(_key(e), 0)) for e in edits}
            self._record(c, transaction.tx, Undo(steps, tuple(sources), tuple(g.name for g in grids), tuple(grids)))
        return transaction

    def revert(self, tx: int, *, author: str, reason: str, at: datetime) -> Transaction:
        refuse_unsound_words({"author": author, "reason": reason}, (), ())
        with self.writing() as c:
            _refuse_unknown(c, tx)
            of_tx = sa.or_(t.grid.c.tx == tx, t.grid.c.tx_to == tx, t.grid.c.tx_to.is_(None))
            done = undo(tx, q.to_undo(c, tx), q.sources_of(c), q.grids_of(c, of_tx))
            transaction = self._begin(c, Transaction(0, at, author, reason, "", len(done.keys)))
            self._record(c, transaction.tx, done)
        return transaction

    def _begin(self, c: sa.Connection, said: Transaction) -> Transaction:
        transaction = replace(said, tx=q.head_of(c) + 1, at=not_before(said.at, q.last_time(c)))
        c.execute(sa.insert(t.tx), [{**_fields(transaction), "at": stored_time(transaction.at)}])
        return transaction

    def _record(self, c: sa.Connection, number: int, done: Undo) -> None:
        for table in t.VERSIONED:
            steps = {key: plan for key, plan in done.keys.items() if t.table_for(key[0]) is table}
            _close(c, table, [(*key, version) for key, plan in steps.items() for version in plan.closes], number)
            new = [_values(record, version, number) for plan in steps.values() for version, record in plan.new]
            if new:
                self.insert(c, table, new)
        if done.sources:
            c.execute(sa.insert(t.source), [{"tx": number, **_fields(s)} for s in done.sources])
        for name in done.closed_grids:
            c.execute(sa.update(t.grid).where(t.grid.c.name == name, t.grid.c.tx_to.is_(None)).values(tx_to=number))
        for grid in done.grids:
            c.execute(sa.insert(t.grid).values(tx=number, **_fields(grid)))
        self.announce(c, number)

    def sources(self) -> list[tuple[int, Source]]:
        with self.reading() as c:
            return q.sources_of(c)

    def touched(self, tx: int) -> list[tuple[str, str, list[Record], list[Record]]]:
        with self.reading() as c:
            _refuse_unknown(c, tx)
            found = [pair for table in t.VERSIONED for pair in q.of_transaction(c, table, tx).items()]
        return [
            (*key, [v.record for v in versions if v.tx_to == tx], [v.record for v in versions if v.tx == tx])
            for key, versions in sorted(found, key=itemgetter(0))
        ]

    def places(self, tx: int) -> tuple[Transaction, list[PlaceTouched]]:
        with self.reading() as c:
            _refuse_unknown(c, tx)
            said = c.execute(sa.select(t.tx).where(t.tx.c.tx == tx)).one()
            found = [row for table in t.VERSIONED for row in q.places_of(c, table, tx)]
        return _transaction(said), sorted(found, key=itemgetter(0, 1))

    def wait(self, head: int, timeout_s: float) -> int:
        return wait_for_change(head, timeout_s, self.head, self._bell, self.pause)

    @abstractmethod
    def pause(self, rung: int, timeout_s: float) -> None:
        """Wait for a sign that something was recorded here or elsewhere; may return too early."""

    def transactions(self) -> list[Transaction]:
        with self.reading() as c:
            rows = c.execute(sa.select(t.tx).order_by(t.tx.c.tx)).all()
        return [_transaction(r) for r in rows]

    def open_versions(self, layer: str) -> list[tuple[int, Record]]:
        table = t.table_for(layer)
        query = sa.select(table).where(table.c.layer == layer, table.c.tx_to.is_(None))
        with self.reading() as c:
            return [(r.version, q.record_of(r)) for r in c.execute(query.order_by(table.c.key, table.c.valid_from))]

    def versions(self, layer: str, key: str) -> list[tuple[int, int, int | None, Record]]:
        table = t.table_for(layer)
        query = sa.select(table).where(table.c.layer == layer, table.c.key == key).order_by(table.c.version)
        with self.reading() as c:
            return [(v.version, v.tx, v.tx_to, v.record) for v in map(q.version_of, c.execute(query))]


def _refuse_unknown(c: sa.Connection, tx: int) -> None:
    head = q.head_of(c)
    if not 1 <= tx <= head:
        raise no_such_transaction(tx, head)


def _close(c: sa.Connection, table: sa.Table, versions: Sequence[tuple[str, str, int]], number: int) -> None:
    if not versions:
        return
    this = [table.c[name] == sa.bindparam(f"of_{name}") for name in ("layer", "key", "version")]
    rows = [{"of_layer": layer, "of_key": key, "of_version": version} for layer, key, version in versions]
    swapped = c.execute(sa.update(table).where(*this, table.c.tx_to.is_(None)).values(tx_to=number), rows).rowcount
    if swapped != len(versions):
        said = f"{versions[0][0]} {versions[0][1]}"
        raise Conflict(
            f"{said} 等 {len(versions)} 个版本中有的已被他人修改",
            f"of {len(versions)} versions ({said} …) some were changed by somebody else",
        )


def _transaction(r: Any) -> Transaction:
    return Transaction(r.tx, t.text_time(r.at), r.author, r.reason, r.source, r.n_edits)


def _key(edit: Edit) -> q.Key:
    return edit.record.layer, edit.record.key


def _fields(value: Source | GridFile | Transaction) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def _values(r: Record, version: int, number: int) -> tuple[Any, ...]:
    """A row in the order of ``schema.COLUMNS``."""
    return (
        r.layer, r.key, version, number, None, stored_time(r.valid_from), stored_time(r.valid_to) if r.valid_to else None,
        r.name, r.lifecycle, r.online, r.n_devices, r.owner, r.source, r.lng, r.lat, r.geometry, json_bytes(r.attributes),
        json_bytes(r.original) if r.original is not None else None,
    )  # fmt: skip
