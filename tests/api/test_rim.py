"""What every response carries, and the pages of the API itself."""

from __future__ import annotations

import gzip
import re
from http.client import HTTPConnection
from threading import Thread
from time import sleep
from typing import Any

import httpx
import jsonschema
import pytest
import uvicorn

from tests.api.conftest import NOW, Client, records, store_of
from twin.api.app import create_app
from twin.api.language import preferred
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
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.1"
    document: dict[str, Any] = answer.json()
    assert "HTTPValidationError" not in answer.text
    for path, operations in document["paths"].items():
        for operation in operations.values():
            content = operation["responses"]["400"]["content"]
            assert content == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}, path
            assert "lang" in {p["name"] for p in operation["parameters"]}, path
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
