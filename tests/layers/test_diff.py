"""A file against what the layer holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.layers.sheets import NEW_YEAR, check, features, sheet
from twin.layers.check import Checked
from twin.layers.diff import ImportDiff, Timelines, diff
from twin.model import Record

HEAD = "id,lon,lat,name,方位角,状态,备注"
LATER = datetime(2026, 6, 1, tzinfo=UTC)
SQUARE = [[121.0, 31.0], [121.1, 31.0], [121.1, 31.1], [121.0, 31.0]]


def held(records: Sequence[Record], version: int = 3) -> Timelines:
    """The records as the open versions of their keys."""
    return {r.key: [(version, r)] for r in records}


def compare(new: Checked, old: Checked, source: str = "test") -> ImportDiff:
    return diff(new.records, held(old.records), source, new.given, LATER)


def rows(*lines: str, head: str = HEAD) -> Checked:
    return check(sheet("\n".join([head, *lines])))


A = "a,121.4,31.1,甲,90,运营,旧"


def test_into_an_empty_layer_everything_is_added() -> None:
    checked = rows(A)
    result = diff(checked.records, {}, "test", None, LATER)
    assert result.counts() == {"added": 1, "moved": 0, "changed": 0, "removed": 0, "unchanged": 0}
    (edit,) = result.edits(LATER)
    assert (edit.op, edit.record, edit.expected_version) == ("add", checked.records[0], None)


def test_each_key_is_in_one_of_the_five() -> None:
    old = rows(A, "b,121.4,31.1,乙,,,", "c,121.4,31.1,丙,,,", "d,121.4,31.1,丁,,,")
    new = rows(A, "b,121.41,31.1,乙,,,", "c,121.4,31.1,丙丙,,,", "e,121.4,31.1,戊,,,")
    result = compare(new, old)
    assert result.unchanged == ("a",)
    assert [r.key for r in result.added] == ["e"]
    assert [(m.record.key, m.fields) for m in result.moved] == [("b", ("location",))]
    assert result.moved[0].moved_m == pytest.approx(954.04, abs=0.01)  # N·cos(lat)·0.01°
    assert [(c.record.key, c.fields, c.moved_m) for c in result.changed] == [("c", ("name",), None)]
    assert [r.record.key for r in result.removed] == ["d"]
    edits = {(e.op, e.record.key): e for e in result.edits(LATER)}
    assert {name: edit.expected_version for name, edit in edits.items()} == {
        ("add", "e"): None, ("change", "b"): 3, ("change", "c"): 3, ("remove", "d"): 3,
    }  # fmt: skip
    assert edits["remove", "d"].record.valid_to == LATER


def test_what_the_file_lacks_or_leaves_blank_stays() -> None:
    old = rows("a,121.4,31.1,甲,90,退役,旧")
    blank = compare(rows("a,0,0,,,,"), old)
    assert blank.unchanged == ("a",)
    no_place = check(sheet("id,方位角\na,80\n"), "cameras", "lng=", "lat=")
    assert compare(no_place, old).changed[0].fields == ("azimuth_deg",)
    assert compare(no_place, old).changed[0].record.lng == 121.4
    (altered,) = compare(rows("a,121.4,31.1,80", head="id,lon,lat,方位角"), old).changed
    assert altered.fields == ("azimuth_deg",)
    assert (altered.record.lifecycle, altered.record.name) == ("retired", "甲")
    assert altered.record.attributes["extra"] == {"备注": "旧"}


def test_a_defaulted_beginning_keeps_the_one_that_is_held() -> None:
    old, new = rows(A), rows(A)
    later = [replace(record, valid_from=NEW_YEAR + timedelta(days=9)) for record in new.records]
    assert diff(later, held(old.records), "test", new.given, LATER).unchanged == ("a",)
    assert diff(later, held(old.records), "test", None, LATER).changed[0].fields == ("valid_from",)


def test_a_mark_that_a_value_was_assumed_goes_once_a_file_gives_it() -> None:
    def marked(checked: Checked) -> list[Record]:
        return [replace(r, attributes={**r.attributes, "lifecycle_assumed": True}) for r in checked.records]

    silent, saying = rows("a,121.4,31.1,,,,"), rows("a,121.4,31.1,,,运营,")
    (altered,) = diff(saying.records, held(marked(silent)), "test", saying.given, LATER).changed
    assert altered.fields == ("lifecycle_assumed",)
    assert "lifecycle_assumed" not in altered.record.attributes
    assert diff(marked(silent), held(saying.records), "test", silent.given, LATER).unchanged == ("a",)
    assert diff(marked(silent), held(marked(silent)), "test", silent.given, LATER).unchanged == ("a",)


def test_extra_columns_are_merged_by_name() -> None:
    (altered,) = compare(rows("a,121.4,31.1,5", head="id,lon,lat,层数"), rows(A)).changed
    assert altered.fields == ("extra",)
    assert altered.record.attributes["extra"] == {"备注": "旧", "层数": "5"}


def test_zero_is_not_nothing() -> None:
    (altered,) = compare(rows("a,121.4,31.1,甲,0,,"), rows("a,121.4,31.1,甲,,,")).changed
    assert altered.fields == ("azimuth_deg",)


def test_a_place_within_a_billionth_of_a_degree_is_the_same() -> None:
    assert compare(rows("a,121.4000000005,31.1", head="id,lon,lat"), rows(A)).unchanged == ("a",)
    assert compare(rows("a,121.40000001,31.1", head="id,lon,lat"), rows(A)).moved[0].moved_m == pytest.approx(
        0.00095, abs=1e-5
    )


def test_a_first_place_is_a_change_without_metres() -> None:
    (altered,) = compare(rows(A), rows("a,0,0,甲,90,运营,旧")).changed
    assert (altered.fields, altered.moved_m, altered.record.lng) == (("location",), None, 121.4)


def test_other_sources_are_not_removed_but_may_be_taken_over() -> None:
    old = rows(A, "b,121.4,31.1,乙,,,")
    assert compare(rows(A), old, source="other").removed == ()
    others = [replace(record, source="other") for record in rows(A).records]
    assert diff(others, held(old.records), "other", rows(A).given, LATER).changed[0].fields == ("source",)


def outline(*codes: str, shift: float = 0.0, start: int = 0) -> Checked:
    ring = [[x + shift, y] for x, y in SQUARE]
    ring = [*ring[start:-1], *ring[: start + 1]]
    return check(features(*(({"type": "Polygon", "coordinates": [ring]}, {"code": code}) for code in codes)), "areas")


def test_outlines_are_compared_as_shapes() -> None:
    old = outline("310112", "310104")
    turned = compare(outline("310112", "310104", start=1), old)
    assert turned.unchanged == ("310112", "310104")
    shifted = compare(outline("310112", shift=0.001), old)
    assert [(c.record.key, c.fields) for c in shifted.changed] == [("310112", ("geometry",))]
    (gone,) = shifted.removed
    assert (gone.record.key, gone.record.geometry) == ("310104", old.records[1].geometry)


line = st.tuples(
    st.sampled_from("abcd"), st.sampled_from(["121.4", "121.5", "0"]), st.sampled_from(["31.1", "31.2"]),
    st.sampled_from(["甲", ""]), st.sampled_from(["0", "90", ""]), st.sampled_from(["规划", ""]), st.sampled_from(["x", ""]),
)  # fmt: skip
sheets = st.lists(line, min_size=1, max_size=4, unique_by=lambda cells: cells[0]).map(
    lambda ls: rows(*(",".join(c) for c in ls))
)


@given(sheets, sheets)
def test_what_has_been_imported_is_unchanged_the_second_time(old: Checked, new: Checked) -> None:
    first = compare(new, old)
    keys = {r.key for r in old.records}
    assert sum(first.counts().values()) == len(keys | {r.key for r in new.records})
    state = {r.key: r for r in old.records} | {e.record.key: e.record for e in first.edits(LATER) if e.op != "remove"}
    second = diff(new.records, held([state[r.key] for r in new.records]), "test", new.given, LATER)
    assert second.counts() == {"added": 0, "moved": 0, "changed": 0, "removed": 0, "unchanged": len(new.records)}


def test_what_was_imported_with_dates_is_the_same_the_second_time_whenever_they_are() -> None:
    """Ended, planned for later, and without a date: none of them is added twice."""
    old = rows("a,121.4,31.1,2020-01-01,2021-01-01", "b,121.4,31.1,2030-01-01,", "c,121.4,31.1,,",
               head="id,lon,lat,valid_from,valid_to")  # fmt: skip
    assert diff(old.records, held(old.records), "test", old.given, LATER).unchanged == ("a", "b", "c")


def test_a_record_is_compared_with_what_holds_when_it_begins() -> None:
    (then,) = rows("a,121.4,31.1,甲,2020-01-01", head="id,lon,lat,name,valid_from").records
    (later,) = rows("a,121.4,31.1,乙,2026-03-01", head="id,lon,lat,name,valid_from").records
    timelines = {"a": [(4, replace(then, valid_to=later.valid_from)), (5, later)]}
    told = rows("a,121.4,31.1,丙,2026-03-01", head="id,lon,lat,name,valid_from")
    (altered,) = diff(told.records, timelines, "test", told.given, LATER).changed
    assert (altered.version, altered.fields, altered.correction) == (5, ("name",), False)
    earlier = rows("a,121.4,31.1,甲,2020-01-01", head="id,lon,lat,name,valid_from")
    assert diff(earlier.records, timelines, "test", earlier.given, LATER).unchanged == ("a",)


def test_a_later_beginning_alone_is_a_correction() -> None:
    old = rows("a,121.4,31.1,2020-01-01", head="id,lon,lat,valid_from")
    new = rows("a,121.4,31.1,2021-01-01", head="id,lon,lat,valid_from")
    (altered,) = compare(new, old).changed
    assert (altered.fields, altered.correction) == (("valid_from",), True)
    both = rows("a,121.4,31.1,2021-01-01,退役", head="id,lon,lat,valid_from,状态")
    assert compare(both, old).changed[0].correction is False


def test_an_end_that_the_file_gives_is_final() -> None:
    old = rows("a,121.4,31.1,2020-01-01,", head="id,lon,lat,valid_from,valid_to")
    new = rows("a,121.4,31.1,2020-01-01,2025-01-01", head="id,lon,lat,valid_from,valid_to")
    (edit,) = compare(new, old).edits(LATER)
    assert edit.final


def test_an_unknown_code_kept_aside_goes_once_its_field_is_given() -> None:
    old = rows("a,121.4,31.1,怪", head="id,lon,lat,摄像机类型")
    assert old.records[0].attributes["extra"] == {"摄像机类型": "怪"}
    new, columns = rows("a,121.4,31.1,球机", head="id,lon,lat,摄像机类型"), {"camera_type": "摄像机类型"}
    (altered,) = diff(new.records, held(old.records), "test", new.given, LATER, columns).changed
    assert "extra" not in altered.record.attributes
