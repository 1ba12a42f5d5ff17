"""Rows from documents and sheets: paths, columns worked out, rows left out, rows grouped."""

from __future__ import annotations

from typing import Any

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from tests.layers.profiled import document, profile, read, tagged
from tests.layers.sheets import sheet
from twin.errors import BadParameter, FrameUndeclared, InvalidInput, TwinError
from twin.layers import LAYERS
from twin.layers.profile import Derived, specialised
from twin.layers.profile_derive import derive
from twin.layers.profile_document import flat, keys_seen, parts_of, records_at, value_at
from twin.layers.profile_rows import shape
from twin.layers.table import RawTable

GEOD = Geod(ellps="WGS84")
HEAD = 'id = "own"\nlayer = "{}"\ntitle = "甲"\ntitle_en = "a"\n'
STATIONS = (
    HEAD.format("radio_sites")
    + """
[recognise]
columns = ["站点号"]
[rows.group]
by = ["站点号", "运营商"]
count = "n_sectors"
[fields]
key = "站点号"
name = "站名"
lng = "经度"
lat = "纬度"
site_kind = "覆盖类型"
operator = "运营商"
"""
)


def shaped(text: str, table: RawTable | str, layer: str, **more: Any) -> RawTable:
    own = profile(text)
    return shape(own, sheet(table) if isinstance(table, str) else table, specialised(LAYERS[layer], own), **more)


# Documents --------------------------------------------------------------------------------------------------------------


def test_records_are_found_by_the_first_path_that_has_any() -> None:
    data = {"a": {"b": [{"x": 1}, "no object", {"x": 2}]}, "c": []}
    assert records_at(data, ["c", "a.z", "a.b"]) == [{"x": 1}, {"x": 2}]
    assert records_at([data, data], ["a.b"]) == [{"x": 1}, {"x": 2}] * 2
    assert records_at(data, ["."]) == [data]
    assert records_at({"a": 1}, ["a", "b"]) == []


def test_objects_are_laid_out_and_lists_stay() -> None:
    assert flat({"a": {"b": {"c": 1}, "d": []}, "e": {}}) == {"a.b.c": 1, "a.d": [], "e": {}}
    assert keys_seen([{"a": {"b": 1}}, {"c": 2}]) == ["a", "a.b", "c"]


def test_a_key_with_dots_of_its_own_comes_first() -> None:
    assert value_at({"a.b": 1, "a": {"b": 2}}, "a.b") == 1
    assert value_at({"a": {"b": 2}}, "a.b") == 2
    assert value_at({"a": [1]}, "a.b") is None


def test_no_such_list_is_unknown_and_an_empty_one_is_none() -> None:
    assert parts_of({}, "a.b") is None
    assert parts_of({"a": [{}]}, "a.b") is None
    assert parts_of({"a": []}, "a.b") == []
    assert parts_of({"a": [{"b": []}]}, "a.b") == []


def test_rows_of_a_document_are_numbered_and_blank_where_a_record_lacks_a_key() -> None:
    text = HEAD.format("chargers") + '[recognise]\ncolumns = "k"\n[rows]\npath = "all"\n'
    got = shaped(text, document({"all": [{"k": 1, "o": {"p": "x"}}, {"k": 2, "q": [1, {"r": None}]}]}), "chargers")
    assert list(got.columns.index) == [1, 2]
    assert got.columns.to_dict("list") == {"k": [1, 2], "o.p": ["x", ""], "q": ["", '[1, {"r": null}]']}
    assert got.document is None
    assert got.where(1) == "row 2"


def test_numbers_of_twenty_digits_stay_exact() -> None:
    text = HEAD.format("cameras") + '[recognise]\ncolumns = "k"\n'
    got = shaped(text, document([{"k": 31011200001310000001, "deep": {}}]), "cameras")
    assert got.columns["k"].tolist() == ["31011200001310000001"]


def test_a_document_too_deep_is_refused_in_words() -> None:
    deep: Any = {"k": 1}
    for _ in range(100_000):
        deep = {"k": 1, "d": deep}
    text = HEAD.format("cameras") + '[recognise]\ncolumns = "k"\n'
    table = RawTable("deep.json", document([{"k": 1, "d": {}}]).columns, None, "json", "utf-8", "", document=deep)
    with pytest.raises(InvalidInput, match="too deep"):
        shaped(text, table, "cameras")


def test_a_table_of_another_kind_is_refused() -> None:
    with pytest.raises(InvalidInput, match="it lacks 站点号"):
        shaped(STATIONS, "a\n1\n", "radio_sites")


def test_a_profile_and_a_format_that_differ_in_frame_are_a_fault() -> None:
    text = HEAD.format("cameras") + 'frame = "gcj02"\n[recognise]\ncolumns = "@id"\n'
    with pytest.raises(FrameUndeclared, match="gcj02"):
        shaped(text, tagged({}), "cameras")


# Columns worked out -------------------------------------------------------------------------------------------------------


def test_a_value_is_taken_by_the_first_way_that_gives_one() -> None:
    rule = Derived("x", ("a", "b.c", "{a}-{d}", "{d}/{e}"))
    assert derive(rule, {"a": " 1 "}) == "1"
    assert derive(rule, {"b": {"c": 2}, "d": 3}) == "2"
    assert derive(rule, {"d": 3, "e": 4}) == "3/4"
    assert derive(rule, {"d": 3}) == ""


def test_words_of_a_column_worked_out_are_the_only_ones_it_has() -> None:
    rule = Derived("x", ("a",), words={"开": "true", "关": "false"})
    assert [derive(rule, {"a": a}) for a in ("开", "关", "坏", "", None)] == ["true", "false", "", "", ""]


def test_a_pattern_takes_its_first_group() -> None:
    rule = Derived("x", ("a", "b"), pattern=r"(\d+) ?kW", factor=2)
    assert derive(rule, {"a": "fast", "b": "60 kW"}) == 120
    assert derive(rule, {"a": "60"}) == ""


@given(st.lists(st.lists(st.one_of(st.none(), st.integers(0, 500)), max_size=4), max_size=4))
def test_counts_sums_and_maxima_over_nested_lists(groups: list[list[int | None]]) -> None:
    record = {"e": [{"c": [{"p": p} if p is not None else {} for p in group]} for group in groups]}
    said = [p for group in groups for p in group if p is not None]
    assert derive(Derived("n", (), "e.c", "count"), record) == sum(map(len, groups))
    assert derive(Derived("n", ("p",), "e.c", "count"), record) == len(said)
    assert derive(Derived("n", ("p",), "e.c", "sum"), record) == (sum(said) if said else "")
    assert derive(Derived("n", ("p",), "e.c", "max"), record) == (max(said) if said else "")
    assert derive(Derived("n", ("p",), "e.c", "sum", otherwise="1"), record) == (
        sum(1 if p is None else p for group in groups for p in group) if any(groups) else ""
    )


def test_parts_are_left_out_by_what_they_stand_in() -> None:
    record = {"e": [{"s": "GONE", "c": [{}, {}]}, {"s": "SOON", "c": [{}]}, {"s": "UP", "c": [{}, {}, {}]}]}
    without = {"e.s": ("GONE",)}
    rule = Derived("n", (), "e.c", "count", without=without, rather_without={"e.s": ("SOON",)})
    assert derive(rule, record) == 3
    assert derive(rule, {"e": record["e"][:2]}) == 1
    assert derive(rule, {"e": record["e"][:1]}) == 0


def test_a_columns_own_text_stands_before_the_one_worked_out() -> None:
    text = HEAD.format("chargers") + '[recognise]\ncolumns = "k"\n[derived.online]\nvalue = "s"\nwords.true = "1"\n'
    got = shaped(text, "k,s,online\na,1,否\nb,1,\n", "chargers")
    assert got.columns["online"].tolist() == ["否", "true"]
    nested = shaped(text, document([{"k": "a", "s": 1, "online": "否", "o": {}}]), "chargers")
    assert nested.columns["online"].tolist() == ["否"]


def test_helping_columns_that_no_field_is_read_from_are_not_kept() -> None:
    text = (
        HEAD.format("chargers") + '[recognise]\ncolumns = "k"\n[derived."@a"]\nvalue = "k"\n[derived.b]\nvalue = "k"\n'
    )
    assert list(shaped(text, "k\n1\n", "chargers").columns) == ["k", "b"]


# Which rows -------------------------------------------------------------------------------------------------------------

SKIPPING = (
    HEAD.format("water")
    + """
[recognise]
columns = ["k"]
[[rows.skip]]
column = "t"
pattern = "x.*"
why = "不是水系"
why_en = "no water"
"""
)


def test_rows_left_out_are_counted_and_the_others_keep_their_numbers() -> None:
    got = shaped(SKIPPING, "k,t\n1,x1\n2,y\n3,\n4,x2\n", "water")
    assert list(got.columns.index) == [3, 4]
    assert [w.en for w in got.warnings] == ["left out 2 rows: no water (t, as 'x1', 'x2')"]


def test_geometry_is_left_out_with_its_row() -> None:
    got = shaped(SKIPPING, tagged({"k": "1", "t": "x", "lng": 1}, {"k": "2", "t": "y", "lng": 2}), "water")
    assert got.geometry is not None
    assert [point.x for point in got.geometry] == [2]
    assert isinstance(got.geometry[0], shapely.Point)


def test_if_all_rows_are_left_out_the_file_is_refused() -> None:
    with pytest.raises(InvalidInput, match="has no row of use; left out 1 rows: no water"):
        shaped(SKIPPING, "k,t\n1,x1\n", "water")


def test_a_filter_works_before_rows_are_grouped() -> None:
    text = "站点号,制式,经度,纬度\n1,5G,121.4,31.1\n1,4G,121.4,31.1\n2,4G,121.5,31.1\n"
    got = shaped(STATIONS, text, "radio_sites", where={" 制式": "5G"})
    assert got.columns["n_sectors"].tolist() == [1]
    with pytest.raises(BadParameter, match=r"--where 频段: no such column; there are: 站点号, 制式"):
        shaped(STATIONS, text, "radio_sites", where={"频段": "5G"})


# Groups -----------------------------------------------------------------------------------------------------------------


def stations(*rows: tuple[str, str, str], head: str = "站点号,经度,纬度") -> RawTable:
    return shaped(STATIONS, "\n".join([head, *(",".join(row) for row in rows)]) + "\n", "radio_sites")


def test_a_groups_place_is_the_mean_of_its_different_places() -> None:
    got = stations(
        ("1", "121.4000", "31.1"), ("1", "121.4002", "31.1"), ("1", "121.4002", "31.1"), ("2", "121.5", "31.2")
    )
    assert got.columns["经度"].tolist() == [121.4001, "121.5"]
    assert got.columns["n_sectors"].tolist() == [3, 1]
    assert list(got.columns.index) == [2, 5]
    assert got.warnings == ()


def test_rows_without_a_place_do_not_pull_the_mean() -> None:
    got = stations(("1", "0", "0"), ("1", "", ""), ("1", "121.4", "31.1"), ("2", "0", "0"))
    assert got.columns[["经度", "纬度"]].to_numpy().tolist() == [["121.4", "31.1"], ["0", "0"]]


def test_a_place_that_is_no_number_stays_and_is_a_fault() -> None:
    got = read("站点号,经度,纬度\n1,121.4,31.1\n1,东边,31.1\n", "radio_sites", profiles=[profile(STATIONS)])
    assert [(f.column, f.value) for f in got.checked.faults] == [("经度", "东边")]


@pytest.mark.parametrize(("metres", "warned"), [(49.9, False), (50.1, True)])
def test_rows_more_than_fifty_metres_apart_are_named(metres: float, warned: bool) -> None:
    lng, lat, _ = GEOD.fwd(121.4, 31.1, 37.0, metres)
    got = stations(("甲", "121.4", "31.1"), ("甲", f"{lng:.9f}", f"{lat:.9f}"))
    assert [w.zh for w in got.warnings] == (
        ["1 个对象的各行相距超过 50 m，位置取平均，请核对：甲（50 m）"] if warned else []
    )


def test_a_crowd_of_places_is_measured_by_the_box_round_it() -> None:
    got = stations(
        *(("1", f"{500000 + i}", "3440000") for i in range(60)), *(("2", f"{500000 + i}", "3440000") for i in range(51))
    )
    assert [w.en.split("check them: ")[1] for w in got.warnings] == ["1 (59 m)"]


def test_metres_of_a_plane_are_metres() -> None:
    got = stations(
        ("1", "500000", "3440000"), ("1", "500030", "3440040"), ("2", "500000", "3440000"), ("2", "500031", "3440040")
    )
    assert [w.en.split("check them: ")[1] for w in got.warnings] == ["2 (51 m)"]
    assert got.columns["经度"].tolist() == [500015.0, 500015.5]


def test_texts_that_differ_within_a_group_are_named_or_kept_together() -> None:
    head = "站点号,站名,覆盖类型,PCI,经度,纬度"
    rows = "1,,室外,5,121.4,31.1\n1,甲,室内,6,121.4,31.1\n1,乙,室外,5,121.4,31.1\n2,丙,室外,5,121.4,31.1\n"
    got = shaped(STATIONS, f"{head}\n{rows}", "radio_sites")
    assert got.columns["站名"].tolist() == ["甲", "丙"]
    assert got.columns["覆盖类型"].tolist() == ["室外", "室外"]
    assert got.columns["PCI"].tolist() == ["5；6", "5"]
    assert [w.en for w in got.warnings] == [
        "站名 differs within 1 of them, the first is taken: 1: 甲, 乙",
        "覆盖类型 differs within 1 of them, the first is taken: 1: 室外, 室内",
    ]


def test_rows_without_a_key_are_not_grouped_with_each_other() -> None:
    got = read("站点号,经度,纬度\n,121.4,31.1\n,121.5,31.1\n", "radio_sites", profiles=[profile(STATIONS)])
    assert [(f.where, f.words.en) for f in got.checked.faults] == [
        ("row 2", "the key is blank"), ("row 3", "the key is blank"),
    ]  # fmt: skip


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12))
def test_grouping_is_what_a_loop_would_do(rows: list[tuple[str, int, int]]) -> None:
    got = stations(*((key, f"{121.4 + x / 1e5}", f"{31.1 + y / 1e5}") for key, x, y in rows))
    order = list(dict.fromkeys(key for key, _, _ in rows))
    assert got.columns["站点号"].tolist() == order
    for at, key in enumerate(order):
        own = [(121.4 + x / 1e5, 31.1 + y / 1e5) for k, x, y in rows if k == key]
        distinct = set(own)
        assert got.columns["n_sectors"].iloc[at] == len(own)
        assert float(got.columns["经度"].iloc[at]) == pytest.approx(
            sum(x for x, _ in distinct) / len(distinct), abs=1e-8
        )
        assert float(got.columns["纬度"].iloc[at]) == pytest.approx(
            sum(y for _, y in distinct) / len(distinct), abs=1e-8
        )


KEYS = (
    "Data StationInfos StationID StationLng StationLat StationStatus EquipmentInfos ConnectorInfos Power DeviceList Item DeviceID "
    "Longitude Latitude Status Info id coordinates latitude longitude evses status connectors ID AddressInfo Connections Quantity a.b"
).split()
JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=4), st.just("PLANNED")
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner, max_size=6)
    ),
    max_leaves=30,
)
STATION = {"StationID": "S", "StationLng": 121.4, "StationLat": 31.1}
SAMPLES = st.sampled_from([
    STATION, {"id": "L", "coordinates": {"latitude": "31", "longitude": "121"}},
    {"ID": 1, "AddressInfo": {"Latitude": 31, "Longitude": 121}}, {"DeviceID": "1", "Longitude": 1, "Latitude": 2, "Status": "ON"},
])  # fmt: skip


@settings(max_examples=40)
@given(st.sampled_from(["chargers", "cameras"]), SAMPLES, st.dictionaries(st.sampled_from(KEYS), JSON), JSON)
def test_any_document_is_read_or_refused_in_words(layer: str, sample: dict[str, Any], more: Any, other: Any) -> None:
    for data in ([{**sample, **more}], {"Data": other}, [other], {**STATION, "EquipmentInfos": other}):
        try:
            got = read(document(data), layer)
            told = bool(got.records or got.checked.faults)
        except TwinError as refused:
            told = bool(refused.words.zh and refused.words.en)
        assert told
