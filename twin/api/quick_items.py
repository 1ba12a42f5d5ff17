"""Plain requests for features that hold now, answered before any routing: an ASGI layer inside those that settle who asks and how often.

It sees the world through the same ``View`` as the routes and selects by the same ``ItemsQuery``; whatever would take words, time or another
form it leaves to them.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from twin.api.allowed import least_role
from twin.api.crs import DEFAULT
from twin.api.features import items_reply
from twin.api.html import wants_html
from twin.api.items_query import MAX_LIMIT, STATE, ItemsQuery, state_of
from twin.api.params import parse_bbox
from twin.api.world import When, view_of
from twin.errors import BadParameter, TwinError

TEMPLATE = "/collections/{layer}/items"
PATH = re.compile(r"/collections/([a-z_]+)/items")
LEAST_ROLE = least_role("GET", TEMPLATE)
QUERY = re.compile(rb"(?:(?:bbox|limit|offset|after|state)=[^&]*(?:&|$))*")
NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")


class QuickItems:
    """The layer; ``app`` answers everything else."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET" and QUERY.fullmatch(scope["query_string"]):
            found = PATH.fullmatch(scope["path"].removeprefix(scope.get("root_path", "")))
            asked = None if found is None else query_of(scope["query_string"])
            if found is not None and asked is not None:
                request = Request(scope)
                view = view_of(request)
                try:
                    is_quick = (
                        view.caller.may(LEAST_ROLE)
                        and view.is_at_hand(found[1], asked.when)
                        and not wants_html(request)
                    )
                except TwinError:
                    is_quick = False
                if is_quick:
                    scope["route_template"] = TEMPLATE
                    await items_reply(request, view, found[1], asked)(scope, receive, send)
                    return
        await self.app(scope, receive, send)


def query_of(text: bytes) -> ItemsQuery | None:
    """What a plain query asks; None where it is for the routes to read it, or to say what is wrong."""
    given = parse_qsl(text.decode("latin-1"), keep_blank_values=True, encoding="utf-8", errors="strict")
    said = dict(given)
    limit, offset, after = said.get("limit", "10"), said.get("offset", "0"), said.get("after")
    if len(said) < len(given) or not (NUMBER.fullmatch(limit) and limit != "0" and NUMBER.fullmatch(offset)):
        return None
    try:
        bbox = parse_bbox(said["bbox"]) if "bbox" in said else None
    except BadParameter:
        return None
    state = said.get("state")
    if state is not None and not STATE.fullmatch(state):
        return None
    return ItemsQuery(
        When(state=state_of(state)),
        bbox,
        (),
        DEFAULT,
        None,
        (),
        DEFAULT,
        min(int(limit), MAX_LIMIT),
        int(offset),
        after,
        None,
    )
