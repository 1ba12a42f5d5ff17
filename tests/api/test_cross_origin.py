"""What pages of other sites may send and read: enough for ranges, edits, imports and events."""

from __future__ import annotations

import httpx
import pytest

from tests.api.conftest import Client, Make, records, store_of

HERE, THERE = "https://gis.example.cn", "https://other.example"


@pytest.fixture
def open_to(make: Make) -> Client:
    return make(store_of(records()), cors_origins=HERE)


def preflight(client: Client, path: str, headers: str, method: str = "GET") -> httpx.Response:
    asked = {"origin": HERE, "access-control-request-method": method, "access-control-request-headers": headers}
    return client.options(path, headers=asked)


@pytest.mark.parametrize(
    ("method", "path", "header"),
    [
        ("GET", "/collections/cameras/bulk.fgb", "range"),
        ("GET", "/collections/cameras/bulk.parquet", "if-range"),
        ("GET", "/collections/cameras/items/cam-00", "if-none-match"),
        ("POST", "/imports", "prefer"),
        ("GET", "/events", "last-event-id"),
        ("PATCH", "/collections/cameras/items/cam-00", "if-match"),
        ("PUT", "/collections/cameras/items/cam-00", "content-crs"),
    ],
)
def test_a_page_of_a_named_site_may_send_it(open_to: Client, method: str, path: str, header: str) -> None:
    answer = preflight(open_to, path, header, method)
    assert answer.status_code == 200
    assert header in answer.headers["access-control-allow-headers"].lower().split(", ")


def test_what_no_client_needs_may_not_be_sent(open_to: Client) -> None:
    assert preflight(open_to, "/collections/cameras/bulk.fgb", "x-forwarded-for").status_code == 400


def test_a_page_reads_a_range_and_knows_which(open_to: Client) -> None:
    headers = {"origin": HERE, "range": "bytes=8-15", "accept-encoding": "identity"}
    answer = open_to.get("/collections/cameras/bulk.fgb", headers=headers)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (206, HERE)
    assert answer.headers["content-range"].startswith("bytes 8-15/")
    assert {"content-range", "accept-ranges", "etag"} <= exposed(answer)


def test_every_header_that_tells_a_client_what_to_do_next_can_be_read(open_to: Client) -> None:
    answer = open_to.get("/collections/cameras/items/cam-00", headers={"origin": HERE})
    wanted = {"location", "content-crs", "retry-after", "preference-applied", "ratelimit", "ratelimit-policy"}
    assert wanted <= exposed(answer)


def test_another_site_gets_no_leave_to_send_or_to_read(open_to: Client) -> None:
    asked = {"origin": THERE, "access-control-request-method": "GET", "access-control-request-headers": "range"}
    assert "access-control-allow-origin" not in open_to.options("/collections/cameras/bulk.fgb", headers=asked).headers
    answer = open_to.get("/collections/cameras/bulk.fgb", headers={"origin": THERE, "range": "bytes=0-7"})
    assert "access-control-allow-origin" not in answer.headers


def exposed(answer: httpx.Response) -> set[str]:
    return {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")}
