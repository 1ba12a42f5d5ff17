"""Keys, sessions and the audit of exact reads, for all workers: in a SQLite file of its own, or in the twin's PostgreSQL.

Implements ``twin.identity.AccessStore``, and what ``twin keys`` and ``twin audit`` need besides.
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa

from twin.access import Caller
from twin.errors import InvalidInput, NotFound, TwinError, Unavailable
from twin.identity.chain import FIELDS, GENESIS, Entry, Row, chained
from twin.identity.keys import Key, Session
from twin.store import access_schema as t
from twin.store.private import close_database, make_file, make_folder
from twin.store.schema import text_time
from twin.store.sqlite import GENERAL, HINTS, copy_file, sqlite_engine
from twin.times import stored_time

if TYPE_CHECKING:
    from twin.store.postgres import PostgresStore

FILE = "access.sqlite"
AUDITING = 7_305_112_310_113
"""The advisory lock of the one who changes keys or adds to the audit."""
N_AT_ONCE = 2000


class AccessTables(ABC):
    """What both databases share.

    Args:
        engine: makes transactions that may write. reader: makes those that see one state.
    """

    def __init__(self, engine: sa.Engine, reader: sa.Engine) -> None:
        self._engine, self._reader = engine, reader
        with self._reading() as c:
            is_ready = self._schema(c) is not None and self._secret(c)
        if not is_ready:
            with self._writing() as c:
                if self._schema(c) is None:
                    self._make(c)
                if not self._secret(c):
                    c.execute(sa.insert(t.state), [{"name": name, "value": secrets.randbits(63)} for name in t.SECRET])

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def _lock(self, c: sa.Connection) -> None:
        """Wait until nobody else writes here, and keep others from it until the transaction ends."""

    @contextmanager
    def _words(self) -> Iterator[None]:
        try:
            yield
        except (sa.exc.DBAPIError, sa.exc.TimeoutError, self._engine.dialect.loaded_dbapi.Error) as reason:
            raise self._unavailable(getattr(reason, "orig", None) or reason) from None

    @abstractmethod
    def _unavailable(self, reason: Exception) -> TwinError: ...

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with self._words(), self._engine.connect() as c, c.begin():
            self._lock(c)
            yield c

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with self._words(), self._reader.connect() as c, c.begin():
            yield c

    def _schema(self, c: sa.Connection) -> int | None:
        if not sa.inspect(c).has_table(t.state.name):
            return None
        found = c.execute(sa.select(t.state.c.value).where(t.state.c.name == "schema")).scalar_one()
        if found > t.SCHEMA_VERSION:
            raise InvalidInput(
                f"访问控制的数据版本为 {found}，本程序只认识到 {t.SCHEMA_VERSION}。请用更新的程序打开",
                f"the tables of access have version {found}; this program knows up to {t.SCHEMA_VERSION}: use a newer one",
            )
        return int(found)

    def _make(self, c: sa.Connection) -> None:
        t.metadata.create_all(c)
        for command in t.TRIGGERS[c.dialect.name]:
            c.exec_driver_sql(command)
        c.execute(sa.insert(t.state), [{"name": "schema", "value": t.SCHEMA_VERSION}, {"name": "version", "value": 1}])

    def _secret(self, c: sa.Connection) -> bytes:
        parts = c.execute(sa.select(t.state.c.value).where(t.state.c.name.in_(t.SECRET)).order_by(t.state.c.name))
        return b"".join(part.to_bytes(8, "big") for part in parts.scalars())

    def secret(self) -> bytes:
        """16 bytes that only the servers of this twin know, the same for all of them and for good."""
        with self._reading() as c:
            return self._secret(c)

    # --- keys

    def version(self) -> int:
        with self._reading() as c:
            return int(c.execute(sa.select(t.state.c.value).where(t.state.c.name == "version")).scalar_one())

    def all_keys(self) -> list[Key]:
        with self._reading() as c:
            return [_key(row) for row in c.execute(sa.select(t.key).order_by(t.key.c.created_at, t.key.c.id))]

    def add_key(self, key: Key) -> None:
        row = {**asdict(key), "areas": orjson.dumps(key.areas).decode(), "created_at": stored_time(key.created_at),
               "expires_at": stored_time(key.expires_at) if key.expires_at else None,
               "revoked_at": stored_time(key.revoked_at) if key.revoked_at else None}  # fmt: skip
        with self._writing() as c:
            c.execute(sa.insert(t.key), [row])
            _bump(c)

    def revoke(self, key_id: str, at: datetime) -> Key:
        """End a key and its sessions; one that has been revoked stays as it is.

        Raises:
            NotFound: there is no such key.
        """
        with self._writing() as c:
            row = c.execute(sa.select(t.key).where(t.key.c.id == key_id)).one_or_none()
            if row is None:
                raise NotFound(
                    f"没有编号为 {key_id} 的密钥，见 twin keys list",
                    f"there is no key with the id {key_id!r}; see twin keys list",
                )
            key = _key(row)
            if key.revoked_at is not None:
                return key
            c.execute(sa.update(t.key).where(t.key.c.id == key_id).values(revoked_at=stored_time(at)))
            c.execute(sa.delete(t.session).where(t.session.c.key == key_id))
            _bump(c)
        return replace(key, revoked_at=at)

    # --- sessions

    def session(self, session_hash: str) -> Session | None:
        with self._reading() as c:
            row = c.execute(sa.select(t.session).where(t.session.c.hash == session_hash)).one_or_none()
        if row is None:
            return None
        told = orjson.loads(row.caller)
        caller = Caller(told["id"], told["role"], tuple(told["areas"]), told["purpose"])
        return Session(row.hash, row.key, caller, row.name, text_time(row.expires_at), row.slides)

    def add_session(self, session: Session, now: datetime) -> None:
        row = {**asdict(session), "caller": orjson.dumps(asdict(session.caller)).decode(),
               "expires_at": stored_time(session.expires_at)}  # fmt: skip
        with self._writing() as c:
            c.execute(sa.delete(t.session).where(t.session.c.expires_at <= stored_time(now)))
            c.execute(sa.insert(t.session), [row])

    def put_off(self, session_hash: str, until: datetime) -> None:
        with self._writing() as c:
            there = t.session.c.hash == session_hash
            c.execute(sa.update(t.session).where(there).values(expires_at=stored_time(until)))

    def drop_session(self, session_hash: str) -> None:
        with self._writing() as c:
            if c.execute(sa.delete(t.session).where(t.session.c.hash == session_hash)).rowcount:
                _bump(c)

    # --- audit

    def append(self, entries: Sequence[Entry]) -> list[Row]:
        with self._writing() as c:
            last = c.execute(sa.select(t.exact_read).order_by(t.exact_read.c.n.desc()).limit(1)).one_or_none()
            rows = list(chained(entries, *((last.n, last.hash) if last else (0, GENESIS))))
            values = [{"n": r.n, "previous": r.previous, "hash": r.hash, **asdict(r.entry)} for r in rows]
            if values:
                c.execute(sa.insert(t.exact_read), values)
        return rows

    def rows(self, since: datetime | None = None, caller: str | None = None) -> Iterator[Row]:
        """The audit in the order of its numbers, streamed, as one state."""
        query = sa.select(t.exact_read).order_by(t.exact_read.c.n)
        if since is not None:
            query = query.where(t.exact_read.c.at >= stored_time(since))
        if caller is not None:
            query = query.where(t.exact_read.c.caller == caller)
        with self._reading() as c, c.execute(query.execution_options(yield_per=N_AT_ONCE)) as result:
            for part in result.partitions():
                yield from map(_row, part)


class SqliteAccess(AccessTables):
    """In a file, made if absent, for its owner only; None: in memory, for tests.

    Raises:
        Unavailable: it cannot be opened. InvalidInput: it is of a newer version.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        if path is not None:
            _make_file(path)
        engine = sqlite_engine(path)
        try:
            super().__init__(engine.execution_options(write=True), engine)
        except BaseException:
            engine.dispose()
            raise
        if path is not None:
            close_database(path)

    def close(self) -> None:
        self._engine.dispose()

    def copy_to(self, to: Path) -> None:
        """An online copy. Raises OSError where it cannot be written or ``to`` exists, Unavailable where this cannot be read."""
        assert self.path is not None
        with self._words():
            copy_file(self.path, to)

    def _lock(self, c: sa.Connection) -> None:
        """The engine's BEGIN IMMEDIATE has done it."""

    def _unavailable(self, reason: Exception) -> TwinError:
        said = str(reason)
        hint = next((words for text, words in HINTS if text in said), GENERAL)
        return Unavailable(
            f"访问控制文件 {self.path} 现在不可用：{hint.zh}（{said}）",
            f"the file of keys and audit {self.path} is not available: {hint.en} ({said})",
        )


class PostgresAccess(AccessTables):
    """In the database and the schema of a twin; shares its connections, which stay open."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store
        reader = store.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        super().__init__(store.engine, reader)

    def close(self) -> None:
        """The store closes what is shared."""

    def _lock(self, c: sa.Connection) -> None:
        """Not the lock of who writes assets: an import may hold that for long. An answer waits for the disk in any case."""
        c.exec_driver_sql("select pg_advisory_xact_lock(%s)", (AUDITING,))
        c.exec_driver_sql("set local synchronous_commit to on")

    def _unavailable(self, reason: Exception) -> TwinError:
        return self._store.unavailable(reason)


def _make_file(path: Path) -> None:
    try:
        make_folder(path.parent)
        make_file(path)
    except OSError as reason:
        raise Unavailable(
            f"无法创建访问控制文件 {path}：{reason}", f"cannot make the file of keys and audit {path}: {reason}"
        ) from None


def _bump(c: sa.Connection) -> None:
    c.execute(sa.update(t.state).where(t.state.c.name == "version").values(value=t.state.c.value + 1))


def _key(row: Any) -> Key:
    told = {**row._mapping, "areas": tuple(orjson.loads(row.areas))}
    times = {name: text_time(told[name]) if told[name] else None for name in ("created_at", "expires_at", "revoked_at")}
    return Key(**{**told, **times})


def _row(row: Any) -> Row:
    return Row(row.n, Entry(**{name: getattr(row, name) for name in FIELDS}), row.previous, row.hash)
