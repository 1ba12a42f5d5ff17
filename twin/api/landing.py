"""OGC API: landing page, conformance, collections, and what each says of its features."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from twin import __version__
from twin.api.collections import CONFORMANCE, describe, schema
from twin.api.features import LayerName
from twin.api.language import Language
from twin.api.params import Times
from twin.api.replies import GEOJSON, MVT, SCHEMA_JSON, json_reply, link, url
from twin.api.world import Served, When, World
from twin.layers import LAYERS, layer_named


async def _json(f: Annotated[Literal["json"], Query(description="format")] = "json") -> None:
    """Some clients say ``f=json`` everywhere."""


router = APIRouter(tags=["collections"])
AS_JSON = [Depends(_json)]
OPENAPI = "application/vnd.oai.openapi+json;version=3.1"
TITLE = {"zh": "虹桥孪生：闵行区与虹桥商务区", "en": "Hongqiao Twin: Minhang and the Hongqiao business district"}

DESCRIPTION = {
    "zh": "规划条款即可执行、可引证的规则：图层、达标判定、盲区、方案试算。",
    "en": "Plan clauses as executable, cited rules: layers, verdicts, gaps and what-if.",
}


@router.get("/", dependencies=AS_JSON)
def landing(request: Request, lang: Language) -> Response:
    """Where everything is."""
    links = [
        link(request, "self", "/"),
        link(request, "service-desc", "/openapi.json", "OpenAPI", OPENAPI),
        link(request, "service-doc", "/docs", "API", "text/html"),
        link(request, "conformance", "/conformance"),
        link(request, "data", "/collections"),
        link(request, "coverage", "/coverage"),
        link(request, "map", "/map", "地图" if lang == "zh" else "Map", "text/html"),
    ]
    return json_reply(
        request, {"title": TITLE[lang], "description": DESCRIPTION[lang], "version": __version__, "links": links}
    )


@router.get("/conformance", dependencies=AS_JSON)
def conformance(request: Request) -> Response:
    return json_reply(request, {"conformsTo": CONFORMANCE})


@router.get("/collections", dependencies=AS_JSON)
def list_collections(request: Request, world: Served, when: Times, lang: Language) -> Response:
    """Every layer, also those without features."""
    entries = [_collection(request, world, name, when, lang) for name in LAYERS]
    return json_reply(request, {"links": [link(request, "self", "/collections")], "collections": entries})


@router.get("/collections/{layer}", dependencies=AS_JSON)
def one_collection(request: Request, world: Served, layer: LayerName, when: Times, lang: Language) -> Response:
    layer_named(layer)
    return json_reply(request, _collection(request, world, layer, when, lang))


def _collection(request: Request, world: World, name: str, when: When, lang: str) -> dict[str, Any]:
    kind, snapshot = LAYERS[name], world.snapshot(when)
    path = f"/collections/{name}"
    links = [
        link(request, "self", path),
        link(request, "items", f"{path}/items", kind.title.in_language(lang), GEOJSON),
        link(request, "http://www.opengis.net/def/rel/ogc/1.0/queryables", f"{path}/queryables", "", SCHEMA_JSON),
        link(request, "describedby", f"{path}/schema", "", SCHEMA_JSON),
        link(request, "tilejson", f"/tiles/{name}/tilejson.json", "TileJSON"),
        {**link(request, "item", "", "", MVT), "href": url(request, f"{path}/tiles/WebMercatorQuad/{{z}}/{{y}}/{{x}}"),
         "templated": True},
    ]  # fmt: skip
    return {**describe(kind, snapshot, world.updated(snapshot), lang), "links": links}


@router.get("/collections/{layer}/queryables", dependencies=AS_JSON)
def queryables(request: Request, layer: LayerName, lang: Language) -> Response:
    """The properties that may be asked for, as JSON Schema."""
    body = schema(layer_named(layer), url(request, f"/collections/{layer}/queryables"), lang, queryables=True)
    return json_reply(request, body, SCHEMA_JSON)


@router.get("/collections/{layer}/schema", dependencies=AS_JSON)
def layer_schema(request: Request, layer: LayerName, lang: Language) -> Response:
    """The features' properties with titles, units and domains, as JSON Schema."""
    return json_reply(
        request, schema(layer_named(layer), url(request, f"/collections/{layer}/schema"), lang), SCHEMA_JSON
    )
