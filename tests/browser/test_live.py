"""The map shows what is recorded elsewhere without being loaded anew, waits while something is tried, and says when it hears
nothing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn
from playwright.sync_api import Browser

from tests.browser.stage import Visit, reference_twin, visit
from twin.api.app import create_app
from twin.engine import Twin
from twin.settings import Settings

pytestmark = pytest.mark.browser

SMALL = {"cameras": 400, "sensors": 400, "radio_sites": 100, "radio_sectors": 0, "buildings": 0, "candidates": 0}
GEOJSON = {"content-type": "application/geo+json"}
IN_THE_LARGEST_GAP = (121.52, 31.03)
KEYS_ON_THE_MAP = (
    "twin.deck.layerManager.getLayers().filter(l => l.id.startsWith('chargers') && Array.isArray(l.props.data))"
    ".flatMap(l => l.props.data).map(d => d.properties?.key)"
)
STATION = {"station_type": "public", "n_connectors": 4}


@dataclass
class Server:
    """One that can be stopped and started again on its port."""

    twin: Twin
    port: int = 0

    def start(self) -> None:
        listening = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
        self.port = listening.getsockname()[1]
        app = create_app(self.twin, Settings(store="memory:"))
        self.feed = app.state.feed
        self.server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none"))
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [listening]}, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.feed.close()
        self.server.should_exit = True
        self.thread.join(10)
        assert not self.thread.is_alive()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def edit(self, method: str, path: str, **more: Any) -> None:
        answer = httpx.request(method, f"{self.address}/collections/{path}", headers=GEOJSON, timeout=30, **more)
        assert answer.status_code < 300, answer.text

    def add_station(self, key: str, place: tuple[float, float]) -> None:
        feature = {"type": "Feature", "geometry": {"type": "Point", "coordinates": place}}
        self.edit("POST", "chargers/items", json={**feature, "properties": {"key": key, **STATION}})


@pytest.fixture(scope="module")
def twin() -> Twin:
    return reference_twin(SMALL)


@pytest.fixture
def server(twin: Twin) -> Iterator[Server]:
    made = Server(twin)
    made.start()
    yield made
    if made.thread.is_alive():
        made.stop()


@contextmanager
def visiting(browser: Browser, server: Server, path: str = "/map") -> Iterator[Visit]:
    made = visit(browser, server.address, 1100, 640)
    made.page.add_init_script("window.opened = performance.timeOrigin")
    yield made.open(path)
    assert made.elsewhere == []
    made.page.context.close()


def test_an_edit_made_elsewhere_changes_card_map_and_drawer_without_loading_the_page(
    browser: Browser, server: Server
) -> None:
    lng, lat = IN_THE_LARGEST_GAP
    with visiting(browser, server, f"/map#13.50/{lat}/{lng}/0/0") as made:
        page = made.page
        opened = page.evaluate("window.opened")
        page.evaluate("place => twin.actions.ask(place)", [*IN_THE_LARGEST_GAP])
        made.until("document.getElementById('why-sentence')?.textContent.startsWith('此处未被服务')")
        card = "document.querySelector('#cards [data-rule=charger-service]').textContent"
        before = page.evaluate(card)
        server.add_station("heard", IN_THE_LARGEST_GAP)
        made.until("document.getElementById('why-sentence').textContent.startsWith('此处已被服务')")
        made.until(f"{card} !== {before!r}")
        made.until(f"({KEYS_ON_THE_MAP}).includes('heard')")
        assert page.evaluate("window.opened") == opened
        assert made.complaints == []


def test_while_something_is_tried_the_page_waits_to_be_told(browser: Browser, server: Server) -> None:
    with visiting(browser, server) as made:
        page = made.page
        page.evaluate("twin.actions.tryHere([121.45, 31.05])")
        made.until("document.getElementById('trial-chip')?.textContent.includes('→')")
        made.ready()
        seen = page.evaluate("twin.state.results[0].snapshot")
        server.add_station("held", (121.4, 31.1))
        made.until("document.querySelector('#foot [data-key=refresh]')?.textContent === '数据已更新，刷新'")
        page.wait_for_timeout(1500)  # whoever refreshed by himself would have done so by now
        assert page.evaluate("twin.state.results[0].snapshot") == seen
        page.click("#foot [data-key=refresh]")
        made.until(f"twin.state.results[0].snapshot !== {seen!r}")
        made.until("!document.querySelector('#foot [data-key=refresh]')")
        made.until("document.getElementById('trial-chip').textContent.includes('→')")
        assert page.evaluate("twin.state.tried.length") == 1
        assert made.complaints == []


def test_what_waited_is_shown_when_nothing_is_tried_any_more(browser: Browser, server: Server) -> None:
    with visiting(browser, server) as made:
        page = made.page
        page.evaluate("twin.actions.tryHere([121.45, 31.05])")
        made.until("document.getElementById('trial-chip')?.textContent.includes('→')")
        seen = page.evaluate("twin.state.results[0].snapshot")
        server.add_station("waited", (121.41, 31.1))
        made.until("document.querySelector('#foot [data-key=refresh]')")
        page.click("[data-key=undo]")
        made.until(f"twin.state.results[0].snapshot !== {seen!r}")
        assert page.locator("#foot [data-key=refresh]").count() == 0


def test_a_server_that_is_gone_is_said_at_the_foot_until_it_is_back_and_what_was_missed_is_shown(
    browser: Browser, server: Server
) -> None:
    with visiting(browser, server) as made:
        page = made.page
        made.until("performance.getEntriesByType('resource').length > 0")
        seen, since = page.evaluate("[twin.state.results[0].snapshot, twin.state.results[0].known_at]")
        server.stop()
        made.until("document.querySelector('#foot .warn')?.textContent.startsWith('连接中断，数据截至 ')")
        assert since.startswith("2026-03-31")
        assert "2026年3月31日" in page.inner_text("#foot .warn")
        page.evaluate("twin.actions.speak('en')")
        assert page.inner_text("#foot .warn").startswith("Connection lost, data as of ")
        server.start()
        server.add_station("missed", (121.42, 31.1))
        made.until("!document.querySelector('#foot .warn')", 60)
        made.until(f"twin.state.results[0].snapshot !== {seen!r}")


def test_many_edits_are_one_refresh_a_second_at_most(browser: Browser, server: Server) -> None:
    with visiting(browser, server) as made:
        page = made.page
        asked: list[str] = []
        page.on("request", lambda r: asked.append(r.url) if r.url.split("?")[0].endswith("/coverage") else None)
        for i in range(12):
            server.add_station(f"burst-{i}", (121.40 + i / 100, 31.12))
        last = httpx.get(f"{server.address}/coverage").json()["results"][0]["snapshot"]
        made.until(f"twin.state.results[0].snapshot === {last!r}")
        assert 1 <= len(asked) < 12


def test_a_page_that_is_not_seen_listens_to_nothing_and_hears_what_it_missed_later(
    browser: Browser, server: Server
) -> None:
    with visiting(browser, server) as made:
        page = made.page
        hide = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true}); document.dispatchEvent(new Event('visibilitychange'))"
        seen = page.evaluate("twin.state.results[0].snapshot")
        page.evaluate(hide % "true")
        page.wait_for_timeout(200)
        assert server.feed.n_listeners == 0
        server.add_station("unseen", (121.43, 31.1))
        page.wait_for_timeout(500)
        assert page.evaluate("twin.state.results[0].snapshot") == seen
        page.evaluate(hide % "false")
        made.until(f"twin.state.results[0].snapshot !== {seen!r}")
