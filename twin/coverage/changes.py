"""Changes tried on a snapshot without saving: the shape that scenarios use. Never mutates the snapshot."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pandas as pd

from twin.cells import points_to_cells
from twin.errors import BadParameter, Fault, Words
from twin.layers import LAYERS, Field
from twin.layers.tabulate import CELL_RESOLUTION
from twin.model import Change, LayerTable, Snapshot

MAX_CHANGES = 1000
DEFAULTS: dict[str, dict[str, Any]] = {
    "chargers": {"station_type": "public", "n_connectors": 1},
    "radio_sites": {"site_kind": "outdoor"},
}
"""What an asset tried on the map is taken to be unless said otherwise."""


def apply_changes(snapshot: Snapshot, changes: Sequence[Change]) -> Snapshot:
    """The snapshot after the changes. Added and moved assets count as operating unless they say otherwise.

    Raises:
        BadParameter: with every fault: unknown layer, field or key, a key that exists, a place that is none.
    """
    if not changes:
        return snapshot
    faults = [f for i, change in enumerate(changes) for f in _faults(f"changes[{i}]", change, snapshot)]
    if len(changes) > MAX_CHANGES:
        faults.append(_fault("changes", "", len(changes), f"最多 {MAX_CHANGES} 项", f"at most {MAX_CHANGES}"))
    faults += [_fault("changes", "key", key, "同一编号只能改一次", "a key is changed once") for key in _twice(changes)]
    if faults:
        zh = "；".join(f"{f.where} {f.column} {f.words.zh}" for f in faults)
        raise BadParameter(f"改动有误：{zh}", "bad changes: " + "; ".join(str(f) for f in faults), faults)
    layers = dict(snapshot.layers)
    for name in {c.layer for c in changes}:
        layers[name] = _changed(layers[name], [c for c in changes if c.layer == name])
    said = orjson.dumps([(c.op, c.layer, c.key, dict(c.after)) for c in changes], option=orjson.OPT_SORT_KEYS)
    new_id = hashlib.blake2b(snapshot.id.encode() + said, digest_size=8).hexdigest()
    return replace(snapshot, id=new_id, layers=layers)


def _twice(changes: Sequence[Change]) -> list[str]:
    counts = Counter((c.layer, c.key) for c in changes)
    return [key for (_, key), n in counts.items() if n > 1]


def _changed(table: LayerTable, changes: Sequence[Change]) -> LayerTable:
    frame = table.frame
    touched = frame["key"].isin([c.key for c in changes if c.op != "add"]).to_numpy(bool)
    before: dict[str, dict[Any, Any]] = {r["key"]: r for r in frame[touched].astype(object).to_dict("records")}
    rows = [_row(table, c) for c in changes if c.op == "add"]
    rows += [_altered(before[c.key], c) for c in changes if c.op == "change"]
    left = _joined(frame[~touched], pd.DataFrame(rows, columns=frame.columns, dtype=object))
    emptied = len(frame) > 0 and len(left) == 0
    return LayerTable(table.layer, left, None, emptied, recorded=table.recorded or table)


def _altered(row: Mapping[Any, Any], change: Change) -> dict[str, Any]:
    """What is moved counts as operating, as what is added does."""
    moved = {"lifecycle": "operating"} if "lng" in change.after else {}
    return {**row, **moved, **change.after}


def _joined(kept: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that stay and then the new ones, with the former's column types; categories grow by what is new."""
    columns: dict[str, Any] = {}
    for name in kept.columns:
        kind = kept[name].dtype
        if isinstance(kind, pd.CategoricalDtype):
            extra = [v for v in rows[name].dropna().unique() if v not in kind.categories]
            kind = pd.CategoricalDtype([*kind.categories, *extra], kind.ordered)
        columns[name] = rows[name].astype(kind)
    fresh = pd.DataFrame(columns)
    fresh["cell"] = points_to_cells(fresh[["lng", "lat"]].to_numpy(np.float64), CELL_RESOLUTION)
    grown = {name: column.dtype for name, column in fresh.items() if column.dtype != kept[name].dtype}
    return pd.concat([kept.astype(grown), fresh], ignore_index=True) if len(fresh) else kept.reset_index(drop=True)


def _row(table: LayerTable, change: Change) -> dict[str, Any]:
    values = {
        "key": change.key, "name": "", "lifecycle": "operating", "online": None, "n_devices": 1, "owner": "",
        "source": "what-if", "version": 0, "cell": 0, **DEFAULTS.get(table.layer, {}), **change.after,
    }  # fmt: skip
    return {
        name: values.get(name, np.nan if table.frame[name].dtype.kind == "f" else None) for name in table.frame.columns
    }


def _faults(where: str, change: Change, snapshot: Snapshot) -> list[Fault]:
    kind = LAYERS.get(change.layer)
    if kind is None or kind.geometry != "point":
        known = ", ".join(n for n, k in LAYERS.items() if k.geometry == "point")
        return [_fault(where, "layer", change.layer, f"应为点图层：{known}", f"must be a point layer: {known}")]
    exists = bool((snapshot.layers[change.layer].frame["key"] == change.key).any())
    faults = []
    if change.op == "add" and exists:
        faults.append(_fault(where, "key", change.key, "编号已存在", "the key exists already"))
    if change.op != "add" and not exists:
        faults.append(_fault(where, "key", change.key, "没有此编号", "there is no such key"))
    allowed = {f.name: f for f in kind.all_fields() if f.name not in ("key", "valid_from", "valid_to")}
    for name, value in change.after.items():
        if name in ("lng", "lat"):
            continue
        if name not in allowed:
            said = ", ".join(["lng", "lat", *allowed])
            faults.append(_fault(where, name, value, f"未知字段，已知：{said}", f"unknown field; known: {said}"))
        elif not _fits(allowed[name], value):
            said = ", ".join(allowed[name].domain) or allowed[name].kind
            faults.append(_fault(where, name, value, f"应为：{said}", f"must be: {said}"))
    return faults + _place_faults(where, change)


def _place_faults(where: str, change: Change) -> list[Fault]:
    faults = []
    for name, limit in (("lng", 180.0), ("lat", 90.0)):
        value = change.after.get(name)
        if change.op != "add" and not {"lng", "lat"} & set(change.after):
            continue
        good = (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and math.isfinite(value)
            and abs(value) <= limit
        )
        if not good:
            words = (f"应为 -{limit:g} 至 {limit:g} 的度数", f"must be degrees from -{limit:g} to {limit:g}")
            faults.append(_fault(where, name, value, *words))
    return faults


def _fits(field: Field, value: Any) -> bool:
    if value is None:
        return field.default is None and field.name not in ("key", "valid_from")
    if field.kind == "enum":
        return value in field.domain
    if field.kind == "bool":
        return isinstance(value, bool)
    if field.kind not in ("int", "float"):
        return isinstance(value, str)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    low, high = field.minimum, field.maximum
    in_range = (low is None or value >= low) and (high is None or value <= high)
    return in_range and (field.kind == "float" or value == int(value))


def _fault(where: str, column: str, value: Any, zh: str, en: str) -> Fault:
    return Fault(where, column, str(value), Words(zh, en))


def changes_from_mappings(raw: Sequence[Mapping[str, Any]]) -> list[Change]:
    """Changes from parsed JSON: ``op, layer, key, after`` (``before`` is the caller's own note and not needed here)."""
    return [
        Change(c["op"], c["layer"], str(c.get("key") or f"new-{i + 1}"), dict(c.get("after") or {}))
        for i, c in enumerate(raw)
    ]
