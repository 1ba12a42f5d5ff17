"""How often one may ask: requests of each key or address, and wrong keys of each address, by the package ``limits``.

Counted in this process: with several workers each allows as much.
"""

from __future__ import annotations

import time
from functools import cached_property, lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

from twin.access import ANONYMOUS
from twin.api.proxies import network_of
from twin.api.refusals import Refusal, Refuse, answer
from twin.errors import BadParameter, Words
from twin.settings import Settings

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.storage import MemoryStorage
    from limits.strategies import SlidingWindowCounterRateLimiter

MAX_KEYS = 20_000
"""Callers that are remembered. One who can change its address so often is not held by a limit for each."""


class Rate:
    """How often each caller may do something: ``600/minute``, or ``off``.

    Raises:
        BadParameter: it is neither.
    """

    def __init__(self, text: str, name: str) -> None:
        self.text, self.name, self.has_hits = text.strip().lower(), name, False
        self._storage: MemoryStorage | None = None
        self._limiter: SlidingWindowCounterRateLimiter | None = None

    @property
    def is_on(self) -> bool:
        return self.text != "off"

    @cached_property
    def item(self) -> RateLimitItem:
        return rate_of(self.text, self.name)

    def _made(self) -> SlidingWindowCounterRateLimiter:
        from limits.storage import MemoryStorage
        from limits.strategies import SlidingWindowCounterRateLimiter

        if self._limiter is None or self._storage is None:
            self._storage = MemoryStorage()
            self._limiter = SlidingWindowCounterRateLimiter(self._storage)
        if len(self._storage.expirations) > MAX_KEYS:
            self._storage.reset()
        return self._limiter

    def hit(self, key: str) -> bool:
        """Count it. False where it is once too often."""
        if not self.is_on:
            return True
        self.has_hits = True
        return self._made().hit(self.item, key)

    def state(self, key: str) -> tuple[int, int]:
        """(how often it may still be done, seconds until more is allowed), at least 1 s."""
        stats = self._made().get_window_stats(self.item, key)
        return stats.remaining, max(round(stats.reset_time - time.time() + 0.5), 1)

    def wait_s(self, key: str) -> int:
        """Seconds to wait; 0 where it may be done now."""
        if not self.is_on:
            return 0
        remaining, reset_s = self.state(key)
        return 0 if remaining else reset_s


def rate_of(text: str, name: str) -> RateLimitItem:
    """What ``600/minute`` means. Raises BadParameter."""
    from limits import parse

    try:
        return parse(text)
    except ValueError:
        raise BadParameter(
            f"{name} 应为 600/minute 之类或 off，收到“{text}”",
            f"{name} must be such as 600/minute, or off; got {text!r}",
        ) from None


class Rates:
    """ASGI layer inside the sign-in: how often each key, or each address without one, may ask."""

    def __init__(self, app: ASGIApp, settings: Settings, refuse: Refuse) -> None:
        self.app, self.refuse = app, refuse
        self.rate = Rate(settings.rate_limit, "TWIN_RATE_LIMIT")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = caller_key(scope) if scope["type"] == "http" and self.rate.is_on else ""
        if not key or scope["path"].endswith("/healthz"):
            await self.app(scope, receive, send)
            return
        allowed = self.rate.hit(key)
        remaining, reset_s = self.rate.state(key)
        item = self.rate.item
        policy = f'"default";q={item.amount};w={item.get_expiry()}'
        told = {"ratelimit-policy": policy, "ratelimit": f'"default";r={remaining};t={reset_s}'}
        if allowed:
            scope["more_headers"] = told
            await self.app(scope, receive, send)
            return
        self.refuse("rate")
        await answer(too_often(reset_s), scope, receive, send, **told)


def too_often(wait_s: int) -> Refusal:
    words = Words(f"请求过于频繁，请在 {wait_s} 秒后重试", f"too many requests: try again in {wait_s} s")
    return Refusal(429, "rate", words, wait_s)


def wrong_too_often(wait_s: int) -> Refusal:
    words = Words(
        f"此地址多次出示无效的密钥或令牌，请在 {wait_s} 秒后重试",
        f"this address has shown too many invalid keys or tokens: try again in {wait_s} s",
    )
    return Refusal(429, "failed-sign-in", words, wait_s)


def caller_key(scope: Scope) -> str:
    """Who is counted: a key or token by its caller, else the address; empty for this machine where all is open."""
    if known := known_caller(scope):
        return known
    caller = scope.get("caller")
    address = caller_address(scope)
    return "" if (caller is None or caller.is_open) and is_this_machine(address) else address


def known_caller(scope: Scope) -> str:
    """Whose key or token was shown, by itself or by a session; empty where nobody said who he is."""
    caller = scope.get("caller")
    return "" if caller is None or caller.is_open or caller.id == ANONYMOUS.id else f"id {caller.id}"


def caller_address(scope: Scope) -> str:
    client = scope.get("client")
    return _counted(client[0]) if client else "-"


_counted = lru_cache(maxsize=MAX_KEYS)(network_of)


@lru_cache(maxsize=MAX_KEYS)
def is_this_machine(address: str) -> bool:
    try:
        return ip_address(address.partition("/")[0]).is_loopback or address == "::/64"
    except ValueError:
        return False
