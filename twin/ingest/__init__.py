"""Bringing a file in: mapping, checks and the difference first (dry run), then one transaction. Knows ports, no adapter."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from twin.coverage.lifecycle import ASSUMED
from twin.coverage.scope import assign_to_areas
from twin.engine import Twin
from twin.errors import FrameUndeclared
from twin.frames import Frame, parse_frame
from twin.layers import LAYERS, LayerType, layer_named
from twin.layers.check import Checked, check_table
from twin.layers.diff import ImportDiff, diff, timelines_of
from twin.layers.mapping import ColumnMap, map_columns
from twin.layers.table import RawTable
from twin.model import Record, Source, Transaction

ALWAYS = datetime(2000, 1, 1, tzinfo=UTC)
"""From when boundaries and context hold whose file says no date."""

log = logging.getLogger("twin.ingest")


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What the caller declares. ``overrides`` and ``where`` as in ``layers.mapping.map_columns``.

    ``source_id`` names the set the records belong to: keys that it had before and that the file lacks are removed.
    """

    layer: str
    frame: str | None
    source_id: str = ""
    overrides: Mapping[str, str] | None = None
    where: Mapping[str, str] | None = None
    synthetic: bool = False
    schematic: bool = False
    derived: bool = False
    licence: str = ""


@dataclass(frozen=True)
class ImportReport:
    """What an import would do. ``inside`` counts located points per loaded district, and those in none (未落区)."""

    request: ImportRequest
    table: RawTable
    frame: Frame
    mapping: ColumnMap
    checked: Checked
    difference: ImportDiff
    source: Source
    inside: Mapping[str, int]
    n_outside: int | None


def examine(twin: Twin, table: RawTable, request: ImportRequest, *, allow_datum_inverse: bool) -> ImportReport:
    """The dry run: nothing is written.

    Raises:
        FrameUndeclared: no frame is declared, or the file's own says another.
        MappingAmbiguous, InvalidInput, InverseNotAllowed: as the steps say.
    """
    layer = layer_named(request.layer)
    frame = _declared_frame(table, request)
    mapping = map_columns(table, layer, request.overrides, request.where)
    source_id = request.source_id or default_source_id(layer, table, request)
    outline = layer.context or layer.name == "areas"
    checked = check_table(
        table,
        layer,
        mapping,
        frame,
        source_id=source_id,
        default_valid_from=ALWAYS if outline else twin.now(),
        allow_datum_inverse=allow_datum_inverse,
    )
    checked = replace(checked, records=_with_assumed(checked))
    if frame.name in ("gcj02", "bd09"):
        log.warning(
            "datum inverse used: %s rows of %s, frame %s, layer %s", checked.n_rows, table.name, frame.name, layer.name
        )
    snapshot = twin.snapshot()
    held = timelines_of(twin.store.open_versions(layer.name))
    districts = snapshot.areas_at("district") if layer.geometry == "point" else []
    owner = assign_to_areas(districts, _places(checked.records))
    return ImportReport(
        request=request, table=table, frame=frame, mapping=mapping, checked=checked,
        difference=diff(checked.records, held, source_id, checked.given, twin.now()),
        source=Source(source_id, table.name, frame.name, request.synthetic, request.schematic, request.derived,
                      request.licence, table.sha256),
        inside={a.code: int((owner == i).sum()) for i, a in enumerate(districts) if (owner == i).any()},
        n_outside=int((owner < 0).sum()) if districts else None,
    )  # fmt: skip


def apply(twin: Twin, report: ImportReport, *, author: str, reason: str) -> Transaction | None:
    """Record the import in one transaction; None where it changes nothing, the source included.

    Raises:
        LayerInvalid: the file has faults: nothing of it is recorded.
        Conflict: somebody changed a record since the dry run.
    """
    report.checked.raise_if_faulty()
    edits = report.difference.edits(twin.now())
    if not edits and twin.snapshot().sources.get(report.source.id) == report.source:
        return None
    return twin.commit(edits, author=author, reason=reason, sources=[report.source])


def default_source_id(layer: LayerType, table: RawTable, request: ImportRequest) -> str:
    """Layer, file name and the rows taken: a part of a file is a set of its own."""
    taken = "".join(f"?{name}={text}" for name, text in sorted((request.where or {}).items()))
    return f"{layer.name}:{table.name}{taken}"


def _declared_frame(table: RawTable, request: ImportRequest) -> Frame:
    if request.frame is None and table.declared_frame is None:
        return parse_frame(None)
    frame = parse_frame(request.frame or table.declared_frame)
    if table.declared_frame and parse_frame(table.declared_frame).name != frame.name:
        raise FrameUndeclared(
            f"声明的坐标系 {frame.name} 与文件格式规定的 {table.declared_frame} 不一致",
            f"the declared frame {frame.name} is not the one the format defines, {table.declared_frame}",
        )
    return frame


def _with_assumed(checked: Checked) -> list[Record]:
    """Records whose file said no lifecycle are marked: the state is ours, not the source's."""
    given = checked.given.get("lifecycle")
    if checked.layer == "areas" or LAYERS[checked.layer].context:
        return checked.records
    return [
        r if given is not None and given[i] else replace(r, attributes={**r.attributes, ASSUMED: True})
        for i, r in enumerate(checked.records)
    ]


def _places(records: list[Record]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    located = [(r.lng, r.lat) for r in records if r.lng is not None]
    return np.array(located, np.float64).reshape(-1, 2)
