"""Filters on columns against what SQLite, shapely and plain Python say row by row."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from tests.world import asset
from twin.errors import BadParameter
from twin.layers import LAYERS
from twin.layers.base import LayerType
from twin.layers.filter_columns import queryables
from twin.layers.filter_tree import MAX_COSTLY, MAX_DEPTH, MAX_NODES
from twin.layers.filter_values import like_matcher
from twin.layers.filtering import filter_of, property_filters
from twin.layers.tabulate import row_of, table_of
from twin.model import LayerTable, Record

CAMERAS = LAYERS["cameras"]
BORN = datetime(2024, 4, 30, 16, tzinfo=UTC)
"""The beginning of the first of May in Shanghai."""
Json = dict[str, Any]


def prop(name: str) -> Json:
    return {"property": name}


def op(name: str, *args: Any) -> Json:
    return {"op": name, "args": list(args)}


def table_with(*records: Record, kind: LayerType = CAMERAS) -> LayerTable:
    return table_of(kind, [row_of(r, 1 + i) for i, r in enumerate(sorted(records, key=lambda r: r.key))])


def camera(key: str, lnglat: tuple[float, float] | None = (121.4, 31.1), **more: Any) -> Record:
    return asset("cameras", key, lnglat, **{"valid_from": BORN, **more})


def chosen(filter_json: Any, table: LayerTable, kind: LayerType = CAMERAS) -> list[str]:
    mask = filter_of(filter_json).mask(kind, table)
    assert (mask.dtype, mask.shape) == (np.dtype(bool), (len(table),))
    return table.frame["key"][mask].tolist()


def refused(filter_json: Any, kind: LayerType = CAMERAS) -> BadParameter:
    with pytest.raises(BadParameter) as caught:
        filter_of(filter_json).check(kind)
    return caught.value


# Attributes, against SQLite --------------------------------------------------------------------------------------------

NAMES = ["a", "A", "ab", "七莘路", "七_路", "100%", "é", "a\nb", ""]
ROWS = [
    camera(
        f"{i:03d}",
        name=NAMES[i % len(NAMES)],
        online=[True, False, None][i % 3],
        n_devices=1 + i % 4,
        access=["own", "relayed", "unlinked", None][i % 4],
        azimuth_deg=None if i % 5 == 0 else float(i * 7 % 360),
        range_m=None if i % 7 == 0 else float(i % 10),
        indoor=[None, True, False, True][i % 4],
    )
    for i in range(60)
]
TABLE = table_with(*ROWS)
TEXTS, NUMBERS, BOOLS = ("name", "access", "key"), ("azimuth_deg", "range_m", "n_devices"), ("online", "indoor")

number_values = st.integers(-3, 12).map(float)
text_values = st.sampled_from([*NAMES, "own", "relayed", "007", "b"])
patterns = st.text("a%_A\\七路", max_size=5).filter(lambda p: not p.endswith("\\"))
numbers: Any = st.recursive(
    number_values | st.sampled_from(NUMBERS).map(prop),
    lambda inner: st.builds(op, st.sampled_from(["+", "-", "*", "/"]), inner, inner),
    max_leaves=4,
)
texts = text_values | st.sampled_from(TEXTS).map(prop)
comparison = st.sampled_from(["=", "<>", "<", ">", "<=", ">="])
predicates: Any = (
    st.builds(op, comparison, numbers, numbers)
    | st.builds(op, comparison, texts, texts)
    | st.builds(op, st.sampled_from(["=", "<>"]), st.sampled_from(BOOLS).map(prop), st.booleans())
    | st.builds(lambda a, b, c: op("between", a, b, c), numbers, numbers, numbers)
    | st.builds(lambda a, b: op("in", a, b), st.sampled_from(TEXTS).map(prop), st.lists(texts, min_size=1, max_size=4))
    | st.builds(lambda a, b: op("in", a, b), numbers, st.lists(number_values, min_size=1, max_size=4))
    | st.builds(lambda a, b: op("like", a, b), st.sampled_from(TEXTS).map(prop), patterns)
    | st.sampled_from((*TEXTS, *NUMBERS, *BOOLS)).map(lambda name: op("isNull", prop(name)))
    | st.sampled_from(BOOLS).map(prop)
    | st.booleans()
)
conditions: Any = st.recursive(
    predicates,
    lambda inner: (
        inner.map(lambda a: op("not", a))
        | st.builds(
            lambda name, args: op(name, *args), st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3)
        )
    ),
    max_leaves=6,
)


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


# Times -----------------------------------------------------------------------------------------------------------------

DAY, MICROSECOND = timedelta(days=1), timedelta(microseconds=1)


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


# Places ----------------------------------------------------------------------------------------------------------------

GRID = [(121.0 + x / 10, 31.0 + y / 10) for x in range(5) for y in range(5)]
POINTS = table_with(*(camera(f"{i:02d}", p) for i, p in enumerate(GRID)), camera("nowhere", None))
corner = st.tuples(st.integers(0, 8), st.integers(0, 8)).map(lambda c: (121.0 + c[0] / 20, 31.0 + c[1] / 20))
literals = (
    corner.map(shapely.Point)
    | st.lists(corner, min_size=2, max_size=4, unique=True).map(shapely.LineString)
    | st.lists(corner, min_size=1, max_size=4, unique=True).map(shapely.MultiPoint)
    | st.lists(corner, min_size=3, max_size=6, unique=True).map(lambda c: shapely.MultiPoint(c).convex_hull)
    | st.tuples(corner, corner).map(lambda c: shapely.GeometryCollection([shapely.Point(c[0]), shapely.LineString(c)]))
).filter(lambda g: g.is_valid)
SPATIAL = ("intersects", "disjoint", "equals", "within", "contains", "touches", "crosses", "overlaps")


def geojson(shape: Any) -> Any:
    return shapely.geometry.mapping(shape)


@pytest.mark.parametrize("name", SPATIAL)
@given(literal=literals)
def test_points_lie_as_shapely_says_of_each(name: str, literal: Any) -> None:
    expected = [f"{i:02d}" for i, p in enumerate(GRID) if getattr(shapely, name)(shapely.Point(p), literal)]
    turned = [f"{i:02d}" for i, p in enumerate(GRID) if getattr(shapely, name)(literal, shapely.Point(p))]
    assert chosen(op(f"s_{name}", prop("geometry"), geojson(literal)), POINTS) == expected
    assert chosen(op(f"S_{name.upper()}", geojson(literal), prop("geometry")), POINTS) == turned


SHAPES = [
    shapely.box(121, 31, 121.2, 31.2),
    shapely.box(121.1, 31.1, 121.3, 31.3),
    shapely.box(121.2, 31, 121.4, 31.1),
    shapely.box(121.05, 31.05, 121.1, 31.1).union(shapely.box(121.3, 31.3, 121.4, 31.4)),
]
POLYGONS = table_with(
    *(Record("areas", str(i), "", "operating", BORN, None, None, 1, "", "hand", 121.1, 31.1, shapely.to_wkb(s), {"code": str(i), "level": "zone"}) for i, s in enumerate(SHAPES)),
    kind=LAYERS["areas"],
)  # fmt: skip


@pytest.mark.parametrize("name", SPATIAL)
@given(literal=literals | st.sampled_from(SHAPES))
def test_polygons_lie_as_shapely_says_of_each(name: str, literal: Any) -> None:
    expected = [str(i) for i, s in enumerate(SHAPES) if getattr(shapely, name)(s, literal)]
    assert chosen(op(f"s_{name}", prop("geometry"), geojson(literal)), POLYGONS, LAYERS["areas"]) == expected


def test_what_has_no_place_is_neither_in_nor_out() -> None:
    box = {"bbox": [120, 30, 122, 32]}
    assert "nowhere" not in chosen(op("s_intersects", prop("geometry"), box), POINTS)
    assert "nowhere" not in chosen(op("s_disjoint", prop("geometry"), box), POINTS)
    assert chosen(op("isNull", prop("geometry")), POINTS) == ["nowhere"]


def test_a_boxs_edge_belongs_to_it_and_heights_are_passed_over() -> None:
    assert chosen(op("s_intersects", prop("geometry"), {"bbox": [121.0, 31.0, 121.1, 31.1]}), POINTS) == [
        "00",
        "01",
        "05",
        "06",
    ]
    with_heights = {"bbox": [121.0, 31.0, -5, 121.1, 31.1, 99]}
    assert chosen(op("s_intersects", prop("geometry"), with_heights), POINTS) == ["00", "01", "05", "06"]


def test_a_box_may_cross_the_antimeridian() -> None:
    table = table_with(camera("east", (179.5, 0.0)), camera("west", (-179.5, 0.0)), camera("here", (121.0, 31.0)))
    assert chosen(op("s_within", prop("geometry"), {"bbox": [179, -1, -179, 1]}), table) == ["east", "west"]


def test_places_are_those_that_callers_see() -> None:
    table = table_with(camera("x", (121.400000049, 31.1)))
    assert chosen(op("s_equals", prop("geometry"), geojson(shapely.Point(121.4, 31.1))), table) == ["x"]


def test_geometries_of_another_frame_are_taken_to_degrees() -> None:
    def halved(shape: Any) -> Any:
        return shapely.transform(shape, lambda c: c / 2)

    box = op("s_intersects", prop("geometry"), {"bbox": [242.0, 62.0, 242.2, 62.2]})
    mask = filter_of(box, halved).mask(CAMERAS, POINTS)
    assert POINTS.frame["key"][mask].tolist() == ["00", "01", "05", "06"]
    assert "filter-crs" in str(refused(box))


# What is asked, and what is refused ------------------------------------------------------------------------------------


def test_cells_are_text_for_callers_and_none_where_there_is_no_place() -> None:
    table = table_with(camera("x", (121.4, 31.1)), camera("y", None))
    text = f"{int(table.frame['cell'][0]):x}"
    assert chosen(op("=", prop("cell"), text), table) == ["x"]
    assert chosen(op("isNull", prop("cell")), table) == ["y"]


def test_a_source_s_own_columns_may_be_asked_for_where_they_are_plain() -> None:
    table = table_with(camera("1", 高度=3, 备注="x", 列表=[1]), camera("2", 高度=4.5, 备注=None, 列表=None))
    assert {n: k for n, k in queryables(CAMERAS, table).items() if n not in queryables(CAMERAS)} == {
        "高度": "number",
        "备注": "text",
    }
    assert chosen(op(">", prop("高度"), 3), table) == ["2"]
    assert chosen(op("isNull", prop("备注")), table) == ["2"]
    with pytest.raises(BadParameter, match="列表"):
        filter_of(op("isNull", prop("列表"))).mask(CAMERAS, table)


@pytest.mark.parametrize("kind", LAYERS.values(), ids=list(LAYERS))
def test_every_queryable_of_every_layer_can_be_asked_of_an_empty_table(kind: LayerType) -> None:
    table = table_of(kind, [])
    assert queryables(kind, table) == queryables(kind)
    values: dict[str, Any] = {"text": "x", "number": 1, "bool": True, "time": {"date": "2024-01-01"}}
    for name, what in queryables(kind).items():
        asked = (
            op("s_intersects", prop(name), {"bbox": [0, 0, 1, 1]})
            if what == "shape"
            else op("=", prop(name), values[what])
        )
        assert chosen(asked, table, kind) == []


@pytest.mark.parametrize(
    ("filter_json", "said"),
    [
        (op("=", prop("colour"), "red"), "no property 'colour'; there are: key, name, lifecycle"),
        (op("=", prop("lng"), 121), "no property 'lng'"),
        (op("=", prop("n_devices"), "2"), "n_devices is a number, '2' is text"),
        (op("<", prop("name"), 5), "name is text, 5 is a number"),
        (op("=", prop("geometry"), "x"), "use S_EQUALS"),
        (op("<", prop("online"), True), "online is a boolean"),
        (op("s_intersects", prop("name"), {"bbox": [0, 0, 1, 1]}), "s_intersects takes a geometry, but name is text"),
        (op("t_after", prop("name"), {"date": "2024-01-01"}), "name is text"),
        (op("=", prop("valid_from"), {"interval": ["2024-01-01", ".."]}), "INTERVAL is an interval"),
        (op("=", prop("valid_from"), "soon"), "not a date or time: 'soon'"),
        (op("like", prop("name"), prop("owner")), "the pattern of LIKE"),
        (op("+", prop("n_devices"), 1), "the filter takes a boolean"),
        (op("and", prop("name"), True), "and takes a boolean, but name is text"),
        (op("casei", prop("n_devices")), "casei takes text"),
    ],
)
def test_what_does_not_fit_the_layer_is_refused_by_name(filter_json: Json, said: str) -> None:
    assert said in str(refused(filter_json))


@pytest.mark.parametrize(
    ("filter_json", "said"),
    [
        (op("a_contains", prop("name"), ["x"]), "no array functions (a_contains)"),
        (op("soundex", prop("name")), "no operator or function soundex; there are: and"),
        (op("=", prop("name")), "= takes 2 arguments, got 1"),
        ({"op": "=", "args": 3}, "takes 2 arguments"),
        (op("=", prop("name"), None), "use IS NULL"),
        (op("=", prop("name"), ["x"]), "a list may only stand after IN"),
        (op("in", prop("name"), []), "a list that is not empty"),
        (op("in", prop("name"), "x"), "a list that is not empty"),
        ({"a": 1}, "is not a CQL2 expression"),
        (op("=", prop("valid_from"), {"date": "2024-13-01"}), "not a date or time"),
        (op("t_during", prop("valid_from"), {"interval": ["2024-02-01", "2024-01-01"]}), "ends before it starts"),
        (op("t_during", prop("valid_from"), {"interval": [1, ".."]}), "goes from and to a date"),
        (op("=", prop("n_devices"), float("inf")), "too large"),
        (op("=", prop("n_devices"), 10**400), "too large"),
        (op("s_within", prop("geometry"), {"bbox": [0, 0, 1]}), "is not a geometry"),
        (op("s_within", prop("geometry"), {"bbox": [0, 2, 1, 1]}), "is not a geometry"),
        (op("s_within", prop("geometry"), {"bbox": [0, float("nan"), 1, 1]}), "is not a geometry"),
        (op("s_within", prop("geometry"), {"type": "Point", "coordinates": ["x", 1]}), "is not a geometry"),
        (op("s_within", prop("geometry"), {"type": "Pint", "coordinates": [1, 1]}), "is not a geometry"),
        (op("s_within", prop("geometry"), {"type": "Polygon", "coordinates": []}), "is empty"),
        (op("s_within", prop("geometry"), {"type": "Point", "coordinates": [500_000, 3_400_000]}), "filter-crs"),
        (op("s_within", prop("geometry"), geojson(shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]))), "is not valid: Self-intersection"),
    ],
)  # fmt: skip
def test_what_is_no_filter_is_refused_with_what_was_expected(filter_json: Any, said: str) -> None:
    assert said in str(refused(filter_json))


def test_all_faults_are_told_at_once_in_both_languages() -> None:
    form = refused(op("and", op("=", prop("name"), None), op("soundex", prop("x"))))
    assert [f.path for f in form.faults] == [("args", 0, "args", 1), ("args", 1)]
    kinds = refused(op("and", op("=", prop("a"), 1), op("=", prop("name"), 1)))
    assert [f.value for f in kinds.faults] == ["a", "1"]
    assert "没有属性“a”" in kinds.words.zh
    assert "另有 1 处" in kinds.words.zh


def test_what_is_too_large_is_refused_whatever_its_shape() -> None:
    deep: Any = op("isNull", prop("name"))
    for _ in range(MAX_DEPTH):
        deep = op("not", deep)
    wide = op("or", *[op("=", prop("name"), "x")] * (MAX_NODES // 2))
    bottomless: Any = []
    for _ in range(5_000):
        bottomless = [bottomless]
    for too_much in (deep, wide, op("=", bottomless, 1), {"bbox": bottomless}, {"interval": [bottomless, 1]}):
        assert "too complex" in str(refused(too_much))
    likes = op("or", *[op("like", prop("name"), f"%{i}%") for i in range(MAX_COSTLY + 1)])
    assert f"at most {MAX_COSTLY}" in str(refused(likes))


def test_a_long_list_is_one_thing() -> None:
    keys = [f"{i:03d}" for i in range(900)]
    assert chosen(op("in", prop("key"), keys), TABLE) == [r.key for r in ROWS]


@given(conditions, conditions)
def test_the_key_tells_filters_apart(a: Any, b: Any) -> None:
    assert filter_of(a).key == filter_of(a).key
    if filter_of(a).key == filter_of(b).key:
        assert filter_of(a).tree == filter_of(b).tree


# Properties as parameters ----------------------------------------------------------------------------------------------


def test_property_parameters_are_equalities_that_hold_together() -> None:
    query = [("access", "own"), ("access", "relayed"), ("online", "true"), ("n_devices", "2"), ("limit", "5")]
    found = property_filters(CAMERAS, query)
    assert found is not None
    expected = op(
        "and",
        op("in", prop("access"), ["own", "relayed"]),
        op("=", prop("online"), True),
        op("=", prop("n_devices"), 2),
    )
    assert found.mask(CAMERAS, TABLE).tolist() == filter_of(expected).mask(CAMERAS, TABLE).tolist()
    assert property_filters(CAMERAS, [("limit", "5"), ("geometry", "x")]) is None


def test_a_day_as_a_parameter_is_the_whole_of_it() -> None:
    table = table_with(
        camera("a"), camera("b", valid_from=BORN + DAY - MICROSECOND), camera("c", valid_from=BORN + DAY)
    )
    found = property_filters(CAMERAS, [("valid_from", "2024-05-01")])
    assert found is not None
    assert found.mask(CAMERAS, table).tolist() == [True, True, False]


def test_property_parameters_of_the_wrong_kind_are_refused_together() -> None:
    with pytest.raises(BadParameter) as caught:
        property_filters(CAMERAS, [("n_devices", "x"), ("online", "yes"), ("valid_from", "soon"), ("range_m", "nan")])
    assert [(f.column, f.value) for f in caught.value.faults] == [
        ("n_devices", "x"), ("online", "yes"), ("valid_from", "soon"), ("range_m", "nan"),
    ]  # fmt: skip
