"""Tiles of what holds now, answered before any routing: an ASGI layer inside those that settle who asks and how often.

It sees the world through the same ``View`` as the routes, by the same functions, and leaves to them whatever would take words:
other times, other parameters, tiles that there are not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from twin.api.allowed import least_role
from twin.api.mercator import is_tile
from twin.api.mvt import Tile
from twin.api.negotiated import by_accept, negotiated
from twin.api.replies import accepts_gzip
from twin.api.tiles import MEDIA, Format, format_of, is_quick, layer_key, layer_reply
from twin.api.world import View, view_of
from twin.errors import TwinError
from twin.layers import LAYERS, LayerType
from twin.model import Snapshot

NUMBER = "(0|[1-9][0-9]{0,7})"
PLAIN = re.compile(rf"/tiles/([a-z_]+)/{NUMBER}/{NUMBER}/{NUMBER}\.(mvt|geojson)")
OGC = re.compile(rf"/collections/([a-z_]+)/tiles/WebMercatorQuad/{NUMBER}/{NUMBER}/{NUMBER}")
FORMATS: dict[bytes, Format | None] = {b"": None, b"f=mvt": "mvt", b"f=geojson": "geojson"}
PLAIN_TEMPLATE = "/tiles/{layer}/{z}/{x}/{y}.{ending}"
OGC_TEMPLATE = "/collections/{layer}/tiles/WebMercatorQuad/{z}/{y}/{x}"
LEAST_ROLES = {template: least_role("GET", template) for template in (PLAIN_TEMPLATE, OGC_TEMPLATE)}


@dataclass(frozen=True)
class Asked:
    """A layer's tile of what the caller sees of what holds now."""

    view: View
    snapshot: Snapshot
    layer: LayerType
    tile: Tile
    kind: Format
    is_negotiated: bool

    def is_at_once(self, *, gzipped: bool) -> bool:
        """Whether the answer takes no more than a millisecond: it is made already, in the form asked for, or made quickly."""
        kept = self.view.tiles.find(layer_key(self.snapshot, self.layer, self.tile, self.kind))
        if kept is not None:
            return kept.is_empty or kept.has(gzipped=gzipped)
        return not gzipped and is_quick(self.view, self.snapshot, self.layer, self.tile, self.kind)

    def answer(self, request: Request) -> Response:
        answer = layer_reply(request, self.view, self.layer, self.tile, self.kind, self.snapshot)
        return by_accept(answer) if self.is_negotiated else answer


class QuickTiles:
    """The layer; ``app`` answers everything else."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope) if scope["type"] == "http" and scope["method"] == "GET" else None
        asked = None if request is None else asked_by(request)
        if request is None or asked is None:
            await self.app(scope, receive, send)
        elif asked.is_at_once(gzipped=accepts_gzip(request)):
            await asked.answer(request)(scope, receive, send)
        else:
            await (await run_in_threadpool(asked.answer, request))(scope, receive, send)


def asked_by(request: Request) -> Asked | None:
    """What a plain request for a tile asks for; None where it is for the routes to answer."""
    scope = request.scope
    path, query = scope["path"].removeprefix(scope.get("root_path", "")), scope["query_string"]
    if query == b"" and (found := PLAIN.fullmatch(path)):
        name, z, x, y = found.groups()[:4]
        kind, template = format_of(found[5]), PLAIN_TEMPLATE
    elif query in FORMATS and (found := OGC.fullmatch(path)):
        name, z, y, x = found.groups()
        kind, template = negotiated(request, FORMATS[query], MEDIA), OGC_TEMPLATE
    else:
        return None
    view, tile = view_of(request), (int(z), int(x), int(y))
    if name not in LAYERS or not is_tile(*tile) or not view.caller.may(LEAST_ROLES[template]):
        return None
    snapshot = ready(view)
    if snapshot is None:
        return None
    scope["route_template"] = template
    return Asked(view, snapshot, LAYERS[name], tile, kind, template == OGC_TEMPLATE and query == b"")


def ready(view: View) -> Snapshot | None:
    """What the caller sees of what holds now, unless the store would have to be asked, or something made."""
    if not view.twin.followed:
        return None
    try:
        seen = view.seen()
    except TwinError:
        return None
    return seen.shown if seen.is_shown else None
