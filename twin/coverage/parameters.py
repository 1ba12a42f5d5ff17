"""A rule's parameters: frozen dataclasses filled from a clause, then from what the caller sets. All faults at once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from twin.errors import BadParameter, Fault, Words

P = TypeVar("P")
SMALLEST, LARGEST = 1e-3, 1e5
"""Of numbers: smaller discs have no shape, larger ones (100 km) no meaning here."""


@dataclass(frozen=True, slots=True)
class Zone:
    """Demand points inside the area ``code`` (its border included) have their own service radius."""

    code: str
    radius_m: float


def read_parameters(cls: type[P], *settings: Mapping[str, Any]) -> P:
    """Build ``cls`` from mappings, the later overriding the earlier. Values may be text, as in a query string.

    Raises:
        BadParameter: naming every unknown name (with the known ones) and every impossible value.
    """
    hints = get_type_hints(cls)
    known = [f.name for f in fields(cls)]  # type: ignore[arg-type]
    faults: list[Fault] = []
    values: dict[str, Any] = {}
    for setting in settings:
        for name, raw in setting.items():
            if name not in hints:
                said = "、".join(known)
                words = Words(f"未知参数，已知：{said}", f"unknown parameter; known: {', '.join(known)}")
                faults.append(Fault("parameters", name, str(raw), words))
                continue
            try:
                values[name] = _convert(raw, hints[name])
            except _Unfit as reason:
                faults.append(Fault("parameters", name, str(raw), reason.words))
            except TypeError:
                faults.append(Fault("parameters", name, str(raw), Words("应为列表", "must be a list")))
    faults += [
        Fault("parameters", f.name, "", Words("缺少该参数", "missing"))
        for f in fields(cls)  # type: ignore[arg-type]
        if f.name not in values and f.default is MISSING and f.default_factory is MISSING and not faults
    ]
    if faults:
        raise bad_parameters(faults)
    return cls(**values)


def bad_parameters(faults: list[Fault]) -> BadParameter:
    """One error for all of them."""
    zh = "；".join(f"{f.column}：{f.words.zh}" for f in faults)
    en = "; ".join(f"{f.column}: {f.words.en}" for f in faults)
    return BadParameter(f"参数有误。{zh}", f"bad parameters. {en}", faults)


class _Unfit(ValueError):
    """A value that a parameter cannot have, in words."""

    def __init__(self, zh: str, en: str) -> None:
        self.words = Words(zh, en)
        super().__init__(en)


def _convert(raw: Any, hint: Any) -> Any:
    if get_origin(hint) is Literal:
        if raw not in get_args(hint):
            said = ", ".join(get_args(hint))
            raise _Unfit(f"应为其中之一：{said}", f"must be one of {said}")
        return raw
    if get_origin(hint) is tuple:
        items: list[Any] = [s.strip() for s in raw.split(",") if s.strip()] if isinstance(raw, str) else list(raw)
        if not items and get_args(hint)[0] is not Zone:
            raise _Unfit("不能为空", "must not be empty")
        return tuple(_convert(item, get_args(hint)[0]) for item in items)
    if hint is Zone:
        return _zone(raw)
    if hint is bool:
        return _boolean(raw)
    if hint is int:
        return _whole(raw)
    if hint is float:
        return _positive(raw)
    if not isinstance(raw, str):
        raise _Unfit("应为文本", "must be text")
    return raw


def _zone(raw: Any) -> Zone:
    if not isinstance(raw, Mapping) or set(raw) != {"code", "radius_m"}:
        raise _Unfit(
            '应写作 {"code": 区域代码, "radius_m": 米}', 'must be {"code": an area\'s code, "radius_m": metres}'
        )
    return Zone(str(raw["code"]), _positive(raw["radius_m"]))


def _whole(raw: Any) -> int:
    number = _number(raw)
    if number != int(number) or number < 0:
        raise _Unfit("应为非负整数", "must be a whole number, 0 or more")
    return int(number)


def _boolean(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    if str(raw).lower() in ("true", "false"):
        return str(raw).lower() == "true"
    raise _Unfit("应为 true 或 false", "must be true or false")


def _number(raw: Any) -> float:
    try:
        number = math.nan if isinstance(raw, bool) else float(raw)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not abs(number) <= LARGEST:
        raise _Unfit(f"应为不超过 {LARGEST:g} 的数字", f"must be a number of at most {LARGEST:g}")
    return number


def _positive(raw: Any) -> float:
    number = _number(raw)
    if number < SMALLEST:
        raise _Unfit(f"应大于 0，至少 {SMALLEST:g}", f"must be greater than 0, at least {SMALLEST:g}")
    return number
