"""The rules: every clause's result, its areas, gaps and hexes, and why a point is (not) served."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import shapely
from fastapi import APIRouter, Depends, Query, Request, Response

from twin.api.asked import AreaCode, Asked, Question, Scenario, judge
from twin.api.encoded import Bbox
from twin.api.html import AS_DOCUMENT, html_coverage, html_result, wants_html
from twin.api.language import Language
from twin.api.negotiated import negotiated
from twin.api.params import Box, Times
from twin.api.replies import GEOJSON, JSON, Packed, dumps, json_reply, packed_reply, reply
from twin.api.told import told, told_rows
from twin.api.wire import (
    area_row_to_json,
    cells_to_arrow,
    cells_to_features,
    cells_to_json,
    explanation_to_json,
    gaps_to_json,
    numbered,
    provenance,
    provenance_of_snapshot,
    readings_to_json,
    result_to_json,
    unready_to_json,
)
from twin.api.world import Served, View, When
from twin.coverage.result import CellTable, Evaluation, Gap, Result
from twin.engine import POSITION_ERROR_M
from twin.errors import Forbidden, RuleUnready
from twin.model import Snapshot
from twin.plan import Clause
from twin.seen import PUBLIC_LEVELS

router = APIRouter(tags=["coverage"])
MAX_NEAREST = 50
LARGEST_KEPT = 1 << 20
"""Bytes of a packed answer that is kept."""
ARROW = "application/vnd.apache.arrow.stream"
CellForm = Literal["json", "geojson", "arrow"]
CELL_MEDIA: dict[CellForm, str] = {"json": JSON, "geojson": GEOJSON, "arrow": ARROW}
CellFormat = Annotated[
    CellForm | None,
    Query(
        description="json has columns; arrow is a stream of the same columns; default: by the Accept header, json if it names none"
    ),
]
Level = Literal["city", "district", "town", "grid", "zone", "aoi"]


@dataclass(frozen=True)
class Which:
    """Which gaps are wanted."""

    bbox: Bbox | None
    min_area_km2: float
    limit: int

    def of(self, ranked: Sequence[tuple[int, Gap]]) -> list[tuple[int, Gap]]:
        """Those large enough that meet the box."""
        chosen = [(rank, gap) for rank, gap in ranked if gap.area_km2 >= self.min_area_km2]
        if self.bbox is None:
            return chosen
        box = shapely.box(*self.bbox)
        return [(rank, gap) for rank, gap in chosen if gap.geometry.intersects(box)]


async def _which(
    bbox: Box,
    min_area_km2: Annotated[float, Query(ge=0, allow_inf_nan=False)] = 0.0,
    limit: Annotated[int, Query(ge=1, description="how many, the largest first")] = 10_000,
) -> Which:
    return Which(bbox, min_area_km2, limit)


WhichGaps = Annotated[Which, Depends(_which)]


@router.get("/coverage", dependencies=[Scenario, *AS_DOCUMENT])
def all_results(request: Request, world: Served, when: Times, area: AreaCode = None) -> Response:
    """Every clause with its result; one that cannot be judged says why."""
    snapshot = world.judged(when)
    if area is not None:
        world.twin.area(snapshot, area)

    def body() -> dict[str, Any]:
        results = [_result(world, Question(c.id, area, when, {}), c, snapshot) for c in world.twin.plan.clauses]
        return {**provenance_of_snapshot(snapshot), "results": results}

    return html_coverage(request, body()) if wants_html(request) else _kept(request, world, when, body)


def _kept(
    request: Request, world: View, when: When, make: Callable[[], dict[str, Any]], media_type: str = JSON
) -> Response:
    """An answer that depends on nothing but the address and what holds: packed once. Ask first whether the caller may have it."""
    snapshot = world.judged(when)
    key = (snapshot.id, snapshot.as_of, snapshot.known_at, request.url.path, request.url.query)
    packed = world.answers.get(key, lambda: Packed(dumps(make())))
    if len(packed.gzipped) > LARGEST_KEPT:
        world.answers.take(key)
    answer = packed_reply(request, packed, media_type)
    answer.headers["vary"] = "Accept, Accept-Encoding, Accept-Language"
    return answer


def _result(world: View, question: Question, clause: Clause, snapshot: Snapshot) -> dict[str, Any]:
    documents = world.twin.plan.documents
    try:
        evaluation = judge(world, question, detail=False)
        return told(world, question, evaluation, lambda e: result_to_json(e.result, documents))
    except (RuleUnready, Forbidden) as reason:
        code = question.area or clause.scope
        unready = unready_to_json(clause, snapshot, snapshot.areas.get(code), reason.words, documents)
        return unready | {"withheld": isinstance(reason, Forbidden)}


@router.get("/coverage/{rule}", dependencies=AS_DOCUMENT)
def one_result(request: Request, world: Served, asked: Asked) -> Response:
    """One clause's result. The rule's own parameters may be given as query parameters."""
    evaluation = asked.evaluate(world, detail=False)

    def body() -> dict[str, Any]:
        documents = world.twin.plan.documents
        return told(world, asked, evaluation, lambda e: result_to_json(e.result, documents))

    if wants_html(request):
        return html_result(request, body(), _rows(world, asked, evaluation, "town"))
    return _kept(request, world, asked.when, body)


def _rows(world: View, asked: Question, evaluation: Evaluation, level: Level) -> list[dict[str, Any]]:
    return told_rows(world, asked, evaluation, lambda e: list(map(area_row_to_json, e.area_rows(level))))


@router.get("/coverage/{rule}/areas")
def areas(request: Request, world: Served, asked: Asked, level: Level = "town") -> Response:
    """One row an area of a level."""
    evaluation = asked.evaluate(world, detail=level not in PUBLIC_LEVELS)

    def body() -> dict[str, Any]:
        result, rows = evaluation.result, _rows(world, asked, evaluation, level)
        return {**provenance(result), "level": level, "denominator": result.denominator, "rows": rows}

    return _kept(request, world, asked.when, body)


@router.get("/coverage/{rule}/gaps")
def gaps(
    request: Request,
    world: Served,
    asked: Asked,
    which: WhichGaps,
) -> Response:
    """Where the rule is not met, as exact polygons, the largest first."""
    evaluation = asked.evaluate(world)

    def body() -> dict[str, Any]:
        ranked = numbered(asked.gaps(world))
        return gaps_to_json(evaluation.result, ranked, which.of(ranked), which.limit)

    return _kept(request, world, asked.when, body, GEOJSON)


@router.get("/coverage/{rule}/cells")
def cells(
    request: Request,
    world: Served,
    asked: Asked,
    resolution: Annotated[int, Query(description="H3, 5 to 12", json_schema_extra={"minimum": 5, "maximum": 12})] = 9,
    f: CellFormat = None,
) -> Response:
    """Hexes with value, share and status."""
    table = asked.cells(world, resolution)
    return cells_reply(request, asked.evaluate(world).result, table, f)


def cells_reply(
    request: Request, result: Result, table: CellTable, f: CellForm | None, scenario: str | None = None
) -> Response:
    """Hexes in the form that is asked for."""
    form = negotiated(request, f, CELL_MEDIA)
    said = provenance(result, scenario)
    said |= {"result_status": said.pop("status"), "share_of": "area"}
    if form == "arrow":
        return reply(request, cells_to_arrow(table, said), ARROW)
    if form == "json":
        return json_reply(request, {**said, **cells_to_json(table)})
    body = {"type": "FeatureCollection", **said, "resolution": table.resolution, "features": cells_to_features(table)}
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
    asked.evaluate(world)

    def body() -> dict[str, Any]:
        declared, found = world.twin.readings(
            asked.rule, area=asked.area, parameters=asked.settings, snapshot=world.reached(asked.when),
            position_error_m=position_error_m,
        )  # fmt: skip
        return {**result_to_json(declared.result, world.twin.plan.documents), **readings_to_json(found)}

    return _kept(request, world, asked.when, body)


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
    explained = explanation_to_json(evaluation.explain(lng, lat, nearest), world.judged(asked.when).areas, lang)
    result = evaluation.result
    if "coarse" in result.labels:
        explained["nearest"] = [{**near, "bearing_deg": None} for near in explained["nearest"]]
    words = {"title": result.clause.title, "title_en": result.clause.title_en, "quote": result.clause.quote,
             "quote_en": result.clause.quote_en, "target": result.clause.value, "unit": result.clause.unit}  # fmt: skip
    return json_reply(request, {"lng": lng, "lat": lat, **explained, **words, **provenance(result)})
