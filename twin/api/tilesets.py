"""What OGC API Tiles says of the tiles: tile matrix sets, a layer's tilesets, and the tileset itself. The tiles are in ``tiles``."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from twin.api.collections import schema
from twin.api.crs import CRS84, MERCATOR_M
from twin.api.features import LayerName
from twin.api.html import AS_DOCUMENT, PageLanguage, document, self_links
from twin.api.landing import REL
from twin.api.mercator import MAX_ZOOM
from twin.api.page_words import WORDS
from twin.api.params import Times
from twin.api.replies import GEOJSON, JSON, MVT, link, url
from twin.api.tile_extent import tile_extent
from twin.api.tilejson import layer_attribution
from twin.api.wire import time_text
from twin.api.world import Served, When
from twin.layers import LayerType, layer_named

router = APIRouter(tags=["tiles"])
GRID = "WebMercatorQuad"
GRID_URI = f"http://www.opengis.net/def/tilematrixset/OGC/1.0/{GRID}"
WEB_MERCATOR = "http://www.opengis.net/def/crs/EPSG/0/3857"
LEVELS = 25
"""Of the tile matrix set as it is registered; tiles are served up to ``MAX_ZOOM``."""
TILE_PX, PIXEL_M = 256, 0.00028
DIMENSION = {"point": 0, "line": 1, "polygon": 2}
FORMATS = (("mvt", MVT, "MVT"), ("geojson", GEOJSON, "GeoJSON"))


def tile_matrix_set() -> dict[str, Any]:
    """WebMercatorQuad as OGC Two Dimensional Tile Matrix Set 2.0 has it."""
    return {
        "id": GRID,
        "title": "Google Maps Compatible for the World",
        "uri": GRID_URI,
        "crs": WEB_MERCATOR,
        "orderedAxes": ["X", "Y"],
        "wellKnownScaleSet": "http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible",
        "tileMatrices": [_matrix(z) for z in range(LEVELS)],
    }


def _matrix(z: int) -> dict[str, Any]:
    cell = 2 * MERCATOR_M / TILE_PX / 2**z
    return {
        "id": str(z),
        "scaleDenominator": cell / PIXEL_M,
        "cellSize": cell,
        "cornerOfOrigin": "topLeft",
        "pointOfOrigin": [-MERCATOR_M, MERCATOR_M],
        "tileWidth": TILE_PX,
        "tileHeight": TILE_PX,
        "matrixWidth": 2**z,
        "matrixHeight": 2**z,
    }


@router.get("/tileMatrixSets", dependencies=AS_DOCUMENT, operation_id="getTileMatrixSetsList")
def tile_matrix_sets(request: Request) -> Response:
    """The tile matrix sets that tiles are cut by: one."""
    found = {name: value for name, value in tile_matrix_set().items() if name in ("id", "title", "uri", "crs")}
    entry = {**found, "links": [link(request, "self", f"/tileMatrixSets/{GRID}")]}
    return document(request, {"tileMatrixSets": [entry], "links": self_links(request)}, "tile_matrix_sets")


@router.get(f"/tileMatrixSets/{GRID}", dependencies=AS_DOCUMENT, operation_id="getTileMatrixSet")
def one_tile_matrix_set(request: Request) -> Response:
    """The tile matrix set: scale, cell size and number of tiles of every level."""
    return document(request, {**tile_matrix_set(), "links": self_links(request)}, "tile_matrix_set")


@router.get("/collections/{layer}/tiles", dependencies=AS_DOCUMENT, operation_id=".collection.vector.getTileSetsList")
def tilesets(request: Request, layer: LayerName, when: Times, lang: PageLanguage) -> Response:
    """The layer's tilesets: one of vector tiles."""
    kind = layer_named(layer)
    title = kind.title.in_language(lang)
    links = [
        link(request, "self", f"/collections/{layer}/tiles/{GRID}", title, JSON, _times(when)),
        link(request, REL + "tiling-scheme", f"/tileMatrixSets/{GRID}"),
    ]
    entry = {"title": title, **_common(), "links": links}
    body = {"tilesets": [entry], "links": self_links(request)}
    return document(request, body, "tilesets", layer=layer, title=title)


@router.get(
    f"/collections/{{layer}}/tiles/{GRID}", dependencies=AS_DOCUMENT, operation_id=".collection.vector.getTileSet"
)
def tileset(request: Request, world: Served, layer: LayerName, when: Times, lang: PageLanguage) -> Response:
    """The layer's vector tiles: where they are, what they hold, at which levels."""
    kind = layer_named(layer)
    title = kind.title.in_language(lang)
    snapshot = world.snapshot(when)
    table = snapshot.layers[layer]
    fields = schema(kind, url(request, f"/collections/{layer}/schema"), lang)["properties"]
    content: dict[str, Any] = {
        "id": layer,
        "title": title,
        "dataType": "vector",
        "geometryDimension": DIMENSION[kind.geometry],
        "minTileMatrix": "0",
        "maxTileMatrix": str(MAX_ZOOM),
        "propertiesSchema": {
            "type": "object",
            "properties": {name: value for name, value in fields.items() if name != "geometry"} | _counts(kind, lang),
        },
    }
    body: dict[str, Any] = {
        "title": title,
        **_common(),
        "tileMatrixSetLimits": [_limits(z) for z in range(MAX_ZOOM + 1)],
        "mediaTypes": [media for _, media, _ in FORMATS],
        "layers": [content],
        "links": [*self_links(request), *_tile_links(request, layer, _times(when))],
    }
    if credit := layer_attribution(table, snapshot, lang):
        body["attribution"] = credit
    if extent := tile_extent(table):
        west, south, east, north = extent.box
        box = {"lowerLeft": [west, south], "upperRight": [east, north], "crs": CRS84}
        body["boundingBox"] = content["boundingBox"] = box
        body["centerPoint"] = {"coordinates": extent.centre, "crs": CRS84, "tileMatrix": str(extent.zoom)}
    return document(request, body, "tileset", layer=layer)


def _common() -> dict[str, str]:
    return {"dataType": "vector", "crs": WEB_MERCATOR, "tileMatrixSetURI": GRID_URI}


def _counts(kind: LayerType, lang: str) -> dict[str, Any]:
    """What tiles of points say below the zoom that shows points themselves."""
    title = WORDS["point_count"].in_language(lang)
    return {"point_count": {"title": title, "type": "integer"}} if kind.geometry == "point" else {}


def _limits(z: int) -> dict[str, Any]:
    """Every tile of a level: those without features are empty, not missing, and an edit may fill any of them."""
    last = 2**z - 1
    return {"tileMatrix": str(z), "minTileRow": 0, "maxTileRow": last, "minTileCol": 0, "maxTileCol": last}


def _tile_links(request: Request, layer: str, query: str) -> list[dict[str, Any]]:
    path = f"/collections/{layer}/tiles/{GRID}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}"
    items = [
        {"rel": "item", "type": media, "href": url(request, path, f"f={f}&{query}".rstrip("&")), "templated": True, "title": said}
        for f, media, said in FORMATS
    ]  # fmt: skip
    return [
        *items,
        link(request, REL + "tiling-scheme", f"/tileMatrixSets/{GRID}", GRID),
        link(request, "tilejson", f"/tiles/{layer}/tilejson.json", "TileJSON", JSON, query),
        link(request, REL + "geodata", f"/collections/{layer}"),
    ]


def _times(when: When) -> str:
    """``as_of`` and ``known_at`` as a query, where they were asked."""
    asked = {"as_of": when.as_of, "known_at": when.known_at}
    return urlencode({name: time_text(at) for name, at in asked.items() if at is not None})
