"""Processes that are really killed, and processes that race: nothing acknowledged is lost, nothing is half there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from threading import Barrier, Thread
from time import sleep

import pytest

from tests.store.test_contract import LATER, commit
from tests.store.writer import DAY, PAIR, charger
from twin.errors import Conflict
from twin.model import Edit
from twin.store import SqlStore, open_store
from twin.store.upkeep import check

ROOT = Path(__file__).resolve().parents[2]
N_ROUNDS = 20


@contextmanager
def writer(what: str, url: str, *more: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.store.writer", what, url, *map(str, more)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def opened(url: str) -> closing[SqlStore]:
    return closing(open_store(url))


def sound(store: SqlStore) -> bool:
    return check(store).findings == []


@pytest.mark.slow
def test_a_kill_during_a_stream_of_edits_loses_nothing_acknowledged_and_leaves_nothing_half(url):
    rng = Random(9)
    with opened(url) as store:
        commit(store, *(Edit("add", charger(key)) for key in PAIR), at=DAY)
    for _ in range(N_ROUNDS):
        acknowledged, stop = 0, rng.randint(3, 40)
        with writer("edit_pairs", url) as process:
            for n, line in enumerate(process.stdout, 1):
                acknowledged = int(line)
                if n == stop:
                    sleep(rng.random() / 100)
                    process.kill()
        with opened(url) as store:
            head = store.head()
            assert head >= acknowledged >= stop
            assert [row[1] for row in store.state(LATER, LATER).rows["chargers"]] == [str(head)] * 2
            assert len(store.versions("chargers", "a")) == head
            assert sound(store)


@pytest.mark.slow
def test_a_kill_during_a_bulk_import_leaves_all_of_it_or_nothing(url):
    rng, n, states = Random(4), 6000, set()
    for _ in range(10):
        with writer("import_many", url, n) as process:
            assert process.stdout.readline() == "begins\n"
            sleep(rng.random() * 1.2)
            process.kill()
        with opened(url) as store:
            rows = store.state(LATER, LATER).rows.get("chargers", [])
            assert len(rows) == n * store.head()
            states.add(store.head())
            assert sound(store)
    assert len(states) > 1, "some imports must have come through"


@pytest.mark.slow
def test_two_processes_that_count_up_one_asset_lose_no_update(url):
    n = 60
    with opened(url) as store:
        commit(store, Edit("add", charger("a", n_devices=0)), at=DAY)
        with writer("count_up", url, n) as one, writer("count_up", url, n) as two:
            assert [process.stdout.readline() for process in (one, two)] == ["ready\n"] * 2
            for process in (one, two):
                process.stdin.write("go\n")
                process.stdin.flush()
            conflicts = [int(process.stdout.readline()) for process in (one, two)]
        assert store.versions("chargers", "a")[-1][3].n_devices == 2 * n
        assert store.head() == 1 + 2 * n
    assert sum(conflicts) > 0, "they did not meet"


def test_of_two_that_edit_one_asset_at_the_same_moment_exactly_one_wins(url):
    with opened(url) as one, opened(url) as two:
        commit(one, Edit("add", charger("a")), at=DAY)
        for version in range(1, 11):
            said, together = [], Barrier(2)

            def change(store: SqlStore, name: str, version=version, said=said, together=together) -> None:
                edit = Edit("change", charger("a", name=name), version)
                together.wait()
                try:
                    commit(store, edit, at=DAY)
                    said.append(name)
                except Conflict as error:
                    said.append(type(error).__name__)

            both = [Thread(target=change, args=pair) for pair in ((one, "one"), (two, "two"))]
            for thread in both:
                thread.start()
            for thread in both:
                thread.join()
            winner = one.state(LATER, LATER).rows["chargers"][0][1]
            assert sorted(said) == sorted(["Stale", winner])
