"""What leaves the twin: the features that hold at a time, as columns and shapes of a declared frame. Knows no file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
import pandas as pd
import shapely

from twin.cells import cells_to_text
from twin.coverage.result import LABELS
from twin.coverage.scope import points_inside
from twin.engine import Twin
from twin.errors import BadParameter, Fault, FrameUndeclared, InvalidInput, Words
from twin.frames import Frame, from_wgs84, parse_frame
from twin.layers import LayerType, layer_named
from twin.layers.base import Field, FieldKind
from twin.layers.own_columns import ASSUMED, EXTRA, LABELLED
from twin.model import Area, Geometries, LayerTable, LngLat, Snapshot, Source
from twin.times import SHANGHAI, shown_time

CRS_CHOICES = "wgs84 (EPSG:4326), cgcs2000 (EPSG:4490), EPSG:4549, EPSG:4528, EPSG:32651, gcj02, bd09"
SOURCE_LABELS = ("synthetic", "schematic", "derived")
FOR_PEOPLE = (
    Field("source", "text", Words("数据来源", "Source")),
    Field("version", "int", Words("版本", "Version")),
    Field("cell", "text", Words("H3 单元（12 级）", "H3 cell (resolution 12)")),
)
"""Written so that people can see them; an import recognises them and takes no field from them."""
ASSUMED_FIELD = Field(ASSUMED, "bool", Words("生命周期为默认值", "The lifecycle is a default"))
LABELLED_TITLE = Words("数据说明", "Labels")
EXTRA_TITLE = Words("其他列（JSON）", "Other columns (JSON)")


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """Which features, when, and in which frame their coordinates are wanted. ``area`` is an area's code."""

    layer: str
    crs: str = "wgs84"
    as_of: datetime | None = None
    known_at: datetime | None = None
    area: str | None = None


@dataclass(frozen=True)
class ExportColumn:
    """One column of (n) plain values, None where nothing is known. Times are ISO text with their zone, ``json`` dicts."""

    name: str
    kind: FieldKind | Literal["json"]
    title: Words
    unit: str
    values: list[Any]


@dataclass(frozen=True)
class Export:
    """(n) features: columns, and (n,) shapes in the frame's own unit, east or longitude first, None = no location.

    ``about`` says as JSON values where the data come from; every file carries it.
    """

    layer: LayerType
    frame: Frame
    columns: tuple[ExportColumn, ...]
    geometry: Geometries
    about: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.geometry)

    @property
    def keys(self) -> list[str]:
        """What names the features: an area's code, or the key. The first column."""
        return self.columns[0].values

    def values(self, name: str) -> list[Any]:
        return next(c.values for c in self.columns if c.name == name)

    def fault(self, at: int, column: str, value: object, words: Words) -> Fault:
        """A fault of one feature, named by its key."""
        return Fault(str(self.keys[at]), column, str(value)[:60], words)


def export_layer(twin: Twin, request: ExportRequest) -> Export:
    """What holds of a layer at ``as_of`` as known at ``known_at``, in key order.

    A feature is in an area if its place (for polygons a point on it) is, border included; a line if it meets the area.

    Raises:
        NotFound: there is no such layer or area.
        BadParameter: ``crs`` is not one we write.
        InvalidInput: places that the frame cannot hold, all of them in ``faults``.
    """
    snapshot = twin.snapshot(request.as_of, request.known_at)
    area = twin.area(snapshot, request.area) if request.area else None
    return export_of(snapshot, layer_named(request.layer), parse_crs(request.crs), area)


def export_of(snapshot: Snapshot, layer: LayerType, frame: Frame, area: Area | None = None) -> Export:
    """What a snapshot holds of a layer, in key order; see ``export_layer``.

    Raises:
        InvalidInput: places that the frame cannot hold, all of them in ``faults``.
    """
    table = snapshot.layers[layer.name] if area is None else _inside(snapshot.layers[layer.name], layer, area)
    columns = (*_columns(table.frame, layer), *_labels(table.frame, snapshot.sources))
    geometry, misplaced = _placed(table, frame)
    about = about_layer(snapshot, layer, frame, area, table, int(shapely.is_missing(geometry).sum()))
    export = Export(layer, frame, columns, geometry, about)
    if len(misplaced):
        words = Words(f"超出 {frame.name} 的范围", f"outside the range of {frame.name}")
        faults = [export.fault(int(at), "location", _said(table.lnglat[at]), words) for at in misplaced]
        raise InvalidInput(
            f"{len(faults)} 个要素无法用 {frame.name} 表示，首先是 {faults[0].where}；请换一个 --crs",
            f"{len(faults)} features have no place in {frame.name}, first: {faults[0]}; take another --crs",
            faults,
        )
    return export


def parse_crs(text: str) -> Frame:
    """The frame of an export.

    Raises:
        BadParameter: naming those there are.
    """
    try:
        frame = parse_frame(text)
    except FrameUndeclared:
        frame = None
    if frame is None or (frame.epsg is None and frame.kind != "offset"):
        raise BadParameter(
            f"不能导出为坐标系“{text}”；可用：{CRS_CHOICES}", f"cannot export to crs {text!r}; there are: {CRS_CHOICES}"
        )
    return frame


def _inside(table: LayerTable, layer: LayerType, area: Area) -> LayerTable:
    if layer.geometry == "line" and table.geometry is not None:
        inside = shapely.intersects(area.geometry, table.geometry)
    else:
        inside = points_inside(area.geometry, table.lnglat)
    geometry = None if table.geometry is None else table.geometry[inside]
    return LayerTable(table.layer, table.frame[inside].reset_index(drop=True), geometry)


# Columns ---------------------------------------------------------------------------------------------------------------


def _columns(frame: pd.DataFrame, layer: LayerType) -> tuple[ExportColumn, ...]:
    """The key first, then the layer's own fields and the common ones; ``extra`` and the mark of a default where used."""
    own = {f.name for f in layer.fields}
    first = "code" if "code" in own else "key"
    fields = {f.name: f for f in (*layer.all_fields(), ASSUMED_FIELD) if f.name in frame.columns}
    fields = {name: f for name, f in fields.items() if first == "key" or name != "key"}
    fields = {first: fields[first], "name": fields["name"], **{n: fields[n] for n in fields if n in own}, **fields}
    columns = [_column(f, frame[name]) for name, f in fields.items()]
    columns = [c for c in columns if c.name != ASSUMED or any(c.values)]
    return (*columns, *_extra(frame, set(fields)), *(_column(f, frame[f.name]) for f in FOR_PEOPLE))


def _labels(frame: pd.DataFrame, sources: Mapping[str, Source]) -> list[ExportColumn]:
    """What has to be said of each feature's data; none if there is nothing."""
    said = {s.id: " ".join(n for n in SOURCE_LABELS if getattr(s, n)) or None for s in sources.values()}
    values = [said.get(str(source)) for source in frame["source"]]
    return [ExportColumn(LABELLED, "text", LABELLED_TITLE, "", values)] if any(values) else []


def _column(field: Field, column: pd.Series[Any]) -> ExportColumn:
    values = plain_values(column)
    match field.kind:
        case "int":
            values = [None if v is None else int(v) for v in values]
        case "float":
            values = [None if v is None else float(v) for v in values]
        case "bool":
            values = [None if v is None else bool(v) for v in values]
        case "time":
            texts = {v: local_time(v) for v in set(values) - {None}}
            values = [None if v is None else texts[v] for v in values]
        case _:
            values = cells_to_text(values) if field.name == "cell" else [None if v is None else str(v) for v in values]
    return ExportColumn(field.name, field.kind, field.title, field.unit, values)


def _extra(frame: pd.DataFrame, fields: set[str]) -> list[ExportColumn]:
    """One column for what the source had besides the fields; none if there is nothing."""
    known = {*fields, EXTRA, LABELLED, ASSUMED, "key", "lng", "lat", *(f.name for f in FOR_PEOPLE)}
    others = {name: plain_values(frame[name]) for name in frame.columns if name not in known}
    packed = plain_values(frame[EXTRA]) if EXTRA in frame.columns else [None] * len(frame)
    values = [
        {**{name: column[at] for name, column in others.items() if column[at] is not None}, **(extra or {})} or None
        for at, extra in enumerate(packed)
    ]
    return [ExportColumn(EXTRA, "json", EXTRA_TITLE, "", values)] if any(values) else []


def plain_values(column: pd.Series[Any]) -> list[Any]:
    """Any column as Python values, None for whatever stands for nothing."""
    values = column.astype(object)
    return values.where(values.notna(), None).tolist()


def local_time(text: str) -> str:
    """A stored time as Shanghai writes it, ``2024-05-01T00:00:00+08:00``; in UTC at the end of the calendar."""
    return shown_time(datetime.fromisoformat(text))


# Places ----------------------------------------------------------------------------------------------------------------


def _placed(table: LayerTable, frame: Frame) -> tuple[Geometries, np.ndarray[tuple[int], np.dtype[np.intp]]]:
    """(n,) shapes in the frame, and where those are that it cannot hold."""

    def convert(lnglat: LngLat) -> LngLat:
        return np.column_stack(from_wgs84(lnglat[:, 0], lnglat[:, 1], frame))

    shapes = np.full(len(table), None, dtype=object)
    if table.geometry is None:
        located = ~np.isnan(table.lnglat).any(axis=1)
        xy = convert(table.lnglat[located])
        shapes[located] = shapely.points(np.where(np.isfinite(xy), xy, 0.0))
        bounds = np.tile(xy, (1, 2))
    else:
        located = ~(shapely.is_missing(table.geometry) | shapely.is_empty(table.geometry))
        shapes[located] = shapely.transform(table.geometry[located], convert)
        bounds = shapely.bounds(shapes[located]).reshape(-1, 4)
    good = frame.fits(bounds[:, 0], bounds[:, 1]) & frame.fits(bounds[:, 2], bounds[:, 3])
    return shapes, np.flatnonzero(located)[~good]


def _said(lnglat: Any) -> str:
    return f"{lnglat[0]:.10g}, {lnglat[1]:.10g}"


# Where it comes from ---------------------------------------------------------------------------------------------------


def sources_in(snapshot: Snapshot, table: LayerTable) -> list[Source]:
    """The sources of a table, or of what it was made of."""
    used = (table.recorded or table).frame["source"].dropna().unique()
    return [snapshot.sources[name] for name in sorted(map(str, used)) if name in snapshot.sources]


def about_layer(
    snapshot: Snapshot, layer: LayerType, frame: Frame, area: Area | None, table: LayerTable, n_without_location: int
) -> dict[str, Any]:
    """Where a layer's features come from, for people and programs, as JSON values."""
    sources = sources_in(snapshot, table)
    labels = [label for label in SOURCE_LABELS if any(getattr(s, label) for s in sources)]
    labels += ["coarse"] if layer.name in snapshot.coarse else []
    return {
        "layer": layer.name,
        "title": {"zh": layer.title.zh, "en": layer.title.en},
        "frame": frame.name,
        "crs": f"EPSG:{frame.epsg}" if frame.epsg else None,
        "as_of": snapshot.as_of.astimezone(SHANGHAI).isoformat(),
        "known_at": snapshot.known_at.astimezone(SHANGHAI).isoformat(),
        "snapshot": snapshot.id,
        "area": None if area is None else {"code": area.code, "name": area.name},
        "n_features": len(table),
        "n_without_location": n_without_location,
        "labels": labels,
        "notes": {"zh": [LABELS[label].zh for label in labels], "en": [LABELS[label].en for label in labels]},
        "sources": [_source(s) for s in sources],
    }


def _source(source: Source) -> dict[str, Any]:
    labels = [label for label in SOURCE_LABELS if getattr(source, label)]
    return {"id": source.id, "title": source.title, "licence": source.licence, "frame": source.frame, "labels": labels}
