"""Editing one asset: who wins, from when it holds, which states may follow which, and what earlier answers keep saying."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from threading import Barrier, Thread

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from tests.world import CENTRE, LONG_AGO, NOW, PLAN, charger, district, offset, square
from twin.coverage.lifecycle import ASSUMED
from twin.editing import BY_HAND, Edited, Place, Signed, Wish, change, create, drafted, end, merged, replace_asset
from twin.engine import Twin
from twin.errors import BadParameter, Conflict, InvalidInput, LayerInvalid, NotFound, Stale
from twin.layers.states import may_follow
from twin.model import LIFECYCLES, Edit
from twin.readers.raster import read_grid
from twin.store import MemoryStore

ME = Signed("planner", "because")


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def twin(clock: Clock) -> Twin:
    made = Twin(MemoryStore(), PLAN, read_grid, clock)
    made.commit([Edit("add", r) for r in (*district(), charger("a", CENTRE))], author="t", reason="r")
    clock.now += timedelta(days=1)
    return made


def held(
    twin: Twin, key: str = "a", as_of: datetime | None = None, known_at: datetime | None = None
) -> dict[str, object]:
    frame = twin.snapshot(as_of, known_at).layers["chargers"].frame
    rows = frame[frame["key"] == key].to_dict("records")
    return rows[0] if rows else {}


def added(twin: Twin, told: dict[str, object], place: Place | None = None) -> Edited:
    return create(twin, drafted(twin, "chargers", Wish(told, place)), ME)


def move(twin: Twin, state: str, at: str | None = None, **more: object) -> Edited:
    told = {"lifecycle": state, **({"valid_from": at} if at else {})}
    return change(twin, "chargers", "a", Wish(told), ME, **more)  # type: ignore[arg-type]


def test_a_change_holds_from_now_and_leaves_what_was_before(twin):
    edited = change(twin, "chargers", "a", Wish({"n_connectors": 9}), ME)
    assert held(twin)["n_connectors"] == 9
    assert held(twin)["version"] == edited.version
    assert held(twin, as_of=NOW)["n_connectors"] == 4
    assert (edited.transaction.author, edited.transaction.reason) == ("planner", "because")


def test_only_what_is_sent_changes_and_null_goes_back_to_the_default(twin):
    change(twin, "chargers", "a", Wish({"n_connectors": None, "station_type": None, "owner": "电力公司"}), ME)
    now = held(twin)
    assert now["n_connectors"] != now["n_connectors"]  # unknown
    assert (now["station_type"], now["owner"], now["name"], now["online"]) == ("unknown", "电力公司", "a", True)


def test_replacing_takes_back_what_is_not_sent(twin):
    replace_asset(twin, "chargers", "a", Wish({"name": "new"}, Place(shapely.Point(CENTRE))), ME)
    now = held(twin)
    assert (now["name"], now["station_type"]) == ("new", "unknown")
    assert now["lng"] == CENTRE[0]


def test_a_place_is_changed_taken_away_and_kept(twin):
    there = offset(CENTRE, 100, 0)
    change(twin, "chargers", "a", Wish({}, Place(shapely.Point(there))), ME)
    assert (held(twin)["lng"], held(twin)["lat"]) == pytest.approx(there)
    change(twin, "chargers", "a", Wish({"name": "x"}), ME)
    assert (held(twin)["lng"], held(twin)["lat"]) == pytest.approx(there)
    change(twin, "chargers", "a", Wish({}, Place(None)), ME)
    assert held(twin)["lng"] != held(twin)["lng"]


def test_an_outline_is_edited_as_an_area_and_its_name_without_it(twin):
    change(twin, "areas", "310112", Wish({"name": "新名"}), ME)
    area = twin.snapshot().areas["310112"]
    assert area.name == "新名"
    assert shapely.equals(area.geometry, square(5000))
    change(twin, "areas", "310112", Wish({}, Place(square(1000))), ME)
    assert shapely.equals(twin.snapshot().areas["310112"].geometry, square(1000))


def test_an_asset_is_added_with_its_key_or_gets_one(twin):
    edited = added(twin, {"key": "b", "name": "乙"}, Place(shapely.Point(CENTRE)))
    assert (edited.version, held(twin, "b")["name"], held(twin, "b")["source"]) == (1, "乙", BY_HAND.id)
    assert twin.snapshot().sources[BY_HAND.id] == BY_HAND
    other = added(twin, {"name": "丙"})
    assert held(twin, other.record.key)["name"] == "丙"
    with pytest.raises(Conflict, match="exists"):
        added(twin, {"key": "b"})


def test_all_faults_of_an_edit_are_told_at_once_and_nothing_is_recorded(twin):
    head = twin.store.head()
    with pytest.raises(LayerInvalid) as wrong:
        change(twin, "chargers", "a", Wish({"n_connectors": "many", "station_type": None, "max_power_kw": -1}), ME)
    assert {fault.column for fault in wrong.value.faults} == {"n_connectors", "max_power_kw"}
    with pytest.raises(BadParameter) as unknown:
        change(twin, "chargers", "a", Wish({"colour": "red", "shape": "round"}), ME)
    assert [fault.column for fault in unknown.value.faults] == ["colour", "shape"]
    with pytest.raises(BadParameter, match="key"):
        change(twin, "chargers", "a", Wish({"key": "b"}), ME)
    with pytest.raises(LayerInvalid, match="@x, @y"):
        change(twin, "chargers", "a", Wish({}, Place(shapely.Point(500, 31))), ME)
    with pytest.raises(NotFound):
        change(twin, "chargers", "nobody", Wish({"name": "x"}), ME)
    assert twin.store.head() == head


def test_of_two_who_saw_the_same_version_one_wins(twin):
    saw = Signed("first", "r", 1)
    change(twin, "chargers", "a", Wish({"name": "first"}), saw)
    with pytest.raises(Stale) as late:
        change(twin, "chargers", "a", Wish({"name": "second"}), saw)
    assert late.value.current == (held(twin)["version"],)
    assert held(twin)["name"] == "first"


def test_sending_back_the_times_that_one_was_shown_is_no_statement(twin):
    change(twin, "chargers", "a", Wish({"name": "x", "valid_from": LONG_AGO.isoformat(), "valid_to": None}), ME)
    assert held(twin, as_of=NOW)["name"] == "a"


# Lifecycle ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", LIFECYCLES)
@pytest.mark.parametrize("after", LIFECYCLES)
def test_states_follow_one_another_as_the_plan_says(before, after):
    """The table of DOMAIN §2: forward, steps may be skipped; managed and operating either way; nothing leaves retired."""
    allowed = {
        "planned": "planned building managed operating retired",
        "building": "building managed operating retired",
        "managed": "managed operating retired",
        "operating": "operating managed retired",
        "retired": "retired",
    }
    assert may_follow(before, after) == (after in allowed[before].split())


def test_a_state_goes_back_only_as_a_correction(twin):
    with pytest.raises(InvalidInput, match="correction"):
        move(twin, "planned")
    move(twin, "planned", correction=True)
    assert held(twin, as_of=LONG_AGO)["lifecycle"] == "planned"
    assert held(twin)["lifecycle"] == "planned"


def test_retiring_needs_a_reason(twin):
    with pytest.raises(BadParameter, match="reason"):
        change(twin, "chargers", "a", Wish({"lifecycle": "retired"}), Signed("me", " "))
    move(twin, "retired")
    assert held(twin)["lifecycle"] == "retired"


def test_a_transition_told_late_holds_from_its_day_to_the_next_one(twin):
    """Operating since long ago; that it was closed for repair in 2024 is told now."""
    move(twin, "managed", "2024-03-01")
    move(twin, "operating", "2024-06-01")
    assert [held(twin, as_of=datetime(2024, m, 15, tzinfo=UTC))["lifecycle"] for m in (2, 4, 7)] == [
        "operating", "managed", "operating",
    ]  # fmt: skip
    assert held(twin)["lifecycle"] == "operating"


def test_what_is_told_late_must_suit_what_comes_after(twin):
    with pytest.raises(InvalidInput, match="cannot go back from operating to planned"):
        move(twin, "planned", "2021-01-01")
    move(twin, "planned", "2018-01-01")
    assert held(twin, as_of=datetime(2019, 1, 1, tzinfo=UTC))["lifecycle"] == "planned"
    assert held(twin, as_of=LONG_AGO)["lifecycle"] == "operating"
    move(twin, "retired", "2026-11-01")
    with pytest.raises(InvalidInput, match="retired"):
        move(twin, "operating", "2026-11-10")


def test_an_assumed_state_is_no_longer_assumed_once_somebody_says_it(clock):
    twin = Twin(MemoryStore(), PLAN, read_grid, clock)
    assumed = charger("a", CENTRE, **{ASSUMED: True})
    twin.commit([Edit("add", assumed)], author="t", reason="r")
    clock.now += timedelta(days=1)
    change(twin, "chargers", "a", Wish({"name": "x"}), ME)
    assert held(twin)[ASSUMED] is True
    move(twin, "operating")
    assert ASSUMED not in held(twin) or held(twin)[ASSUMED] is None


def test_what_an_earlier_report_said_stays_as_it_was(twin, clock):
    """July's report, asked again in August after a correction of July's state."""
    july = clock.now
    said = twin.cover("charger-service", snapshot=twin.snapshot(july, july)).result.value
    clock.now += timedelta(days=30)
    change(twin, "chargers", "a", Wish({"lifecycle": "planned"}), ME, correction=True)
    assert twin.cover("charger-service", snapshot=twin.snapshot(july, july)).result.value == said > 0
    assert twin.cover("charger-service", snapshot=twin.snapshot(july, clock.now)).result.value == 0


def test_ending_needs_a_reason_and_leaves_the_past(twin):
    with pytest.raises(BadParameter, match="reason"):
        end(twin, "chargers", "a", None, Signed("me", ""))
    end(twin, "chargers", "a", None, ME)
    assert held(twin) == {}
    assert held(twin, as_of=NOW)["name"] == "a"
    with pytest.raises(NotFound):
        change(twin, "chargers", "a", Wish({"name": "x"}), ME)
    added(twin, {"key": "a", "name": "again"})
    assert held(twin)["name"] == "again"


def test_what_is_planned_for_later_outlives_an_edit_of_today(twin, clock):
    move(twin, "retired", (clock.now + timedelta(days=100)).isoformat())
    change(twin, "chargers", "a", Wish({"name": "x"}), ME)
    assert (held(twin)["name"], held(twin)["lifecycle"]) == ("x", "operating")
    assert held(twin, as_of=clock.now + timedelta(days=101))["lifecycle"] == "retired"


@given(st.lists(st.tuples(st.sampled_from(LIFECYCLES), st.integers(0, 3000)), max_size=8))
def test_no_order_of_telling_makes_a_history_that_goes_back(moves):
    """Whatever is told for whatever day, each state of the timeline may follow the one before it."""
    twin = Twin(MemoryStore(), PLAN, read_grid, lambda: NOW)
    twin.commit([Edit("add", charger("a", CENTRE, lifecycle="planned"))], author="t", reason="r")
    for state, days in moves:
        try:
            move(twin, state, (LONG_AGO + timedelta(days=days)).isoformat())
        except InvalidInput:
            continue
    versions = [record for _, _, tx_to, record in twin.store.versions("chargers", "a") if tx_to is None]
    states = [record.lifecycle for record in sorted(versions, key=lambda r: r.valid_from)]
    assert all(may_follow(first, second) for first, second in pairwise(states)), states


def test_every_edit_can_be_told_on_the_day_it_is_recorded(twin: Twin, clock: Callable[[], datetime]):
    """Two edits at the very same moment: the second lays over the first, and neither is lost from the record."""
    change(twin, "chargers", "a", Wish({"name": "one"}), ME)
    change(twin, "chargers", "a", Wish({"name": "two"}), ME)
    assert held(twin)["name"] == "two"
    assert {record.name for *_, record in twin.store.versions("chargers", "a")} == {"a", "one", "two"}


def test_an_end_that_is_told_is_the_end(twin, clock):
    until = clock.now + timedelta(days=10)
    change(twin, "chargers", "a", Wish({"valid_to": until.isoformat()}), ME)
    assert held(twin, as_of=until - timedelta(seconds=1))["name"] == "a"
    assert held(twin, as_of=until) == {}


def test_a_correction_from_a_day_on_leaves_no_hole_before_it(twin, clock):
    """Retired from day 0; that it serves from day 10 on is a correction. Between the two it stays retired."""
    day = clock.now
    move(twin, "retired", day.isoformat())
    move(twin, "operating", (day + timedelta(days=10)).isoformat(), correction=True)
    states = [held(twin, as_of=day + timedelta(days=n)).get("lifecycle") for n in (-1, 1, 9, 11)]
    assert states == ["operating", "retired", "retired", "operating"]


def test_correcting_the_beginning_takes_the_time_before_it_away(twin):
    change(twin, "chargers", "a", Wish({"valid_from": "2023-01-01"}), ME, correction=True)
    assert held(twin, as_of=datetime(2022, 6, 1, tzinfo=UTC)) == {}
    assert held(twin, as_of=datetime(2023, 6, 1, tzinfo=UTC))["name"] == "a"


def test_what_is_so_already_is_not_recorded_again(twin):
    head = twin.store.head()
    edited = change(twin, "chargers", "a", Wish({"name": "a", "n_connectors": 4}, Place(shapely.Point(CENTRE))), ME)
    assert (edited.transaction, edited.version, twin.store.head()) == (None, 1, head)


def test_whoever_names_no_version_is_not_told_of_another(twin):
    """Eight at once without a version: all are recorded, one after the other."""
    together = Barrier(8)

    def edit(n: int) -> None:
        together.wait()
        change(twin, "chargers", "a", Wish({"n_connectors": n}), ME)

    threads = [Thread(target=edit, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {r.attributes["n_connectors"] for *_, r in twin.store.versions("chargers", "a")} >= set(range(8)) - {4}


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_does_what_the_appendix_of_rfc_7396_says(target, patch, result):
    assert merged(target, patch) == result


def test_a_change_merges_extra_and_a_replacement_puts_its_own_in_place(twin):
    def extra(edited: Edited) -> object:
        return edited.record.attributes.get("extra")

    assert extra(change(twin, "chargers", "a", Wish({"extra": {"x": 1, "y": {"z": 2}}}), ME)) == {"x": 1, "y": {"z": 2}}
    assert extra(change(twin, "chargers", "a", Wish({"extra": {"x": None, "y": {"w": 3}}}), ME)) == {
        "y": {"z": 2, "w": 3}
    }
    assert extra(change(twin, "chargers", "a", Wish({"name": "x"}), ME)) == {"y": {"z": 2, "w": 3}}
    assert extra(replace_asset(twin, "chargers", "a", Wish({"extra": {"v": 4}}), ME)) == {"v": 4}
    assert extra(change(twin, "chargers", "a", Wish({"extra": None}), ME)) is None
    change(twin, "chargers", "a", Wish({"extra": {"x": 1}}), ME)
    assert extra(replace_asset(twin, "chargers", "a", Wish({"name": "x"}), ME)) is None
