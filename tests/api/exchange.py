"""One request to an ASGI app, byte by byte: what limits are tested with."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from fastapi import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from twin.api.limits import Limits
from twin.settings import Settings

MIB = 1 << 20


def settings_of(**more: Any) -> Settings:
    return Settings(store="memory:", **{"log": "off", **more})


def asked(
    method: str = "GET",
    path: str = "/x",
    headers: dict[str, str] | None = None,
    client: str = "203.0.113.7",
    **more: Any,
) -> Scope:
    raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    return {
        "type": "http",
        "method": method,
        "path": path,
        "headers": raw,
        "query_string": b"",
        "client": (client, 1),
        **more,
    }


class Exchange:
    """One request to an ASGI app, whose body comes in the parts given; a number is a pause in seconds."""

    def __init__(self, app: ASGIApp, scope: Scope, *parts: bytes | float) -> None:
        self.app, self.scope, self.parts = app, scope, list(parts or [b""])
        self.status, self.body, self.headers, self.n_taken = 0, b"", {}, 0

    async def receive(self) -> dict[str, Any]:
        while self.parts:
            part = self.parts.pop(0)
            if isinstance(part, bytes):
                self.n_taken += len(part)
                return {
                    "type": "http.request",
                    "body": part,
                    "more_body": any(isinstance(p, bytes) for p in self.parts),
                }
            await asyncio.sleep(part)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        self.body += message.get("body", b"")

    async def run(self) -> Exchange:
        await self.app(self.scope, self.receive, self.send)
        return self

    @property
    def problem(self) -> dict[str, Any]:
        return orjson.loads(self.body)


async def others_go_on() -> None:
    """Lets every other task come to where it has to wait."""
    for _ in range(50):
        await asyncio.sleep(0)


async def whole_body(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers how many bytes came."""
    n_bytes = 0
    while True:
        message = await receive()
        n_bytes += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    await Response(str(n_bytes))(scope, receive, send)


def limited(app: ASGIApp, refused: list[str] | None = None, **more: Any) -> Limits:
    return Limits(app, settings_of(**more), (refused if refused is not None else []).append)
