"""What the stores on a database ask, and how rows become records: the same on all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

import orjson
import sqlalchemy as sa

from twin.model import Edit, Record, Source
from twin.ports import GridFile, PlaceTouched
from twin.store import schema as t
from twin.store.undo import KeptGrid, Version
from twin.store.versions import Held
from twin.times import stored_time

ROW_COLUMNS = (
    "key", "name", "lifecycle", "valid_from", "valid_to", "online", "n_devices", "owner", "source", "version",
    "lng", "lat", "geometry", "attributes", "layer",
)  # fmt: skip
N_KEYS_ASKED = 400
"""More keys than that are not asked for one by one."""
Key = tuple[str, str]


def head_of(c: sa.Connection, known_at: datetime | None = None) -> int:
    """The last transaction, or the last that was recorded by then."""
    last = sa.select(sa.func.coalesce(sa.func.max(t.tx.c.tx), 0))
    return int(c.execute(last if known_at is None else last.where(t.tx.c.at <= stored_time(known_at))).scalar_one())


def last_time(c: sa.Connection) -> datetime | None:
    """When the last transaction was recorded."""
    text = c.execute(sa.select(t.tx.c.at).order_by(t.tx.c.tx.desc()).limit(1)).scalar()
    return None if text is None else t.text_time(text)


def at(table: sa.Table, tx: int) -> Any:
    return sa.and_(table.c.tx <= tx, sa.or_(table.c.tx_to.is_(None), table.c.tx_to > tx))


def valid(table: sa.Table, start: str | None, end: str | None) -> Any:
    """At some moment from ``start`` to ``end``, both included; None = open."""
    begun = sa.true() if end is None else table.c.valid_from <= end
    return begun if start is None else sa.and_(begun, sa.or_(table.c.valid_to.is_(None), table.c.valid_to > start))


def rows_where(table: sa.Table, tx: int, condition: Any) -> sa.Select[Any]:
    columns = (table.c[name] for name in ROW_COLUMNS)
    return sa.select(*columns).where(at(table, tx), condition).order_by(table.c.layer, table.c.key)


def holding(table: sa.Table, tx: int, moment: str) -> sa.Select[Any]:
    return rows_where(table, tx, valid(table, moment, moment))


def elsewhen(table: sa.Table, tx: int, moment: str, start: str | None, end: str | None) -> sa.Select[Any]:
    within = sa.and_(valid(table, start, end), sa.not_(valid(table, moment, moment)))
    return rows_where(table, tx, within).order_by(table.c.valid_from)


def later(table: sa.Table, tx: int, moment: str) -> sa.Select[Any]:
    def first_after(column: sa.Column[Any]) -> Any:
        return sa.func.min(sa.case((column > moment, column)))

    return sa.select(first_after(table.c.valid_from), first_after(table.c.valid_to)).where(at(table, tx))


def touched_keys(c: sa.Connection, table: sa.Table, head: int, was: str | None, moment: str, most: int) -> list[Key]:
    """Keys of which a transaction after ``head`` recorded or closed something, or whose validity began or ended after ``was``
    up to ``moment``; at most ``most`` + 1 of them, sorted."""
    conditions = [table.c.tx > head, sa.and_(table.c.tx_to.is_not(None), table.c.tx_to > head)]
    if was is not None:
        passed = (sa.and_(column > was, column <= moment) for column in (table.c.valid_from, table.c.valid_to))
        conditions.append(sa.and_(table.c.tx_to.is_(None), sa.or_(*passed)))
    parts = [sa.select(table.c.layer, table.c.key).where(condition) for condition in conditions]
    rows = c.execute(sa.union(*parts).limit(most + 1))
    return sorted((layer, key) for layer, key in rows)


def of_keys(query: Any, table: sa.Table, layer: str, keys: Sequence[str]) -> Iterator[Any]:
    """A query for each few of a layer's keys."""
    for first in range(0, len(keys), N_KEYS_ASKED):
        yield query.where(table.c.layer == layer, table.c.key.in_(keys[first : first + N_KEYS_ASKED]))


def present(c: sa.Connection, edits: Sequence[Edit]) -> tuple[dict[Key, int], dict[Key, list[Held]]]:
    """Of the keys that are edited: the highest version, and the open versions."""
    last: dict[Key, int] = {}
    timelines: dict[Key, list[Held]] = {}
    asked: dict[str, set[str]] = {}
    for e in edits:
        asked.setdefault(e.record.layer, set()).add(e.record.key)
    for layer, keys in sorted(asked.items()):
        table = t.table_for(layer)
        these = table.c.layer == layer
        if len(keys) <= N_KEYS_ASKED:
            these = sa.and_(these, table.c.key.in_(keys))
        highest = sa.select(table.c.key, sa.func.max(table.c.version)).where(these).group_by(table.c.key)
        there = {key: int(version) for key, version in c.execute(highest) if key in keys}
        last |= {(layer, key): version for key, version in there.items()}
        if not there:
            continue
        for r in c.execute(sa.select(table).where(these, table.c.tx_to.is_(None)).order_by(table.c.version)):
            if r.key in there:
                timelines.setdefault((layer, r.key), []).append(Held(record_of(r), r.version))
    return last, timelines


def of_transaction(c: sa.Connection, table: sa.Table, tx: int) -> dict[Key, list[Version]]:
    """By key, the versions that a transaction recorded or closed."""
    parts = (sa.select(table).where(column == tx) for column in (table.c.tx, table.c.tx_to))
    return _by_key(row for part in parts for row in c.execute(part.order_by(table.c.layer, table.c.key)))


def places_of(c: sa.Connection, table: sa.Table, tx: int) -> Iterator[PlaceTouched]:
    """Where the versions lie that a transaction recorded or closed."""
    names = (table.c.layer, table.c.key, table.c.lng, table.c.lat, table.c.geometry, table.c.attributes)
    for column in (table.c.tx, table.c.tx_to):
        yield from (tuple(row) for row in c.execute(sa.select(*names).where(column == tx)))


def to_undo(c: sa.Connection, tx: int) -> dict[Key, tuple[list[Version], int]]:
    """What ``undo`` asks of the keys that a transaction touched."""
    found: dict[Key, tuple[list[Version], int]] = {}
    for table in t.VERSIONED:
        # As a set that is made once: an EXISTS makes SQLite look at all that was closed, for every row.
        key_closed = sa.tuple_(table.c.layer, table.c.key).in_(
            sa.select(table.c.layer, table.c.key).where(table.c.tx_to == tx).correlate(None)
        )
        since = sa.select(table).where(table.c.tx > tx, table.c.tx_to.is_(None), key_closed)
        versions = of_transaction(c, table, tx)
        for key, more in _by_key(c.execute(since)).items():
            versions[key] += more
        highest = sa.select(table.c.layer, table.c.key, sa.func.max(table.c.version)).where(key_closed)
        last = {(r[0], r[1]): int(r[2]) for r in c.execute(highest.group_by(table.c.layer, table.c.key))}
        found |= {key: (sorted(held, key=itemgetter(0)), last.get(key, 0)) for key, held in sorted(versions.items())}
    return found


def _by_key(rows: Iterable[Any]) -> dict[Key, list[Version]]:
    found: dict[Key, list[Version]] = {}
    for r in rows:
        found.setdefault((r.layer, r.key), []).append(version_of(r))
    return {key: sorted(versions, key=itemgetter(0)) for key, versions in found.items()}


def sources_of(c: sa.Connection) -> list[tuple[int, Source]]:
    rows = c.execute(sa.select(t.source).order_by(t.source.c.tx, t.source.c.id))
    return [
        (r.tx, Source(r.id, r.title, r.frame, r.synthetic, r.schematic, r.derived, r.licence, r.sha256)) for r in rows
    ]


def grids_of(c: sa.Connection, which: Any) -> list[KeptGrid]:
    rows = c.execute(sa.select(t.grid).where(which).order_by(t.grid.c.name, t.grid.c.tx))
    return [KeptGrid(r.tx, r.tx_to, GridFile(r.name, r.unit, r.source, r.content)) for r in rows]


def version_of(r: Any) -> Version:
    return Version(r.version, r.tx, r.tx_to, record_of(r))


def record_of(r: Any) -> Record:
    """The record of a row of a versioned table."""
    return Record(
        r.layer, r.key, r.name, r.lifecycle, t.text_time(r.valid_from), t.text_time(r.valid_to) if r.valid_to else None,
        r.online, r.n_devices, r.owner, r.source, r.lng, r.lat, r.geometry, orjson.loads(r.attributes),
        orjson.loads(r.original) if r.original is not None else None,
    )  # fmt: skip
