"""Columns that a profile works out of others: counted, summed, chosen, joined, turned into other words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from twin.layers.profile import Derived
from twin.layers.profile_document import Part, parts_of
from twin.layers.table import narrow, plain_text
from twin.layers.values import NUMBER, code_word

TIMES = " * "
HOLE = re.compile(r"\{([^{}]+)\}")
BETWEEN = "、"
NUMERIC = ("sum", "max")
UNKNOWN = "?"
"""A word that outweighs the ones after it in ``order``, and says nothing itself."""


def paths_read(derived: Derived) -> tuple[str, ...]:
    """The paths that the column is worked out of."""
    return tuple(dict.fromkeys(path for way in derived.value for path in _paths(way)))


def derive(derived: Derived, record: Mapping[str, Any]) -> Any:
    """The column's cell for a record; "" where nothing says it. What should be a number and is none stays as it is."""
    parts = parts_of(record, derived.each)
    if parts is None:
        return ""
    parts = _kept(parts, derived)
    values = [value for part in parts if (value := _value(derived, part))]
    if derived.take == "count":
        return len(values if derived.value else parts)
    if derived.take == "each":
        return BETWEEN.join(dict.fromkeys(values))
    if derived.take == "first":
        value = _first(values, derived.order)
        return _scaled(value, derived.factor) if derived.factor != 1 else value
    wrong = next((value for value in values if _number(value) is None), None)
    if wrong is not None or not values:
        return wrong or ""
    numbers = [number for value in values if (number := _number(value)) is not None]
    return _plain((sum if derived.take == "sum" else max)(numbers) * derived.factor)


def _kept(parts: list[Part], derived: Derived) -> list[Part]:
    parts = [part for part in parts if not _is_out(part, derived.without)]
    return [part for part in parts if not _is_out(part, derived.rather_without)] or parts


def _is_out(part: Part, without: Mapping[str, tuple[str, ...]]) -> bool:
    return any(plain_text(part.value_from_record(path)) in values for path, values in without.items())


def _value(derived: Derived, part: Part) -> str:
    """What a part says, by the first way that gives something."""
    for way in derived.value:
        text = _by_way(way, part, derived)
        found = re.fullmatch(derived.pattern, text) if derived.pattern else None
        if derived.pattern:
            text = "" if found is None else str(found[1] if found.re.groups else found[0])
        if text:
            return text
    return derived.otherwise


def _by_way(way: str, part: Part, derived: Derived) -> str:
    words = derived.words
    said = {path: plain_text(part.value(path)) for path in _paths(way)}
    if TIMES in way:
        numbers = [_number(words.get(code_word(text), text)) for text in said.values()]
        product = 1.0
        for number in numbers:
            if number is None:
                return ""
            product *= number
        return plain_text(_plain(product))
    if HOLE.search(way):
        return HOLE.sub(lambda hole: said[hole[1]], way) if all(said.values()) else ""
    text = said[way]
    return words.get(code_word(text), text if derived.take in NUMERIC or not words else "")


def _paths(way: str) -> Sequence[str]:
    return way.split(TIMES) if TIMES in way else HOLE.findall(way) or [way]


def _first(values: Sequence[str], order: Sequence[str]) -> str:
    first = next((value for value in order if value in values), values[0] if values and not order else "")
    return "" if first == UNKNOWN else first


def _number(text: str) -> float | None:
    said = narrow(text)
    return float(said) if NUMBER.fullmatch(said) else None


def _scaled(text: str, factor: float) -> Any:
    number = _number(text)
    return text if number is None else _plain(number * factor)


def _plain(number: float) -> float | int:
    """Without the noise of products: 0.001 × 22080 is 22.08."""
    rounded = round(number, 9)
    return int(rounded) if rounded.is_integer() else rounded
