"""Whether a store is sound: what must hold of its tables, looked at row by row. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import shapely
import sqlalchemy as sa

from twin.errors import Unavailable, Words
from twin.store import schema as t
from twin.store.sql import SqlStore
from twin.times import stored_time

N_NAMED = 5
N_AT_ONCE = 5000
FAR = "~"
"""Sorts after every time."""


@dataclass
class Checkup:
    """``counts`` of rows by table and of what is open; ``findings`` are what is wrong, none where all is well."""

    counts: dict[str, int] = field(default_factory=dict)
    findings: list[Words] = field(default_factory=list)


def check(store: SqlStore) -> Checkup:
    """Look at everything, as one state. What the database cannot read any more is a finding too."""
    found = Checkup()
    looks: list[Callable[[sa.Connection], Iterator[Words]]] = [
        lambda c: (Words(f"文件损坏：{said}", f"damaged: {said}") for said in store.integrity(c)),
        lambda c: _count(c, found.counts),
        _transactions,
        *(look for table in t.VERSIONED for look in _looks_at(table)),
        lambda c: _dangling(c, t.source, t.source.c.id),
        lambda c: _dangling(c, t.grid, t.grid.c.name),
    ]
    for look in looks:
        try:
            with store.reading() as c:
                found.findings += look(c)
        except Unavailable as reason:
            found.findings.append(reason.words)
    return found


def _looks_at(table: sa.Table) -> list[Callable[[sa.Connection], Iterator[Words]]]:
    key = table.c.layer + " " + table.c.key
    return [lambda c: _dangling(c, table, key), lambda c: _overlaps(c, table), lambda c: _contents(c, table)]


def _count(c: sa.Connection, counts: dict[str, int]) -> Iterator[Words]:
    for table in t.metadata.sorted_tables:
        if table is not t.meta:
            counts[table.name] = int(c.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())
    for table in t.VERSIONED:
        now = sa.select(sa.func.count()).select_from(table).where(table.c.tx_to.is_(None))
        counts[f"{table.name}, open"] = int(c.execute(now).scalar_one())
    yield from ()


def _transactions(c: sa.Connection) -> Iterator[Words]:
    rows = c.execute(sa.select(t.tx.c.tx, t.tx.c.at).order_by(t.tx.c.tx)).all()
    gaps = [number for at, (number, _) in enumerate(rows, 1) if number != at]
    if gaps:
        yield Words(
            f"事务编号不连续，自 {gaps[0]} 起", f"transactions are not numbered without a gap: from {gaps[0]} on"
        )
    yield from _named(
        "事务的时间无法读取",
        "times of transactions that cannot be read",
        [str(n) for n, at in rows if not _is_time(at)],
    )


def _dangling(c: sa.Connection, table: sa.Table, name: sa.ColumnElement[str]) -> Iterator[Words]:
    """Rows of transactions that are not there, or closed before they were recorded."""
    known = sa.select(t.tx.c.tx)
    wrong: list[sa.ColumnElement[bool]] = [table.c.tx.not_in(known)]
    if "tx_to" in table.c:
        wrong += [table.c.tx_to.not_in(known), table.c.tx_to <= table.c.tx]
    keys = c.execute(sa.select(name).where(sa.or_(*wrong)).order_by(name)).scalars().all()
    zh, en = "事务不存在，或关闭早于写入", "of no transaction, or closed before they were recorded"
    yield from _named(f"{table.name} {zh}", f"{table.name} {en}", keys)


def _overlaps(c: sa.Connection, table: sa.Table) -> Iterator[Words]:
    """Open versions of a key whose validities lie over each other."""
    before = sa.func.max(sa.func.coalesce(table.c.valid_to, FAR)).over(
        partition_by=(table.c.layer, table.c.key), order_by=(table.c.valid_from, table.c.version), rows=(None, -1)
    )
    open_ = sa.select(table.c.layer, table.c.key, table.c.valid_from, before.label("until")).where(
        table.c.tx_to.is_(None)
    )
    v = open_.subquery()
    keys = c.execute(sa.select(v.c.layer + " " + v.c.key).where(v.c.until > v.c.valid_from).distinct()).scalars().all()
    yield from _named("同一编号的有效期重叠", "validities of one key that overlap", sorted(keys))


def _contents(c: sa.Connection, table: sa.Table) -> Iterator[Words]:
    """Cells that cannot be read: JSON, geometries, times, places."""
    bad: dict[str, list[str]] = {"json": [], "wkb": [], "invalid": [], "time": [], "place": []}
    columns = ("layer", "key", "version", "valid_from", "valid_to", "lng", "lat", "geometry", "attributes", "original")
    query = sa.select(*(table.c[n] for n in columns))
    result = c.execute(query.execution_options(yield_per=N_AT_ONCE))
    for rows in result.partitions():
        for r in rows:
            for kind in _wrong_cells(r):
                bad[kind].append(_name(r))
        shaped = [r for r in rows if r.geometry is not None]
        shapes = shapely.from_wkb(np.array([r.geometry for r in shaped], object), on_invalid="ignore")
        bad["wkb"] += [_name(r) for r, shape in zip(shaped, shapes, strict=True) if shape is None]
        valid = shapely.is_valid(shapes)
        bad["invalid"] += [
            f"{_name(r)} ({shapely.is_valid_reason(shape)})"
            for r, shape, sound in zip(shaped, shapes, valid, strict=True)
            if shape is not None and not sound
        ]
    yield from _named("属性无法读作 JSON", "attributes that are no JSON", bad["json"])
    yield from _named("几何无法读取", "geometries that cannot be read", bad["wkb"])
    yield from _named("几何无效", "geometries that are not valid", bad["invalid"])
    yield from _named("时间无法读取", "times that cannot be read", bad["time"])
    yield from _named("经纬度不成对或越界", "places with one coordinate only, or off the globe", bad["place"])


def _wrong_cells(r: Any) -> Iterator[str]:
    if not _is_object(r.attributes) or not (r.original is None or _is_object(r.original)):
        yield "json"
    if not (_is_time(r.valid_from) and (r.valid_to is None or _is_time(r.valid_to))):
        yield "time"
    if (r.lng is None) != (r.lat is None) or (r.lng is not None and not (abs(r.lng) <= 180 and abs(r.lat) <= 90)):
        yield "place"


def _is_object(text: Any) -> bool:
    try:
        return isinstance(orjson.loads(text), dict)
    except (TypeError, ValueError):
        return False


def _is_time(text: Any) -> bool:
    try:
        return bool(stored_time(t.text_time(text)) == text)
    except (TypeError, ValueError):
        return False


def _name(r: Any) -> str:
    return f"{r.layer} {r.key} v{r.version}"


def _named(zh: str, en: str, names: Any) -> Iterator[Words]:
    if names:
        said, more = ", ".join(names[:N_NAMED]), " …" if len(names) > N_NAMED else ""
        yield Words(f"{zh}（{len(names)}）：{said}{more}", f"{len(names)} {en}: {said}{more}")
