"""OpenStreetMap (.osm, .osm.pbf) by pyosmium: the objects whose tags a layer takes, as points, lines or polygons.

Never silently lost: what carries a layer's tags but does not make its geometry (an open way for a building, a
relation with members outside the extract) is told in the warnings.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from twin.errors import InvalidInput, Words
from twin.layers.table import RawTable
from twin.model import Geometries
from twin.readers.source import SourceFile, refuse_too_many, said_in_words

LICENCE = "© OpenStreetMap contributors, ODbL 1.0"
MAX_TAG_COLUMNS = 200
OWN_COLUMNS = ("@id", "@type", "@version", "@timestamp")
N_NAMED = 10
"""Objects that a warning names."""
AREA_ROLES = ("", "outer")
AREA_RELATIONS = ("multipolygon", "boundary")


@dataclass(frozen=True)
class _Taken:
    """Which tags a layer takes (values of a key; None: any), and as what."""

    geometry: Literal["point", "line", "polygon"]
    tags: dict[str, frozenset[str] | None]

    def takes(self, tags: dict[str, str]) -> bool:
        return any(key in tags and (values is None or tags[key] in values) for key, values in self.tags.items())


LAYERS = {
    "chargers": _Taken("point", {"amenity": frozenset(("charging_station",))}),
    "cameras": _Taken("point", {"man_made": frozenset(("surveillance",))}),
    "areas": _Taken("polygon", {"boundary": frozenset(("administrative",))}),
    "roads": _Taken("line", {"highway": None}),
    "buildings": _Taken("polygon", {"building": None}),
    "water": _Taken("polygon", {"natural": frozenset(("water",)), "waterway": frozenset(("riverbank", "dock"))}),
    "land_use": _Taken("polygon", {"landuse": None}),
}
"""What is taken for each layer of the twin."""


def read_osm(file: SourceFile) -> RawTable:
    """Objects with the tags of ``file.layer``, numbered from 1; OSM defines WGS-84.

    Columns are ``@id`` (``way/5``), ``@type``, ``@version``, ``@timestamp`` and the tags; beyond ``MAX_TAG_COLUMNS``
    the rarest are together in ``@tags`` as JSON. Points of ways and areas are a point on their surface.

    Raises:
        InvalidInput: no layer, or one that OSM is not read for; no OSM file; nothing with these tags in it.
    """
    taken = LAYERS.get(file.layer or "")
    if taken is None:
        known = ", ".join(LAYERS)
        raise InvalidInput(
            f"读 OSM 文件须指明图层；可读：{known}（收到 {file.layer or '空'}）",
            f"an OSM file is read for one layer: name one of {known} (got {file.layer!r})",
        )
    with said_in_words(file.name, "OSM"):
        found = _collected(file, taken)
    warnings = found.warnings()
    if not found.rows:
        said = ";".join(words.en for words in warnings)
        raise InvalidInput(
            f"{file.name} 没有图层 {file.layer} 的要素" + "".join(f"；{words.zh}" for words in warnings),
            f"{file.name} holds nothing for the layer {file.layer}" + (f": {said}" if said else ""),
        )
    frame = _frame(found.rows, file.name)
    return RawTable(
        file.name, frame, _geometries(found.shapes, taken), "osm", "utf-8", file.sha256, "wgs84",
        {"licence": LICENCE}, warnings=warnings,
    )  # fmt: skip


@dataclass
class _Found:
    rows: list[tuple[tuple[str, str, Any, str], dict[str, str]]] = field(default_factory=list)
    shapes: list[BaseGeometry] = field(default_factory=list)
    lost: dict[str, list[str]] = field(default_factory=dict)
    """Names of the objects left out, by reason."""
    awaited: dict[str, None] = field(default_factory=dict)
    """Names of the closed ways and relations that should come again as areas."""

    def add(self, thing: Any, kind: str, id_: int, tags: dict[str, str], wkb: str) -> None:
        written: datetime = thing.timestamp
        moment = written.isoformat() if written.timestamp() > 0 else ""
        self.rows.append(((f"{kind}/{id_}", kind, thing.version or "", moment), tags))
        self.shapes.append(shapely.from_wkb(wkb))

    def lose(self, reason: str, name: str) -> None:
        self.lost.setdefault(reason, []).append(name)

    def warnings(self) -> tuple[Words, ...]:
        return tuple(
            Words(
                f"{len(names)} 个对象未读入，{REASONS[reason].zh}：{'、'.join(names[:N_NAMED])}{'…' if len(names) > N_NAMED else ''}",
                f"{len(names)} objects were not taken, {REASONS[reason].en}: {', '.join(names[:N_NAMED])}"
                f"{' …' if len(names) > N_NAMED else ''}",
            )
            for reason, names in sorted(self.lost.items())
        )


REASONS = {
    "open": Words("不是面（线未闭合）", "which are no polygons (the line is open)"),
    "node": Words("是点，不是面或线", "which are points, not polygons or lines"),
    "relation": Words("是不构成面的关系（如 type=site）", "which are relations that make no area (as type=site)"),
    "area": Words("是面，不是线", "which are areas, not lines"),
    "incomplete": Words(
        "其成员不全或围不成面（常因裁剪范围）", "whose members are missing or do not close (often cut by the extract)"
    ),
    "unlocated": Words("其节点没有坐标", "whose nodes have no place"),
}


def _collected(file: SourceFile, taken: _Taken) -> _Found:
    """Everything that carries the layer's tags, in the file's order (areas of relations after their ways)."""
    found = _Found()
    parts = _outlines(file, taken, found) if taken.geometry != "line" else frozenset()
    for thing in _objects(file, taken):
        tags = dict(thing.tags)
        if not taken.takes(tags):
            continue
        if thing.is_node():
            _take_node(found, thing, tags, taken)
        elif thing.is_way() and taken.geometry == "line":
            _take_line(found, thing, tags)
        elif thing.is_way() and thing.id not in parts:
            _expect_area(found, thing, tags)
        elif thing.is_relation() and taken.geometry == "line" and tags.get("type") in AREA_RELATIONS:
            found.lose("area", f"relation/{thing.id}")
        elif thing.is_area() and not (thing.from_way() and thing.orig_id() in parts):
            _take_area(found, thing, tags)
    for name in found.awaited:
        found.lose("incomplete", name)
    return found


def _objects(file: SourceFile, taken: _Taken) -> Iterator[Any]:
    import osmium

    processor = osmium.FileProcessor(_buffer(file)).with_locations()
    if taken.geometry != "line":
        processor = processor.with_areas(osmium.filter.KeyFilter(*taken.tags))
    yield from processor.with_filter(osmium.filter.KeyFilter(*taken.tags))


def _outlines(file: SourceFile, taken: _Taken, found: _Found) -> frozenset[int]:
    """The ids of the ways that are outlines of relations with the layer's tags; those relations are awaited as areas."""
    import osmium

    parts: set[int] = set()
    relations: Any = osmium.FileProcessor(_buffer(file), osmium.osm.RELATION)
    for relation in relations.with_filter(osmium.filter.KeyFilter(*taken.tags)):
        tags = dict(relation.tags)
        if not taken.takes(tags):
            continue
        if tags.get("type") not in AREA_RELATIONS:
            found.lose("relation", f"relation/{relation.id}")
            continue
        found.awaited[f"relation/{relation.id}"] = None
        parts.update(m.ref for m in relation.members if m.type == "w" and m.role in AREA_ROLES)
    return frozenset(parts)


def _buffer(file: SourceFile) -> Any:
    import osmium

    is_xml = file.content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    return osmium.io.FileBuffer(file.content, "osm" if is_xml else "osm.pbf")


def _take_node(found: _Found, node: Any, tags: dict[str, str], taken: _Taken) -> None:
    if taken.geometry != "point":
        if taken.geometry == "polygon":
            found.lose("node", f"node/{node.id}")
    elif not node.location.valid():
        found.lose("unlocated", f"node/{node.id}")
    else:
        found.add(node, "node", node.id, tags, _factory().create_point(node))


def _take_line(found: _Found, way: Any, tags: dict[str, str]) -> None:
    if tags.get("area") == "yes":
        found.lose("area", f"way/{way.id}")
    elif len(way.nodes) < 2 or not _located(way):
        found.lose("unlocated", f"way/{way.id}")
    else:
        found.add(way, "way", way.id, tags, _factory().create_linestring(way))


def _expect_area(found: _Found, way: Any, tags: dict[str, str]) -> None:
    """A closed way comes again as an area; an open one makes no polygon."""
    if not way.is_closed() or tags.get("area") == "no":
        found.lose("open", f"way/{way.id}")
    else:
        found.awaited[f"way/{way.id}"] = None


def _take_area(found: _Found, area: Any, tags: dict[str, str]) -> None:
    kind = "way" if area.from_way() else "relation"
    wkb = _factory().create_multipolygon(area)
    found.add(area, kind, area.orig_id(), tags, wkb)
    found.awaited.pop(f"{kind}/{area.orig_id()}", None)


def _located(way: Any) -> bool:
    return all(node.location.valid() for node in way.nodes)


def _factory() -> Any:
    import osmium

    return osmium.geom.WKBFactory()


def _geometries(shapes: list[BaseGeometry], taken: _Taken) -> Geometries:
    listed = np.array([*shapes, None], dtype=object)[:-1]
    if taken.geometry == "point":
        return np.asarray(shapely.point_on_surface(listed), dtype=object)
    single = (shapely.get_type_id(listed) == 6) & (shapely.get_num_geometries(listed) == 1)
    listed[single] = shapely.get_geometry(listed[single], 0)
    return listed


def _frame(rows: list[tuple[tuple[str, str, Any, str], dict[str, str]]], name: str) -> pd.DataFrame:
    counts = Counter(key for _, tags in rows for key in tags if key and not key.startswith("@"))
    frequent = {key for key, _ in counts.most_common(MAX_TAG_COLUMNS)}
    keys = [key for key in counts if key in frequent]
    refuse_too_many(name, len(rows), len(keys))
    columns: dict[str, list[Any]] = {c: [own[i] for own, _ in rows] for i, c in enumerate(OWN_COLUMNS)}
    columns |= {key: [tags.get(key, "").strip() for _, tags in rows] for key in keys}
    rest = [{key: value for key, value in tags.items() if key not in frequent} for _, tags in rows]
    if any(rest):
        columns["@tags"] = [json.dumps(tags, ensure_ascii=False) if tags else "" for tags in rest]
    return pd.DataFrame(columns, index=range(1, len(rows) + 1), dtype=object)
