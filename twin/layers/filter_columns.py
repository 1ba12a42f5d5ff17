"""What a filter may ask of a layer, and a table's columns as it sees them. Knows no tree and no text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from twin.cells import cells_to_text
from twin.errors import Fault
from twin.layers.base import LayerType
from twin.layers.filter_tree import Kind, fault
from twin.layers.filter_values import Bools, Numbers, Shapes, Texts, Times, Truth
from twin.model import LayerTable

KINDS: dict[str, Kind] = {
    "text": "text", "enum": "text", "int": "number", "float": "number", "bool": "bool", "time": "time",
}  # fmt: skip
FOR_PEOPLE: dict[str, Kind] = {"source": "text", "version": "number", "cell": "text"}
GEOMETRY = "geometry"
DIGITS = 7
"""Decimals of a degree that callers see: a filter goes by what they see."""
PLACE = ("lng", "lat")
Value = Truth | Texts | NDArray[np.float64] | Times | Shapes


def queryables(kind: LayerType, table: LayerTable | None = None) -> dict[str, Kind]:
    """The properties that a filter on a layer may name, in the order of its schema, with what they hold.

    With a table: those of them that it has, and what its source had besides, where that is text, numbers or yes and no.
    """
    names: dict[str, Kind] = {f.name: KINDS[f.kind] for f in kind.all_fields()} | FOR_PEOPLE
    if table is not None:
        names = {name: what for name, what in names.items() if name in table.frame.columns}
        names |= table.keep(("further queryables", *names), lambda: _further(table.frame, set(names)))
    return names | {GEOMETRY: "shape"}


def _further(frame: pd.DataFrame, known: set[str]) -> dict[str, Kind]:
    others = [name for name in frame.columns if name not in known and name not in (*PLACE, GEOMETRY)]
    kinds = {name: _kind_of(frame[name]) for name in others}
    return {name: kind for name, kind in kinds.items() if kind is not None}


def _kind_of(column: pd.Series[Any]) -> Kind | None:
    types = set(map(type, column.dropna().tolist()))
    if types <= {str}:
        return "text"
    if types == {bool}:
        return "bool"
    return "number" if types <= {int, float} else None


def unknown_property(name: str, known: dict[str, Kind]) -> Fault:
    said = ", ".join(known)
    return fault(name, f"没有属性“{name[:80]}”，可用：{said}", f"no property {name[:80]!r}; there are: {said}")


class Columns:
    """A table's columns, each turned into values once for as long as the table is kept. Some are read by many threads:
    at worst one is made twice."""

    def __init__(self, kind: LayerType, table: LayerTable) -> None:
        self._layer, self._table = kind, table
        self.kinds = queryables(kind, table)
        self._made: dict[str, Value] = table.keep("columns of filters", dict)

    def __getitem__(self, name: str) -> Value:
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def _make(self, name: str) -> Value:
        if name == GEOMETRY:
            return _shapes(self._layer, self._table)
        column = self._table.frame[name]
        match self.kinds[name]:
            case "number":
                return _numbers(column)
            case "bool":
                return _truth(column)
            case "time":
                return _times(column)
        return _cells(column) if name == "cell" else _texts(column)


def _numbers(column: pd.Series[Any]) -> Numbers:
    return np.asarray(pd.to_numeric(column).to_numpy(np.float64, na_value=np.nan))


def _truth(column: pd.Series[Any]) -> Truth:
    values = column.astype("boolean")
    yes = values.to_numpy(bool, na_value=False)
    return Truth(yes, ~yes & ~_missing(column))


def _missing(column: pd.Series[Any]) -> Bools:
    return column.isna().to_numpy(bool)


def _texts(column: pd.Series[Any]) -> Texts:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return Texts.of([str(word) for word in column.cat.categories], column.cat.codes.to_numpy())
    codes, words = pd.factorize(column.to_numpy(object))
    return Texts.of([str(word) for word in words], codes)


def _cells(column: pd.Series[Any]) -> Texts:
    codes, cells = pd.factorize(column.to_numpy(np.uint64))
    return Texts.of(cells_to_text(cells.tolist()), np.where(column.to_numpy() == 0, -1, codes))


def _times(column: pd.Series[Any]) -> Times:
    codes, texts = pd.factorize(column.to_numpy(object))
    stored = np.array([*(text.removesuffix("Z") for text in texts), "1970-01-01"], "datetime64[us]")
    moments = stored.astype(np.int64)[codes]
    return Times(moments, moments, codes < 0)


def _shapes(kind: LayerType, table: LayerTable) -> Shapes:
    if kind.geometry == "point" or table.geometry is None:
        return Shapes.points(np.round(table.lnglat, DIGITS))
    seen = shapely.transform(shapely.force_2d(table.geometry), lambda corners: np.round(corners, DIGITS))
    good = shapely.is_valid(seen) | shapely.is_missing(seen)
    seen[~good] = shapely.make_valid(table.geometry[~good])
    return Shapes.of(seen)
