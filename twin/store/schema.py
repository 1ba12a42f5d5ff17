"""The tables, as SQLAlchemy Core. Nothing is overwritten: a version is closed by ``tx_to``, never changed otherwise.

Two axes: ``valid_from``/``valid_to`` say when something is true in the world, ``tx``/``tx_to`` when it was recorded.
Times are text in UTC, ``2026-01-31T08:00:00.000000Z``, so that they compare as they read.
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

SCHEMA_VERSION = 1
metadata = sa.MetaData()


class Wkb(TypeDecorator[bytes]):
    """Geometry as WKB in EPSG:4326, whatever the database."""

    impl = sa.LargeBinary
    cache_ok = True


BigId = sa.BigInteger().with_variant(sa.Integer, "sqlite")
Time = sa.String(27)

meta = sa.Table(
    "meta", metadata, sa.Column("name", sa.String(32), primary_key=True), sa.Column("value", sa.Text, nullable=False)
)

tx = sa.Table(
    "tx",
    metadata,
    sa.Column("tx", BigId, primary_key=True, autoincrement=False),
    sa.Column("at", Time, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("n_edits", sa.Integer, nullable=False),
)


def _versioned(name: str) -> sa.Table:
    return sa.Table(
        name,
        metadata,
        sa.Column("layer", sa.String(32), primary_key=True),
        sa.Column("key", sa.String(128), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("tx", BigId, nullable=False),
        sa.Column("tx_to", BigId),
        sa.Column("valid_from", Time, nullable=False),
        sa.Column("valid_to", Time),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("lifecycle", sa.String(16), nullable=False),
        sa.Column("online", sa.Boolean),
        sa.Column("n_devices", sa.Integer, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("lng", sa.Float(53)),
        sa.Column("lat", sa.Float(53)),
        sa.Column("geometry", Wkb),
        sa.Column("attributes", sa.LargeBinary, nullable=False),
        sa.Column("original", sa.LargeBinary),
    )


asset = _versioned("asset")
area = _versioned("area")

source = sa.Table(
    "source",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("tx", BigId, primary_key=True, autoincrement=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("frame", sa.String(64), nullable=False),
    sa.Column("synthetic", sa.Boolean, nullable=False),
    sa.Column("schematic", sa.Boolean, nullable=False),
    sa.Column("derived", sa.Boolean, nullable=False),
    sa.Column("licence", sa.Text, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
)

grid = sa.Table(
    "grid",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("tx", BigId, primary_key=True, autoincrement=False),
    sa.Column("tx_to", BigId),
    sa.Column("unit", sa.String(32), nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
)


def time_text(moment: datetime) -> str:
    """A moment as the tables keep it.

    Raises:
        ValueError: it has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"a time zone is needed: {moment!r}")
    return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def text_time(text: str) -> datetime:
    return datetime.fromisoformat(text)
