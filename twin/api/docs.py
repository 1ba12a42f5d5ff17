"""The API's description and its page: Swagger UI from the installed package fastapi-offline, no foreign address."""

from __future__ import annotations

from dataclasses import fields
from functools import lru_cache
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse

from twin.api.landing import OPENAPI
from twin.api.problems import MEDIA_TYPE, STATUS
from twin.api.replies import Packed, json_reply, packed_reply, reply
from twin.coverage import RULES
from twin.errors import NotFound

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
        "type": {"type": "string", "examples": ["urn:twin:problem:bad-parameter"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "request_id": {"type": ["string", "null"]},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("where", "column", "value", "message")},
            },
        },
    },
}
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


@router.get("/openapi.json")
def openapi(request: Request) -> Response:
    return json_reply(request, request.app.openapi(), OPENAPI)


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
    """The OpenAPI document: what is wrong with a request is a 400 problem, never FastAPI's 422."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                _mend(path, method, operation)
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        schemas["Problem"] = PROBLEM
        app.openapi_schema = document
    return app.openapi_schema


def _mend(path: str, method: str, operation: dict[str, Any]) -> None:
    if "{rule}" in path and method == "get":
        operation["parameters"].append(RULE_PARAMETERS)
    responses = operation["responses"]
    responses.pop("422", None)
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for kind, status in STATUS:
        responses[str(status)] = {"description": (kind.__doc__ or kind.__name__).partition("\n")[0], "content": content}
    responses["default"] = {"description": "a problem", "content": content}
