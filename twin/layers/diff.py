"""A file's records against what a layer holds: what would be added, moved, changed and removed.

A file speaks only for what it gives: a field it lacks, or leaves blank in a row, stays as it is in the store. Removed are
the keys that came from the same source and are not in the file any more; other sources' features are not touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from twin.frames import geodesic_distance_m
from twin.model import Edit, Record

SAME_PLACE_DEG = 1e-9
ASSUMED_SUFFIX = "_assumed"
"""An attribute ``lifecycle_assumed`` says that ``lifecycle`` is a default of ours; it goes once a file gives the field."""
PLAIN = ("name", "lifecycle", "valid_from", "valid_to", "online", "n_devices", "owner", "source")


@dataclass(frozen=True)
class Altered:
    """A feature that the file changes: ``before`` is what it was, ``record`` what it becomes, ``fields`` what differs.

    ``moved_m`` is the geodesic distance between its old and new place; None if that did not change or was unknown. It is
    a ``correction`` where only the beginning differs and is later: it never was so before. It is ``final`` where the file
    says when it ends.
    """

    before: Record
    record: Record
    version: int
    fields: tuple[str, ...]
    moved_m: float | None = None
    correction: bool = False
    final: bool = False


@dataclass(frozen=True)
class Removed:
    """A feature of this source that the file lacks."""

    record: Record
    version: int


@dataclass(frozen=True)
class ImportDiff:
    """What an import would do; each key is in one of the five. ``moved`` may have other changes too."""

    added: tuple[Record, ...]
    moved: tuple[Altered, ...]
    changed: tuple[Altered, ...]
    removed: tuple[Removed, ...]
    unchanged: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        names = ("added", "moved", "changed", "removed", "unchanged")
        return {name: len(getattr(self, name)) for name in names}

    @property
    def altered(self) -> tuple[Altered, ...]:
        return (*self.moved, *self.changed)

    def edits(self, ended_at: datetime) -> list[Edit]:
        """The steps of the transaction; removed features end at ``ended_at`` (aware)."""
        return [
            *(Edit("add", record) for record in self.added),
            *(Edit("change", each.record, each.version, each.correction, each.final) for each in self.altered),
            *(Edit("remove", replace(each.record, valid_to=ended_at), each.version) for each in self.removed),
        ]


Timelines = Mapping[str, Sequence[tuple[int, Record]]]
"""By key, what is held of it: ``(version, record)`` by the time from which it holds."""


def timelines_of(versions: Iterable[tuple[int, Record]]) -> Timelines:
    """A layer's open versions, sorted by key and ``valid_from``, by key."""
    return {key: list(held) for key, held in groupby(versions, lambda pair: pair[1].key)}


def diff(
    records: Sequence[Record],
    held: Timelines,
    source_id: str,
    given: Mapping[str, NDArray[np.bool_]] | None,
    now: datetime,
    columns: Mapping[str, str] | None = None,
) -> ImportDiff:
    """Compare records with what the layer holds.

    Args:
        records: from ``check_table``; keys are unique.
        held: the layer's timelines.
        source_id: whose missing keys count as removed.
        given: ``Checked.given``: per field, which of ``records`` had it in the file; a field not named was not given.
            None: everything was given.
        now: the moment of the import (aware). A record is compared with what holds when it begins, or now if the file
            does not say when; a difference without a date holds from now on: what was true before stays so.
        columns: field to the file's column: what ``extra`` has under a column goes once its field is given.

    Places closer than 1e-9 degrees are the same, and so is a time with what a file of milliseconds leaves of it; all else
    must be equal.
    """
    added: list[Record] = []
    altered: list[Altered] = []
    unchanged: list[str] = []
    for i, told in enumerate(records):
        timeline = held.get(told.key, ())
        record = _with_held_times(told, timeline)
        dated = _gives(given, "valid_from", i)
        base = _base(timeline, record.valid_from if dated else now)
        if base is None:
            added.append(record)
            continue
        version, old = base
        new = record if given is None else _merged(record, old, {n for n, rows in given.items() if rows[i]}, columns)
        fields = _differences(old, new)
        if not fields:
            unchanged.append(record.key)
            continue
        if not dated:
            new = replace(new, valid_from=max(now, old.valid_from))
        later = fields == ("valid_from",) and new.valid_from > old.valid_from
        final = new.valid_to is not None and _gives(given, "valid_to", i)
        altered.append(Altered(old, new, version, fields, None, later, final))
    moved, changed = _parted(altered)
    there = {record.key for record in records}
    gone = [_base(timeline, now) for key, timeline in held.items() if key not in there]
    removed = tuple(Removed(r, v) for v, r in (pair for pair in gone if pair is not None) if r.source == source_id)
    return ImportDiff(tuple(added), tuple(moved), tuple(changed), removed, tuple(unchanged))


def _with_held_times(record: Record, timeline: Sequence[tuple[int, Record]]) -> Record:
    """The record; where a time of it is one that is held, cut to milliseconds (GDAL knows no less), with the held one."""
    times = {t for _, r in timeline for t in (r.valid_from, r.valid_to) if t is not None}
    cut = {t.replace(microsecond=t.microsecond // 1000 * 1000): t for t in times if t.microsecond % 1000}
    held = {short: t for short, t in cut.items() if short not in times}
    if record.valid_from not in held and record.valid_to not in held:
        return record
    return replace(
        record,
        valid_from=held.get(record.valid_from, record.valid_from),
        valid_to=None if record.valid_to is None else held.get(record.valid_to, record.valid_to),
    )


def _base(timeline: Sequence[tuple[int, Record]], at: datetime) -> tuple[int, Record] | None:
    """What holds at a moment, else what comes first after it; None if all has ended by then."""
    return next(((v, r) for v, r in timeline if r.valid_to is None or r.valid_to > at), None)


def _gives(given: Mapping[str, NDArray[np.bool_]] | None, name: str, row: int) -> bool:
    return given is None or (name in given and bool(given[name][row]))


def _parted(altered: Sequence[Altered]) -> tuple[list[Altered], list[Altered]]:
    """Those that moved, with by how much, and those whose place is the same or was unknown."""
    placed = [a for a in altered if "location" in a.fields and a.before.lng is not None and a.record.lng is not None]
    before, after = (
        np.array([(r.lng, r.lat) for r in records], np.float64).reshape(-1, 2)
        for records in ([a.before for a in placed], [a.record for a in placed])
    )
    metres = geodesic_distance_m(before, after).tolist() if placed else []
    moved = [replace(a, moved_m=m) for a, m in zip(placed, metres, strict=True)]
    ids = {id(a) for a in placed}
    return moved, [a for a in altered if id(a) not in ids]


def _merged(record: Record, old: Record, given: set[str], columns: Mapping[str, str] | None) -> Record:
    """The file's record, with what the file does not give taken from the old one; ``extra`` is merged by column."""
    kept: dict[str, Any] = {name: getattr(old, name) for name in PLAIN if name != "source" and name not in given}
    settled = {f"{name}{ASSUMED_SUFFIX}" for name in given}
    attributes = {n: v for n, v in old.attributes.items() if n not in settled}
    attributes |= {n: v for n, v in record.attributes.items() if n in given}
    told = {columns[name] for name in given if name in columns} if columns else set()
    kept_extra = {name: value for name, value in (old.attributes.get("extra") or {}).items() if name not in told}
    attributes.pop("extra", None)
    if extra := {**kept_extra, **(record.attributes.get("extra") or {})}:
        attributes["extra"] = extra
    if "location" not in given:
        kept |= {"lng": old.lng, "lat": old.lat, "geometry": old.geometry, "original": old.original}
    return replace(record, attributes=attributes, **kept)


def _differences(old: Record, new: Record) -> tuple[str, ...]:
    fields = [name for name in PLAIN if getattr(old, name) != getattr(new, name)]
    names = dict.fromkeys((*old.attributes, *new.attributes))
    fields += [name for name in names if _said(old.attributes.get(name)) != _said(new.attributes.get(name))]
    if old.geometry is None and new.geometry is None:
        return (*fields, "location") if not _same_place(old, new) else tuple(fields)
    return tuple(fields) if _same_shape(old.geometry, new.geometry) else (*fields, "geometry")


def _said(value: Any) -> Any:
    """A value for comparing: nothing said is None, however it is written."""
    return None if isinstance(value, (str, dict)) and not value else value


def _same_place(old: Record, new: Record) -> bool:
    if old.lng is None or old.lat is None or new.lng is None or new.lat is None:
        return old.lng is new.lng
    return abs(old.lng - new.lng) <= SAME_PLACE_DEG and abs(old.lat - new.lat) <= SAME_PLACE_DEG


SAME_FORMS = (shapely.orient_polygons, shapely.normalize)
"""Rings turned one way, then also begun at their least vertex, which a nanodegree can make another one."""


def _same_shape(old: bytes | None, new: bytes | None) -> bool:
    if old is None or new is None or old == new:
        return old == new
    shapes = [_simple(shape) for shape in shapely.from_wkb([old, new])]
    pairs = (form(shapes).tolist() for form in SAME_FORMS)
    return any(bool(shapely.equals_exact(first, second, SAME_PLACE_DEG)) for first, second in pairs)


def _simple(shape: Any) -> Any:
    """The part of a multiple shape that has only one: formats do not tell the two apart."""
    parts = shapely.get_parts(shape)
    return parts[0] if len(parts) == 1 else shape
