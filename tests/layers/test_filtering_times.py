"""Filters on times: whole days, intervals as the OGC relates them, and ends that are unknown."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.layers.filtered import BORN, DAY, MICROSECOND, camera, chosen, op, prop, table_with


def test_a_moment_is_compared_with_the_whole_of_a_day_in_shanghai() -> None:
    eve, first, last, next_day = BORN - MICROSECOND, BORN, BORN + DAY - MICROSECOND, BORN + DAY
    table = table_with(*(camera(str(i), valid_from=at) for i, at in enumerate((eve, first, last, next_day))))
    day, begun = {"date": "2024-05-01"}, prop("valid_from")
    expected = {"=": "12", "<>": "03", "<": "0", ">": "3", "<=": "012", ">=": "123"}
    for name, keys in expected.items():
        assert chosen(op(name, begun, day), table) == list(keys), name
        mirrored = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(name, name)
        assert chosen(op(mirrored, day, begun), table) == list(keys), name
    assert chosen(op("t_equals", begun, day), table) == ["1", "2"]
    assert chosen(op("between", begun, day, day), table) == ["1", "2"]
    assert chosen(op("in", begun, [day, {"timestamp": "2024-05-01T16:00:00Z"}]), table) == ["1", "2", "3"]
    assert chosen(op("=", begun, "2024-05-01"), table) == ["1", "2"], "a text that says a day is one"
    assert chosen(op("=", begun, {"timestamp": "2024-05-01T00:00:00+08:00"}), table) == ["1"]
    assert chosen(op("=", begun, {"timestamp": "2024-05-01T00:00:00"}), table) == ["1"], "without a zone: Shanghai's"


LOW, HIGH = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
RELATIONS: dict[str, Any] = {
    # s, e: first interval; t, u: second. OGC 21-065r2, table 9
    "t_after": lambda s, e, t, u: s > u, "t_before": lambda s, e, t, u: e < t, "t_contains": lambda s, e, t, u: s < t and e > u,
    "t_disjoint": lambda s, e, t, u: s > u or e < t, "t_during": lambda s, e, t, u: s > t and e < u,
    "t_equals": lambda s, e, t, u: s == t and e == u, "t_finishedBy": lambda s, e, t, u: s < t and e == u,
    "t_finishes": lambda s, e, t, u: s > t and e == u, "t_intersects": lambda s, e, t, u: s <= u and e >= t,
    "t_meets": lambda s, e, t, u: e == t, "t_metBy": lambda s, e, t, u: s == u,
    "t_overlappedBy": lambda s, e, t, u: t < s < u and e > u, "t_overlaps": lambda s, e, t, u: s < t < e < u,
    "t_startedBy": lambda s, e, t, u: s == t and e > u, "t_starts": lambda s, e, t, u: s == t and e < u,
}  # fmt: skip
SPANS = [(a, b) for a in range(4) for b in (*range(a + 1, 5), None)]
TIMED = table_with(
    *(
        camera(f"{i:02d}", valid_from=BORN + a * DAY, valid_to=None if b is None else BORN + b * DAY)
        for i, (a, b) in enumerate(SPANS)
    )
)


@pytest.mark.parametrize("name", RELATIONS)
@given(first=st.integers(0, 4), length=st.integers(0, 3), open_end=st.booleans(), open_start=st.booleans())
def test_intervals_relate_as_ogc_has_it(name: str, first: int, length: int, open_end: bool, open_start: bool) -> None:
    start, end = BORN + first * DAY, BORN + (first + length + 1) * DAY - MICROSECOND
    said = [f"2024-05-{1 + first:02d}", f"2024-05-{1 + first + length:02d}"]
    t, u = (LOW if open_start else start), (HIGH if open_end else end)
    literal = {"interval": [".." if open_start else said[0], ".." if open_end else said[1]]}
    own = {"interval": [prop("valid_from"), prop("valid_to")]}
    expected = [
        f"{i:02d}"
        for i, (a, b) in enumerate(SPANS)
        if RELATIONS[name](BORN + a * DAY, HIGH if b is None else BORN + b * DAY - MICROSECOND, t, u)
    ]
    assert chosen(op(name, own, literal), TIMED) == expected


def test_a_feature_does_not_hold_any_more_at_its_end() -> None:
    table = table_with(camera("x", valid_to=BORN + DAY))
    own = {"interval": [prop("valid_from"), prop("valid_to")]}
    at_end = {"timestamp": "2024-05-01T16:00:00Z"}
    assert chosen(op("t_intersects", own, at_end), table) == []
    assert chosen(op("t_intersects", own, {"timestamp": "2024-05-01T15:59:59.999999Z"}), table) == ["x"]
    assert chosen(op("t_equals", own, {"interval": ["2024-05-01", "2024-05-01"]}), table) == ["x"]


def test_an_end_that_is_unknown_is_unknown_by_itself_and_open_in_an_interval() -> None:
    table = table_with(camera("x"))
    assert chosen(op("t_after", prop("valid_to"), {"date": "2020-01-01"}), table) == []
    assert chosen(op("not", op("t_after", prop("valid_to"), {"date": "2020-01-01"})), table) == []
    own = {"interval": [prop("valid_from"), prop("valid_to")]}
    assert chosen(op("t_intersects", own, {"date": "2099-01-01"}), table) == ["x"]
