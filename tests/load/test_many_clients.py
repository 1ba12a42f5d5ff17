"""Two hundred clients at once, with edits going on and bad manners among them: no error, memory flat, and an end in order.

``LOAD_SECONDS=60`` makes it a minute.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from tests.load.clients import EDITS_PER_S, N_HALF_OPEN, N_LISTENERS, N_READERS, N_SLOW
from tests.postgis import free_port

pytestmark = pytest.mark.slow

SECONDS = float(os.environ.get("LOAD_SECONDS", "20"))
WARM_UP_S = 20.0
"""Until then caches fill and the evaluations of the rules are made for the first time."""
MAX_GROWTH_MIB = 40.0
"""Between the warm-up and the end. Tiles that are asked for the first time are kept (some KB each), and each edit leaves
freed pages behind; a leak of a snapshot an edit would be ten times that."""
START_S, END_S = 120.0, 60.0


@dataclass
class Server:
    """``twin serve`` in a process of its own, its memory looked at twice a second."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    rss_mib: list[float] = field(default_factory=list)
    _done: Event = field(default_factory=Event)

    def watch(self) -> None:
        while not self._done.wait(0.5) and self.process.poll() is None:
            with suppress(OSError):  # it has just ended
                said = Path(f"/proc/{self.process.pid}/status").read_text()
                self.rss_mib += [int(kib) / 1024 for kib in re.findall(r"VmRSS:\s+(\d+)", said)]

    def end(self) -> int:
        """Its exit code after SIGTERM."""
        self._done.set()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(END_S)

    def ask(self, path: str) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """The reference twin, served as ``twin serve`` does."""
    env = {**os.environ, "TWIN_DATA": str(tmp_path), "TWIN_LANG": "en"}
    words = [sys.executable, "-m", "twin"]
    subprocess.run([*words, "demo"], check=True, env=env, capture_output=True)
    port = free_port()
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen([*words, "serve", "--port", str(port)], stdout=out, stderr=out, env=env)
    made = Server(process, port, log)
    try:
        wait_until_ready(made)
        Thread(target=made.watch, daemon=True).start()
        yield made
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def wait_until_ready(server: Server) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and server.process.poll() is None:
        try:
            if server.ask("/coverage/charger-service")[0] == 200:
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(server.log.read_text())


def test_two_hundred_clients_are_served_without_an_error_and_memory_stays_flat(
    server: Server, record_testsuite_property: Callable[[str, object], None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert N_READERS + N_LISTENERS + N_SLOW + N_HALF_OPEN + 1 == 200
    run_clients(server, WARM_UP_S, seed=1)
    warm = server.rss_mib[-1]
    met = run_clients(server, SECONDS, seed=2)
    growth = server.rss_mib[-1] - warm
    figures = {**met, "rss_mib_every_5_s": [round(mib) for mib in server.rss_mib[::10]], "growth_mib": round(growth)}
    record_testsuite_property("load", json.dumps(figures))
    with capsys.disabled():
        sys.stdout.write(f"\n{json.dumps(figures, ensure_ascii=False, indent=1)}\n")

    assert met["errors"] == []
    assert met["n_edits"] >= SECONDS * EDITS_PER_S / 2
    assert met["n_events"] >= met["n_edits"] * N_LISTENERS * 0.9
    assert growth < MAX_GROWTH_MIB
    assert server.ask("/coverage/charger-service")[0] == 200
    assert "Traceback" not in server.log.read_text()

    with listening(server), socket.create_connection(("127.0.0.1", server.port)) as silent:
        silent.send(b"GET / HT")
        assert server.end() == 0
    assert "Traceback" not in server.log.read_text()


def run_clients(server: Server, seconds: float, seed: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.load.clients", str(server.port), str(seconds), str(seed)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=seconds + 120)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def listening(server: Server) -> socket.socket:
    """One who listens to events and does not leave."""
    connection = socket.create_connection(("127.0.0.1", server.port))
    connection.send(b"GET /events HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
    assert b" 200 " in connection.recv(100)
    return connection
