"""GeoPackage and FlatGeobuf by GDAL, written in memory: GDAL opens no file of ours."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import orjson
import shapely
from numpy.typing import NDArray

from twin.errors import InvalidInput, Words
from twin.export import Export, ExportColumn
from twin.model import Geometries
from twin.writers.moments import utc_moments
from twin.writers.tables import json_text

SHAPES = {"point": "Point", "line": "LineString", "polygon": "Polygon"}
NO_CRS = "'crs' was not provided"
"""Said of GCJ-02 and BD-09, which have no code."""
NUMPY_KINDS = {"int": np.int64, "float": np.float64, "bool": np.bool_}
GDAL_UTC = 100
"""How GDAL says that a time is in UTC."""


def to_geopackage(export: Export, stem: str) -> dict[str, bytes]:
    """One table, named as the layer; where it comes from stands in its description and metadata."""
    options = {"IDENTIFIER": title(export).zh, "DESCRIPTION": description(export)}
    return {f"{stem}.gpkg": _in_memory(export, "GPKG", options, layer_metadata={"twin": _about(export)})}


def to_flatgeobuf(export: Export, stem: str) -> dict[str, bytes]:
    """With a spatial index, unless a feature has no location, which the index cannot hold."""
    indexed = not shapely.is_missing(export.geometry).any()
    options = {
        "TITLE": title(export).zh,
        "DESCRIPTION": description(export),
        "SPATIAL_INDEX": "YES" if indexed else "NO",
    }
    return {f"{stem}.fgb": _in_memory(export, "FlatGeobuf", options, layer_metadata={"twin": _about(export)})}


def title(export: Export) -> Words:
    """The layer's title, with what must be said of its data."""
    name, notes = export.about["title"], export.about["notes"]
    return Words(
        "；".join([name["zh"], *notes["zh"]]),
        "; ".join([name["en"], *notes["en"]]),
    )


def description(export: Export) -> str:
    """One line for people: what, when, from which sources."""
    about = export.about
    sources = "; ".join(f"{s['title']} ({s['licence'] or '—'})" for s in about["sources"])
    said = title(export)
    return (
        f"{said.zh} / {said.en} | frame {about['frame']} | as of {about['as_of']} | known at {about['known_at']} | "
        f"snapshot {about['snapshot']} | {sources}"
    )


def fields_of(columns: list[ExportColumn]) -> tuple[list[NDArray[Any]], list[NDArray[np.bool_]]]:
    """Each column as an array of its kind, and where it has no value."""
    masks = [np.array([v is None for v in c.values], bool) for c in columns]
    return [_array(c, mask) for c, mask in zip(columns, masks, strict=True)], masks


def promoted(shapes: Geometries, kind: str) -> tuple[Geometries, str]:
    """Shapes of one type, and its name: all of them multiple if one is."""
    name = SHAPES[kind]
    if not any(s is not None and s.geom_type.startswith("Multi") for s in shapes):
        return shapes, name
    make: Any = {"Point": shapely.MultiPoint, "LineString": shapely.MultiLineString, "Polygon": shapely.MultiPolygon}[
        name
    ]
    out = np.full(len(shapes), None, dtype=object)
    out[:] = [s if s is None or s.geom_type.startswith("Multi") else make([s]) for s in shapes]
    return out, f"Multi{name}"


def write_with_gdal(target: Any, export: Export, columns: list[ExportColumn], **more: Any) -> None:
    """Write by GDAL to a path or a BytesIO. Times are in UTC, cut to the milliseconds that GDAL knows.

    Raises:
        InvalidInput: GDAL refuses it, or would not write it as it is.
    """
    import pyogrio.errors
    from pyogrio import raw

    shapes, shape_type = promoted(export.geometry, export.layer.geometry)
    values, masks = fields_of(columns)
    names = [c.name for c in columns]
    zones = {c.name: np.full(len(c.values), GDAL_UTC) for c in columns if c.kind == "time"}
    known = (
        pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError,
        pyogrio.errors.GeometryError, pyogrio.errors.FieldError, pyogrio.errors.CRSError,
    )  # fmt: skip
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            raw.write(
            target, shapely.to_wkb(shapes), values, names, field_mask=masks, geometry_type=shape_type,
            crs=export.about["crs"], encoding="UTF-8", gdal_tz_offsets=zones, **more,
        )  # fmt: skip
    except known as problem:
        raise InvalidInput(f"GDAL 无法写出：{problem}", f"GDAL cannot write it: {problem}") from None
    if doubts := [str(warning.message) for warning in told if NO_CRS not in str(warning.message)]:
        raise InvalidInput(f"GDAL 写出时有疑问：{doubts[0]}", f"GDAL wrote it with doubts: {doubts[0]}")


def _in_memory(export: Export, driver: str, layer_options: dict[str, str], **more: Any) -> bytes:
    out = io.BytesIO()
    write_with_gdal(
        out, export, list(export.columns), driver=driver, layer=export.layer.name, layer_options=layer_options, **more
    )
    return out.getvalue()


def _array(column: ExportColumn, mask: NDArray[np.bool_]) -> NDArray[Any]:
    if column.kind in NUMPY_KINDS:
        filled = [0 if none else v for v, none in zip(column.values, mask, strict=True)]
        return np.array(filled, NUMPY_KINDS[column.kind])
    if column.kind == "time":
        return utc_moments(column.values).astype("datetime64[ms]")
    values = [json_text(v) for v in column.values] if column.kind == "json" else column.values
    out = np.full(len(values), None, dtype=object)
    out[:] = values
    return out


def _about(export: Export) -> str:
    return orjson.dumps(dict(export.about)).decode()
