"""``twin serve`` as a real process on a free port, for tests that need one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from tests.postgis import free_port

SLOW = """
import asyncio, sys
from fastapi import Response
import twin.api.health as health
from twin.api.app import create_app

@health.router.get("/slow", include_in_schema=False)
async def slow() -> Response:
    await asyncio.sleep(float({seconds}))
    return Response("finished")
"""
"""A route that takes its time, as a module that the server's interpreter imports first (sitecustomize)."""
DEADLINE_S = 60


@contextmanager
def process(
    folder: Path, *arguments: str, seconds: float = 1.5, **settings: str
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """``twin serve`` with a route ``/slow``; (process, port)."""
    port = free_port()
    (folder / "slow").mkdir(exist_ok=True)
    (folder / "slow" / "sitecustomize.py").write_text(SLOW.format(seconds=seconds), "utf-8")
    environment = (
        os.environ | {"PYTHONPATH": str(folder / "slow"), "TWIN_DATA": str(folder), "TWIN_LANG": "en"} | settings
    )
    command = [sys.executable, "-m", "twin", "serve", "--port", str(port), *arguments]
    with (folder / "said").open("w") as said:
        own = subprocess.Popen(command, stdout=said, stderr=said, env=environment, text=True)
    try:
        yield own, port
    finally:
        if own.poll() is None:
            own.kill()
        own.wait(DEADLINE_S)


def ask(port: int, path: str, host: str = "127.0.0.1", **headers: str) -> httpx.Response:
    at = f"[{host}]" if ":" in host else host
    return httpx.get(f"http://{at}:{port}{path}", headers=headers, timeout=DEADLINE_S, trust_env=False)


def wait_for(port: int, host: str = "127.0.0.1") -> None:
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        with suppress(httpx.TransportError):
            if ask(port, "/healthz", host).status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError("the server does not answer")


def said_in(folder: Path) -> str:
    return (folder / "said").read_text("utf-8")
