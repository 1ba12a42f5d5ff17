"""Rows to records: every fault of a file at once, with its row, and every default that was filled in, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from twin.errors import Fault, LayerInvalid, Words
from twin.frames import Frame
from twin.layers.attributes import unkeepable
from twin.layers.base import Field, LayerType
from twin.layers.coarse import TOWN_KEY
from twin.layers.columns import Column, fill_levels, key_faults, span_faults
from twin.layers.mapping import ColumnMap
from twin.layers.own_columns import EXTRA, assumed_rows, sources_of, unpacked
from twin.layers.places import Places, locate
from twin.layers.table import RawTable
from twin.model import Record

MAX_SHOWN = 80


@dataclass(frozen=True)
class Checked:
    """What a file amounts to. ``records`` are the rows without fault, in the file's order.

    ``given`` says per field which records got it from the file ((n,) bool; a field not named was never given);
    a blank cell gives nothing. ``defaults`` counts the rows that took a field's default, ``unknown_codes`` the rows by
    field and code. ``n_rows`` counts rows after ``where``.
    """

    layer: str
    records: list[Record]
    faults: tuple[Fault, ...]
    n_rows: int
    n_without_location: int
    defaults: Mapping[str, int]
    unknown_codes: Mapping[str, Mapping[str, int]]
    warnings: tuple[Words, ...]
    given: Mapping[str, NDArray[np.bool_]]

    def raise_if_faulty(self) -> None:
        """Raise LayerInvalid with all faults, if there are any."""
        if self.faults:
            n, first = len(self.faults), self.faults[0]
            zh = f"{self.layer}：{n} 处错误，首先是 {first.where} 的 {first.column} = {first.value!r}：{first.words.zh}"
            raise LayerInvalid(zh, f"{self.layer}: {n} fault(s), first: {first}", self.faults)


def check_table(
    table: RawTable,
    layer: LayerType,
    mapping: ColumnMap,
    frame: Frame,
    *,
    source_id: str,
    default_valid_from: datetime,
    allow_datum_inverse: bool,
    known_sources: Collection[str] = (),
) -> Checked:
    """Check every cell and build the records.

    Args:
        table: as read; ``mapping.where`` is applied here.
        layer: whose fields the records have; an area's key is its code.
        mapping: from ``map_columns``.
        frame: of the coordinates; they come out in WGS-84, points keep theirs in ``original``.
        source_id: goes into every record, but for those that one of our own exports gives one of ``known_sources``.
        default_valid_from: where the file gives none; aware.
        allow_datum_inverse: see ``frames.to_wgs84``.

    Raises:
        InverseNotAllowed: the frame needs the datum inverse and it is off.
        InvalidInput: ``mapping.where`` leaves no row.
    """
    table = table.only(mapping.where)
    places = locate(table, layer, mapping, frame, allow_datum_inverse=allow_datum_inverse)
    columns = {f.name: Column(table, f, mapping) for f in _fields(layer)}
    faults = [*places.faults, *(fault for column in columns.values() for fault in column.faults)]
    faults += key_faults(columns["code" if "code" in columns else "key"])
    faults += _reserved_keys(columns["key"]) if layer.sensitive else []
    extras = _extras(table, mapping, columns)
    faults += _unkeepable(table, extras)
    if "code" in columns:
        faults += fill_levels(columns["level"], columns["code"])
    faults += span_faults(columns["valid_from"], columns["valid_to"], default_valid_from)
    bad = places.bad.copy()
    bad[[at for at, _ in faults if at >= 0]] = True
    columns["lifecycle"].given &= ~assumed_rows(table, mapping.ours, columns["lifecycle"].values)
    defaults = {name: n for name, column in columns.items() if (n := column.fill(default_valid_from))}
    rows = np.flatnonzero(~bad)
    located = ~np.isnan(places.lng)
    given = {name: column.given[rows] for name, column in columns.items() if column.given.any()}
    given["location"] = located[rows]
    return Checked(
        layer=layer.name,
        records=_records(
            layer,
            frame,
            columns,
            places,
            rows,
            extras,
            sources_of(table, mapping.ours, known_sources, source_id),
        ),
        faults=tuple(fault for _, fault in sorted(faults, key=lambda pair: pair[0])),
        n_rows=table.n_rows,
        n_without_location=int((~located & ~places.bad).sum()),
        defaults=defaults,
        unknown_codes={name: c for name, column in columns.items() if (c := Counter(column.parsed.unknown.values()))},
        warnings=(*table.warnings, *_dropped(mapping), *places.warnings),
        given=given,
    )


def _fields(layer: LayerType) -> tuple[Field, ...]:
    """The fields that are read; an area has a code in place of a key."""
    has_code = any(f.name == "code" for f in layer.fields)
    return tuple(f for f in layer.all_fields() if not (has_code and f.name == "key"))


def _reserved_keys(column: Column) -> list[tuple[int, Fault]]:
    words = Words(
        f"以 {TOWN_KEY} 开头的编号留给街镇汇总数", f"keys that begin with {TOWN_KEY} are those of the counts per town"
    )
    return [column.fault(at, words) for at, key in enumerate(column.cells) if key.startswith(TOWN_KEY)]


def _unkeepable(table: RawTable, extras: Sequence[Mapping[str, Any]]) -> list[tuple[int, Fault]]:
    """What fields do not take and no store keeps."""
    return [
        (at, Fault(table.where(at), EXTRA, ", ".join(extra)[:MAX_SHOWN], words))
        for at, extra in enumerate(extras)
        if extra and (words := unkeepable({EXTRA: extra}))
    ]


def _dropped(mapping: ColumnMap) -> tuple[Words, ...]:
    if not mapping.dropped:
        return ()
    said = ", ".join(mapping.dropped)
    return (Words(f"未保存的敏感列：{said}", f"private columns that are not kept: {said}"),)


def _records(
    layer: LayerType,
    frame: Frame,
    columns: Mapping[str, Column],
    places: Places,
    rows: NDArray[np.intp],
    extras: Sequence[Mapping[str, Any]],
    source_ids: Sequence[str],
) -> list[Record]:
    """One record a row in ``rows``, in that order."""
    own = [f.name for f in layer.fields]
    values = {name: column.values[rows].tolist() for name, column in columns.items()}
    attributes = [dict(zip(own, row, strict=True)) for row in zip(*(values[n] for n in own), strict=True)] or [
        {} for _ in rows
    ]
    wkb = [None] * len(rows) if places.geometry is None else shapely.to_wkb(places.geometry[rows]).tolist()
    common = ("lifecycle", "valid_from", "valid_to", "online", "n_devices", "owner")
    keys, names = values["code" if "code" in columns else "key"], values["name"]
    spots = (array[rows].tolist() for array in (places.lng, places.lat, places.x, places.y))
    origins = [source_ids[at] for at in rows]
    cells = zip(
        keys,
        names,
        *(values[n] for n in common),
        *spots,
        wkb,
        attributes,
        [extras[at] for at in rows],
        origins,
        strict=True,
    )
    return [
        Record(
            layer=layer.name, key=key, name=name, lifecycle=state, valid_from=start, valid_to=end, online=online,
            n_devices=n, owner=owner, source=origin, geometry=shape,
            lng=None if lng != lng else lng, lat=None if lng != lng else lat,  # noqa: PLR0124  (NaN)
            attributes={**own_values, "extra": extra} if extra else own_values,
            original=None if x != x else {"frame": frame.name, "x": x, "y": y},  # noqa: PLR0124  (NaN)
        )
        for key, name, state, start, end, online, n, owner, lng, lat, x, y, shape, own_values, extra, origin in cells
    ]  # fmt: skip


def _extras(table: RawTable, mapping: ColumnMap, columns: Mapping[str, Column]) -> list[dict[str, Any]]:
    """Of every row the unmapped cells that are not blank, and codes that nobody knew, under their column's name."""
    names = mapping.extra
    cells = zip(*(table.columns[c] for c in names), strict=True) if names else [()] * table.n_rows
    extras = [unpacked({c: value for c, value in zip(names, row, strict=True) if value != ""}) for row in cells]
    for column in columns.values():
        for at, code in column.parsed.unknown.items():
            extras[at][column.column or column.field.name] = code
    return extras
