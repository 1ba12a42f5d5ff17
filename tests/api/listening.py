"""Listeners to ``/events`` in process: a small world with its feed on stage, and what each listener heard."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI

from tests.api.conftest import NOW, records, store_of
from twin.access import OPEN, Caller
from twin.api.app import create_app
from twin.api.feed import Feed, Pace
from twin.engine import Twin
from twin.model import Edit, Record, Snapshot
from twin.readers.plan_file import read_plan
from twin.readers.raster import read_grid
from twin.settings import Settings
from twin.store.memory import MemoryStore

PLANNER, CLEARED = Caller("p", "planner"), Caller("c", "cleared")
PATIENCE_S = 10
SETTINGS = Settings(store="memory:")


@dataclass(frozen=True)
class Event:
    kind: str
    data: Any
    id: str


class Bell:
    """A follower that says of a commit what it is told to say."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[int, int, Snapshot], None]] = []

    def listen(self, heard: Callable[[int, int, Snapshot], None]) -> Callable[[], None]:
        self.listeners.append(heard)
        return self.listeners.clear


class Stage:
    """A small world, its feed, and who listens to it; on the running loop."""

    def __init__(self, rows: list[Record] | None = None, pace: Pace | None = None) -> None:
        self.store = store_of(records() if rows is None else rows)
        self.twin, self.bell, self.app = twin_over(self.store), Bell(), app()
        self.feed = self.app.state.feed = Feed(self.twin, self.bell.listen, pace=pace)

    def tell(self, before: int) -> None:
        for heard in self.bell.listeners:
            heard(before, self.store.head(), self.twin.snapshot())

    def commit(self, *edits: Edit, **more: Any) -> int:
        before = self.store.head()
        self.store.commit(edits, author="test", reason="test", at=NOW, **more)
        self.tell(before)
        return self.store.head()

    def move(self, key: str, place: tuple[float, float], layer: str = "chargers") -> int:
        return self.commit(moved(self.store, layer, key, place))

    async def listen(self, *, caller: Caller = OPEN, head: dict[str, str] | None = None, **query: Any) -> Heard:
        return await Heard(self.app, caller, query, head or {}).begin()


@cache
def app() -> FastAPI:
    """One app for all: the route asks it for the feed alone."""
    return create_app(twin_over(MemoryStore()), SETTINGS)


def twin_over(store: MemoryStore) -> Twin:
    return Twin(store, read_plan(SETTINGS.plan), read_grid, lambda: NOW)


def moved(store: MemoryStore, layer: str, key: str, place: tuple[float, float]) -> Edit:
    version, _, _, last = store.versions(layer, key)[-1]
    return Edit("change", replace(last, lng=place[0], lat=place[1], valid_from=NOW), version)


class Heard:
    """One GET of /events: what came, as a browser reads it."""

    def __init__(self, app: Any, caller: Caller, query: dict[str, Any], head: dict[str, str]) -> None:
        self.app, self.status, self.headers, self.raw, self.ended = app, 0, {}, b"", False
        self.n_sent = 0
        self.flows, self.gone, self.more = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.flows.set()
        self.scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": "/events", "raw_path": b"/events", "root_path": "", "server": ("twin.test", 80), "client": ("127.0.0.1", 1),
            "query_string": urlencode(query, doseq=True).encode(), "caller": caller,
            "headers": [(b"host", b"twin.test"), *((k.encode(), v.encode()) for k, v in head.items())],
        }  # fmt: skip

    async def begin(self) -> Heard:
        self.task = asyncio.create_task(self.app(self.scope, self._receive, self._send))
        await self._until(lambda: self.n_sent > 1 or self.task.done())
        return self

    async def _receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        await self.flows.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        else:
            self.raw += message.get("body", b"")
            self.ended |= not message.get("more_body", False)
        self.n_sent += 1
        self.more.set()

    async def _until(self, isit: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not isit():
                self.more.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.more.wait(), 0.05)

    async def events(self, n: int) -> list[Event]:
        """The first n events; waits for them."""
        await self._until(lambda: len(parsed(self.raw)) >= n or self.ended)
        return parsed(self.raw)[:n]

    @property
    def last_id(self) -> str:
        return [line[4:] for line in self.raw.decode().splitlines() if line.startswith("id: ")][-1]

    async def leave(self) -> None:
        self.gone.set()
        await self.over()

    async def over(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self.task

    def problem(self) -> Any:
        return json.loads(self.raw)


def parsed(raw: bytes) -> list[Event]:
    """What was told, as the HTML standard reads a stream (§9.2.6), without what we never send (CR, BOM, data of many lines)."""
    found, kind, data, last = [], "", "", ""
    for line in raw.decode().split("\n"):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data and kind != "here":
                found.append(Event(kind or "message", json.loads(data), last))
            kind, data = "", ""
        elif name == "event":
            kind = value
        elif name == "data":
            data += value
        elif name == "id":
            last = value
    return found


def on_stage(
    play: Callable[[Stage], Awaitable[None]], rows: list[Record] | None = None, pace: Pace | None = None
) -> None:
    """Play on a fresh stage; afterwards nobody listens any more."""

    async def evening() -> None:
        stage = Stage(rows, pace)
        await play(stage)
        stage.feed.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        done, left = await asyncio.wait(others, timeout=PATIENCE_S) if others else (set(), set())
        assert not left
        assert stage.feed.n_listeners == 0
        for task in done:
            assert task.cancelled() or task.exception() is None

    asyncio.run(evening())
