"""What one caller may ask of the server: how much at once, how often, how large, how slowly, how long.

``Limits`` stands outside the sign-in and ``Rates`` inside it, where it is known who asks. Both are per worker.
Work that runs in a thread cannot be stopped. So it is bounded in number: judgements have lanes of a few slots each, and
whoever waits too long for a slot or for the answer hears 503, while tiles and items go by.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from twin.api.logs import description, logger
from twin.api.rates import Rate, caller_address, wrong_too_often
from twin.api.refusals import BUSY, TOO_LONG, TOO_SLOW, Refusal, Refuse, Refused, answer, too_large
from twin.api.upload import BESIDE, MAX_UPLOAD
from twin.settings import Settings

MAX_IN_FLIGHT = 1000
MAX_WAITING = 512
"""For the slots of one lane."""
MIN_BYTES_PER_S = 1000.0
"""A body that comes slower than this in all is not waited for."""
UNCOUNTED = ("/healthz", "/readyz", "/metrics", "/events")
"""Asked while the server is full, too. Listeners to events are limited in number where they listen."""
SIGN_IN = "/session"
HEXES = "/tiles/coverage/"
"""Tiles that are judgements, where a query asks for other ones than those that are kept."""
TIMES = frozenset({"as_of", "known_at", "datetime"})
MAY_TAKE_LONG = tuple(name.encode() for name in (*TIMES, "state", "filter"))
BODY = frozenset({b"content-length", b"transfer-encoding"})


class Limits:
    """ASGI layer: requests at once, bodies, lanes, and addresses that show wrong keys.

    Args:
        refuse: told the reason of each refusal, for the figures.
        is_present: whether the ``state`` of a page is what holds now, so that it need not be looked for.
    """

    def __init__(
        self, app: ASGIApp, settings: Settings, refuse: Refuse, is_present: Callable[[str], bool] = lambda _: False
    ) -> None:
        self.app, self.refuse, self.is_present = app, refuse, is_present
        self.max_body, self.patience_s, self.handler_s = (
            settings.max_body_mib << 20,
            settings.patience_s,
            settings.handler_s,
        )
        self.in_flight = 0
        self.lanes = {name: Lane(settings.heavy_threads) for name in ("judging", "trial", "past", "filter")}
        self.failed = Rate(settings.failed_sign_in_limit, "TWIN_FAILED_SIGN_IN_LIMIT")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        counted = path not in UNCOUNTED
        if counted and self.in_flight >= MAX_IN_FLIGHT:
            await self._answer(BUSY, scope, receive, send)
            return
        self.in_flight += counted
        try:
            await self._ask(scope, receive, send, path)
        finally:
            self.in_flight -= counted

    async def _ask(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        names = {name for name, _ in scope["headers"]}
        if self.failed.has_hits and path == SIGN_IN:
            wait_s = self.failed.wait_s(caller_address(scope))
            if wait_s:
                await self._answer(wrong_too_often(wait_s), scope, receive, send)
                return
        lane = self.lanes.get(lane_of(scope["method"], path, scope.get("query_string", b""), self.is_present))
        if names.isdisjoint(BODY) and lane is None:
            await self.app(scope, receive, send)
            return
        gate = Gate(send)
        body = Body(receive, gate, self._largest(path), self.patience_s)
        try:
            length = next((v for n, v in scope["headers"] if n == b"content-length"), b"")
            if length.isdigit() and int(length) > body.limit:
                raise body.stop(too_large(body.limit))
            if lane is None:
                await self.app(scope, body.receive, gate.send)
            else:
                await self._take_turn(lane, scope, body, gate)
        except Refused:
            pass
        except Exception:
            if body.refusal is None:
                raise
        if body.refusal is not None and not gate.is_started:
            await self._answer(body.refusal, scope, None if body.is_complete else receive, send)

    async def _take_turn(self, lane: Lane, scope: Scope, body: Body, gate: Gate) -> None:
        """Read the whole body first: a slot is not held for somebody who sends slowly."""
        whole = await body.whole()
        if not await lane.enter(self.patience_s):
            raise body.stop(BUSY)
        gate.on_start = lane.leave_once()
        task = asyncio.ensure_future(self.app(scope, replayed(whole, body.source), gate.send))
        task.add_done_callback(lambda _: gate.started())
        try:
            done, _ = await asyncio.wait({task}, timeout=self.handler_s)
            if not done and not gate.is_started:
                task.add_done_callback(tell_failure)
                raise body.stop(TOO_LONG)
            await task
        except asyncio.CancelledError:
            task.cancel()
            raise

    def _largest(self, path: str) -> int:
        return MAX_UPLOAD + BESIDE if path == "/imports" else self.max_body

    async def _answer(self, refusal: Refusal, scope: Scope, receive: Receive | None, send: Send) -> None:
        self.refuse(refusal.code)
        await answer(refusal, scope, receive, send)

    def note(self, scope: Scope, status: int, seconds: float, n_bytes: int) -> None:
        """Count an answer that says that a key or token is wrong."""
        if status == 401:
            self.failed.hit(caller_address(scope))


class Gate:
    """Lets an answer through until it is closed; tells when the answer starts."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.is_started = self.is_closed = False
        self.on_start: Callable[[], None] = lambda: None

    async def send(self, message: Message) -> None:
        if self.is_closed:
            raise Refused
        if not self.is_started:
            self.is_started = True
            self.started()
        await self._send(message)

    def started(self) -> None:
        self.on_start()

    def close(self) -> None:
        """Another answer takes the place of the app's; one that has started goes on."""
        self.is_closed = not self.is_started


class Body:
    """A request's body as it comes, until it is too much or too slow."""

    def __init__(self, source: Receive, gate: Gate, limit: int, patience_s: float) -> None:
        self.source, self.gate, self.limit, self.patience_s = source, gate, limit, patience_s
        self.n_bytes, self.is_complete = 0, False
        self.refusal: Refusal | None = None
        self._began = time.monotonic()

    def stop(self, refusal: Refusal) -> Refused:
        self.refusal = refusal
        self.gate.close()
        return Refused()

    async def receive(self) -> Message:
        """As ASGI's; raises Refused when a limit is passed."""
        if self.is_complete:
            return await self.source()
        left_s = self.patience_s + self.n_bytes / MIN_BYTES_PER_S - (time.monotonic() - self._began)
        try:
            async with asyncio.timeout(max(min(left_s, self.patience_s), 0.0)):
                message = await self.source()
        except TimeoutError:
            raise self.stop(TOO_SLOW) from None
        self.n_bytes += len(message.get("body", b""))
        self.is_complete = not message.get("more_body", False)
        if self.n_bytes > self.limit:
            raise self.stop(too_large(self.limit))
        return message

    async def whole(self) -> Message:
        """All of it as one message; or that the caller is gone."""
        parts = []
        while not self.is_complete:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                return message
            parts.append(message.get("body", b""))
        return {"type": "http.request", "body": b"".join(parts), "more_body": False}


@dataclass
class Lane:
    """A few slots for one kind of heavy question, first come first served."""

    slots: int
    waiting: int = 0
    semaphore: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self.semaphore = asyncio.Semaphore(self.slots)

    async def enter(self, patience_s: float) -> bool:
        """Whether there was a slot in time."""
        if self.waiting >= MAX_WAITING:
            return False
        self.waiting += 1
        try:
            async with asyncio.timeout(patience_s):
                await self.semaphore.acquire()
        except TimeoutError:
            return False
        finally:
            self.waiting -= 1
        return True

    def leave_once(self) -> Callable[[], None]:
        """What gives the slot back, however often it is called."""
        left = False

        def leave() -> None:
            nonlocal left
            if not left:
                left = True
                self.semaphore.release()

        return leave


def lane_of(method: str, path: str, query: bytes, is_present: Callable[[str], bool]) -> str:
    """Which lane a question belongs in; none for what is quick. ``is_present`` says whether a page's ``state`` is what holds now."""
    if path.startswith("/coverage"):
        return "trial" if method == "POST" else "judging"
    if not query:
        return ""
    if path.startswith(HEXES):
        return "judging"
    if b"%" not in query and not any(name in query for name in MAY_TAKE_LONG):
        return ""
    said = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    if any(name in TIMES or (name == "state" and not is_present(text)) for name, text in said):
        return "past"
    return "filter" if any(name == "filter" for name, _ in said) else ""


def replayed(message: Message, then: Receive) -> Receive:
    """Gives the message first, then what still comes."""
    left = [message]

    async def receive() -> Message:
        return left.pop() if left else await then()

    return receive


def tell_failure(task: asyncio.Future[None]) -> None:
    """Log what went wrong after the answer was given up."""
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, Refused):
        logger.error("work that was given up failed: %s", description(error))
