"""Answers that the server's limits give before the app is asked, or in its place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request
from starlette.types import Receive, Scope, Send

from twin.api.problems import RETRY_AFTER_S, problem
from twin.errors import Words

LINGER_S, LINGER_BYTES = 2.0, 8 << 20
"""What is still read after a refusal, so that the caller reads the answer and not a broken connection."""

Refuse = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that a limit gives."""

    status: int
    code: str
    words: Words
    retry_s: int = 0


BUSY = Refusal(
    503, "busy", Words("服务器繁忙，请稍后重试", "the server is busy: try again in a few seconds"), RETRY_AFTER_S
)
TOO_LONG = Refusal(
    503,
    "too-long",
    Words(
        "计算用时过长，已不再等待。请缩小范围或减少改动后重试",
        "this takes too long to work out: ask for a smaller area or fewer changes, or try again later",
    ),
    RETRY_AFTER_S,
)
TOO_SLOW = Refusal(
    408,
    "too-slow",
    Words("请求内容发送过慢，连接已关闭。请重试", "the body came too slowly and the connection is closed: try again"),
)


def too_large(limit: int) -> Refusal:
    size = f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit:,} B"
    return Refusal(413, "too-large", Words(f"请求内容超过 {size}", f"the body is larger than {size}"))


class Refused(Exception):
    """Ends the app's work on a request that is answered already."""


async def answer(refusal: Refusal, scope: Scope, receive: Receive | None, send: Send, **more: str) -> None:
    """Send a refusal. Where a body is refused the connection closes; ``receive`` gives what of it still comes, if any does."""
    headers = {"retry-after": str(refusal.retry_s)} if refusal.retry_s else {}
    closes = refusal.status in (408, 413)
    if closes:
        headers["connection"] = "close"
    response = problem(Request(scope), refusal.status, refusal.code, refusal.words, headers={**headers, **more})
    await send({"type": "http.response.start", "status": refusal.status, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": response.body, "more_body": True})
    if closes and receive is not None:
        await linger(receive)
    await send({"type": "http.response.body", "body": b""})


async def linger(receive: Receive) -> None:
    n_bytes = 0
    try:
        async with asyncio.timeout(LINGER_S):
            while n_bytes < LINGER_BYTES:
                message = await receive()
                n_bytes += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return
