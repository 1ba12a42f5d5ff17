"""What is measured, of whom: one function a figure. Requests go over ``CONNECTIONS`` connections at once."""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.load import GZIP, load, request
from benchmarks.serving.process import resident_mb
from benchmarks.serving.servers import CHECKOUT, HOST, Server

CONNECTIONS = 8
LIMIT = 1000
BOXES = (
    "121.30,31.10,121.40,31.20", "121.32,31.12,121.40,31.20", "121.34,31.14,121.42,31.22", "121.28,31.08,121.38,31.18",
    "121.36,31.08,121.46,31.18", "121.30,31.14,121.36,31.24", "121.38,31.10,121.44,31.16", "121.33,31.05,121.43,31.15",
)  # fmt: skip
"""Each holds more than ``LIMIT`` cameras."""
ROUNDS, OGR2OGR_ROUNDS = 3, 5
PAGE = "PAGE_SIZE=1000"
"""Asked for of everybody: by default GDAL takes what a server says, which is ten at a time with both peers."""
OGR2OGR_PATIENCE_S = 300
HEX_RULES = ("charger-service", "radio-coverage", "camera-density")
IMPORTS = """
import sys
import uvicorn, mapbox_vector_tile, pyarrow.feather
import twin.api.app, twin.api.baked, twin.api.tile_columns, twin.cli.serving, twin.opening
import twin.coverage.arcs, twin.coverage.windows
print(flush=True); sys.stdin.read()
"""
"""What a warmed-up server has imported, its compiled kernels too."""
Tile = tuple[int, int, int]


@dataclass(frozen=True)
class Figure:
    """``cpu_ms`` of the server for a request, ``database_ms`` of its database beside it; ``per_s`` requests a second."""

    cpu_ms: float
    database_ms: float
    per_s: float
    n: int
    mean_bytes: float

    @property
    def all_ms(self) -> float:
        return self.cpu_ms + self.database_ms


def rate(
    server: Server, paths: Sequence[str], *, n: int, at_most_s: float, gzipped: bool = False, warm: bool = True
) -> Figure:
    """What requests for these paths, in turn, cost; ``warm``: after each has been asked for once (some, of many)."""
    requests = [request(HOST, server.port, path, GZIP if gzipped else None) for path in paths]
    if warm:
        load(HOST, server.port, requests, n=len(requests), connections=CONNECTIONS, at_most_s=at_most_s / 2).check()
    before = server.cpu_s()
    answers = load(HOST, server.port, requests, n=n, connections=CONNECTIONS, at_most_s=at_most_s)
    own, database = (after - b for after, b in zip(server.cpu_s(), before, strict=True))
    answers.check()
    each = 1e3 / answers.n
    return Figure(own * each, database * each, answers.n / answers.seconds, answers.n, answers.n_bytes / answers.n)


def items(server: Server, *, n: int, at_most_s: float) -> Figure:
    """A thousand cameras of a box."""
    return rate(server, [server.paths.items.format(limit=LIMIT, bbox=box) for box in BOXES], n=n, at_most_s=at_most_s)


def tiles(server: Server, some: Sequence[Tile], *, n: int, at_most_s: float, gzipped: bool, warm: bool) -> Figure:
    paths = [server.paths.tile.format(z=z, x=x, y=y) for z, x, y in some]
    return rate(server, paths, n=n, at_most_s=at_most_s, gzipped=gzipped, warm=warm)


@dataclass(frozen=True)
class Whole:
    """Seconds to the first byte of the body and to the last; ``mb`` as sent."""

    first_byte_s: float
    seconds: float
    mb: float
    cpu_ms: float
    database_ms: float


def whole_layer(server: Server) -> Whole:
    """All cameras as GeoJSON, uncompressed: the median of some rounds after a first one."""
    found = [_whole_layer(server) for _ in range(ROUNDS + 1)][1:]
    return sorted(found, key=lambda whole: whole.seconds)[len(found) // 2]


def _whole_layer(server: Server) -> Whole:
    asked = request(HOST, server.port, server.paths.whole).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    before = server.cpu_s()
    with socket.create_connection((HOST, server.port)) as connection:
        begin, first, size, head = time.perf_counter(), 0.0, 0, b""
        connection.sendall(asked)
        while data := connection.recv(1 << 20):
            if not first:
                head += data
                first = time.perf_counter() - begin if head.partition(b"\r\n\r\n")[2] else 0.0
            size += len(data)
        seconds = time.perf_counter() - begin
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"{server.name}: {head[:300]!r}")
    own, database = (after - b for after, b in zip(server.cpu_s(), before, strict=True))
    return Whole(first, seconds, size / 1e6, own * 1e3, database * 1e3)


def ogr2ogr_s(servers: Sequence[Server], n_expected: int) -> dict[str, float]:
    """Seconds that GDAL takes to copy the layer from each into a FlatGeobuf file, in pages of a thousand; all features must arrive.

    The servers take turns, so that a machine that is now faster, now slower, favours none; the median of the rounds.
    """
    found: dict[str, list[float]] = {server.name: [] for server in servers}
    for _ in range(OGR2OGR_ROUNDS):
        for server in servers:
            found[server.name].append(_ogr2ogr_s(server, n_expected))
    return {name: statistics.median(seconds) for name, seconds in found.items()}


def _ogr2ogr_s(server: Server, n_expected: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "cameras.fgb"
        begin = time.perf_counter()
        command = ["ogr2ogr", "-f", "FlatGeobuf", str(file), server.paths.gdal, server.paths.gdal_layer, "-oo", PAGE]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL, timeout=OGR2OGR_PATIENCE_S)  # noqa: S603
        seconds = time.perf_counter() - begin
        said = subprocess.run(["ogrinfo", "-so", "-al", str(file)], check=True, capture_output=True, text=True).stdout  # noqa: S603, S607
    if f"Feature Count: {n_expected}" not in said:
        raise RuntimeError(f"{server.name}: ogr2ogr did not get all {n_expected} features")
    return seconds


def touch_everything(server: Server, layers: Sequence[str], tile: Tile) -> None:
    """Have our server load and encode all layers, the tiles there of some zooms, and the hexes."""
    z, x, y = tile
    paths = [f"/collections/{layer}/items?limit=1" for layer in layers]
    paths += [
        f"/tiles/{layer}/{zoom}/{x >> (z - zoom)}/{y >> (z - zoom)}.mvt" for layer in layers for zoom in (10, 12, z)
    ]
    paths += [f"/coverage/{rule}/cells?resolution=9" for rule in HEX_RULES]
    paths += [f"/tiles/coverage/{rule}/10/{x >> (z - 10)}/{y >> (z - 10)}.mvt" for rule in HEX_RULES]
    requests = [request(HOST, server.port, path) for path in paths]
    load(HOST, server.port, requests, n=len(requests), connections=1, at_most_s=300).check()


def imports_mb() -> float:
    """The memory of a process that has imported what our server imports, and done nothing."""
    command, pipe = [sys.executable, "-c", IMPORTS], subprocess.PIPE
    with subprocess.Popen(command, cwd=CHECKOUT, stdin=pipe, stdout=pipe) as process:  # noqa: S603
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        found = resident_mb(process.pid)
        process.stdin.close()
    return found


def encoder_ms(data: Path, some: Sequence[Tile]) -> float:
    """CPU time of our encoder for a tile with all its features, alone, without a server; the median of some rounds.

    Below zoom 13 our server sends counts, as it should; this is what the features themselves would cost.
    """
    from twin.api.encoded import encode_layer
    from twin.api.tile_columns import layer_tiles
    from twin.layers import LAYERS
    from twin.opening import open_twin
    from twin.settings import Settings

    kind = LAYERS["cameras"]
    table = open_twin(Settings(data=data)).snapshot().layers[kind.name]
    encoded = encode_layer(kind, table)
    made, spent = layer_tiles(kind, table, encoded), []
    for _ in range(ROUNDS + 1):
        begin = time.process_time()
        for tile in some:
            made.tile(tile, encoded.in_tile(*tile))
        spent.append((time.process_time() - begin) * 1e3 / len(some))
    return statistics.median(spent[1:])
