"""From an older schema to the present one: numbered steps, forward only, all in one transaction.

A step is written in SQL and never changed afterwards: what the tables are called today says nothing of what they were.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sqlalchemy as sa

from twin.errors import InvalidInput
from twin.store import schema as t

FIRST_TABLES = frozenset({"meta", "tx", "asset", "area", "source", "grid"})
"""What a store of any version has."""


def _index_transactions(c: sa.Connection) -> None:
    """What a transaction recorded and closed is found without reading every version."""
    for table in ("asset", "area"):
        c.exec_driver_sql(f"CREATE INDEX {table}_tx ON {table} (tx)")
        c.exec_driver_sql(f"CREATE INDEX {table}_tx_to ON {table} (tx_to) WHERE tx_to IS NOT NULL")


STEPS: dict[int, Callable[[sa.Connection], None]] = {2: _index_transactions}
"""By the version that they lead to."""


def migrate(c: sa.Connection, before: Callable[[], object]) -> None:
    """Bring a store to the present version, in a transaction that holds the store's lock.

    ``before`` is called first, unless another process has done it all meanwhile.
    """
    found = int(c.execute(sa.select(t.meta.c.value).where(t.meta.c.name == "schema")).scalar_one())
    if found >= t.SCHEMA_VERSION:
        return
    before()
    for version in range(found + 1, t.SCHEMA_VERSION + 1):
        STEPS[version](c)
    c.execute(sa.update(t.meta).where(t.meta.c.name == "schema").values(value=str(t.SCHEMA_VERSION)))


def is_version(text: str) -> bool:
    """Whether what a store says of its schema is a version at all."""
    return text.isascii() and text.isdigit() and int(text[:9]) >= 1


def refuse_newer(found: int, name: str) -> None:
    """Raise InvalidInput where a store is of a later version than this program knows."""
    if found > t.SCHEMA_VERSION:
        raise InvalidInput(
            f"{name} 的数据版本为 {found}，本程序只认识到 {t.SCHEMA_VERSION}，未作改动。请用更新的程序打开",
            f"{name} has schema version {found}; this program knows up to {t.SCHEMA_VERSION}. Nothing was changed: "
            "open it with a newer program",
        )


def not_ours(name: str, tables: Sequence[str]) -> InvalidInput:
    said = ", ".join(tables[:8])
    return InvalidInput(
        f"{name} 是其他程序的数据库（表：{said}），未作改动。请换一个地址",
        f"{name} is another program's database (tables: {said}); nothing was changed. Name another address",
    )
