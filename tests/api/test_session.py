"""The cookie: signing in and out, what changes by it need, when it ends, and that no secret is told back."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.api.guarded import START, Guarded, bearer
from twin.access import Role


def signed_in(world: Guarded, role: Role = "editor", **more: Any) -> tuple[httpx.Client, str, str]:
    """A client with a session; its CSRF value and its key."""
    text = world.key(role, **more)
    client = world.client()
    answer = client.post("/session", json={"key": text})
    assert answer.status_code == 200
    return client, answer.json()["csrf"], text


def test_signing_in_sets_a_cookie_that_no_script_and_no_other_site_gets(world: Guarded) -> None:
    text = world.key("cleared", areas=("310112",))
    client = world.client()
    answer = client.post("/session", json={"key": text})
    parts = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")[1:]}
    assert parts == {"httponly", "samesite=strict", "path=/"}
    assert answer.headers["cache-control"] == "no-store"
    told = client.get("/session").json()
    assert (told["via"], told["role"], told["areas"], told["name"], told["open"]) == (
        "session",
        "cleared",
        ["310112"],
        "张三",
        False,
    )
    assert told["csrf"] == answer.json()["csrf"] != client.cookies["twin_session"]
    assert told["said"] == {"zh": "授权人员", "en": "cleared"}
    assert text.rpartition("_")[2] not in answer.text


def test_by_https_the_cookie_goes_by_https_only(world: Guarded) -> None:
    text = world.key()
    answer = world.client(address="https://twin.example").post("/session", json={"key": text})
    assert "; secure" in answer.headers["set-cookie"].lower()


def test_the_store_holds_no_session_id(world: Guarded) -> None:
    client, _, _ = signed_in(world)
    with world.store._reading() as c:
        held = str(c.exec_driver_sql("select * from access_session").all())
    assert client.cookies["twin_session"] not in held
    assert "sha" not in held


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_change_by_cookie_needs_the_value_that_only_our_page_knows(world: Guarded, method: str) -> None:
    client, csrf, _ = signed_in(world)
    other = signed_in(world)[1]
    for wrong in ({}, {"x-csrf-token": ""}, {"x-csrf-token": "guess"}, {"x-csrf-token": other}):
        answer = client.request(method, "/who", headers=wrong)
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:twin:problem:csrf")
    assert client.request(method, "/who", headers={"x-csrf-token": csrf}).json()["role"] == "editor"
    assert client.get("/who").json()["role"] == "editor", "reading needs none"


def test_a_change_by_key_needs_no_csrf_value(world: Guarded) -> None:
    text = world.key("editor")
    assert world.client().post("/who", headers=bearer(text)).json()["role"] == "editor"
    assert world.client().post("/who", headers={"x-api-key": text}).json()["role"] == "editor"


def test_what_a_header_shows_counts_before_the_cookie(world: Guarded) -> None:
    client, _, _ = signed_in(world, "editor")
    assert client.get("/who", headers=bearer(world.key("planner"))).json()["role"] == "planner"
    refused = client.get("/who", headers=bearer("twin_wrong"))
    assert refused.status_code == 401
    assert "set-cookie" not in refused.headers, "the cookie is still good"


def test_signing_out_ends_the_session_on_every_worker(world: Guarded) -> None:
    client, csrf, _ = signed_in(world)
    other = world.client()
    other.cookies = client.cookies
    kept = {"cookie": f"twin_session={client.cookies['twin_session']}"}
    assert other.get("/who").json()["role"] == "editor"
    answer = client.delete("/session", headers={"x-csrf-token": csrf})
    assert (answer.status_code, answer.content) == (204, b"")
    assert 'twin_session=""' in answer.headers["set-cookie"]
    world.clock.pass_(seconds=0.5)
    assert world.client().get("/who", headers=kept).status_code == 401
    assert other.get("/who", headers=kept).status_code == 401


def test_a_session_slides_as_long_as_it_is_used_and_ends_twelve_hours_after(world: Guarded) -> None:
    client, _, _ = signed_in(world)
    for _ in range(3):
        world.clock.pass_(hours=11, minutes=59)
        assert client.get("/who").status_code == 200
    world.clock.pass_(hours=12)
    assert client.get("/who").status_code == 401


def test_another_worker_hears_that_a_session_was_put_off(world: Guarded) -> None:
    client, _, _ = signed_in(world)
    other = world.client()
    other.cookies = client.cookies
    assert other.get("/who").status_code == 200
    world.clock.pass_(hours=11)
    assert client.get("/who").status_code == 200
    world.clock.pass_(hours=2)
    assert other.get("/who").status_code == 200


def test_revoking_a_key_ends_the_sessions_that_it_opened(world: Guarded) -> None:
    client, _, text = signed_in(world)
    world.revoke(text)
    world.clock.pass_(seconds=0.5)
    assert client.get("/who").status_code == 401


def test_a_session_ends_with_its_key(world: Guarded) -> None:
    client, _, _ = signed_in(world, expires_at=START + timedelta(hours=1))
    world.clock.now = START + timedelta(hours=1)
    assert client.get("/who").status_code == 401


def test_a_cookie_that_is_not_good_any_more_is_taken_back_and_the_page_still_opens(world: Guarded) -> None:
    world.key()
    client = world.client()
    stale = {"cookie": "other=1; twin_session=" + "b" * 52}
    for _ in range(2):
        refused = client.get("/who", headers=stale)
        assert (refused.status_code, "set-cookie" in refused.headers) == (401, False), "not public all of a sudden"
    told = client.get("/session", headers=stale)
    assert (told.status_code, told.json()["via"], told.json()["role"]) == (200, "nothing", "public")
    assert 'twin_session=""' in told.headers["set-cookie"]
    text = world.key()
    assert client.post("/session", json={"key": text}, headers=stale).status_code == 200


def test_signing_in_again_ends_the_session_before(world: Guarded) -> None:
    client, csrf, text = signed_in(world)
    before = {"cookie": f"twin_session={client.cookies['twin_session']}"}
    assert client.post("/session", json={"key": text}).status_code == 403, "not by another site"
    assert client.post("/session", json={"key": text}, headers={"x-csrf-token": csrf}).status_code == 200
    world.clock.pass_(seconds=0.5)
    assert world.client().get("/who", headers=before).status_code == 401


BAD_BODIES: list[tuple[bytes, str, int]] = [
    (b'{"key": "SECRET"', "application/json", 400),
    (b'{"kee": "SECRET"}', "application/json", 400),
    (b'{"key": "SECRET", "token": "SECRET"}', "application/json", 400),
    (b'{"key": ["SECRET"]}', "application/json", 400),
    (b'{"key": "  "}', "application/json", 400),
    (b'"SECRET"', "application/json", 400),
    (b"key=SECRET", "application/x-www-form-urlencoded", 415),
    (b'{"key": "SECRET"}', "text/plain", 415),
    (b'{"key": "twin_SECRET"}', "application/json", 401),
    (b'{"key": "' + b"SECRET" * 4000 + b'"}', "application/json", 400),
]


@pytest.mark.parametrize(("body", "kind", "status"), BAD_BODIES)
def test_a_wrong_sign_in_is_told_without_a_word_of_what_was_sent(
    world: Guarded, body: bytes, kind: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    world.key()
    with caplog.at_level(logging.DEBUG):
        answer = world.client().post("/session", content=body, headers={"content-type": kind})
    assert answer.status_code == status
    assert "SECRET" not in answer.text + str(answer.headers) + caplog.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("with_access", [True, False], ids=["no keys", "no access control"])
def test_the_page_is_told_that_everything_is_open(world: Guarded, with_access: bool) -> None:
    told = world.client(app=world.app(world.access() if with_access else None)).get("/session").json()
    assert (told["open"], told["via"], told["csrf"]) == (True, "open", None)
    assert told["said"] == {"zh": "开放模式：未启用登录", "en": "Open mode, no sign-in"}
