"""A small twin served on a free port, and a Chromium to look at it. Used by the browser tests and by the README's picture."""

from __future__ import annotations

import base64
import io
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from PIL import Image
from playwright.sync_api import Browser, Page, Route, sync_playwright

from twin.api.app import create_app
from twin.demo.build import build_reference_twin
from twin.engine import Twin
from twin.identity import Access
from twin.model import Edit
from twin.readers.plan_file import read_plan
from twin.readers.raster import read_grid
from twin.settings import Settings
from twin.store import MemoryStore

NOW = datetime(2026, 3, 31, 4, tzinfo=UTC)
THINNED = {"cameras": 12, "sensors": 20, "radio_sites": 4, "radio_sectors": 0, "buildings": 0, "candidates": 0}
"""Of these layers the small twin keeps every n-th record, or none: a software renderer is slow."""
SWITCHES = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
READY = 'html[data-ready="1"]'


def reference_twin(thinned: dict[str, int]) -> Twin:
    """The reference twin in memory, some layers thinned out."""
    settings = Settings()
    twin = Twin(MemoryStore(), read_plan(settings.plan), read_grid, lambda: NOW)
    made = build_reference_twin(1, NOW, settings.geodata)
    seen: dict[str, int] = {}
    edits = []
    for record in made.records:
        number = seen[record.layer] = seen.get(record.layer, -1) + 1
        step = thinned.get(record.layer, 1)
        if step and number % step == 0:
            edits.append(Edit("add", record))
    twin.commit(edits, author="test", reason="small reference twin", sources=made.sources, grids=made.grids)
    return twin


@contextmanager
def served(twin: Twin, access: Access | None = None, **given: Any) -> Iterator[str]:
    """The address of an app that serves the twin, by the settings given, while the context lasts."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        app = create_app(twin, Settings(**given), access)
        config = uvicorn.Config(app, log_level="warning", ws="none", lifespan="off", proxy_headers=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page of the map, and what it must not do: ask elsewhere, complain on the console."""

    page: Page
    address: str
    elsewhere: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str = "/map") -> Visit:
        self.page.goto(self.address + path)
        return self.ready()

    def ready(self) -> Visit:
        """Waits until everything has been fetched and drawn."""
        self.page.wait_for_selector(READY, state="attached", timeout=90_000)
        return self

    def choose(self, rule: str) -> Visit:
        self.page.click(f"#cards [data-rule={rule}]")
        self.page.wait_for_selector(f"#legend[data-rule={rule}]")
        return self.ready()

    def sign_in(self, key: str, name: str) -> Visit:
        """By a key; waits until the page says the name that it was made for."""
        self.page.click("[data-key=signin]")
        self.page.fill("#signin-secret", key)
        with self.page.expect_navigation():
            self.page.click("#signin .main")
        self.ready()
        self.until(f"document.getElementById('session').textContent.includes('{name}')")
        return self

    def until(self, script: str, seconds: float = 30) -> Any:
        """What a script answers once that is true. The page's policy forbids playwright's own way of waiting."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if answer := self.page.evaluate(script):
                return answer
            self.page.wait_for_timeout(50)
        raise AssertionError(f"never true: {script}")

    def picture(self) -> Image.Image:
        """The map as drawn, without the panels: drawn and read in one task, so never blank."""
        self.ready()
        drawn = self.page.evaluate(
            "(() => { twin.deck.redraw('test'); return twin.deck.canvas.toDataURL('image/png'); })()"
        )
        image = Image.open(io.BytesIO(base64.b64decode(drawn.split(",")[1]))).convert("RGBA")
        sheet = Image.new("RGB", image.size, "white")
        sheet.paste(image, (0, 0), image)
        return sheet

    def at(self, lng: float, lat: float) -> tuple[float, float]:
        """Where a place is in the window."""
        x, y = self.page.evaluate("([lng, lat]) => twin.deck.getViewports()[0].project([lng, lat])", [lng, lat])
        box = self.page.locator("#map").bounding_box()
        assert box is not None
        return box["x"] + x, box["y"] + y


def visit(browser: Browser, address: str, width: int, height: int, lang: str = "zh-CN", scale: float = 1) -> Visit:
    """A new page that may ask only ``address``."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, locale=lang, device_scale_factor=scale, reduced_motion="reduce"
    )
    page = context.new_page()
    made = Visit(page, address)

    def refuse(route: Route) -> None:
        made.elsewhere.append(route.request.url)
        route.abort()

    page.route(lambda url: not url.startswith((address, "data:", "blob:")), refuse)
    page.on("console", lambda m: made.complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: made.complaints.append(str(error)))
    return made


def count_near(image: Image.Image, colour: str, tolerance: int = 24) -> int:
    """How many pixels are of a colour, give or take."""
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    found = image.getcolors(image.width * image.height) or []
    return sum(n for n, c in found if sum(abs(a - b) for a, b in zip(c, wanted, strict=True)) <= tolerance)


def over(colour: str, ground: str, alpha: float) -> str:
    """A colour at some opacity on a ground."""
    mixed = [round(int(colour[i : i + 2], 16) * alpha + int(ground[i : i + 2], 16) * (1 - alpha)) for i in (1, 3, 5)]
    return "#" + "".join(f"{v:02X}" for v in mixed)


def static_folder() -> Path:
    return Path(__file__).resolve().parents[2] / "twin" / "api" / "static"
