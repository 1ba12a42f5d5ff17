"""One digest of every historical state: equal on every store, and to a brute-force replay of the log."""

from __future__ import annotations

import pytest

from tests.store.log import MOMENTS, Painted, Step, content, digests, drawn, play
from twin.store import MemoryStore

N_STEPS = 420


@pytest.fixture(scope="module")
def log() -> list[Step]:
    return drawn(N_STEPS, seed=4)[0]


@pytest.fixture(scope="module")
def in_memory(log: list[Step]) -> tuple[list[str], list[str]]:
    store = MemoryStore()
    return play(store, log), digests(store)


def test_the_log_has_all_that_can_happen(log, in_memory):
    said, _ = in_memory
    refused = [words for words in said if not words.startswith("Transaction")]
    assert len(said) - len(refused) >= 300
    assert {words.partition(":")[0] for words in refused} >= {"Conflict", "Stale", "NotFound"}
    edits = [edit for one in log for edit in one.edits]
    assert {edit.op for edit in edits} == {"add", "change", "remove"}
    assert any(e.correction for e in edits)
    assert any(e.final for e in edits)
    done = [one for one, words in zip(log, said, strict=True) if words.startswith("Transaction")]
    assert sum(one.reverts is not None for one in done) > 20
    assert any(one.replace_all for one in done)
    assert any(one.grids for one in done)


def test_every_historical_state_is_what_painting_its_moment_says(log, in_memory):
    said, _ = in_memory
    store = MemoryStore()
    play(store, log)
    painted = [Painted(moment) for moment in MOMENTS]
    for one, words in zip(log, said, strict=True):
        if words.startswith("Transaction"):
            for canvas in painted:
                canvas.paint(one)
    for number, transaction in enumerate(store.transactions(), 1):
        for canvas in painted:
            found = content(store.state(canvas.moment, transaction.at))
            assert found == canvas.after[number], f"after {number} at {canvas.moment}"


def test_every_historical_state_is_the_same_on_every_store(store, log, in_memory):
    said, expected = in_memory
    assert play(store, log) == said
    assert digests(store) == expected


def test_versions_and_what_transactions_did_are_the_same_on_every_store(store, log, in_memory):
    memory = MemoryStore()
    play(memory, log)
    play(store, log)
    assert store.transactions() == memory.transactions()
    assert [store.touched(n) for n in range(1, store.head() + 1)] == [
        memory.touched(n) for n in range(1, memory.head() + 1)
    ]
    keys = sorted({(e.record.layer, e.record.key) for one in log for e in one.edits})
    assert [store.versions(*key) for key in keys] == [memory.versions(*key) for key in keys]
