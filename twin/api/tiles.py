"""Tiles of layers and of rules' hexes: WebMercatorQuad, MVT and GeoJSON, counted aggregates of points below zoom 13."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Annotated, Literal
from urllib.parse import urlencode

import numpy as np
from fastapi import APIRouter, Path, Query, Request, Response

from twin.api.asked import Asked, Question, layers_of
from twin.api.encoded import Encoded, encode
from twin.api.features import LayerName
from twin.api.language import Language
from twin.api.memory import trim
from twin.api.mercator import MAX_LAT, MAX_ZOOM, check_tile
from twin.api.mvt import PointTiles, Tile
from twin.api.negotiated import by_accept, negotiated
from twin.api.params import Times
from twin.api.replies import GEOJSON, MVT, json_reply, packed_reply, url
from twin.api.tile_cache import KeptTile
from twin.api.tile_columns import decoded_tiles, kept_as, layer_tiles
from twin.api.tile_content import geojson_tile, shapes_tile
from twin.api.tile_extent import TileExtent, tile_extent
from twin.api.tilejson import described, hex_attribution, hex_fields, layer_attribution, layer_fields
from twin.api.wire import cell_columns
from twin.api.world import Served, View
from twin.cells import cell_polygons
from twin.errors import NotFound
from twin.layers import LayerType, layer_named
from twin.model import LayerTable, Snapshot

router = APIRouter(tags=["tiles"])
FEATURES_FROM = 13
"""The first zoom that shows points themselves."""
POINT_RESOLUTIONS = (4, 4, 4, 4, 4, 4, 5, 5, 6, 7, 7, 8, 9)
"""The H3 resolution of aggregates, by zoom."""
HEX_RESOLUTIONS = {10: 8, 11: 9, 12: 9}
QUICK_ROWS = 2000
"""Features of a tile that are encoded in about a millisecond: less than it costs to hand them to another thread."""
Format = Literal["mvt", "geojson"]
MEDIA: dict[Format, str] = {"mvt": MVT, "geojson": GEOJSON}

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
    kind, tile = format_of(ending), (z, x, y)
    check_tile(*tile)
    asked.evaluate(world)  # whoever may not see it is refused, and a reading noted, also where the tile is at hand
    snapshot, resolution = world.judged(asked.when), hex_resolution(z)

    def make() -> KeptTile:
        hexes = hexes_of(world, snapshot, asked, resolution)
        return geojson_tile(hexes, tile, whole=True) if kind == "geojson" else shapes_tile(hexes, asked.rule, tile)

    return tile_reply(request, world.tiles.get((snapshot.id, asked.id, resolution, tile, kind), make), kind)


def hexes_of(world: View, snapshot: Snapshot, asked: Question, resolution: int) -> Encoded:
    """The hexes of a rule, encoded."""

    def make() -> Encoded:
        table = asked.cells(world, resolution)
        columns = cell_columns(table)
        ids = columns.pop("cells")
        return encode(ids, {"cell": ids, **columns}, cell_polygons(table.cells))

    return world.hexes.get((snapshot.id, asked.id, resolution), make)


@router.get("/tiles/coverage/{rule}/tilejson.json")
def coverage_tilejson(request: Request, world: Served, asked: Asked, lang: Language) -> Response:
    """TileJSON 3.0 of the vector tiles of a rule's hexes. What the rule was asked goes into the tiles' address."""
    evaluation = asked.evaluate(world)
    snapshot, result = world.judged(asked.when), evaluation.result
    columns = cell_columns(asked.cells(world, hex_resolution(0)))
    names = ["cell", *(name for name in columns if name != "cells")]
    clause = result.clause
    body = described(
        asked.rule,
        clause.title if lang == "zh" else clause.title_en,
        tiles_address(request, f"coverage/{asked.rule}"),
        hex_fields(names, clause.unit, lang),
        hex_extent(hexes_of(world, snapshot, asked, hex_resolution(0))),
        hex_attribution(result, layers_of(clause, asked.settings), snapshot, lang),
    )
    return json_reply(request, body)


def hex_extent(largest: Encoded) -> TileExtent | None:
    """Where a rule's hexes are at any zoom, from those of the lowest: smaller ones may stick out, but not by half a large one."""
    bounds = largest.bounds
    if not len(bounds):
        return None
    half = (bounds[:, 2:] - bounds[:, :2]).max(axis=0) / 2
    return TileExtent.around(bounds[:, :2] - half, bounds[:, 2:] + half)


@router.get("/tiles/{layer}/tilejson.json")
def tilejson(request: Request, world: Served, layer: LayerName, when: Times, lang: Language) -> Response:
    """TileJSON 3.0 of a layer's vector tiles, with how many features it has and how many of them no tile can show."""
    kind, snapshot = layer_named(layer), world.snapshot(when)
    table = snapshot.layers[layer]
    body = described(
        layer,
        kind.title.in_language(lang),
        tiles_address(request, layer),
        layer_fields(kind, table, lang, FEATURES_FROM),
        tile_extent(table),
        layer_attribution(table, snapshot, lang),
    )
    return json_reply(request, {**body, "features": len(table), "features_without_place": n_without_place(table)})


def tiles_address(request: Request, path: str) -> str:
    """The template of vector tiles, with all that was asked but the language, in which tiles do not differ."""
    asked = [(name, value) for name, value in request.query_params.multi_items() if name != "lang"]
    return url(request, f"/tiles/{path}/{{z}}/{{x}}/{{y}}.mvt", urlencode(asked))


def n_without_place(table: LayerTable) -> int:
    """How many features no tile can show: they have no place, or one beyond the map's edge near a pole."""
    return int(len(table) - (np.abs(table.lnglat[:, 1]) < MAX_LAT).sum())


@router.get("/tiles/{layer}/{z}/{x}/{y}.{ending}")
def layer_tile(
    request: Request, world: Served, layer: LayerName, z: Zoom, x: Column, y: Row, ending: Ending, when: Times
) -> Response:
    """A tile of a layer. Points below zoom 13 are counted aggregates (``point_count``); nothing is left out."""
    return layer_reply(request, world, layer_named(layer), (z, x, y), format_of(ending), world.snapshot(when))


@router.get("/collections/{layer}/tiles/WebMercatorQuad/{z}/{y}/{x}")
def ogc_tile(
    request: Request, world: Served, layer: LayerName, z: Zoom, y: Row, x: Column, when: Times,
    f: Annotated[Format | None, Query(description="format; default: by the Accept header, mvt if it names none")] = None,
) -> Response:  # fmt: skip
    """The same tile where OGC API Tiles has it: row before column."""
    form = negotiated(request, f, MEDIA)
    answer = layer_reply(request, world, layer_named(layer), (z, x, y), form, world.snapshot(when))
    return answer if f else by_accept(answer)


def layer_reply(
    request: Request, world: View, layer: LayerType, tile: Tile, kind: Format, snapshot: Snapshot
) -> Response:
    """A layer's tile, kept or made, and noted for the audit.

    Raises:
        BadParameter: there is no such tile.
    """
    check_tile(*tile)
    kept = world.tiles.get(
        layer_key(snapshot, layer, tile, kind), lambda: make_tile(world, snapshot, layer, tile, kind)
    )
    z, x, y = tile
    world.read(layer.name, f"tile {z}/{x}/{y}", kept.n)
    return tile_reply(request, kept, kind)


def layer_key(snapshot: Snapshot, layer: LayerType, tile: Tile, kind: str) -> Hashable:
    """What tells a layer's tile from all others, also of other callers, who see other tables: the layer's content."""
    return (layer.name, snapshot.layers[layer.name].digest or snapshot.id, tile, kind)


def make_tile(world: View, snapshot: Snapshot, layer: LayerType, tile: Tile, kind: Format) -> KeptTile:
    """What a layer shows in a tile: its features, or counts per cell."""
    if kind == "mvt" and layer.geometry == "point":
        made = point_tiles(world, snapshot, layer, tile[0])
        rows = made.rows(tile)
        return KeptTile(made.tile(tile, rows), rows.stop - rows.start)
    encoded = features_or_counts(world, snapshot, layer, tile[0])
    return geojson_tile(encoded, tile) if kind == "geojson" else shapes_tile(encoded, layer.name, tile)


def features_or_counts(world: View, snapshot: Snapshot, layer: LayerType, z: int) -> Encoded:
    """What a layer shows at a zoom."""
    resolution = counted_at(layer, z)
    return world.encoded(snapshot, layer) if resolution is None else world.aggregated(snapshot, layer, resolution)


def counted_at(layer: LayerType, z: int) -> int | None:
    """The resolution of the cells by which points are counted at a zoom; None where they are shown themselves."""
    return POINT_RESOLUTIONS[z] if layer.geometry == "point" and z < FEATURES_FROM else None


def point_tiles(world: View, snapshot: Snapshot, layer: LayerType, z: int) -> PointTiles:
    """The columns of a layer's vector tiles, or of its counts per cell; kept as long as its table."""
    table, key = snapshot.layers[layer.name], columns_key(snapshot, layer, z)

    def make() -> PointTiles:
        encoded = features_or_counts(world, snapshot, layer, z)
        counted = counted_at(layer, z) is not None
        made = decoded_tiles(layer.name, encoded) if counted else layer_tiles(layer, table, encoded)
        trim()
        return made

    def keep() -> PointTiles:
        made = world.tiles.columns[key] = table.keep(kept_as(counted_at(layer, z)), make)
        return made

    return world.tiles.columns.get(key) or world.tiles.once(key, keep)


def columns_key(snapshot: Snapshot, layer: LayerType, z: int) -> Hashable:
    """What tells the columns of a layer's tiles from all others."""
    return (layer.name, snapshot.layers[layer.name].digest or snapshot.id, counted_at(layer, z))


def is_quick(world: View, snapshot: Snapshot, layer: LayerType, tile: Tile, kind: Format) -> bool:
    """Whether a tile can be made without waiting for anything, in a millisecond or so."""
    if kind != "mvt" or layer.geometry != "point":
        return False
    columns = world.tiles.columns.get(columns_key(snapshot, layer, tile[0]))
    if columns is None:
        return False
    rows = columns.rows(tile)
    return bool(rows.stop - rows.start <= QUICK_ROWS)


def tile_reply(request: Request, kept: KeptTile, kind: Format) -> Response:
    """304 if the caller has it already, 204 for an MVT without features."""
    return packed_reply(request, kept, MEDIA[kind], empty=kind == "mvt" and kept.is_empty)
