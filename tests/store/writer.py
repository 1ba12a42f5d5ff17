"""Processes that write to a store until they are killed: ``python -m tests.store.writer WHAT URL …``.

Each prints a line once what it did is acknowledged.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from twin.errors import Conflict
from twin.model import Edit, Record
from twin.ports import Store
from twin.store import open_store

DAY = datetime(2026, 1, 1, tzinfo=UTC)
PAIR = ("a", "b")


def charger(key: str, **values: Any) -> Record:
    """Made here: the rest of the twin would only make the start of every process slow."""
    plain = Record(
        "chargers", key, key, "operating", DAY, None, True, 1, "", "", 121.4, 31.1, None, {"n_connectors": 4}
    )
    return replace(plain, **values)


def say(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def edit_pairs(store: Store) -> None:
    """Changes two assets in every transaction, to the same name: the transaction's number."""
    while True:
        number = store.head() + 1
        edits = []
        for key in PAIR:
            version, record = next((v, r) for v, _, to, r in reversed(store.versions("chargers", key)) if to is None)
            edits.append(Edit("change", replace(record, name=str(number)), version))
        done = store.commit(edits, author="writer", reason="", at=DAY + timedelta(seconds=number))
        say(done.tx)


def import_many(store: Store, n: str) -> None:
    """Adds that many assets in one transaction, again and again."""
    while True:
        number = store.head() + 1
        edits = [Edit("add", charger(f"{number}-{i}")) for i in range(int(n))]
        say("begins")
        store.commit(edits, author="writer", reason="", at=DAY + timedelta(seconds=number))
        say(number)


def count_up(store: Store, n: str) -> None:
    """Adds one to an asset's devices that many times, beginning again where somebody else was faster."""
    say("ready")
    sys.stdin.readline()
    done = conflicts = 0
    while done < int(n):
        version, record = next((v, r) for v, _, to, r in reversed(store.versions("chargers", "a")) if to is None)
        edit = Edit("change", replace(record, n_devices=record.n_devices + 1), version)
        try:
            store.commit([edit], author="writer", reason="", at=DAY)
            done += 1
        except Conflict:
            conflicts += 1
    say(conflicts)


if __name__ == "__main__":
    what, url, *more = sys.argv[1:]
    {"edit_pairs": edit_pairs, "import_many": import_many, "count_up": count_up}[what](open_store(url), *more)
