"""Columns and literals as a filter sees them, and what is done with them: arrays in, arrays out. Knows no tree.

Everything is (n,) or 0-d (a literal). What is unknown (NULL) is carried along, as in SQL.
"""

from __future__ import annotations

import operator
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from twin.layers.filter_tree import FOREVER, Span
from twin.model import Geometries, LngLat

Bools = NDArray[np.bool_]
Numbers = NDArray[np.float64]
"""NaN = unknown."""
ACCENTS = re.compile("[\u0300-\u036f]")
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq, "<>": operator.ne, "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
}  # fmt: skip
MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true and what is false; what is neither is unknown."""

    yes: Bools
    no: Bools

    def negated(self) -> Truth:
        return Truth(self.no, self.yes)

    def __and__(self, other: Truth) -> Truth:
        return Truth(self.yes & other.yes, self.no | other.no)

    def __or__(self, other: Truth) -> Truth:
        return Truth(self.yes | other.yes, self.no & other.no)

    def same(self, other: Truth) -> Truth:
        return (self & other) | (self.negated() & other.negated())

    @property
    def missing(self) -> Bools:
        return np.asarray(~(self.yes | self.no))


def truth(yes: Any, known: Any) -> Truth:
    """Where ``known``, whether ``yes``."""
    return Truth(np.asarray(yes & known, bool), np.asarray(~yes & known, bool))


# Text ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Texts:
    """``words[codes]``, code -1 = unknown: the last of ``words`` is "" and stands for that. A literal has code 0."""

    words: NDArray[np.object_]
    codes: NDArray[np.integer[Any]]

    @classmethod
    def of(cls, words: Sequence[str], codes: NDArray[np.integer[Any]]) -> Texts:
        padded = np.empty(len(words) + 1, object)
        padded[:-1], padded[-1] = words, ""
        return cls(padded, codes)

    @classmethod
    def literal(cls, text: str) -> Texts:
        return cls.of([text], np.array(0))

    @property
    def missing(self) -> Bools:
        return np.asarray(self.codes < 0)

    @property
    def only(self) -> str | None:
        """The text itself, of a literal."""
        return str(self.words[0]) if self.codes.ndim == 0 else None

    def each(self, function: Callable[[str], str]) -> Texts:
        return Texts.of([function(word) for word in self.words[:-1]], self.codes)

    def where(self, verdicts: Any) -> Truth:
        """A verdict on every word, said of the rows."""
        return truth(np.asarray(verdicts, bool)[self.codes], ~self.missing)


def compare_texts(op: str, a: Texts, b: Texts) -> Truth:
    """By code points."""
    function = OPERATORS[op]
    if b.only is not None:
        return a.where(function(a.words, b.only))
    if a.only is not None:
        return compare_texts(MIRRORED.get(op, op), b, a)
    return truth(np.asarray(function(a.words[a.codes], b.words[b.codes]), bool), ~(a.missing | b.missing))


def texts_among(a: Texts, choices: Sequence[str]) -> Truth:
    wanted = set(choices)
    return a.where([word in wanted for word in a.words])


def like(a: Texts, pattern: str) -> Truth:
    """``%`` is any text, ``_`` any character, a backslash takes the next one as it is."""
    matches = like_matcher(pattern)
    return a.where([matches(word) for word in a.words])


def like_matcher(pattern: str) -> Callable[[str], Any]:
    """Whether a text fits. No step is taken back (atomic groups), so no pattern is slow."""
    parts, at = [""], 0
    while at < len(pattern):
        character = pattern[at]
        if character == "%":
            parts.append("")
        elif character == "\\" and at + 1 < len(pattern):
            at += 1
            parts[-1] += re.escape(pattern[at])
        else:
            parts[-1] += "." if character == "_" else re.escape(character)
        at += 1
    if len(parts) == 1:
        return re.compile(parts[0], re.DOTALL).fullmatch
    first, *middle, last = parts
    found = "".join(f"(?>.*?{part})" for part in middle if part)
    return re.compile(f"{first}{found}.*{last}", re.DOTALL).fullmatch


def casei(text: str) -> str:
    return text.casefold()


def accenti(text: str) -> str:
    """Without accents on letters of alphabets; other scripts stay as they are."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", ACCENTS.sub("", unicodedata.normalize("NFD", text)))


# Numbers ---------------------------------------------------------------------------------------------------------------


def compare_numbers(op: str, a: Numbers, b: Numbers) -> Truth:
    return truth(OPERATORS[op](a, b), ~(np.isnan(a) | np.isnan(b)))


def calculate(op: str, a: Numbers, b: Numbers) -> Numbers:
    """Unknown where there is no finite result. ``div`` cuts off towards zero, ``%`` has the sign of ``a``."""
    with np.errstate(all="ignore"):
        result = np.asarray(ARITHMETIC[op](a, b), np.float64)
    return np.where(np.isfinite(result), result, np.nan)


ARITHMETIC: dict[str, Callable[[Numbers, Numbers], Any]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "%": np.fmod, "^": np.power,
    "div": lambda a, b: np.trunc(np.divide(a, b)),
}  # fmt: skip


# Times -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Times:
    """From ``start`` to ``end``, both included, as ``Span`` has them."""

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    missing: Bools

    @classmethod
    def literal(cls, span: Span) -> Times:
        return cls(np.array(span.start), np.array(span.end), np.array(False))


def compare_times(op: str, a: Times, b: Times) -> Truth:
    """Moments and days: a moment equals the day that it is in."""
    before, after = a.end < b.start, a.start > b.end
    yes = {"=": ~(before | after), "<>": before | after, "<": before, ">": after, "<=": ~after, ">=": ~before}[op]
    return truth(yes, ~(a.missing | b.missing))


def relate_times(op: str, a: Times, b: Times) -> Truth:
    """The relations of CQL2 between intervals whose ends belong to them."""
    return truth(RELATIONS[op](a, b), ~(a.missing | b.missing))


RELATIONS: dict[str, Callable[[Times, Times], Any]] = {
    "t_after": lambda a, b: a.start > b.end,
    "t_before": lambda a, b: a.end < b.start,
    "t_contains": lambda a, b: (a.start < b.start) & (a.end > b.end),
    "t_disjoint": lambda a, b: (a.start > b.end) | (a.end < b.start),
    "t_during": lambda a, b: (a.start > b.start) & (a.end < b.end),
    "t_equals": lambda a, b: (a.start == b.start) & (a.end == b.end),
    "t_finishedby": lambda a, b: (a.start < b.start) & (a.end == b.end),
    "t_finishes": lambda a, b: (a.start > b.start) & (a.end == b.end),
    "t_intersects": lambda a, b: (a.start <= b.end) & (a.end >= b.start),
    "t_meets": lambda a, b: a.end == b.start,
    "t_metby": lambda a, b: a.start == b.end,
    "t_overlappedby": lambda a, b: (a.start > b.start) & (a.start < b.end) & (a.end > b.end),
    "t_overlaps": lambda a, b: (a.start < b.start) & (a.end > b.start) & (a.end < b.end),
    "t_startedby": lambda a, b: (a.start == b.start) & (a.end > b.end),
    "t_starts": lambda a, b: (a.start == b.start) & (a.end < b.end),
}


def interval(start: Times, end: Times, *, end_is_property: bool) -> Times:
    """From the one to the other. What is unknown is open; an end that features have is the first moment beyond."""
    first = np.where(start.missing, -FOREVER, start.start)
    last = np.where(end.missing, FOREVER, end.end - 1 if end_is_property else end.end)
    return Times(first, last, np.zeros(np.broadcast_shapes(first.shape, last.shape), bool))


# Shapes ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shapes:
    """Points (n, 2) as degrees, or geometries, (n,) or 0-d; ``bounds`` (n, 4) or (4,), NaN = no place."""

    lnglat: LngLat | None
    shapes: Geometries | None
    bounds: NDArray[np.float64]

    @classmethod
    def points(cls, lnglat: LngLat) -> Shapes:
        return cls(lnglat, None, np.tile(lnglat, (1, 2)))

    @classmethod
    def of(cls, shapes: Any) -> Shapes:
        values = np.asarray(shapes, object)
        return cls(None, values, np.asarray(shapely.bounds(values)))

    @property
    def missing(self) -> Bools:
        return np.asarray(np.isnan(self.bounds).any(axis=-1))

    @property
    def only(self) -> BaseGeometry | None:
        """The geometry itself, of a literal."""
        return self.shapes.item() if self.shapes is not None and self.shapes.ndim == 0 else None

    def at(self, index: NDArray[np.intp]) -> Any:
        """Some of the geometries."""
        if self.shapes is not None:
            return self.shapes[index] if self.shapes.ndim else self.shapes.item()
        assert self.lnglat is not None
        return shapely.points(self.lnglat[index])


def relate_shapes(op: str, a: Shapes, b: Shapes) -> Truth:
    """How places lie to each other, in the plane of longitude and latitude; a box's or polygon's edge belongs to it."""
    if op == "s_disjoint":
        return relate_shapes("s_intersects", a, b).negated()
    if a.only is not None and b.only is None:
        return relate_shapes(TURNED.get(op, op), b, a)
    known = ~(a.missing | b.missing)
    west, south, east, north = np.moveaxis(a.bounds, -1, 0)
    w, s, e, n = np.moveaxis(b.bounds, -1, 0)
    near = np.asarray((west <= e) & (east >= w) & (south <= n) & (north >= s))
    found = np.zeros(near.shape, bool)
    if near.ndim == 0:
        found[()] = near and getattr(shapely, op[2:])(a.only, b.only)
    elif near.any():
        found[near] = _related(op, a, b, np.flatnonzero(near))
    return truth(found, known)


TURNED = {"s_within": "s_contains", "s_contains": "s_within"}


def _related(op: str, a: Shapes, b: Shapes, index: NDArray[np.intp]) -> Any:
    """The relation for some rows of ``a``, by a prepared geometry where ``b`` is a literal."""
    if b.only is None:
        return getattr(shapely, op[2:])(a.at(index), b.at(index))
    shapely.prepare(b.only)
    if op == "s_intersects" and a.lnglat is not None:
        return shapely.intersects_xy(b.only, *a.lnglat[index].T)
    return getattr(shapely, TURNED.get(op, op)[2:])(b.only, a.at(index))
