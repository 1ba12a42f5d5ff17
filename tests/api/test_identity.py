"""Who asks: keys, the cookie, what is refused and how, and that nothing exact leaves before the audit has it."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import anyio
import httpx
import orjson
import pytest
from anyio.from_thread import start_blocking_portal

from tests.api.conftest import NOW, records, store_of
from tests.api.guarded import EXACT, HERE, START, Guarded
from twin.api.app import create_app
from twin.engine import Twin
from twin.errors import Unavailable
from twin.identity import is_loopback, must_refuse, verify
from twin.identity import keys as keys_module
from twin.readers.plan_file import read_plan
from twin.readers.raster import read_grid
from twin.settings import Settings


@pytest.fixture(scope="module")
def portal() -> Iterator[Any]:
    with start_blocking_portal() as made:
        yield made


@pytest.fixture
def world(portal: Any) -> Iterator[Guarded]:
    made = Guarded(portal)
    yield made
    made.store.close()


def bearer(text: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"}


def signed_in(world: Guarded, role: str = "editor", **more: Any) -> tuple[httpx.Client, str, str]:
    """A client with a session; its CSRF value and its key."""
    text = world.key(role, **more)  # type: ignore[arg-type]
    client = world.client()
    answer = client.post("/session", json={"key": text})
    assert answer.status_code == 200
    return client, answer.json()["csrf"], text


# --- keys


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


# --- the cookie


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


# --- the audit


def audited(world: Guarded) -> list[Any]:
    rows = list(world.store.rows())
    assert verify(rows).fault is None
    return [row.entry for row in rows]


def test_an_exact_read_leaves_who_what_where_how_many_what_for_and_when(world: Guarded) -> None:
    text = world.key("cleared", purpose="年度核查")
    headers = {**bearer(text), "x-purpose": "%E6%B1%9F%E5%B7%9D%E8%B7%AF"}
    answer = world.client().get("/exact?n=7&area=310112", headers=headers)
    (entry,) = audited(world)
    assert (entry.caller, entry.role, entry.purpose) == (f"key:{text[5:13]}", "cleared", "年度核查; 江川路")
    assert (entry.method, entry.path, entry.query) == ("GET", "/exact", "n=7&area=310112")
    assert orjson.loads(entry.reads) == [{"layer": "cameras", "n": 7, "where": "310112"}]
    assert entry.request_id == answer.headers["x-request-id"]
    assert entry.at.startswith("2026-03-01T04:00:00")


def test_what_reads_nothing_exact_and_who_reads_where_all_is_open_leave_no_row(world: Guarded) -> None:
    assert world.client().get("/exact").status_code == 200
    world.client().get("/exact?n=0", headers=bearer(world.key("cleared")))
    assert audited(world) == []


def test_the_row_is_on_the_disk_before_the_first_byte_and_before_what_a_stream_reads_later(world: Guarded) -> None:
    text = world.key("cleared")
    app = world.app(world.access())
    seen: list[tuple[str, bytes, int]] = []

    async def run() -> None:
        scope = {"type": "http", "method": "GET", "path": "/stream", "raw_path": b"/stream", "query_string": b"", "scheme": "http",
                 "http_version": "1.1", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000), "root_path": "",
                 "headers": [(b"host", b"127.0.0.1"), (b"x-api-key", text.encode())]}  # fmt: skip

        async def receive() -> dict[str, Any]:
            await anyio.sleep_forever()
            raise AssertionError

        async def send(message: Any) -> None:
            seen.append((message["type"].rpartition(".")[2], message.get("body", b""), len(list(world.store.rows()))))

        await app(scope, receive, send)

    world.portal.call(run)
    assert [part for part in seen if part[0] == "start" or part[1]] == [
        ("start", b"", 1),
        ("body", EXACT, 1),
        ("body", b"second", 2),
    ]


def failing(world: Guarded, *answers: bool) -> list[bool]:
    """Let the store's appends succeed or fail in that order."""
    left, append = list(answers), world.store.append

    def appended(entries: Any) -> object:
        if left.pop(0):
            return append(entries)
        raise Unavailable("磁盘已满", "the disk is full")

    world.store.append = appended  # type: ignore[method-assign]
    return left


@pytest.mark.parametrize("path", ["/exact", "/stream"])
def test_where_the_audit_cannot_be_written_nothing_exact_leaves(world: Guarded, path: str) -> None:
    text = world.key("cleared")
    failing(world, False, True, True)
    client = world.client()
    answer = client.get(path, headers=bearer(text))
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:twin:problem:unavailable")
    assert answer.headers["retry-after"]
    assert EXACT not in answer.content
    assert client.get(path, headers=bearer(text)).status_code == 200, "it recovers by itself"


def test_a_stream_breaks_off_where_what_it_reads_later_cannot_be_audited(world: Guarded) -> None:
    text = world.key("cleared")
    failing(world, True, False)
    answer = world.client().get("/stream", headers=bearer(text))
    assert answer.content == EXACT


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
