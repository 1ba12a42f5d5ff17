"""Files to tables: encodings, delimiters, types; and never anything but a result or one of our own errors."""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.errors import InvalidInput, NotFound, TwinError
from twin.readers import read_table

CSV = "编号,名称,经度,纬度\nA1,虹桥,121.32,31.19\nA2,,121.4,31.1\n"


def geojson(*features: dict[str, Any], **members: Any) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": features, **members}).encode()


def feature(geometry: Any, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


POINT = {"type": "Point", "coordinates": [121.4, 31.1]}


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        pytest.param(CSV.encode(), "utf-8", id="utf-8"),
        pytest.param(codecs.BOM_UTF8 + CSV.encode(), "utf-8", id="utf-8 with BOM"),
        pytest.param(CSV.encode("gb18030"), "gb18030", id="gb18030"),
        pytest.param(codecs.BOM_UTF16_LE + CSV.encode("utf-16-le"), "utf-16-le", id="Excel's Unicode text"),
    ],
)
def test_a_csv_is_read_as_text_in_the_encoding_it_has(content: bytes, encoding: str) -> None:
    table = read_table(content, "a.CSV")
    assert table.encoding == encoding
    assert list(table.columns.columns) == ["编号", "名称", "经度", "纬度"]
    assert table.columns.to_numpy().tolist() == [["A1", "虹桥", "121.32", "31.19"], ["A2", "", "121.4", "31.1"]]
    assert list(table.columns.index) == [2, 3]
    assert table.sha256 == hashlib.sha256(content).hexdigest()
    assert (table.geometry, table.declared_frame, table.format, table.n_rows) == (None, None, "csv", 2)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    table = read_table(CSV.replace(",", delimiter).encode(), "a.csv")
    assert list(table.columns["名称"]) == ["虹桥", ""]


def test_cells_that_an_export_made_safe_are_as_they_were() -> None:
    table = read_table(b"id,'=x,n\n'=1+1,''@x,-5\n'a,\"'\t=x\",\n", "a.csv")
    assert list(table.columns.columns) == ["id", "=x", "n"]
    assert table.columns.to_numpy().tolist() == [["=1+1", "'@x", "-5"], ["'a", "\t=x", ""]]


def test_a_file_too_large_to_be_held_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.truncate((1 << 30) + 1)
    with pytest.raises(InvalidInput, match="1073741825 bytes"):
        read_table(path)


def test_blank_lines_keep_the_numbers_of_the_rows_after_them() -> None:
    table = read_table(b"id,lng\na,1\n,\n\nb,2\n", "a.csv")
    assert list(table.columns.index) == [2, 5]


def test_quoted_cells_may_hold_delimiters_and_line_ends() -> None:
    table = read_table(b'id,name\r\na,"one, two\r\nthree"\r\n', "a.csv")
    assert list(table.columns["name"]) == ["one, two\r\nthree"]


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"", "a.csv", "a.csv is empty"),
        (b" \n ", "a.csv", "empty"),
        (b"x", "a.dwg", r"endings that work: .*\.csv, .*\.gpkg"),
        (b"id,lng\n", "a.csv", "no rows"),
        (b"\nid,lng\n", "a.csv", "no column names"),
        (b"id,id\n1,2\n", "a.csv", "twice"),
        (b"id,,x\n1,2,3\n", "a.csv", "no name"),
        (b"id,x\n1\n1,2,3\n", "a.csv", "2 rows do not match"),
        (b"id,x\n\xff\xff\xff,1", "a.csv", "neither UTF-8 nor GB18030"),
        (b"id,x\n\0,1", "a.csv", "NUL"),
        (b'{"type": "FeatureCollection",\n "features": [}', "a.json", "line 2, column 15"),
        (b"[1, 2]", "a.geojson", "not a GeoJSON object"),
        (b'[{"a": 1}, 2]', "a.json", "item 2"),
        (b'"text"', "a.json", "should be a JSON object"),
        (b"[]", "a.json", "hold something"),
        (b"[{}]", "a.json", "every object"),
        (b'{"type": "Topology"}', "a.json", "its type is 'Topology'"),
        (b'{"type": "FeatureCollection"}', "a.json", "not a list"),
        (b'{"type": "FeatureCollection", "features": []}', "a.json", "no features"),
        (b'{"a":' * 100_000, "a.json", "not usable JSON"),
        (rb'{"type": "Feature", "geometry": null, "properties": {"a": "\ud800"}}', "a.json", "cannot be kept"),
        (geojson(feature({"type": "Point", "coordinates": ["a", 1]})), "a.geojson", "feature 1"),
        (geojson(feature(None), feature({"type": "Curve"})), "a.geojson", "feature 2"),
    ],
)
def test_what_cannot_be_read_is_said_in_words(content: bytes, name: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        read_table(content, name)


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_table(tmp_path / "none.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InvalidInput):
        read_table(tmp_path / "folder.csv")


def test_a_path_and_its_bytes_read_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(CSV.encode())
    assert read_table(path).columns.equals(read_table(CSV.encode(), "a.csv").columns)


def test_features_become_rows_with_typed_properties_and_their_id() -> None:
    content = geojson(
        {**feature(POINT, n=3, ok=True, name="甲"), "id": 7}, feature(None, extra={"a": [1]}), name="sheet"
    )
    table = read_table(content, "a.geojson")
    assert table.columns.to_dict("list") == {
        "id": [7, ""], "n": [3, ""], "ok": [True, ""], "name": ["甲", ""], "extra": ["", '{"a": [1]}'],
    }  # fmt: skip
    assert table.geometry is not None
    assert table.geometry[0].coords[0] == (121.4, 31.1)
    assert table.geometry[1] is None
    assert table.metadata == {"name": "sheet"}
    assert list(table.columns.index) == [1, 2]


def test_a_property_called_id_wins_over_the_features_own() -> None:
    table = read_table(geojson({**feature(POINT, id="mine"), "id": 7}), "a.geojson")
    assert list(table.columns["id"]) == ["mine"]


def test_heights_are_dropped_and_empty_geometries_are_none() -> None:
    tall = {"type": "Point", "coordinates": [121.4, 31.1, 12.0]}
    table = read_table(geojson(feature(tall), feature({"type": "Polygon", "coordinates": []})), "a.geojson")
    assert table.geometry is not None
    assert not table.geometry[0].has_z
    assert table.geometry[1] is None


@given(st.binary(max_size=300), st.sampled_from(["a.csv", "a.geojson"]))
def test_any_bytes_give_a_table_or_an_error_of_ours(content: bytes, name: str) -> None:
    with contextlib.suppress(TwinError):
        assert read_table(content, name).n_rows > 0


@given(st.text(alphabet=',;\t\r\n"ab经1.\ufeff', max_size=60))
def test_any_text_as_csv_gives_a_table_or_an_error_of_ours(text: str) -> None:
    with contextlib.suppress(TwinError):
        read_table(text.encode(), "a.csv")


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=8,
)
geometries = st.fixed_dictionaries(
    {"type": st.sampled_from(["Point", "Polygon", "MultiPolygon", "LineString", "MultiPoint"]), "coordinates": anything}
)


@given(st.lists(st.fixed_dictionaries({"geometry": geometries | anything, "properties": anything}), max_size=3))
def test_any_features_give_a_table_or_an_error_of_ours(features: list[dict[str, Any]]) -> None:
    with contextlib.suppress(TwinError):
        read_table(geojson(*features), "a.geojson")
