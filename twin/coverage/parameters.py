"""A rule's parameters: frozen dataclasses filled from a clause, then from what the caller sets. All faults at once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from typing import Any, Literal, NewType, Protocol, TypeVar, get_args, get_origin, get_type_hints, runtime_checkable

import orjson

from twin.errors import BadParameter, Fault, Words
from twin.plan import KeyPath, column_of

P = TypeVar("P")
PositiveInt = NewType("PositiveInt", int)
ONE = PositiveInt(1)
SMALLEST, LARGEST = 1e-3, 1e5
"""Of numbers: smaller discs have no shape, larger ones (100 km) no meaning here."""
UNITS: dict[str, Words] = {
    "_m": Words("米", "metres"), "_km2": Words("平方公里", "square kilometres"), "_deg": Words("度", "degrees"),
    "_share": Words("0 至 1", "0 to 1"),
}  # fmt: skip
"""What the endings of names say."""
ALIKE = 0.6


@dataclass(frozen=True, slots=True)
class Zone:
    """Demand points inside the area ``code`` (its border included) have their own service radius."""

    code: str
    radius_m: float


@runtime_checkable
class CrossChecked(Protocol):
    """A parameter class some of whose values are only right or wrong beside others."""

    def faults_among(self, values: Mapping[str, Any]) -> list[Fault]:
        """What is wrong with the values that are there; a static method."""
        ...


def read_parameters(cls: type[P], *settings: Mapping[str, Any]) -> P:
    """Build ``cls`` from mappings, the later overriding the earlier. Values may be text, as in a query string.

    Raises:
        BadParameter: naming every unknown name (with the one it is most like, and the known ones), every impossible
            value and what is missing. The faults' paths begin at the parameter.
    """
    hints = get_type_hints(cls)
    known = [f.name for f in fields(cls)]  # type: ignore[arg-type]
    faults: list[Fault] = []
    values: dict[str, Any] = {}
    named: set[str] = set()
    for setting in settings:
        for name, raw in setting.items():
            named.add(name)
            if name not in hints:
                alike = most_alike(name, known)
                named.add(alike)
                faults.append(parameter_fault((name,), raw, *unknown_words("参数", "parameter", alike, known)))
                continue
            n_before = len(faults)
            value = _convert(raw, hints[name], (name,), faults)
            if len(faults) == n_before:
                values[name] = value
    faults += [
        parameter_fault((f.name,), "", "缺少该参数", "missing")
        for f in fields(cls)  # type: ignore[arg-type]
        if f.name not in named and f.default is MISSING and f.default_factory is MISSING
    ]
    if isinstance(cls, CrossChecked):
        faults += cls.faults_among(values)
    if faults:
        raise bad_parameters(faults)
    return cls(**values)


def parameter_fault(path: KeyPath, value: Any, zh: str, en: str) -> Fault:
    """A fault at a parameter or at something inside it; the column of a list's element is the list's."""
    named = path[:-1] if isinstance(path[-1], int) else path
    return Fault("parameters", column_of(named), str(value), Words(zh, en), path)


def most_alike(name: str, known: Sequence[str]) -> str:
    """The known name that somebody may have meant; "" if none is like it."""
    return next(iter(get_close_matches(name, known, 1, ALIKE)), "")


def unknown_words(zh: str, en: str, alike: str, known: Sequence[str]) -> tuple[str, str]:
    """What to say of an unknown name: what may have been meant, with its unit, and what there is."""
    unit = next((words for ending, words in UNITS.items() if alike.endswith(ending)), None)
    meant_zh = f"；是否指 {alike}{f'（{unit.zh}）' if unit else ''}？" if alike else "，"
    meant_en = f"; did you mean {alike}{f' ({unit.en})' if unit else ''}?" if alike else ";"
    return f"未知{zh}{meant_zh}已知：{'、'.join(known)}", f"unknown {en}{meant_en} known: {', '.join(known)}"


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


def _convert(raw: Any, hint: Any, path: KeyPath, faults: list[Fault]) -> Any:
    """The value that a hint asks for; what does not fit is added to the faults."""
    try:
        if get_origin(hint) is tuple:
            inner = get_args(hint)[0]
            items = _items(raw, may_be_empty=inner in (Zone, str))
            return tuple(_convert(item, inner, (*path, i), faults) for i, item in enumerate(items))
        return _zone(raw, path, faults) if hint is Zone else _scalar(raw, hint)
    except _Unfit as reason:
        faults.append(parameter_fault(path, raw, reason.words.zh, reason.words.en))
    return None


def _items(raw: Any, may_be_empty: bool) -> list[Any]:
    if isinstance(raw, Mapping) or not isinstance(raw, Iterable):
        raise _Unfit("应为列表", "must be a list")
    items: list[Any] = [s.strip() for s in raw.split(",") if s.strip()] if isinstance(raw, str) else list(raw)
    if not items and not may_be_empty:
        raise _Unfit("不能为空", "must not be empty")
    return items


def _scalar(raw: Any, hint: Any) -> Any:
    if get_origin(hint) is Literal:
        if raw not in get_args(hint):
            said = ", ".join(get_args(hint))
            raise _Unfit(f"应为其中之一：{said}", f"must be one of {said}")
        return raw
    if get_origin(hint) is Mapping:
        return _table(raw)
    if hint is bool:
        return _boolean(raw)
    if hint is int:
        return _whole(raw)
    if hint is PositiveInt:
        return _one_or_more(raw)
    if hint is float:
        return _positive(raw)
    if not isinstance(raw, str):
        raise _Unfit("应为文本", "must be text")
    return raw


def _table(raw: Any) -> dict[str, Any]:
    try:
        table = orjson.loads(raw) if isinstance(raw, str) else raw
    except orjson.JSONDecodeError:
        table = None
    if not isinstance(table, Mapping):
        raise _Unfit("应为表：字段 = 值", "must be a table: field = value")
    return dict(table)


def _zone(raw: Any, path: KeyPath, faults: list[Fault]) -> Zone | None:
    names = [f.name for f in fields(Zone)]
    if not isinstance(raw, Mapping) or not set(names) & set(raw):
        raise _Unfit(
            '应写作 {"code": 区域代码, "radius_m": 米}', 'must be {"code": an area\'s code, "radius_m": metres}'
        )
    n_before = len(faults)
    alike = {name: most_alike(name, names) for name in raw if name not in names}
    faults += [
        parameter_fault((*path, k), raw[k], *unknown_words("字段", "field", meant, names)) for k, meant in alike.items()
    ]
    faults += [
        parameter_fault((*path, name), "", "缺少该字段", "missing")
        for name in names
        if name not in raw and name not in alike.values()
    ]
    code = _convert(raw.get("code", ""), str, (*path, "code"), faults)
    radius_m = _convert(raw.get("radius_m", LARGEST), float, (*path, "radius_m"), faults)
    return Zone(code, radius_m) if len(faults) == n_before else None


def _one_or_more(raw: Any) -> int:
    number = _whole(raw)
    if number < 1:
        raise _Unfit("应为正整数", "must be a whole number, 1 or more")
    return number


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
