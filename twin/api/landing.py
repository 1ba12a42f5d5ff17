"""OGC API: landing page, conformance, collections, and what each says of its features. Each as JSON and as a page."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from twin import __version__
from twin.api.bulk import MEDIA
from twin.api.collections import describe, schema
from twin.api.conformance import CONFORMANCE
from twin.api.features import LayerName
from twin.api.html import AS_DOCUMENT, HTML, PageLanguage, document, here, self_links
from twin.api.params import Times
from twin.api.replies import GEOJSON, MVT, SCHEMA_JSON, link, url
from twin.api.world import Served
from twin.errors import Words
from twin.layers import LAYERS, layer_named
from twin.model import Snapshot

router = APIRouter(tags=["collections"])
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
STYLE = "application/vnd.mapbox.style+json"
REL = "http://www.opengis.net/def/rel/ogc/1.0/"
TITLE = Words("虹桥孪生：闵行区与虹桥商务区", "Hongqiao Twin: Minhang and the Hongqiao business district")
DESCRIPTION = Words(
    "规划条款即可执行、可引证的规则：图层、达标判定、盲区、方案试算。",
    "Plan clauses as executable, cited rules: layers, verdicts, gaps and what-if.",
)
ELSEWHERE: tuple[tuple[str, str, Words, str], ...] = (
    ("data", "/collections", Words("图层", "Collections"), "application/json"),
    ("coverage", "/coverage", Words("规划条款与判定", "Plan clauses and verdicts"), "application/json"),
    ("map", "/map", Words("地图", "Map"), HTML),
    ("service-desc", "/openapi.json", Words("接口描述（OpenAPI 3.0）", "OpenAPI 3.0"), OPENAPI),
    ("service-doc", "/docs", Words("接口文档", "API documentation"), HTML),
    ("conformance", "/conformance", Words("符合的标准", "Conformance"), "application/json"),
    (REL + "tiling-schemes", "/tileMatrixSets", Words("瓦片网格", "Tile matrix sets"), "application/json"),
    (REL + "styles", "/styles", Words("地图样式", "Map styles"), "application/json"),
)
"""Where the landing page leads: relation, path, title, media type."""
BULK_NAMES = {"fgb": "FlatGeobuf", "parquet": "GeoParquet", "geojson": "GeoJSON"}


@router.get("/", dependencies=AS_DOCUMENT)
def landing(request: Request, lang: PageLanguage) -> Response:
    """Where everything is."""
    links = [link(request, rel, path, title.in_language(lang), kind) for rel, path, title, kind in ELSEWHERE]
    said = {"title": TITLE.in_language(lang), "description": DESCRIPTION.in_language(lang), "version": __version__}
    return document(request, {**said, "links": [*self_links(request), *links]}, "landing")


@router.get("/conformance", dependencies=AS_DOCUMENT)
def conformance(request: Request) -> Response:
    """The standards that the server keeps."""
    return document(request, {"conformsTo": CONFORMANCE, "links": self_links(request)}, "conformance")


@router.get("/collections", dependencies=AS_DOCUMENT)
def list_collections(request: Request, world: Served, when: Times, lang: PageLanguage) -> Response:
    """Every layer, also those without features."""
    snapshot = world.snapshot(when)
    updated = world.updated(snapshot)
    entries = [_collection(request, name, snapshot, updated, lang) for name in LAYERS]
    for entry in entries:
        path = f"/collections/{entry['id']}"
        entry["links"] = [link(request, "self", path), link(request, "alternate", path, "HTML", HTML, "f=html"), *entry["links"]]  # fmt: skip
    return document(request, {"links": self_links(request), "collections": entries}, "collections")


@router.get("/collections/{layer}", dependencies=AS_DOCUMENT)
def one_collection(request: Request, world: Served, layer: LayerName, when: Times, lang: PageLanguage) -> Response:
    """One layer: what it holds, where its data come from, how good they are."""
    layer_named(layer)
    snapshot = world.snapshot(when)
    entry = _collection(request, layer, snapshot, world.updated(snapshot), lang)
    return document(request, {**entry, "links": [*self_links(request), *entry["links"]]}, "collection")


def _collection(request: Request, name: str, snapshot: Snapshot, updated: datetime | None, lang: str) -> dict[str, Any]:
    """A collection with its links but those to itself."""
    kind, path = LAYERS[name], f"/collections/{name}"
    title = kind.title.in_language(lang)
    links: list[dict[str, Any]] = [
        link(request, "items", f"{path}/items", title, GEOJSON),
        link(request, "items", f"{path}/items", title, HTML, "f=html"),
        link(request, REL + "queryables", f"{path}/queryables", "", SCHEMA_JSON),
        link(request, REL + "schema", f"{path}/schema", "", SCHEMA_JSON),
        link(request, "describedby", f"{path}/schema", "", SCHEMA_JSON),
        link(request, REL + "tilesets-vector", f"{path}/tiles"),
        link(request, "tilejson", f"/tiles/{name}/tilejson.json", "TileJSON"),
        link(request, "stylesheet", f"/styles/{name}", title, STYLE),
        *(link(request, "enclosure", f"{path}/bulk.{end}", f"{title} ({BULK_NAMES[end]})", media) for end, media in MEDIA.items()),
        {**link(request, "item", "", "", MVT), "href": url(request, f"{path}/tiles/WebMercatorQuad/{{z}}/{{y}}/{{x}}"),
         "templated": True},
    ]  # fmt: skip
    return {**describe(kind, snapshot, updated, lang), "links": links}


@router.get("/collections/{layer}/queryables", dependencies=AS_DOCUMENT)
def queryables(request: Request, layer: LayerName, lang: PageLanguage) -> Response:
    """The properties that may be asked for, as JSON Schema."""
    return _schema(request, layer, lang, queryables=True)


@router.get("/collections/{layer}/schema", dependencies=AS_DOCUMENT)
def layer_schema(request: Request, layer: LayerName, lang: PageLanguage) -> Response:
    """The features' properties with titles, units and domains, as JSON Schema."""
    return _schema(request, layer, lang)


def _schema(request: Request, layer: str, lang: str, *, queryables: bool = False) -> Response:
    which = "queryables" if queryables else "schema"
    body = schema(layer_named(layer), url(request, f"/collections/{layer}/{which}"), lang, queryables=queryables)
    header = {"link": f'<{here(request, f="html")}>; rel="alternate"; type="{HTML}"'}
    return document(request, body, "schema", media_type=SCHEMA_JSON, headers=header, layer=layer, which=which)
