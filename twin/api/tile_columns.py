"""The columns of vector tiles: what features say, as GeoJSON says it, coded. Knows tables and encoded features, no HTTP."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import orjson
import pandas as pd

from twin.api.encoded import Encoded, Index, cell_texts, json_values
from twin.api.mvt import Coded, PointTiles, value_messages
from twin.layers import LayerType
from twin.model import LayerTable

ALIKE = ({str}, {int}, {float}, {bool})
"""Types whose equal values are the same on the wire; 1, 1.0 and True are equal too, and are not."""


def kept_as(resolution: int | None = None) -> Hashable:
    """Under which a table keeps the columns of its features, or of its counts per cell."""
    return ("tiles", resolution)


def layer_tiles(kind: LayerType, table: LayerTable, encoded: Encoded) -> PointTiles:
    """A point layer's tiles, with all the properties that ``encoded`` was made with from ``table``."""
    kinds = {f.name: f.kind for f in kind.all_fields()}
    rows = rows_in_order(table, encoded)
    columns = {
        str(name): coded(table.frame[name], kinds.get(str(name), ""), rows)
        for name in table.frame.columns
        if name not in ("lng", "lat")
    }
    return PointTiles.of(kind.name, encoded.unit, columns)


def rows_in_order(table: LayerTable, encoded: Encoded) -> Index:
    """Which row of the table stands at each place of the Morton order."""
    keys, by_key = table.frame["key"], np.arange(len(table))
    if not keys.is_monotonic_increasing:
        by_key = np.array(sorted(by_key.tolist(), key=keys.tolist().__getitem__), np.int64)
    rows = np.empty(len(table), np.int64)
    rows[encoded.places] = by_key
    return rows


def coded(column: pd.Series[Any], kind: str, rows: Index) -> Coded:
    """A column of a table in the order of ``rows``, its distinct values as JSON has them."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes, distinct = column.cat.codes.to_numpy(), column.cat.categories
    elif column.dtype == object and set(map(type, column.dropna())) not in ALIKE:
        return coded_values(json_values(column.iloc[rows], kind))
    else:
        codes, distinct = pd.factorize(column)
    values = pd.Series(distinct, name=column.name)
    wire: Sequence[Any] = cell_texts(values) if column.name == "cell" else json_values(values, kind)
    return Coded.of(codes[rows], wire)


def coded_values(values: Sequence[Any]) -> Coded:
    """A column of JSON values of any types."""
    codes, messages = pd.factorize(np.array([message or None for message in value_messages(values)], object))
    return Coded(codes.astype(np.int32), messages.tolist())


def decoded_tiles(name: str, encoded: Encoded) -> PointTiles:
    """Tiles of points that are few, such as counts per cell, from their GeoJSON."""
    heads = orjson.loads(b"[" + b",".join(head + b"}" for head in encoded.heads(np.arange(len(encoded)))) + b"]")
    properties = [head["properties"] for head in heads]
    names = properties[0] if properties else ()
    return PointTiles.of(name, encoded.unit, {key: coded_values([p[key] for p in properties]) for key in names})
