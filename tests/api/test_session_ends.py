"""When a sign-in ends: with the token or the key that opened it, and what whoever asks is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import httpx
import pytest
from anyio.from_thread import start_blocking_portal

from tests.api.guarded import START, Guarded
from tests.api.test_tokens import LEEWAY_S, token, tokens


@pytest.fixture
def world() -> Iterator[Guarded]:
    with start_blocking_portal() as portal:
        made = Guarded(portal)
        yield made
        made.store.close()


def by_token(world: Guarded, until: datetime) -> httpx.Client:
    client = world.client(world.access(tokens(world)))
    assert client.post("/session", json={"token": token(role="cleared", exp=until)}).status_code == 200
    return client


def by_key(world: Guarded, until: datetime | None) -> tuple[httpx.Client, str]:
    text, client = world.key("cleared", expires_at=until), world.client()
    assert client.post("/session", json={"key": text}).status_code == 200
    return client, text


def told_end(client: httpx.Client) -> datetime:
    return datetime.fromisoformat(client.get("/session").json()["expires_at"])


@pytest.mark.parametrize("lasts", [timedelta(minutes=5), timedelta(hours=11, minutes=59)])
def test_a_session_by_a_token_ends_at_the_tokens_moment_and_not_before(world: Guarded, lasts: timedelta) -> None:
    client = by_token(world, START + lasts)
    world.clock.now = START + lasts - timedelta(microseconds=1)
    assert client.get("/who").json()["role"] == "cleared"
    world.clock.now = START + lasts
    refused = client.get("/who")
    assert refused.status_code == 401, "not public all of a sudden"
    assert client.get("/session").json()["via"] == "nothing"


def test_another_worker_ends_it_at_the_same_moment(world: Guarded) -> None:
    first = by_token(world, START + timedelta(minutes=5))
    other = world.client(world.access(tokens(world)))
    other.cookies = first.cookies
    assert other.get("/who").json()["role"] == "cleared"
    world.clock.now = START + timedelta(minutes=5)
    assert [c.get("/who").status_code for c in (first, other)] == [401, 401]


@pytest.mark.parametrize(
    ("lasts", "ends_after"),
    [(timedelta(minutes=5), timedelta(minutes=5)), (timedelta(hours=12), timedelta(hours=12)), (timedelta(days=2), timedelta(hours=12))],
    ids=["the token's end", "both", "twelve hours"],
)  # fmt: skip
def test_who_signs_in_by_a_token_is_told_the_earlier_end_of_both(
    world: Guarded, lasts: timedelta, ends_after: timedelta
) -> None:
    assert told_end(by_token(world, START + lasts)) == START + ends_after


def test_a_token_that_is_only_good_by_the_leeway_opens_no_session(world: Guarded) -> None:
    client = world.client(world.access(tokens(world)))
    given = token(exp=START + timedelta(minutes=5))
    world.clock.pass_(minutes=5, seconds=LEEWAY_S - 1)
    assert client.get("/who", headers={"authorization": f"Bearer {given}"}).status_code == 200
    refused = client.post("/session", json={"token": given}, headers={"accept-language": "zh"})
    assert (refused.status_code, refused.json()["detail"]) == (401, "令牌已过期，请重新登录")
    assert "set-cookie" not in refused.headers


@pytest.mark.parametrize(
    ("lasts", "ends_after"),
    [(timedelta(hours=1), timedelta(hours=1)), (timedelta(days=1), timedelta(hours=12)), (None, timedelta(hours=12))],
)
def test_who_signs_in_by_a_key_is_told_the_end_of_the_key_where_that_is_earlier(
    world: Guarded, lasts: timedelta | None, ends_after: timedelta
) -> None:
    client, _ = by_key(world, None if lasts is None else START + lasts)
    assert told_end(client) - world.clock.now == pytest.approx(ends_after, abs=timedelta(seconds=1))


def test_a_session_by_a_key_slides_up_to_the_end_of_the_key_and_no_further(world: Guarded) -> None:
    end = START + timedelta(hours=30)
    client, _ = by_key(world, end)
    for hours in (11, 22, 29):
        world.clock.now = START + timedelta(hours=hours)
        assert client.get("/who").json()["role"] == "cleared"
    assert told_end(client) == end
    world.clock.now = end
    assert client.get("/who").status_code == 401


def test_a_session_by_a_key_that_was_revoked_is_over_although_it_was_used_just_before(world: Guarded) -> None:
    client, text = by_key(world, START + timedelta(days=9))
    assert client.get("/who").status_code == 200
    world.revoke(text)
    world.clock.pass_(seconds=0.5)
    assert client.get("/who").status_code == 401


def test_the_cookie_has_no_end_of_its_own_that_would_make_its_owner_public_without_a_word(world: Guarded) -> None:
    client = world.client(world.access(tokens(world)))
    sent = client.post("/session", json={"token": token()}).headers["set-cookie"].lower()
    assert "max-age" not in sent
    assert "expires" not in sent
