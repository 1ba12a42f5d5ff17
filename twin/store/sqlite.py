"""The store in one SQLite file: one writer at a time, readers meanwhile (WAL), every commit on the disk (FULL).

Only the standard library's sqlite3 may open the live file: another SQLite in the writer's process drops its locks.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from twin.errors import TwinError, Unavailable, Words
from twin.store import schema as t
from twin.store.migrations import FIRST_TABLES, is_version, migrate, not_ours, refuse_newer
from twin.store.private import close_database, make_file, make_folder, opener
from twin.store.sql import SqlStore

BUSY_TIMEOUT_S = 10
POLL_S = 0.25
"""How long another process's commit may stay unseen by ``wait``."""

HINTS = (
    ("locked", Words(f"被其他程序占用超过 {BUSY_TIMEOUT_S} 秒，请稍后再试", f"another program held it for more than {BUSY_TIMEOUT_S} s; try again")),
    ("full", Words("磁盘已满；未写入任何内容", "the disk is full; nothing was written")),
    ("disk I/O error", Words("读写磁盘出错（磁盘已满？）；未写入任何内容", "reading or writing the disk failed (full?); nothing was written")),
    ("readonly", Words("文件或文件夹只读", "the file or its folder is read-only")),
    ("unable to open", Words("无法打开：请检查路径和权限", "it cannot be opened: check the path and the permissions")),
    ("malformed", Words("文件已损坏；请用备份恢复（twin backup 所作的副本）", "the file is damaged; restore a copy made by twin backup")),
    ("not a database", Words("不是本程序的数据文件，或已损坏", "it is no store, or damaged")),
)  # fmt: skip
GENERAL = Words("请用 twin check 检查", "look at it by twin check")


class SqliteStore(SqlStore):
    """A store in a file for its owner only, made if absent (its folder too), migrated if older.

    Raises:
        InvalidInput: the file is something else's database, or of a newer version.
        Unavailable: it cannot be opened, or is no database at all.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        engine = sqlite_engine(path)
        super().__init__(engine.execution_options(write=True), engine, str(path))
        _make_folder(path.parent)
        with suppress(OSError):  # opening it says why
            make_file(path)
        try:
            self._open()
        except BaseException:
            engine.dispose()
            raise
        close_database(path)

    def _open(self) -> None:
        with self.words():
            found = _schema_of(self.path)
        if found is None:
            with self.writing() as c:
                t.metadata.create_all(c)
                version = sa.insert(t.meta).prefix_with("OR IGNORE")
                c.execute(version.values(name="schema", value=str(t.SCHEMA_VERSION)))
            return
        refuse_newer(found, self.name)
        if found < t.SCHEMA_VERSION:
            with self.writing() as c:
                migrate(c, before=lambda: back_up_beside(self.path, found))

    def lock(self, c: sa.Connection) -> None:
        """The engine's BEGIN IMMEDIATE has done it."""

    def insert(self, c: sa.Connection, table: sa.Table, rows: Sequence[Sequence[Any]]) -> None:
        """Bound by the driver itself, four times faster than by SQLAlchemy."""
        command = str(sa.insert(table).compile(c.engine, column_keys=t.COLUMNS))
        c.exec_driver_sql(command, [tuple(row) for row in rows])

    def announce(self, c: sa.Connection, number: int) -> None:
        """Others look for themselves."""

    def pause(self, rung: int, timeout_s: float) -> None:
        self._bell.wait(rung, min(timeout_s, POLL_S))

    def integrity(self, c: sa.Connection) -> list[str]:
        """What SQLite finds wrong with the file's pages and indexes."""
        return [said for (said,) in c.exec_driver_sql("PRAGMA integrity_check(20)") if said != "ok"]

    def unavailable(self, reason: Exception) -> TwinError:
        said = str(reason)
        hint = next((words for text, words in HINTS if text in said), GENERAL)
        return Unavailable(
            f"数据文件 {self.path} 现在不可用：{hint.zh}（{said}）",
            f"the store {self.path} is not available: {hint.en} ({said})",
        )


def _make_folder(folder: Path) -> None:
    try:
        make_folder(folder)
    except OSError as reason:
        raise Unavailable(
            f"无法创建数据文件夹 {folder}：{reason}", f"cannot make the folder {folder}: {reason}"
        ) from None


def sqlite_engine(path: Path | None) -> sa.Engine:
    """Of connections that begin transactions themselves: sqlite3's own way loses updates. None: in memory, one connection."""
    in_memory: dict[str, Any] = {"poolclass": sa.QueuePool, "pool_size": 1, "max_overflow": 0} if path is None else {}
    arguments = {"timeout": BUSY_TIMEOUT_S, "check_same_thread": False}  # the pool lends one to a thread at a time
    place = sa.URL.create("sqlite", database=None if path is None else str(path))
    engine = sa.create_engine(place, hide_parameters=True, connect_args=arguments, **in_memory)

    @sa.event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        write = connection.get_execution_options().get("write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _schema_of(path: Path) -> int | None:
    """The version of the store in a file, None where there is nothing yet. Looks without changing anything.

    Raises:
        InvalidInput: it is something else's database. sqlite3.Error: it is no database.
    """
    if not (path.is_file() and path.stat().st_size):
        return None
    with closing(_opened(path, "ro")) as c:
        tables = {row[0] for row in c.execute("select name from sqlite_master where type = 'table'")}
        if not tables:
            return None
        versions = []
        if tables >= FIRST_TABLES:
            versions = c.execute("select value from meta where name = 'schema'").fetchall()
    if len(versions) != 1 or not is_version(str(versions[0][0])):
        raise not_ours(str(path), sorted(tables))
    return int(versions[0][0])


def _opened(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode={mode}", uri=True, timeout=BUSY_TIMEOUT_S)


def copy_file(path: Path, to: Path) -> None:
    """An exact, checked copy of what is committed in a live file, while others write to it. Never over another file; for its
    owner only.

    Raises:
        sqlite3.Error, OSError: it cannot be read or written, or ``to`` exists; nothing new is left at ``to``.
    """
    with open(to, "xb", opener=opener):
        part = to.with_name(f"{to.name}.part")
    try:
        make_file(part)
        with closing(_opened(path, "rw")) as source, closing(sqlite3.connect(part)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")
            if (said := target.execute("PRAGMA quick_check").fetchone()[0]) != "ok":
                raise sqlite3.DatabaseError(f"database disk image is malformed: {said}")
        part.replace(to)
    except BaseException:
        for left in (part, to):
            left.unlink(missing_ok=True)
        raise


def back_up_beside(path: Path, version: int) -> Path:
    """A copy of the file as it is, before it is migrated."""
    names = (path.with_name(f"{path.name}.schema-{version}{n}") for n in ("", *(f".{i}" for i in range(2, 1000))))
    to = next(name for name in names if not name.exists())
    copy_file(path, to)
    return to


@contextmanager
def sole_server(path: Path) -> Iterator[None]:
    """Keeps a second server away from the file, for as long as the block lasts or the process lives.

    Raises:
        Unavailable: another process serves it.
    """
    import fcntl

    _make_folder(path.parent)
    with open(path.with_name(f"{path.name}.serving"), "a", opener=opener) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unavailable(
                f"已有另一个进程在用 {path} 提供服务。一个 SQLite 文件只能有一个服务进程，多进程请用 PostGIS",
                f"another process serves {path} already. A SQLite file takes one server; use PostGIS for more",
            ) from None
        yield
