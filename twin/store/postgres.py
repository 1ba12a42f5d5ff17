"""The store on PostgreSQL with PostGIS: the same tables, in a schema ``twin``; one writer at a time, readers meanwhile.

Rows go in by COPY. A commit notifies the channel ``twin``; who waits looks at the table ``tx`` for the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np
import psycopg
import shapely
import sqlalchemy as sa
from psycopg import sql

from twin.errors import InvalidInput, TwinError, Unavailable, Words
from twin.store import schema as t
from twin.store.address import shown
from twin.store.migrations import FIRST_TABLES, is_version, migrate, not_ours, refuse_newer
from twin.store.sql import SqlStore

SCHEMA = "twin"
CONNECT_TIMEOUT_S = 10
LOCK_TIMEOUT_S = 10
IDLE_TIMEOUT_S = 300
"""A client that hangs within a transaction holds the lock no longer than that."""
POLL_S = 2.0
"""How long a commit may stay unseen by ``wait`` where its notification is lost."""
WRITING = 7_305_112_310_112
"""The advisory lock of the one who writes."""
WHAT_IS_THERE = """
select (select extnamespace::regnamespace::text from pg_extension where extname = 'postgis'), to_regnamespace(%s) is not null
"""
HINTS = {
    "55P03": Words(f"另一个写入者占用超过 {LOCK_TIMEOUT_S} 秒，请稍后再试", f"another writer held it for more than {LOCK_TIMEOUT_S} s; try again"),
    "57014": Words("语句超时或被取消，未写入任何内容", "a statement took too long or was cancelled; nothing was written"),
    "53100": Words("服务器磁盘已满，未写入任何内容", "the server's disk is full; nothing was written"),
    "42501": Words("该用户没有权限；请管理员授权", "this user may not; ask the database's administrator"),
    "25006": Words("数据库只读", "the database is read-only"),
}  # fmt: skip
"""By SQLSTATE."""
UNREACHABLE = Words(
    "请检查地址、服务是否启动、用户和密码（PGPASSWORD 或 ~/.pgpass）、数据库是否已建（createdb）",
    "check the address, whether the server runs, user and password (PGPASSWORD or ~/.pgpass) and whether the database exists "
    "(createdb)",
)

NOW_VIEW = """
create or replace view asset_now as
select layer || '/' || key as id, layer, key, name, lifecycle, online, n_devices, owner, source, version,
       valid_from::timestamptz as valid_from, valid_to::timestamptz as valid_to, attributes::jsonb as attributes,
       coalesce(geometry, ST_SetSRID(ST_MakePoint(lng, lat), 4326))::geometry(Geometry, 4326) as geometry
from (select * from asset union all select * from area) v
where tx_to is null and valid_from <= to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
  and (valid_to is null or valid_to > to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
"""
"""What holds now, for QGIS and psql: one row an asset, points made of longitude and latitude."""


class PostgresStore(SqlStore):
    """A store in a database, in a schema of its own, made if absent, migrated if older.

    Args:
        url: ``postgresql://user@host:port/database``; passwords also by PGPASSWORD or the file that PGPASSFILE names.

    Raises:
        InvalidInput: the address cannot be read, or what is in the schema is not ours or newer.
        Unavailable: the server, the database or PostGIS is not there, or does not let us in.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._listener: psycopg.Connection[Any] | None = None
        self._listening = Lock()
        try:
            place = sa.make_url(url).set(drivername="postgresql+psycopg")
        except (sa.exc.ArgumentError, ValueError):
            raise InvalidInput(
                f"无法读取存储地址 {shown(url)}，应为 postgresql://用户@主机:端口/数据库",
                f"cannot read the address {shown(url)!r}: write postgresql://USER@HOST:PORT/DATABASE",
            ) from None
        given: dict[str, Any] = {
            "connect_timeout": CONNECT_TIMEOUT_S,
            "client_encoding": "utf8",
            "application_name": "twin",
        }
        self._given = {name: value for name, value in given.items() if name not in place.query}
        engine = sa.create_engine(place, hide_parameters=True, pool_pre_ping=True, connect_args=self._given)
        reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        super().__init__(engine, reader, shown(url))
        try:
            self._open(engine)
        except BaseException:
            engine.dispose()
            raise

    def _open(self, engine: sa.Engine) -> None:
        with self.words():
            path = self._prepare()

        @sa.event.listens_for(engine, "connect")
        def configure(connection: Any, _record: Any) -> None:
            """A transaction of its own, or the first rollback would undo it."""
            settings = {"search_path": path, "lock_timeout": f"{LOCK_TIMEOUT_S}s",
                        "idle_in_transaction_session_timeout": f"{IDLE_TIMEOUT_S}s"}  # fmt: skip
            for name, value in settings.items():
                connection.execute("select set_config(%s, %s, false)", (name, value))
            connection.commit()

        with self.reading() as c:
            ready = self._schema_version(c) == t.SCHEMA_VERSION
        if not ready:
            with self.writing() as c:
                self._make_tables(c)

    def close(self) -> None:
        with self._listening:
            self._drop_listener()
        super().close()

    def _prepare(self) -> str:
        """See to PostGIS and the schema; the search path that finds both. Waits for nobody where all is there."""
        with self._connected() as c:
            self._look(c)
            found, made = c.execute(WHAT_IS_THERE, (SCHEMA,)).fetchone() or (None, None)
            if found is None or not made:
                c.execute("select set_config('lock_timeout', %s, true)", (f"{LOCK_TIMEOUT_S}s",))
                c.execute("select pg_advisory_xact_lock(%s)", (WRITING,))
                found, made = c.execute(WHAT_IS_THERE, (SCHEMA,)).fetchone() or (None, None)
            if found is None:
                self._ask_dba(c, "create extension postgis")
            if not made:
                self._ask_dba(c, f"create schema {SCHEMA}")
        return ", ".join(dict.fromkeys((SCHEMA, found or "public", "public")))

    def _look(self, c: psycopg.Connection[Any]) -> None:
        encoding = c.execute("show server_encoding").fetchone()
        if encoding != ("UTF8",):
            raise Unavailable(
                f"数据库 {self.name} 的编码为 {encoding}，应为 UTF8：createdb -E UTF8 -T template0 …",
                f"the database {self.name} has the encoding {encoding}, UTF8 is needed: createdb -E UTF8 -T template0 …",
            )

    def _ask_dba(self, c: psycopg.Connection[Any], command: str) -> None:
        """Do what may need an administrator.

        Raises:
            Unavailable: with what to tell the administrator.
        """
        try:
            c.execute(command.encode())
        except psycopg.Error as reason:
            said, user = _one_line(reason), c.info.user
            grant = "" if "extension" in command else f" authorization {user}"
            raise Unavailable(
                f"数据库 {self.name} 未就绪（{said}）。请管理员安装 PostGIS 并在该库执行：{command}{grant};",
                f"the database {self.name} is not ready ({said}). Ask its administrator to install PostGIS and to run there: "
                f"{command}{grant};",
            ) from None

    def _schema_version(self, c: sa.Connection) -> int | None:
        """None: there is nothing yet. Raises InvalidInput where what is there is not ours, or newer."""
        there = set(sa.inspect(c).get_table_names(SCHEMA))
        if not there:
            return None
        version = None
        if there >= FIRST_TABLES:
            version = c.execute(sa.select(t.meta.c.value).where(t.meta.c.name == "schema")).scalar()
        if version is None or not is_version(version):
            raise not_ours(f"{self.name} (schema {SCHEMA})", sorted(there))
        refuse_newer(int(version), self.name)
        return int(version)

    def _make_tables(self, c: sa.Connection) -> None:
        if self._schema_version(c) is not None:
            migrate(c, before=lambda: None)
            return
        t.metadata.create_all(c)
        c.execute(sa.insert(t.meta).values(name="schema", value=str(t.SCHEMA_VERSION)))
        c.exec_driver_sql(NOW_VIEW)

    def _connected(self, *, autocommit: bool = False) -> psycopg.Connection[Any]:
        """A connection of the driver's own; closed at the end of a ``with``."""
        _, place = self.engine.dialect.create_connect_args(self.engine.url)
        return psycopg.connect(autocommit=autocommit, **{**place, **self._given})

    def lock(self, c: sa.Connection) -> None:
        """Advisory, before anything is read: read committed then sees all that other writers committed."""
        c.exec_driver_sql("select pg_advisory_xact_lock(%s)", (WRITING,))

    def insert(self, c: sa.Connection, table: sa.Table, rows: Sequence[Sequence[Any]]) -> None:
        """By COPY, however few."""
        place, shapes = t.COLUMNS.index("geometry"), _as_ewkb([row[t.COLUMNS.index("geometry")] for row in rows])
        columns = sql.SQL(", ").join(map(sql.Identifier, t.COLUMNS))
        command = sql.SQL("copy {} ({}) from stdin").format(sql.Identifier(table.name), columns)
        connection: Any = c.connection.driver_connection
        with connection.cursor() as cursor, cursor.copy(command) as copy:
            for row, shape in zip(rows, shapes, strict=True):
                told = (None if v is None else v.decode() for v in row[place + 1 :])
                copy.write_row((*row[:place], shape, *told))

    def integrity(self, c: sa.Connection) -> list[str]:
        """PostgreSQL keeps its own pages."""
        return []

    def announce(self, c: sa.Connection, number: int) -> None:
        c.exec_driver_sql("select pg_notify('twin', %s)", (str(number),))

    def pause(self, rung: int, timeout_s: float) -> None:
        """One thread listens, the others wait for it to ring."""
        seconds = min(timeout_s, POLL_S)
        if not self._listening.acquire(blocking=False):
            self._bell.wait(rung, seconds)
            return
        try:
            if self._listener is None:
                self._listener = self._listen()
                return
            if any(True for _ in self._listener.notifies(timeout=seconds, stop_after=1)):
                self._bell.ring()
        except psycopg.Error:
            self._drop_listener()
            self._bell.wait(rung, seconds)
        finally:
            self._listening.release()

    def _listen(self) -> psycopg.Connection[Any]:
        connection = self._connected(autocommit=True)
        connection.execute("listen twin")
        return connection

    def _drop_listener(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def unavailable(self, reason: Exception) -> TwinError:
        said, hint = _one_line(reason), HINTS.get(getattr(reason, "sqlstate", None) or "", UNREACHABLE)
        return Unavailable(
            f"数据库 {self.name} 现在不可用：{hint.zh}（{said}）",
            f"the database {self.name} is not available: {hint.en} ({said})",
        )


def _one_line(reason: Exception) -> str:
    """The first line of what the driver said; it names host, port and user, never the password."""
    lines = [line.strip() for line in str(reason).splitlines() if line.strip()]
    return lines[0] if lines else type(reason).__name__


def _as_ewkb(shapes: Sequence[bytes | None]) -> Sequence[str | None]:
    """Geometries as COPY takes them: hexadecimal EWKB with the SRID."""
    if all(shape is None for shape in shapes):
        return [None] * len(shapes)
    read = shapely.set_srid(shapely.from_wkb(np.array(shapes, object)), 4326)
    written: list[str | None] = shapely.to_wkb(read, hex=True, include_srid=True).tolist()
    return written
