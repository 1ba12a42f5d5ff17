"""CQL2 as callers write it, text or JSON. The package ``cql2`` parses text, which is cut first so that no text is too deep.

Its parser takes time that doubles with every parenthesis in a parenthesis, and ends the process where there are thousands of
them or of signs. So each parenthesis that stands in another is parsed by itself, with a name in its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
import shapely
from shapely.geometry.base import BaseGeometry

from twin.api.crs import Crs
from twin.api.gdal_filter import to_cql2
from twin.errors import BadParameter
from twin.layers.filter_tree import (
    MAX_DEPTH,
    MAX_NODES,
    SPATIAL,
    TEMPORAL,
    TOO_COMPLEX,
    Kind,
    ToDegrees,
    fault,
    refusal,
    unknown_operation,
)
from twin.layers.filtering import Filter, filter_of

Language = Literal["cql2-text", "cql2-json", "cql-text"]
MAX_TEXT = 8_000
MAX_SIGNS = 3 * MAX_NODES
"""Words and operators of a text; values do not count."""
TOKEN = re.compile(
    r"""(?P<text>'(?:[^'\\]|''|\\(?s:.))*+')|(?P<name>"(?:[^"]|"")*")|(?P<word>[^\W\d][\w.:]*)|(?P<number>\d[\w.]*)|(?P<sign>\S)"""
)
ESCAPED = re.compile(r"\\(.)", re.DOTALL)
"""In a text: a quote is one by this; anything else stands as it is, for LIKE."""
NO_FUNCTION = frozenset(("and", "or", "not", "between", "in", "like", "is", "div"))
"""Words before a parenthesis of its own."""
SHAPES = tuple(
    f"{name}{dimension}"
    for name in (
        "point",
        "linestring",
        "polygon",
        "multipoint",
        "multilinestring",
        "multipolygon",
        "geometrycollection",
    )
    for dimension in ("", "z")
)
TIMES = ("timestamp", "interval")
FUNCTIONS = ("casei", "accenti", *SPATIAL, *TEMPORAL, "date", *TIMES, "bbox")
WITHOUT_ZONE = re.compile(r"'\d{4}-\d{2}-\d{2}[T ][\d:.]+'")
N_ALONG = 64
"""Points along the longer side of a geometry that is taken to degrees."""
MARK = "\ue000"
"""Begins the names that stand for what was cut out."""
PLACE = re.compile(r"--> (\d+):(\d+)")


def parse_filter(
    text: str, lang: Language, to_degrees: ToDegrees | None = None, kinds: Mapping[str, Kind] | None = None
) -> Filter:
    """A filter from its text. Geometries are in degrees, or taken there by ``to_degrees``. Times without a zone are Shanghai's.
    GDAL's text (``cql-text``) is understood by the ``kinds`` of the layer's properties.

    Raises:
        BadParameter: too long or too complex, wrong syntax (saying where), or no filter.
    """
    if len(text) > MAX_TEXT:
        zh = f"过长：{len(text):,} 个字符，最多 {MAX_TEXT:,} 个"
        raise refusal([fault(text[:60], zh, f"too long: {len(text):,} characters, at most {MAX_TEXT:,}")])
    if lang == "cql2-json":
        return filter_of(_from_json(text), to_degrees)
    if lang == "cql-text":
        text = to_cql2(text, kinds or {})
    return filter_of(_parse(_Cutter(text).cut(), text), to_degrees)


def degrees_of(crs: Crs) -> ToDegrees:
    """What takes the geometries of a filter from its CRS to degrees. A straight edge of a plane CRS is none there: points
    along it are taken, too."""

    def changed(shape: BaseGeometry) -> BaseGeometry:
        west, south, east, north = shape.bounds
        step = max(east - west, north - south) / N_ALONG
        if crs.kind == "plane" and step > 0:
            shape = shapely.segmentize(shape, step)
        found: BaseGeometry = shapely.transform(shape, crs.to_degrees)
        return found

    return changed


def _from_json(text: str) -> Any:
    try:
        return orjson.loads(text.encode("utf-8", "surrogatepass"))
    except orjson.JSONDecodeError as reason:
        zh, en = f"第 {reason.pos + 1} 个字符处不是有效的 JSON", f"not valid JSON at character {reason.pos + 1}"
        raise refusal([fault(text[reason.pos : reason.pos + 40], zh, en)]) from None


@dataclass
class _Piece:
    """A part of the filter: its characters, where each stood, and the pieces cut out of it by the name left behind."""

    parts: list[str] = field(default_factory=list)
    origins: list[int] = field(default_factory=list)
    inner: dict[str, _Piece] = field(default_factory=dict)

    def add(self, text: str, at: int, *, in_place: bool = True) -> None:
        self.parts.append(text)
        self.origins += range(at, at + len(text)) if in_place else [at] * len(text)


class _Cutter:
    """Takes a text to pieces of which none has a parenthesis within a parenthesis, but for functions and geometries."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._pieces = [_Piece()]
        self._open: list[tuple[str, int]] = []
        """What every open parenthesis belongs to ("" = itself, else a function or geometry), and where it stands."""
        self._word = ""
        self._n_cut = self._n_signs = self._n_prefixes = self._end = 0

    def cut(self) -> _Piece:
        """Raises BadParameter: there is nothing, too much, an unknown function, or a parenthesis without its other."""
        for found in TOKEN.finditer(self._text):
            self._take(str(found.lastgroup), found[0], found.start())
        if self._open:
            raise unreadable(self._text, self._open[-1][1])
        if not self._end:
            raise unreadable(self._text, 0)
        return self._pieces[0]

    def _take(self, kind: str, part: str, at: int) -> None:
        piece = self._pieces[-1]
        piece.add(self._text[self._end : at], self._end)
        self._end = at + len(part)
        if kind == "text":
            part = ESCAPED.sub(lambda found: "''" if found[1] == "'" else found[0], part)
        word = part.lower() if kind == "word" else ""
        self._count(kind, word, part)
        if part == "(":
            self._begin(at)
        elif part == ")":
            self._finish(at)
        elif kind == "text" and self._within(TIMES) and WITHOUT_ZONE.fullmatch(part):
            piece.add(f"{part[:-1]}+08:00'", at, in_place=False)
        else:
            piece.add(part, at)
        self._word = self._word if word == "z" and self._word in SHAPES else word

    def _count(self, kind: str, word: str, part: str) -> None:
        self._n_prefixes = self._n_prefixes + 1 if part == "-" or word == "not" else 0
        self._n_signs += kind in ("word", "name", "sign") and part not in "(),"
        if self._n_prefixes > MAX_DEPTH or self._n_signs > MAX_SIGNS or len(self._open) > MAX_DEPTH:
            raise refusal([TOO_COMPLEX])

    def _within(self, names: tuple[str, ...]) -> bool:
        return bool(self._open) and self._open[-1][0] in names

    def _begin(self, at: int) -> None:
        of = "" if self._word in NO_FUNCTION else self._word
        if self._within(SHAPES):
            of = of or self._open[-1][0]
        if of and of not in (*FUNCTIONS, *SHAPES):
            raise refusal([unknown_operation(of)])
        if not of:
            self._pieces.append(_Piece())
        self._open.append((of, at))
        self._pieces[-1].add("(", at)

    def _finish(self, at: int) -> None:
        if not self._open:
            raise unreadable(self._text, at)
        of, begun = self._open.pop()
        self._pieces[-1].add(")", at)
        if not of:
            done, name = self._pieces.pop(), f"{MARK}{self._n_cut}"
            self._n_cut += 1
            self._pieces[-1].inner[name] = done
            self._pieces[-1].add(f' "{name}" ', begun, in_place=False)


def _parse(piece: _Piece, text: str) -> Any:
    """A piece as CQL2-JSON, with those that were cut out of it."""
    import cql2

    written = "".join(piece.parts)
    try:
        value = cql2.parse_text(written).to_json()
    except Exception as reason:  # noqa: BLE001  (its own errors, and plain ones for a POINT EMPTY)
        raise unreadable(text, _place(str(reason), written, piece.origins)) from None
    return _put_back(value, {name: _parse(inner, text) for name, inner in piece.inner.items()})


def _put_back(value: Any, cut: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_put_back(part, cut) for part in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"property"} and value["property"] in cut:
        return cut[value["property"]]
    found = {name: _put_back(part, cut) for name, part in value.items()}
    if found.get("op") == "in":
        subject, choices = found["args"]
        found["args"] = [subject, [c for choice in choices for c in (choice if isinstance(choice, list) else [choice])]]
    return found


def _place(reason: str, written: str, origins: list[int]) -> int:
    """Where in the whole text the parser stopped."""
    found = PLACE.search(reason)
    if found is None:
        return origins[0]
    line, column = int(found[1]), int(found[2])
    at = sum(len(before) + 1 for before in written.split("\n")[: line - 1]) + column - 1
    return origins[at] if at < len(origins) else origins[-1] + 1


def unreadable(text: str, at: int) -> BadParameter:
    """The text cannot be read on from a place, counted from 0."""
    rest = text[at : at + 40]
    zh = f"第 {at + 1} 个字符处不合 CQL2 语法：“{rest}”" if rest else "条件不完整：在末尾中断"
    en = f"not CQL2 at character {at + 1}: {rest!r}" if rest else "incomplete: it breaks off at the end"
    return refusal([fault(rest, zh, en)])
