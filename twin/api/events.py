"""``GET /events``: what was recorded, as server-sent events, resumable by ``Last-Event-ID``."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from starlette.types import Receive, Scope, Send

from twin.access import OPEN
from twin.api.feed import FULL_FOR_S, MAX_OF_ADDRESS, MAX_OF_CALLER, Feed, Listener, Stream, TooMany, Wish
from twin.api.params import bad
from twin.api.problems import problem
from twin.api.rates import caller_address, known_caller
from twin.api.touched import sight_of
from twin.layers import LAYERS

router = APIRouter(tags=["events"])
MEDIA_TYPE = "text/event-stream"
HEADERS = {
    "content-type": f"{MEDIA_TYPE}; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",  # nginx would keep them
}
UNKNOWN = 1 << 62
"""Stands for an id that cannot be one of ours: a browser cannot be told otherwise than by ``reset``."""
MAX_DIGITS = 15
EVENT = {
    "type": "object",
    "description": "one event of the stream",
    "properties": {
        "event": {"type": "string", "enum": ["here", "change", "reset"]},
        "id": {"type": "string"},
        "data": {"type": "string"},
        "retry": {"type": "integer"},
    },
    "required": ["event", "data"],
}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "An endless stream: `here` (data: JSON with tx, snapshot: where it begins), `change` (layer, tx, at, "
        "snapshot, bbox, n, keys) and `reset` (tx, snapshot: read all anew). The id is the transaction's number.",
        "content": {MEDIA_TYPE: {"schema": EVENT}},
    }
}


class EventStream(Response):
    """Sends a stream's parts until one of the two ends it."""

    def __init__(self, feed: Feed, stream: Stream) -> None:
        super().__init__(headers=HEADERS)
        self._feed, self._stream = feed, stream
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        tasks = []
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if scope.get("is_head"):
                await send({"type": "http.response.body", "body": b""})
                return
            sender = self._stream.sender = asyncio.create_task(self._send(send))
            tasks = [sender, asyncio.create_task(_until_gone(receive))]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._feed.leave(self._stream)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, send: Send) -> None:
        stream = self._stream
        while parts := await stream.take():
            stream.sending_since = monotonic()
            await send({"type": "http.response.body", "body": parts, "more_body": True})
            stream.sending_since = None
        await send({"type": "http.response.body", "body": b""})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@router.get("/events", response_class=Response, responses=ANSWERS)
async def events(
    request: Request,
    layer: Annotated[
        list[str],
        Query(
            default_factory=list,
            description="only of these layers (repeatable)",
            json_schema_extra={"items": {"type": "string", "enum": [*LAYERS]}},
        ),
    ],
    last_event_id: Annotated[int | None, Query(ge=0, description="tell what came after this event")] = None,
    last_seen: Annotated[str | None, Header(alias="Last-Event-ID", description="the same, as browsers say it")] = None,
) -> Response:
    """What is recorded, as it is recorded: one event a transaction and layer.

    ``bbox`` is round all places before and after. Of sensitive things it is made of the res-9 cells they lie in (below
    ``cleared`` of these cells' centres), and ``public`` is told that something changed, no more.
    """
    for name in layer:
        if name not in LAYERS:
            known = ", ".join(LAYERS)
            raise bad(
                "query", "layer", name, f"没有这个图层，现有：{known}", f"there is no such layer; there are: {known}"
            )
    wish = Wish(sight_of(request.scope.get("caller", OPEN)), frozenset(layer) or None)
    feed: Feed = request.app.state.feed
    try:
        stream = await feed.join(wish, _last(last_event_id, last_seen), _listener(request.scope))
    except TooMany as full:
        request.app.state.metrics.refuse("listeners")
        return problem(request, 429, "rate", full.words, headers={"retry-after": str(FULL_FOR_S)})
    return EventStream(feed, stream)


def _listener(scope: Scope) -> Listener:
    known = known_caller(scope)
    return Listener(known, MAX_OF_CALLER) if known else Listener(caller_address(scope), MAX_OF_ADDRESS)


def _last(asked: int | None, header: str | None) -> int | None:
    """A browser that comes back says in the header what it has; the query is what it began with."""
    if header is None:
        return asked
    return int(header) if header.isascii() and header.isdigit() and len(header) <= MAX_DIGITS else UNKNOWN
