"""Which assets of a layer a custom clause means: ``layer``, ``where`` (field = value, list or range) and ``states``.

A field that is not known for an asset (null, or the stated default ``unknown`` or empty text) meets no condition,
unless that very value is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from twin.coverage.parameters import most_alike, parameter_fault, unknown_words
from twin.coverage.readings import Alternatives, first
from twin.coverage.result import Scene
from twin.errors import Fault, RuleUnready, Words
from twin.layers import LAYERS, Field
from twin.model import BUILT, LayerTable, Lifecycle
from twin.plan import KeyPath

NOT_RECORDED = ("", "unknown")
RANGE = ("min", "max")
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Met:
    """Which rows meet all conditions, and which might if what is not known were known. (n,) each, never both."""

    yes: Mask
    unknown: Mask


def choosable_fields(layer: str) -> dict[str, Field]:
    """The fields that a condition may name: all but the times, and the state, which has a parameter of its own."""
    return {f.name: f for f in LAYERS[layer].all_fields() if f.kind != "time" and f.name != "lifecycle"}


def choose(scene: Scene, table: LayerTable, where: Mapping[str, Any], states: tuple[Lifecycle, ...]) -> Met:
    """The rows in one of the states that meet the conditions, wherever they are.

    Raises:
        RuleUnready: ``online`` is asked for at a time of which no online history is kept.
    """
    met, state = conditions_met(scene, table, where), table.frame["lifecycle"]
    in_state, no_state = state.isin(states).to_numpy(bool), state.isna().to_numpy(bool)
    yes = met.yes & in_state
    return Met(yes, (met.yes | met.unknown) & (in_state | no_state) & ~yes)


def conditions_met(scene: Scene, table: LayerTable, where: Mapping[str, Any]) -> Met:
    """The rows that meet every condition, in whatever state.

    Raises:
        RuleUnready: ``online`` is asked for at a time of which no online history is kept.
    """
    if "online" in where and not scene.snapshot.is_present:
        raise RuleUnready(
            "没有该时点的在线状态历史，条件 online 无法判定",
            "no online history is kept for that time: the condition on online cannot be judged",
        )
    fields = choosable_fields(table.layer)
    yes, refused = np.ones(len(table), bool), np.zeros(len(table), bool)
    for name, wanted in where.items():
        met = _condition_met(table.frame[name], fields[name], wanted)
        yes &= met.yes
        refused |= ~met.yes & ~met.unknown
    return Met(yes, ~yes & ~refused)


def _condition_met(column: pd.Series[Any], field: Field, wanted: Any) -> Met:
    unknown = column.isna().to_numpy(bool)
    if isinstance(wanted, Mapping):
        numbers = column.to_numpy(np.float64)
        low, high = wanted.get("min", -math.inf), wanted.get("max", math.inf)
        return Met((numbers >= low) & (numbers <= high), unknown)
    values = _as_list(wanted)
    blank = [text for text in NOT_RECORDED if text == field.default and text not in values]
    unknown = unknown | column.isin(blank).to_numpy(bool)
    return Met(column.isin(values).to_numpy(bool) & ~unknown, unknown)


def why_unmet(table: LayerTable, where: Mapping[str, Any], key: str) -> Words | None:
    """The first condition that an asset does not meet, in words; None if it meets all."""
    row = table.frame[table.frame["key"] == key]
    for name, field in choosable_fields(table.layer).items():
        if name not in where:
            continue
        met = _condition_met(row[name], field, where[name])
        if met.unknown[0]:
            return Words(f"{field.title.zh}未记录，不计入", f"{field.title.en} not recorded: not counted")
        if not met.yes[0]:
            value = row[name].iloc[0]
            return Words(f"{field.title.zh}为 {value}，不计入", f"{field.title.en} is {value}: not counted")
    return None


def _as_list(wanted: Any) -> list[Any]:
    return list(wanted) if isinstance(wanted, list | tuple) else [wanted]


def selection_faults(values: Mapping[str, Any], *tables: str) -> list[Fault]:
    """What is wrong with a selection's ``layer`` and with its conditions (the parameters named in ``tables``)."""
    layer = values.get("layer")
    if layer is None:
        return []
    known = [name for name, kind in LAYERS.items() if kind.geometry == "point"]
    if layer not in known:
        return [
            parameter_fault(("layer",), layer, *unknown_words("点图层", "point layer", most_alike(layer, known), known))
        ]
    fields = choosable_fields(layer)
    return [
        fault
        for table in tables
        for name, wanted in (values.get(table) or {}).items()
        for fault in _condition_faults((table, str(name)), fields, wanted)
    ]


def _condition_faults(path: KeyPath, fields: Mapping[str, Field], wanted: Any) -> list[Fault]:
    name, known = str(path[-1]), list(fields)
    if name == "lifecycle":
        return [parameter_fault(path, wanted, "状态请用参数 states", "use the parameter states for it")]
    if name not in fields:
        return [parameter_fault(path, wanted, *unknown_words("字段", "field", most_alike(name, known), known))]
    field = fields[name]
    if isinstance(wanted, Mapping):
        return _range_faults(path, field, wanted)
    values = _as_list(wanted)
    if not values:
        return [parameter_fault(path, wanted, "不能为空", "must not be empty")]
    places = [(*path, i) for i in range(len(values))] if isinstance(wanted, list | tuple) else [path]
    return [
        parameter_fault(place, value, *_said(field, value))
        for place, value in zip(places, values, strict=True)
        if not _fits(field, value)
    ]


def _range_faults(path: KeyPath, field: Field, wanted: Mapping[str, Any]) -> list[Fault]:
    if field.kind not in ("int", "float"):
        zh, en = "只有数字字段可以写范围", "only fields with numbers may have a range"
        return [parameter_fault(path, dict(wanted), zh, en)]
    faults = [
        parameter_fault((*path, str(k)), v, *unknown_words("字段", "key", most_alike(str(k), RANGE), RANGE))
        for k, v in wanted.items()
        if k not in RANGE
    ]
    faults += [
        parameter_fault((*path, k), wanted[k], *_said(field, wanted[k]))
        for k in RANGE
        if k in wanted and not _fits(field, wanted[k])
    ]
    if not faults and not wanted:
        faults.append(parameter_fault(path, "{}", "应写作 {min = …, max = …}", "must be {min = …, max = …}"))
    if not faults and wanted.get("min", -math.inf) > wanted.get("max", math.inf):
        faults.append(parameter_fault(path, dict(wanted), "min 大于 max", "min is greater than max"))
    return faults


def _fits(field: Field, value: Any) -> bool:
    if field.kind == "enum":
        return value in field.domain
    if field.kind == "bool":
        return isinstance(value, bool)
    if field.kind == "text":
        return isinstance(value, str)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    low = -math.inf if field.minimum is None else field.minimum
    return low <= value <= (math.inf if field.maximum is None else field.maximum)


def _said(field: Field, value: Any) -> tuple[str, str]:
    """What a field's values may be."""
    if field.kind == "enum":
        code = field.codes.get(value) if isinstance(value, str) else None
        alike = code or most_alike(str(value), field.domain)
        zh, en = (f"；是否指 {alike}？" if alike else "：", f"; did you mean {alike}?" if alike else ":")
        said = ", ".join(field.domain)
        return f"不是该字段的值{zh}可用：{said}", f"is no value of that field{en} there are: {said}"
    if field.kind == "bool":
        return "应为 true 或 false", "must be true or false"
    if field.kind == "text":
        return "应为文本", "must be text"
    low, high = ("" if limit is None else f"{limit:g}" for limit in (field.minimum, field.maximum))
    span = f" ({low}–{high}{f' {field.unit}' if field.unit else ''})" if low or high or field.unit else ""
    return f"应为数字{span}", f"must be a number{span}"


class OfStates(Protocol):
    """Parameters that say in which states an asset counts."""

    @property
    def states(self) -> tuple[Lifecycle, ...]: ...


def readings_of_states(_scene: Scene, parameters: OfStates) -> Alternatives:
    """In which state a device counts: built, or in operation."""
    return {"states": first(parameters.states, BUILT, ("operating",))}
