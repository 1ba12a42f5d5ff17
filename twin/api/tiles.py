"""Tiles of layers and of rules' hexes: WebMercatorQuad, MVT and GeoJSON, counted aggregates of points below zoom 13."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from twin.api.asked import Asked, Question
from twin.api.collections import extent
from twin.api.encoded import Encoded, encode
from twin.api.features import LayerName
from twin.api.language import Language
from twin.api.mercator import MAX_ZOOM, check_tile
from twin.api.params import Times
from twin.api.replies import GEOJSON, MVT, Packed, json_reply, packed_reply, url
from twin.api.tile_content import Tile, geojson_tile, mvt_tile
from twin.api.wire import cell_columns
from twin.api.world import Served, World
from twin.cells import cell_polygons
from twin.errors import NotFound
from twin.layers import LayerType, layer_named
from twin.model import Snapshot

router = APIRouter(tags=["tiles"])
FEATURES_FROM = 13
"""The first zoom that shows points themselves."""
POINT_RESOLUTIONS = (4, 4, 4, 4, 4, 4, 5, 5, 6, 7, 7, 8, 9)
"""The H3 resolution of aggregates, by zoom."""
HEX_RESOLUTIONS = {10: 8, 11: 9, 12: 9}
Format = Literal["mvt", "geojson"]
MEDIA: dict[str, str] = {"mvt": MVT, "geojson": GEOJSON}

Zoom = Annotated[int, Path(json_schema_extra={"minimum": 0, "maximum": MAX_ZOOM})]
Column = Annotated[int, Path(json_schema_extra={"minimum": 0}, description="from the west, below 2^z")]
Row = Annotated[int, Path(json_schema_extra={"minimum": 0}, description="from the north, below 2^z")]
Ending = Annotated[str, Path(json_schema_extra={"enum": ["mvt", "geojson"]})]


def hex_resolution(z: int) -> int:
    """The H3 resolution of a rule's hexes at a zoom."""
    return 7 if z <= 9 else HEX_RESOLUTIONS.get(z, 10)


def format_of(ending: str) -> Format:
    if ending == "mvt":
        return "mvt"
    if ending == "geojson":
        return "geojson"
    raise NotFound(f"没有 .{ending} 瓦片，可用 .mvt 或 .geojson", f"there are no .{ending} tiles: use .mvt or .geojson")


@router.get("/tiles/coverage/{rule}/{z}/{x}/{y}.{ending}")
def coverage_tile(
    request: Request, world: Served, asked: Asked, z: Zoom, x: Column, y: Row, ending: Ending
) -> Response:
    """A rule's hexes: resolution 7 up to zoom 9, then 8, 9 and from 13 on 10."""
    kind = format_of(ending)
    check_tile(z, x, y)
    snapshot = world.snapshot(asked.when)
    resolution = hex_resolution(z)

    def make() -> bytes:
        hexes = hexes_of(world, snapshot, asked, resolution)
        return (
            geojson_tile(hexes, (z, x, y), whole=True) if kind == "geojson" else mvt_tile(hexes, asked.rule, (z, x, y))
        )

    return _send(request, world, (snapshot.id, asked.id, resolution), (z, x, y), kind, make)


def hexes_of(world: World, snapshot: Snapshot, asked: Question, resolution: int) -> Encoded:
    """The hexes of a rule, encoded."""

    def make() -> Encoded:
        table = asked.cells(world, resolution)
        columns = cell_columns(table)
        ids = columns.pop("cells")
        return encode(ids, {"cell": ids, **columns}, cell_polygons(table.cells))

    return world.hexes.get((snapshot.id, asked.id, resolution), make)


@router.get("/tiles/{layer}/tilejson.json")
def tilejson(request: Request, world: Served, layer: LayerName, when: Times, lang: Language) -> Response:
    """TileJSON 3.0 of a layer's vector tiles."""
    kind = layer_named(layer)
    table = world.snapshot(when).layers[layer]
    query = str(request.url.query)
    fields = {f.name: f"{f.title.in_language(lang)}{f' ({f.unit})' if f.unit else ''}" for f in kind.all_fields()}
    if kind.geometry == "point":
        fields["point_count"] = f"{'点数' if lang == 'zh' else 'points'} (z < {FEATURES_FROM})"
    body: dict[str, Any] = {
        "tilejson": "3.0.0",
        "name": layer,
        "description": kind.title.in_language(lang),
        "scheme": "xyz",
        "tiles": [url(request, f"/tiles/{layer}/{{z}}/{{x}}/{{y}}.mvt", query)],
        "minzoom": 0,
        "maxzoom": MAX_ZOOM,
        "vector_layers": [{"id": layer, "fields": fields, "minzoom": 0, "maxzoom": MAX_ZOOM}],
    }
    box = extent(table)
    return json_reply(request, {**body, "bounds": box} if box else body)


@router.get("/tiles/{layer}/{z}/{x}/{y}.{ending}")
def layer_tile(
    request: Request, world: Served, layer: LayerName, z: Zoom, x: Column, y: Row, ending: Ending, when: Times
) -> Response:
    """A tile of a layer. Points below zoom 13 are counted aggregates (``point_count``); nothing is left out."""
    return _layer_tile(request, world, layer_named(layer), (z, x, y), format_of(ending), world.snapshot(when))


@router.get("/collections/{layer}/tiles/WebMercatorQuad/{z}/{y}/{x}")
def ogc_tile(
    request: Request, world: Served, layer: LayerName, z: Zoom, y: Row, x: Column, when: Times,
    f: Annotated[Format, Query(description="format")] = "mvt",
) -> Response:  # fmt: skip
    """The same tile where OGC API Tiles has it: row before column."""
    return _layer_tile(request, world, layer_named(layer), (z, x, y), f, world.snapshot(when))


def _layer_tile(
    request: Request, world: World, layer: LayerType, tile: Tile, kind: Format, snapshot: Snapshot
) -> Response:
    check_tile(*tile)

    def make() -> bytes:
        encoded = tile_features(world, snapshot, layer, tile[0])
        return geojson_tile(encoded, tile) if kind == "geojson" else mvt_tile(encoded, layer.name, tile)

    return _send(request, world, (snapshot.id, layer.name), tile, kind, make)


def tile_features(world: World, snapshot: Snapshot, layer: LayerType, z: int) -> Encoded:
    """What a layer shows at a zoom: its features, or counts per cell."""
    if layer.geometry == "point" and z < FEATURES_FROM:
        return world.aggregated(snapshot, layer, POINT_RESOLUTIONS[z])
    return world.encoded(snapshot, layer)


def _send(
    request: Request, world: World, data: Hashable, tile: Tile, kind: Format, make: Callable[[], bytes]
) -> Response:
    packed: Packed = world.tiles.get((data, tile, kind), lambda: Packed(make()))
    return packed_reply(request, packed, MEDIA[kind], empty=kind == "mvt" and not packed.size)
