"""Filters on attributes, against SQLite: comparisons, text, arithmetic and what is unknown."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.layers.filtered import ROWS, TABLE, Json, camera, chosen, conditions, op, prop, table_with
from twin.layers.filter_values import like_matcher
from twin.layers.filtering import filter_of

SQL = {
    "not": "(not {0})", "isNull": "({0} is null)", "between": "({0} between {1} and {2})", "in": "({0} in {1})",
    "like": "({0} like {1} escape '\\')",
}  # fmt: skip


def sql_of(value: Any) -> str:
    match value:
        case bool():
            return str(int(value))
        case str():
            return "'" + value.replace("'", "''") + "'"
        case int() | float():
            return repr(float(value))
        case list():
            return f"({', '.join(map(sql_of, value))})"
        case {"property": name}:
            return f'"{name}"'
    args = [sql_of(arg) for arg in value["args"]]
    return SQL[value["op"]].format(*args) if value["op"] in SQL else "(" + f" {value['op']} ".join(args) + ")"


@pytest.fixture(scope="module")
def database() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute("pragma case_sensitive_like = on")
    connection.execute(
        "create table t (key text, name text, access text, azimuth_deg real, range_m real, n_devices real, online, indoor)"
    )
    for r in ROWS:
        a = r.attributes
        values = (r.key, r.name, a["access"], a["azimuth_deg"], a["range_m"], float(r.n_devices), r.online, a["indoor"])
        connection.execute("insert into t values (?, ?, ?, ?, ?, ?, ?, ?)", values)
    return connection


@given(condition=conditions)
def test_a_condition_chooses_the_rows_that_sqlite_chooses(database: sqlite3.Connection, condition: Any) -> None:
    expected = [key for (key,) in database.execute(f"select key from t where {sql_of(condition)} order by key")]
    assert chosen(condition, TABLE) == expected


@given(condition=conditions)
def test_a_condition_its_contrary_and_the_unknown_share_out_the_rows(
    database: sqlite3.Connection, condition: Any
) -> None:
    yes, no = set(chosen(condition, TABLE)), set(chosen(op("not", condition), TABLE))
    unknown = {key for (key,) in database.execute(f"select key from t where {sql_of(condition)} is null")}
    assert (yes & no, yes | no | unknown) == (set(), {r.key for r in ROWS})
    assert set(chosen(op("isNull", condition), TABLE)) == unknown


@given(st.text("ab%_\\", max_size=8).filter(lambda p: not p.endswith("\\")), st.text("ab%_", max_size=8))
def test_like_is_sqlites(database: sqlite3.Connection, pattern: str, text: str) -> None:
    (expected,) = database.execute("select ? like ? escape '\\'", (text, pattern)).fetchone()
    assert bool(like_matcher(pattern)(text)) == bool(expected)


def test_a_pattern_of_many_parts_on_a_long_text_ends() -> None:
    assert not like_matcher("%a" * 200 + "%b")("a" * 3000)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (op("=", op("div", -7, 2), -3), True),
        (op("=", op("%", -7, 2), -1), True),
        (op("=", op("%", 7, -2), 1), True),
        (op("=", op("^", 2, 10), 1024), True),
        (op("isNull", op("/", 1, 0)), True),
        (op("isNull", op("^", -1, 0.5)), True),
        (op("isNull", op("*", 1e300, 1e300)), True),
        (op("=", op("/", 1, 0), op("/", 1, 0)), False),
    ],
)
def test_arithmetic_has_no_result_that_is_no_number(expression: Json, expected: bool) -> None:
    assert bool(chosen(expression, TABLE)) is expected


def test_case_and_accents_are_passed_over_where_asked() -> None:
    table = table_with(
        camera("1", name="Éa"), camera("2", name="éA"), camera("3", name="ea"), camera("4", name="七莘路")
    )
    low = op("casei", prop("name"))
    assert chosen(op("=", low, op("casei", "ÉA")), table) == ["1", "2"]
    assert chosen(op("=", op("accenti", low), "ea"), table) == ["1", "2", "3"]
    assert chosen(op("like", op("accenti", low), op("casei", "E%")), table) == ["1", "2", "3"]
    assert chosen(op("=", op("accenti", low), "七莘路"), table) == ["4"]
    assert chosen(op("=", op("accenti", "がé"), "がe"), table) == ["1", "2", "3", "4"], "other scripts keep their marks"


def test_a_long_list_is_one_thing() -> None:
    keys = [f"{i:03d}" for i in range(900)]
    assert chosen(op("in", prop("key"), keys), TABLE) == [r.key for r in ROWS]


@given(conditions, conditions)
def test_the_key_tells_filters_apart(a: Any, b: Any) -> None:
    assert filter_of(a).key == filter_of(a).key
    if filter_of(a).key == filter_of(b).key:
        assert filter_of(a).tree == filter_of(b).tree
