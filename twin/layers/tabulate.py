"""From stored rows to a layer's table: one column a field, closed sets as categories."""

from __future__ import annotations

import marshal
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import orjson
import pandas as pd
import shapely
from numpy.typing import NDArray

from twin.cells import points_to_cells
from twin.layers.base import Field, LayerType
from twin.model import LIFECYCLES, Area, LayerTable, Record
from twin.times import stored_time

CELL_RESOLUTION = 12
BASE = (
    "key",
    "name",
    "lifecycle",
    "valid_from",
    "valid_to",
    "online",
    "n_devices",
    "owner",
    "source",
    "version",
    "lng",
    "lat",
)
"""Columns of every table, besides the layer's own and ``cell``."""
ROW = (
    "key", "name", "lifecycle", "valid_from", "valid_to", "online", "n_devices", "owner", "source", "version", "lng", "lat",
    "geometry", "attributes",
)  # fmt: skip
"""The order of a stored row's values (see ``ports.StoredState``)."""


def row_of(record: Record, version: int) -> tuple[Any, ...]:
    """A record as a stored row."""
    r, until = record, None if record.valid_to is None else stored_time(record.valid_to)
    return (r.key, r.name, r.lifecycle, stored_time(r.valid_from), until, r.online, r.n_devices, r.owner, r.source, version,
            r.lng, r.lat, r.geometry, orjson.dumps(dict(r.attributes), option=orjson.OPT_SORT_KEYS))  # fmt: skip


def table_of(layer: LayerType, rows: Sequence[tuple[Any, ...]]) -> LayerTable:
    """The table of a layer from its stored rows, which must be sorted by key."""
    values: dict[str, Sequence[Any]] = (
        dict(zip(ROW, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(ROW, ())
    )
    attributes = orjson.loads(b"[" + b",".join(values["attributes"]) + b"]")
    columns: dict[str, Any] = {
        "key": np.array(values["key"], object),
        "name": np.array(values["name"], object),
        "lifecycle": pd.Categorical(values["lifecycle"], categories=LIFECYCLES),
        "valid_from": np.array(values["valid_from"], object),
        "valid_to": np.array(values["valid_to"], object),
        "online": pd.array(list(values["online"]), dtype="boolean"),
        "n_devices": np.array(values["n_devices"], np.int64),
        "owner": pd.Categorical(values["owner"]),
        "source": pd.Categorical(values["source"]),
        "version": np.array(values["version"], np.int64),
        "lng": np.array(values["lng"], np.float64),
        "lat": np.array(values["lat"], np.float64),
    }
    known = {f.name: f for f in layer.fields}
    for name in [*known, *sorted({n for a in attributes for n, v in a.items() if v is not None} - set(known))]:
        columns[name] = _column(known.get(name), [a.get(name) for a in attributes])
    lnglat = np.column_stack([columns["lng"], columns["lat"]])
    columns["cell"] = points_to_cells(lnglat, CELL_RESOLUTION)
    wkb = np.array(values["geometry"], object)
    geometry = None if layer.geometry == "point" else np.asarray(shapely.from_wkb(wkb), object)
    marks = marks_of(rows)
    return LayerTable(layer.name, pd.DataFrame(columns), geometry, marks=marks, digest=digest_of(layer.name, marks))


PLAIN_MARSHAL = 2
"""The last format that writes equal values as equal bytes (no references, no interning)."""


def marks_of(rows: Sequence[tuple[Any, ...]]) -> NDArray[np.uint64]:
    """(n, 2) a hash of each stored row."""
    hashes = [blake2b(marshal.dumps(row, PLAIN_MARSHAL), digest_size=16).digest() for row in rows]
    return np.frombuffer(b"".join(hashes), np.uint64).reshape(-1, 2)


def digest_of(layer: str, marks: NDArray[np.uint64]) -> str:
    """A hash of a layer's rows, whatever their order: their hashes are added up."""
    said = f"{layer} {len(marks)} ".encode() + marks.sum(axis=0, dtype=np.uint64).tobytes()
    return blake2b(said, digest_size=12).hexdigest()


def patched(layer: LayerType, table: LayerTable, keys: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> LayerTable:
    """The table with the rows of some keys put in place of what it has of them: equal to one made of all rows.

    Args:
        table: as ``table_of`` makes it.
        keys: sorted.
        rows: what is now held under them, sorted by key; fewer where some are gone.
    """
    new, old_keys = table_of(layer, rows), table.frame["key"].to_numpy(object)
    found = np.searchsorted(old_keys, keys)
    there = [at for at, key in zip(found.tolist(), keys, strict=True) if at < len(old_keys) and old_keys[at] == key]
    kept = np.delete(np.arange(len(old_keys)), there)
    places = np.searchsorted(old_keys[kept], new.frame["key"].to_numpy(object))
    order = np.insert(kept, places, len(old_keys) + np.arange(len(new)))
    known = {f.name: f for f in layer.fields}
    fixed = (*BASE, *known)
    extra = sorted({*table.frame.columns, *new.frame.columns} - {*fixed, "cell"})
    columns = {name: _joined(known.get(name), table.frame[name], new.frame[name], order) for name in fixed}
    for name in extra:
        values = _values(
            [f[name] if name in f else pd.Series([None] * len(f), dtype=object) for f in (table.frame, new.frame)],
            order,
        )
        if any(v is not None for v in values):
            columns[name] = _column(None, values.tolist())
    columns["cell"] = _joined(None, table.frame["cell"], new.frame["cell"], order)
    geometry = None
    if table.geometry is not None and new.geometry is not None:
        geometry = np.concatenate([table.geometry, new.geometry])[order]
    assert table.marks is not None
    assert new.marks is not None
    marks = np.concatenate([table.marks, new.marks])[order]
    return LayerTable(layer.name, pd.DataFrame(columns), geometry, marks=marks, digest=digest_of(layer.name, marks))


def _joined(field: Field | None, old: pd.Series[Any], new: pd.Series[Any], order: NDArray[np.int64]) -> Any:
    """A column of both tables in a new order, as ``table_of`` makes it of all values."""
    if isinstance(old.dtype, np.dtype) and old.dtype.kind in "iuf":
        return np.concatenate([old.to_numpy(), new.to_numpy()])[order]
    if isinstance(old.dtype, pd.BooleanDtype):
        return pd.concat([old, new], ignore_index=True).array.take(order)
    if isinstance(old.dtype, pd.CategoricalDtype):
        if (field is not None and field.kind == "enum") or old.name == "lifecycle":
            codes = np.concatenate([old.cat.codes, new.cat.codes])[order]
            return pd.Categorical.from_codes(codes, dtype=old.dtype)
        if field is None:
            return pd.Categorical(_values([old, new], order))
    values = _values([old, new], order)
    return values if field is None else _column(field, values.tolist())


def _values(parts: Sequence[pd.Series[Any]], order: NDArray[np.int64]) -> NDArray[np.object_]:
    """Plain values in a new order; None for what is missing."""
    values = np.concatenate([part.astype(object).to_numpy() for part in parts])[order]
    values[pd.isna(values)] = None
    return np.asarray(values, object)


def _column(field: Field | None, values: list[Any]) -> Any:
    kind = field.kind if field else None
    if field is not None and kind == "enum":
        return pd.Categorical(values, categories=field.domain)
    if kind == "text":
        return pd.Categorical(values) if len(set(values)) * 4 < len(values) else np.array(values, object)
    if kind in ("int", "float"):
        return np.array([np.nan if v is None else v for v in values], np.float64)
    if kind == "bool":
        return pd.array(values, dtype="boolean")
    out = np.empty(len(values), object)
    out[:] = values
    return out


def areas_of(table: LayerTable) -> dict[str, Area]:
    """The areas of an ``areas`` table, by code."""
    frame, geometry = table.frame, table.geometry
    if geometry is None:
        return {}
    names = ("key", "name", "name_en", "level", "area_km2_published", "source")
    areas = {}
    for (code, name, name_en, level, published, source), shape in zip(
        zip(*(frame[n] for n in names), strict=True), geometry, strict=True
    ):
        km2 = None if np.isnan(published) else float(published)
        areas[code] = Area(code, name, name_en or "", str(level), shape, km2, str(source))
    return areas
