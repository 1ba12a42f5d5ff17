"""One suite for every store: what is recorded, when it holds, and who wins."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import shapely

from tests.store.log import content_id
from tests.world import CENTRE, HAND, area, charger, square
from twin.errors import Conflict, InvalidInput
from twin.model import Edit, Record
from twin.ports import GridFile, Store
from twin.store import open_store

T1, T2, T3 = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3))
LATER = datetime(2027, 1, 1, tzinfo=UTC)


def commit(store: Store, *edits: Edit, at: datetime = T1, **more: object) -> int:
    return store.commit(edits, author="planner", reason="test", at=at, **more).tx  # type: ignore[arg-type]


def keys(store: Store, as_of: datetime = LATER, known_at: datetime = LATER) -> list[str]:
    return [row[0] for row in store.state(as_of, known_at).rows.get("chargers", [])]


def names(store: Store, as_of: datetime = LATER, known_at: datetime = LATER) -> list[str]:
    return [row[1] for row in store.state(as_of, known_at).rows.get("chargers", [])]


A: Record = replace(charger("a", CENTRE), valid_from=T1)


def test_an_empty_store_is_at_transaction_zero_and_holds_nothing(store):
    assert store.head() == 0
    assert store.state(LATER, LATER).rows == {}
    assert store.transactions() == []


def test_a_commit_is_told_by_who_when_and_why(store):
    assert commit(store, Edit("add", A), sources=[HAND]) == 1
    (transaction,) = store.transactions()
    assert (transaction.author, transaction.reason, transaction.at, transaction.n_edits) == ("planner", "test", T1, 1)
    assert store.state(LATER, LATER).sources == {HAND.id: HAND}


def test_what_goes_in_comes_out(store):
    full = replace(A, online=None, n_devices=3, owner="电力公司", attributes={"n_connectors": 4, "extra": {"备注": "x"}},
                   original={"frame": "gcj02", "x": 121.4, "y": 31.1})  # fmt: skip
    town = area("310112", "district", square(1000))
    commit(store, Edit("add", full), Edit("add", town))
    ((_, _, _, stored),) = store.versions("chargers", "a")
    assert stored == full
    ((_, _, _, stored_town),) = store.versions("areas", "310112")
    assert shapely.equals_exact(shapely.from_wkb(stored_town.geometry), square(1000))


def test_the_present_timelines_of_a_layer_are_all_open_versions_by_key_and_time(store):
    commit(
        store, Edit("add", replace(A, key="b")), Edit("add", A), Edit("add", area("310112", "district", square(1000)))
    )
    commit(store, Edit("change", replace(A, name="later", valid_from=T3), expected_version=1), at=T2)
    held = store.open_versions("chargers")
    assert [(r.key, v, r.name, r.valid_from) for v, r in held] == [
        ("a", 2, "a", T1), ("a", 3, "later", T3), ("b", 1, "a", T1),
    ]  # fmt: skip
    assert [r.key for _, r in store.open_versions("areas")] == ["310112"]
    assert store.open_versions("cameras") == []


def test_rows_are_sorted_by_key(store):
    commit(store, *(Edit("add", replace(A, key=k)) for k in ("b", "a", "c")))
    assert keys(store) == ["a", "b", "c"]


def test_a_correction_recorded_later_does_not_change_what_was_known(store):
    commit(store, Edit("add", A), at=T1)
    commit(store, Edit("change", replace(A, name="corrected"), expected_version=1), at=T2)
    assert names(store, known_at=T1) == ["a"]
    assert names(store) == ["corrected"]
    assert names(store, as_of=T1) == ["corrected"]


def test_a_change_from_a_later_day_leaves_what_was_true_before(store):
    commit(store, Edit("add", A), at=T1)
    commit(store, Edit("change", replace(A, name="renamed", valid_from=T3), expected_version=1), at=T2)
    assert names(store, as_of=T2) == ["a"]
    assert names(store, as_of=T3) == ["renamed"]
    assert names(store, as_of=T3, known_at=T1) == ["a"]


def test_removing_ends_the_validity_and_keeps_the_past(store):
    commit(store, Edit("add", A), at=T1)
    commit(store, Edit("remove", replace(A, valid_to=T2), expected_version=1), at=T2)
    assert keys(store) == []
    assert keys(store, as_of=T2 - timedelta(microseconds=1)) == ["a"]
    assert [(v, tx, to) for v, tx, to, _ in store.versions("chargers", "a")] == [(1, 1, 2), (2, 2, None)]


def test_a_removed_key_may_come_back(store):
    commit(store, Edit("add", A), at=T1)
    commit(store, Edit("remove", replace(A, valid_to=T2), expected_version=1), at=T2)
    commit(store, Edit("add", replace(A, valid_from=T3)), at=T3)
    assert keys(store) == ["a"]
    assert keys(store, as_of=T2) == []
    assert keys(store, as_of=T1) == ["a"]


def test_intervals_are_half_open(store):
    commit(store, Edit("add", replace(A, valid_to=T2)), at=T1)
    assert keys(store, as_of=T1) == ["a"]
    assert keys(store, as_of=T2) == []


def test_the_next_change_is_the_first_recorded_moment_after(store):
    commit(store, Edit("add", replace(A, valid_from=T2, valid_to=T3)), at=T1)
    assert store.state(T1, LATER).next_change == T2
    assert store.state(T2, LATER).next_change == T3
    assert store.state(T3, LATER).next_change is None


@pytest.mark.parametrize(
    "edit",
    [Edit("add", A), Edit("change", A, expected_version=7), Edit("change", replace(A, key="ghost"), expected_version=1),
     Edit("remove", replace(A, valid_to=T3), expected_version=None)],
    ids=["exists", "stale version", "no such key", "no version named"],
)  # fmt: skip
def test_a_conflict_records_nothing_at_all(store, edit):
    commit(store, Edit("add", A), at=T1)
    before = content_id(store.state(LATER, LATER))
    with pytest.raises(Conflict):
        commit(store, Edit("add", replace(A, key="innocent")), edit, at=T2)
    assert store.head() == 1
    assert content_id(store.state(LATER, LATER)) == before


def test_one_transaction_changes_a_key_once(store):
    with pytest.raises(Conflict, match="chargers a"):
        commit(store, Edit("add", A), Edit("add", A))


def test_of_two_who_start_from_the_same_version_one_wins(store):
    commit(store, Edit("add", A), at=T1)
    commit(store, Edit("change", replace(A, name="first"), expected_version=1), at=T2)
    with pytest.raises(Conflict, match="version 2 now"):
        commit(store, Edit("change", replace(A, name="second"), expected_version=1), at=T3)
    assert names(store) == ["first"]


def test_replacing_all_empties_the_present_and_keeps_what_was_known(store):
    commit(store, Edit("add", A), at=T1, grids=[GridFile("population", "people", "hand", b"old")])
    commit(store, Edit("add", replace(A, key="b")), at=T2, replace_all=True)
    assert keys(store) == ["b"]
    assert keys(store, known_at=T1) == ["a"]
    assert store.state(LATER, LATER).grids == []
    assert [g.content for g in store.state(LATER, T1).grids] == [b"old"]


def test_a_grid_is_replaced_by_its_name(store):
    commit(store, at=T1, grids=[GridFile("population", "people", "hand", b"old")])
    commit(store, at=T2, grids=[GridFile("population", "people", "hand", b"new")])
    assert [g.content for g in store.state(LATER, LATER).grids] == [b"new"]
    assert [g.content for g in store.state(LATER, T1).grids] == [b"old"]


def test_a_store_reopened_holds_what_was_committed(url):
    with closing(open_store(url)) as first:
        commit(first, Edit("add", A))
    with closing(open_store(url)) as again:
        assert keys(again) == ["a"]


def test_a_second_writer_sees_the_first_ones_commit_and_conflicts(url):
    with closing(open_store(url)) as one, closing(open_store(url)) as two:
        commit(one, Edit("add", A))
        with pytest.raises(Conflict):
            commit(two, Edit("add", A))
        assert two.head() == 1


def test_an_unknown_address_is_refused_with_the_known_ones():
    with pytest.raises(InvalidInput, match="sqlite:///FILE"):
        open_store("mysql://somewhere")


def test_what_is_recorded_later_is_never_known_earlier(store):
    """Clocks that run behind, or are set back: each transaction is a little later than the one before."""
    for n, at in enumerate((T2, T1, T1, T3)):
        commit(store, Edit("add", replace(A, key=f"k{n}")), at=at)
    times = [t.at for t in store.transactions()]
    assert times == sorted(set(times))
    assert (times[0], times[-1]) == (T2, T3)
    assert keys(store, known_at=T1) == []
    assert keys(store, known_at=T2) == ["k0"]
    assert [row[0] for row in store.state(LATER, None).rows["chargers"]] == ["k0", "k1", "k2", "k3"]


def test_every_description_of_a_source_is_told_with_its_transaction(store):
    commit(store, Edit("add", A), sources=[HAND])
    commit(store, sources=[replace(HAND, licence="new")], at=T2)
    assert store.sources() == [(1, HAND), (2, replace(HAND, licence="new"))]
