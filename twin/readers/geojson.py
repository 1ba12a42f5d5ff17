"""GeoJSON (RFC 7946): features to rows. Which frame the numbers are in, the file cannot be trusted to say."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import shapely
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from twin.errors import Fault, InvalidInput, Words
from twin.layers.table import RawTable, plain_text
from twin.model import Geometries
from twin.readers.text import decode

BUILDERS: dict[str, Callable[[Any], BaseGeometry]] = {
    "Point": shapely.Point,
    "MultiPoint": shapely.MultiPoint,
    "LineString": shapely.LineString,
    "MultiLineString": shapely.MultiLineString,
    "Polygon": lambda rings: shapely.Polygon(rings[0], rings[1:]) if rings else shapely.Polygon(),
    "MultiPolygon": lambda parts: shapely.MultiPolygon([(rings[0], rings[1:]) for rings in parts]),
}
GEOJSON_TYPES = frozenset((*BUILDERS, "Feature", "FeatureCollection", "GeometryCollection", "Topology"))
"""What a JSON object's ``type`` says where it is geometry: GeoJSON, and TopoJSON, which is refused by name."""
EXACT = 2.0**53
UNSTORABLE = re.compile(r"\\u(?:[dD][89a-fA-F]|0000)")


def read_geojson(content: bytes, name: str) -> RawTable:
    """Features as rows, numbered from 1; a feature's ``id`` becomes the column ``id`` unless a property has that name.

    Raises:
        InvalidInput: not JSON (with line and column), not GeoJSON, no features, or broken geometries (all in ``faults``).
    """
    text, encoding = decode(content, name)
    return geojson_table(parsed_json(text, name), name, encoding, hashlib.sha256(content).hexdigest())


def geojson_table(document: Any, name: str, encoding: str, sha256: str) -> RawTable:
    """As ``read_geojson``, of what JSON was parsed to."""
    if not isinstance(document, dict):
        raise InvalidInput(f"{name} 不是 GeoJSON 对象", f"{name} is JSON, but not a GeoJSON object")
    try:
        features = _features(document, name)
        geometry = _geometries([feature.get("geometry") for feature in features], name)
        cells = _columns(features)
    except RecursionError:
        raise InvalidInput(*_too_deep(name)) from None
    index = range(1, len(features) + 1)
    columns = {c: pd.Series(listed, index=index, dtype=object) for c, listed in cells.items()}
    metadata = {k: v for k, v in document.items() if k in {"name", "crs", "metadata"}}
    return RawTable(name, pd.DataFrame(columns, index=index), geometry, "geojson", encoding, sha256, metadata=metadata)


def _too_deep(name: str) -> tuple[str, str]:
    return f"{name} 嵌套过深", f"{name} is not usable JSON: it is nested too deep"


def parsed_json(text: str, name: str) -> Any:
    """JSON as values; NaN and Infinity become None.

    Raises:
        InvalidInput: it is no JSON (with line and column), nested too deep, or holds characters that cannot be kept.
    """
    try:
        document = json.loads(text, parse_constant=lambda _: None)
        unstorable = UNSTORABLE.search(text) and _unstorable(document)
    except RecursionError:
        raise InvalidInput(*_too_deep(name)) from None
    except json.JSONDecodeError as problem:
        place = f"{problem.lineno}:{problem.colno}"
        raise InvalidInput(
            f"{name} 不是有效的 JSON，第 {problem.lineno} 行第 {problem.colno} 列（{place}）",
            f"{name} is not valid JSON at line {problem.lineno}, column {problem.colno}: {problem.msg}",
        ) from None
    except ValueError as problem:
        raise InvalidInput(f"{name} 不是有效的 JSON:{problem}", f"{name} is not usable JSON: {problem}") from None
    if unstorable:
        raise InvalidInput(
            f"{name} 含有无法保存的字符", f"{name} holds characters that cannot be kept (\\u0000 or half a pair)"
        )
    return document


def _unstorable(document: Any) -> bool:
    whole = json.dumps(document, ensure_ascii=False)
    return "\\u0000" in whole or any("\ud800" <= letter <= "\udfff" for letter in whole)


def _features(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    kind = document.get("type")
    features: Any = [document]
    if kind == "FeatureCollection":
        features = document.get("features")
    elif isinstance(kind, str) and kind in BUILDERS:
        features = [{"geometry": document, "properties": {}}]
    elif kind != "Feature":
        raise InvalidInput(f"{name} 不是 GeoJSON:type 是 {kind!r}", f"{name} is not GeoJSON: its type is {kind!r}")
    if not isinstance(features, list) or not all(
        isinstance(f, dict) and isinstance(f.get("properties") or {}, dict) for f in features
    ):
        raise InvalidInput(f"{name} 的 features 不是要素列表", f"{name}: features is not a list of GeoJSON features")
    if not features:
        raise InvalidInput(f"{name} 没有要素", f"{name} has no features")
    return features


def _columns(features: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Properties by name, in the order they first appear; blanks are ""."""
    properties = [feature.get("properties") or {} for feature in features]
    names = list(dict.fromkeys(column for row in properties for column in row))
    columns = {c: [json_cell(row.get(c)) for row in properties] for c in names}
    if "id" not in columns and any("id" in feature for feature in features):
        columns = {"id": [json_cell(feature.get("id")) for feature in features], **columns}
    return columns


def json_cell(value: Any) -> Any:
    """Text, yes or no, or a number that JSON can carry on; lists, objects and huge numbers become text."""
    if value is None:
        return ""
    huge = isinstance(value, (int, float)) and not abs(value) < EXACT
    return plain_text(value) if huge or isinstance(value, (dict, list)) else value


def _geometries(sources: list[Any], name: str) -> Geometries:
    built = np.full(len(sources), None, dtype=object)
    faults: list[Fault] = []
    for i, source in enumerate(sources):
        if source is None:
            continue
        try:
            geometry = BUILDERS[source["type"]](source["coordinates"])
            built[i] = None if geometry.is_empty else geometry
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, ShapelyError) as problem:
            kind = str(source.get("type")) if isinstance(source, dict) else type(source).__name__
            reason = Words(f"几何有误：{problem}", f"not a usable geometry ({type(problem).__name__}: {problem})")
            faults.append(Fault(f"feature {i + 1}", "geometry", kind, reason))
    if faults:
        zh = f"{name}：{len(faults)} 个要素的几何有误，首先是 {faults[0].where}"
        raise InvalidInput(zh, f"{name}: {len(faults)} features have broken geometry, first: {faults[0]}", faults)
    return np.asarray(shapely.force_2d(built), dtype=object)
