"""Errors as pages: a person with a browser reads what is wrong; programs, the map among them, get the problem document."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.conftest import Client, Make, records, store_of
from tests.api.test_html import BROWSER, Page
from twin.access import ANONYMOUS
from twin.errors import Unauthenticated
from twin.store.memory import MemoryStore

PROBLEM = "application/problem+json"
WRONG = (
    ("/nowhere", 404), ("/collections/ufos", 404), ("/collections/cameras/items/ufo", 404), ("/tiles/ufos/1/0/0.mvt", 404),
    ("/docs/ufo.js", 404), ("/map/files/x/ufo.js", 404), ("/collections/cameras/items?limit=ten&bbox=1", 400),
    ("/collections?colour=red", 400), ("/collections?lang=fr", 400), ("/coverage/charger-service?radius_m=-1&states=asleep", 400),
    ("/tiles/cameras/99/0/0.mvt", 400), ("/coverage/charger-service?denominator=population", 422),
)  # fmt: skip


def page_of(answer: httpx.Response) -> Page:
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return Page(answer.text)


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize(("path", "status"), WRONG)
def test_a_browser_is_shown_the_very_problem_document(client: Client, path: str, status: int, lang: str) -> None:
    said = {"accept-language": lang}
    document = client.get(path, headers=said)
    answer = client.get(path, headers={**said, "accept": BROWSER})
    assert (answer.status_code, document.status_code) == (status, status)
    assert document.headers["content-type"] == PROBLEM
    page, body = page_of(answer), document.json()
    assert next(page.of("html"))["lang"] == ("zh-CN" if lang == "zh" else "en")
    assert answer.headers["content-language"] == lang
    assert {body["title"], body["detail"]} <= set(page.text)
    for error in body["errors"]:
        assert error["column"] in page.text
        assert any(error["message"] in text for text in page.text)
    assert answer.headers["x-request-id"] in page.text


@pytest.mark.parametrize(("path", "status"), WRONG)
def test_every_link_of_such_a_page_leads_somewhere(client: Client, path: str, status: int) -> None:
    page = page_of(client.get(path, headers={"accept": BROWSER}))
    assert list(page.of("script")) == []
    for attributes in (*page.of("a"), *page.of("link")):
        href = str(attributes["href"])
        if attributes.get("class") == "language":
            there = client.get(href, headers={"accept": BROWSER})
            assert there.status_code == (200 if "lang=fr" in path else status)
            assert next(page_of(there).of("html"))["lang"] == "en"
        elif not href.startswith("#"):
            assert client.get(href).status_code == 200, href


@pytest.mark.parametrize(
    "accept", ["", "*/*", "application/json", "application/geo+json", PROBLEM, "image/avif,image/webp,*/*;q=0.8",
               "text/css,*/*;q=0.1", "text/event-stream", "application/json, text/html;q=0.9", "text/html;q=0"],
)  # fmt: skip
def test_who_wants_no_page_gets_the_document(client: Client, accept: str) -> None:
    for path, status in WRONG:
        answer = client.get(path, headers={"accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)


def test_f_says_it_too_and_wins(client: Client) -> None:
    for path in ("/collections/ufos?", "/collections/cameras/items?limit=ten&", "/nowhere?"):
        assert page_of(client.get(f"{path}f=html"))
        answer = client.get(f"{path}f=json", headers={"accept": BROWSER})
        assert answer.headers["content-type"] == PROBLEM


def test_pages_of_errors_are_chinese_unless_english_is_asked_for(client: Client) -> None:
    for headers, lang in (({}, "zh-CN"), ({"accept-language": "fr"}, "zh-CN"), ({"accept-language": "en-GB"}, "en")):
        page = page_of(client.get("/nowhere", headers={"accept": BROWSER, **headers}))
        assert next(page.of("html"))["lang"] == lang


def test_caches_are_told_that_it_depends_on_what_was_asked_for_and_keep_none(client: Client) -> None:
    for accept in ("*/*", BROWSER):
        answer = client.get("/nowhere", headers={"accept": accept})
        assert {"Accept", "Accept-Language"} <= set(answer.headers["vary"].split(", "))
        assert answer.headers["cache-control"] == "no-store"


def test_a_page_of_an_error_has_the_strict_policy_of_pages(client: Client) -> None:
    good, bad = (client.get(path, headers={"accept": BROWSER}) for path in ("/collections", "/nowhere"))
    assert bad.headers["content-security-policy"] == good.headers["content-security-policy"]


def test_what_was_asked_cannot_become_markup(client: Client) -> None:
    evil = "<script>alert(1)</script>\"'&amp;"
    for path, query in (
        (f"/{evil}", {}),
        ("/collections/cameras/items", {"limit": evil}),
        ("/collections", {evil: evil}),
    ):
        answer = client.get(path, params=query, headers={"accept": BROWSER})
        page = page_of(answer)
        assert list(page.of("script")) == []
        assert "<script>" not in answer.text
        assert any("alert(1)" in text for text in page.text)


def test_headers_of_the_problem_stand_on_its_page(client: Client) -> None:
    answer = client.put("/collections", headers={"accept": BROWSER})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert page_of(answer)


class Failing(MemoryStore):
    """A store that breaks when it is told to."""

    is_broken = False

    def head(self) -> int:
        if self.is_broken:
            raise RuntimeError("secret")
        return super().head()


def test_a_failure_is_a_page_with_the_number_to_tell_and_no_more(make: Make) -> None:
    store = Failing()
    app = make(store)
    store.is_broken = True
    answer = app.get("/readyz", headers={"accept": BROWSER})
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] in page_of(answer).text
    assert "secret" not in answer.text


@pytest.mark.parametrize("host", ["", 'evil"<>', "[::", "a" * 5000, "例子", "x:99999999"])
def test_a_strange_host_is_told_without_a_page_that_would_name_it(client: Client, host: str) -> None:
    answer = client.get("/nowhere", headers={"host": host.encode(), "accept": BROWSER})
    if answer.status_code == 400:
        assert answer.json()["type"] == "urn:twin:problem:bad-host"
    else:
        assert answer.status_code == 404
    assert 'href="http://evil' not in answer.text


class Outside:
    """Asks as nobody in particular; what is asked with a wrong cookie is not answered."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from fastapi import Request

        from twin.api.problems import problem_of_error

        if any(name == b"cookie" for name, _ in scope["headers"]):
            error = Unauthenticated("登录已失效", "signed out")
            await problem_of_error(Request(scope), error)(scope, receive, send)
            return
        await self.app({**scope, "caller": ANONYMOUS, "exact_reads": []}, receive, send)


@pytest.fixture(scope="module")
def outside(make: Make) -> Client:
    return make(store_of(records()), Outside)


@pytest.mark.parametrize(
    ("path", "cookie", "status"), [("/imports", {}, 403), ("/collections", {"cookie": "twin_session=old"}, 401)]
)
def test_who_lacks_a_role_is_led_to_where_one_signs_in(
    outside: Client, path: str, cookie: dict[str, str], status: int
) -> None:
    answer = outside.get(path, headers={"accept": BROWSER, **cookie})
    assert answer.status_code == status
    assert page_of(answer)
    assert '<a href="http://twin.test/map">到地图页登录</a>' in answer.text
    assert "到地图页登录" not in outside.get("/nowhere", headers={"accept": BROWSER}).text
