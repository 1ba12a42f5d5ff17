"""The rules: every clause's result, its areas, gaps and hexes, and why a point is (not) served."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import shapely
from fastapi import APIRouter, Query, Request, Response

from twin.api.asked import AreaCode, Asked, Question, Scenario, judge
from twin.api.language import Language
from twin.api.params import Box, Times
from twin.api.replies import GEOJSON, json_reply
from twin.api.wire import (
    area_row_to_json,
    cells_to_features,
    cells_to_json,
    explanation_to_json,
    gap_to_feature,
    numbered,
    provenance,
    provenance_of_snapshot,
    readings_to_json,
    result_to_json,
    unready_to_json,
)
from twin.api.world import Served, World
from twin.engine import POSITION_ERROR_M
from twin.errors import RuleUnready
from twin.model import Snapshot
from twin.plan import Clause

router = APIRouter(tags=["coverage"])
MAX_NEAREST = 50
Level = Literal["city", "district", "town", "grid", "zone", "aoi"]


@router.get("/coverage", dependencies=[Scenario])
def all_results(request: Request, world: Served, when: Times, area: AreaCode = None) -> Response:
    """Every clause with its result; one that cannot be judged says why."""
    snapshot = world.snapshot(when)
    if area is not None:
        world.twin.area(snapshot, area)
    results = [_result(world, Question(c.id, area, when, {}), c, snapshot) for c in world.twin.plan.clauses]
    return json_reply(request, {**provenance_of_snapshot(snapshot), "results": results})


def _result(world: World, question: Question, clause: Clause, snapshot: Snapshot) -> dict[str, Any]:
    documents = world.twin.plan.documents
    try:
        return result_to_json(judge(world, question, snapshot).result, documents)
    except RuleUnready as reason:
        code = question.area or clause.scope
        return unready_to_json(clause, snapshot, snapshot.areas.get(code), reason.words, documents)


@router.get("/coverage/{rule}")
def one_result(request: Request, world: Served, asked: Asked) -> Response:
    """One clause's result. The rule's own parameters may be given as query parameters."""
    return json_reply(request, result_to_json(asked.evaluate(world).result, world.twin.plan.documents))


@router.get("/coverage/{rule}/areas")
def areas(request: Request, world: Served, asked: Asked, level: Level = "town") -> Response:
    """One row an area of a level."""
    evaluation = asked.evaluate(world)
    rows = [area_row_to_json(row) for row in evaluation.area_rows(level)]
    return json_reply(
        request,
        {**provenance(evaluation.result), "level": level, "denominator": evaluation.result.denominator, "rows": rows},
    )


@router.get("/coverage/{rule}/gaps")
def gaps(
    request: Request,
    world: Served,
    asked: Asked,
    bbox: Box,
    min_area_km2: Annotated[float, Query(ge=0, allow_inf_nan=False)] = 0.0,
    limit: Annotated[int, Query(ge=1, description="how many, the largest first")] = 10_000,
) -> Response:
    """Where the rule is not met, as exact polygons, the largest first."""
    ranked = numbered(asked.gaps(world))
    result = asked.evaluate(world).result
    chosen = [(rank, gap) for rank, gap in ranked if gap.area_km2 >= min_area_km2]
    if bbox is not None:
        box = shapely.box(*bbox)
        chosen = [(rank, gap) for rank, gap in chosen if gap.geometry.intersects(box)]
    features = [gap_to_feature(gap, rank) for rank, gap in chosen[:limit]]
    body = {
        "type": "FeatureCollection",
        **provenance(result),
        "open_km2": sum(gap.area_km2 for _, gap in ranked),
        "n_gaps": len(ranked),
        "demand_of": "population",
        "numberMatched": len(chosen),
        "numberReturned": len(features),
        "features": features,
    }
    return json_reply(request, body, GEOJSON)


@router.get("/coverage/{rule}/cells")
def cells(
    request: Request,
    world: Served,
    asked: Asked,
    resolution: Annotated[int, Query(description="H3, 5 to 12", json_schema_extra={"minimum": 5, "maximum": 12})] = 9,
    f: Annotated[Literal["json", "geojson"], Query(description="json has columns")] = "json",
) -> Response:
    """Hexes with value, share and status."""
    table = asked.cells(world, resolution)
    said = provenance(asked.evaluate(world).result)
    said |= {"result_status": said.pop("status"), "share_of": "area"}
    if f == "json":
        return json_reply(request, {**said, **cells_to_json(table)})
    body = {"type": "FeatureCollection", **said, "resolution": resolution, "features": cells_to_features(table)}
    return json_reply(request, body, GEOJSON)


@router.get("/coverage/{rule}/readings")
def readings(
    request: Request,
    world: Served,
    asked: Asked,
    position_error_m: Annotated[
        float, Query(ge=0, allow_inf_nan=False, description="how far an asset may lie from its recorded place")
    ] = POSITION_ERROR_M,
) -> Response:
    """The clause under all its readings in one call, with the spread and whether the verdict depends on the reading."""
    declared, found = world.twin.readings(
        asked.rule, area=asked.area, parameters=asked.settings, snapshot=world.snapshot(asked.when),
        position_error_m=position_error_m,
    )  # fmt: skip
    body = {**result_to_json(declared.result, world.twin.plan.documents), **readings_to_json(found)}
    return json_reply(request, body)


@router.get("/coverage/{rule}/at")
def at(
    request: Request,
    world: Served,
    asked: Asked,
    lang: Language,
    lng: Annotated[float, Query(ge=-180, le=180, allow_inf_nan=False, description="degrees, WGS-84")],
    lat: Annotated[float, Query(ge=-90, le=90, allow_inf_nan=False, description="degrees, WGS-84")],
    nearest: Annotated[
        int, Query(ge=1, le=MAX_NEAREST, description="how many assets; those that decide are among them, however far")
    ] = 3,
) -> Response:
    """Why a point is (not) served: the zone, the limit, the nearest assets and whether they count."""
    evaluation = asked.evaluate(world)
    explained = explanation_to_json(evaluation.explain(lng, lat, nearest), world.snapshot(asked.when).areas, lang)
    result = evaluation.result
    words = {"title": result.clause.title, "title_en": result.clause.title_en, "quote": result.clause.quote,
             "quote_en": result.clause.quote_en, "target": result.clause.value, "unit": result.clause.unit}  # fmt: skip
    return json_reply(request, {"lng": lng, "lat": lat, **explained, **words, **provenance(result)})
