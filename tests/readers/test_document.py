"""JSON that is no GeoJSON: flat lists become rows, what is nested waits for a profile."""

from __future__ import annotations

import json

import pytest

from twin.errors import InvalidInput
from twin.readers import read_table


def test_a_flat_list_of_objects_becomes_rows() -> None:
    table = read_table(json.dumps([{"id": "a", "n": 1}, {"id": "b", "ok": True, "x": None}]).encode(), "a.json")
    assert table.columns.to_dict("list") == {"id": ["a", "b"], "n": [1, ""], "ok": ["", True], "x": ["", ""]}
    assert list(table.columns.index) == [1, 2]
    assert (table.document, table.geometry, table.format) == (None, None, "json")


@pytest.mark.parametrize(
    "document",
    [
        {"data": [{"id": 1}], "status_code": 1000},
        [{"id": 1, "coordinates": {"latitude": "31.1"}}],
        [{"id": 1, "evses": []}],
        {"StationInfos": [], "type": "x"},
        {"type": ["FeatureCollection"]},
    ],
)
def test_what_is_nested_is_kept_whole(document: object) -> None:
    table = read_table(json.dumps(document).encode("gb18030"), "a.json")
    assert table.document == document
    assert (table.n_rows, list(table.columns.columns)) == (0, [])


def test_codes_of_twenty_digits_stay_exact() -> None:
    table = read_table(b'[{"id": 31011200001320000001}]', "a.json")
    assert table.text("id").tolist() == ["31011200001320000001"]


def test_geojson_under_the_ending_json_is_geojson() -> None:
    table = read_table(b'{"type": "Point", "coordinates": [121, 31]}', "a.json")
    assert (table.format, table.n_rows, table.document) == ("geojson", 1, None)


def test_every_item_that_is_no_object_is_told() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_table(b'[1, {"a": 1}, "x"]', "a.json")
    assert [(f.where, f.value) for f in caught.value.faults] == [("item 1", "1"), ("item 3", "x")]
