"""A rule under other parameters, over a drawn polygon, or after changes that are tried without saving."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import orjson
import shapely
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from shapely.geometry.base import BaseGeometry

from twin.api.asked import Question, check_n_cells, check_scenario, judge
from twin.api.coverage import CellFormat, WhichGaps, cells_reply
from twin.api.params import bad, moment
from twin.api.replies import GEOJSON, json_reply
from twin.api.values import Scalar, Setting, Text
from twin.api.wire import cells_to_json, gap_to_feature, gap_to_json, gaps_to_json, numbered, plain, result_to_json
from twin.api.world import Served, View, When
from twin.cells import MAX_RESOLUTION, MIN_RESOLUTION
from twin.coverage.changes import MAX_CHANGES, changes_from_mappings
from twin.coverage.result import Evaluation, Result
from twin.coverage.scope import scope_of_polygon
from twin.errors import BadParameter
from twin.model import Change

router = APIRouter(tags=["coverage"])
WHAT_IF = "what-if"
MAX_DEVICES = 100_000
MAX_POLYGON_KM2, MAX_VERTICES = 20_000.0, 20_000
DEFAULT_RESOLUTION = 9
N_GAPS = 10
"""Gaps listed in an answer to changes."""


class TriedChange(BaseModel):
    """One change: ``after`` has the feature's properties with ``lng`` and ``lat``; ``before`` is the caller's own note."""

    model_config = ConfigDict(extra="forbid")

    op: Literal["add", "change", "remove"]
    layer: Text
    key: Text | None = None
    before: dict[str, Any] | None = None
    after: dict[Text, Scalar] | None = None


class Trial(BaseModel):
    """What to judge and what to try."""

    model_config = ConfigDict(extra="forbid")

    parameters: dict[Text, Setting] = Field(default_factory=dict, description="of the rule")
    area: Annotated[Text, Field(min_length=1)] | None = Field(
        None, description="an area's code; default: the clause's own"
    )
    polygon: dict[str, Any] | None = Field(None, description="a GeoJSON Polygon or MultiPolygon, instead of an area")
    as_of: Text | None = None
    known_at: Text | None = None
    scenario: Text | None = None
    changes: list[TriedChange] = Field(default_factory=list, max_length=MAX_CHANGES)
    resolution: Annotated[int, Field(ge=MIN_RESOLUTION, le=MAX_RESOLUTION)] | None = Field(
        None,
        description="of hexes (default 9); of a result: answer also the gaps' outlines and the hexes that the changes alter",
    )


@router.post("/coverage/{rule}")
def try_out(request: Request, world: Served, rule: str, trial: Trial) -> Response:
    """The rule as asked; with changes also what it was before, the difference and the gaps that remain."""
    question, polygon = asked_in(world, rule, trial), polygon_of(trial)
    before = judge(world, question, polygon)
    documents = world.twin.plan.documents
    if not trial.changes:
        return json_reply(request, result_to_json(before.result, documents))
    after = judge(world, question, polygon, changes_of(trial))
    body = {**result_to_json(after.result, documents, WHAT_IF), **compare(before, after)}
    if trial.resolution is not None:
        body |= {"gap_features": _outlines(after), "changed_cells": _altered(before, after, trial.resolution)}
    return json_reply(request, body)


@router.post("/coverage/{rule}/gaps")
def gaps_tried(request: Request, world: Served, rule: str, trial: Trial, which: WhichGaps) -> Response:
    """Where the rule is not met in a drawn polygon, under other parameters or after changes: as the GET one answers."""
    evaluation = judged(world, rule, trial)
    ranked = numbered(evaluation.gaps())
    scenario = WHAT_IF if trial.changes else None
    return json_reply(
        request, gaps_to_json(evaluation.result, ranked, which.of(ranked), which.limit, scenario), GEOJSON
    )


@router.post("/coverage/{rule}/cells")
def cells_tried(request: Request, world: Served, rule: str, trial: Trial, f: CellFormat = None) -> Response:
    """Hexes of a drawn polygon, under other parameters or after changes: as the GET one answers."""
    evaluation, resolution = judged(world, rule, trial), trial.resolution or DEFAULT_RESOLUTION
    check_n_cells(evaluation, resolution)
    table = evaluation.cells_in_detail(resolution)
    return cells_reply(request, evaluation.result, table, f, WHAT_IF if trial.changes else None)


def judged(world: View, rule: str, trial: Trial) -> Evaluation:
    """The rule as a trial asks for it, after its changes if it has any."""
    return judge(world, asked_in(world, rule, trial), polygon_of(trial), changes_of(trial))


def asked_in(world: View, rule: str, trial: Trial) -> Question:
    """The question that a trial is about.

    Raises:
        NotFound: there is no such rule or scenario.
        BadParameter: a time is none.
    """
    world.twin.plan.clause(rule)
    check_scenario(trial.scenario)
    when = When(moment(trial.as_of, "as_of", "body"), moment(trial.known_at, "known_at", "body"))
    return Question(rule, trial.area, when, trial.parameters)


def _outlines(evaluation: Evaluation) -> dict[str, Any]:
    features = [gap_to_feature(gap, rank) for rank, gap in numbered(evaluation.gaps())]
    return {"type": "FeatureCollection", "features": features}


def _altered(before: Evaluation, after: Evaluation, resolution: int) -> dict[str, Any]:
    """The hexes whose value or status differs, as they are after the changes."""
    old, new = before.cells(resolution), after.cells(resolution)
    differs = np.ones(len(new.cells), bool)
    if np.array_equal(old.cells, new.cells):
        same = (old.value == new.value) | (np.isnan(old.value) & np.isnan(new.value))
        differs = ~same | (old.status != new.status)
    return cells_to_json(new.only(differs))


def compare(before: Evaluation, after: Evaluation) -> dict[str, Any]:
    """Before and after: shares differ in percentage points, values in the rule's unit."""
    old, new = before.result, after.result
    return {
        "baseline": {**_figures(old), "snapshot": old.snapshot},
        "difference_pp": _minus(new.share, old.share, 100.0),
        "difference": _minus(new.value, old.value, 1.0),
        "gaps": {**_gaps(after), "before": _gaps(before, listed=0)},
    }


def _figures(result: Result) -> dict[str, Any]:
    names = ("value", "share", "met", "status", "nominal", "effective")
    return {name: plain(getattr(result, name)) for name in names}


def _minus(new: float | None, old: float | None, factor: float) -> float | None:
    return None if new is None or old is None else float(plain(factor * (new - old)))


def _gaps(evaluation: Evaluation, listed: int = N_GAPS) -> dict[str, Any]:
    ranked = numbered(evaluation.gaps())
    body: dict[str, Any] = {"n": len(ranked), "open_km2": sum(gap.area_km2 for _, gap in ranked)}
    return {**body, "largest": [gap_to_json(gap, rank) for rank, gap in ranked[:listed]]} if listed else body


def changes_of(trial: Trial) -> list[Change]:
    """The changes, refused if they would add more devices than one trial may.

    Raises:
        BadParameter: too many devices.
    """
    raw = [change.model_dump(exclude_none=True) for change in trial.changes]
    devices = [row.get("after", {}).get("n_devices") for row in raw]
    if sum(abs(n) for n in devices if isinstance(n, int | float)) > MAX_DEVICES:
        zh, en = f"一次最多试 {MAX_DEVICES} 个设备", f"a trial has at most {MAX_DEVICES} devices"
        raise bad("changes", "n_devices", "", zh, en)
    return changes_from_mappings(raw)


def polygon_of(trial: Trial) -> BaseGeometry | None:
    """The drawn polygon.

    Raises:
        BadParameter: it is none, lies off the globe or is too large; or an area is named too.
    """
    if trial.polygon is None:
        return None
    if trial.area is not None:
        raise bad("body", "polygon", "", "area 与 polygon 只能给一个", "give either area or polygon, not both")
    shape = _geometry(trial.polygon)
    west, south, east, north = shape.bounds if not shape.is_empty else (0.0, 0.0, 0.0, 0.0)
    if shape.geom_type not in ("Polygon", "MultiPolygon") or shape.is_empty:
        raise bad("body", "polygon", shape.geom_type, "应为 GeoJSON 多边形", "must be a GeoJSON polygon")
    if west < -180 or east > 180 or south < -90 or north > 90:
        raise bad(
            "body", "polygon", "", "坐标应为经纬度（度，经度在前）", "coordinates must be degrees, longitude first"
        )
    if shapely.get_num_coordinates(shape) > MAX_VERTICES or not 0 < _repaired_km2(shape) <= MAX_POLYGON_KM2:
        zh = f"面积应大于 0、不超过 {MAX_POLYGON_KM2:.0f} km²，顶点不超过 {MAX_VERTICES} 个"
        en = f"needs an area above 0, at most {MAX_POLYGON_KM2:.0f} km² and {MAX_VERTICES} vertices"
        raise bad("body", "polygon", "", zh, en)
    return shape


def _repaired_km2(shape: BaseGeometry) -> float:
    try:
        return scope_of_polygon(shape).area_km2
    except BadParameter as reason:
        raise bad("body", "polygon", "", reason.words.zh, reason.words.en) from None


def _geometry(value: Mapping[str, Any]) -> BaseGeometry:
    try:
        shape: BaseGeometry = shapely.from_geojson(orjson.dumps(value))
        return shapely.force_2d(shape)
    except (shapely.errors.GEOSException, TypeError, ValueError) as reason:
        raise bad("body", "polygon", "", "不是有效的 GeoJSON 几何", "is not a valid GeoJSON geometry") from reason
