"""Values as people read them on a page: figures, times, places, codes in words."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from twin.api.language import Lang
from twin.api.page_words import UNITS, WORDS, code_words
from twin.layers import layer_named
from twin.times import SHANGHAI

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
UNKNOWN = "—"


def said(layer: str, name: str, value: Any, lang: Lang) -> str:
    """A property's value as people read it, a code in words."""
    if isinstance(value, str):
        value = code_words(layer_named(layer), name, value).in_language(lang)
    return shown(value, lang)


def shown(value: Any, lang: Lang) -> str:
    """A value as people read it: — for unknown, moments in Shanghai's time, separators in counts."""
    match value:
        case None | "":
            return UNKNOWN
        case bool():
            return WORDS["yes" if value else "no"].in_language(lang)
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
        case str() if MOMENT.fullmatch(value):
            return _moment(datetime.fromisoformat(value).astimezone(SHANGHAI), lang)
        case str():
            return value
    return orjson.dumps(value).decode()


def figure(value: float | None, unit: str, operator: str, lang: Lang) -> str:
    """A rule's value or target: shares in per cent, one decimal, rounded towards not met."""
    if value is None or isinstance(value, int):
        return shown(value, lang)
    scale, sign = (100, " %") if unit == "share" else (1, "")
    rounded = math.ceil if operator == "at-most" else math.floor
    return f"{rounded(round(value * scale * 10, 6)) / 10:,.1f}{sign}"


def unit(name: str, lang: Lang) -> str:
    """The unit as it stands after a figure; shares have their sign already."""
    return "" if name == "share" else UNITS.get(name, name) if lang == "en" else name


def _moment(at: datetime, lang: Lang) -> str:
    clock = "" if (at.hour, at.minute) == (0, 0) else f" {at:%H:%M}"
    if lang == "zh":
        return f"{at.year}年{at.month}月{at.day}日{clock}"
    return f"{at.day} {MONTHS[at.month - 1]} {at.year}{clock}"


def place(geometry: Mapping[str, Any] | None) -> str:
    """A point's coordinates as they stand on the wire; of other geometries their type."""
    if geometry is None:
        return UNKNOWN
    if geometry["type"] == "Point":
        return ", ".join(str(x) for x in geometry["coordinates"])
    return str(geometry["type"])
