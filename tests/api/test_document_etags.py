"""Documents and pages are asked for again by ETag: the hash of the bytes that this caller gets."""

from __future__ import annotations

import hashlib
from typing import Any

import httpx
import pytest

from tests.api.conftest import Client, Make, records, store_of
from twin.access import ANONYMOUS, Caller

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
PAGES = (
    "/", "/conformance", "/collections", "/collections/cameras", "/collections/cameras/queryables",
    "/collections/cameras/schema", "/collections/cameras/tiles", "/collections/cameras/tiles/WebMercatorQuad",
    "/tileMatrixSets", "/tileMatrixSets/WebMercatorQuad", "/styles",
)  # fmt: skip
DOCUMENTS = (*PAGES, "/tiles/cameras/tilejson.json", "/styles/cameras", "/openapi.json")
GEOJSON = {"content-type": "application/geo+json"}
OF_THIS_ANSWER = {"content-type", "content-length", "content-encoding", "x-request-id"}


def hash_of(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=12).hexdigest()


def head(answer: httpx.Response) -> dict[str, str]:
    """The headers but those that only this answer has."""
    return {name: value for name, value in answer.headers.items() if name not in OF_THIS_ANSWER}


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
@pytest.mark.parametrize("accept", ["*/*", BROWSER])
@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_document_is_asked_for_again_by_the_hash_of_its_bytes(
    client: Client, path: str, accept: str, encoding: str
) -> None:
    headers = {"accept": accept, "accept-encoding": encoding}
    answer = client.get(path, headers=headers)
    is_gzipped = answer.headers.get("content-encoding") == "gzip"
    assert is_gzipped == (encoding == "gzip" and len(answer.content) >= 1024)
    assert answer.headers["etag"] == f'"{hash_of(answer.content)}{"-gz" * is_gzipped}"'
    assert answer.headers["cache-control"] == "no-cache"
    again = client.get(path, headers={**headers, "if-none-match": f'"other", W/{answer.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert head(again) == head(answer)
    assert client.get(path, headers={**headers, "if-none-match": '"other"'}).content == answer.content


@pytest.mark.parametrize(
    "path", [*PAGES, "/collections/cameras/items", "/collections/cameras/items/cam-00", "/coverage"]
)
def test_a_page_that_is_still_good_keeps_the_policy_that_lets_its_sheets_in(client: Client, path: str) -> None:
    """A browser takes the headers of a 304 over."""
    page = client.get(path, headers={"accept": BROWSER})
    again = client.get(path, headers={"accept": BROWSER, "if-none-match": page.headers["etag"]})
    assert again.status_code == 304
    assert "style-src 'self'" in again.headers["content-security-policy"]


def test_each_form_and_language_of_a_document_has_its_own(client: Client) -> None:
    forms = [{"accept": accept, "accept-language": lang} for accept in ("*/*", BROWSER) for lang in ("zh", "en")]
    tags = [client.get("/collections/cameras", headers=form).headers["etag"] for form in forms]
    assert len(set(tags)) == 4
    for form in forms:
        vary = client.get("/collections/cameras", headers=form).headers["vary"].split(", ")
        assert {"Accept", "Accept-Language", "Accept-Encoding"} <= set(vary)


def test_an_edit_makes_anew_what_it_touches_and_nothing_else(make: Make) -> None:
    fresh = make(store_of(records()))
    paths = (
        "/collections",
        "/collections/chargers",
        "/tiles/chargers/tilejson.json",
        "/conformance",
        "/collections/chargers/schema",
    )
    before = {path: fresh.get(path).headers["etag"] for path in paths}
    place = {"type": "Point", "coordinates": [121.2, 31.0]}
    sent = {"type": "Feature", "properties": {"key": "new"}, "geometry": place}
    assert fresh.post("/collections/chargers/items", json=sent, headers=GEOJSON).status_code == 201
    codes = {path: fresh.get(path, headers={"if-none-match": tag}).status_code for path, tag in before.items()}
    assert list(codes.values()) == [200, 200, 200, 304, 304]


def test_head_says_the_same(client: Client) -> None:
    seen = client.get("/collections")
    assert head(client.head("/collections")) == head(seen)
    assert client.head("/collections", headers={"if-none-match": seen.headers["etag"]}).status_code == 304


def test_what_says_the_time_or_changes_something_has_none(make: Make) -> None:
    fresh = make(store_of(records()))
    assert "timeStamp" in fresh.get("/collections/chargers/items").json()
    for answer in (
        fresh.get("/collections/chargers/items"),
        fresh.post("/coverage/charger-service", json={}),
        fresh.delete("/collections/chargers/items/west", params={"reason": "r"}),
        fresh.get("/imports"),
        fresh.get("/nowhere"),
        fresh.get("/nowhere", headers={"accept": BROWSER}),
        fresh.get("/collections", params={"colour": "red"}),
    ):
        assert "etag" not in answer.headers, answer.request.url


def test_a_star_never_makes_an_error_unchanged(client: Client) -> None:
    for path in ("/nowhere", "/collections/ufos", "/collections/cameras/items/ufo"):
        for accept in ("*/*", BROWSER):
            assert client.get(path, headers={"if-none-match": "*", "accept": accept}).status_code == 404


CALLERS = {"public": ANONYMOUS, "cleared": Caller("c", "cleared")}


class As:
    """Sets who asks, from a test's header."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        who = CALLERS[dict(scope["headers"])[b"x-as"].decode()]
        await self.app({**scope, "caller": who, "exact_reads": []}, receive, send)


@pytest.fixture(scope="module")
def guarded(make: Make) -> Client:
    """The small world, where it matters who asks."""
    return make(store_of(records()), As)


@pytest.mark.parametrize("path", ["/collections", "/collections/cameras", "/tiles/cameras/tilejson.json"])
@pytest.mark.parametrize("accept", ["application/json", BROWSER])
def test_what_one_role_has_is_not_unchanged_for_another_and_kept_by_no_shared_cache(
    guarded: Client, path: str, accept: str
) -> None:
    seen = {who: guarded.get(path, headers={"x-as": who, "accept": accept}) for who in CALLERS}
    assert seen["public"].content != seen["cleared"].content
    assert seen["public"].headers["etag"] != seen["cleared"].headers["etag"]
    for who, answer in seen.items():
        for asker in CALLERS:
            headers = {"x-as": asker, "accept": accept, "if-none-match": answer.headers["etag"]}
            again = guarded.get(path, headers=headers)
            assert again.status_code == (304 if asker == who else 200)
            assert again.headers["cache-control"] == "private, no-cache"
            assert {"Authorization", "Cookie", "X-API-Key"} <= set(again.headers["vary"].split(", "))
