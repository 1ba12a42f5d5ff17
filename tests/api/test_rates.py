"""How often one caller may ask, and fail to sign in."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import pytest
from fastapi import FastAPI, Response
from starlette.types import Receive, Scope, Send

from tests.api.conftest import Make, records, store_of
from tests.api.exchange import Exchange, asked, settings_of
from twin.access import ANONYMOUS, OPEN, Caller
from twin.api import rates
from twin.api.manners import surround
from twin.api.rates import Rates


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
