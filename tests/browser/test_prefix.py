"""The map and the API's pages behind a reverse proxy that offers them under a prefix: nothing is asked outside of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser

from tests.browser.stage import reference_twin, served, visit

pytestmark = pytest.mark.browser
PREFIX = "/city/twin"
ONLY_FEW = {"cameras": 200, "sensors": 200, "radio_sites": 40, "radio_sectors": 0, "buildings": 0, "candidates": 0}
HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive", "host", "date"}


def proxy_to(address: str, *, strips: bool) -> ThreadingHTTPServer:
    """A reverse proxy that offers a server under the prefix only. One that strips it says so in X-Forwarded-Prefix."""
    inner = urlsplit(address)

    class Passing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_GET(self) -> None:
            if not self.path.startswith((PREFIX + "/", PREFIX + "?")):
                self.server.outside.append(self.path)  # type: ignore[attr-defined]
                self.send_error(404)
                return
            path = self.path.removeprefix(PREFIX) if strips else self.path
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            sent = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
            sent |= {
                "Host": "inner",
                "X-Forwarded-Host": self.headers["host"],
                "X-Forwarded-Proto": "http",
                "X-Forwarded-For": "203.0.113.7",
            }
            if strips:
                sent["X-Forwarded-Prefix"] = PREFIX
            connection = HTTPConnection(inner.hostname or "", inner.port, timeout=60)
            try:
                connection.request(self.command, path, body, sent)
                answer = connection.getresponse()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in HOP_BY_HOP:
                        self.send_header(name, value)
                self.end_headers()
                while part := answer.read1(1 << 16):
                    self.wfile.write(part)
            except OSError:
                self.close_connection = True
            finally:
                connection.close()

        do_POST = do_DELETE = do_PATCH = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Passing)
    server.outside = []  # type: ignore[attr-defined]
    server.daemon_threads = True
    return server


@pytest.fixture(scope="module", params=[True, False], ids=["stripped", "left in the path"])
def behind(request: pytest.FixtureRequest) -> Iterator[ThreadingHTTPServer]:
    settings = (
        {"trusted_proxies": "127.0.0.1"} if request.param else {"trusted_proxies": "127.0.0.1", "root_path": PREFIX}
    )
    with served(reference_twin(ONLY_FEW), **settings) as address:
        server = proxy_to(address, strips=request.param)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        server.server_close()
        thread.join(10)


def outer(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}"


def test_the_map_works_under_a_prefix(browser: Browser, behind: ThreadingHTTPServer) -> None:
    made = visit(browser, outer(behind), 1100, 640)
    made.open(f"{PREFIX}/map").choose("charger-service")
    assert made.page.locator("#cards [data-rule]").count() > 3
    assert made.page.locator("#area option").count() > 3
    assert made.until("document.querySelector('#legend').textContent.length > 10")
    assert made.elsewhere == []
    assert made.complaints == []
    assert behind.outside == []  # type: ignore[attr-defined]
    made.page.context.close()


def test_the_docs_page_works_under_a_prefix(browser: Browser, behind: ThreadingHTTPServer) -> None:
    made = visit(browser, outer(behind), 1100, 640)
    made.page.goto(f"{outer(behind)}{PREFIX}/docs")
    made.page.wait_for_selector(".opblock", timeout=60_000)
    assert made.elsewhere == []
    assert behind.outside == []  # type: ignore[attr-defined]
    made.page.context.close()


def test_links_that_a_client_follows_stay_under_the_prefix(behind: ThreadingHTTPServer) -> None:
    start = f"{outer(behind)}{PREFIX}/collections/cameras/items?limit=5"
    with httpx.Client(trust_env=False) as client:
        page = client.get(start).json()
        seen = 0
        while page and seen < 4:
            seen += 1
            following = [link["href"] for link in page["links"] if link["rel"] == "next"]
            assert all(link.startswith(f"{outer(behind)}{PREFIX}/collections/cameras/items?") for link in following)
            page = client.get(following[0]).json() if following else None
    assert seen == 4
