"""What a file records that is there already: twice in the file, or before it by another source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from twin.errors import Words
from twin.layers.base import SAME_KEY, LayerType
from twin.layers.duplicates import chord_m, find_duplicates, places_of
from twin.model import LayerTable, Record

COMPARED = ("key", "name", "lifecycle", "source", "lng", "lat")


@dataclass(frozen=True, slots=True)
class Twice:
    """A record of a file (``position`` in it, from 0) that is there already: in the same file (``other_position``), or in
    the store from another source. ``metres`` is None where one of them has no location."""

    key: str
    position: int
    other_key: str
    other_source: str
    other_position: int | None
    metres: float | None
    certain: bool
    words: Words


def duplicates_of_file(
    layer: LayerType, records: Sequence[Record], existing: LayerTable | None, source_id: str
) -> list[Twice]:
    """What a file records twice, or what another source recorded before it; by position in the file.

    Args:
        layer: whose ``same`` rules hold.
        records: of the file, from ``check_table``; keys are unique.
        existing: what the layer holds now. Records of ``source_id`` are the file's own earlier ones and not compared.
        source_id: the set that the file's records belong to.
    """
    own = pd.DataFrame({name: [_value(r, name) for r in records] for name in _columns(layer)}, dtype=object)
    held = own.iloc[:0] if existing is None else existing.frame.reindex(columns=_columns(layer))
    held = held[(held["source"] != source_id).to_numpy(bool)]
    replaced = held["key"].isin(own["key"]).to_numpy(bool)
    n, others = len(records), held[~replaced]
    found = find_duplicates(layer, pd.concat([own, others.astype(object)], ignore_index=True))
    keys, sources = [*own["key"], *others["key"]], [*own["source"], *others["source"]]
    twice = [
        Twice(keys[a], a, keys[b], str(sources[b]), b if b < n else None, None if m != m else m, sure, found.rules[k].words)  # noqa: PLR0124  (NaN)
        for a, b, m, k, sure in zip(*(getattr(found, name).tolist() for name in ("first", "second", "metres", "rule", "certain")), strict=True)
        if a < n
    ]  # fmt: skip
    return sorted([*twice, *_taken_over(own, held[replaced])], key=lambda t: (t.position, t.other_key))


def _taken_over(own: pd.DataFrame, held: pd.DataFrame) -> list[Twice]:
    """The records of a file whose very key another source has than the one they name."""
    position = {key: at for at, key in enumerate(own["key"])}
    at = np.array([position[key] for key in held["key"]], np.int64)
    others = own["source"].to_numpy(object)[at] != held["source"].to_numpy(object)
    held, at = held[others], at[others]
    apart = chord_m(places_of(own)[at], places_of(held)).tolist()
    return [
        Twice(key, int(i), key, str(source), None, None if m != m else m, True, SAME_KEY.words)  # noqa: PLR0124  (NaN)
        for key, i, source, m in zip(held["key"], at, held["source"], apart, strict=True)
    ]


def _columns(layer: LayerType) -> list[str]:
    """The columns that a layer's rules look at."""
    own = [name for rule in layer.same for name in (*rule.equal, *rule.told_apart_by)]
    return list(dict.fromkeys((*COMPARED, *own)))


def _value(record: Record, name: str) -> Any:
    return getattr(record, name) if name in COMPARED or name == "owner" else record.attributes.get(name)
