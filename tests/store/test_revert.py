"""Undoing a transaction by a new one, what a transaction did, and waiting for the next: the same on every store."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from threading import Thread
from time import monotonic

import pytest

from tests.store.test_contract import LATER, T1, T2, T3, A, commit, keys, names
from tests.world import HAND, area, square
from twin.errors import Conflict, NotFound
from twin.model import Edit, Record
from twin.ports import GridFile, Store
from twin.store import open_store


def revert(store: Store, tx: int, at=T3) -> int:
    return store.revert(tx, author="planner", reason="a mistake", at=at).tx


def content(store: Store) -> dict[str, list[tuple]]:
    """What holds, without the numbers of versions."""
    rows = store.state(LATER, LATER).rows
    return {layer: [row[:9] + row[10:] for row in held] for layer, held in rows.items()}


def grid(content: bytes) -> GridFile:
    return GridFile("population", "people", "hand", content)


def change(name: str, version: int, base: Record = A) -> Edit:
    return Edit("change", replace(base, name=name), version)


def test_a_reverted_first_import_leaves_an_empty_layer(store):
    commit(store, Edit("add", A), Edit("add", replace(A, key="b")), sources=[HAND])
    assert revert(store, 1) == 2
    assert keys(store) == []
    assert keys(store, known_at=T1) == ["a", "b"]


def test_a_revert_is_told_by_who_when_why_and_how_many_keys(store):
    commit(store, Edit("add", A), Edit("add", replace(A, key="b")))
    revert(store, 1)
    last = store.transactions()[-1]
    assert (last.tx, last.at, last.author, last.reason, last.n_edits) == (2, T3, "planner", "a mistake", 2)


def test_a_reverted_change_gives_back_what_was_before_as_a_new_version(store):
    commit(store, Edit("add", A))
    commit(store, change("wrong", 1), at=T2)
    revert(store, 2)
    assert [(v, tx, to, r.name) for v, tx, to, r in store.versions("chargers", "a")] == [
        (1, 1, 2, "a"), (2, 2, 3, "wrong"), (3, 3, None, "a"),
    ]  # fmt: skip
    assert names(store, known_at=T2) == ["wrong"]


def test_a_reverted_change_from_a_day_on_joins_the_two_stretches_again(store):
    commit(store, Edit("add", A))
    commit(store, Edit("change", replace(A, name="later", valid_from=T2), 1), at=T2)
    revert(store, 2)
    assert [(r.valid_from, r.valid_to) for _, _, to, r in store.versions("chargers", "a") if to is None] == [(T1, None)]


def test_a_reverted_removal_brings_the_asset_back(store):
    commit(store, Edit("add", A))
    commit(store, Edit("remove", replace(A, valid_to=T2), 1), at=T2)
    revert(store, 2)
    assert keys(store) == ["a"]


def test_a_reverted_revert_gives_back_the_change(store):
    commit(store, Edit("add", A))
    commit(store, change("wanted after all", 1), at=T2)
    before = content(store)
    revert(store, 2, T3)
    revert(store, 3, T3 + timedelta(days=1))
    assert content(store) == before


def test_a_reverted_replacement_gives_back_everything(store):
    commit(store, Edit("add", A), Edit("add", area("310112", "district", square(1000))), grids=[grid(b"old")])
    before = content(store)
    commit(store, Edit("add", replace(A, key="b")), at=T2, replace_all=True)
    revert(store, 2)
    assert content(store) == before
    assert store.state(LATER, LATER).grids == [grid(b"old")]


def test_what_was_changed_since_is_a_conflict_that_names_the_keys_and_records_nothing(store):
    commit(store, Edit("add", A), Edit("add", replace(A, key="b")), Edit("add", replace(A, key="c")))
    commit(store, change("x", 1), change("y", 1, replace(A, key="c")), at=T2)
    with pytest.raises(Conflict, match="chargers a, chargers c"):
        revert(store, 1)
    assert store.head() == 2


def test_a_key_that_came_back_since_is_a_conflict(store):
    commit(store, Edit("add", A))
    commit(store, Edit("remove", replace(A, valid_to=T2), 1), at=T2)
    commit(store, Edit("add", replace(A, valid_from=T3)), at=T3)
    with pytest.raises(Conflict, match="chargers a"):
        revert(store, 2)
    assert store.head() == 3


def test_what_was_recorded_since_of_another_time_of_the_key_stays(store):
    commit(store, Edit("add", replace(A, valid_to=T2)))
    commit(store, Edit("change", replace(A, name="wrong", valid_to=T2), 1), at=T2)
    commit(store, Edit("add", replace(A, name="later", valid_from=T3)), at=T2)
    revert(store, 2)
    assert (names(store, as_of=T1), names(store, as_of=T3)) == (["a"], ["later"])


def test_many_changed_keys_are_named_in_part_and_counted(store):
    many = [replace(A, key=f"k{i:02}") for i in range(13)]
    commit(store, *(Edit("add", r) for r in many))
    commit(store, *(change("x", 1, r) for r in many), at=T2)
    with pytest.raises(Conflict, match="k09 and 3 more"):
        revert(store, 1)


def test_grids_go_back_too_unless_replaced_since(store):
    commit(store, grids=[grid(b"old")])
    commit(store, at=T2, grids=[grid(b"new")])
    revert(store, 2)
    assert store.state(LATER, LATER).grids == [grid(b"old")]
    with pytest.raises(Conflict, match="grid population"):
        revert(store, 1)


def test_a_reverted_first_grid_is_gone(store):
    commit(store, grids=[grid(b"old")])
    revert(store, 1)
    assert store.state(LATER, LATER).grids == []


def test_a_source_takes_its_former_value_again_unless_changed_since(store):
    newer, newest = replace(HAND, title="newer"), replace(HAND, title="newest")
    commit(store, sources=[HAND])
    commit(store, sources=[newer], at=T2)
    revert(store, 2)
    assert store.state(LATER, LATER).sources == {HAND.id: HAND}
    assert store.state(LATER, T2).sources == {HAND.id: newer}
    commit(store, sources=[newest], at=T3)
    revert(store, 3)
    assert store.state(LATER, LATER).sources == {HAND.id: newest}


@pytest.mark.parametrize("tx", [0, -1, 2])
def test_an_unknown_transaction_is_refused_with_the_last_one(store, tx):
    commit(store, Edit("add", A))
    for ask in (lambda: revert(store, tx), lambda: store.touched(tx)):
        with pytest.raises(NotFound, match="the last one is 1"):
            ask()


def test_what_a_transaction_did_is_told_by_key(store):
    town = area("310112", "district", square(1000))
    commit(store, Edit("add", A), Edit("add", town))
    commit(store, Edit("change", replace(A, name="later", valid_from=T2), 1), Edit("add", replace(A, key="b")), at=T2)
    (first, second) = store.touched(1)
    assert [(first[0], first[1], len(first[2]), len(first[3]))] == [("areas", "310112", 0, 1)]
    assert (second[0], second[1], second[2], [r.name for r in second[3]]) == ("chargers", "a", [], ["a"])
    (changed, added) = store.touched(2)
    assert [[r.name for r in side] for side in changed[2:]] == [["a"], ["a", "later"]]
    assert changed[3][0].valid_to == T2
    assert added == ("chargers", "b", [], [replace(A, key="b")])


def test_waiting_ends_at_once_where_something_was_recorded_already(store):
    commit(store, Edit("add", A))
    assert store.wait(0, 60) == 1


def test_waiting_ends_with_its_timeout(store):
    begun = monotonic()
    assert store.wait(0, 0.05) == 0
    assert 0.04 < monotonic() - begun < 5


def test_waiting_ends_with_a_commit_of_another_thread(store):
    later = Thread(target=lambda: commit(store, Edit("add", A)))
    begun = monotonic()
    later.start()
    assert store.wait(0, 60) == 1
    assert monotonic() - begun < 20
    later.join()


def test_waiting_ends_with_a_commit_of_another_process(url):
    """Another opening of the store stands for one: they share nothing in memory."""
    with closing(open_store(url)) as one, closing(open_store(url)) as two:
        later = Thread(target=lambda: commit(two, Edit("add", A)))
        begun = monotonic()
        assert one.wait(0, 0.01) == 0
        later.start()
        assert one.wait(0, 60) == 1
        assert monotonic() - begun < 20
        later.join()
