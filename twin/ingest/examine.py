"""The dry run: profile, mapping, checks, the frame against what is loaded, duplicates and the difference. Writes nothing."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import shapely
from numpy.typing import NDArray

from twin.coverage.lifecycle import ASSUMED
from twin.coverage.scope import assign_to_areas
from twin.engine import Twin
from twin.errors import Fault, FrameUndeclared, InvalidInput, Words
from twin.frames import Frame, parse_frame
from twin.ingest.report import ImportReport, ImportRequest, Progress, Whereabouts
from twin.layers import LAYERS, LayerType, layer_named
from twin.layers.check import Checked, check_table
from twin.layers.diff import ImportDiff, Timelines, diff, timelines_of
from twin.layers.file_duplicates import duplicates_of_file
from twin.layers.frame_check import FrameCheck, check_frame
from twin.layers.halo import HALO_M, halo
from twin.layers.mapping import map_columns, says_origin
from twin.layers.own_columns import labels_of
from twin.layers.profile import Profile, choose_profile, specialised
from twin.layers.profile_rows import shape
from twin.layers.states import may_follow, refusal
from twin.layers.table import RawTable
from twin.model import Area, Record, Snapshot, Source

ALWAYS = datetime(2000, 1, 1, tzinfo=UTC)
"""From when boundaries and context hold whose file says no date."""
EQUAL = {"cgcs2000": "wgs84"}
ADMINISTRATIVE = ("city", "district", "town")

log = logging.getLogger("twin.ingest")


def silent(_stage: str, _share: float) -> None:
    """No progress told."""


def examine(
    twin: Twin,
    table: RawTable,
    request: ImportRequest,
    *,
    allow_datum_inverse: bool,
    profiles: Sequence[Profile] = (),
    progress: Progress = silent,
) -> ImportReport:
    """Say all that importing a table would do.

    Args:
        twin: what it is compared with.
        table: the file as read.
        request: what the caller declares.
        allow_datum_inverse: see ``frames.to_wgs84``.
        profiles: those that may recognise the file.
        progress: told the stage and the share done.

    Raises:
        FrameUndeclared: no frame is declared, or the file's own says another.
        MappingAmbiguous, InvalidInput, NotFound, InverseNotAllowed: as the steps say.
    """
    raw = table
    profile, layer, table = _shaped(table, request, profiles)
    frame = _declared_frame(table, request)
    where = None if profile is not None else request.where
    mapping = map_columns(table, layer, request.overrides, where, keep_private=request.keep_private)
    source_id = request.source_id or default_source_id(layer, table, request)
    snapshot, now = twin.snapshot(), twin.now()
    progress("check", 0.1)
    outline = layer.context or layer.name == "areas"
    checked = check_table(
        table,
        layer,
        mapping,
        frame,
        source_id=source_id,
        default_valid_from=ALWAYS if outline else now,
        allow_datum_inverse=allow_datum_inverse,
        known_sources=snapshot.sources,
    )
    _log_inverse(frame, table, checked)
    progress("compare", 0.6)
    labels = labels_of(table, mapping.ours)
    checked = replace(
        checked,
        records=_with_assumed(checked),
        warnings=(*checked.warnings, *_disagreeing(table, frame), *_labelled(labels)),
    )
    held = timelines_of(twin.store.open_versions(layer.name))
    if says_origin(mapping):
        checked = _dating_new_ones_only(checked, held)
    difference = diff(checked.records, held, source_id, checked.given, now, mapping.columns)
    checked = replace(checked, faults=(*checked.faults, *_steps_back(difference)))
    progress("frame", 0.8)
    answer = _frame_check(table, layer, checked, frame, snapshot)
    progress("duplicates", 0.9)
    return ImportReport(
        request=request, raw=raw, table=table, profile=None if profile is None else profile.id, frame=frame, mapping=mapping,
        checked=checked, difference=difference,
        source=_source(source_id, table, frame, request, labels),
        frame_check=answer,
        twice=duplicates_of_file(layer, checked.records, snapshot.layers.get(layer.name), source_id),
        where=_whereabouts(layer, checked.records, snapshot.areas_at("district")),
    )  # fmt: skip


def _shaped(
    table: RawTable, request: ImportRequest, profiles: Sequence[Profile]
) -> tuple[Profile | None, LayerType, RawTable]:
    """The profile, if one is named or recognises the file, and the layer and table as it makes them."""
    layer = layer_named(request.layer)
    profile = choose_profile(profiles, layer.name, table, request.profile)
    if profile is not None:
        layer = specialised(layer, profile)
        return profile, layer, shape(profile, table, layer, request.where, keep_private=request.keep_private)
    if table.document is not None:
        raise _uncut(table, layer, profiles)
    return None, layer, table


def _dating_new_ones_only(checked: Checked, held: Timelines) -> Checked:
    """Dates that say when a thing began say nothing of since when a thing that is held is as it is."""
    if "valid_from" not in checked.given:
        return checked
    is_new = np.array([r.key not in held for r in checked.records], bool)
    return replace(checked, given={**checked.given, "valid_from": checked.given["valid_from"] & is_new})


def _source(source_id: str, table: RawTable, frame: Frame, request: ImportRequest, labels: Collection[str]) -> Source:
    """The set that the records belong to, with the labels of the request and of the file itself."""
    said = {name: getattr(request, name) or name in labels for name in ("synthetic", "schematic", "derived")}
    licence = request.licence or str(table.metadata.get("licence", ""))
    return Source(source_id, table.name, frame.name, **said, licence=licence, sha256=table.sha256)


def default_source_id(layer: LayerType, table: RawTable, request: ImportRequest) -> str:
    """Layer, file name and the rows taken: a part of a file is a set of its own."""
    taken = "".join(f"?{name}={text}" for name, text in sorted((request.where or {}).items()))
    return f"{layer.name}:{table.name}{taken}"


def _uncut(table: RawTable, layer: LayerType, profiles: Sequence[Profile]) -> InvalidInput:
    known = ", ".join(p.id for p in profiles if p.layer == layer.name) or "—"
    keys = ", ".join(list(table.document)[:10]) if isinstance(table.document, dict) else f"[{len(table.document)}]"
    return InvalidInput(
        f"{table.name} 是嵌套的 JSON（{keys}），没有导入模板能识别它；图层 {layer.name} 的模板：{known}",
        f"{table.name} is nested JSON ({keys}) and no profile recognises it; profiles of {layer.name}: {known}",
    )


def _declared_frame(table: RawTable, request: ImportRequest) -> Frame:
    """The caller's frame, or the one that the format defines. What a file says of itself is a hint, no declaration."""
    said = table.metadata.get("crs_frame")
    if request.frame is None and table.declared_frame is None:
        if said is None:
            return parse_frame(None)
        raise FrameUndeclared(
            f"未声明坐标系；文件自称 {said}，但国内文件的标注常有误，请核对后用 --frame {said} 声明",
            f"no frame was declared; the file says {said}, which is often wrong in China: check it and say --frame {said}",
        )
    frame = parse_frame(request.frame or table.declared_frame, request.local)
    if table.declared_frame and parse_frame(table.declared_frame).name != frame.name:
        raise FrameUndeclared(
            f"声明的坐标系 {frame.name} 与文件格式规定的 {table.declared_frame} 不一致",
            f"the declared frame {frame.name} is not the one the format defines, {table.declared_frame}",
        )
    return frame


def _disagreeing(table: RawTable, frame: Frame) -> tuple[Words, ...]:
    """A file that says another frame of itself than was declared."""
    said = table.metadata.get("crs_frame")
    if said is None or EQUAL.get(said, said) == EQUAL.get(frame.name, frame.name):
        return ()
    return (
        Words(
            f"文件自称 {said}，声明的是 {frame.name}，以声明为准",
            f"the file says {said}; {frame.name} was declared, and is taken",
        ),
    )


def _labelled(labels: Collection[str]) -> tuple[Words, ...]:
    """What one of our own exports says of its rows is taken over."""
    if not labels:
        return ()
    said = ", ".join(sorted(labels))
    return (
        Words(f"文件中的数据标有 {said}，已沿用", f"the file's data are labelled {said}; the labels are taken over"),
    )


def _log_inverse(frame: Frame, table: RawTable, checked: Checked) -> None:
    """What is legally sensitive, or depends on a definition of the user's own, leaves a line."""
    if frame.kind == "offset":
        log.warning(
            "datum inverse used: %s rows of %s, frame %s, layer %s",
            checked.n_rows,
            table.name,
            frame.name,
            checked.layer,
        )
    elif frame.pipeline is not None:
        log.warning(
            "local frame used: %s rows of %s, %s, layer %s", checked.n_rows, table.name, frame.title.en, checked.layer
        )


def _with_assumed(checked: Checked) -> list[Record]:
    """Records whose file said no lifecycle are marked: the state is ours, not the source's."""
    given = checked.given.get("lifecycle")
    if checked.layer == "areas" or LAYERS[checked.layer].context:
        return checked.records
    return [
        r if given is not None and given[i] else replace(r, attributes={**r.attributes, ASSUMED: True})
        for i, r in enumerate(checked.records)
    ]


def _steps_back(difference: ImportDiff) -> list[Fault]:
    """Lifecycle states that may not follow what is held. From the day of what is held, or earlier, it is a correction."""
    faults = []
    for altered in difference.altered:
        before, after = altered.before, altered.record
        dated_on = after.valid_from <= before.valid_from or before.attributes.get(ASSUMED)
        if not dated_on and not may_follow(before.lifecycle, after.lifecycle):
            words = refusal(before.lifecycle, after.lifecycle)
            faults.append(Fault(f"key {after.key}", "lifecycle", after.lifecycle, words))
    return faults


def _frame_check(table: RawTable, layer: LayerType, checked: Checked, frame: Frame, snapshot: Snapshot) -> FrameCheck:
    """The declared frame against the administrative areas that are loaded, and the roads."""
    if layer.geometry == "point":
        told = [r.original for r in checked.records if r.original is not None]
        xy = np.array([(o["x"], o["y"]) for o in told], np.float64).reshape(-1, 2)
    else:
        shapes = np.array([], object) if table.geometry is None else table.geometry
        inside = shapely.point_on_surface(shapes)
        xy = np.column_stack([shapely.get_x(inside), shapely.get_y(inside)]).reshape(-1, 2)
    outlines = [a.geometry for level in ADMINISTRATIVE for a in snapshot.areas_at(level)]
    roads = snapshot.layers["roads"].geometry if layer.name != "roads" else None
    return check_frame(xy, frame, outlines, roads, halo_m=HALO_M)


def _whereabouts(layer: LayerType, records: Sequence[Record], districts: list[Area]) -> Whereabouts:
    located = [r for r in records if r.lng is not None]
    if layer.geometry != "point" or not districts:
        return Whereabouts()
    places: NDArray[np.float64] = np.array([(r.lng, r.lat) for r in located], np.float64).reshape(-1, 2)
    owner = assign_to_areas(districts, places)
    _, within, beyond = halo(places, [a.geometry for a in districts])
    return Whereabouts(
        inside={a.code: int((owner == i).sum()) for i, a in enumerate(districts) if (owner == i).any()},
        n_outside=int((owner < 0).sum()),
        n_halo=int(within.sum()),
        beyond=tuple(located[i].key for i in np.flatnonzero(beyond)),
    )
