"""What holds at other moments of a span is what states of all its moments hold, on every store."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from tests.store.log import DAY0, drawn, play
from tests.store.test_news import decoded
from twin.ports import Store
from twin.snapshots import read, widened

N_STEPS = 120
Rows = dict[str, set[tuple[Any, ...]]]


def plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(bytes(v) if isinstance(v, memoryview) else v for v in row)


def states(store: Store, known_at: datetime, start: datetime, end: datetime) -> Rows:
    """All rows that hold at the start or come to hold up to the end: found moment by moment."""
    found: Rows = {}
    moment: datetime | None = start
    while moment is not None and moment <= end:
        state = store.state(moment, known_at)
        for layer, rows in state.rows.items():
            found.setdefault(layer, set()).update(map(plain, rows))
        moment = state.next_change
    return found


@pytest.fixture
def played(store: Store) -> Store:
    play(store, drawn(N_STEPS, seed=23)[0])
    return store


def test_it_is_what_the_moments_hold_but_not_the_one_that_is_known(played: Store) -> None:
    random, transactions = Random(5), played.transactions()
    n_found = 0
    for _ in range(12):
        tx = random.choice(transactions)
        days = sorted(random.uniform(-1, 12) for _ in range(2))
        start, end = (DAY0 + timedelta(days=d) for d in days)
        moment = DAY0 + timedelta(days=random.uniform(-1, 12))
        held = {layer: set(map(plain, rows)) for layer, rows in played.state(moment, tx.at).rows.items()}
        expected = {layer: rows - held.get(layer, set()) for layer, rows in states(played, tx.at, start, end).items()}
        found = played.elsewhen(tx.tx, moment, start, end)
        assert {k: set(map(plain, v)) for k, v in found.items()} == {k: v for k, v in expected.items() if v}
        assert all(rows == sorted(rows, key=lambda r: (r[0].encode(), r[3])) for rows in found.values())
        n_found += sum(map(len, found.values()))
    assert n_found > 20


def test_open_ends_reach_to_the_first_and_the_last(played: Store) -> None:
    tx, moment = played.head(), DAY0 + timedelta(days=4)
    wide = (DAY0 - timedelta(days=9999), DAY0 + timedelta(days=9999))
    assert played.elsewhen(tx, moment, None, None) == played.elsewhen(tx, moment, *wide)
    assert played.elsewhen(tx, moment, moment, moment) == {}


def test_a_widened_snapshot_has_each_key_once_and_what_it_had_unchanged(played: Store) -> None:
    moment, span = DAY0 + timedelta(days=4), (DAY0, DAY0 + timedelta(days=9))
    base = read(played, decoded, moment, None, moment).snapshot
    wide = widened(base, played, *span)
    transactions = played.transactions()
    reached = states(played, transactions[-1].at, *span)
    added = 0
    for name, table in wide.layers.items():
        keys = list(table.frame["key"])
        assert keys == sorted(set(keys))
        assert set(keys) == {row[0] for row in reached.get(name, ())} | set(base.layers[name].frame["key"])
        before = base.layers[name].frame
        kept = table.frame[table.frame["key"].isin(before["key"])]
        assert list(kept["version"]) == list(before["version"])
        added += len(keys) - len(before)
    assert added > 0
    assert not wide.is_present
    assert wide.id != base.id
    assert set(wide.areas) == set(base.areas)
