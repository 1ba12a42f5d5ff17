"""A snapshot that is brought up to date equals one that is read whole, whatever happened in between and whenever it is looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from threading import Event

import numpy as np
import pandas as pd
import pytest

from tests.store.log import DAY0, RECORDED, drawn, play
from tests.world import PLAN, charger
from twin.engine import Twin
from twin.errors import Unavailable
from twin.following import Follower
from twin.model import DemandGrid, Edit, Snapshot
from twin.ports import GridFile
from twin.snapshots import brought_back, brought_up_to_date, read
from twin.store import MemoryStore

N_STEPS = 150


def decoded(grid: GridFile) -> DemandGrid:
    return DemandGrid(grid.name, grid.unit, np.zeros((0, 2)), np.zeros(0), grid.source)


def assert_equal(one: Snapshot, other: Snapshot) -> None:
    assert one.id == other.id
    assert one.sources == other.sources
    for name, table in other.layers.items():
        pd.testing.assert_frame_equal(one.layers[name].frame, table.frame, check_like=False)
        if table.geometry is not None:
            assert list(one.layers[name].geometry) == list(table.geometry)
        assert one.layers[name].digest == table.digest
    assert {c: (repr(a), a.digest) for c, a in one.areas.items()} == {
        c: (repr(a), a.digest) for c, a in other.areas.items()
    }


def test_what_was_is_taken_back_to_what_reading_it_gives(store):
    """Between two pages somebody edits: the second page is of what was there at the first."""
    steps, _ = drawn(N_STEPS, seed=12)
    for n, one in enumerate(steps, 1):
        play(store, [one], n)
    times = [t.at for t in store.transactions()]
    now = DAY0 + timedelta(days=30)
    last = read(store, decoded, now, None, now)
    taken_back = 0
    for tx in range(len(times), 0, -7):
        as_of = DAY0 + timedelta(days=tx % 30)
        found = brought_back(last, store, tx, as_of, now)
        if found is not None:
            taken_back += 1
            assert_equal(found, read(store, decoded, as_of, times[tx - 1], now).snapshot)
            assert (found.tx, found.is_present) == (tx, False)
    assert taken_back > 3


@pytest.mark.parametrize("every", [1, 4])
def test_news_lead_to_what_reading_everything_gives(store, every):
    steps, _ = drawn(N_STEPS, seed=11)
    now = DAY0
    last = read(store, decoded, now, None, now)
    for n, one in enumerate(steps, 1):
        play(store, [one], n)
        if n % every == 0:
            now = DAY0 + timedelta(hours=6 * n)
            last = brought_up_to_date(last, store, decoded, now)
            whole = read(store, decoded, now, None, now)
            assert_equal(last.snapshot, whole.snapshot)
            assert last.head == whole.head
            assert last.next_change is None or whole.next_change is None or last.next_change <= whole.next_change


def test_the_id_of_a_snapshot_forgets_what_was_undone(store):
    twin = Twin(store, PLAN, decoded, lambda: RECORDED)
    twin.commit([Edit("add", charger("a", (121.4, 31.1)))], author="", reason="")
    before = twin.snapshot().id
    done = twin.commit([Edit("add", charger("b", (121.41, 31.1)))], author="", reason="")
    assert twin.snapshot().id != before
    twin.revert(done.tx, author="", reason="")
    assert twin.snapshot().id == before


def test_more_news_than_worth_it_are_read_with_all_others(store):
    store.commit([Edit("add", charger(f"c{i}", (121.4, 31.1))) for i in range(5)], author="", reason="", at=RECORDED)
    assert store.since(0, RECORDED, None, 5) is not None
    assert store.since(0, RECORDED, None, 4) is None


def test_a_follower_tells_of_a_change_after_it_can_be_read(store):
    twin = Twin(store, PLAN, decoded, lambda: RECORDED)
    follower, heard, told = Follower(twin), [], Event()

    def listener(before: int, after: int, snapshot: Snapshot) -> None:
        heard.append((before, after, len(snapshot.layers["chargers"]), twin.snapshot() is snapshot))
        told.set()

    twin.snapshot()
    follower.listen(listener)
    follower.start()
    try:
        while not follower.has_looked.wait(0.01):
            pass
        store.commit([Edit("add", charger("a", (121.4, 31.1)))], author="", reason="", at=RECORDED)
        assert told.wait(10)
    finally:
        follower.stop()
    assert heard == [(0, 1, 1, True)]


def test_a_follower_tells_that_time_has_passed_a_change():
    clock, told = [DAY0], Event()
    store = MemoryStore()
    later = replace(charger("a", (121.4, 31.1)), valid_from=DAY0 + timedelta(days=1))
    store.commit([Edit("add", later)], author="", reason="", at=DAY0)
    twin = Twin(store, PLAN, decoded, lambda: clock[0])
    follower, heard = Follower(twin), []

    def listener(before: int, after: int, snapshot: Snapshot) -> None:
        heard.append((before, after, len(snapshot.layers["chargers"])))
        told.set()

    follower.listen(listener)
    follower.start()
    try:
        while not follower.has_looked.wait(0.01):
            pass
        clock[0] += timedelta(days=2)
        assert told.wait(10)
    finally:
        follower.stop()
    assert heard == [(1, 1, 1)]


def test_what_was_recorded_here_is_read_here_before_the_follower_looks():
    twin = Twin(MemoryStore(), PLAN, decoded, lambda: RECORDED)
    twin.snapshot()
    twin.followed = True
    twin.commit([Edit("add", charger("a", (121.4, 31.1)))], author="", reason="")
    assert len(twin.snapshot().layers["chargers"]) == 1


class Failing(MemoryStore):
    is_broken = False

    def head(self) -> int:
        if self.is_broken:
            raise Unavailable("坏了", "broken")
        return super().head()


def test_while_the_store_fails_nothing_old_is_taken_for_present_and_then_all_goes_on():
    store = Failing()
    twin = Twin(store, PLAN, decoded, lambda: RECORDED)
    follower = Follower(twin)
    follower.start()
    try:
        while not follower.has_looked.wait(0.01):
            pass
        store.is_broken = True
        while twin.failure is None:
            pass
        with pytest.raises(Unavailable, match="broken"):
            twin.snapshot()
        store.is_broken = False
        while twin.failure is not None:
            pass
        assert twin.snapshot().id
    finally:
        follower.stop()
