"""Who one is on the map: open mode, signing in by a key, a change that shows where it comes from, signing out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser

from tests.browser.stage import Visit, served, visit
from tests.world import CENTRE, charger, district, offset, twin_with
from twin.identity import Access, Key, minted
from twin.store.access import SqliteAccess

pytestmark = pytest.mark.browser
BAR = "document.getElementById('session').textContent"
EXPECTED = "Failed to load resource: the server responded with a status of 401"


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Keyed:
    """A server that asks who one is, and a key to it."""

    address: str
    store: SqliteAccess
    key: str


@pytest.fixture
def keyed() -> Iterator[Keyed]:
    store = SqliteAccess(None)
    key_id, text, kept = minted()
    store.add_key(Key(key_id, "张三", "editor", ("310112",), "", kept, now(), "test"))
    access = Access(store, now)
    twin = twin_with([charger("s", offset(CENTRE, 900, 0)), *district()])
    with served(twin, access) as address:
        yield Keyed(address, store, text)
    access.close()


@pytest.fixture
def page(browser: Browser, keyed: Keyed) -> Iterator[Visit]:
    made = visit(browser, keyed.address, 1366, 768).open()
    yield made
    assert made.elsewhere == []
    assert [c for c in made.complaints if not c.startswith(EXPECTED)] == []
    made.page.context.close()


def test_in_open_mode_the_page_says_so_in_both_languages(map_page: Visit) -> None:
    assert map_page.until(BAR) == "开放模式：未启用登录"
    map_page.page.click("#en")
    assert map_page.until(f"{BAR} !== '开放模式：未启用登录' && {BAR}") == "Open mode, no sign-in"


def test_whoever_signs_in_by_a_key_sees_his_name_role_and_area(page: Visit, keyed: Keyed) -> None:
    assert page.until(f"{BAR} && {BAR}") == "未登录登录"
    page.sign_in(keyed.key, "张三")
    page.until(f"{BAR}.startsWith('张三 · 编辑 · ')")
    page.page.click("#en")
    assert page.until(f"{BAR}.includes('editor')")
    held = page.page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie, location.href])")
    assert keyed.key not in held
    assert "twin_session" not in held, "no script can read the cookie"


def test_importing_is_shown_to_those_who_may(page: Visit, map_page: Visit) -> None:
    shown = "getComputedStyle(document.querySelector('[data-key=import]')).display !== 'none'"
    map_page.until(f"document.querySelector('[data-key=import]') && {shown}")
    page.until(f"{BAR} && document.querySelector('[data-key=import]') && !({shown})")


def test_a_wrong_key_is_told_in_the_dialog(page: Visit) -> None:
    page.page.click("[data-key=signin]")
    page.page.keyboard.type("twin_wrong")
    page.page.keyboard.press("Enter")
    page.until("!document.querySelector('#signin .wrong').hidden")
    assert "密钥无效" in page.page.inner_text("#signin .wrong")
    page.page.keyboard.press("Escape")
    page.until("document.getElementById('signin').textContent === ''")  # nothing of it stays in the page


def test_a_change_made_on_the_page_shows_that_it_comes_from_there(page: Visit, keyed: Keyed) -> None:
    page.sign_in(keyed.key, "张三")
    send = "fetch('coverage/charger-service', {method: 'POST', headers: {'content-type': 'application/json'}, body: '{}'}).then(r => r.status)"
    with page.page.expect_request(
        lambda r: r.method == "POST" and r.url.endswith("/coverage/charger-service")
    ) as asked:
        page.page.evaluate("twin.actions.tryHere([121.4, 31.1])")
    assert len(asked.value.headers["x-csrf-token"]) == 64
    answer = asked.value.response()
    assert answer is not None
    assert answer.status == 200
    page.complaints.clear()
    assert page.page.evaluate(send) == 403, "without it"
    page.complaints.clear()


def test_signing_out_leaves_nobody_signed_in(page: Visit, keyed: Keyed) -> None:
    page.sign_in(keyed.key, "张三")
    with page.page.expect_navigation():
        page.page.click("[data-key=signout]")
    page.ready()
    assert page.until(f"{BAR} && {BAR}") == "未登录登录"
    assert page.page.context.cookies() == []


def test_whoever_was_signed_out_elsewhere_is_asked_to_sign_in_again(page: Visit, keyed: Keyed) -> None:
    page.sign_in(keyed.key, "张三")
    keyed.store.revoke(keyed.key.split("_")[1], now())
    page.page.wait_for_timeout(700)
    page.page.evaluate("twin.actions.chooseDate('2026-11-20')")
    page.until("document.getElementById('signin').open")
    assert "请重新登录" in page.page.inner_text("#signin .wrong")
