"""Two axes: what a key's timeline was known to be after each transaction, against painting days on a calendar by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.conftest import KINDS
from tests.world import CENTRE, charger
from twin.errors import Conflict, InvalidInput
from twin.model import Edit, Record
from twin.ports import Store
from twin.store import MemoryStore

N_DAYS = 8
DAY0 = datetime(2026, 1, 1, tzinfo=UTC)
RECORDED = datetime(2026, 6, 1, tzinfo=UTC)


def day(n: int) -> datetime:
    return DAY0 + timedelta(days=n)


def record(name: str, start: int, end: int | None) -> Record:
    base = charger("a", CENTRE)
    return replace(base, name=name, valid_from=day(start), valid_to=None if end is None else day(end))


def held(store: Store, on: int, after: int) -> list[tuple[str, int]]:
    """Name and version of what holds on a day as known after a transaction."""
    rows = store.state(day(on) + timedelta(hours=12), RECORDED + timedelta(minutes=after)).rows.get("chargers", [])
    return [(row[1], row[9]) for row in rows]


def commit(store: Store, edit: Edit, number: int) -> None:
    store.commit([edit], author="t", reason="r", at=RECORDED + timedelta(minutes=number))


steps = st.lists(
    st.tuples(
        st.sampled_from(["add", "change", "correct", "remove"]),
        st.integers(0, N_DAYS - 1),  # the day whose version it is based on
        st.integers(0, N_DAYS - 1),  # from when it holds
        st.one_of(st.none(), st.integers(1, 4)),  # for how many days
    ),
    max_size=10,
)


@pytest.mark.parametrize("kind", KINDS)
@given(plan=steps)
@settings(max_examples=60)
def test_every_edit_paints_its_days_and_no_other_and_what_was_known_before_stays(kind, plan, empty):
    with empty(kind) as store:
        calendar: list[str | None] = [None] * N_DAYS
        known = [list(calendar)]
        for wish, base, start, length in plan:
            end = None if length is None else start + length
            days = range(start, N_DAYS if end is None else min(end, N_DAYS))
            name, number = f"{wish}{len(known)}", len(known)
            if wish == "add":
                edit = Edit("add", record(name, start, end))
                if any(calendar[d] for d in days):
                    with pytest.raises(Conflict):
                        commit(store, edit, number)
                    continue
            else:
                there = held(store, base, number)
                if not there:
                    continue
                (was, version), *_ = there
                if wish == "remove":
                    edit, days = Edit("remove", record(was, 0, start + N_DAYS), version), range(start, N_DAYS)
                    edit = replace(edit, record=replace(edit.record, valid_to=day(start)))
                else:
                    edit = Edit("change", record(name, start, end), version, correction=wish == "correct")
                if wish == "correct":
                    calendar = [
                        None if n == was and _same_stretch(calendar, d, base) else n for d, n in enumerate(calendar)
                    ]
            commit(store, edit, number)
            for d in days:
                calendar[d] = None if wish == "remove" else name
            known.append(list(calendar))
        for number, expected in enumerate(known):
            found = [held(store, d, number) for d in range(N_DAYS)]
            assert [f[0][0] if f else None for f in found] == expected, f"as known after transaction {number}"
            assert all(len(f) <= 1 for f in found)


def _same_stretch(calendar: list[str | None], a: int, b: int) -> bool:
    """Whether two days belong to one unbroken stretch of the same name, which is one version."""
    low, high = sorted((a, b))
    return len(set(calendar[low : high + 1])) == 1


def test_a_transition_told_late_changes_its_stretch_only():
    """Planned from day 0, operating from day 6; that it was being built from day 3 is learnt afterwards."""
    store = MemoryStore()
    commit(store, Edit("add", record("planned", 0, None)), 1)
    commit(store, Edit("change", record("operating", 6, None), 1), 2)
    ((_, version),) = held(store, 4, 2)
    commit(store, Edit("change", record("building", 3, 6), version), 3)
    assert [held(store, d, 3)[0][0] for d in range(N_DAYS)] == ["planned"] * 3 + ["building"] * 3 + ["operating"] * 2
    assert [held(store, d, 2)[0][0] for d in range(N_DAYS)] == ["planned"] * 6 + ["operating"] * 2


def test_a_change_of_what_holds_now_leaves_what_is_planned_for_later():
    store = MemoryStore()
    commit(store, Edit("add", record("old", 0, None)), 1)
    commit(store, Edit("change", record("planned for later", 6, None), 1), 2)
    ((_, version),) = held(store, 2, 2)
    commit(store, Edit("change", record("new", 2, 6), version), 3)
    assert [held(store, d, 3)[0][0] for d in (1, 2, 5, 6)] == ["old", "new", "new", "planned for later"]


def test_nothing_is_recorded_that_would_end_before_it_begins():
    store = MemoryStore()
    with pytest.raises(InvalidInput, match="not after its beginning"):
        commit(store, Edit("add", record("a", 3, 3)), 1)
    assert store.head() == 0


def test_after_a_final_change_nothing_holds():
    store = MemoryStore()
    commit(store, Edit("add", record("old", 0, None)), 1)
    commit(store, Edit("change", record("closing", 2, 4), 1, final=True), 2)
    assert [[name for name, _ in held(store, d, 2)] for d in (1, 3, 5)] == [["old"], ["closing"], []]
