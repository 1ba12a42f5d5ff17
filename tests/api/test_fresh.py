"""What is recorded, here or by another process, is served at once, on every worker; what it does not touch stays the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
import mapbox_vector_tile
import numpy as np
import pytest
import uvicorn

from tests.api.conftest import BORN, NOW, record, records
from tests.postgis import emptied, free_port
from twin.api.app import create_app
from twin.api.mercator import lnglat_to_unit
from twin.engine import Twin
from twin.model import Edit, Source
from twin.opening import utc_now
from twin.ports import Store
from twin.readers.plan_file import read_plan
from twin.readers.raster import read_grid
from twin.settings import Settings
from twin.store import open_store

PATIENCE_S = 10.0
"""The promise is one second; a busy machine is not to fail for it. How long it took is recorded."""
GEOJSON = {"content-type": "application/geo+json"}
HERE, THERE = (121.28, 31.01), (121.306, 31.036)
"""Of the station that moves: places 4 km apart."""
ZOOM = 15


def tile(place: tuple[float, float], z: int = ZOOM) -> str:
    x, y = (lnglat_to_unit(np.array([place])) * 2**z).astype(int)[0].tolist()
    return f"{z}/{x}/{y}"


def filled(store: Store) -> Store:
    source = Source("made-up", "made up", "wgs84", synthetic=True, schematic=True)
    store.commit([Edit("add", r) for r in records()], author="test", reason="test", at=BORN, sources=[source])
    return store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with closing(open_store(f"sqlite:///{tmp_path / 'twin.sqlite'}")) as store:
        filled(store)
    return tmp_path / "twin.sqlite"


@pytest.fixture
def client(path: Path) -> Iterator[httpx.Client]:
    """Of a real server over a SQLite file, with its follower."""
    settings = Settings(store=f"sqlite:///{path}")
    with closing(open_store(settings.store_url)) as store:
        app = create_app(Twin(store, read_plan(settings.plan), read_grid, utc_now), settings)
        server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", ws="none"))
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            until(lambda: server.started)
            port = server.servers[0].sockets[0].getsockname()[1]
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()


def until(isit: Callable[[], bool]) -> float:
    """Seconds until it is so."""
    began = time.monotonic()
    while not isit():
        assert time.monotonic() - began < PATIENCE_S, "not seen in time"
        time.sleep(0.005)
    return time.monotonic() - began


def keys_in(content: bytes) -> set[str]:
    decoded = mapbox_vector_tile.decode(content) if content else {}
    return {f["properties"]["key"] for layer in decoded.values() for f in layer["features"]}


def stations_at(client: httpx.Client, place: tuple[float, float]) -> list[set[str]]:
    """The keys that items, GeoJSON and vector tiles show there."""
    lng, lat = place
    box = f"{lng - 0.001},{lat - 0.001},{lng + 0.001},{lat + 0.001}"
    items = client.get("/collections/chargers/items", params={"bbox": box}).json()
    drawn = client.get(f"/tiles/chargers/{tile(place)}.geojson").json()
    return [
        {f["id"] for f in items["features"]},
        {f["properties"]["key"] for f in drawn["features"]},
        keys_in(client.get(f"/tiles/chargers/{tile(place)}.mvt").content),
    ]


def served_share(client: httpx.Client) -> float:
    return float(client.get("/coverage/charger-service").json()["value"])


def test_an_edit_is_in_items_tiles_and_coverage_with_the_next_request(client: httpx.Client) -> None:
    before = served_share(client)
    assert [("west" in keys) for keys in stations_at(client, HERE)] == [True] * 3
    assert [("west" in keys) for keys in stations_at(client, THERE)] == [False] * 3
    moved = {"geometry": {"type": "Point", "coordinates": THERE}}
    client.patch("/collections/chargers/items/west", json=moved, headers=GEOJSON).raise_for_status()
    assert [("west" in keys) for keys in stations_at(client, HERE)] == [False] * 3
    assert [("west" in keys) for keys in stations_at(client, THERE)] == [True] * 3
    assert served_share(client) < before
    client.delete("/collections/chargers/items/west", params={"reason": "拆除"}).raise_for_status()
    assert [("west" in keys) for keys in stations_at(client, THERE)] == [False] * 3


def test_what_another_store_on_the_same_file_records_is_served_soon(
    client: httpx.Client, path: Path, record_testsuite_property: Callable[[str, object], None]
) -> None:
    before = served_share(client)
    with closing(open_store(f"sqlite:///{path}")) as other:
        for i in range(5):
            place = (HERE[0] + i / 1000, HERE[1] + 0.02)
            new = record("chargers", f"other-{i}", place, station_type="public", n_connectors=2)
            other.commit([Edit("add", new)], author="test", reason="elsewhere", at=NOW)
            seconds = until(lambda i=i, place=place: all(f"other-{i}" in keys for keys in stations_at(client, place)))
            record_testsuite_property(f"fresh: another store, edit {i}, seconds", round(seconds, 3))
    assert served_share(client) > before


@pytest.mark.slow
def test_what_the_command_line_imports_is_served_soon(
    client: httpx.Client, path: Path, tmp_path: Path, record_testsuite_property: Callable[[str, object], None]
) -> None:
    sheet = tmp_path / "stations.csv"
    sheet.write_text(f"key,lng,lat,station_type\nfrom-file,{THERE[0]},{THERE[1]},public\n")
    words = ("import", str(sheet), "--layer", "chargers", "--frame", "wgs84", "--apply", "--reason", "test")
    twin(path, *words)
    seconds = until(lambda: all("from-file" in keys for keys in stations_at(client, THERE)))
    record_testsuite_property("fresh: twin import, seconds", round(seconds, 3))


def twin(path: Path, *words: str) -> None:
    command = [sys.executable, "-m", "twin", "--store", f"sqlite:///{path}", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=own_environment(path.parent))
    assert done.returncode == 0, done.stderr


def own_environment(data: Path) -> dict[str, str]:
    return {**os.environ, "TWIN_DATA": str(data), "TWIN_LANG": "en"}


def etags(client: httpx.Client, addresses: list[str]) -> dict[str, str]:
    return {address: client.get(address).headers["etag"] for address in addresses}


def neighbours(place: tuple[float, float]) -> list[str]:
    """The tile of a place and the eight round it."""
    z, x, y = (int(v) for v in tile(place).split("/"))
    return [f"{z}/{x + i}/{y + j}" for i in (-1, 0, 1) for j in (-1, 0, 1)]


def test_only_the_tiles_of_the_old_and_the_new_place_change_their_etags(client: httpx.Client) -> None:
    tiles = sorted({*neighbours(HERE), *neighbours(THERE)})
    addresses = [
        f"/tiles/{layer}/{t}.{ending}"
        for layer in ("chargers", "cameras", "areas")
        for t in tiles
        for ending in ("mvt", "geojson")
    ]
    before = etags(client, addresses)
    moved = {"geometry": {"type": "Point", "coordinates": THERE}}
    client.patch("/collections/chargers/items/west", json=moved, headers=GEOJSON).raise_for_status()
    after = etags(client, addresses)
    touched = {f"/tiles/chargers/{tile(place)}.{ending}" for place in (HERE, THERE) for ending in ("mvt", "geojson")}
    assert {address for address in addresses if before[address] != after[address]} == touched


def test_only_the_hexes_that_a_station_serves_change_their_tiles_etags(client: httpx.Client) -> None:
    """The new station stands in the west, outside the ring, and reaches 1.5 km; the district's east is 3.8 km away."""
    near, far = tile((121.272, 31.035), 14), tile((121.309, 31.002), 14)
    addresses = [f"/tiles/coverage/charger-service/{t}.{ending}" for t in (near, far) for ending in ("mvt", "geojson")]
    before = etags(client, addresses)
    feature = {"type": "Feature", "geometry": {"type": "Point", "coordinates": (121.272, 31.036)}}
    new = {**feature, "properties": {"key": "new", "station_type": "public", "n_connectors": 2}}
    client.post("/collections/chargers/items", json=new, headers=GEOJSON).raise_for_status()
    after = etags(client, addresses)
    assert {a for a in addresses if before[a] != after[a]} == {a for a in addresses if near in a}


# --- several workers -------------------------------------------------------------------------------------------------


class Worker:
    """One of a server's processes, through a connection that stays with it."""

    def __init__(self, connection: HTTPConnection, pid: int) -> None:
        self.connection, self.pid = connection, pid

    def ask(self, path: str, method: str = "GET", body: Any = None) -> Any:
        content = None if body is None else json.dumps(body)
        self.connection.request(method, path, content, GEOJSON if body is not None else {})
        answer = self.connection.getresponse()
        content = answer.read()
        assert answer.status < 300, content
        return json.loads(content) if content else None

    def places(self, key: str) -> list[list[float]]:
        """Where items and the tiles of both places show the station."""
        items = self.ask("/collections/chargers/items?limit=1000")["features"]
        drawn = [f for place in (HERE, THERE) for f in self.ask(f"/tiles/chargers/{tile(place)}.geojson")["features"]]
        shown = [f["properties"]["key"] for f in drawn].count(key)
        return [[*f["geometry"]["coordinates"], shown] for f in items if f["id"] == key and f["geometry"]]


@contextmanager
def serving(address: str, data: Path, n_workers: int) -> Iterator[list[Worker]]:
    """``twin serve`` in processes of its own, and a connection to each of them."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "twin",
        "--store",
        address,
        "serve",
        "--port",
        str(port),
        "--workers",
        str(n_workers),
    ]
    with (data / "log").open("wb") as log, ExitStack() as stack:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=own_environment(data))
        try:
            yield connected(port, n_workers, server, stack)
        finally:
            server.terminate()
            server.wait(60)


def connected(port: int, n_workers: int, server: subprocess.Popen[bytes], stack: ExitStack) -> list[Worker]:
    found: dict[int, Worker] = {}
    end = time.monotonic() + 120
    while len(found) < n_workers:
        assert time.monotonic() < end, "the workers did not answer"
        assert server.poll() is None, "the server ended"
        connection = stack.enter_context(closing(HTTPConnection("127.0.0.1", port, timeout=60)))
        try:
            connection.request("GET", "/readyz")
            ready = connection.getresponse()
            ready.read()
        except OSError:
            time.sleep(0.1)
            continue
        if ready.status == 200:
            pid = holder_of(port, connection.sock.getsockname()[1])
            found.setdefault(pid, Worker(connection, pid))
    return list(found.values())


def holder_of(port: int, peer_port: int) -> int:
    """The process that holds the server's end of a connection on 127.0.0.1."""
    ends = f":{port:04X}", f":{peer_port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    (inode,) = [r[9] for r in rows if r[1].endswith(ends[0]) and r[2].endswith(ends[1])]
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(link.readlink()) == f"socket:[{inode}]":
                return int(link.parts[2])
        except OSError:
            continue
    raise AssertionError("nobody holds the connection")


@pytest.mark.postgis
@pytest.mark.slow
def test_every_worker_serves_an_edit_soon_whoever_made_it(
    postgis: str, tmp_path: Path, record_testsuite_property: Callable[[str, object], None]
) -> None:
    address = emptied(postgis)
    with closing(open_store(address)) as other, serving(str(filled(other) and address), tmp_path, 2) as workers:
        assert len({worker.pid for worker in workers}) == 2
        for worker in workers:
            assert worker.places("west") == [[*HERE, 1]]
        for i, writer in enumerate(workers):
            place = [HERE[0] + i / 100, HERE[1] + 0.005]
            moved = {"geometry": {"type": "Point", "coordinates": place}}
            writer.ask("/collections/chargers/items/west", "PATCH", moved)
            assert writer.places("west")[0][:2] == place
            for worker in workers:
                seconds = until(lambda worker=worker, place=place: worker.places("west")[0][:2] == place)
                record_testsuite_property(
                    f"fresh: edit {i}, worker {workers.index(worker)}, seconds", round(seconds, 3)
                )
        version, _, _, last = other.versions("chargers", "west")[-1]
        from_outside = replace(last, lng=THERE[0], lat=THERE[1], valid_from=last.valid_from)
        other.commit([Edit("change", from_outside, version, correction=True)], author="t", reason="t", at=NOW)
        began = time.monotonic()
        for worker in workers:
            until(lambda worker=worker: worker.places("west") == [[*THERE, 1]])
            took = round(time.monotonic() - began, 3)
            record_testsuite_property(f"fresh: outside, worker {workers.index(worker)}, seconds", took)
        with ThreadPoolExecutor(
            len(workers)
        ) as pool:  # one after the other, the second connection would be idle too long
            answers = list(pool.map(lambda worker: worker.ask("/coverage/charger-service"), workers))
        assert answers[0]["value"] == answers[1]["value"]
