"""The tables, as SQLAlchemy Core. Nothing is overwritten: a version is closed by ``tx_to``, never changed otherwise.

Two axes: ``valid_from``/``valid_to`` say when something is true in the world, ``tx``/``tx_to`` when it was recorded.
Times are text in UTC, ``2026-01-31T08:00:00.000000Z``, so that they compare as they read. Text has no length: SQLite would
not mind one, PostgreSQL would. It sorts by code point on both.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import TypeDecorator, UserDefinedType

SCHEMA_VERSION = 2
"""See ``twin.store.migrations``."""
metadata = sa.MetaData()


class _Postgis(UserDefinedType[bytes]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "geometry(Geometry,4326)"


class as_wkb(GenericFunction[bytes]):  # noqa: N801  (SQLAlchemy names the function after the class)
    """Two-dimensional little-endian WKB from a geometry column."""

    inherit_cache = True


@compiles(as_wkb)
def _column_itself(element: as_wkb, compiler: Any, **more: Any) -> str:
    return str(compiler.process(element.clauses, **more))


@compiles(as_wkb, "postgresql")
def _st_as_binary(element: as_wkb, compiler: Any, **more: Any) -> str:
    return f"ST_AsBinary({compiler.process(element.clauses, **more)}, 'NDR')"


class Wkb(TypeDecorator[bytes]):
    """Geometry as WKB in EPSG:4326, whatever the database: bytes in SQLite, a geometry in PostGIS."""

    impl = sa.LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        return dialect.type_descriptor(_Postgis() if dialect.name == "postgresql" else sa.LargeBinary())

    def column_expression(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        return as_wkb(column, type_=self)


class JsonBytes(TypeDecorator[bytes]):
    """JSON as the bytes that were written: a blob in SQLite, text in PostgreSQL (``jsonb`` would sort and round it)."""

    impl = sa.LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        return dialect.type_descriptor(sa.Text() if dialect.name == "postgresql" else sa.LargeBinary())

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> bytes | None:
        return value.encode() if isinstance(value, str) else value


BigId = sa.BigInteger().with_variant(sa.Integer, "sqlite")
Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

meta = sa.Table(
    "meta", metadata, sa.Column("name", Text, primary_key=True), sa.Column("value", sa.Text, nullable=False)
)

tx = sa.Table(
    "tx",
    metadata,
    sa.Column("tx", BigId, primary_key=True, autoincrement=False),
    sa.Column("at", Text, nullable=False),
    sa.Column("author", Text, nullable=False),
    sa.Column("reason", Text, nullable=False),
    sa.Column("source", Text, nullable=False),
    sa.Column("n_edits", sa.Integer, nullable=False),
)


def _versioned(name: str) -> sa.Table:
    table = sa.Table(
        name,
        metadata,
        sa.Column("layer", Text, primary_key=True),
        sa.Column("key", Text, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("tx", BigId, nullable=False),
        sa.Column("tx_to", BigId),
        sa.Column("valid_from", Text, nullable=False),
        sa.Column("valid_to", Text),
        sa.Column("name", Text, nullable=False),
        sa.Column("lifecycle", Text, nullable=False),
        sa.Column("online", sa.Boolean),
        sa.Column("n_devices", sa.Integer, nullable=False),
        sa.Column("owner", Text, nullable=False),
        sa.Column("source", Text, nullable=False),
        sa.Column("lng", sa.Float(53)),
        sa.Column("lat", sa.Float(53)),
        sa.Column("geometry", Wkb),
        sa.Column("attributes", JsonBytes, nullable=False),
        sa.Column("original", JsonBytes),
    )
    closed = table.c.tx_to.is_not(None)
    sa.Index(f"{name}_tx", table.c.tx)
    sa.Index(f"{name}_tx_to", table.c.tx_to, sqlite_where=closed, postgresql_where=closed)
    return table


asset = _versioned("asset")
area = _versioned("area")
VERSIONED = (asset, area)
COLUMNS = [c.name for c in asset.columns]
"""Of both versioned tables, in order."""

source = sa.Table(
    "source",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("tx", BigId, primary_key=True, autoincrement=False),
    sa.Column("title", Text, nullable=False),
    sa.Column("frame", Text, nullable=False),
    sa.Column("synthetic", sa.Boolean, nullable=False),
    sa.Column("schematic", sa.Boolean, nullable=False),
    sa.Column("derived", sa.Boolean, nullable=False),
    sa.Column("licence", Text, nullable=False),
    sa.Column("sha256", Text, nullable=False),
)

grid = sa.Table(
    "grid",
    metadata,
    sa.Column("name", Text, primary_key=True),
    sa.Column("tx", BigId, primary_key=True, autoincrement=False),
    sa.Column("tx_to", BigId),
    sa.Column("unit", Text, nullable=False),
    sa.Column("source", Text, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
)


def table_for(layer: str) -> sa.Table:
    """Areas have a table of their own."""
    return area if layer == "areas" else asset


def text_time(text: str) -> datetime:
    return datetime.fromisoformat(text)
