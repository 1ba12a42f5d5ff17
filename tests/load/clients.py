"""Many clients at once, on plain sockets, in a process of their own: ``python -m tests.load.clients PORT SECONDS SEED``.

Readers with some time to think between two questions, listeners to events, one who edits, some who read slowly, and some who
begin and go no further. Writes what they met as JSON.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from twin.api.mercator import lnglat_to_unit

N_READERS, N_LISTENERS, N_SLOW, N_HALF_OPEN = 159, 20, 10, 10
EDITS_PER_S = 5.0
THINK_S = 2.0
"""On average, between a reader's questions."""
PATIENCE_S = 30.0
"""An answer that takes longer is an error."""
N_EDITED = 40
WEST, SOUTH, EAST, NORTH = 121.25, 31.0, 121.5, 31.2
WHOLE_LAYER = "/collections/cameras/items?limit=10000"


@dataclass
class Met:
    """What all of them met together."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    n_events: int = 0
    n_edits: int = 0

    def answer(self, kind: str, status: int, seconds: float) -> None:
        self.seconds.setdefault(kind, []).append(seconds)
        self.statuses[f"{kind} {status}"] += 1


class Connection:
    """HTTP/1.1, kept open between two questions."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def ask(self, path: str, method: str = "GET", body: bytes = b"") -> tuple[int, bytes]:
        """Status and body. A kept connection that the server has closed is opened anew, once."""
        was_kept = self.reader is not None
        try:
            return await self._ask(path, method, body)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.close()
            if not was_kept:
                raise
            return await self._ask(path, method, body)

    async def _ask(self, path: str, method: str, body: bytes) -> tuple[int, bytes]:
        if self.reader is None or self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20)
        head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\naccept-encoding: gzip\r\n"
        if body:
            head += f"content-type: application/geo+json\r\ncontent-length: {len(body)}\r\n"
        self.writer.write(head.encode() + b"\r\n" + body)
        status, headers = await read_head(self.reader)
        content = await read_body(self.reader, status, headers)
        if headers.get("connection") == "close":
            self.close()
        return status, content

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


async def read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines[1:] if line)
    return int(lines[0].split()[1]), {name.lower(): value.strip() for name, _, value in pairs}


async def read_body(reader: asyncio.StreamReader, status: int, headers: dict[str, str]) -> bytes:
    if status in (204, 304):
        return b""
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    parts = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        parts.append((await reader.readexactly(size + 2))[:-2])
    await reader.readexactly(2)
    return b"".join(parts)


def question(chance: random.Random) -> tuple[str, str]:
    """What a reader asks next: most look at tiles and features, some at what the rules say."""
    lng, lat = chance.uniform(WEST, EAST), chance.uniform(SOUTH, NORTH)
    kind = chance.choices(("tile", "items", "hexes", "coverage", "gaps"), (64, 27, 3, 3, 3))[0]
    if kind == "tile":
        layer, ending = chance.choice(("cameras", "chargers", "sensors")), chance.choice(("mvt", "mvt", "geojson"))
        return kind, f"/tiles/{layer}/{tile(lng, lat, chance.choice((10, 12, 13, 14, 15)))}.{ending}"
    if kind == "items":
        layer, size = chance.choice(("cameras", "chargers")), chance.choice((0.005, 0.02))
        return kind, f"/collections/{layer}/items?limit=100&bbox={lng},{lat},{lng + size},{lat + size}"
    if kind == "hexes":
        return kind, f"/tiles/coverage/charger-service/{tile(lng, lat, 12)}.mvt"
    return kind, "/coverage/charger-service/gaps" if kind == "gaps" else "/coverage/charger-service"


def tile(lng: float, lat: float, z: int) -> str:
    x, y = (lnglat_to_unit(np.array([(lng, lat)])) * 2**z).astype(int)[0].tolist()
    return f"{z}/{x}/{y}"


async def read_on(met: Met, port: int, end: float, chance: random.Random) -> None:
    connection = Connection(port)
    await asyncio.sleep(chance.random() * THINK_S)
    while time.monotonic() < end:
        kind, path = question(chance)
        began = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE_S):
                status, content = await connection.ask(path)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            met.errors.append(f"{kind}: {type(error).__name__}")
            connection.close()
        else:
            met.answer(kind, status, time.monotonic() - began)
            if status not in (200, 204):
                met.errors.append(f"{path}: {status} {content[:200]!r}")
        await asyncio.sleep(chance.expovariate(1 / THINK_S))
    connection.close()


async def edit_on(met: Met, port: int, end: float, chance: random.Random) -> None:
    """Moves stations about, at a steady pace; looks at each as soon as it is moved."""
    connection, at = Connection(port), time.monotonic()
    _, content = await connection.ask(f"/collections/chargers/items?limit={N_EDITED}&f=json")
    keys = [f["id"] for f in json.loads(gunzipped(content))["features"]]
    while time.monotonic() < end:
        key, place = chance.choice(keys), [chance.uniform(WEST, EAST), chance.uniform(SOUTH, NORTH)]
        body = json.dumps({"geometry": {"type": "Point", "coordinates": place}}).encode()
        began = time.monotonic()
        async with asyncio.timeout(PATIENCE_S):
            status, content = await connection.ask(f"/collections/chargers/items/{key}", "PATCH", body)
            met.answer("edit", status, time.monotonic() - began)
            if status != 200:
                met.errors.append(f"edit: {status} {content[:200]!r}")
                continue
            _, content = await connection.ask(f"/collections/chargers/items/{key}")
        if json.loads(gunzipped(content))["geometry"]["coordinates"] != [round(v, 7) for v in place]:
            met.errors.append(f"{key} is not where it was moved")
        met.n_edits += 1
        at += 1 / EDITS_PER_S
        await asyncio.sleep(max(0.0, at - time.monotonic()))
    connection.close()


def gunzipped(content: bytes) -> bytes:
    import gzip

    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


async def listen_on(met: Met, port: int, end: float, chance: random.Random) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /events HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
    status, _ = await read_head(reader)
    if status != 200:
        met.errors.append(f"events: {status}")
        return
    with suppress(TimeoutError):
        async with asyncio.timeout_at(asyncio.get_running_loop().time() + end - time.monotonic()):
            async for line in reader:
                met.n_events += line.startswith(b"event: change")
            met.errors.append("events: ended")
    writer.close()


async def read_slowly(met: Met, port: int, end: float, chance: random.Random) -> None:
    """Asks for much and takes a little now and then; whoever loses patience with it is right."""
    while time.monotonic() < end:
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
            writer.write(f"GET {WHOLE_LAYER} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode())
            for _ in range(int(end - time.monotonic())):
                await reader.read(1024)
                await asyncio.sleep(1)
            writer.transport.abort()
        await asyncio.sleep(0.2)


BEGINNINGS = (
    b"",
    b"GET /collections HTT",
    b"GET / HTTP/1.1\r\nhost: 127",
    b"POST /coverage/charger-service HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{",
)


async def begin_only(met: Met, port: int, end: float, chance: random.Random) -> None:
    """Connects and says nothing, or half of something."""
    part = chance.choice(BEGINNINGS)
    while time.monotonic() < end:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(part)
            await asyncio.sleep(min(chance.uniform(1, 20), max(0.0, end - time.monotonic())))
            writer.transport.abort()


Act = Callable[[Met, int, float, random.Random], Awaitable[None]]


async def play(port: int, seconds: float, seed: int) -> Met:
    met, end = Met(), time.monotonic() + seconds
    acts: list[tuple[int, Act]] = [
        (N_READERS, read_on), (N_LISTENERS, listen_on), (N_SLOW, read_slowly), (N_HALF_OPEN, begin_only), (1, edit_on),
    ]  # fmt: skip
    each = [act for n, act in acts for _ in range(n)]
    done = await asyncio.gather(
        *(act(met, port, end, random.Random(f"{seed}/{i}")) for i, act in enumerate(each)), return_exceptions=True
    )
    met.errors += [f"{act.__name__}: {found!r}" for act, found in zip(each, done, strict=True) if found is not None]
    return met


def told(met: Met) -> dict[str, Any]:
    """Milliseconds at the median and the 99th percentile, by kind of question."""
    of_all = {**met.seconds, "all": [s for kind, each in met.seconds.items() if kind != "edit" for s in each]}
    return {
        "n": {kind: len(each) for kind, each in of_all.items()},
        "p50_ms": {kind: round(float(np.percentile(each, 50)) * 1e3, 1) for kind, each in of_all.items()},
        "p99_ms": {kind: round(float(np.percentile(each, 99)) * 1e3, 1) for kind, each in of_all.items()},
        "statuses": dict(met.statuses),
        "n_errors": len(met.errors),
        "errors": Counter(met.errors).most_common(20),
        "n_edits": met.n_edits,
        "n_events": met.n_events,
    }


if __name__ == "__main__":
    import uvloop

    found = uvloop.run(play(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))
    sys.stdout.write(json.dumps(told(found)))
