"""Processes that add to the audit until they are done or killed: ``python -m tests.store.auditor WHAT URL NAME …``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

from tests.store.writer import say
from twin.identity import Entry, Ledger
from twin.store import is_postgres, open_store
from twin.store.access import AccessTables, PostgresAccess, SqliteAccess


@contextmanager
def tables_at(url: str) -> Iterator[AccessTables]:
    """Of the store at the address: in its database, or beside its file."""
    if not is_postgres(url):
        with closing(SqliteAccess(Path(url.removeprefix("sqlite:///")).with_name("access.sqlite"))) as tables:
            yield tables
        return
    with closing(open_store(url)) as store:
        yield PostgresAccess(store)  # type: ignore[arg-type]


def entry(request_id: str, **more: str) -> Entry:
    told = {"at": "2026-01-01T00:00:00.000000Z", "caller": "key:abcdefgh", "role": "cleared", "purpose": "核查", "method": "GET",
            "path": "/collections/cameras/items", "query": "bbox=1,2,3,4", "reads": '[{"layer":"cameras","n":1,"where":"x"}]'}  # fmt: skip
    return Entry(**{**told, **more}, request_id=request_id)


def together(tables: AccessTables, name: str, n: str) -> None:
    """Records that many at once, by as many threads, as soon as it is told to."""
    ledger = Ledger(tables.append)
    say("ready")
    sys.stdin.readline()
    with ThreadPoolExecutor(int(n)) as threads:
        list(threads.map(lambda i: ledger.record(entry(f"{name}-{i}")).result(60), range(int(n))))
    say("done")


def endless(tables: AccessTables, name: str) -> None:
    """Records one after the other, and says each once it is acknowledged."""
    ledger = Ledger(tables.append)
    for i in count(1):
        ledger.record(entry(f"{name}-{i}")).result(60)
        say(i)


if __name__ == "__main__":
    what, url, *more = sys.argv[1:]
    with tables_at(url) as opened:
        {"together": together, "endless": endless}[what](opened, *more)
