"""A file's records against what a layer holds: what would be added, moved, changed and removed.

A file speaks only for what it gives: a field it lacks, or leaves blank in a row, stays as it is in the store. Removed are
the keys that came from the same source and are not in the file any more; other sources' features are not touched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from twin.frames import geodesic_distance_m
from twin.model import Edit, LayerTable, Record

SAME_PLACE_DEG = 1e-9
ASSUMED_SUFFIX = "_assumed"
"""An attribute ``lifecycle_assumed`` says that ``lifecycle`` is a default of ours; it goes once a file gives the field."""
PLAIN = ("name", "lifecycle", "valid_from", "valid_to", "online", "n_devices", "owner", "source")
NOT_ATTRIBUTES = frozenset((*PLAIN, "key", "version", "cell", "lng", "lat"))


@dataclass(frozen=True)
class Altered:
    """A feature that the file changes: ``record`` is what it becomes, ``fields`` what differs.

    ``moved_m`` is the geodesic distance between its old and new place; None if that did not change or was unknown.
    """

    record: Record
    version: int
    fields: tuple[str, ...]
    moved_m: float | None = None


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

    def edits(self, ended_at: datetime, *, remove: bool = True) -> list[Edit]:
        """The steps of the transaction; removed features end at ``ended_at`` (aware), or stay if ``remove`` is off."""
        gone = self.removed if remove else ()
        return [
            *(Edit("add", record) for record in self.added),
            *(Edit("change", each.record, each.version) for each in (*self.moved, *self.changed)),
            *(Edit("remove", replace(each.record, valid_to=ended_at), each.version) for each in gone),
        ]


def diff(
    records: Sequence[Record],
    existing: LayerTable | None,
    source_id: str,
    given: Mapping[str, NDArray[np.bool_]] | None = None,
    changed_at: datetime | None = None,
) -> ImportDiff:
    """Compare records with what the layer holds now.

    Args:
        records: from ``check_table``; keys are unique.
        existing: the layer's table; None or empty if it holds nothing.
        source_id: whose missing keys count as removed.
        given: ``Checked.given``: per field, which of ``records`` had it in the file; a field not named was not given.
            None: everything was given.
        changed_at: from when a difference holds if the file gives no ``valid_from`` (aware): what was true before
            stays so. None: differences are corrections of the version that is held.

    Places closer than 1e-9 degrees are the same; all else must be equal.
    """
    held = _Held(existing)
    added: list[Record] = []
    moved: list[Altered] = []
    changed: list[Altered] = []
    unchanged: list[str] = []
    for i, record in enumerate(records):
        at = held.position.get(record.key)
        if at is None:
            added.append(record)
            continue
        old = held.record(at)
        new = _merged(record, old, None if given is None else {name for name, rows in given.items() if rows[i]})
        fields = _differences(old, new)
        if not fields:
            unchanged.append(record.key)
            continue
        if changed_at is not None and not _gives(given, "valid_from", i):
            new = replace(new, valid_from=changed_at)
        metres = _metres(old, new) if "location" in fields else None
        (changed if metres is None else moved).append(Altered(new, held.version(at), fields, metres))
    there = {record.key for record in records}
    gone = [at for key, at in held.position.items() if key not in there and held.columns["source"][at] == source_id]
    removed = tuple(Removed(held.record(at), held.version(at)) for at in gone)
    return ImportDiff(tuple(added), tuple(moved), tuple(changed), removed, tuple(unchanged))


class _Held:
    """A layer's table as plain Python values, by key."""

    def __init__(self, table: LayerTable | None) -> None:
        self.layer = table.layer if table is not None else ""
        frame = table.frame if table is not None else pd.DataFrame({"key": []})
        self.columns = {str(name): _plain(frame[name]) for name in frame.columns}
        self.position = {key: at for at, key in enumerate(self.columns["key"])}
        self.attributes = [name for name in self.columns if name not in NOT_ATTRIBUTES]
        wkb = None if table is None or table.geometry is None else shapely.to_wkb(table.geometry)
        self.wkb: list[bytes | None] | None = None if wkb is None else wkb.tolist()

    def version(self, at: int) -> int:
        return int(self.columns["version"][at])

    def record(self, at: int) -> Record:
        value = {name: column[at] for name, column in self.columns.items()}
        return Record(
            layer=self.layer, key=value["key"], name=value["name"] or "", lifecycle=value["lifecycle"],
            valid_from=_moment(value["valid_from"]), valid_to=_moment(value["valid_to"]) if value["valid_to"] else None,
            online=value["online"], n_devices=int(value["n_devices"]), owner=value["owner"] or "", source=value["source"],
            lng=value["lng"], lat=value["lat"], geometry=None if self.wkb is None else self.wkb[at],
            attributes={name: value[name] for name in self.attributes},
        )  # fmt: skip


def _gives(given: Mapping[str, NDArray[np.bool_]] | None, name: str, row: int) -> bool:
    return given is None or (name in given and bool(given[name][row]))


def _plain(column: pd.Series[Any]) -> list[Any]:
    """Any pandas column as Python values, None for whatever stands for nothing."""
    values = column.astype(object)
    return values.where(values.notna(), None).tolist()


def _moment(value: Any) -> datetime:
    """A time in UTC from what a table has (ISO text, a timestamp, a datetime)."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else pd.Timestamp(value).to_pydatetime()
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _merged(record: Record, old: Record, given: set[str] | None) -> Record:
    """The file's record, with what the file does not give taken from the old one; ``extra`` is merged by column."""
    if given is None:
        return record
    kept: dict[str, Any] = {name: getattr(old, name) for name in PLAIN if name != "source" and name not in given}
    settled = {f"{name}{ASSUMED_SUFFIX}" for name in given}
    attributes = {n: v for n, v in old.attributes.items() if n not in settled}
    attributes |= {n: v for n, v in record.attributes.items() if n in given}
    if extra := {**(old.attributes.get("extra") or {}), **(record.attributes.get("extra") or {})}:
        attributes["extra"] = extra
    if "location" not in given:
        kept |= {"lng": old.lng, "lat": old.lat, "geometry": old.geometry}
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


def _same_shape(old: bytes | None, new: bytes | None) -> bool:
    if old is None or new is None or old == new:
        return old == new
    first, second = shapely.normalize(shapely.from_wkb([old, new]))
    return bool(shapely.equals_exact(first, second, SAME_PLACE_DEG))


def _metres(old: Record, new: Record) -> float | None:
    if old.lng is None or old.lat is None or new.lng is None or new.lat is None:
        return None
    return float(geodesic_distance_m(np.array([[old.lng, old.lat]]), np.array([[new.lng, new.lat]]))[0])
