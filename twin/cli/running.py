"""Sockets and processes of ``twin serve``: listening on IPv4 and IPv6, one worker or several, and stopping calmly."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from twin.errors import Unavailable
from twin.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

PATIENCE_S = 120
"""A worker that says nothing for so long is replaced; importing and judging take seconds on a busy machine."""


def listen(host: str, port: int) -> list[socket.socket]:
    """Sockets bound to a host's addresses, before anything is built; ``::`` takes IPv4 too. They listen once they are served.

    Raises:
        Unavailable: the port is taken, or the address is not ours.
    """
    bound: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, place in dict.fromkeys((family, place) for family, _, _, _, place in found):
            bound.append(own := socket.socket(family, socket.SOCK_STREAM))
            own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                own.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
            own.bind(place)
    except (OSError, OverflowError, UnicodeError) as reason:
        for own in bound:
            own.close()
        at = in_brackets(host)
        raise Unavailable(
            f"无法使用 {at}:{port}（{reason}）。换一个端口：make run PORT={port + 1}",
            f"{at}:{port} cannot be used ({reason}). Choose another: make run PORT={port + 1}",
        ) from None
    return bound


def in_brackets(host: str) -> str:
    """An address as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def manner(settings: Settings) -> dict[str, Any]:
    """How uvicorn serves. What proxies say is the app's own matter, and so is the request log."""
    from twin.api.connections import Patient
    from twin.api.logs import configuration

    return {
        "http": Patient,
        "ws": "none",
        "proxy_headers": False,
        "server_header": False,
        "access_log": False,
        "log_config": configuration(settings.log),
        "timeout_graceful_shutdown": settings.grace_s,
        "timeout_worker_healthcheck": PATIENCE_S,
    }


def run_alone(app: FastAPI, settings: Settings, listening: list[socket.socket]) -> None:
    """Serve until told to stop; then finish what is being answered. SIGTERM ends in exit code 0."""
    import uvicorn

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(uvicorn.Config(app, **manner(settings))).run(listening)


def run_workers(factory: str, settings: Settings, listening: list[socket.socket], n: int) -> None:
    """The same by several processes. Stopping closes this one's sockets too, so that nobody new waits for an answer."""
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    class Workers(Multiprocess):
        def terminate_all(self) -> None:
            for own in self.sockets:
                own.close()
            super().terminate_all()

    with shared_figures():
        Workers(uvicorn.Config(factory, factory=True, workers=n, **manner(settings)), listening).run()


@contextlib.contextmanager
def shared_figures() -> Iterator[None]:
    """A folder in which the workers add up what /metrics tells."""
    from twin.api.metrics import FOLDER

    with tempfile.TemporaryDirectory(prefix="twin-metrics-") as folder:
        os.environ[FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER]
