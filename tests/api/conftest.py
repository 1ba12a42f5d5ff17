"""A small world whose answers can be checked by hand, served in process over the memory store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import shapely
from anyio.from_thread import BlockingPortal, start_blocking_portal
from shapely.geometry.base import BaseGeometry

from twin.api.app import create_app
from twin.engine import Twin
from twin.model import Edit, Record, Source
from twin.readers.plan_file import read_plan
from twin.readers.raster import read_grid
from twin.settings import Settings
from twin.store.memory import MemoryStore

if TYPE_CHECKING:  # they import this module
    from tests.api.guarded import Guarded
    from tests.api.importing import Served
    from tests.api.withheld import As

BORN = datetime(2024, 5, 1, tzinfo=UTC)
NOW = datetime(2025, 12, 31, 4, tzinfo=UTC)
WEST, SOUTH, EAST, NORTH, MIDDLE = 121.27, 31.00, 121.31, 31.04, 121.29
ON_EDGE = 121.2890625
"""A longitude on the edge between two tiles from zoom 10 on: 857 / 2**10 of the way round."""
N_CAMERAS, N_LOCATED = 49, 48

Client = httpx.Client
Make = Callable[..., Client]


def record(layer: str, key: str, place: tuple[float, float] | BaseGeometry | None, **more: Any) -> Record:
    """An operating asset since ``BORN``; what is no column is an attribute."""
    columns = {"name": f"{layer} {key}", "lifecycle": "operating", "valid_from": BORN, "valid_to": None, "online": True,
               "n_devices": 1, "owner": "", "source": "made-up", "original": None}  # fmt: skip
    columns |= {name: more.pop(name) for name in list(more) if name in columns}
    lng, lat = place if isinstance(place, tuple) else (None, None)
    geometry = shapely.to_wkb(place) if isinstance(place, BaseGeometry) else None
    return Record(layer=layer, key=key, lng=lng, lat=lat, geometry=geometry, attributes=more, **columns)


def area(code: str, name: str, level: str, shape: BaseGeometry) -> Record:
    return record("areas", code, shape, name=name, code=code, name_en=f"{name} (en)", level=level)


def cameras() -> list[Record]:
    """48 in rows of 8, one column of them on a tile's edge; two devices on the first; one without a place."""
    lngs = [121.272, 121.277, 121.282, ON_EDGE, 121.292, 121.297, 121.302, 121.307]
    places = [(lng, 31.004 + 0.006 * row) for row in range(6) for lng in lngs]
    made = [
        record("cameras", f"cam-{i:02d}", p, access="own", n_devices=2 if i == 0 else 1) for i, p in enumerate(places)
    ]
    return [*made, record("cameras", "nowhere/1", None, access="own", online=None)]


def records() -> list[Record]:
    """A district of 4 by 4 hundredths of a degree, its east inside the outer ring, two towns."""
    return [
        area("310112", "方区", "district", shapely.box(WEST, SOUTH, EAST, NORTH)),
        area("310112101", "南镇", "town", shapely.box(WEST, SOUTH, EAST, 31.02)),
        area("310112102", "北镇", "town", shapely.box(WEST, 31.02, EAST, NORTH)),
        area("outer-ring", "外环内", "zone", shapely.box(MIDDLE, 30.9, 121.6, 31.2)),
        *cameras(),
        record("chargers", "west", (121.28, 31.01), station_type="public", n_connectors=4, max_power_kw=120.0),
        record("chargers", "east", (121.3, 31.03), station_type="public", n_connectors=12, online=None),
        record("chargers", "private", (121.305, 31.005), station_type="private"),
        record("chargers", "soon", (121.305, 31.006), station_type="public", lifecycle="planned"),
        record("radio_sites", "site", (121.29, 31.02), site_kind="outdoor", operator="甲", mast="m"),
    ]


def store_of(rows: list[Record]) -> MemoryStore:
    store = MemoryStore()
    source = Source("made-up", "made up", "wgs84", synthetic=True, schematic=True)
    store.commit([Edit("add", r) for r in rows], author="test", reason="test", at=BORN, sources=[source])
    return store


class InProcess(httpx.BaseTransport):
    """Requests of a plain client, answered by an ASGI app on another thread's event loop."""

    def __init__(self, app: Any, portal: BlockingPortal) -> None:
        self._inner, self._portal = httpx.ASGITransport(app, raise_app_exceptions=False), portal

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._portal.call(self._answer, request)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        raw = b"".join([part async for part in response.stream])  # type: ignore[union-attr]
        return httpx.Response(response.status_code, headers=response.headers, stream=httpx.ByteStream(raw))


@pytest.fixture(scope="session")
def portal() -> Iterator[BlockingPortal]:
    """To the event loop on which every app runs."""
    with start_blocking_portal() as opened:
        yield opened


@pytest.fixture(scope="session")
def make(portal: BlockingPortal) -> Make:
    """Makes a client of an app over a store, behind an ASGI layer of the test's own if it has one."""

    def client_over(store: MemoryStore, layer: Callable[[Any], Any] | None = None, **more: Any) -> Client:
        settings = Settings(store="memory:", **more)
        app = create_app(Twin(store, read_plan(settings.plan), read_grid, lambda: NOW), settings)
        if layer is not None:
            app.add_middleware(layer)
        return httpx.Client(transport=InProcess(app, portal), base_url="http://twin.test")

    return client_over


@pytest.fixture(scope="session")
def client(make: Make) -> Client:
    """The small world; nothing writes to it."""
    return make(store_of(records()))


@pytest.fixture(scope="session")
def empty(make: Make) -> Client:
    """A store that holds nothing."""
    return make(MemoryStore())


@pytest.fixture
def world(portal: BlockingPortal) -> Iterator[Guarded]:
    """A tiny app behind the identity layer."""
    from tests.api.guarded import Guarded

    made = Guarded(portal)
    yield made
    made.store.close()


@pytest.fixture
def here(make: Make, tmp_path: Path) -> Served:
    """The small world over a data folder of its own."""
    from tests.api.importing import Served

    return Served(make, tmp_path)


@pytest.fixture(scope="session")
def gate() -> As:
    """The town with secret places; nothing writes to it."""
    from tests.api.withheld import gate_over, rows

    return gate_over(rows())
