"""What a collection says of itself: title, extent, where its data come from, the schema of its features. Values only."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np

from twin.api.encoded import bounds_of
from twin.api.wire import quality_to_json, time_text
from twin.coverage.result import LABELS
from twin.layers import Field, LayerType
from twin.layers.quality import quality_in
from twin.model import LayerTable, Snapshot, Source

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
CONFORMANCE = [
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/collections",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/mvt",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/geojson",
]
GEOMETRY = {
    "point": "https://geojson.org/schema/Point.json",
    "line": "https://geojson.org/schema/Geometry.json",
    "polygon": "https://geojson.org/schema/Geometry.json",
}
TYPES: dict[str, dict[str, Any]] = {
    "text": {"type": ["string", "null"]},
    "int": {"type": ["integer", "null"]},
    "float": {"type": ["number", "null"]},
    "bool": {"type": ["boolean", "null"]},
    "enum": {"type": ["string", "null"]},
    "time": {"type": ["string", "null"], "format": "date-time"},
}


def sources_of(table: LayerTable, snapshot: Snapshot) -> list[Source]:
    """The sources that a layer's features name."""
    used = sorted({str(name) for name in table.frame["source"].dropna().unique()})
    return [snapshot.sources[name] for name in used if name in snapshot.sources]


def describe(layer: LayerType, snapshot: Snapshot, updated: datetime | None, lang: str) -> dict[str, Any]:
    """A collection without its links."""
    table = snapshot.layers[layer.name]
    sources = sources_of(table, snapshot)
    said = {name: any(getattr(s, name) for s in sources) for name in ("synthetic", "schematic", "derived")}
    frames, quality = sorted({s.frame for s in sources}), quality_in(snapshot, layer.name)
    body: dict[str, Any] = {
        "id": layer.name,
        "title": layer.title.in_language(lang),
        "titles": {"zh": layer.title.zh, "en": layer.title.en},
        "itemType": "feature",
        "geometry": layer.geometry,
        "crs": [CRS84],
        "storageCrs": CRS84,
        "n_features": len(table),
        **said,
        "labels": [{"id": n, "zh": LABELS[n].zh, "en": LABELS[n].en} for n, on in said.items() if on],
        "frame": ", ".join(frames) or None,
        "sources": [{"id": s.id, "title": s.title, "frame": s.frame, "licence": s.licence} for s in sources],
        "quality": None if quality is None else quality_to_json(quality),
        "updated": time_text(updated) if updated else None,
        "snapshot": snapshot.id,
    }
    box = extent(table)
    return {**body, "extent": {"spatial": {"bbox": [box], "crs": CRS84}}} if box else body


def extent(table: LayerTable) -> list[float] | None:
    """West, south, east, north of all features; None if none has a place."""
    bounds = bounds_of(table.lnglat if table.geometry is None else table.geometry)
    located = bounds[~np.isnan(bounds[:, 0])]
    return [*located[:, :2].min(axis=0).tolist(), *located[:, 2:].max(axis=0).tolist()] if len(located) else None


def schema(layer: LayerType, address: str, lang: str, *, queryables: bool = False) -> dict[str, Any]:
    """JSON Schema of a layer's properties. ``x-unit`` is the unit of a number."""
    properties: dict[str, Any] = {f.name: _property(f, lang) for f in layer.all_fields()}
    properties["key"] |= {"type": "string", "x-ogc-role": "id"}
    titles = {
        "source": ("来源", "Source"),
        "version": ("版本", "Version"),
        "cell": ("H3 单元（12 级）", "H3 cell (resolution 12)"),
    }
    for name, (zh, en) in titles.items():
        kind = {"type": "integer"} if name == "version" else {"type": ["string", "null"]}
        properties[name] = {"title": zh if lang == "zh" else en, **kind}
    properties["geometry"] = {"$ref": GEOMETRY[layer.geometry], "x-ogc-role": "primary-geometry"}
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
    if field.domain:
        entry["enum"] = [*field.domain, None]
    if field.unit:
        entry["x-unit"] = field.unit
    for name in ("minimum", "maximum"):
        if getattr(field, name) is not None:
            entry[name] = getattr(field, name)
    if field.default is not None:
        entry["default"] = field.default
    return entry
