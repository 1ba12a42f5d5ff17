"""Which operators, units and values a clause of a kind may have: a density per km², a share from 0 to 1, a plain count."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from twin.errors import Fault, Words
from twin.plan import Operator

SHARE = "share"
MEASURES = frozenset({
    SHARE, "m", "km", "m²", "km²", "km2", "kW", "MW", "kWh", "MWh", "V", "A", "Mbps", "Gbps", "M", "dB", "dBm", "s", "h",
    "米", "公里", "平方米", "平方公里", "千瓦", "兆瓦", "度", "秒", "分钟", "小时", "兆",
})  # fmt: skip
"""Units that measure: nothing is counted in them."""


@dataclass(frozen=True, slots=True)
class TargetForm:
    """What a kind's target may look like. ``unit`` is a pattern of the whole unit; ``words`` say it."""

    operators: tuple[Operator, ...]
    unit: re.Pattern[str]
    words: Words
    highest: float = math.inf


_PLAIN = re.compile(r"[^/%‰\d\s]+")
_PER_KM2 = re.compile(r"[^/%‰\s]+/km²")
_IN_SHARES = Words(
    'unit 应为 "share"，value 在 0 至 1 之间（90 % 写作 0.9）', 'unit must be "share", value from 0 to 1 (90 % is 0.9)'
)
FORMS: dict[str, TargetForm] = {
    "count": TargetForm(
        ("at-least", "more-than", "at-most", "indicator"), _PLAIN,
        Words('应为计数单位，如 "个"，不是每平方公里、比例或计量单位', 'must be what is counted, as "个", not per km², no share, no measure'),
    ),
    "density": TargetForm(
        ("at-least",), _PER_KM2, Words('应为每平方公里，如 "个/km²"', 'must be per square kilometre, as "个/km²"'),
    ),
    "share": TargetForm(("at-least", "more-than", "at-most", "every", "indicator"), re.compile(SHARE), _IN_SHARES, 1.0),
    "service": TargetForm(("at-least", "equal"), re.compile(SHARE), _IN_SHARES, 1.0),
}  # fmt: skip
"""By kind of rule. ``equal`` and ``every`` mean full coverage: their value is 1."""


def target_faults(kind: str, clause: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with a clause's ``operator``, ``unit`` and ``value`` for a kind; nothing of kinds without a form.

    Types are not checked here: what is no text or number is passed over.
    """
    form = FORMS.get(kind)
    return [] if form is None else [*_operator_faults(kind, form, clause), *_figure_faults(form, clause)]


def _operator_faults(kind: str, form: TargetForm, clause: Mapping[str, Any]) -> Iterator[Fault]:
    operator, value = clause.get("operator"), clause.get("value")
    if operator in get_args(Operator) and operator not in form.operators:
        said = ", ".join(form.operators)
        yield _fault("operator", operator, f"{kind} 类规则可用：{said}", f"a rule of kind {kind} may have: {said}")
    if operator == "indicator" and value is not None:
        yield _fault("value", value, "indicator 不判定，请去掉 value", "an indicator has no verdict: leave value out")
    if operator in ("equal", "every") and operator in form.operators and value != 1:
        yield _fault(
            "value", value, f"{operator} 表示全部，value 应为 1.0", f"{operator} means all of it: value must be 1.0"
        )
    if operator == "more-than" and value == form.highest:
        yield _fault("value", value, "不可能超过 1", "nothing is more than 1")


def _figure_faults(form: TargetForm, clause: Mapping[str, Any]) -> Iterator[Fault]:
    unit, value = clause.get("unit"), clause.get("value")
    if (
        isinstance(unit, str)
        and unit.strip()
        and (not form.unit.fullmatch(unit) or (form.unit is _PLAIN and unit in MEASURES))
    ):
        yield _fault("unit", unit, form.words.zh, form.words.en)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    if value < 0:
        yield _fault("value", value, "不能为负", "must not be negative")
    elif value > form.highest:
        yield _fault("value", value, form.words.zh, form.words.en)


def _fault(column: str, value: Any, zh: str, en: str) -> Fault:
    return Fault("clause", column, str(value), Words(zh, en), (column,))
