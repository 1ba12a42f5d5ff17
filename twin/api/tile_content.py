"""The bytes of a tile from encoded features: GeoJSON by slices, MVT by mapbox-vector-tile. Knows no HTTP."""

from __future__ import annotations

from typing import Any

import mapbox_vector_tile
import numpy as np
import orjson
import shapely

from twin.api.encoded import Encoded, Index, geometry_json
from twin.api.mercator import unit_to_lnglat
from twin.model import Geometries

EXTENT = 4096
BUFFER = 64
"""Beyond an MVT's edges, so that outlines along them are not drawn."""
TOLERANCE = 4.0
"""Simplification in tile units: a quarter of a pixel of a 256-pixel tile, an eighth at 512."""
COLLECTION = b'{"type":"FeatureCollection","features":['
Tile = tuple[int, int, int]
"""z, x, y."""


def geojson_tile(encoded: Encoded, tile: Tile, *, whole: bool = False) -> bytes:
    """Points that the tile owns; lines and polygons cut at its edges, or ``whole`` in the tile that owns their centre."""
    if encoded.shapes is None or whole:
        return COLLECTION + encoded.run(encoded.in_tile(*tile)) + b"]}"
    index, shapes = cut_shapes(encoded, tile, 0)
    if not len(index):
        return COLLECTION + b"]}"
    z, x, y = tile
    lnglat = shapely.transform(shapes, lambda c: unit_to_lnglat((c / EXTENT + (x, y)) / 2**z))
    heads, geometry = encoded.heads(index), geometry_json(lnglat)
    return COLLECTION + b",".join(h + b',"geometry":' + g + b"}" for h, g in zip(heads, geometry, strict=True)) + b"]}"


def mvt_tile(encoded: Encoded, name: str, tile: Tile) -> bytes:
    """A vector tile of one layer; empty bytes if there is nothing in it. ``key`` or ``cell`` says which feature it is."""
    if encoded.shapes is None:
        part = encoded.in_tile(*tile)
        index = np.arange(part.start, part.stop)
        z, x, y = tile
        shapes = shapely.points(np.rint((encoded.unit[part] * 2**z - (x, y)) * EXTENT))
    else:
        index, shapes = cut_shapes(encoded, tile, BUFFER)
    if not len(index):
        return b""
    heads = orjson.loads(b"[" + b",".join(h + b"}" for h in encoded.heads(index)) + b"]")
    features = [
        {"geometry": shape, "properties": {k: v for k, v in head["properties"].items() if v is not None}}
        for head, shape in zip(heads, shapes, strict=True)
    ]
    layer: dict[str, Any] = {"name": name, "features": features}
    content = mapbox_vector_tile.encode(layer, default_options={"y_coord_down": True, "extents": EXTENT})
    return bytes(content)


def cut_shapes(encoded: Encoded, tile: Tile, buffer: int) -> tuple[Index, Geometries]:
    """The shapes that reach into a tile, simplified, cut at its buffered edges, in tile units with y to the south."""
    z, x, y = tile
    reach = buffer / EXTENT
    west, north, east, south = (np.array([x - reach, y - reach, x + 1 + reach, y + 1 + reach]) / 2**z).tolist()
    w, n, e, s = encoded.unit_bounds.T
    index = np.flatnonzero((w < east) & (e > west) & (n < south) & (s > north))
    shapes = shapely.transform(encoded.unit_shapes[index], lambda c: (c * 2**z - (x, y)) * EXTENT)
    shapes = shapely.simplify(shapes, TOLERANCE, preserve_topology=True)
    shapes = shapely.clip_by_rect(shapes, -buffer, -buffer, EXTENT + buffer, EXTENT + buffer)
    kept = ~shapely.is_empty(shapes) & ~shapely.is_missing(shapes)
    return index[kept], np.asarray(shapes[kept], object)
