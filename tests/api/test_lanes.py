"""How much is worked at once: lanes with slots, who waits in them and for how long."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from threading import Event
from typing import Any

import anyio.to_thread
import pytest
from fastapi import Response
from starlette.datastructures import State
from starlette.types import Receive, Scope, Send

from tests.api.conftest import NOW, Make, record, records, store_of
from tests.api.exchange import Exchange, asked, limited, others_go_on, whole_body
from twin.api import limits
from twin.api.items_query import state_text
from twin.api.limits import lane_of
from twin.api.manners import is_present
from twin.api.world import When, World
from twin.engine import Twin
from twin.model import Edit
from twin.readers.plan_file import read_plan
from twin.readers.raster import read_grid
from twin.settings import Settings


def test_judgements_wait_for_their_lane_and_others_go_by() -> None:
    async def scene() -> None:
        free, running, most = asyncio.Event(), 0, 0

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            nonlocal running, most
            if scope["path"].startswith("/coverage"):
                running += 1
                most = max(most, running)
                await free.wait()
                running -= 1
            await Response("done")(scope, receive, send)

        server = limited(app, heavy_threads=2)
        slow = [
            asyncio.create_task(Exchange(server, asked("POST", "/coverage/x", {"content-length": "0"})).run())
            for _ in range(40)
        ]
        await others_go_on()
        for path in ("/tiles/cameras/1/2/3.mvt", "/collections/cameras/items", "/coverage"):
            if path != "/coverage":
                assert (await Exchange(server, asked(path=path)).run()).status == 200
        assert most == 2
        assert server.lanes["trial"].waiting == 38
        free.set()
        assert {(await task).status for task in slow} == {200}
        assert (most, running, server.lanes["trial"].waiting) == (2, 0, 0)

    asyncio.run(scene())


def test_a_lane_that_is_full_says_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_WAITING", 1)

    async def scene() -> list[int]:
        free = asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await free.wait()
            await Response("done")(scope, receive, send)

        server = limited(app, heavy_threads=1)
        tasks = [asyncio.create_task(Exchange(server, asked(path="/coverage/x")).run()) for _ in range(3)]
        refused = await asyncio.wait_for(tasks[2], 10)
        assert refused.headers["retry-after"]
        free.set()
        return [(await task).status for task in tasks]

    assert asyncio.run(scene()) == [200, 200, 503]


def test_who_waits_too_long_for_a_slot_hears_503_and_the_slot_is_not_lost() -> None:
    async def scene() -> list[int]:
        free = asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await free.wait()
            await Response("done")(scope, receive, send)

        server = limited(app, heavy_threads=1, patience_s=0.05)
        first = asyncio.create_task(Exchange(server, asked(path="/coverage/x")).run())
        await others_go_on()
        second = await Exchange(server, asked(path="/coverage/x")).run()
        free.set()
        third = await Exchange(server, asked(path="/coverage/x")).run()
        return [(await first).status, second.status, third.status]

    assert asyncio.run(scene()) == [200, 503, 200]


def test_work_that_takes_too_long_is_answered_and_keeps_its_slot_until_it_ends() -> None:
    async def scene() -> list[Any]:
        stuck, done = Event(), Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await anyio.to_thread.run_sync(stuck.wait)
            done.set()
            await Response("too late")(scope, receive, send)

        server = limited(app, heavy_threads=1, handler_s=0.05, patience_s=0.05)
        first = await Exchange(server, asked(path="/coverage/x")).run()
        second = await Exchange(server, asked(path="/coverage/x")).run()
        stuck.set()
        await anyio.to_thread.run_sync(done.wait)
        third = await Exchange(server, asked(path="/coverage/x")).run()
        return [
            first.status,
            first.problem["type"],
            first.headers["retry-after"],
            second.status,
            second.problem["type"],
            third.status,
        ]

    assert asyncio.run(scene()) == [503, "urn:twin:problem:too-long", "5", 503, "urn:twin:problem:busy", 200]


def test_an_answer_that_has_begun_gives_its_slot_back() -> None:
    async def scene() -> int:
        read = asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            if scope["path"].endswith("slowly"):
                await read.wait()
            await send({"type": "http.response.body", "body": b"x"})

        server = limited(app, heavy_threads=1)
        slow = asyncio.create_task(Exchange(server, asked(path="/coverage/x/slowly")).run())
        await others_go_on()
        status = (await asyncio.wait_for(Exchange(server, asked(path="/coverage/x")).run(), 10)).status
        read.set()
        await slow
        return status

    assert asyncio.run(scene()) == 200


def test_who_sends_slowly_holds_no_slot() -> None:
    async def scene() -> int:
        server = limited(whole_body, heavy_threads=1)
        slow = asyncio.create_task(
            Exchange(server, asked("POST", "/coverage/x", {"content-length": "2"}), b"{", 60.0, b"}").run()
        )
        await others_go_on()
        status = (
            await asyncio.wait_for(
                Exchange(server, asked("POST", "/coverage/x", {"content-length": "2"}), b"{}").run(), 10
            )
        ).status
        slow.cancel()
        with suppress(asyncio.CancelledError):
            await slow
        return status

    assert asyncio.run(scene()) == 200


def test_a_failure_in_a_lane_is_a_failure_and_frees_the_slot(make: Make) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError

    async def scene() -> int:
        server = limited(app, heavy_threads=1)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await asyncio.wait_for(Exchange(server, asked(path="/coverage/x")).run(), 10)
        return server.in_flight

    assert asyncio.run(scene()) == 0


def test_more_requests_at_once_than_are_taken_hear_503_but_not_the_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_IN_FLIGHT", 2)

    async def scene() -> list[int]:
        free = asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["path"] == "/x":
                await free.wait()
            await Response("done")(scope, receive, send)

        server = limited(app)
        tasks = [asyncio.create_task(Exchange(server, asked()).run()) for _ in range(2)]
        await others_go_on()
        third, health = await Exchange(server, asked()).run(), await Exchange(server, asked(path="/healthz")).run()
        free.set()
        return [third.status, health.status, *[(await task).status for task in tasks]]

    assert asyncio.run(scene()) == [503, 200, 200, 200]


@pytest.mark.parametrize(
    ("method", "path", "query", "lane"),
    [
        ("GET", "/coverage/x/gaps", b"", "judging"), ("POST", "/coverage/x", b"", "trial"), ("GET", "/collections/cameras/items", b"", ""),
        ("GET", "/collections/cameras/items", b"as_of=2020-01-01", "past"), ("GET", "/tiles/cameras/1/1/1.mvt", b"known_at=2020-01-01", "past"),
        ("GET", "/coverage/x", b"as_of=2020-01-01", "judging"), ("POST", "/imports", b"", ""),
        ("GET", "/collections/cameras/items", b"limit=1&as%5Fof=2020-01-01", "past"),
        ("GET", "/collections/cameras/items", b"%64atetime=2020-01-01/..", "past"),
        ("GET", "/collections/cameras/items", b"name=has_of=x%20", ""),
        ("GET", "/collections/cameras/items", b"limit=1&state=7-100", ""),
        ("GET", "/collections/cameras/items", b"limit=1&state=7-101", "past"),
        ("GET", "/collections/cameras/items", b"state=7-100&state=7-101", "past"),
        ("GET", "/collections/cameras/items", b"limit=1&filter=name%20like%20'x%25'", "filter"),
        ("GET", "/collections/cameras/items", b"%66ilter=a=1&datetime=2020-01-01", "past"),
        ("GET", "/tiles/coverage/x/1/1/1.mvt", b"", ""), ("GET", "/tiles/coverage/x/1/1/1.mvt", b"radius_m=7", "judging"),
    ],
)  # fmt: skip
def test_which_questions_wait_in_which_lane(method: str, path: str, query: bytes, lane: str) -> None:
    assert lane_of(method, path, query, "7-100".__eq__) == lane


def test_pages_of_what_holds_now_wait_for_nobody() -> None:
    store, settings = store_of(records()), Settings(store="memory:")
    state = State({"world": World(Twin(store, read_plan(settings.plan), read_grid, lambda: NOW), settings)})
    follower, snapshot = state.world.follower, state.world.whole(When())
    text = state_text(snapshot.tx, snapshot.as_of)
    assert not is_present(state, text)
    follower.start()
    try:
        follower.has_looked.wait()
        assert is_present(state, text)
        assert not is_present(state, state_text(snapshot.tx, snapshot.as_of - timedelta(microseconds=1)))
        store.commit([Edit("add", record("cameras", "new", (121.28, 31.01)))], author="", reason="", at=NOW)
        assert not is_present(state, state_text(snapshot.tx + 1, snapshot.as_of - timedelta(days=1)))
        while is_present(state, text):
            store.wait(store.head(), 0.01)
    finally:
        follower.stop()
    assert not is_present(State(), text)
