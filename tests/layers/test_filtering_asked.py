"""What filters may ask of a layer, as CQL2 and as parameters, and what is refused with what was expected."""

from __future__ import annotations

from typing import Any

import pytest
import shapely

from tests.layers.filtered import (
    BORN,
    CAMERAS,
    DAY,
    MICROSECOND,
    TABLE,
    Json,
    camera,
    chosen,
    geojson,
    op,
    prop,
    refused,
    table_with,
)
from twin.errors import BadParameter
from twin.layers import LAYERS
from twin.layers.base import LayerType
from twin.layers.filter_columns import queryables
from twin.layers.filter_tree import MAX_COSTLY, MAX_DEPTH, MAX_NODES
from twin.layers.filtering import filter_of, property_filters
from twin.layers.tabulate import table_of


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
