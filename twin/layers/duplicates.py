"""One thing recorded twice: pairs of records that a layer type's ``same`` rules say are one. Knows arrays only.

What is retired is left out (a successor on the same pole is no duplicate). Records of one source count as different
things; those that are alike in all that is compared, name and exact place included, are named as possible duplicates.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from twin.errors import Words
from twin.frames import ecef
from twin.layers.base import SAME_ANGLE_DEG, Field, LayerType, SameThing

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

ALIKE = SameThing(
    "alike", Words("同一来源，名称、坐标和属性均相同", "one source; name, place and attributes all alike"), 0.0
)
MOST_AT_A_SPOT = 128
"""More records within reach of one another than this stand at a stand-in place (a town's centre): it says nothing of them."""
ROUNDING = 1 + 1e-12
NOT_SAID = ("", "unknown")
BLANKS = re.compile(r"[^\S\n]+")
MIXING = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5], np.uint64)


@dataclass(frozen=True)
class Duplicates:
    """Pairs of rows that are one thing, ``first`` < ``second``, sorted; (p,) each.

    ``metres`` is how far apart they are (NaN: one has no location), ``rule`` the index in ``rules`` of the first rule that
    says so, ``certain`` False where a field that could tell them apart is not known. ``n`` rows were looked at;
    ``n_twice`` of them are one too many (of things recorded by several sources, what the fullest source does not have),
    ``n_possible`` more may be, ``n_crowded`` were not compared because too many stand at their spot.
    """

    rules: tuple[SameThing, ...]
    first: Ints
    second: Ints
    metres: NDArray[np.float64]
    rule: Ints
    certain: Mask
    n: int
    n_twice: int
    n_possible: int
    n_crowded: int


def find_duplicates(layer: LayerType, frame: pd.DataFrame) -> Duplicates:
    """The pairs of a layer's records that are one thing.

    Args:
        layer: whose ``same`` rules hold.
        frame: (n,) rows with ``key, name, lifecycle, source, lng, lat`` (degrees, EPSG:4326; NaN = no location) and the
            fields that the rules compare, as in ``LayerTable.frame``. The order of its rows changes nothing.
    """
    rows = _Rows(layer, frame)
    found, n_crowded = [], 0
    for number, rule in enumerate(layer.same):
        pairs, crowded = (rows.with_one_key(rule), 0) if rule.within_m is None else rows.within(rule)
        n_crowded = max(n_crowded, crowded)
        found.append((*rows.judged(rule, pairs), number))
    near = next((rule for rule in layer.same if rule.within_m is not None), None)
    if near is not None:
        alike = rows.alike(near)
        found.append((alike, np.zeros(len(alike), bool), len(layer.same)))
    pairs = np.concatenate([np.sort(p, axis=1) for p, _, _ in found])
    certain = np.concatenate([c for _, c, _ in found])
    number_of = np.concatenate([np.full(len(p), k) for p, _, k in found])
    order = np.lexsort((number_of, ~certain, pairs[:, 1], pairs[:, 0]))
    pairs, certain, number_of = pairs[order], certain[order], number_of[order]
    fresh = np.ones(len(pairs), bool)
    fresh[1:] = (pairs[1:] != pairs[:-1]).any(axis=1)
    pairs, certain, number_of = pairs[fresh], certain[fresh], number_of[fresh]
    return Duplicates(
        (*layer.same, ALIKE), pairs[:, 0], pairs[:, 1], rows.metres(pairs), number_of, certain, n=int(rows.alive.sum()),
        n_twice=_one_too_many(pairs[certain], rows.source), n_possible=_one_too_many(pairs[~certain]), n_crowded=n_crowded,
    )  # fmt: skip


class _Rows:
    """A layer's records as arrays: what of them is compared is coded once."""

    def __init__(self, layer: LayerType, frame: pd.DataFrame) -> None:
        self.frame, self.fields = frame, {f.name: f for f in layer.all_fields()}
        self.alive: Mask = (frame["lifecycle"].astype(object) != "retired").to_numpy(bool)
        self.source: Ints = pd.factorize(frame["source"].astype(object))[0].astype(np.int64)
        self.places = places_of(frame)
        self._codes: dict[str, Ints] = {}

    def codes(self, name: str) -> Ints:
        """(n,) one number a value of a field; -1 where it is not said."""
        if name not in self._codes:
            self._codes[name] = _value_codes(self.frame[name], self.fields[name])
        return self._codes[name]

    def metres(self, pairs: Ints) -> NDArray[np.float64]:
        return chord_m(self.places[pairs[:, 0]], self.places[pairs[:, 1]])

    def with_one_key(self, rule: SameThing) -> Ints:
        """(p, 2) pairs whose keys are one when folded."""
        rows = np.flatnonzero(self._comparable(rule))
        return _alike([self.codes(name)[rows] for name in ("key", *rule.equal)], rows)

    def alike(self, rule: SameThing) -> Ints:
        """(p, 2) pairs of one source with one name, one exact place and all that the rule compares known and one."""
        rows = np.flatnonzero(self.alive & ~np.isnan(self.places[:, 0]))
        spot = _joined([pd.factorize(self.frame[n].to_numpy(np.float64)[rows])[0] for n in ("lng", "lat")])
        shared = np.bincount(spot)[spot] > 1
        rows, spot = rows[shared], spot[shared]
        names = ("name", *rule.equal, *rule.told_apart_by)
        codes = [_value_codes(self.frame[name].iloc[rows], self.fields[name]) for name in names]
        known = np.all([code >= 0 for code in codes], axis=0)
        return rows[_alike([code[known] for code in (spot, self.source[rows], *codes)], np.flatnonzero(known))]

    def within(self, rule: SameThing) -> tuple[Ints, int]:
        """(p, 2) pairs from two sources within the rule's metres that have one value in ``equal``; how many are crowded."""
        assert rule.within_m is not None
        rows = np.flatnonzero(self._comparable(rule) & ~np.isnan(self.places[:, 0]))
        if len(rows) == 0 or (self.source[rows] == self.source[rows[0]]).all():
            return np.empty((0, 2), np.int64), 0
        block = (
            _joined([self.codes(name)[rows] for name in rule.equal]) if rule.equal else np.zeros(len(rows), np.int64)
        )
        spot = np.column_stack([np.floor(self.places[rows] / rule.within_m).astype(np.int64), block])
        code = pd.factorize((spot.view(np.uint64) * MIXING).sum(axis=1, dtype=np.uint64))[0]
        crowded = np.bincount(code)[code] > MOST_AT_A_SPOT
        rows, block = rows[~crowded], block[~crowded]
        apart = 4.0 * rule.within_m
        tree = cKDTree(np.column_stack([self.places[rows], block * apart]))
        pairs = rows[tree.query_pairs(rule.within_m * ROUNDING, output_type="ndarray")]
        pairs = pairs[self.source[pairs[:, 0]] != self.source[pairs[:, 1]]]
        return pairs[self.metres(pairs) <= rule.within_m], int(crowded.sum())

    def _comparable(self, rule: SameThing) -> Mask:
        known = self.alive.copy()
        for name in rule.equal:
            known &= self.codes(name) >= 0
        return known

    def judged(self, rule: SameThing, pairs: Ints) -> tuple[Ints, Mask]:
        """The pairs that no field tells apart; certain where they are from two sources and every such field is known."""
        a, b = pairs.T
        same, certain = np.ones(len(pairs), bool), self.source[a] != self.source[b]
        for name in rule.told_apart_by:
            known = (self.codes(name)[a] >= 0) & (self.codes(name)[b] >= 0)
            same &= ~known | self._equal(name, a, b)
            certain &= known
        return pairs[same], certain[same]

    def _equal(self, name: str, a: Ints, b: Ints) -> Mask:
        if self.fields[name].unit != "°":
            return np.asarray(self.codes(name)[a] == self.codes(name)[b])
        angle = self.frame[name].to_numpy(np.float64)
        turn = np.abs(angle[a] - angle[b]) % 360
        return np.asarray(np.minimum(turn, 360 - turn) <= SAME_ANGLE_DEG)


def _value_codes(column: pd.Series[Any], field: Field) -> Ints:
    if field.kind in ("int", "float", "bool"):
        return pd.factorize(column)[0].astype(np.int64)
    own = isinstance(column.dtype, pd.CategoricalDtype)
    texts = column.cat.categories.to_numpy(object) if own else column.to_numpy(object)
    numbers, said = pd.factorize(np.array(folded([t if isinstance(t, str) else "" for t in texts]), object))
    of_text = np.append(np.arange(len(said)), -1)
    for unsaid in (*NOT_SAID, *(("other",) if field.default == "other" else ())):
        of_text[:-1][said == unsaid] = -1
    return np.asarray(of_text[np.append(numbers, -1)[column.cat.codes] if own else numbers])


def _fold(text: str) -> str:
    if not text.isascii():
        return BLANKS.sub("", unicodedata.normalize("NFKC", text).casefold())
    for blank in " \t\r\v\f\x1c\x1d\x1e\x1f":
        text = text.replace(blank, "")
    return text.lower()


def folded(texts: Sequence[str]) -> list[str]:
    """Texts without regard to case, blanks and full width (NFKC)."""
    whole = "\n".join(texts)
    parts = _fold(whole).split("\n")
    return (
        parts
        if len(parts) == len(texts)
        else ["".join(folded(t.splitlines())) if "\n" in t else folded([t])[0] for t in texts]
    )


def _alike(codes: Sequence[Ints], rows: Ints) -> Ints:
    """(p, 2) pairs of the rows that have one value in every code; codes are aligned with ``rows``."""
    group = _joined(codes)
    order = np.argsort(group, kind="stable")
    inside, found, lag = group[order], [np.empty((0, 2), np.int64)], 1
    while lag < MOST_AT_A_SPOT and (same := inside[lag:] == inside[:-lag]).any():
        at = np.flatnonzero(same)
        found.append(rows[np.column_stack([order[at], order[at + lag]])])
        lag += 1
    return np.concatenate(found)


def _joined(codes: Sequence[Ints]) -> Ints:
    """One number for each different row of codes."""
    whole = codes[0] + 1
    for code in codes[1:]:
        whole = pd.factorize(whole * (int(code.max(initial=0)) + 2) + code + 1)[0].astype(np.int64)
    return whole


def places_of(frame: pd.DataFrame) -> NDArray[np.float64]:
    """(n, 3) ECEF metres; NaN without a location."""
    return ecef(frame[["lng", "lat"]].to_numpy(np.float64))


def chord_m(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.sqrt(((a - b) ** 2).sum(axis=1)))


def _one_too_many(pairs: Ints, source: Ints | None = None) -> int:
    """Rows that pairs join, less one for each thing; with sources, less as many as its fullest source has of it."""
    if not len(pairs):
        return 0
    rows, ends = np.unique(pairs, return_inverse=True)
    ends = ends.reshape(pairs.shape)
    n = len(rows)
    thing = connected_components(coo_array((np.ones(len(pairs)), ends.T), shape=(n, n)), directed=False)[1]
    if source is None:
        return int(n - (thing.max() + 1))
    parts, counts = np.unique(np.column_stack([thing, source[rows]]), axis=0, return_counts=True)
    fullest = np.zeros(thing.max() + 1, np.int64)
    np.maximum.at(fullest, parts[:, 0], counts)
    return int(n - fullest.sum())
