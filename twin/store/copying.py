"""A twin with its history, from one store to another: streamed, in one transaction, compared at the end."""

from __future__ import annotations

import hashlib
import marshal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from twin.errors import Conflict, NotFound, Unavailable
from twin.store import schema as t
from twin.store.access import FILE as ACCESS_FILE
from twin.store.access import SqliteAccess
from twin.store.queries import head_of
from twin.store.sql import SqlStore
from twin.store.sqlite import SqliteStore, copy_file

FILE = "twin.sqlite"
N_AT_ONCE = 5000
PLAIN_MARSHAL = 2
"""The last format that writes equal values as equal bytes."""
TABLES = (t.tx, t.source, t.grid, *t.VERSIONED)


def copy_store(source: SqlStore, target: SqlStore, tell: Callable[[str, int], None]) -> int:
    """Copy everything that ``source`` holds into ``target``; the number of rows. ``tell`` hears of every table.

    Raises:
        Conflict: ``target`` holds something.
        Unavailable: one of them fails, or the copy is not equal; then nothing is written.
    """
    with source.reading() as old, target.writing() as new:
        if head_of(new):
            raise Conflict(
                f"{target.name} 已有数据，未作改动；复制的目标应为空",
                f"{target.name} holds data; nothing was changed: copy into an empty store",
            )
        n_rows = 0
        for table in TABLES:
            digest = hashlib.blake2b(digest_size=16)
            n = 0
            for rows in _chunks(old, table):
                digest.update(marshal.dumps(rows, PLAIN_MARSHAL))
                n += len(rows)
                if table in t.VERSIONED:
                    target.insert(new, table, rows)
                else:
                    names = [c.name for c in table.columns]
                    new.execute(sa.insert(table), [dict(zip(names, row, strict=True)) for row in rows])
            if _digest(new, table) != digest.digest():
                raise Unavailable(
                    f"复制后 {table.name} 与原表不一致，已撤销",
                    f"the copy of {table.name} is not equal to the original; undone",
                )
            tell(table.name, n)
            n_rows += n
    return n_rows


def _digest(c: sa.Connection, table: sa.Table) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for rows in _chunks(c, table):
        digest.update(marshal.dumps(rows, PLAIN_MARSHAL))
    return digest.digest()


def _chunks(c: sa.Connection, table: sa.Table) -> Iterator[list[tuple[Any, ...]]]:
    """All rows in the order of the primary key, a few thousand at a time."""
    query = sa.select(table).order_by(*table.primary_key.columns)
    with c.execute(query.execution_options(yield_per=N_AT_ONCE)) as result:
        for part in result.partitions():
            yield [tuple(row) for row in part]


def back_up(
    store: SqlStore, to: Path, tell: Callable[[str, int], None], access: SqliteAccess | None = None
) -> tuple[Path, ...]:
    """An online copy of a twin in a SQLite file, and of keys and audit beside it; all of it, or nothing.

    Args:
        to: the twin's file, ``b.sqlite``; keys and audit are then in ``b.access.sqlite``. Or a folder, for both under the names
            that they have in a data folder.
        access: keys and audit where they are in a file of their own.

    Returns:
        The files made, for their owner only.

    Raises:
        Conflict: there is such a file already. NotFound: its folder is not there.
        Unavailable: something cannot be read or written; then there is no new file.
    """
    twin, keys = (to / FILE, to / ACCESS_FILE) if to.is_dir() else (to, to.with_name(f"{to.stem}.access{to.suffix}"))
    for target in (twin, keys):
        _refuse_existing(target)
    _copy_twin(store, twin, tell)
    if access is None:
        return (twin,)
    try:
        _written(keys, access.copy_to)
    except BaseException:
        twin.unlink()
        raise
    return twin, keys


def _refuse_existing(to: Path) -> None:
    if to.exists():
        raise Conflict(
            f"{to} 已存在，未覆盖。请换一个文件名", f"{to} exists and was not overwritten. Choose another name"
        )
    if not to.parent.is_dir():
        raise NotFound(f"没有文件夹 {to.parent}", f"there is no folder {to.parent}")


def _copy_twin(store: SqlStore, to: Path, tell: Callable[[str, int], None]) -> None:
    """Page by page of a SQLite file, row by row of PostgreSQL."""
    if isinstance(store, SqliteStore):
        with store.words():
            _written(to, partial(copy_file, store.path))
        return
    part = to.with_name(f"{to.name}.part")
    try:
        target = SqliteStore(part)
        copy_store(store, target, tell)
        target.close()
        part.replace(to)
    finally:
        for left in ("", "-wal", "-shm"):
            part.with_name(part.name + left).unlink(missing_ok=True)


def _written(to: Path, write: Callable[[Path], None]) -> None:
    try:
        write(to)
    except OSError as reason:
        raise Unavailable(f"无法写入 {to}：{reason}", f"cannot write {to}: {reason}") from None
