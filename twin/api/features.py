"""OGC API Features: items, and one item."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import quote, urlencode

import numpy as np
import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from twin.api.params import Box, During, Times
from twin.api.replies import GEOJSON, JSON, dumps, has_already, link, reply
from twin.api.wire import time_text
from twin.api.world import Served
from twin.errors import NotFound
from twin.layers import LAYERS, layer_named


async def _geojson(f: Annotated[Literal["json", "geojson"], Query(description="format")] = "geojson") -> None:
    """Both mean GeoJSON."""


router = APIRouter(tags=["collections"])
AS_GEOJSON = [Depends(_geojson)]
MAX_LIMIT = 10_000
LayerName = Annotated[str, Path(description="a collection's name", examples=list(LAYERS))]


@router.get("/collections/{layer}/items", dependencies=AS_GEOJSON)
def items(
    request: Request,
    world: Served,
    layer: LayerName,
    when: Times,
    bbox: Box,
    during: During,
    limit: Annotated[
        int, Query(ge=1, description="a larger one is taken as the maximum", json_schema_extra={"maximum": MAX_LIMIT})
    ] = 10,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """Features, paged by ``next`` links."""
    kind, limit = layer_named(layer), min(limit, MAX_LIMIT)
    encoded = world.encoded(world.snapshot(when), kind)
    index = np.arange(len(encoded)) if bbox is None else encoded.within(bbox)
    if during is not None:
        index = index[encoded.during(during.start, during.end)[index]]
    page = index[offset : offset + limit]
    tail = {
        "numberMatched": len(index),
        "numberReturned": len(page),
        "timeStamp": time_text(world.twin.now()),
        "links": _page_links(request, layer, limit, offset, len(index)),
    }
    body = b"".join((b'{"type":"FeatureCollection","features":[', encoded.pick(page), b"],", dumps(tail)[1:]))
    return reply(request, body, GEOJSON)


def _page_links(request: Request, layer: str, limit: int, offset: int, matched: int) -> list[dict[str, str]]:
    kept = [(k, v) for k, v in request.query_params.multi_items() if k not in ("offset", "limit")]
    path = f"/collections/{layer}/items"

    def page(rel: str, start: int) -> dict[str, str]:
        return link(request, rel, path, "", GEOJSON, urlencode([*kept, ("limit", limit), ("offset", start)]))

    links = [page("self", offset), link(request, "collection", f"/collections/{layer}")]
    if offset + limit < matched:
        links.append(page("next", offset + limit))
    if offset > 0:
        links.append(page("prev", max(0, offset - limit)))
    return links


@router.get("/collections/{layer}/items/{key:path}", dependencies=AS_GEOJSON)
def item(request: Request, world: Served, layer: LayerName, key: str, when: Times) -> Response:
    """One feature by its key."""
    encoded = world.encoded(world.snapshot(when), layer_named(layer))
    place = encoded.find(key)
    if place is None:
        raise NotFound(f"图层 {layer} 中没有编号“{key[:80]}”", f"{layer} has no feature {key[:80]!r} at that time")
    links = [
        link(request, "self", f"/collections/{layer}/items/{quote(key, safe='')}", "", GEOJSON),
        link(request, "collection", f"/collections/{layer}", "", JSON),
    ]
    feature = encoded.run(slice(place, place + 1))
    etag = f"v{orjson.loads(feature)['properties']['version']}"
    headers = {"etag": f'"{etag}"'}
    if has_already(request, etag):
        return Response(status_code=304, headers=headers)
    return reply(request, feature[:-1] + b',"links":' + dumps(links) + b"}", GEOJSON, headers)
