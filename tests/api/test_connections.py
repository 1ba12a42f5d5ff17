"""Connections, by a real server: heads too large, silence, slow readers, too many, and the end of serving."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import orjson
import pytest
import uvicorn
import uvloop
from fastapi import FastAPI, Request, Response
from starlette.responses import StreamingResponse

from tests.api.exchange import MIB, others_go_on, settings_of
from twin.api import connections, refusals
from twin.api.connections import MAX_HEAD_BYTES, Patient, unread_bytes
from twin.api.manners import surround


class Quick(Patient):
    """The same with little patience."""

    head_s, unread_s, max_unread = 0.3, 0.3, 32 * MIB


@asynccontextmanager
async def serving(app: Any, protocol: type[Patient] = Quick) -> AsyncIterator[tuple[str, int]]:
    """A server in this event loop; its address."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_config=None, http=protocol, ws="none", lifespan="off", timeout_keep_alive=0.3
    )
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield server.servers[0].sockets[0].getsockname()
    finally:
        await server.shutdown()


async def sent(address: tuple[str, int], *parts: bytes | float) -> bytes:
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
        pytest.param([HEAD + b"X: a\r\n", 0.1], b"408", id="a head that stops"),
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
            return await sent(address, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")

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
