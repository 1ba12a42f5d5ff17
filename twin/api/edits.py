"""Edits of single features (OGC API Features Part 4) and an asset's history. ``If-Match`` says what the editor saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import orjson
import shapely
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from shapely.geometry.base import BaseGeometry

from twin.api.allowed import author_of, check_layer
from twin.api.collections import labels_of
from twin.api.crs import DEFAULT
from twin.api.encoded import encode_layer
from twin.api.features import LayerName
from twin.api.html import AS_DOCUMENT, VARY, html_versions, wants_html
from twin.api.params import moment
from twin.api.preconditions import Preconditions, preconditions
from twin.api.received import FEATURES, Feature, Patch, takes
from twin.api.replies import GEOJSON, PATCHES, dumps, json_reply, url
from twin.api.world import Served, View
from twin.editing import Edited, Signed, Wish, change, create, current_versions, drafted, end, replace_asset, timeline
from twin.errors import MustMatch, NotFound
from twin.layers import LayerType, layer_named
from twin.layers.tabulate import row_of, table_of
from twin.model import LayerTable, Record, Transaction

router = APIRouter(tags=["edits"])
ETAG = '"v{}"'
HEADERS: dict[str, Any] = {
    "ETag": {"description": "the version that now holds, for If-Match", "schema": {"type": "string"}},
    "Content-Crs": {"description": "the CRS of the feature in the answer", "schema": {"type": "string"}},
}
PLACE = {"description": "where the feature is found", "schema": {"type": "string", "format": "uri"}}
EDITED: dict[int | str, dict[str, Any]] = {200: {"headers": HEADERS}}
CREATED: dict[int | str, dict[str, Any]] = {201: {"headers": {**HEADERS, "Location": PLACE}}}


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


@router.post("/collections/{layer}/items", status_code=201, openapi_extra=takes(FEATURES), responses=CREATED)
def add_item(request: Request, world: Served, layer: LayerName, editor: Editing, sent: Feature) -> Response:
    """Add a feature (GeoJSON). Its key is the property ``key`` or the feature's id, else one is made."""
    wish, named = sent.wish(whole=True), sent.named()
    if named is not None:
        wish = replace(wish, properties={**wish.properties, "key": named})
    draft = drafted(world.twin, layer, wish)
    _check_reach(world, layer, draft.key, wish, is_new=True)
    edited = create(world.twin, draft, editor.signed)
    return _told(request, edited, 201, {"location": _location(request, edited.record, world.twin.now())})


@router.put(
    "/collections/{layer}/items/{key:path}", openapi_extra=takes(FEATURES), dependencies=CONDITIONAL, responses=EDITED
)
def replace_item(
    request: Request, world: Served, layer: LayerName, key: str, editor: Editing, sent: Feature
) -> Response:
    """Give a feature new values altogether, from ``valid_from`` (now unless given) on."""
    _must_match(world, editor)
    sent.refuse_other(key)
    wish = sent.wish(whole=True)
    _check_reach(world, layer, key, wish)
    signed = _based(world, layer, key, editor)
    edited = replace_asset(world.twin, layer, key, wish, signed, correction=editor.correction)
    return _told(request, edited)


@router.patch(
    "/collections/{layer}/items/{key:path}", openapi_extra=takes(PATCHES), dependencies=CONDITIONAL, responses=EDITED
)
def change_item(request: Request, world: Served, layer: LayerName, key: str, editor: Editing, sent: Patch) -> Response:
    """Change what is sent (a merge patch of the feature), from ``valid_from`` (now unless given) on."""
    _must_match(world, editor)
    sent.refuse_other(key)
    wish = sent.wish(whole=False)
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


@router.get("/collections/{layer}/items/{key:path}/versions", dependencies=AS_DOCUMENT)
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
    body = {"layer": kind.name, "key": key, "versions": listed}
    if wants_html(request):
        return html_versions(request, body, labels_of(table, world.seen().judged))
    return json_reply(request, body, headers={"vary": VARY})


def _check_reach(world: View, layer: str, key: str, wish: Wish, *, is_new: bool = False) -> None:
    """Refuse an edit of, or to, a place beyond the caller's areas, be it of something that ended long ago; areas, on which
    roles and totals rest, are for ``admin``. The answer shows the feature as it is: a read."""
    check_layer(world.caller, layer)
    world.read(layer, key, 1)
    if not world.caller.areas:
        return
    shapes = [] if wish.place is None or wish.place.geometry is None else [wish.place.geometry]
    known = [_shape(held) for held in _held(world, layer, key, is_new=is_new)]
    placed = [shape for shape in known if shape is not None]
    world.seen().refuse_edit([*shapes, *placed] if len(placed) == len(known) else [])


def _held(world: View, layer: str, key: str, *, is_new: bool) -> list[Record]:
    """What is recorded under a key; under that of something new also what was withdrawn, and nothing need be."""
    if is_new:
        return [record for _, _, _, record in world.twin.store.versions(layer_named(layer).name, key)]
    return [record for _, record in timeline(world.twin, layer, key)]


def _shape(held: Record) -> BaseGeometry | None:
    if held.geometry is not None:
        return shapely.from_wkb(held.geometry)
    return None if held.lng is None or held.lat is None else shapely.Point(held.lng, held.lat)


def _location(request: Request, added: Record, now: datetime) -> str:
    """Where a feature is found; what does not hold now, on its first day."""
    path = f"/collections/{added.layer}/items/{quote(added.key, safe='')}"
    holds = added.valid_from <= now and (added.valid_to is None or now < added.valid_to)
    return url(request, path, "" if holds else urlencode({"as_of": added.valid_from.isoformat()}))


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


def _told(request: Request, edited: Edited, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The feature as it now is, with its version as the ETag; after ending it, the transaction."""
    told = {"transaction": _transaction(edited.transaction)}
    if edited.version is None:
        return json_reply(request, told)
    feature = {**_feature(edited.record.layer, edited.version, edited.record), **told}
    sent = {"etag": ETAG.format(edited.version), "content-crs": DEFAULT.header, **(headers or {})}
    return Response(dumps(feature), status, sent, GEOJSON)


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
