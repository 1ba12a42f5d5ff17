"""OGC API Features: items, and one item."""

from __future__ import annotations

from hashlib import blake2b
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode

import numpy as np
import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from twin.api.collections import labels_of
from twin.api.crs import DEFAULT, crs_of, picked, picked_parts
from twin.api.html import HTML, html_item, html_items, wants_html
from twin.api.items_query import AskedItems, ItemsQuery, state_text
from twin.api.params import Times
from twin.api.replies import GEOJSON, JSON, dumps, link, reply
from twin.api.wire import time_text
from twin.api.world import Served, View
from twin.errors import NotFound
from twin.layers import LAYERS, layer_named
from twin.model import Snapshot


async def _format(
    f: Annotated[
        Literal["json", "geojson", "html"], Query(description="json and geojson both mean GeoJSON")
    ] = "geojson",
) -> None:
    """Read where the answer is made."""


router = APIRouter(tags=["collections"])
FORMATS = [Depends(_format)]
LayerName = Annotated[str, Path(description="a collection's name", examples=list(LAYERS))]
COLLECTION = b'{"type":"FeatureCollection","features":['


@router.get("/collections/{layer}/items", dependencies=FORMATS)
async def items(request: Request, world: Served, layer: LayerName, asked: AskedItems) -> Response:
    """Features, sorted by key and paged by ``next`` links. Besides these parameters every queryable is one: ``lifecycle=operating``."""
    if not asked.filters and world.is_at_hand(layer, asked.when) and not wants_html(request):
        return items_reply(request, world, layer, asked)
    return await run_in_threadpool(items_reply, request, world, layer, asked)


def items_reply(request: Request, world: View, layer: str, asked: ItemsQuery) -> Response:
    kind, snapshot = layer_named(layer), world.snapshot(asked.when)
    encoded = world.encoded(snapshot, kind)
    chosen = asked.select(kind, snapshot.layers[layer], encoded)
    page, has_before, has_more = asked.page(chosen, encoded)
    world.read(layer, request.url.query, len(page))
    labels = _labels(world, snapshot, layer)
    tail = {
        "numberMatched": len(encoded) if chosen is None else len(chosen),
        "numberReturned": len(page),
        "timeStamp": time_text(world.twin.now()),
        "snapshot": snapshot.id,
        "labels": labels,
        "links": _page_links(
            request, layer, asked, snapshot,
            before=encoded.ids[int(page[0])] if has_before and len(page) else None,
            after=encoded.ids[int(page[-1])] if has_more and len(page) else None,
            is_first=not has_before,
        ),
    }  # fmt: skip
    body = b"".join((COLLECTION, *picked_parts(encoded, encoded.places[page], asked.crs), b"],", dumps(tail)[1:]))
    if wants_html(request):
        return html_items(request, orjson.loads(body), labels)
    return reply(request, body, GEOJSON, {"content-crs": asked.crs.header})


def _labels(world: View, snapshot: Snapshot, layer: str) -> list[dict[str, str]]:
    table = snapshot.layers[layer]
    key = ("labels", layer, table.digest, tuple(snapshot.sources.values()))
    made: list[dict[str, str]] = world.labels.get(key, lambda: labels_of(table, snapshot))
    return made


def _page_links(
    request: Request, layer: str, asked: ItemsQuery, snapshot: Snapshot, *,
    before: str | None, after: str | None, is_first: bool,
) -> list[dict[str, str]]:  # fmt: skip
    """``next`` goes on after a key, ``prev`` back before one, in the same state; ``first`` begins anew."""
    asked_for = request.query_params.multi_items()
    kept = [(k, v) for k, v in asked_for if k not in ("offset", "limit", "after", "before", "f", "state")]
    path, form = f"/collections/{layer}/items", [(k, v) for k, v in asked_for if k == "f"]
    here: list[tuple[str, str | int]] = [("limit", asked.limit), *([("offset", asked.offset)] if asked.offset else [])]
    places = (("after", asked.after), ("before", asked.before), ("state", request.query_params.get("state")))
    here += [(name, place) for name, place in places if place is not None]
    links = [
        link(request, "self", path, "", GEOJSON, urlencode([*kept, *here, *form])),
        link(request, "alternate", path, "", HTML, urlencode([*kept, *here, ("f", "html")])),
        link(request, "collection", f"/collections/{layer}"),
    ]
    state = state_text(snapshot.tx, snapshot.as_of)
    for rel, way, key in (("next", "after", after), ("prev", "before", before)):
        if key is not None:
            query = urlencode([*kept, ("limit", asked.limit), (way, key), ("state", state), *form])
            links.append(link(request, rel, path, "", GEOJSON, query))
    if not is_first:
        links.append(link(request, "first", path, "", GEOJSON, urlencode([*kept, ("limit", asked.limit), *form])))
    return links


@router.get("/collections/{layer}/items/{key:path}", dependencies=FORMATS)
def item(
    request: Request, world: Served, layer: LayerName, key: str, when: Times,
    crs: Annotated[str | None, Query(description="URI of the CRS of the answer")] = None,
) -> Response:  # fmt: skip
    """One feature by its key."""
    kind, snapshot, to = layer_named(layer), world.snapshot(when), crs_of(crs)
    encoded = world.encoded(snapshot, kind, key, 1)
    place = encoded.find(key)
    if place is None:
        raise NotFound(f"图层 {layer} 中没有编号“{key[:80]}”", f"{layer} has no feature {key[:80]!r} at that time")
    path = f"/collections/{layer}/items/{quote(key, safe='')}"
    links = [
        link(request, "self", path, "", GEOJSON),
        link(request, "alternate", path, "", HTML, "f=html"),
        link(request, "collection", f"/collections/{layer}", "", JSON),
    ]
    feature = picked(encoded, np.array([place]), to)
    read: dict[str, Any] = orjson.loads(feature)
    is_counted = read["properties"]["lifecycle"] is None
    is_as_recorded = world.seen(when).sight == "exact" and to is DEFAULT and not is_counted
    etag = f"v{read['properties']['version']}" if is_as_recorded else blake2b(feature, digest_size=12).hexdigest()
    headers = {"etag": f'"{etag}"', "content-crs": to.header}
    if wants_html(request):
        return html_item(request, {**read, "links": links}, _labels(world, snapshot, layer))
    return reply(request, feature[:-1] + b',"links":' + dumps(links) + b"}", GEOJSON, headers)
