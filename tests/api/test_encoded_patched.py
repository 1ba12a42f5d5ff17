"""A layer's bytes, patched after an edit: equal to those of a layer encoded anew."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.world import asset, square
from twin.api.encoded import Encoded, encode_layer, patched
from twin.layers import LAYERS
from twin.layers.tabulate import row_of, table_of
from twin.model import LayerTable, Record

PLACES = [(121.4, 31.1), (121.4, 31.1), (121.41, 31.1), (-0.5, -10.0), (179.0, 84.0), None]


def table(layer: str, rows: dict[str, int]) -> LayerTable:
    made = []
    for key, what in sorted(rows.items()):
        more = {"extra": {"用途": what}} if what % 4 == 3 else {}
        record: Record = asset(layer, key, PLACES[what % len(PLACES)], name=f"名 {what}", **more)
        if layer == "roads":
            shape = square(100 + what).boundary
            record = Record(**{**{f: getattr(record, f) for f in record.__dataclass_fields__}, "geometry": shape.wkb})
        made.append(row_of(record, 1 + what))
    return table_of(LAYERS[layer], made)


def assert_equal(one: Encoded, other: Encoded) -> None:
    assert one.blob == other.blob
    for name in ("offsets", "cuts", "bounds", "codes", "valid", "places"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert list(one.ids) == list(other.ids)
    assert (one.shapes is None) == (other.shapes is None)
    if one.shapes is not None and other.shapes is not None:
        assert [g.wkb for g in one.shapes] == [g.wkb for g in other.shapes]


contents = st.dictionaries(st.sampled_from([f"k{i}" for i in range(40)]), st.integers(0, 11), max_size=40)


@settings(deadline=None)
@given(before=contents, edits=st.dictionaries(st.sampled_from([f"k{i}" for i in range(45)]), st.one_of(st.none(), st.integers(0, 11)), max_size=6),
       layer=st.sampled_from(["cameras", "roads"]))  # fmt: skip
def test_patching_gives_the_bytes_of_encoding_anew(before, edits, layer):
    after = {k: v for k, v in {**before, **edits}.items() if v is not None}
    old, new, kind = table(layer, before), table(layer, after), LAYERS[layer]
    assert_equal(patched(encode_layer(kind, old), kind, old, new), encode_layer(kind, new))


def test_of_many_rows_only_those_that_differ_are_encoded(monkeypatch):
    rows = {f"k{i}": i for i in range(200)}
    old, new = table("cameras", rows), table("cameras", {**rows, "k7": 3, "new": 5})
    kind, encoded, sizes = LAYERS["cameras"], encode_layer(LAYERS["cameras"], old), []

    def counted(kind, table):
        sizes.append(len(table))
        return encode_layer(kind, table)

    monkeypatch.setattr("twin.api.encoded.encode_layer", counted)
    made = patched(encoded, kind, old, new)
    monkeypatch.undo()
    assert sizes == [2]
    assert_equal(made, encode_layer(kind, new))
