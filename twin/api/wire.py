"""Results as JSON values: the names that CONTRACT fixes, for HTTP and the command line alike. Knows no HTTP."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from twin import __version__
from twin.api.encoded import geometry_json
from twin.cells import cell_polygons, cells_to_text
from twin.coverage import RULES
from twin.coverage.readings import Readings
from twin.coverage.result import AreaRow, CellTable, Explanation, Gap, Nearby, Result
from twin.errors import Words
from twin.layers.quality import Quality
from twin.model import Area, Snapshot
from twin.plan import STRENGTH_WORDS, Clause, Document

FRAME = "EPSG:4326 (WGS-84, longitude first; distances and areas geodesic)"
BASELINE = "baseline"
MOST_REMEDIES = 20
"""Keys of unlinked assets that a gap names; all are counted."""
DRAWN = "drawn"
"""The ``area`` of a result on a polygon of the caller's."""
ZONE_WORDS = {"elsewhere": Words("其他区域", "elsewhere"), "all": Words("全域", "everywhere")}
ROBUST = {
    True: Words("各种口径结论一致", "robust: all readings agree"),
    False: Words("结论取决于口径", "depends on the reading"),
    None: Words("无法判定", "cannot be decided"),
}
Documents = Mapping[str, Document]
Json = dict[str, Any]


def plain(value: Any) -> Any:
    """A value as JSON has it: dataclasses are objects, NumPy scalars numbers, NaN and infinities null, times UTC text."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value + 0.0 if math.isfinite(value) else None  # -0.0 reads 0.0
    if isinstance(value, datetime):
        return time_text(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        return [plain(v) for v in value]
    return value


def time_text(moment: datetime) -> str:
    """``2024-05-01T00:00:00Z``, in UTC, without fractions."""
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def words_to_json(words: Words) -> Json:
    return {"zh": words.zh, "en": words.en}


def clause_to_json(clause: Clause, documents: Documents | None = None) -> Json:
    """A clause with how to cite it."""
    document = (documents or {}).get(clause.document)
    cited = {"id": clause.document, **(plain(document) if document else {})}
    own = {name: plain(getattr(clause, name)) for name in (
        "id", "title", "title_en", "quote", "quote_en", "scope", "period", "operator", "value", "unit", "spatial_unit",
        "strength", "rule", "parameters", "ours", "declared", "baseline",
    )}  # fmt: skip
    return {**own, "document": cited, "strength_words": words_to_json(STRENGTH_WORDS[clause.strength])}


def result_to_json(result: Result, documents: Documents | None = None, scenario: str | None = None) -> Json:
    """One result with everything an auditor asks for."""
    clause = result.clause
    return {
        **_stated(clause),
        **provenance(result, scenario),
        "clause": clause_to_json(clause, documents),
        "binding": result.binding,
        "value": plain(result.value),
        "met": plain(result.met),
        "share": plain(result.share),
        "denominator": result.denominator,
        "area_km2": plain(result.area_km2),
        "area_with_data_km2": plain(result.area_with_data_km2),
        "area_km2_published": plain(result.area.area_km2_published),
        "nominal": plain(result.nominal),
        "effective": plain(result.effective),
        "effective_high": plain(result.effective_high),
        "n_unknown": plain(result.n_unknown),
        "by_state": plain(result.by_state),
        "facts": plain(result.facts),
        "layers": list(RULES[clause.rule].layers_of(plain(result.parameters))),
        "missing_layers": list(result.missing_layers),
        "reason": None,
    }


def unready_to_json(clause: Clause, snapshot: Snapshot, area: Area | None, reason: Words, documents: Documents) -> Json:
    """A clause that cannot be judged now, in a result's shape: no data, and why."""
    empty = dict.fromkeys(
        (
            "value",
            "met",
            "share",
            "denominator",
            "area_km2",
            "area_with_data_km2",
            "nominal",
            "effective",
            "effective_high",
            "n_unknown",
        )
    )
    return {
        **_stated(clause),
        "area": area.code if area else clause.scope,
        "area_name": area.name if area else None,
        "area_name_en": area.name_en if area else None,
        "area_km2_published": area.area_km2_published if area else None,
        **empty,
        **_times(snapshot.as_of, snapshot.known_at, snapshot.id, BASELINE),
        "clause": clause_to_json(clause, documents),
        "binding": area is not None and area.code == clause.scope,
        "status": "no-data",
        "parameters": plain(clause.parameters),
        "layers": list(RULES[clause.rule].layers_of(clause.parameters)),
        "labels": [], "synthetic": False, "schematic": False, "by_state": {}, "facts": {}, "missing_layers": [],
        "reason": words_to_json(reason),
    }  # fmt: skip


def _stated(clause: Clause) -> Json:
    """What the plan says, beside the figures."""
    return {
        "title": clause.title,
        "title_en": clause.title_en,
        "strength": clause.strength,
        "strength_words": words_to_json(STRENGTH_WORDS[clause.strength]),
        "operator": clause.operator,
        "target": plain(clause.value),
        "unit": clause.unit,
        "spatial_unit": clause.spatial_unit,
        "rule": clause.id,
        "kind": RULES[clause.rule].kind,
    }


def provenance(result: Result, scenario: str | None = None) -> Json:
    """What must stand beside any figure: rule, clause, area, times, data version, labels."""
    return {
        "rule": result.clause.id,
        "clause": result.clause.id,
        "status": result.status,
        "area": result.area.code or DRAWN,
        "area_name": result.area.name,
        "area_name_en": result.area.name_en,
        **_times(result.as_of, result.known_at, result.snapshot, scenario or BASELINE),
        "parameters": plain(result.parameters),
        "labels": [{"id": name, **words_to_json(result.words_of(name))} for name in result.labels],
        "synthetic": "synthetic" in result.labels,
        "schematic": "schematic" in result.labels,
    }


def provenance_of_snapshot(snapshot: Snapshot) -> Json:
    """Which data an answer without a rule is about."""
    return _times(snapshot.as_of, snapshot.known_at, snapshot.id, BASELINE)


def _times(as_of: datetime, known_at: datetime, snapshot: str, scenario: str) -> Json:
    return {
        "scenario": scenario, "as_of": time_text(as_of), "known_at": time_text(known_at), "frame": FRAME,
        "snapshot": snapshot, "version": __version__,
    }  # fmt: skip


def quality_to_json(quality: Quality) -> Json:
    """A layer's quality with its parts; shares 0 to 1, null where there is nothing to judge."""
    return {
        "score": quality.score,
        "failing": quality.failing,
        "n": quality.n,
        "components": [
            {
                "id": c.id, **words_to_json(c.title), "rule": words_to_json(c.rule), "n": c.n, "of": c.of, "share": c.share,
                "threshold": c.threshold, "passed": c.passed, "lacks": dict(c.lacks),
            }
            for c in quality.components
        ],
    }  # fmt: skip


def readings_to_json(readings: Readings) -> Json:
    """The clause under all its readings, the spread, and whether the verdict depends on the reading."""
    rows = [{f.name: plain(getattr(row, f.name)) for f in fields(row)} for row in readings.rows]
    low, high = readings.low, readings.high
    words = ROBUST[readings.robust]
    return {
        "alternatives": plain(readings.alternatives),
        "readings": rows,
        "low": plain(low),
        "high": plain(high),
        "spread": None if low is None or high is None else plain(high - low),
        "robust": readings.robust,
        "robust_words": words_to_json(words),
        "decided_by": list(readings.decided_by),
        "position_error_m": readings.position_error_m,
        "interval": plain(readings.interval),
    }


def area_row_to_json(row: AreaRow) -> Json:
    return {f.name: plain(getattr(row, f.name)) for f in fields(row)}


def gap_to_json(gap: Gap, rank: int) -> Json:
    """A gap's figures, without its polygon. ``rank`` 1 is the largest."""
    figures = {f.name: plain(getattr(gap, f.name)) for f in fields(gap) if f.name not in ("geometry", "areas")}
    areas = [{"code": code, "name": name, "area_km2": plain(km2)} for code, name, km2 in gap.areas]
    nearest = {"remedies": figures.pop("remedies")[:MOST_REMEDIES], "n_remedies": len(gap.remedies)}
    return {"rank": rank, **figures, **nearest, "areas": areas}


def gap_to_feature(gap: Gap, rank: int) -> Json:
    """A gap as a GeoJSON feature."""
    shape = geometry_json(np.array([gap.geometry], object))[0]
    return _feature(gap.id, orjson.loads(shape), gap_to_json(gap, rank))


def gaps_to_json(
    result: Result,
    ranked: Sequence[tuple[int, Gap]],
    chosen: Sequence[tuple[int, Gap]],
    limit: int,
    scenario: str | None = None,
) -> Json:
    """The chosen of a result's gaps as a FeatureCollection, the largest first."""
    features = [gap_to_feature(gap, rank) for rank, gap in chosen[:limit]]
    return {
        "type": "FeatureCollection",
        **provenance(result, scenario),
        "open_km2": sum(gap.area_km2 for _, gap in ranked),
        "n_gaps": len(ranked),
        "demand_of": "population",
        "numberMatched": len(chosen),
        "numberReturned": len(features),
        "features": features,
    }


def cells_to_json(table: CellTable) -> Json:
    return {"resolution": table.resolution, **_note(table), **cell_columns(table)}


def cell_columns(table: CellTable) -> dict[str, list[Any]]:
    """``cell, value, share, status, area_km2, n``: one list each, null where there is no figure; of a density also
    ``window_km2``, ``low`` and ``high``, of a service ``nearest_m``, where it has them."""
    own = {name: getattr(table, name) for name in ("window_km2", "low", "high", "nearest_m")}
    n = [None] * len(table.cells) if table.n is None else table.n.tolist()
    return {
        "cells": cells_to_text(table.cells.tolist()),
        "value": _numbers(table.value),
        "share": _numbers(table.share),
        "status": table.status.tolist(),
        "area_km2": _numbers(table.area_km2),
        "n": n,
        **{name: _numbers(values) for name, values in own.items() if values is not None},
    }


def cells_to_features(table: CellTable) -> list[Json]:
    """Hexes as GeoJSON features with their whole outline, for ``orjson.dumps``: the geometry is a fragment of it."""
    columns = cell_columns(table)
    names = ("cell", *list(columns)[1:])
    shapes = geometry_json(cell_polygons(table.cells))
    rows = zip(*columns.values(), strict=True)
    return [
        _feature(row[0], orjson.Fragment(shape), dict(zip(names, row, strict=True)))
        for shape, row in zip(shapes, rows, strict=True)
    ]


def cells_to_arrow(table: CellTable, said: Mapping[str, Any]) -> bytes:
    """Hexes as an Arrow IPC stream: ``cell`` uint64 (as h3, DuckDB and deck.gl's Python layers take it), then the columns of
    ``cell_columns``, ``status`` as a dictionary. What is ``said`` of the result stands as JSON under ``twin`` in the metadata."""
    import pyarrow as pa

    columns = cell_columns(table)
    arrays = {
        "cell": pa.array(table.cells, pa.uint64()),
        **{name: pa.array(columns[name], pa.float64()) for name in columns if name not in ("cells", "status", "n")},
        "status": pa.array(columns["status"], pa.string()).dictionary_encode(),
        "n": pa.array(columns["n"], pa.int64()),
    }
    names = ("rule", "snapshot", "area", "as_of")
    own = {"resolution": str(table.resolution), **{name: str(said[name]) for name in names}}
    whole = {**said, "resolution": table.resolution, **_note(table)}
    made = pa.table(arrays).replace_schema_metadata({**own, "twin": orjson.dumps(whole)})
    out = pa.BufferOutputStream()
    with pa.ipc.new_stream(out, made.schema) as stream:
        stream.write_table(made)
    return bytes(out.getvalue())


def _note(table: CellTable) -> Json:
    return {} if table.note is None else {"note": words_to_json(table.note)}


def _feature(key: str, geometry: Any, properties: Json) -> Json:
    return {"type": "Feature", "id": key, "geometry": geometry, "properties": properties}


def _numbers(values: NDArray[np.float64]) -> list[float | None]:
    good = np.isfinite(values)
    return [v if ok else None for v, ok in zip(values.tolist(), good.tolist(), strict=True)]


def explanation_to_json(explanation: Explanation, areas: Mapping[str, Area], lang: str) -> Json:
    """Why a point is (not) served, with the zone's name and reasons in one language."""
    return {
        "served": plain(explanation.served),
        "inside": explanation.inside,
        "zone": explanation.zone,
        "zone_name": zone_name(explanation.zone, areas, lang),
        "limit_m": plain(explanation.limit_m),
        "nearest": [_nearby_to_json(near, lang) for near in explanation.nearest],
        "value": plain(explanation.value),
        "n": plain(explanation.n),
        "window_km2": plain(explanation.window_km2),
        "zone_reason": explanation.zone_reason.in_language(lang) if explanation.zone_reason else None,
    }


def zone_name(zone: str | None, areas: Mapping[str, Area], lang: str) -> str | None:
    """What a zone is called."""
    if zone is not None and zone in areas:
        area = areas[zone]
        return area.name if lang == "zh" else area.name_en or area.name
    return ZONE_WORDS[zone].in_language(lang) if zone in ZONE_WORDS else zone


def _nearby_to_json(near: Nearby, lang: str) -> Json:
    lng, lat = near.lnglat
    along = {"lifecycle": near.lifecycle or None, "network_m": near.network_m, "detour": near.detour}
    return {
        "key": near.key, "name": near.name, "lng": lng, "lat": lat, "distance_m": plain(near.distance_m),
        "bearing_deg": plain(near.bearing_deg), "counts": near.counts, "reason": near.reason.in_language(lang),
        **{name: plain(value) for name, value in along.items() if value is not None},
    }  # fmt: skip


def numbered(gaps: Sequence[Gap]) -> list[tuple[int, Gap]]:
    """Gaps with their rank by area, from 1."""
    return list(enumerate(sorted(gaps, key=lambda g: (-g.area_km2, g.id)), 1))
