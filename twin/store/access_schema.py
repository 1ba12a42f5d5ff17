"""Tables of keys, sessions and the audit of exact reads, as SQLAlchemy Core. Apart from the twin's: a copy of a twin has none of them.

Rows of the audit are only ever added: triggers refuse the rest, and the chain of hashes finds who got round them.
"""

from __future__ import annotations

import sqlalchemy as sa

from twin.store.schema import BigId, Text

SCHEMA_VERSION = 1
metadata = sa.MetaData()

state = sa.Table(
    "access_state", metadata, sa.Column("name", Text, primary_key=True), sa.Column("value", BigId, nullable=False)
)
"""``schema``, and ``version``, which changes with every key and every sign-out; the two halves of the servers' ``SECRET``."""
SECRET = ("secret-1", "secret-2")

key = sa.Table(
    "access_key",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("name", Text, nullable=False),
    sa.Column("role", Text, nullable=False),
    sa.Column("areas", Text, nullable=False),
    sa.Column("purpose", Text, nullable=False),
    sa.Column("hash", Text, nullable=False),
    sa.Column("created_at", Text, nullable=False),
    sa.Column("created_by", Text, nullable=False),
    sa.Column("expires_at", Text),
    sa.Column("revoked_at", Text),
)

session = sa.Table(
    "access_session",
    metadata,
    sa.Column("hash", Text, primary_key=True),
    sa.Column("key", Text, nullable=False),
    sa.Column("caller", Text, nullable=False),
    sa.Column("name", Text, nullable=False),
    sa.Column("expires_at", Text, nullable=False),
    sa.Column("slides", sa.Boolean, nullable=False),
)

exact_read = sa.Table(
    "exact_read",
    metadata,
    sa.Column("n", BigId, primary_key=True, autoincrement=False),
    *(sa.Column(name, Text, nullable=False) for name in (
        "at", "caller", "role", "purpose", "method", "path", "query", "reads", "request_id", "previous", "hash",
    )),
)  # fmt: skip

TRIGGERS = {
    "sqlite": (
        """create trigger exact_read_update before update on exact_read
           begin select raise(abort, 'exact_read is append-only'); end""",
        """create trigger exact_read_delete before delete on exact_read
           begin select raise(abort, 'exact_read is append-only'); end""",
        """create trigger exact_read_insert before insert on exact_read
           when new.n <> (select coalesce(max(n), 0) + 1 from exact_read)
           begin select raise(abort, 'exact_read is append-only'); end""",
    ),
    "postgresql": (
        """create or replace function exact_read_refuse() returns trigger language plpgsql as
           $$begin raise exception 'exact_read is append-only'; end$$""",
        """create trigger exact_read_change before update or delete on exact_read
           for each row execute function exact_read_refuse()""",
        """create trigger exact_read_truncate before truncate on exact_read
           for each statement execute function exact_read_refuse()""",
    ),
}
"""On SQLite ``insert or replace`` would delete without a delete trigger: only the next number may come in."""
