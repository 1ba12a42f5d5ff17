"""What every response carries, and the pages of the API itself."""

from __future__ import annotations

import gzip
import re
from http.client import HTTPConnection
from threading import Thread
from time import sleep
from typing import Any

import anyio
import httpx
import jsonschema
import pytest
import uvicorn
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from tests.api.conftest import NOW, Client, Make, records, store_of
from twin.access import ANONYMOUS, OPEN, Caller
from twin.api.app import create_app
from twin.api.language import preferred
from twin.api.security import Rim
from twin.engine import Twin
from twin.readers.plan_file import read_plan
from twin.settings import Settings

EVERY_KIND = [
    "/", "/collections/cameras/items", "/tiles/cameras/13/6855/3352.mvt", "/tiles/cameras/10/0/0.mvt", "/coverage/camera-count",
    "/nowhere", "/coverage/charger-service?radius_m=x", "/docs", "/docs/swagger-ui.css", "/openapi.json", "/map", "/healthz",
]  # fmt: skip


@pytest.mark.parametrize("path", EVERY_KIND)
def test_every_response_carries_the_security_headers(client: Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"]
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["x-request-id"]
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "script-src 'unsafe-inline'" not in policy


@pytest.mark.parametrize("path", EVERY_KIND)
def test_head_is_get_without_the_body(client: Client, path: str) -> None:
    head, get = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers.get("content-type") == get.headers.get("content-type")


def test_json_above_a_kilobyte_is_gzipped_where_that_is_accepted(client: Client) -> None:
    def encoding(path: str, accepted: str) -> str | None:
        return client.get(path, headers={"accept-encoding": accepted}).headers.get("content-encoding")

    assert encoding("/collections", "gzip, br") == "gzip"
    assert encoding("/collections", "identity") is None
    assert encoding("/collections", "gzip;q=0") is None
    assert encoding("/collections", "br, *") == "gzip"
    assert encoding("/openapi.json", "gzip") == "gzip"
    assert encoding("/docs/swagger-ui-bundle.js", "gzip") == "gzip"
    assert encoding("/healthz", "gzip") is None
    assert "Accept-Encoding" in client.get("/collections").headers["vary"]


def test_what_is_gzipped_is_gzip(client: Client) -> None:
    request = client.build_request("GET", "/collections", headers={"accept-encoding": "gzip"})
    with httpx.Client(transport=client._transport) as raw:
        response = raw.send(request, stream=True)
        content = b"".join(response.iter_raw())
    assert gzip.decompress(content) == client.get("/collections", headers={"accept-encoding": "identity"}).content


def test_the_docs_page_has_no_foreign_address_and_nothing_inline(client: Client) -> None:
    page = client.get("/docs").text
    assert "http" not in page
    assert re.findall(r"<script(?! src=)", page) == []
    for name in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert client.get(f"/{name}").status_code == 200, name
    assert client.get("/docs/swagger-ui-bundle.js").headers["content-type"].startswith("text/javascript")


def test_the_description_has_problems_instead_of_422s_of_its_own(client: Client) -> None:
    answer = client.get("/openapi.json")
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    document: dict[str, Any] = answer.json()
    assert "HTTPValidationError" not in answer.text
    assert document["components"]["responses"]["400"]["content"] == {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}},
        "text/html": {"schema": {"type": "string"}},
    }
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["responses"]["400"] == {"$ref": "#/components/responses/400"}, path
            assert "lang" in {
                p.get("name", p.get("$ref", "").replace(".", "/").rpartition("/")[2]) for p in operation["parameters"]
            }, path
    limit = next(
        p for p in document["paths"]["/collections/{layer}/items"]["get"]["parameters"] if p["name"] == "limit"
    )
    assert (limit["schema"]["default"], limit["schema"]["minimum"], limit["schema"]["maximum"]) == (10, 1, 10_000)
    rule = document["paths"]["/coverage/{rule}"]["get"]["parameters"]
    free = next(p for p in rule if p["name"] == "parameters")
    assert free["explode"]
    assert "min_connectors" in free["schema"]["properties"]


def test_problems_look_as_the_description_says(client: Client) -> None:
    schema = client.get("/openapi.json").json()["components"]["schemas"]["Problem"]
    for path in ("/nowhere", "/collections?x=1", "/coverage/charger-service?denominator=population"):
        jsonschema.validate(client.get(path).json(), schema)


@pytest.mark.parametrize(
    ("header", "lang"),
    [("", "en"), ("zh", "zh"), ("zh-Hans-CN", "zh"), ("en,zh", "en"), ("en;q=0.1, zh;q=0.2", "zh"), ("fr, zh;q=0.1", "zh"),
     ("zh;q=0", "en"), ("zh;q=x", "en"), (";;;,,,", "en"), ("ZH-cn ; q=0.5", "zh"), ("*", "en")],
)  # fmt: skip
def test_the_language_is_the_one_ranked_higher(header: str, lang: str) -> None:
    assert preferred(header) == lang


def test_a_real_server_answers_head_and_keeps_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings(store="memory:")
    app = create_app(Twin(store_of(records()), read_plan(settings.plan), pytest.fail, lambda: NOW), settings)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            sleep(0.01)
        address = server.servers[0].sockets[0].getsockname()
        connection = HTTPConnection(*address[:2])
        for _ in range(3):
            connection.request("HEAD", "/collections/cameras/items")
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, b"")
            assert not answer.will_close
        connection.close()
    finally:
        server.should_exit = True
        thread.join()
    assert [r.message for r in caplog.records if r.levelname == "ERROR"] == []


# --- settings of the rim: other origins, https, access control, methods


def test_options_is_answered_with_the_methods_of_every_route(client: Client) -> None:
    for path, methods in (
        ("/collections/cameras/items", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("/collections/cameras/items/cam-00", {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "PUT"}),
        ("/conformance", {"GET", "HEAD", "OPTIONS"}),
        ("/map", {"GET", "HEAD", "OPTIONS"}),
    ):
        answer = client.options(path)
        assert (answer.status_code, answer.content) == (204, b""), path
        assert set(answer.headers["allow"].split(", ")) == methods, path
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.options("/nowhere").status_code == 404


def test_https_is_kept_to_only_where_the_browser_came_by_it(make: Make) -> None:
    client = make(store_of(records()), trusted_proxies="127.0.0.1")
    assert "strict-transport-security" not in client.get("/conformance").headers
    secure = client.get("/conformance", headers={"x-forwarded-proto": "https"})
    assert "max-age=31536000" in secure.headers["strict-transport-security"]


@pytest.mark.parametrize("origins", ["", "https://gis.example.cn"])
def test_another_origin_may_not_read_unless_it_is_named(make: Make, origins: str) -> None:
    client = make(store_of(records()), cors_origins=origins)
    for origin in ("https://evil.example", "null", "https://gis.example.cn.evil.example"):
        answer = client.get("/conformance", headers={"origin": origin})
        assert "access-control-allow-origin" not in answer.headers
        asked = client.options("/conformance", headers={"origin": origin, "access-control-request-method": "GET"})
        assert "access-control-allow-origin" not in asked.headers


def test_a_named_origin_may_read_what_it_needs_and_write(make: Make) -> None:
    client = make(store_of(records()), cors_origins="https://gis.example.cn/, https://b.example")
    origin = {"origin": "https://gis.example.cn"}
    answer = client.get("/collections/cameras/items/cam-00", headers=origin)
    assert answer.headers["access-control-allow-origin"] == "https://gis.example.cn"
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert {"ETag", "Content-Crs", "Link", "X-Request-Id"} <= set(
        answer.headers["access-control-expose-headers"].split(", ")
    )
    assert "Origin" in answer.headers["vary"]
    asked = client.options(
        "/collections/cameras/items/cam-00",
        headers={
            **origin,
            "access-control-request-method": "PATCH",
            "access-control-request-headers": "authorization, if-match",
        },
    )
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, "https://gis.example.cn")
    assert "PATCH" in asked.headers["access-control-allow-methods"]
    assert client.post("/coverage/charger-service", json={}, headers=origin).status_code == 200
    assert client.post("/coverage/charger-service", json={}, headers={"origin": "https://c.example"}).status_code == 403


def test_any_origin_goes_without_cookies(make: Make) -> None:
    answer = make(store_of(records()), cors_origins="*").get("/conformance", headers={"origin": "https://a.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


def test_a_refusal_can_be_read_by_a_named_origin(make: Make) -> None:
    client = make(store_of(records()), cors_origins="https://b.example", max_body_mib=1)
    answer = client.post("/coverage/charger-service", content=b"x" * (1 << 21), headers={"origin": "https://b.example"})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (413, "https://b.example")


def answered_to(caller: Caller | None, **headers: str) -> dict[str, str]:
    """The headers of an answer that an endpoint made with these, for a caller."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if caller is not None:
            scope["caller"] = caller
        await Response("x", headers={name.replace("_", "-"): value for name, value in headers.items()})(
            scope, receive, send
        )

    got: dict[str, str] = {}

    async def send(message: Message) -> None:
        got.update({name.decode(): value.decode() for name, value in message.get("headers", ())})

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "scheme": "http",
        "headers": [(b"host", b"a")],
        "client": None,
    }
    anyio.run(Rim(app), {**scope, "query_string": b"", "root_path": ""}, receive, send)
    return got


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({}, "private, no-cache"),
        ({"cache_control": "no-cache"}, "private, no-cache"),
        ({"cache_control": "max-age=60"}, "private, max-age=60"),
        ({"cache_control": "no-store"}, "no-store"),
        ({"cache_control": "public, max-age=31536000, immutable"}, "public, max-age=31536000, immutable"),
    ],
)
def test_what_one_caller_may_see_is_kept_by_no_shared_cache(given: dict[str, str], kept: str) -> None:
    for caller in (ANONYMOUS, Caller("key-1", "cleared")):
        got = answered_to(caller, vary="Accept-Encoding", **given)
        assert got["cache-control"] == kept
        assert got["vary"] == (
            "Accept-Encoding" if "public" in kept else "Accept-Encoding, Authorization, Cookie, X-API-Key"
        )


@pytest.mark.parametrize("caller", [None, OPEN])
def test_an_open_server_leaves_caching_as_the_endpoint_has_it(caller: Caller | None) -> None:
    got = answered_to(caller, vary="Accept-Encoding")
    assert "cache-control" not in got
    assert got["vary"] == "Accept-Encoding"


def test_a_caller_who_left_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ClientDisconnect

    async def nothing(*_: Any) -> Any:
        raise AssertionError

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "scheme": "http",
        "headers": [],
        "client": None,
        "root_path": "",
    }
    rim = Rim(app, watchers=[lambda scope, status, seconds, n_bytes: seen.append(status)])
    anyio.run(rim, scope, nothing, nothing)
    assert seen == [499]
    assert caplog.records == []
