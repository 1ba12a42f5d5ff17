"""Edits of single features (OGC API Features Part 4) and an asset's history. ``If-Match`` says what the editor saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import time
from json import JSONDecodeError
from typing import Annotated, Any
from urllib.parse import quote

import orjson
import shapely
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from twin.api.allowed import author_of, check_layer
from twin.api.encoded import encode_layer
from twin.api.features import LayerName
from twin.api.params import bad, moment
from twin.api.preconditions import Preconditions, preconditions
from twin.api.replies import GEOJSON, dumps, json_reply, url
from twin.api.world import Served, View
from twin.editing import Edited, Place, Signed, Wish, change, create, current_versions, end, replace_asset, timeline
from twin.errors import InvalidInput, MustMatch, NotFound, UnsupportedMedia, Words
from twin.layers import LayerType, layer_named
from twin.layers.tabulate import row_of, table_of
from twin.model import LayerTable, Record, Transaction
from twin.readers.geojson import BUILDERS

router = APIRouter(tags=["edits"])
MAX_BODY = 4 << 20
TYPES = ("application/geo+json", "application/json", "application/merge-patch+json")
ETAG = '"v{}"'
FEATURE: dict[str, Any] = {
    "type": "object",
    "description": "a GeoJSON feature in WGS-84, its properties as /collections/{layer}/schema has them",
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
TAKES = {"requestBody": {"required": True, "content": {name: {"schema": FEATURE} for name in TYPES}}}


@dataclass(frozen=True, slots=True)
class Editor:
    """Who asks and why, and for which versions the edit is meant."""

    signed: Signed
    correction: bool
    preconditions: Preconditions


async def _signed(
    request: Request,
    by: Annotated[str, Query(max_length=200, description="who edits; where people sign in, that is known")] = "api",
    reason: Annotated[str, Query(max_length=2000, description="why; needed for retiring and ending")] = "",
    correction: Annotated[bool, Query(description="the version that holds on that day never was so")] = False,
) -> Editor:
    return Editor(Signed(author_of(request, by), reason), correction, preconditions(request))


async def _conditional(
    if_match: Annotated[str | None, Header(description='the version that the editor saw, as the ETag "v3"; or several, or *')] = None,
) -> None:  # fmt: skip
    """Read by ``preconditions``, in as many lines as there are."""


Editing = Annotated[Editor, Depends(_signed)]
CONDITIONAL = [Depends(_conditional)]


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object that was sent.

    Raises:
        UnsupportedMedia: it says that it is something else. InvalidInput: it is not one, or too large.
    """
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if said not in TYPES:
        known = ", ".join(TYPES)
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
    return value


Body = Annotated[dict[str, Any], Depends(_body)]


@router.post("/collections/{layer}/items", status_code=201, openapi_extra=TAKES)
def add_item(request: Request, world: Served, layer: LayerName, editor: Editing, body: Body) -> Response:
    """Add a feature (GeoJSON, WGS-84). Its key is the property ``key`` or the feature's id, else one is made."""
    wish = _wish(body, whole=True)
    if body.get("id") is not None and not {"key", "code"} & wish.properties.keys():
        wish = Wish({**wish.properties, "key": _id(body)}, wish.place)
    _check_reach(world, layer, None, wish)
    edited = create(world.twin, layer, wish, editor.signed)
    path = f"/collections/{layer}/items/{quote(edited.record.key, safe='')}"
    return _told(request, edited, 201, {"location": url(request, path)})


@router.put("/collections/{layer}/items/{key:path}", openapi_extra=TAKES, dependencies=CONDITIONAL)
def replace_item(request: Request, world: Served, layer: LayerName, key: str, editor: Editing, body: Body) -> Response:
    """Give a feature new values altogether, from ``valid_from`` (now unless given) on."""
    _must_match(world, editor)
    _same_id(body, key)
    wish = _wish(body, whole=True)
    _check_reach(world, layer, key, wish)
    signed = _based(world, layer, key, editor)
    edited = replace_asset(world.twin, layer, key, wish, signed, correction=editor.correction)
    return _told(request, edited)


@router.patch("/collections/{layer}/items/{key:path}", openapi_extra=TAKES, dependencies=CONDITIONAL)
def change_item(request: Request, world: Served, layer: LayerName, key: str, editor: Editing, body: Body) -> Response:
    """Change what is sent (a merge patch of the feature), from ``valid_from`` (now unless given) on."""
    _must_match(world, editor)
    _same_id(body, key)
    wish = _wish(body, whole=False)
    _check_reach(world, layer, key, wish)
    signed = _based(world, layer, key, editor)
    edited = change(world.twin, layer, key, wish, signed, correction=editor.correction)
    return _told(request, edited)


@router.delete("/collections/{layer}/items/{key:path}", status_code=200, dependencies=CONDITIONAL)
def end_item(
    request: Request, world: Served, layer: LayerName, key: str, editor: Editing,
    at: Annotated[str | None, Query(description="from when it is no more, a date: from its beginning; default: now")] = None,
) -> Response:  # fmt: skip
    """End a feature's validity, with a reason; its history stays."""
    _must_match(world, editor)
    _check_reach(world, layer, key, Wish({}))
    signed = _based(world, layer, key, editor)
    return _told(request, end(world.twin, layer, key, moment(at, "at", day=time.min), signed))


@router.get("/collections/{layer}/items/{key:path}/versions")
def versions(request: Request, world: Served, layer: LayerName, key: str) -> Response:
    """Every recorded version of a feature: from when to when it held in the world, who recorded it, who withdrew it."""
    kind, store = layer_named(layer), world.twin.store
    held = store.versions(kind.name, key)
    if not held:
        raise NotFound(f"图层 {layer} 中没有编号“{key[:80]}”", f"{layer} has no feature {key[:80]!r}")
    by_number = {t.tx: t for t in store.transactions()}
    world.read(layer, key, len(held))
    table = table_of(kind, [row_of(record, version) for version, _, _, record in held])
    features = orjson.loads(b"[" + _in_order(kind, world.seen().versions(kind, table)) + b"]")
    listed = [
        {"version": version, "recorded": _transaction(by_number[tx]),
         "withdrawn": None if tx_to is None else _transaction(by_number[tx_to]), "feature": feature}
        for (version, tx, tx_to, _), feature in zip(held, features, strict=True)
    ]  # fmt: skip
    return json_reply(request, {"layer": kind.name, "key": key, "versions": listed})


def _check_reach(world: View, layer: str, key: str | None, wish: Wish) -> None:
    """Refuse an edit of, or to, a place beyond the caller's areas; areas, on which roles and totals rest, are for ``admin``.
    The answer shows the feature as it is: a read."""
    check_layer(world.caller, layer)
    world.read(layer, key or "", 1)
    if not world.caller.areas:
        return
    shapes = [] if wish.place is None or wish.place.geometry is None else [wish.place.geometry]
    for _, held in timeline(world.twin, layer, key) if key is not None else ():
        if held.geometry is not None:
            shapes.append(shapely.from_wkb(held.geometry))
        elif held.lng is not None and held.lat is not None:
            shapes.append(shapely.Point(held.lng, held.lat))
    world.seen().refuse_edit(shapes)


def _id(body: Mapping[str, Any]) -> str:
    value = body["id"]
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise bad("body", "id", str(value)[:80], "应为文本或整数", "must be text or a whole number")
    return str(value)


def _same_id(body: Mapping[str, Any], key: str) -> None:
    if body.get("id") is not None and _id(body) != key:
        raise bad(
            "body", "id", str(body["id"])[:80], f"与地址中的编号 {key} 不一致", f"is not the key of the address, {key}"
        )


def _must_match(world: View, editor: Editor) -> None:
    if world.settings.require_if_match and editor.preconditions.wanted is None:
        raise MustMatch('须以 If-Match 说明所依据的版本，如 "v3"', 'say the version you saw in If-Match, as "v3"')


def _based(world: View, layer: str, key: str, editor: Editor) -> Signed:
    """Who signs, with the version that the edit is based on, where one is asked for.

    Raises:
        NotFound: there is no such feature. Stale: the version that holds is not meant.
    """
    if editor.preconditions.are_none:
        return editor.signed
    current = current_versions(timeline(world.twin, layer, key), world.twin.now())
    return replace(editor.signed, if_version=editor.preconditions.version(layer, key, current))


def _wish(body: Mapping[str, Any], *, whole: bool) -> Wish:
    """What a GeoJSON feature (or a patch of one) says."""
    if body.get("type", "Feature") != "Feature":
        raise bad("body", "type", str(body.get("type")), "应为 Feature", "must be Feature")
    properties = body.get("properties")
    if not isinstance(properties, dict) and (whole or properties is not None):
        raise bad("body", "properties", str(properties)[:80], "应为对象", "must be an object")
    if "extra" in (properties or {}) and not isinstance((properties or {})["extra"], (dict, type(None))):
        raise bad("body", "extra", str((properties or {})["extra"])[:80], "应为对象", "must be an object")
    nested = [n for n, v in (properties or {}).items() if n != "extra" and isinstance(v, (dict, list))]
    if nested:
        raise bad("body", nested[0], str((properties or {})[nested[0]])[:80], "应为单个值", "must be a single value")
    place = Place(_geometry(body["geometry"])) if "geometry" in body else None
    return Wish(dict(properties or {}), place)


def _geometry(value: Any) -> BaseGeometry | None:
    if value is None:
        return None
    words = Words("不是可用的 GeoJSON 几何", "is not a usable GeoJSON geometry")
    try:
        shape = shapely.force_2d(BUILDERS[value["type"]](value["coordinates"]))
        if _are_numbers(value["coordinates"]):
            if shape.is_valid:
                return shape
            why = shapely.is_valid_reason(shape)
            words = Words(f"几何无效（{why}）", f"is not a valid geometry ({why})")
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, ShapelyError):
        pass
    raise bad("body", "geometry", str(value)[:80], words.zh, words.en)


def _are_numbers(coordinates: Any) -> bool:
    """Whether nested lists hold nothing but numbers."""
    if isinstance(coordinates, list):
        return all(_are_numbers(part) for part in coordinates)
    return isinstance(coordinates, (int, float)) and not isinstance(coordinates, bool)


def _told(request: Request, edited: Edited, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The feature as it now is, with its version as the ETag; after ending it, the transaction."""
    told = {"transaction": _transaction(edited.transaction)}
    if edited.version is None:
        return json_reply(request, told)
    feature = {**_feature(edited.record.layer, edited.version, edited.record), **told}
    return Response(dumps(feature), status, {"etag": ETAG.format(edited.version), **(headers or {})}, GEOJSON)


def _transaction(t: Transaction | None) -> dict[str, Any] | None:
    return None if t is None else {"tx": t.tx, "at": t.at, "author": t.author, "reason": t.reason, "source": t.source}


def _feature(layer: str, version: int, record: Record) -> dict[str, Any]:
    """A recorded version as the feature that items show."""
    kind = layer_named(layer)
    feature: dict[str, Any] = orjson.loads(_in_order(kind, table_of(kind, [row_of(record, version)])))
    return feature


def _in_order(kind: LayerType, table: LayerTable) -> bytes:
    """The features of a table in its own order, joined by commas."""
    parts = [
        LayerTable(
            kind.name,
            table.frame.iloc[[i]].reset_index(drop=True),
            None if table.geometry is None else table.geometry[[i]],
        )
        for i in range(len(table))
    ]
    return b",".join(encode_layer(kind, part).run(slice(0, 1)) for part in parts)
