"""What a collection says of itself: title, extent, where its data come from, the schema of its features. Values only."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np

from twin.api.crs import CRS84, URIS
from twin.api.encoded import DIGITS, bounds_of
from twin.api.wire import quality_to_json, time_text
from twin.coverage.result import LABELS
from twin.layers import LAYERS, Field, LayerType
from twin.layers.own_columns import ASSUMED
from twin.layers.quality import quality_in
from twin.model import LayerTable, Snapshot, Source

GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"
SENSITIVE_DEG = 0.01
"""About a kilometre: more than a cell of the centres at which sensitive things are shown."""
GEOMETRY = {"point": "geometry-point", "line": "geometry-any", "polygon": "geometry-any"}
"""JSON Schema formats of OGC API Features Part 5. Lines and polygons may have many parts, or an area be a line."""
TYPES: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "enum": {"type": "string"},
    "time": {"type": "string", "format": "date-time"},
}
UCUM = {"°": "deg", "km²": "km2", "dBi": "dB[i]", "dBm": "dB[mW]"}
"""Units as UCUM writes them, where it differs from ours."""
ROLES = {"key": "id", "valid_from": "primary-interval-start", "valid_to": "primary-interval-end"}
OWN = {
    "source": ("来源", "Source", "string"),
    "version": ("版本", "Version", "integer"),
    "cell": ("H3 单元（12 级）", "H3 cell (resolution 12)", "string"),
}
"""What the twin adds to a source's properties."""


def sources_of(table: LayerTable, snapshot: Snapshot) -> list[Source]:
    """The sources that a layer's features name; of counted ones, those that were counted."""
    whole = table.recorded or table
    used = whole.keep("sources", lambda: sorted({str(name) for name in whole.frame["source"].dropna().unique()}))
    return [snapshot.sources[name] for name in used if name in snapshot.sources]


def labels_of(table: LayerTable, snapshot: Snapshot) -> list[dict[str, str]]:
    """What must stand beside a layer's features wherever they are shown: synthetic, schematic, derived, by permission."""
    sources = sources_of(table, snapshot)
    said = [name for name in ("synthetic", "schematic", "derived") if any(getattr(s, name) for s in sources)]
    said += ["coarse"] if table.layer in snapshot.coarse else []
    return [{"id": n, "zh": LABELS[n].zh, "en": LABELS[n].en} for n in said]


def describe(layer: LayerType, snapshot: Snapshot, updated: datetime | None, lang: str) -> dict[str, Any]:
    """A collection without its links."""
    table = snapshot.layers[layer.name]
    sources, labels = sources_of(table, snapshot), labels_of(table, snapshot)
    said = {label["id"] for label in labels}
    frames, quality = (
        sorted({s.frame for s in sources}),
        None if layer.name in snapshot.cut else quality_in(snapshot, layer.name),
    )
    extents = {"spatial": spatial_extent(table), "temporal": temporal_extent(table)}
    body: dict[str, Any] = {
        "id": layer.name,
        "title": layer.title.in_language(lang),
        "titles": {"zh": layer.title.zh, "en": layer.title.en},
        "itemType": "feature",
        "geometry": layer.geometry,
        "crs": URIS,
        "storageCrs": CRS84,
        "n_features": len(table),
        **{name: name in said for name in ("synthetic", "schematic", "derived")},
        "labels": labels,
        "frame": ", ".join(frames) or None,
        "sources": [{"id": s.id, "title": s.title, "frame": s.frame, "licence": s.licence} for s in sources],
        "quality": None if quality is None else quality_to_json(quality),
        "updated": time_text(updated) if updated else None,
        "snapshot": snapshot.id,
    }
    known = {name: value for name, value in extents.items() if value}
    return {**body, "extent": known} if known else body


def extent(table: LayerTable, edge: float = 90.0) -> list[float] | None:
    """West, south, east, north of all features that reach between the parallels ``edge`` south and north; None if none does.

    Of a sensitive layer on the next lines of ``SENSITIVE_DEG`` around: a document about all tells no single thing's place.
    """

    def find() -> list[float] | None:
        bounds = bounds_of(table.lnglat if table.geometry is None else table.geometry)
        located = bounds[(bounds[:, 1] <= edge) & (bounds[:, 3] >= -edge)]
        if not len(located):
            return None
        low, high = located[:, :2].min(axis=0), located[:, 2:].max(axis=0)
        if LAYERS[table.layer].sensitive:
            low, high = np.floor(low / SENSITIVE_DEG), np.ceil(high / SENSITIVE_DEG)
            low, high = np.round(low * SENSITIVE_DEG, DIGITS), np.round(high * SENSITIVE_DEG, DIGITS)
        return [*low.tolist(), *high.tolist()]

    return table.keep(("extent", edge), find)


def spatial_extent(table: LayerTable) -> dict[str, Any] | None:
    box = extent(table)
    return {"bbox": [box], "crs": CRS84} if box else None


def temporal_extent(table: LayerTable) -> dict[str, Any] | None:
    """From the first beginning to the last end of what is true; null = open. None of an empty layer."""
    if not len(table):
        return None

    def find() -> list[str | None]:
        first, last = table.frame["valid_from"].dropna(), table.frame["valid_to"]
        ends = [None if first.empty else str(first.min()), None if last.isna().any() else str(last.max())]
        return [end and end.replace(".000000Z", "Z") for end in ends]

    return {"interval": [table.keep("temporal extent", find)], "trs": GREGORIAN}


def schema(layer: LayerType, address: str, lang: str, *, queryables: bool = False) -> dict[str, Any]:
    """JSON Schema of a layer's properties (OGC API Features Part 5). ``x-ogc-unit`` is the unit of a number in UCUM,
    ``x-unit`` as people write it. A property that is unknown is null in GeoJSON."""
    properties: dict[str, Any] = {f.name: _property(f, lang) for f in layer.all_fields()}
    for name, (zh, en, kind) in OWN.items():
        properties[name] = {"title": zh if lang == "zh" else en, "type": kind, "readOnly": True}
    place = {"title": "位置" if lang == "zh" else "Place", "format": GEOMETRY[layer.geometry]}
    if not queryables:
        assumed = "生命周期为默认值" if lang == "zh" else "The lifecycle is a default"
        properties[ASSUMED] = {"title": assumed, "type": "boolean"}
    properties["geometry"] = {**place, "x-ogc-role": "primary-geometry"}
    for i, entry in enumerate(properties.values()):
        entry["x-ogc-propertySeq"] = i + 1
    body: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": address,
        "type": "object",
        "title": layer.title.in_language(lang),
        "properties": properties,
        "additionalProperties": not queryables,
    }
    return body if queryables else {**body, "required": ["key"]}


def _property(field: Field, lang: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"title": field.title.in_language(lang), **TYPES[field.kind]}
    if field.name in ROLES:
        entry["x-ogc-role"] = ROLES[field.name]
    if field.domain:
        entry["enum"] = list(field.domain)
    if field.unit:
        entry |= {"x-unit": field.unit, "x-ogc-unit": UCUM.get(field.unit, field.unit)}
    for name in ("minimum", "maximum"):
        if getattr(field, name) is not None:
            entry[name] = getattr(field, name)
    if field.default is not None:
        entry["default"] = field.default
    return entry
