"""What listeners to ``/events`` cost: ``python -m benchmarks.listeners [LISTENERS] [EDITS_PER_S] [SECONDS]``.

Two servers in turn, of the same small world (made up) in memory, edited at the same pace: one that nobody listens to, one with
all the listeners, which are in a process of their own. Prints the CPU of the server with and without them and how long
an edit takes to be heard.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import socket
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Any

import uvicorn

from twin.api.app import create_app
from twin.engine import Twin
from twin.model import Edit, Record
from twin.readers.plan_file import read_plan
from twin.readers.raster import read_grid
from twin.settings import Settings
from twin.store.memory import MemoryStore

BORN = datetime(2025, 1, 1, tzinfo=UTC)
N_STATIONS = 500


def station(key: str, name: str) -> Record:
    return Record("chargers", key, name, "operating", BORN, None, True, 1, "", "", 121.4, 31.1, None, {})


def serve(listening: socket.socket, edits_per_s: float, told: Connection) -> None:
    """Serve and edit until something comes through the pipe; then send the CPU seconds used since the last message."""
    settings = Settings(store="memory:")
    twin = Twin(MemoryStore(), read_plan(settings.plan), read_grid, lambda: datetime.now(UTC))
    twin.commit([Edit("add", station(f"s{i}", "")) for i in range(N_STATIONS)], author="bench", reason="bench")
    server = uvicorn.Server(uvicorn.Config(create_app(twin, settings), log_level="error", access_log=False))
    threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True).start()
    told.recv()
    cpu, version, next_at = time.process_time(), 1, time.monotonic()
    while not told.poll(max(0.0, next_at - time.monotonic())):
        record = replace(station("s0", str(time.monotonic_ns())), valid_from=datetime.now(UTC), name=f"n{version}")
        twin.commit([Edit("change", record, version)], author="bench", reason=str(time.monotonic_ns()))
        held = twin.store.versions("chargers", "s0")
        version, next_at = held[-1][0], next_at + 1 / edits_per_s
        told.send(time.monotonic_ns())
    told.send(time.process_time() - cpu)


async def hear(port: int, n: int, seconds: float) -> tuple[list[dict[int, int]], float]:
    """By listener, when it heard of each transaction."""
    found: list[dict[int, int]] = [{} for _ in range(n)]

    async def listen(mine: dict[int, int]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /events HTTP/1.1\r\nhost: twin.test\r\n\r\n")
        async for line in reader:
            if line.startswith(b"data: "):
                mine[json.loads(line[6:])["tx"]] = time.monotonic_ns()

    tasks = [asyncio.create_task(listen(mine)) for mine in found]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return found, time.process_time()


def listeners(port: int, n: int, seconds: float, out: Connection) -> None:
    out.send(asyncio.run(hear(port, n, seconds))[0])


def run(n: int, edits_per_s: float, seconds: float) -> tuple[float, list[int], list[dict[int, int]]]:
    """CPU seconds of the server, when each edit was recorded, and who heard of it when."""
    listening = socket.create_server(("127.0.0.1", 0))
    here, there = multiprocessing.Pipe()
    heard, hearing = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(listening, edits_per_s, there), daemon=True)
    server.start()
    time.sleep(3)
    port = listening.getsockname()[1]
    clients = multiprocessing.Process(target=listeners, args=(port, n, seconds + 3, hearing), daemon=True)
    clients.start()
    time.sleep(2)
    here.send("begin")
    time.sleep(seconds)
    here.send("end")
    told: list[Any] = []
    while not told or not isinstance(told[-1], float):
        told.append(here.recv())
    found = heard.recv()
    clients.join()
    server.terminate()
    return told[-1], told[:-1], found


def main(words: list[str]) -> int:
    n, edits_per_s, seconds = int(words[0]), float(words[1]), float(words[2])
    alone, _, _ = run(0, edits_per_s, seconds)
    cpu, told, found = run(n, edits_per_s, seconds)
    waits = sorted((mine[tx] - at) / 1e6 for mine in found for tx, at in enumerate(told, 2) if tx in mine)
    missed = sum(tx not in mine for mine in found for tx, _ in enumerate(told, 2))
    sys.stdout.write(
        f"{n} listeners, {len(told) / seconds:.1f} edits/s, {seconds:g} s: CPU {100 * cpu / seconds:.1f} % of a core, "
        f"without them {100 * alone / seconds:.1f} %; "
        f"heard after p50 {waits[len(waits) // 2]:.1f} ms, p99 {waits[int(len(waits) * 0.99)]:.1f} ms; {missed} missed\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main([*sys.argv[1:], *("100", "10", "20")[len(sys.argv) - 1 :]]))
