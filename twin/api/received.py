"""A feature as an editor sends it: its media type, its JSON, the CRS of its geometry. Says what is wrong, edits nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from json import JSONDecodeError
from typing import Annotated, Any

import orjson
import shapely
from fastapi import Depends, Header, Request
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from twin.api.crs import CRS84, DEFAULT, KNOWN, Crs, content_crs, shape_to_degrees
from twin.api.params import bad
from twin.api.replies import GEOJSON, JSON, PATCHES
from twin.editing import Place, Wish
from twin.errors import InvalidInput, UnsupportedMedia, Words
from twin.layers.attributes import is_deeper
from twin.layers.table import plain_text
from twin.readers.geojson import BUILDERS

MAX_BODY = 4 << 20
MAX_DEPTH = 64
"""Of the whole body; what a record may hold is less."""
N_SHOWN = 80
FEATURES = (GEOJSON, JSON)
CRS84_NAMES = frozenset((CRS84, CRS84.replace("http:", "https:"), "urn:ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:OGC::CRS84", "OGC:CRS84"))  # fmt: skip
"""What the old member ``crs`` of GeoJSON may say."""
UNUSABLE = Words("不是可用的 GeoJSON 几何", "is not a usable GeoJSON geometry")
HEIGHTS = Words(
    "每个位置应为两个数：这里不保存高程", "a position is two numbers: heights are not kept here, leave them out"
)
OPEN_RING = Words("环未闭合：首尾位置应相同", "a ring is open: its first and last position must be the same")
FEATURE: dict[str, Any] = {
    "type": "object",
    "description": "a GeoJSON feature, in WGS-84 unless Content-Crs says otherwise, its properties as /collections/{layer}/schema has them",
    "properties": {
        "type": {"type": "string", "enum": ["Feature"]},
        "id": {"type": "string"},
        "properties": {"type": "object", "nullable": True},
        "geometry": {"type": "object", "nullable": True},
    },
    "example": {
        "type": "Feature",
        "properties": {"name": "示例站", "lifecycle": "operating"},
        "geometry": {"type": "Point", "coordinates": [121.3, 31.1]},
    },
}


def takes(types: Sequence[str]) -> dict[str, Any]:
    """What the OpenAPI document says of such a body."""
    return {"requestBody": {"required": True, "content": {name: {"schema": FEATURE} for name in types}}}


@dataclass(frozen=True, slots=True)
class Received:
    """A GeoJSON feature, or a merge patch of one, and the CRS that its coordinates are in."""

    body: Mapping[str, Any]
    crs: Crs

    def named(self) -> str | None:
        """The key that the feature gives itself: its ``id``, its property ``key`` or, of an area, ``code``.

        Raises:
            BadParameter: they differ.
        """
        properties = self.body.get("properties")
        given = properties if isinstance(properties, dict) else {}
        said = {name: plain_text(given[name]) for name in ("key", "code") if given.get(name) is not None}
        if self.body.get("id") is not None:
            said = {**said, "id": plain_text(self._id())}
        if len(set(said.values())) > 1:
            names = ", ".join(said)
            shown = ", ".join(text[:N_SHOWN] for text in said.values())
            raise bad(
                "body",
                names,
                shown,
                "各处编号不一致，应相同，或只给一处",
                "must be one and the same; one of them is enough",
            )
        return next(iter(said.values()), None)

    def refuse_other(self, key: str) -> None:
        """Raises BadParameter where ``id`` is not the key of the address."""
        if self.body.get("id") is not None and self._id() != key:
            raise bad(
                "body",
                "id",
                self._id()[:N_SHOWN],
                f"与地址中的编号 {key} 不一致",
                f"is not the key of the address, {key}",
            )

    def wish(self, *, whole: bool) -> Wish:
        """What the editor wants; ``whole``: of a feature, not of a patch.

        Raises:
            BadParameter: it is no feature, a value is no single one, or the geometry cannot be used.
        """
        body, properties = self.body, self.body.get("properties")
        if body.get("type", "Feature") != "Feature":
            raise bad("body", "type", str(body.get("type"))[:N_SHOWN], "应为 Feature", "must be Feature")
        if not isinstance(properties, dict) and (whole or properties is not None):
            raise bad("body", "properties", str(properties)[:N_SHOWN], "应为对象", "must be an object")
        given = properties or {}
        if not isinstance(given.get("extra"), (dict, type(None))):
            raise bad("body", "extra", str(given["extra"])[:N_SHOWN], "应为对象", "must be an object")
        for name, value in given.items():
            if name != "extra" and isinstance(value, (dict, list)):
                raise bad("body", name, str(value)[:N_SHOWN], "应为单个值", "must be a single value")
        self._refuse_crs_member()
        return Wish(dict(given), Place(_shape(body["geometry"], self.crs)) if "geometry" in body else None)

    def _id(self) -> str:
        value = self.body["id"]
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise bad("body", "id", str(value)[:N_SHOWN], "应为文本或整数", "must be text or a whole number")
        return str(value)

    def _refuse_crs_member(self) -> None:
        """RFC 7946 has no member ``crs``; where one says another CRS than is taken, nobody knows what is meant."""
        for holder in (self.body, self.body.get("geometry")):
            said = holder.get("crs") if isinstance(holder, dict) else None
            if said is not None and (self.crs is not DEFAULT or _crs_name(said) not in CRS84_NAMES):
                zh = f"正文中的 crs 只能是 {CRS84}（不用 Content-Crs 时）；坐标系请以请求头 Content-Crs 说明"
                en = f"a crs in the body can only be {CRS84}, without Content-Crs; name another CRS in that header instead"
                raise bad("body", "crs", str(said)[:N_SHOWN], zh, en)


def _crs_name(member: Any) -> Any:
    """The name in the member ``crs`` as GeoJSON of 2008 has it."""
    properties = member.get("properties") if isinstance(member, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else member
    return name if isinstance(name, str) else None


def _shape(value: Any, crs: Crs) -> BaseGeometry | None:
    """A GeoJSON geometry in EPSG:4326, longitude first."""
    if value is None:
        return None
    shape = None
    try:
        kind, coordinates = value["type"], value["coordinates"]
        shape = BUILDERS[kind](coordinates)
        wrong = _wrong(kind, coordinates, shape)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, ShapelyError):
        wrong = UNUSABLE
    if wrong or shape is None:
        words = wrong or UNUSABLE
        raise bad("body", "geometry", str(value)[:N_SHOWN], words.zh, words.en)
    return shape_to_degrees(shape, crs)


def _wrong(kind: str, coordinates: Any, shape: BaseGeometry) -> Words | None:
    if not _are_numbers(coordinates):
        return UNUSABLE
    if any(len(position) > 2 for position in _positions(coordinates)):
        return HEIGHTS
    polygons = {"Polygon": [coordinates], "MultiPolygon": coordinates}.get(kind, [])
    if any(ring[0] != ring[-1] for rings in polygons for ring in rings if ring):
        return OPEN_RING
    if not shape.is_valid:
        why = shapely.is_valid_reason(shape)
        return Words(f"几何无效（{why}）", f"is not a valid geometry ({why})")
    return None


def _are_numbers(coordinates: Any) -> bool:
    """Whether nested lists hold nothing but numbers."""
    if isinstance(coordinates, list):
        return all(_are_numbers(part) for part in coordinates)
    return isinstance(coordinates, (int, float)) and not isinstance(coordinates, bool)


def _positions(coordinates: Any) -> Iterator[list[float]]:
    """The innermost lists."""
    if coordinates and isinstance(coordinates[0], list):
        for part in coordinates:
            yield from _positions(part)
    else:
        yield coordinates


async def _json(request: Request, types: Sequence[str]) -> dict[str, Any]:
    """The JSON object that was sent.

    Raises:
        UnsupportedMedia: it says that it is something else. InvalidInput: it is not one, or too large.
    """
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if said not in types:
        known = ", ".join(types)
        raise UnsupportedMedia(
            f"不支持的内容类型 {said or '—'}，可用：{known}", f"{said or 'nothing'} is not one of {known}"
        )
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MAX_BODY:
            raise InvalidInput("内容超过 4 MiB", "the body is larger than 4 MiB")
    try:
        value = orjson.loads(content)
    except JSONDecodeError as problem:
        raise InvalidInput(f"不是有效的 JSON：{problem}", f"not valid JSON: {problem}") from None
    if not isinstance(value, dict):
        raise InvalidInput("应为 GeoJSON Feature 对象", "a GeoJSON Feature is expected")
    if is_deeper(value, MAX_DEPTH):
        raise InvalidInput(
            f"JSON 嵌套过深，最多 {MAX_DEPTH} 层", f"the JSON is nested too deep: at most {MAX_DEPTH} levels"
        )
    return value


async def _asserted(
    request: Request,
    _content_crs: Annotated[
        str | None,
        Header(
            alias="Content-Crs",
            description="the CRS of the geometry's coordinates, in the order of its axes; CRS84 unless given",
            json_schema_extra={"enum": [crs.header for crs in KNOWN]},
        ),
    ] = None,
) -> Crs:
    return content_crs(request.headers.getlist("content-crs"))


async def _feature(request: Request, crs: Annotated[Crs, Depends(_asserted)]) -> Received:
    return Received(await _json(request, FEATURES), crs)


async def _patch(request: Request, crs: Annotated[Crs, Depends(_asserted)]) -> Received:
    return Received(await _json(request, PATCHES), crs)


Feature = Annotated[Received, Depends(_feature)]
Patch = Annotated[Received, Depends(_patch)]
