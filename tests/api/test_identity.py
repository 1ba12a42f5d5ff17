"""Who asks: keys, what is shown and wrong, where it is open without keys, and a store of keys that fails."""

from __future__ import annotations

import hmac
import logging
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.api.conftest import NOW, records, store_of
from tests.api.guarded import HERE, START, Guarded, bearer
from twin.api.app import create_app
from twin.engine import Twin
from twin.errors import Unavailable
from twin.identity import is_loopback, must_refuse
from twin.identity import keys as keys_module
from twin.readers.plan_file import read_plan
from twin.readers.raster import read_grid
from twin.settings import Settings


def test_without_keys_everything_is_open(world: Guarded) -> None:
    assert world.client().get("/who").json() == {
        "id": "open",
        "role": "admin",
        "areas": [],
        "purpose": "",
        "open": True,
    }


def test_whoever_shows_nothing_is_public_as_soon_as_there_is_a_key(world: Guarded) -> None:
    client = world.client()
    assert client.get("/who").json()["open"]
    world.key()
    assert client.get("/who").json() == {"id": "anonymous", "role": "public", "areas": [], "purpose": "", "open": False}


@pytest.mark.parametrize("header", ["Bearer {}", "bearer {}", "BEARER   {} "])
def test_a_key_is_taken_as_a_bearer(world: Guarded, header: str) -> None:
    text = world.key("cleared", areas=("310112",), purpose="核查")
    told = world.client().get("/who", headers={"authorization": header.format(text)}).json()
    assert told == {"id": f"key:{text[5:13]}", "role": "cleared", "areas": ["310112"], "purpose": "核查", "open": False}


def test_a_key_is_taken_in_a_header_of_its_own(world: Guarded) -> None:
    assert world.client().get("/who", headers={"x-api-key": world.key("editor")}).json()["role"] == "editor"


WRONG = {
    "another secret": lambda key: {"x-api-key": key[:-4] + "aaaa"},
    "another id": lambda key: {"x-api-key": "twin_aaaaaaaa" + key[13:]},
    "cut": lambda key: {"x-api-key": key[:-1]},
    "longer": lambda key: {"x-api-key": key + "a"},
    "upper case": lambda key: {"x-api-key": key.upper()},
    "rubbish": lambda _: {"x-api-key": "rubbish"},
    "cut, as a bearer": lambda key: {"authorization": f"Bearer {key[:-1]}"},
    "a token where there is no single sign-on": lambda _: {"authorization": "Bearer aaaa.bbbb.cccc"},
    "another scheme": lambda key: {"authorization": f"Basic {key}"},
    "no scheme": lambda key: {"authorization": key},
    "nothing after the scheme": lambda _: {"authorization": "Bearer "},
    "a right one beside a wrong one": lambda key: {"authorization": "Bearer twin_x", "x-api-key": key},
    "a made-up session": lambda _: {"cookie": "twin_session=" + "a" * 52},
    "latin rubbish": lambda _: {"x-api-key": b"\xff\xfe"},
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_what_is_shown_and_wrong_is_never_silently_public(
    world: Guarded, name: str, lang: str, caplog: pytest.LogCaptureFixture
) -> None:
    key = world.key("admin")
    with caplog.at_level(logging.DEBUG):
        answer = world.client().get("/who", headers={"accept-language": lang, **WRONG[name](key)})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    told = answer.json()
    assert (told["type"], told["title"]) == (
        "urn:twin:problem:unauthenticated",
        {"zh": "需要登录", "en": "Sign-in needed"}[lang],
    )
    secret = key[-20:-4]
    assert secret not in answer.text + str(answer.headers) + caplog.text
    assert "refused" in caplog.text


def test_a_key_stops_within_half_a_second_after_it_was_revoked_elsewhere(world: Guarded) -> None:
    client, text = world.client(), world.key()
    assert client.get("/who", headers=bearer(text)).status_code == 200
    world.revoke(text)
    world.clock.pass_(seconds=0.5)
    assert client.get("/who", headers=bearer(text)).status_code == 401


def test_a_key_ends_at_its_moment_and_not_before(world: Guarded) -> None:
    text = world.key(expires_at=START + timedelta(days=1))
    client = world.client()
    world.clock.now = START + timedelta(days=1, microseconds=-1)
    assert client.get("/who", headers=bearer(text)).status_code == 200
    world.clock.now = START + timedelta(days=1)
    assert "expired" in client.get("/who", headers=bearer(text)).json()["detail"]


def test_revoking_the_last_key_opens_nothing(world: Guarded) -> None:
    text = world.key()
    world.revoke(text)
    assert world.client().get("/who").json()["role"] == "public"


def test_one_key_works_on_every_worker(world: Guarded) -> None:
    one, two = world.client(), world.client()
    assert one.get("/who").json()["open"]
    text = world.key()
    assert [c.get("/who", headers=bearer(text)).json()["role"] for c in (one, two)] == ["planner"] * 2


def test_told_to_be_open_the_server_asks_nobody(world: Guarded) -> None:
    world.key()
    client = world.client(world.access(told_open=True), address="http://twin.example")
    assert client.get("/who", headers=bearer("rubbish")).json()["open"]
    assert client.post("/session", json={"key": "x"}).status_code == 409


def test_secrets_are_compared_in_constant_time(world: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []

    def spy(a: Any, b: Any) -> bool:
        compared.append(len(a))
        return hmac.compare_digest(a, b)

    spied = type("hmac", (), {"compare_digest": staticmethod(spy), "new": hmac.new})
    monkeypatch.setattr(keys_module, "hmac", spied)
    monkeypatch.setattr("twin.api.identity.hmac", spied)
    text = world.key()
    client = world.client()
    client.get("/who", headers=bearer(text))
    client.get("/who", headers=bearer("twin_aaaaaaaa_" + "a" * 52))
    assert compared == [64, 64], "an unknown id costs a comparison too"
    client.post("/session", json={"key": text})
    client.post("/who", headers={"x-csrf-token": "guess"})
    assert compared[-1] == len("guess")


# --- where it is open without anybody having said so


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("http://twin.example", {}),
        ("http://127.0.0.1.evil.example", {}),
        ("http://192.0.2.7:8000", {}),
        (HERE, {"x-forwarded-for": "192.0.2.7"}),
        (HERE, {"forwarded": "for=192.0.2.7"}),
        (HERE, {"via": "1.1 proxy"}),
    ],
)
def test_without_a_sign_in_only_requests_of_this_machine_are_answered(
    world: Guarded, address: str, headers: dict[str, str]
) -> None:
    answer = world.client(address=address).get("/who", headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:twin:problem:role")
    assert "--open" in answer.json()["detail"]
    assert world.client(world.access(told_open=True), address=address).get("/who", headers=headers).status_code == 200


@pytest.mark.parametrize("address", ["http://localhost:8000", "http://[::1]:8000", "http://127.0.0.1"])
def test_names_of_this_machine_are_known(world: Guarded, address: str) -> None:
    assert world.client(address=address).get("/who").json()["open"]


@pytest.mark.parametrize(
    ("host", "is_own"),
    [("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("::ffff:127.0.0.1", True), ("localhost", True), ("0.0.0.0", False),
     ("::", False), ("", False), ("192.168.1.5", False), ("twin.example", False), ("::ffff:192.0.2.1", False), ("127.1", False)],
)  # fmt: skip
def test_a_server_that_others_can_reach_starts_only_with_keys_or_when_told(host: str, is_own: bool) -> None:
    assert is_loopback(host) is is_own
    assert must_refuse(host, is_controlled=False, open_flag=False) is not is_own
    assert not must_refuse(host, is_controlled=True, open_flag=False)
    assert not must_refuse(host, is_controlled=False, open_flag=True)


# --- the store of keys fails


def test_where_keys_cannot_be_looked_at_whoever_shows_one_waits_and_nobody_is_let_in_unseen(
    world: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = world.key("cleared")
    client = world.client()
    assert client.get("/who", headers=bearer(text)).status_code == 200

    def fails() -> int:
        raise Unavailable("连不上", "cannot be reached")

    with monkeypatch.context() as broken:
        broken.setattr(world.store, "version", fails)
        world.clock.pass_(seconds=0.5)
        answer = client.get("/who", headers=bearer(text))
        assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
        assert client.get("/who").json()["role"] == "public"
    world.clock.pass_(seconds=0.5)
    assert client.get("/who", headers=bearer(text)).status_code == 200


# --- in the whole app


@pytest.fixture
def whole(world: Guarded) -> httpx.Client:
    settings = Settings(store="memory:")
    twin = Twin(store_of(records()), read_plan(settings.plan), read_grid, lambda: NOW)
    return world.client(app=create_app(twin, settings, world.access()))


def test_the_whole_app_knows_who_asks(world: Guarded, whole: httpx.Client) -> None:
    text = world.key("cleared")
    assert whole.get("/collections", headers=bearer("twin_wrong")).status_code == 401
    assert whole.get("/collections", headers=bearer(text)).status_code == 200
    assert whole.get("/session", headers=bearer(text)).json()["role"] == "cleared"
    assert whole.get("/map").status_code == 200


def test_a_page_of_another_site_cannot_sign_anybody_in(world: Guarded, whole: httpx.Client) -> None:
    answer = whole.post("/session", json={"key": world.key()}, headers={"origin": "http://evil.example"})
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:twin:problem:cross-site")


def test_signing_in_is_described(whole: httpx.Client) -> None:
    operations = whole.get("/openapi.json").json()["paths"]["/session"]
    assert set(operations) == {"get", "post", "delete"}
    assert "application/json" in operations["post"]["requestBody"]["content"]
