"""A town with secret places, and who asks for them: what tests of roles share."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from math import radians
from typing import Any

import httpx
import numpy as np
import shapely
from anyio.from_thread import BlockingPortal
from fastapi import FastAPI
from h3.api import basic_str as h3
from scipy.spatial import cKDTree

from tests.api.conftest import NOW, area, record, store_of
from twin.access import ANONYMOUS, Caller
from twin.api.app import create_app
from twin.engine import Twin
from twin.model import Record
from twin.readers.plan_file import read_plan
from twin.readers.raster import read_grid
from twin.settings import Settings
from twin.store import MemoryStore

SOUTH_TOWN = shapely.box(121.27, 31.00, 121.31, 31.02)
NORTH_TOWN = shapely.box(121.27, 31.02, 121.31, 31.04)
RNG = np.random.default_rng(5)
SECRET = RNG.uniform((121.271, 31.001), (121.309, 31.039), (60, 2)).round(7)
"""Of cameras; further ones of 5G sites and sensors follow."""
SITES = RNG.uniform((121.271, 31.001), (121.309, 31.039), (12, 2)).round(7)
GAS = RNG.uniform((121.271, 31.001), (121.309, 31.039), (9, 2)).round(7)
ALL_SECRET = np.concatenate([SECRET, SITES, GAS])
CENTRES = np.array([h3.cell_to_latlng(h3.latlng_to_cell(lat, lng, 9))[::-1] for lng, lat in ALL_SECRET.tolist()])
FEW = 2_000
"""Among more figures than that one may equal a secret one by chance; pairs do not."""
FIGURES = [f"{v!r}" for v in ALL_SECRET.ravel().tolist() if v not in set(CENTRES.round(7).ravel().tolist())]
CELLS = {h3.latlng_to_cell(lat, lng, r) for lng, lat in ALL_SECRET for r in (10, 11, 12)}
HARMLESS = (121.2954321, 31.0212345)


def rows() -> list[Record]:
    return [
        area("310112", "方区", "district", shapely.union(SOUTH_TOWN, NORTH_TOWN)),
        area("310112101", "南镇", "town", SOUTH_TOWN),
        area("310112102", "北镇", "town", NORTH_TOWN),
        area("small", "小片", "aoi", shapely.box(121.28, 31.01, 121.283, 31.013)),
        area("outer-ring", "外环内", "zone", shapely.box(121.29, 30.9, 121.6, 31.2)),
        *(record("cameras", f"cam-{i:02d}", tuple(p), access="own", azimuth_deg=float(i), name=f"路口 {p[0]}") for i, p in enumerate(SECRET.tolist())),
        *(record("radio_sites", f"site-{i}", tuple(p), site_kind="outdoor", operator="甲", mast="m") for i, p in enumerate(SITES.tolist())),
        *(record("sensors", f"gas-{i}", tuple(p), domain="gas", note=f"在 {p[1]} 处") for i, p in enumerate(GAS.tolist())),
        record("sensors", "air", HARMLESS, domain="environment"),
        record("chargers", "west", (121.28, 31.01), station_type="public", n_connectors=4),
    ]  # fmt: skip


class As:
    """Sets who asks, from a test's header."""

    def __init__(self, app: FastAPI, callers: dict[str, Caller]) -> None:
        self.app, self.callers, self.reads = app, callers, []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        scope = {**scope, "caller": self.callers[headers[b"x-as"].decode()], "exact_reads": []}
        await self.app(scope, receive, send)
        self.reads += scope["exact_reads"]


CALLERS = {
    "public": ANONYMOUS,
    "planner": Caller("p", "planner"),
    "south": Caller("s", "planner", ("310112101",)),
    "cleared": Caller("c", "cleared"),
    "cleared-south": Caller("cs", "cleared", ("310112101",)),
    "editor": Caller("e", "editor"),
    "admin": Caller("a", "admin"),
}
BELOW = ["public", "planner", "south"]


def gate_over(
    made: list[Record] | MemoryStore, callers: dict[str, Caller] = CALLERS, clock: Callable[[], datetime] = lambda: NOW
) -> As:
    """The whole app over these things, or over a store."""
    settings, store = Settings(), made if isinstance(made, MemoryStore) else store_of(made)
    return As(create_app(Twin(store, read_plan(settings.plan), read_grid, clock), settings), callers)


class Asked:
    """A client that asks as somebody."""

    def __init__(self, portal: BlockingPortal, gate: As, name: str) -> None:
        self.portal, self.gate, self.name = portal, gate, name

    def __call__(self, path: str, method: str = "GET", **more: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.gate)
            async with httpx.AsyncClient(transport=transport, base_url="http://twin.test") as client:
                headers = {"x-as": self.name, **more.pop("headers", {})}
                return await client.request(method, path, headers=headers, **more)

        return self.portal.call(ask)


def tile_of(lng: float, lat: float, z: int) -> tuple[int, int]:
    y = (1 - np.arcsinh(np.tan(radians(lat))) / np.pi) / 2
    return int((lng / 360 + 0.5) * 2**z), int(y * 2**z)


def leaked(answer: httpx.Response) -> list[str]:
    """What in an answer tells an exact place: its figures, its cell, its name, or a tile's coordinates."""
    found = []
    text = " ".join([answer.text, *(f"{k}: {v}" for k, v in answer.headers.items())])
    is_of_hexes = "/cells" in str(answer.url) or "/tiles/coverage" in str(answer.url)
    if not is_of_hexes and "mapbox-vector-tile" not in answer.headers.get("content-type", ""):
        numbers = np.array([float(n) for n in re.findall(r"-?\d+\.\d{3,}", text)] or [0.0])
        if len(numbers) < FEW:
            found += [figure for figure in FIGURES if figure in text]
        follows = np.column_stack([numbers[:-1], numbers[1:]])
        for pairs in (follows, follows[:, ::-1]):
            if len(pairs):
                found += [f"{p}" for p in ALL_SECRET[cKDTree(pairs).query(ALL_SECRET, p=np.inf)[0] < 3e-6]]
    if not is_of_hexes:
        found += [cell for cell in CELLS if cell in text]
    found += [f"cam {p[0]}" for p in SECRET if f"路口 {p[0]}" in text]
    return found
