"""From stored rows to a layer's table: one column a field, closed sets as categories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pandas as pd
import shapely

from twin.cells import points_to_cells
from twin.layers.base import Field, LayerType
from twin.model import LIFECYCLES, Area, LayerTable, Record
from twin.times import stored_time

CELL_RESOLUTION = 12
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
    for name in [*known, *sorted({name for a in attributes for name in a} - set(known))]:
        columns[name] = _column(known.get(name), [a.get(name) for a in attributes])
    lnglat = np.column_stack([columns["lng"], columns["lat"]])
    columns["cell"] = points_to_cells(lnglat, CELL_RESOLUTION)
    wkb = np.array(values["geometry"], object)
    geometry = None if layer.geometry == "point" else np.asarray(shapely.from_wkb(wkb), object)
    return LayerTable(layer.name, pd.DataFrame(columns), geometry)


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
