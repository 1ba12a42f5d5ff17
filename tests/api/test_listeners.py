"""How many streams of events one caller may have, and who counts as one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.api.conftest import NOW, records, store_of
from twin.access import ANONYMOUS, OPEN, Caller
from twin.api import events, feed
from twin.api.app import create_app
from twin.api.feed import MAX_OF_ADDRESS, MAX_OF_CALLER, MAX_STREAMS
from twin.engine import Twin
from twin.readers.plan_file import read_plan
from twin.readers.raster import read_grid
from twin.settings import Settings

SETTINGS = Settings(store="memory:")
LI, WANG = Caller("key:li", "planner"), Caller("sub:wang", "cleared")
HERE, OFFICE, HOME = "127.0.0.1", "192.0.2.7", "198.51.100.9"


class Asked:
    """One GET of /events, held until it is let go."""

    def __init__(self, app: Any, caller: Caller, address: str, language: str) -> None:
        self.status, self.headers, self.body = 0, dict[str, str](), b""
        self._begun, self._gone = asyncio.Event(), asyncio.Event()
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": "/events", "raw_path": b"/events", "root_path": "", "query_string": b"", "server": ("twin.test", 80),
            "client": (address, 1), "caller": caller, "headers": [(b"host", b"twin.test"), (b"accept-language", language.encode())],
        }  # fmt: skip
        self.task = asyncio.create_task(app(scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        else:
            self.body += message.get("body", b"")
            self._begun.set()

    async def begin(self) -> Asked:
        async with asyncio.timeout(10):
            await self._begun.wait()
        return self

    async def leave(self) -> None:
        self._gone.set()
        async with asyncio.timeout(10):
            await self.task


Ask = Callable[..., Awaitable[Asked]]


def served(play: Callable[[Ask], Awaitable[None]]) -> None:
    """Play with a server of a small world, asked in process; afterwards nobody listens."""

    async def run() -> None:
        twin = Twin(store_of(records()), read_plan(SETTINGS.plan), read_grid, lambda: NOW)
        app, asked = create_app(twin, SETTINGS), list[Asked]()
        app.state.feed._listen = lambda heard: lambda: None

        async def ask(caller: Caller = OPEN, address: str = HERE, language: str = "en") -> Asked:
            asked.append(Asked(app, caller, address, language))
            return await asked[-1].begin()

        try:
            await play(ask)
        finally:
            app.state.feed.close()
            await asyncio.gather(*(one.leave() for one in asked))

    asyncio.run(run())


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key may listen twice at once, an address three times."""
    monkeypatch.setattr(events, "MAX_OF_CALLER", 2)
    monkeypatch.setattr(events, "MAX_OF_ADDRESS", 3)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(("caller", "most"), [(LI, 2), (WANG, 2), (ANONYMOUS, 3), (OPEN, 3)], ids=lambda v: str(v)[:20])
def test_one_caller_has_no_more_than_his_share_and_others_have_theirs(caller: Caller, most: int) -> None:
    async def play(ask: Ask) -> None:
        assert [(await ask(caller, OFFICE)).status for _ in range(most + 2)] == [200] * most + [429] * 2
        assert (await ask(Caller("key:other", "planner"), OFFICE)).status == 200
        assert (await ask(ANONYMOUS, HOME)).status == 200

    served(play)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    ("language", "says"), [("en", "listens 2 times already"), ("zh", "已有 2 个实时通知连接（上限）")]
)
def test_who_has_too_many_is_told_so_and_when_to_ask_again(language: str, says: str) -> None:
    async def play(ask: Ask) -> None:
        for _ in range(2):
            await ask(LI)
        refused = await ask(LI, language=language)
        assert (refused.status, refused.headers["retry-after"]) == (429, str(feed.FULL_FOR_S))
        told = json.loads(refused.body)
        assert told["type"] == "urn:twin:problem:rate"
        assert says in told["detail"]
        assert str(feed.FULL_FOR_S) in told["detail"]

    served(play)


@pytest.mark.usefixtures("few")
def test_a_stream_that_has_ended_makes_room_for_another() -> None:
    async def play(ask: Ask) -> None:
        first, _ = [await ask(LI) for _ in range(2)]
        assert (await ask(LI)).status == 429
        await first.leave()
        assert [(await ask(LI)).status for _ in range(2)] == [200, 429]

    served(play)


SAME = {
    "a key from two places": ((LI, OFFICE), (LI, HOME), True),
    "a key with another area, of the same id": ((LI, OFFICE), (Caller(LI.id, "planner", ("310112",)), OFFICE), True),
    "two keys at one place": ((LI, OFFICE), (WANG, OFFICE), False),
    "a key and nobody, at one place": ((LI, OFFICE), (ANONYMOUS, OFFICE), False),
    "nobody, at two places": ((ANONYMOUS, OFFICE), (ANONYMOUS, HOME), False),
    "nobody, at one place": ((ANONYMOUS, OFFICE), (ANONYMOUS, OFFICE), True),
    "one subscriber's IPv6": ((ANONYMOUS, "2001:db8::1"), (ANONYMOUS, "2001:db8::2:0:0:3"), True),
    "two subscribers' IPv6": ((ANONYMOUS, "2001:db8::1"), (ANONYMOUS, "2001:db8:0:1::1"), False),
    "open, on this machine": ((OPEN, HERE), (OPEN, HERE), True),
    "a key that is named like an address": ((Caller(OFFICE, "planner"), HOME), (ANONYMOUS, OFFICE), False),
}


@pytest.mark.parametrize("name", SAME)
def test_who_counts_as_one_caller(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MAX_OF_CALLER", 1)
    monkeypatch.setattr(events, "MAX_OF_ADDRESS", 1)
    one, two, is_one = SAME[name]

    async def play(ask: Ask) -> None:
        assert (await ask(*one)).status == 200
        assert (await ask(*two)).status == (429 if is_one else 200)

    served(play)


def test_an_office_behind_one_address_listens_together_and_leaves_room_for_others() -> None:
    async def play(ask: Ask) -> None:
        together = await asyncio.gather(*(ask(ANONYMOUS, OFFICE) for _ in range(MAX_OF_ADDRESS + 1)))
        assert sorted(one.status for one in together) == [200] * MAX_OF_ADDRESS + [429]
        assert (await ask(LI, OFFICE)).status == 200

    served(play)
    assert 2 * MAX_OF_CALLER <= MAX_OF_ADDRESS <= MAX_STREAMS // 2
