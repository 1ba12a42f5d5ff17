"""Filters as CQL2 JSON and small tables to choose from: what tests of filters share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import strategies as st

from tests.world import asset
from twin.errors import BadParameter
from twin.layers import LAYERS
from twin.layers.base import LayerType
from twin.layers.filtering import filter_of
from twin.layers.tabulate import row_of, table_of
from twin.model import LayerTable, Record

CAMERAS = LAYERS["cameras"]
BORN = datetime(2024, 4, 30, 16, tzinfo=UTC)
"""The beginning of the first of May in Shanghai."""
DAY, MICROSECOND = timedelta(days=1), timedelta(microseconds=1)
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


def geojson(shape: Any) -> Any:
    return shapely.geometry.mapping(shape)
