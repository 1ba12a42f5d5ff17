"""How large a request's body may be, and how slowly it may come."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from fastapi import Response
from starlette.types import Receive, Scope, Send

from tests.api.conftest import Make, records, store_of
from tests.api.exchange import MIB, Exchange, asked, limited, whole_body
from twin.api import limits, refusals


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
