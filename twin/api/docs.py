"""The API's description (OpenAPI 3.0.3) and its page: Swagger UI from the installed package fastapi-offline.

FastAPI describes routes in 3.1, with 422s, and every answer as JSON; what is wrong with that is mended here, once.
"""

from __future__ import annotations

from dataclasses import fields
from functools import lru_cache
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse

from twin.api.bulk import MEDIA as BULK_MEDIA
from twin.api.crs import URIS
from twin.api.html import HTML
from twin.api.landing import OPENAPI, STYLE
from twin.api.openapi30 import operations, to_30
from twin.api.own_paths import add_own_paths
from twin.api.problems import MEDIA_TYPE, STATUS
from twin.api.replies import GEOJSON, JSON, MVT, SCHEMA_JSON, Packed, json_reply, packed_reply, reply, url
from twin.coverage import RULES
from twin.errors import NotFound
from twin.layers import LAYERS

router = APIRouter(include_in_schema=False)
PAGE = """<!doctype html>
<html lang="zh"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Hongqiao Twin API</title><link rel="stylesheet" href="docs/swagger-ui.css"><link rel="icon" href="docs/favicon.png"></head>
<body><div id="swagger-ui"></div><script src="docs/swagger-ui-bundle.js"></script><script src="docs/start.js"></script></body></html>
"""
START = b"""window.ui = SwaggerUIBundle({
  url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset],
});
"""
ASSETS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon.png": "image/png",
}
PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457, in Chinese with Accept-Language: zh",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "example": "urn:twin:problem:bad-parameter"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "request_id": {"type": "string", "nullable": True},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("where", "column", "value", "message")},
            },
        },
    },
}
PROBLEM_CONTENT: dict[str, Any] = {
    MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}},
    HTML: {"schema": {"type": "string"}},
}
MEANINGS = {str(status): (kind.__doc__ or kind.__name__).partition("\n")[0] for kind, status in STATUS}
PROBLEMS = {
    status: {"description": meaning, "content": PROBLEM_CONTENT}
    for status, meaning in {**MEANINGS, "default": "a problem"}.items()
}
"""What every operation may answer instead."""
SECURITY: dict[str, dict[str, str]] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "an API key, or a token of the single sign-on (JWT)"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "an API key"},
    "session": {"type": "apiKey", "in": "cookie", "name": "twin_session", "description": "of a browser that signed in"},
}
"""Ways to say who asks. Without any, what the public may see is answered."""
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ARROW = "application/vnd.apache.arrow.stream"
TILES = (MVT, GEOJSON)
MEDIA: dict[tuple[str, str], tuple[str, ...]] = {
    ("get", "/collections/{layer}/items"): (GEOJSON,),
    ("post", "/collections/{layer}/items"): (GEOJSON,),
    ("get", "/collections/{layer}/items/{key}"): (GEOJSON,),
    ("put", "/collections/{layer}/items/{key}"): (GEOJSON,),
    ("patch", "/collections/{layer}/items/{key}"): (GEOJSON,),
    ("get", "/collections/{layer}/queryables"): (SCHEMA_JSON,),
    ("get", "/collections/{layer}/schema"): (SCHEMA_JSON,),
    ("get", "/collections/{layer}/tiles/WebMercatorQuad/{z}/{y}/{x}"): TILES,
    ("get", "/tiles/{layer}/{z}/{x}/{y}.{ending}"): TILES,
    ("get", "/tiles/coverage/{rule}/{z}/{x}/{y}.{ending}"): TILES,
    ("get", "/collections/{layer}/bulk.{ending}"): tuple(BULK_MEDIA.values()),
    ("get", "/coverage/{rule}/gaps"): (GEOJSON,),
    ("post", "/coverage/{rule}/gaps"): (GEOJSON,),
    ("get", "/coverage/{rule}/cells"): (JSON, GEOJSON, ARROW),
    ("post", "/coverage/{rule}/cells"): (JSON, GEOJSON, ARROW),
    ("get", "/imports/{number}/report.xlsx"): (XLSX,),
    ("get", "/styles/{style}"): (STYLE,),
}
"""What operations answer that do not answer plain JSON and do not say so themselves."""
EMPTY_TILE = {"description": "No feature there"}
PART = {"description": "The range of bytes that was asked"}
UNCHANGED = {"description": "What If-None-Match names still holds"}
BBOX: dict[str, Any] = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 6}
NEVER_KEPT = ("/imports", "/session", "/events")
"""Beginnings of paths whose answers have no ETag."""
CRS_PARAMETERS = (("query", "crs"), ("query", "bbox-crs"), ("query", "filter-crs"))
OPERATION_IDS = {"/collections/{layer}/tiles/WebMercatorQuad/{z}/{y}/{x}": ".collection.vector.getTile"}
"""Those that OGC API Tiles prescribes and the route does not give."""
RULE_PARAMETERS: dict[str, Any] = {
    "name": "parameters",
    "in": "query",
    "style": "form",
    "explode": True,
    "description": "the rule's own parameters, each by its name; those of another rule are refused",
    "schema": {
        "type": "object",
        "properties": {f.name: {"type": "string"} for rule in RULES.values() for f in fields(rule.parameters)},
        "additionalProperties": False,
    },
}

QUERYABLES: dict[str, Any] = {
    "name": "queryables",
    "in": "query",
    "style": "form",
    "explode": True,
    "description": "the layer's queryables, each by its name: what is equal to the value",
    "schema": {
        "type": "object",
        "properties": {
            name: {"type": "string"}
            for name in dict.fromkeys(f.name for kind in LAYERS.values() for f in kind.all_fields())
        },
        "additionalProperties": False,
    },
}


@router.get("/openapi.json")
def openapi(request: Request) -> Response:
    """The description, with the address that the caller knows the server by."""
    return json_reply(request, {**request.app.openapi(), "servers": [{"url": url(request, "")}]}, OPENAPI)


@router.get("/docs")
async def page() -> Response:
    return HTMLResponse(PAGE)


@router.get("/docs/start.js")
async def start(request: Request) -> Response:
    return reply(request, START, "text/javascript")


@router.get("/docs/{name}")
def asset(request: Request, name: str) -> Response:
    if name not in ASSETS:
        raise NotFound(f"没有 {name}", f"there is no {name!r}")
    return packed_reply(request, packed_asset(name), ASSETS[name])


@lru_cache(maxsize=len(ASSETS))
def packed_asset(name: str) -> Packed:
    return Packed(files("fastapi_offline").joinpath("static", name).read_bytes())


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, made once, but for its ``servers``."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        document = to_30(document)
        document["components"]["schemas"]["Problem"] = PROBLEM
        document["components"] |= {"securitySchemes": SECURITY, "responses": {**PROBLEMS}}
        document["security"] = [{}, *({name: []} for name in SECURITY)]
        for path, method, operation in operations(document):
            _mend(path, method, operation)
        known = {"layer": list(LAYERS), "rule": [clause.id for clause in app.state.world.twin.plan.clauses]}
        _name_known(document, known)
        add_own_paths(document)
        app.openapi_schema = document
    return app.openapi_schema


def _mend(path: str, method: str, operation: dict[str, Any]) -> None:
    """Say what an operation takes and answers: problems are never FastAPI's 422."""
    if "{rule}" in path and method == "get":
        operation["parameters"].append(RULE_PARAMETERS)
    if (method, path) == ("get", "/collections/{layer}/items"):
        operation["parameters"].append(QUERYABLES)
    if path in OPERATION_IDS:
        operation["operationId"] = OPERATION_IDS[path]
    responses = operation["responses"]
    responses.pop("422", None)
    _say_media(path, method, operation)
    responses |= {status: {"$ref": f"#/components/responses/{status}"} for status in PROBLEMS}


def _say_media(path: str, method: str, operation: dict[str, Any]) -> None:
    """The media types of the answer where all is well, a page among them where there is one."""
    responses = operation["responses"]
    fine = next((answer for status, answer in responses.items() if status in ("200", "201")), None)
    if fine is None:
        return
    formats = [p["schema"].get("enum", ()) for p in operation.get("parameters", ()) if p["name"] == "f"]
    media = MEDIA.get((method, path))
    if media:
        fine["content"] = {name: {} for name in media}
    if any("html" in known for known in formats):
        fine.setdefault("content", {})[HTML] = {"schema": {"type": "string"}}
    if media == TILES:
        responses["204"] = EMPTY_TILE
    if "/bulk." in path:
        responses["206"] = PART
    if method == "get" and not path.startswith(NEVER_KEPT):
        responses["304"] = UNCHANGED


def _name_known(document: dict[str, Any], known: dict[str, list[str]]) -> None:
    """Name the layers, rules and CRSs there are wherever one is asked for, and say how a box is written."""
    for _, _, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            where = parameter["in"], parameter["name"]
            if where[0] == "path" and where[1] in known:
                parameter["schema"] = {"type": "string", "enum": known[where[1]]}
            if where in CRS_PARAMETERS:
                parameter["schema"] = {"type": "string", "enum": URIS, "default": URIS[0]}
            if where == ("query", "bbox"):
                parameter["schema"] = BBOX
