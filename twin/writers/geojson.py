"""GeoJSON. In WGS-84 it is RFC 7946; in another frame the file says which, by a ``crs`` member where there is a code."""

from __future__ import annotations

from typing import Any

import orjson
import shapely

from twin.export import Export


def to_geojson(export: Export, stem: str) -> dict[str, bytes]:
    """One FeatureCollection with the foreign member ``metadata``; numbers are exact."""
    names = [c.name for c in export.columns]
    rows = zip(*(c.values for c in export.columns), strict=True)
    geometry = _geometries(export)
    head = {"type": "FeatureCollection", "name": export.layer.name, **_crs(export), "metadata": dict(export.about)}
    features = b",\n".join(
        b"%b,%b}" % (orjson.dumps({"type": "Feature", "id": row[0], "properties": dict(zip(names, row, strict=True))})[:-1], shape)
        for row, shape in zip(rows, geometry, strict=True)
    )  # fmt: skip
    return {f"{stem}.geojson": orjson.dumps(head)[:-1] + b',"features":[\n' + features + b"\n]}\n"}


def _crs(export: Export) -> dict[str, Any]:
    """The member of 2008, which RFC 7946 leaves to those who agree on it; GDAL reads it."""
    if export.frame.name == "wgs84" or export.frame.epsg is None:
        return {}
    return {"crs": {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{export.frame.epsg}"}}}


def _geometries(export: Export) -> list[bytes]:
    """``"geometry":…`` of every feature. Outer rings run counter-clockwise."""
    missing = shapely.is_missing(export.geometry)
    if export.layer.geometry == "point":
        xy = shapely.get_coordinates(export.geometry[~missing]).tolist()
        found = iter(xy)
        return [
            b'"geometry":null' if none else b'"geometry":' + orjson.dumps({"type": "Point", "coordinates": next(found)})
            for none in missing
        ]
    shapes = shapely.orient_polygons(export.geometry)
    return [b'"geometry":' + (b"null" if s is None else orjson.dumps(shapely.geometry.mapping(s))) for s in shapes]
