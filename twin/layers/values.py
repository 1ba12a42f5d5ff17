"""Cells to values: text, numbers, yes and no, codes, times. One parser a kind; each says a wrong cell in words."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from twin.errors import Words
from twin.layers.base import Field
from twin.layers.table import narrow

SHANGHAI = ZoneInfo("Asia/Shanghai")

NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?", re.ASCII)
YES = frozenset(("true", "1", "yes", "y", "on", "是", "有", "在线", "online"))
NO = frozenset(("false", "0", "no", "n", "off", "否", "无", "离线", "offline"))
CATCH_ALL = ("unknown", "other")
"""Enum defaults that may stand for a code nobody knows; it is listed, not refused."""
DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?", re.ASCII)
COMPACT_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)


class Wrong(ValueError):
    """A cell that its field cannot take."""

    def __init__(self, zh: str, en: str) -> None:
        self.words = Words(zh, en)
        super().__init__(en)


class UnknownCode(Wrong):
    """A code that is kept and listed: the field has a catch-all for it, or its profile says so."""


@dataclass(frozen=True)
class Parsed:
    """A column, parsed. All arrays are (n,).

    ``values`` are objects, None where ``blank`` or ``wrong``; ``wrong`` maps a position to the reason;
    ``unknown`` a position to the code nobody knows there (its value is the catch-all, or None where there is none).
    """

    values: NDArray[np.object_]
    blank: NDArray[np.bool_]
    wrong: dict[int, Words]
    unknown: dict[int, str]

    def numbers(self) -> NDArray[np.float64]:
        """As float64; NaN where there is no value."""
        return np.asarray(self.values, np.float64)


def parse_column(text: pd.Series[str], field: Field) -> Parsed:
    """Parse each different text of a column once, whatever the number of rows."""
    codes, different = pd.factorize(text)
    parse = PARSERS[field.kind]
    answers = np.full(len(different), None, dtype=object)
    reasons: dict[int, Words] = {}
    strange: dict[int, str] = {}
    for i, cell in enumerate(different):
        if cell == "":
            continue
        try:
            answers[i] = parse(cell, field)
        except UnknownCode:
            answers[i], strange[i] = field.default if field.default in CATCH_ALL else None, cell
        except Wrong as problem:
            reasons[i] = problem.words
    places = [(int(at), int(codes[at])) for at in np.flatnonzero(np.isin(codes, [*reasons, *strange]))]
    return Parsed(
        values=answers[codes],
        blank=(text == "").to_numpy(bool),
        wrong={at: reasons[i] for at, i in places if i in reasons},
        unknown={at: strange[i] for at, i in places if i in strange},
    )


def code_word(cell: str) -> str:
    """A code or word as ``Field.codes`` of a profile has it: narrow, without case and without the ".0" of a sheet."""
    return narrow(cell).casefold().removesuffix(".0")


def read_text(cell: str, field: Field) -> str:
    if field.pattern and not re.fullmatch(field.pattern, cell):
        raise Wrong(f"应符合 {field.pattern}", f"does not match {field.pattern}")
    return cell


def read_float(cell: str, field: Field) -> float:
    """A finite number within the field's limits; full-width digits and thousands commas are taken for what they mean."""
    text = _decoded(cell, field) if field.codes else narrow(cell)
    if THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    if not NUMBER.fullmatch(text):
        raise Wrong("应为数字", "a number is expected")
    value = float(text)
    low, high = field.minimum, field.maximum
    if (
        value in (float("inf"), float("-inf"))
        or (low is not None and value < low)
        or (high is not None and value > high)
    ):
        span = f"[{'-∞' if low is None else f'{low:g}'}, {'∞' if high is None else f'{high:g}'}] {field.unit}".strip()
        raise Wrong(f"超出范围，应在 {span}", f"out of range, expected within {span}")
    return value


def _decoded(cell: str, field: Field) -> str:
    """The number that a code stands for. Where codes are numbers themselves, another number is no code."""
    word, text = code_word(cell), narrow(cell)
    if word in field.codes:
        return field.codes[word]
    if NUMBER.fullmatch(text) and not any(NUMBER.fullmatch(code) for code in field.codes):
        return text
    known = "、".join(field.codes)
    raise (UnknownCode if field.keeps_unknown else Wrong)(f"未知代码；可用：{known}", f"unknown code; known: {known}")


def read_int(cell: str, field: Field) -> int:
    value = read_float(cell, field)
    if not value.is_integer() or abs(value) >= 2**53:
        raise Wrong("应为整数", "a whole number is expected")
    return int(value)


def read_bool(cell: str, field: Field) -> bool:
    word = code_word(cell)
    word = field.codes.get(word, word)
    if word in YES:
        return True
    if word in NO:
        return False
    known = "、".join(field.codes) or "是/否, true/false, 1/0, 在线/离线"
    raise (UnknownCode if field.keeps_unknown else Wrong)(f"应为：{known}", f"expected one of: {known}")


def read_enum(cell: str, field: Field) -> str:
    """A value of the domain, or a code or word for one. Raises UnknownCode where such a code is kept."""
    word = code_word(cell)
    if word in field.domain:
        return word
    for code, value in field.codes.items():
        if code.casefold() == word:
            return value
    known = ", ".join((*field.domain, *field.codes))
    raise (UnknownCode if field.default in CATCH_ALL or field.keeps_unknown else Wrong)(
        f"未知代码；可用：{known}", f"unknown code; known: {known}"
    )


def read_time(cell: str, field: Field) -> datetime:
    """A moment in UTC. Without an offset it is Shanghai's; a date is the start of that day there, for ``valid_to`` its end."""
    text = narrow(cell)
    wrong = Wrong(
        "应为日期或时间，如 2024-05-01 或 2024-05-01T08:00:00+08:00", "a date or a time is expected, as 2024-05-01"
    )
    found = DATE.match(text) or COMPACT_DATE.fullmatch(text)
    if found is None:
        raise wrong
    date, rest = "-".join(part.zfill(2) for part in found.groups()), text[found.end() :].lstrip("T ")
    rest = f"0{rest}" if rest[1:2] == ":" else rest
    try:
        moment = datetime.fromisoformat(f"{date}T{rest}" if rest else date)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)
        if not rest and field.name == "valid_to":
            moment += timedelta(days=1)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise wrong from None


PARSERS: dict[str, Callable[[str, Field], Any]] = {
    "text": read_text,
    "float": read_float,
    "int": read_int,
    "bool": read_bool,
    "enum": read_enum,
    "time": read_time,
}
