"""The servers that are compared, each as one worker in processes of its own, over the same cameras."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from benchmarks.serving.process import cpu_s, parent_of, resident_mb, with_children
from tests.postgis import free_port

CHECKOUT = Path(__file__).parent.parent.parent
PEERS = CHECKOUT / ".venv" / "peers" / "bin"
HOST = "127.0.0.1"
PATIENCE_S = 180
REST_CPU_S = 0.05
"""CPU time in a second below which a server has nothing to do."""
MOST = 1_000_000
"""Features that a peer may send at once: what it is asked for is not cut."""
WEB_MERCATOR = "WebMercatorQuad"


@dataclass(frozen=True)
class Paths:
    """Where a server has things. ``tile`` takes z, x and y; ``whole`` is all of the layer at once; ``first`` one item."""

    first: str
    items: str
    whole: str
    tile: str
    gdal: str
    gdal_layer: str


@dataclass(frozen=True)
class Server:
    """A running server, and the database's postmaster where it has one."""

    name: str
    pid: int
    port: int
    paths: Paths
    seconds_to_first_item: float
    postmaster: int | None = None

    def cpu_s(self) -> tuple[float, float]:
        """CPU time used so far: by the server, and by the database for it."""
        database = with_children(self.postmaster) if self.postmaster else []
        return cpu_s(with_children(self.pid)), cpu_s(database)

    def resident_mb(self) -> float:
        """Its memory as soon as it has finished what it does of its own accord."""
        before, now = -1.0, self.cpu_s()[0]
        while now - before > REST_CPU_S:
            time.sleep(1)
            before, now = now, self.cpu_s()[0]
        return resident_mb(self.pid)


@contextmanager
def started(
    name: str, command: Sequence[str | Path], environment: Mapping[str, str], port: int, paths: Paths, log: Path,
    postmaster: int | None = None,
) -> Iterator[Server]:  # fmt: skip
    """A server's process, from its start to its first item, until the block ends."""
    with log.open("wb") as said:
        begin = time.perf_counter()
        process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=said, stderr=said, cwd=log.parent)  # noqa: S603
        try:
            while not answers(port, paths.first):
                if process.poll() is not None or time.perf_counter() - begin > PATIENCE_S:
                    raise RuntimeError(f"{name} did not start: {log.read_text()[-2000:]}")
                time.sleep(0.005)
            yield Server(name, process.pid, port, paths, time.perf_counter() - begin, postmaster)
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE_S)


def answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


@contextmanager
def our_server(data: Path, log: Path) -> Iterator[Server]:
    """``twin serve`` over the reference twin."""
    port = free_port()
    paths = Paths(
        first="/collections/cameras/items?limit=1",
        items="/collections/cameras/items?limit={limit}&bbox={bbox}",
        whole="/collections/cameras/bulk.geojson",
        tile="/tiles/cameras/{z}/{x}/{y}.mvt",
        gdal=f"OAPIF:http://{HOST}:{port}",
        gdal_layer="cameras",
    )
    command = [sys.executable, "-m", "twin", "serve", "--port", str(port)]
    environment = {"TWIN_DATA": str(data), "PYTHONPATH": str(CHECKOUT)}
    with started("twin", command, environment, port, paths, log) as server:
        yield server


@contextmanager
def tipg(address: str, log: Path) -> Iterator[Server]:
    """Our first peer: tipg under uvicorn, on PostGIS, with its caps lifted."""
    port = free_port()
    cameras = "/collections/public.cameras"
    paths = Paths(
        first=f"{cameras}/items?limit=1",
        items=cameras + "/items?limit={limit}&bbox={bbox}",
        whole=f"{cameras}/items?limit={MOST}",
        tile=f"{cameras}/tiles/{WEB_MERCATOR}" + "/{z}/{x}/{y}?f=mvt",
        gdal=f"OAPIF:http://{HOST}:{port}",
        gdal_layer="public.cameras",
    )
    environment = {
        "DATABASE_URL": address,
        "TIPG_MAX_FEATURES_PER_QUERY": str(MOST),
        "TIPG_MAX_FEATURES_PER_TILE": str(MOST),
    }
    command = [PEERS / "uvicorn", "tipg.main:app", "--port", str(port), "--log-level", "warning"]
    with started("tipg", command, environment, port, paths, log, postmaster_of(address)) as server:
        yield server


@contextmanager
def pygeoapi(address: str, log: Path) -> Iterator[Server]:
    """The other peer: pygeoapi's Starlette app under uvicorn, on the same PostGIS."""
    port = free_port()
    configuration, description = log.with_suffix(".config.json"), log.with_suffix(".openapi.json")
    configuration.write_text(json.dumps(pygeoapi_configuration(address, port)))
    environment = {"PYGEOAPI_CONFIG": str(configuration), "PYGEOAPI_OPENAPI": str(description)}
    made = [PEERS / "pygeoapi", "openapi", "generate", configuration, "--output-file", description, "-f", "json"]
    subprocess.run(made, env={**os.environ, **environment}, check=True, capture_output=True)  # noqa: S603
    cameras = "/collections/cameras"
    paths = Paths(
        first=f"{cameras}/items?limit=1&f=json",
        items=cameras + "/items?f=json&limit={limit}&bbox={bbox}",
        whole=f"{cameras}/items?f=json&limit={MOST}",
        tile="",
        gdal=f"OAPIF:http://{HOST}:{port}",
        gdal_layer="cameras",
    )
    command = [PEERS / "uvicorn", "pygeoapi.starlette_app:APP", "--port", str(port), "--log-level", "warning"]
    with started("pygeoapi", command, environment, port, paths, log, postmaster_of(address)) as server:
        yield server


def pygeoapi_configuration(address: str, port: int) -> dict[str, object]:
    """One collection on PostGIS, nothing else."""
    place, url = urlsplit(address), f"http://{HOST}:{port}"
    said = {"en": "cameras"}
    data = {
        "host": place.hostname, "port": place.port, "dbname": place.path[1:], "user": place.username, "password": "none",
        "search_path": ["public"],
    }  # fmt: skip
    provider = {
        "type": "feature",
        "name": "PostgreSQL",
        "data": data,
        "id_field": "fid",
        "table": "cameras",
        "geom_field": "geom",
    }
    extent = {"spatial": {"bbox": [-180, -90, 180, 90], "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"}}
    return {
        "server": {
            "bind": {"host": HOST, "port": port}, "url": url, "mimetype": "application/json; charset=UTF-8", "encoding": "utf-8",
            "languages": ["en-US"], "limits": {"default_items": 10, "max_items": MOST},
            "map": {"url": f"{url}/{{z}}/{{x}}/{{y}}.png", "attribution": ""},
        },
        "logging": {"level": "ERROR"},
        "metadata": {
            "identification": {"title": said, "description": said, "keywords": {"en": ["cameras"]}, "keywords_type": "theme",
                               "terms_of_service": "none", "url": url},
            "license": {"name": "none", "url": url},
            "provider": {"name": "none", "url": url},
            "contact": {"name": "none"},
        },
        "resources": {
            "cameras": {"type": "collection", "title": said, "description": said, "keywords": {"en": ["cameras"]}, "links": [],
                        "extents": extent, "providers": [provider]},
        },
    }  # fmt: skip


def postmaster_of(address: str) -> int | None:
    """The process that all of a database's are children of."""
    with psycopg.connect(address) as connection:
        row = connection.execute("select pg_backend_pid()").fetchone()
    return parent_of(row[0]) if row else None
