"""The rim of the app: headers on every response, a request id, and unexpected errors caught and logged."""

from __future__ import annotations

import logging
from uuid import uuid4

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from twin.api.problems import internal, problem
from twin.errors import Words

logger = logging.getLogger("twin.api")

DATA_CSP = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
PAGE_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' blob: data:; worker-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
"""For HTML: everything from this server, nothing inline that runs. A page may send a policy of its own instead."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CROSS_SITE = Words("不接受其他网站的页面提交的修改", "changes that a page of another site sends are not accepted")
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(self)",
}


class Rim:
    """Outermost ASGI layer: sets what every response carries; HEAD is GET without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope["request_id"] = uuid4().hex[:12]
        if from_another_site(Request(scope)):
            answer = problem(Request(scope), 403, "cross-site", CROSS_SITE)
            add_headers(answer.headers, scope["request_id"])
            await answer(scope, receive, send)
            return
        head = scope["method"] == "HEAD"
        if head:
            scope = {**scope, "method": "GET"}  # a copy: the server's own says that no body follows
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                add_headers(MutableHeaders(scope=message), scope["request_id"])
            elif head:
                message = {**message, "body": b""}
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        except Exception:
            logger.exception("request %s failed: %s %s", scope["request_id"], scope["method"], scope["path"])
            if started:
                raise
            await internal(Request(scope))(scope, receive, send_with_headers)


def from_another_site(request: Request) -> bool:
    """Whether a browser says that a page of another site sends something to be written."""
    if request.method in SAFE_METHODS:
        return False
    origin = request.headers.get("origin")
    return origin is not None and origin.partition("://")[2] != request.headers.get("host")


def add_headers(headers: MutableHeaders, request_id: str) -> None:
    """The headers of every response; a policy that the endpoint set stays."""
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    is_page = headers.get("content-type", "").startswith("text/html")
    headers.setdefault("content-security-policy", PAGE_CSP if is_page else DATA_CSP)
    headers["x-request-id"] = request_id
