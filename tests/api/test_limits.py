"""What one caller may ask of the server: how much at once, how large, how slowly, how long, how often."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from threading import Event
from typing import Any

import anyio.to_thread
import httpx
import orjson
import pytest
import uvicorn
import uvloop
from fastapi import FastAPI, Request, Response
from starlette.responses import StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.api.conftest import Make, records, store_of
from twin.access import ANONYMOUS, OPEN, Caller
from twin.api import connections, limits, rates, refusals
from twin.api.connections import MAX_HEAD_BYTES, Patient, unread_bytes
from twin.api.limits import Limits, lane_of
from twin.api.manners import surround
from twin.api.rates import Rates
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


# --- bodies


def test_a_body_is_counted_while_it_comes_whatever_it_says_of_its_length() -> None:
    refused: list[str] = []
    parts = [b"x" * MIB] * 100
    exchange = asyncio.run(
        Exchange(
            limited(whole_body, refused, max_body_mib=2),
            asked("POST", headers={"transfer-encoding": "chunked"}),
            *parts,
        ).run()
    )
    assert (exchange.status, exchange.problem["type"]) == (413, "urn:twin:problem:too-large")
    assert exchange.headers["connection"] == "close"
    assert exchange.n_taken < 12 * MIB, "the rest is read for a moment only"
    assert refused == ["too-large"]


def test_a_body_that_says_that_it_is_too_large_is_refused_unread() -> None:
    called = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        called.append(1)

    scope = asked("POST", headers={"content-length": str(2 * MIB + 1)})
    exchange = asyncio.run(Exchange(limited(app, max_body_mib=2), scope, b"x").run())
    assert (exchange.status, called) == (413, [])


def test_a_body_of_just_the_limit_passes() -> None:
    scope = asked("POST", headers={"content-length": str(2 * MIB)})
    exchange = asyncio.run(Exchange(limited(whole_body, max_body_mib=2), scope, b"x" * MIB, b"x" * MIB).run())
    assert (exchange.status, exchange.body) == (200, str(2 * MIB).encode())


def test_an_import_has_a_limit_of_its_own() -> None:
    scope = asked("POST", "/imports", headers={"content-length": str(3 * MIB)})
    assert asyncio.run(Exchange(limited(whole_body, max_body_mib=1), scope, b"x" * 3 * MIB).run()).status == 200


def test_a_body_that_stops_coming_is_a_408() -> None:
    scope = asked("POST", headers={"content-length": "100"})
    exchange = asyncio.run(Exchange(limited(whole_body, patience_s=0.05), scope, b"x", 60.0, b"y").run())
    assert (exchange.status, exchange.headers["connection"]) == (408, "close")


def test_a_body_that_drips_is_a_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MIN_BYTES_PER_S", 1e6)
    monkeypatch.setattr(refusals, "LINGER_S", 0.1)
    drips = [part for _ in range(1000) for part in (b"x", 0.01)]
    exchange = asyncio.run(
        Exchange(limited(whole_body, patience_s=0.2), asked("POST", headers={"content-length": "1000"}), *drips).run()
    )
    assert exchange.status == 408
    assert exchange.n_taken < 1000


def test_a_refusal_stands_whatever_the_app_makes_of_it() -> None:
    async def swallows(scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(Exception):
            await whole_body(scope, receive, send)
        await Response("nothing wrong here")(scope, receive, send)

    async def wraps(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await whole_body(scope, receive, send)
        except Exception as error:
            raise RuntimeError("wrapped") from error

    for app in (swallows, wraps):
        scope = asked("POST", headers={"content-length": "x"})
        assert asyncio.run(Exchange(limited(app, max_body_mib=1), scope, b"x" * 2 * MIB).run()).status == 413


def test_the_app_answers_a_large_body_with_413_on_every_route(make: Make) -> None:
    client = make(store_of(records()), max_body_mib=1)
    for path in ("/coverage/charger-service", "/collections/cameras/items", "/nowhere", "/collections"):
        answer = client.post(path, content=b"[" * (MIB + 1), headers={"content-type": "application/json"})
        assert (answer.status_code, answer.json()["status"], answer.headers["x-content-type-options"]) == (
            413,
            413,
            "nosniff",
        ), path


# --- how much at once


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
    ],
)  # fmt: skip
def test_which_questions_wait_in_which_lane(method: str, path: str, query: bytes, lane: str) -> None:
    assert lane_of(method, path, query) == lane


# --- how often


def rated(rate: str, caller: Caller | None = ANONYMOUS) -> Callable[..., Exchange]:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Response("ok")(scope, receive, send)

    server = Rates(app, settings_of(rate_limit=rate), lambda _: None)

    def ask(client: str = "203.0.113.7", caller: Caller | None = caller) -> Exchange:
        return asyncio.run(Exchange(server, asked(client=client, caller=caller)).run())

    return ask


def test_an_address_may_ask_so_often_and_then_has_to_wait() -> None:
    ask = rated("3/hour")
    assert [ask().status for _ in range(4)] == [200, 200, 200, 429]
    refused = ask()
    assert int(refused.headers["retry-after"]) >= 1
    assert re.fullmatch(r'"default";r=0;t=\d+', refused.headers["ratelimit"])
    assert refused.headers["ratelimit-policy"] == '"default";q=3;w=3600'
    assert refused.problem["type"] == "urn:twin:problem:rate"
    assert ask("203.0.113.8").status == 200


def test_the_words_of_a_refusal_are_in_the_caller_s_language(make: Make) -> None:
    client = make(store_of(records()), rate_limit="1/hour", trusted_proxies="127.0.0.1")
    for lang, word in (("zh", "秒后重试"), ("en", "try again")):
        headers = {"accept-language": lang, "x-forwarded-for": f"203.0.113.{len(lang + word)}"}
        first, second = client.get("/conformance", headers=headers), client.get("/conformance", headers=headers)
        assert (first.status_code, second.status_code) == (200, 429)
        assert word in second.json()["detail"]
        assert first.headers["ratelimit"].startswith('"default";r=0;')


def test_a_key_is_counted_by_itself_wherever_it_is_used() -> None:
    ask = rated("2/hour")
    one, two = Caller("key-1", "planner"), Caller("key-2", "planner")
    assert [ask("203.0.113.1", one).status, ask("203.0.113.2", one).status, ask("203.0.113.3", one).status] == [
        200,
        200,
        429,
    ]
    assert ask("203.0.113.1", two).status == 200
    assert ask("203.0.113.1").status == 200


def test_addresses_of_one_ipv6_subscriber_are_one() -> None:
    ask = rated("1/hour")
    assert [ask("2001:db8::1").status, ask("2001:db8::2").status, ask("2001:db8:0:1::1").status] == [200, 429, 200]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_an_open_server_does_not_limit_its_own_machine(address: str) -> None:
    for caller in (OPEN, None):
        ask = rated("1/hour", caller)
        assert [ask(address).status for _ in range(3)] == [200] * 3
    ask = rated("1/hour")
    assert [ask(address).status for _ in range(2)] == [200, 429], "with a sign-in it does"
    ask = rated("1/hour", OPEN)
    assert [ask("203.0.113.7").status for _ in range(2)] == [200, 429]


def test_off_is_no_limit() -> None:
    ask = rated("off")
    assert {ask().status for _ in range(50)} == {200}


@pytest.mark.parametrize("wrong", ["", "many", "10/fortnight", "-1/minute", "0/minute"])
def test_a_rate_that_is_none_is_refused_by_the_settings(wrong: str) -> None:
    with pytest.raises(ValueError, match="rate_limit"):
        settings_of(rate_limit=wrong)


def test_what_is_remembered_of_callers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MAX_KEYS", 50)
    rate = rates.Rate("5/hour", "X")
    for n in range(500):
        rate.hit(f"key {n}")
    assert rate._storage is not None
    assert len(rate._storage.expirations) <= 52


def test_failed_sign_ins_are_counted_by_address_and_do_not_shut_out_keys_that_are_good() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        is_good = (b"x-api-key", b"twin_good") in scope["headers"]
        await Response("no", 200 if is_good else 401)(scope, receive, send)

    app_of = FastAPI()
    surround(app_of, settings_of(failed_sign_in_limit="2/hour"), lambda _: app)

    def ask(path: str, key: str, client: str = "203.0.113.7") -> Exchange:
        headers = {"host": "a.example", "x-api-key": key}
        scope = asked("POST", path, headers, client=client, scheme="http", root_path="")
        return asyncio.run(Exchange(app_of, scope).run())

    assert [ask("/session", "twin_bad").status for _ in range(3)] == [401, 401, 429]
    assert ask("/session", "twin_bad").problem["type"] == "urn:twin:problem:failed-sign-in"
    assert ask("/collections", "twin_good").status == 200
    assert ask("/session", "twin_bad", "203.0.113.8").status == 401


# --- connections, by a real server


class Quick(Patient):
    """The same with little patience."""

    head_s, unread_s, max_unread = 0.3, 0.3, 32 * MIB


@asynccontextmanager
async def serving(app: Any, protocol: type[Patient] = Quick) -> AsyncIterator[tuple[str, int]]:
    """A server in this event loop; its address."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_config=None, http=protocol, ws="none", lifespan="off", timeout_keep_alive=1
    )
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield server.servers[0].sockets[0].getsockname()
    finally:
        await server.shutdown()


async def sent(address: tuple[str, int], *parts: bytes | float, then_read: bool = True) -> bytes:
    """All that a server answers to what is sent; it has to close the connection."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        for part in parts:
            if isinstance(part, bytes):
                writer.write(part)
                with suppress(ConnectionError):
                    await writer.drain()
            else:
                await asyncio.sleep(part)
        return await asyncio.wait_for(reader.read(), 20)
    except ConnectionError:
        return b"(broken)"
    finally:
        writer.close()


def plain_app(size: int = 2) -> FastAPI:
    app = FastAPI()

    @app.get("/")
    async def root() -> Response:
        return Response(b"x" * size)

    @app.post("/")
    async def take(request: Request) -> Response:
        return Response(str(len(await request.body())))

    surround(app, settings_of(patience_s=0.3, max_body_mib=1))
    return app


HEAD = b"GET / HTTP/1.1\r\nHost: a.example\r\n"


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        pytest.param([HEAD + b"X: " + b"x" * (MAX_HEAD_BYTES + 1) + b"\r\n\r\n"], b"431", id="one large header"),
        pytest.param([HEAD + b"X: 1\r\n" * 20_000 + b"\r\n"], b"431", id="many headers"),
        pytest.param([b"GET /?" + b"x" * (MAX_HEAD_BYTES + 1) + b" HTTP/1.1\r\nHost: a\r\n\r\n"], b"431", id="a long request line"),
        pytest.param([HEAD + b"X: ", *[b"x" * 4000, 0.001] * 60], b"431", id="a header without end"),
        pytest.param([b"nonsense\r\n\r\n"], b"400", id="no HTTP"),
        pytest.param([HEAD + b"X: a\r\n", 1.0], b"408", id="a head that stops"),
    ],
)  # fmt: skip
def test_a_head_that_is_too_large_odd_or_late_is_answered_and_the_connection_closed(
    parts: list[bytes | float], status: bytes
) -> None:
    async def scene() -> bytes:
        async with serving(plain_app()) as address:
            return await sent(address, *parts)

    said = asyncio.run(scene())
    assert said.startswith(b"HTTP/1.1 " + status), said[:80]
    assert b"connection: close" in said
    assert orjson.loads(said.partition(b"\r\n\r\n")[2])["status"] == int(status)


def test_a_head_of_a_useful_size_passes_with_a_body_behind_it_in_one_piece() -> None:
    async def scene() -> bytes:
        async with serving(plain_app()) as address:
            head = (
                b"POST /?"
                + b"q" * 30_000
                + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 200000\r\n\r\n"
            )
            return await sent(address, head + b"x" * 200_000)

    assert asyncio.run(scene()).endswith(b"200000")


def test_who_connects_and_says_nothing_is_dropped_and_so_is_who_says_nothing_more() -> None:
    async def scene() -> list[bytes]:
        async with serving(plain_app()) as address:
            return [await sent(address), await sent(address, HEAD + b"\r\n")]

    silent, once = asyncio.run(scene())
    assert silent == b""
    assert once.startswith(b"HTTP/1.1 200")


def test_a_request_in_pieces_and_several_in_one_are_answered() -> None:
    async def scene() -> list[bytes]:
        last = HEAD + b"Connection: close\r\n\r\n"
        async with serving(plain_app()) as address:
            return [
                await sent(
                    address, *[part for byte in range(0, len(last), 7) for part in (last[byte : byte + 7], 0.001)]
                ),
                await sent(address, (HEAD + b"\r\n") * 3 + last),
            ]

    pieces, several = asyncio.run(scene())
    assert pieces.count(b"HTTP/1.1 200") == 1
    assert several.count(b"HTTP/1.1 200") == 4


def test_a_caller_that_sends_too_much_reads_why() -> None:
    async def scene() -> bytes:
        async with serving(plain_app()) as address:
            head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n"
            return await sent(address, head, *[b"x" * 100_000] * 30)

    said = asyncio.run(scene())
    assert said.startswith(b"HTTP/1.1 413"), said[:60]
    assert b"connection: close" in said


def test_a_body_that_never_comes_is_a_408_over_the_wire(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "LINGER_S", 0.1)

    async def scene() -> bytes:
        async with serving(plain_app()) as address:
            return await sent(address, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc", 0.5)

    assert asyncio.run(scene()).startswith(b"HTTP/1.1 408")


async def slow_reader(address: tuple[str, int]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A caller that has asked and reads nothing; the system keeps little of the answer for it."""
    own = socket.socket()
    own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    own.setblocking(False)
    await asyncio.get_running_loop().sock_connect(own, address[:2])
    reader, writer = await asyncio.open_connection(sock=own, limit=1 << 10)
    writer.write(HEAD + b"\r\n")
    return reader, writer


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_slow_readers_are_dropped_their_answers_bounded_and_others_answered(loop: Any) -> None:
    size, n_slow = 6 * MIB, 20

    async def scene() -> tuple[int, int, list[int], list[int]]:
        async with serving(plain_app(size)) as address, httpx.AsyncClient(trust_env=False) as client:
            slow, most, at_once = [], 0, 0
            for _ in range(n_slow):
                slow.append(await slow_reader(address))
                await others_go_on()
                most, at_once = max(most, unread_bytes(dict(Quick.unread))), max(at_once, len(Quick.unread))
            codes = [(await client.get(f"http://{address[0]}:{address[1]}/")).status_code for _ in range(5)]
            for _ in range(500):
                if not Quick.unread:
                    break
                await asyncio.sleep(0.02)
            got = []
            for reader, writer in slow:
                try:
                    got.append(len(await asyncio.wait_for(reader.read(), 20)))
                except ConnectionError:
                    got.append(0)
                writer.close()
            return most, at_once, codes, got

    with asyncio.Runner(loop_factory=loop) as runner:
        most, at_once, codes, got = runner.run(scene())
    assert 0 < most <= Quick.max_unread + size
    assert at_once > 1
    assert codes == [200] * 5
    assert max(got) < size, "every one of them was cut off"


def test_a_reader_that_is_slow_but_reads_gets_all_of_it() -> None:
    size = 12 * MIB

    class Steady(Quick):
        max_unread = 64 * MIB

    async def scene() -> int:
        async with serving(plain_app(size), Steady) as address:
            reader, writer = await asyncio.open_connection(*address, limit=1 << 16)
            writer.write(HEAD + b"Connection: close\r\n\r\n")
            n_bytes = 0
            while part := await reader.read(1 << 18):
                n_bytes += len(part)
                await asyncio.sleep(0.015)
            writer.close()
            return n_bytes

    assert asyncio.run(scene()) > size


def test_one_connection_more_than_there_may_be_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Quick, "max_connections", 2)

    async def scene() -> tuple[bytes, bytes]:
        async with serving(plain_app()) as address:
            held = [await asyncio.open_connection(*address) for _ in range(2)]
            await asyncio.sleep(0.05)
            third = await sent(address, HEAD + b"Connection: close\r\n\r\n")
            for _, writer in held:
                writer.close()
            await asyncio.sleep(0.05)
            return third, await sent(address, HEAD + b"Connection: close\r\n\r\n")

    third, later = asyncio.run(scene())
    assert third in (b"", b"(broken)")
    assert later.startswith(b"HTTP/1.1 200")
    assert connections.MAX_CONNECTIONS > 0


def test_a_server_that_stops_ends_what_has_no_end_and_lets_the_rest_finish() -> None:
    async def scene() -> tuple[bytes, bytes]:
        app, ended, begun = FastAPI(), asyncio.Event(), asyncio.Event()
        app.state.drain = ended.set

        async def parts() -> AsyncIterator[bytes]:
            begun.set()
            yield b"first,"
            await ended.wait()
            yield b"last"

        @app.get("/endless")
        async def endless() -> StreamingResponse:
            return StreamingResponse(parts())

        @app.get("/slow")
        async def slow() -> Response:
            await ended.wait()
            return Response(b"finished")

        async with serving(app, Patient) as address:
            asking = [
                asyncio.create_task(sent(address, HEAD.replace(b" / ", path) + b"\r\n"))
                for path in (b" /endless ", b" /slow ")
            ]
            await begun.wait()
            await asyncio.sleep(0.05)
        return await asking[0], await asking[1]

    endless, slow = asyncio.run(scene())
    assert b"last" in endless
    assert slow.endswith(b"finished")
