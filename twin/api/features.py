"""OGC API Features: landing page, conformance, collections, items."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode

import numpy as np
import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from twin import __version__
from twin.api.collections import CONFORMANCE, describe, schema
from twin.api.language import Language
from twin.api.params import Box, During, Times
from twin.api.replies import GEOJSON, JSON, MVT, SCHEMA_JSON, dumps, has_already, json_reply, link, reply, url
from twin.api.wire import time_text
from twin.api.world import Served, When, World
from twin.errors import NotFound
from twin.layers import LAYERS, layer_named


async def _json(f: Annotated[Literal["json"], Query(description="format")] = "json") -> None:
    """Some clients say ``f=json`` everywhere."""


async def _geojson(f: Annotated[Literal["json", "geojson"], Query(description="format")] = "geojson") -> None:
    """Both mean GeoJSON."""


router = APIRouter(tags=["collections"])
AS_JSON, AS_GEOJSON = [Depends(_json)], [Depends(_geojson)]
MAX_LIMIT = 10_000
LayerName = Annotated[str, Path(description="a collection's name", examples=list(LAYERS))]
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


@router.get("/collections/{layer}/items", dependencies=AS_GEOJSON)
def items(
    request: Request,
    world: Served,
    layer: LayerName,
    when: Times,
    bbox: Box,
    during: During,
    limit: Annotated[
        int, Query(ge=1, description="a larger one is taken as the maximum", json_schema_extra={"maximum": MAX_LIMIT})
    ] = 10,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """Features, paged by ``next`` links."""
    kind, limit = layer_named(layer), min(limit, MAX_LIMIT)
    encoded = world.encoded(world.snapshot(when), kind)
    index = np.arange(len(encoded)) if bbox is None else encoded.within(bbox)
    if during is not None:
        index = index[encoded.during(during.start, during.end)[index]]
    page = index[offset : offset + limit]
    tail = {
        "numberMatched": len(index),
        "numberReturned": len(page),
        "timeStamp": time_text(world.twin.now()),
        "links": _page_links(request, layer, limit, offset, len(index)),
    }
    body = b"".join((b'{"type":"FeatureCollection","features":[', encoded.pick(page), b"],", dumps(tail)[1:]))
    return reply(request, body, GEOJSON)


def _page_links(request: Request, layer: str, limit: int, offset: int, matched: int) -> list[dict[str, str]]:
    kept = [(k, v) for k, v in request.query_params.multi_items() if k not in ("offset", "limit")]
    path = f"/collections/{layer}/items"

    def page(rel: str, start: int) -> dict[str, str]:
        return link(request, rel, path, "", GEOJSON, urlencode([*kept, ("limit", limit), ("offset", start)]))

    links = [page("self", offset), link(request, "collection", f"/collections/{layer}")]
    if offset + limit < matched:
        links.append(page("next", offset + limit))
    if offset > 0:
        links.append(page("prev", max(0, offset - limit)))
    return links


@router.get("/collections/{layer}/items/{key:path}", dependencies=AS_GEOJSON)
def item(request: Request, world: Served, layer: LayerName, key: str, when: Times) -> Response:
    """One feature by its key."""
    encoded = world.encoded(world.snapshot(when), layer_named(layer))
    place = encoded.find(key)
    if place is None:
        raise NotFound(f"图层 {layer} 中没有编号“{key[:80]}”", f"{layer} has no feature {key[:80]!r} at that time")
    links = [
        link(request, "self", f"/collections/{layer}/items/{quote(key, safe='')}", "", GEOJSON),
        link(request, "collection", f"/collections/{layer}", "", JSON),
    ]
    feature = encoded.run(slice(place, place + 1))
    etag = f"v{orjson.loads(feature)['properties']['version']}"
    headers = {"etag": f'"{etag}"'}
    if has_already(request, etag):
        return Response(status_code=304, headers=headers)
    return reply(request, feature[:-1] + b',"links":' + dumps(links) + b"}", GEOJSON, headers)
