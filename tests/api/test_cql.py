"""CQL2 as text: what the parser makes of it, what it must never be given, and that it says the same as JSON."""

from __future__ import annotations

from typing import Any

import cql2
import numpy as np
import orjson
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from tests.layers.filtered import CAMERAS, TABLE, camera, conditions, op, prop, table_with
from twin.api.collections import schema
from twin.api.cql import FUNCTIONS, MAX_TEXT, degrees_of, parse_filter
from twin.api.crs import crs_of
from twin.errors import BadParameter
from twin.layers import LAYERS
from twin.layers.base import LayerType
from twin.layers.filter_columns import queryables
from twin.layers.filter_tree import MAX_DEPTH, N_ARGS, Call, Const
from twin.layers.filtering import filter_of


def refused(text: str, lang: Any = "cql2-text") -> BadParameter:
    with pytest.raises(BadParameter) as caught:
        parse_filter(text, lang)
    return caught.value


@given(condition=conditions)
def test_text_says_what_json_says(condition: Any) -> None:
    text = cql2.parse_json(orjson.dumps(condition).decode()).to_text()
    wanted = filter_of(condition).mask(CAMERAS, TABLE)
    assert parse_filter(text, "cql2-text").mask(CAMERAS, TABLE).tolist() == wanted.tolist()
    assert parse_filter(orjson.dumps(condition).decode(), "cql2-json").mask(CAMERAS, TABLE).tolist() == wanted.tolist()


@given(condition=conditions)
def test_what_is_cut_and_put_together_is_what_the_library_makes_of_the_whole(condition: Any) -> None:
    text = cql2.parse_json(orjson.dumps(condition).decode()).to_text()
    assert parse_filter(text, "cql2-text").key == filter_of(cql2.parse_text(text).to_json()).key


POINT = {"type": "Point", "coordinates": [121.4, 31.1]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("name = 'it''s'", op("=", prop("name"), "it's")),
        ("name = 'it\\'s'", op("=", prop("name"), "it's")),
        ("name = '\\''", op("=", prop("name"), "'")),
        ("(name = 'a\\') or ((b')", op("=", prop("name"), "a') or ((b")),
        ("name = 'a\\'", op("=", prop("name"), "a\\")),
        ("name like '50\\%'", op("like", prop("name"), "50\\%")),
        ("name like 'C:\\\\'", op("like", prop("name"), "C:\\\\")),
        ("name = 'a\\b''\\\\'", op("=", prop("name"), "a\\b'\\\\")),
        ("name = '((('", op("=", prop("name"), "(((")),
        ('"name" <> \'\'', op("<>", prop("name"), "")),
        ("not(name is null)and(online=true)", op("and", op("not", op("isNull", prop("name"))), op("=", prop("online"), True))),
        ("((((name = 'a'))))", op("=", prop("name"), "a")),
        ("name in ('a')", op("in", prop("name"), ["a"])),
        ("name not in ('a', ('b'))", op("not", op("in", prop("name"), ["a", "b"]))),
        ("CASEI(name) IN (casei('A'), casei('B'))", op("in", op("casei", prop("name")), [op("casei", "A"), op("casei", "B")])),
        ("range_m between (1) and (2 + 3)", op("between", prop("range_m"), 1, op("+", 2, 3))),
        ("(range_m + 1) * 2 = -3", op("=", op("*", op("+", prop("range_m"), 1), 2), -3)),
        ("-(range_m) = 1", op("=", op("*", -1, prop("range_m")), 1)),
        ("S_INTERSECTS(geometry, POINT(121.4 31.1))", op("s_intersects", prop("geometry"), POINT)),
        ("s_intersects(geometry, point Z (121.4 31.1 5))", op("s_intersects", prop("geometry"), POINT)),
        ("s_within(geometry, BBOX(1, 2, 3, 4))", op("s_within", prop("geometry"), {"bbox": [1, 2, 3, 4]})),
        ("s_within(geometry, ((MULTIPOLYGON(((1 1, 2 1, 2 2, 1 1))))))",
         op("s_within", prop("geometry"), {"type": "MultiPolygon", "coordinates": [[[[1, 1], [2, 1], [2, 2], [1, 1]]]]})),
        ("s_equals(geometry, GEOMETRYCOLLECTION(POINT(121.4 31.1), POINT(1 1)))",
         op("s_equals", prop("geometry"), {"type": "GeometryCollection", "geometries": [POINT, {"type": "Point", "coordinates": [1, 1]}]})),
        ("t_after(valid_from, DATE('2024-05-01'))", op("t_after", prop("valid_from"), {"date": "2024-05-01"})),
        ("valid_from = TIMESTAMP('2024-05-01T00:00:00')", op("=", prop("valid_from"), {"timestamp": "2024-05-01T00:00:00+08:00"})),
        ("valid_from = TIMESTAMP('2024-05-01T00:00:00Z')", op("=", prop("valid_from"), {"timestamp": "2024-05-01T08:00:00+08:00"})),
        ("t_during(interval(valid_from, valid_to), interval('2024-01-01 00:00:00', '..'))",
         op("t_during", {"interval": [prop("valid_from"), prop("valid_to")]}, {"interval": ["2024-01-01T00:00:00+08:00", ".."]})),
        ("true", True),
    ],
)  # fmt: skip
def test_text_is_read_as_its_json(text: str, value: Any) -> None:
    found = parse_filter(text, "cql2-text")
    assert found.tree == filter_of(value).tree
    assert found.key == filter_of(value).key
    found.check(CAMERAS)


@pytest.mark.parametrize(
    ("text", "character", "rest"),
    [
        ("name == 'a'", 7, "= 'a'"),
        ("name = 'a' nad online", 12, "nad"),
        ("name ='中文' 和 online", 12, "和"),
        ("name = 'a' and ((range_m = ) or true)", 28, ") or"),
        ("name = 'a'\nand ((range_m >\n > 1))", 29, "> 1"),
        ("name = 'a')", 11, ")"),
        ("online and (name = 'a'", 12, "(name"),
        ("name = 'a", 8, "'a"),
        ("name = 'it\\'s' nad", 16, "nad"),
        ("name = 'a\\' and key = 'b'", 24, "b'"),
        ("s_within(geometry, POINT EMPTY)", 1, "s_within"),
        ("   ", 1, "   "),
    ],
)
def test_wrong_syntax_is_told_with_its_place(text: str, character: int, rest: str) -> None:
    error = refused(text)
    assert f"not CQL2 at character {character}: " in error.words.en
    assert f"第 {character} 个字符处" in error.words.zh
    assert error.faults[0].value.startswith(rest)


def test_what_breaks_off_is_told_so() -> None:
    for text in ("", "name =", "name = 'a' and"):
        assert "breaks off at the end" in str(refused(text))


@pytest.mark.parametrize("text", ["{", '{"op": "=",', "", "[1, 2", '{"op":"=","args":["\\ud800",1]}'])
def test_wrong_json_is_told_with_its_place(text: str) -> None:
    assert "not valid JSON at character" in str(refused(text, "cql2-json"))


MONSTERS = {
    "parentheses": "(" * 3_999 + "1" + ")" * 3_999,
    "parentheses that are not closed": "(" * 7_000,
    "parentheses about an error": "(" * 40 + "name =" + ")" * 40,
    "parentheses in functions": "casei((" * 20 + "1 +" + "))" * 20,
    "lists in lists": "name in " + "(" * 40 + "1" + ", 2)" * 40,
    "parentheses after words": "notnot(" * 500,
    "parentheses after numbers": "1and(" * 1_000,
    "sums in parentheses": "(1+" * 2_600,
    "minus signs": "range_m = " + "-" * 7_900 + "1",
    "minus signs apart": "range_m = " + "- " * 3_900 + "1",
    "not": "not " * 1_990 + "true",
    "sum": "+".join(["range_m"] * 990) + " = 1",
    "powers": "1" + "^1" * 3_900 + " = 1",
    "functions": "casei(" * 1_300,
    "known functions": "casei(" * 49 + "name" + ")" * 49 + " = ",
    "collections": "s_within(geometry, " + "GEOMETRYCOLLECTION(" * 45,
    "quotes": "'" * 7_999,
    "escaped quotes": "\\'" * 4_000,
    "backslashes": "'" + "\\" * 7_999,
    "double quotes": '"' * 7_999,
    "between": "1 between " * 700,
    "too long": "name = '" + "a" * MAX_TEXT + "'",
    "array after array": "name in (" + "(1,2)," * 1_300,
}


@pytest.mark.parametrize("text", MONSTERS.values(), ids=list(MONSTERS))
def test_nothing_ends_the_process_or_takes_for_ever(text: str) -> None:
    refused(text)


@pytest.mark.parametrize("text", ['{"op":"not","args":[' * 390 + "true" + "]}" * 390, "[" * 7_000, '{"a":' * 1_500])
def test_deep_json_is_refused(text: str) -> None:
    refused(text, "cql2-json")


def test_what_is_deep_but_not_too_deep_is_read() -> None:
    deep = "(" * MAX_DEPTH + "n_devices = 1" + ")" * MAX_DEPTH
    assert parse_filter(deep, "cql2-text").tree == filter_of(op("=", prop("n_devices"), 1)).tree
    signs = " and ".join(["(n_devices = 1)"] * 100)
    assert parse_filter(signs, "cql2-text").mask(CAMERAS, TABLE).any()


def test_a_name_that_looks_like_what_is_left_of_a_cut_is_a_name() -> None:
    found = parse_filter('"\ue0000" = 1 and (("\ue0001" = 2))', "cql2-text")
    with pytest.raises(BadParameter, match="no property"):
        found.check(CAMERAS)


@given(st.text("()'\", =andotrue\ue0000-1+", max_size=60))
def test_no_text_is_more_than_wrong(text: str) -> None:
    try:
        parse_filter(text, "cql2-text")
    except BadParameter as error:
        assert error.faults  # noqa: PT017


def test_arrays_and_unknown_functions_are_refused_by_name() -> None:
    assert "no array functions (a_contains)" in str(refused("A_CONTAINS(name, ('a'))"))
    assert "no operator or function soundex" in str(refused("soundex(name) = 'a'"))
    assert "no operator or function lower" in str(refused("name = lower('A')"))


def test_every_function_of_a_filter_can_be_written() -> None:
    signs = {"and", "or", "not", "like", "between", "in", "isnull", "div"}
    assert {name for name in N_ARGS if name.isidentifier()} - signs <= set(FUNCTIONS)


@pytest.mark.parametrize("kind", LAYERS.values(), ids=list(LAYERS))
def test_the_queryables_of_a_collection_are_what_filters_take(kind: LayerType) -> None:
    types = {"text": "string", "bool": "boolean", "time": "string"}
    told = schema(kind, "", "en", queryables=True)
    known = queryables(kind)
    assert list(told["properties"]) == list(known)
    assert told["additionalProperties"] is False
    for name, what in known.items():
        said = told["properties"][name]
        if what == "shape":
            assert said["format"].startswith("geometry-")
        elif what == "number":
            assert said["type"] in ("integer", "number")
        else:
            assert said["type"] == types[what]
        assert (said.get("format") == "date-time") == (what == "time")


@pytest.mark.parametrize("name", ["EPSG:4549", "EPSG:3857", "EPSG:32651"])
def test_a_geometry_of_a_plane_crs_holds_what_it_holds_there(name: str) -> None:
    rng = np.random.default_rng(3)
    places = rng.random((2000, 2)) * 0.4 + np.array([121.2, 30.9])
    table = table_with(*(camera(f"{i:04d}", (float(x), float(y))) for i, (x, y) in enumerate(places)))
    crs = CRS(name)
    x, y = Transformer.from_crs(4326, crs, always_xy=True).transform(*places.T)
    is_northing_first = crs.axis_info[0].direction == "north"
    box = [*np.quantile(x, [0.2, 0.7]), *np.quantile(y, [0.3, 0.8])]
    west, east, south, north = box
    corners = [south, west, north, east] if is_northing_first else [west, south, east, north]
    text = "s_intersects(geometry, bbox({}))".format(", ".join(repr(float(c)) for c in corners))
    found = parse_filter(text, "cql2-text", degrees_of(crs_of(name, "filter-crs"))).mask(CAMERAS, table)
    clear = np.min(np.abs([x - west, x - east, y - south, y - north]), axis=0) > 0.5
    inside = (x > west) & (x < east) & (y > south) & (y < north)
    assert inside.sum() > 300
    assert (found == inside)[clear].all()


def test_degrees_in_the_order_of_the_authority_are_turned() -> None:
    found = parse_filter(
        "s_within(geometry, bbox(31, 121, 32, 122))", "cql2-text", degrees_of(crs_of("EPSG:4326", "filter-crs"))
    )
    assert isinstance(found.tree, Call)
    assert isinstance(found.tree.args[1], Const)
    assert found.tree.args[1].value.equals(shapely.box(121, 31, 122, 32))


def test_a_box_of_another_crs_does_not_cross_the_antimeridian() -> None:
    with pytest.raises(BadParameter, match="is not a geometry"):
        parse_filter(
            "s_within(geometry, bbox(500, 1, 400, 2))", "cql2-text", degrees_of(crs_of("EPSG:3857", "filter-crs"))
        )
