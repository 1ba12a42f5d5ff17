"""A twin served by ``twin serve`` in a process of its own, and the same store opened in this one: what clients say is
compared with what is stored.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from tests.postgis import free_port
from twin.engine import Twin
from twin.model import LayerTable
from twin.opening import open_twin
from twin.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = ROOT / ".venv" / "clients" / "bin"
"""Programs of ``locks/clients.txt``."""
DEBIAN = Path("/usr/bin")
"""Where Debian's packages put theirs: a developer's PATH may hold others of these names."""
PATIENCE_S = 120


@dataclass(frozen=True)
class Live:
    """A server that runs: where it answers, and the twin on its store."""

    url: str
    data: Path

    @cached_property
    def twin(self) -> Twin:
        return open_twin(Settings(data=self.data))

    def table(self, layer: str) -> LayerTable:
        return self.twin.snapshot().layers[layer]

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE_S) as answer:
            return json.load(answer)


def names_of(table: LayerTable) -> dict[str, str]:
    """The name of every feature by its key."""
    return dict(zip(table.frame["key"].astype(str), table.frame["name"].astype(str), strict=True))


def shapes_of(table: LayerTable) -> dict[str, shapely.Geometry | None]:
    """The geometry of every feature by its key; None where it has no place."""
    if table.geometry is not None:
        return dict(zip(table.frame["key"], table.geometry, strict=True))
    located = ~np.isnan(table.lnglat[:, 0])
    points = shapely.points(table.lnglat)
    return {key: p if there else None for key, p, there in zip(table.frame["key"], points, located, strict=True)}


def within(table: LayerTable, box: tuple[float, float, float, float]) -> set[str]:
    """The keys of the features that touch a box."""
    outline = shapely.box(*box)
    return {key for key, shape in shapes_of(table).items() if shape is not None and shape.intersects(outline)}


def environment(data: Path, **more: str) -> dict[str, str]:
    """Of this shell's settings only where programs lie."""
    return {"PATH": os.environ["PATH"], "HOME": str(data), "LANG": "C.UTF-8", "TWIN_DATA": str(data), **more}


def twin_command(data: Path, *words: str) -> None:
    subprocess.run([sys.executable, "-m", "twin", *words], cwd=ROOT, env=environment(data), check=True)


@contextmanager
def served(data: Path) -> Iterator[Live]:
    """The data folder's store behind ``twin serve`` for as long as the block lasts.

    Afterwards: it ended by itself when asked to, and its log holds no traceback.
    """
    port, log = free_port(), data / "serve.log"
    with log.open("w") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", "twin", "serve", "--port", str(port)],
            cwd=ROOT, env=environment(data), stdout=out, stderr=out,
        )  # fmt: skip
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_ready(url, server)
            yield Live(url, data)
        finally:
            server.terminate()
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
                raise
    assert "Traceback" not in log.read_text(), log.read_text()[-8000:]


def wait_until_ready(url: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=PATIENCE_S):
                return
        except urllib.error.URLError:
            time.sleep(0.1)
    raise TimeoutError(f"twin serve is not ready (exit code {server.poll()})")


def run(program: Path, *words: object, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A client's run to its end, whatever it says; proxies of this machine are not its business."""
    own = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "NO_PROXY": "*"}
    command = [str(program), *map(str, words)]
    done = subprocess.run(command, env={**own, **(env or {})}, capture_output=True, text=True, check=False, timeout=600)
    sys.stdout.write(f"$ {' '.join(command)}\n{done.stderr[-4000:]}")
    return done


def output_of(program: Path, *words: object, env: Mapping[str, str] | None = None) -> str:
    """What a client prints; its failure is the test's."""
    done = run(program, *words, env=env)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout
