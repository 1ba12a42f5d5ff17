"""The bytes of a tile from encoded features: GeoJSON by slices, MVT of lines and polygons by mapbox-vector-tile. Knows no
HTTP; vector tiles of points are ``mvt``'s."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import mapbox_vector_tile
import numpy as np
import orjson
import shapely
from shapely.geometry.base import BaseGeometry

from twin.api.encoded import Encoded, Index, geometry_json
from twin.api.mercator import unit_to_lnglat
from twin.api.mvt import EXTENT, Tile
from twin.api.tile_cache import KeptTile
from twin.model import Geometries

BUFFER = 64
"""Beyond an MVT's edges, so that outlines along them are not drawn."""
HALF_LINE = 0.75
"""Half the width that is given to what would be thinner than a unit: after rounding it is one unit wide or two."""
TOLERANCE = 4.0
"""Simplification in tile units: a quarter of a pixel of a 256-pixel tile, an eighth at 512."""
COLLECTION = b'{"type":"FeatureCollection","features":['


def geojson_tile(encoded: Encoded, tile: Tile, *, whole: bool = False) -> KeptTile:
    """Points that the tile owns; lines and polygons cut at its edges, or ``whole`` in the tile that owns their centre."""
    if encoded.shapes is None or whole:
        part = encoded.in_tile(*tile)
        return KeptTile(COLLECTION + encoded.run(part) + b"]}", part.stop - part.start)
    index, shapes = cut_shapes(encoded, tile, 0)
    if not len(index):
        return KeptTile(COLLECTION + b"]}", 0)
    z, x, y = tile
    lnglat = shapely.transform(shapes, lambda c: unit_to_lnglat((c / EXTENT + (x, y)) / 2**z))
    heads, geometry = encoded.heads(index), geometry_json(lnglat)
    features = b",".join(h + b',"geometry":' + g + b"}" for h, g in zip(heads, geometry, strict=True))
    return KeptTile(COLLECTION + features + b"]}", len(index))


def shapes_tile(encoded: Encoded, name: str, tile: Tile) -> KeptTile:
    """A vector tile of lines or polygons; empty bytes if there is nothing in it. ``key`` or ``cell`` says which it is."""
    index, shapes = cut_shapes(encoded, tile, BUFFER)
    if not len(index):
        return KeptTile(b"", 0)
    heads = orjson.loads(b"[" + b",".join(h + b"}" for h in encoded.heads(index)) + b"]")
    features = [
        {"geometry": shape, "properties": {k: v for k, v in head["properties"].items() if v is not None}}
        for head, shape in zip(heads, visible(shapes), strict=True)
    ]
    layer: dict[str, Any] = {"name": name, "features": features}
    content = mapbox_vector_tile.encode(layer, default_options={"y_coord_down": True, "extents": EXTENT})
    return KeptTile(bytes(content), len(index))


def visible(shapes: Geometries) -> Geometries:
    """Shapes of which something is left when their coordinates are rounded: what is thinner than a unit is widened, and of
    what is part polygon, part line (a spike) the polygons stay. What crosses itself when rounded is widened likewise, and valid.
    """
    shapes = shapes.copy()
    mixed = shapely.get_type_id(shapes) == shapely.GeometryType.GEOMETRYCOLLECTION
    shapes[mixed] = [polygons_of(shape) for shape in shapes[mixed]]
    dimensions = shapely.get_dimensions(shapes)
    rounded = shapely.transform(shapes, np.rint)
    flat = (dimensions == 2) & (shapely.area(rounded) == 0)
    short = (dimensions == 1) & (shapely.length(rounded) == 0)
    shapes[flat] = shapely.buffer(shapes[flat], HALF_LINE, quad_segs=1, cap_style="square", join_style="mitre")
    shapes[short] = [shapely.LineString([(x - HALF_LINE, y), (x + HALF_LINE, y)]) for x, y in centres(shapes[short])]
    rounded[flat] = shapely.transform(shapes[flat], np.rint)
    for i in np.flatnonzero((dimensions == 2) & ~shapely.is_valid(rounded)).tolist():
        widened = shapely.buffer(shapely.make_valid(shapes[i]), HALF_LINE, quad_segs=1, join_style="mitre")
        snapped = polygons_of(shapely.set_precision(widened, 1.0))
        shapes[i] = shapes[i] if snapped.is_empty else snapped
    return shapes


def polygons_of(shape: BaseGeometry) -> BaseGeometry:
    """The parts of a shape that have an area, as one."""
    return shapely.union_all([part for part in shapely.get_parts(shape) if part.area > 0])


def centres(shapes: Geometries) -> Iterator[tuple[float, float]]:
    """The middle of each one's bounds."""
    west, north, east, south = shapely.bounds(shapes).T
    return zip(((west + east) / 2).tolist(), ((north + south) / 2).tolist(), strict=True)


def cut_shapes(encoded: Encoded, tile: Tile, buffer: int) -> tuple[Index, Geometries]:
    """The shapes that reach into a tile, simplified, cut at its buffered edges, in tile units with y to the south.

    A polygon that only touches the edge, or only with a spike, has nothing in the tile.
    """
    z, x, y = tile
    reach = buffer / EXTENT
    west, north, east, south = (np.array([x - reach, y - reach, x + 1 + reach, y + 1 + reach]) / 2**z).tolist()
    w, n, e, s = encoded.unit_bounds.T
    index = np.flatnonzero((w < east) & (e > west) & (n < south) & (s > north))
    shapes = shapely.transform(encoded.unit_shapes[index], lambda c: (c * 2**z - (x, y)) * EXTENT)
    shapes = shapely.simplify(shapes, TOLERANCE, preserve_topology=True)
    shapes = shapely.clip_by_rect(shapes, -buffer, -buffer, EXTENT + buffer, EXTENT + buffer)
    kept = ~shapely.is_empty(shapes) & (
        shapely.get_dimensions(shapes) == shapely.get_dimensions(encoded.unit_shapes[index])
    )
    return index[kept], np.asarray(shapes[kept], object)
