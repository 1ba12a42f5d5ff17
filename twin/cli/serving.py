"""``twin serve`` and ``twin settings``."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import subprocess
import sys
import threading
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twin.cli.common import Door, json_option, pass_door, print_json, print_table
from twin.engine import Twin
from twin.errors import BadParameter, TwinError, Unavailable
from twin.settings import Settings
from twin.store.address import SQLITE, is_postgres, shown

if TYPE_CHECKING:
    from fastapi import FastAPI

FIRST_RESOLUTION = 9
PATIENCE_S = 120
"""A worker that says nothing for so long is replaced; importing and judging take seconds on a busy machine."""
WARM_UP_AFTER_S = 0.5
"""Long enough for the server to listen first."""


def check_port(host: str, port: int) -> None:
    """Refuse a port that is taken, before anything is built.

    Raises:
        Unavailable: it is taken, or the address is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as reason:
            raise Unavailable(
                f"无法使用 {host}:{port}（{reason}）。换一个端口：make run PORT={port + 1}",
                f"{host}:{port} cannot be used ({reason}). Choose another: make run PORT={port + 1}",
            ) from None


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def warm_up(twin: Twin) -> None:
    """Judge every clause once, so that the first page need not wait. A rule that cannot be judged says so when asked."""
    for clause in twin.plan.clauses:
        with contextlib.suppress(TwinError):
            evaluation = twin.cover(clause.id)
            _ = evaluation.result, evaluation.gaps(), evaluation.cells(FIRST_RESOLUTION)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="More than one needs PostGIS.")
@click.option("--demo-if-empty", is_flag=True, help="Write the reference twin first where the store is empty.")
@pass_door
def serve(door: Door, host: str, port: int, workers: int, demo_if_empty: bool) -> None:
    """Serve the API and the map."""
    import uvicorn

    url = door.settings.store_url
    if workers > 1 and not is_postgres(url):
        raise BadParameter(
            "SQLite 只支持一个工作进程，多进程需要 PostGIS（TWIN_STORE=postgresql://…）",
            "SQLite takes one worker; more need PostGIS (TWIN_STORE=postgresql://…)",
        )
    check_port(host, port)
    with served_alone(url):
        if demo_if_empty and door.twin.store.head() == 0:
            # In a process of its own: what building it takes of memory is given back.
            subprocess.run([sys.executable, "-m", "twin", "demo"], check=True, env=os.environ | told(door.settings))
        if not is_loopback(host):
            door.say(
                "注意：此地址可从本机以外访问，目前没有登录",
                "Note: this address can be reached from other machines; there is no sign-in",
            )
        at = f"[{host}]" if ":" in host else host
        door.say(f"地图：http://{at}:{port}/map  （Ctrl+C 停止）", f"map: http://{at}:{port}/map  (Ctrl+C stops)")
        if workers > 1:
            os.environ.update(told(door.settings))
            app: Any = "twin.cli.serving:served_app"
            uvicorn.run(
                app, factory=True, workers=workers, host=host, port=port, log_level="warning",
                timeout_worker_healthcheck=PATIENCE_S,
            )  # fmt: skip
        else:
            uvicorn.run(warming(door.twin, door.settings), host=host, port=port, log_level="warning")


def served_alone(url: str) -> AbstractContextManager[None]:
    """Keeps a second server away from a SQLite file; a database takes any number.

    Raises:
        Unavailable: another process serves it.
    """
    if not url.startswith(SQLITE):
        return contextlib.nullcontext()
    from twin.store.sqlite import sole_server

    return sole_server(Path(url.removeprefix(SQLITE)))


def told(settings: Settings) -> dict[str, str]:
    """The settings as environment, for processes that are started from here; an argument would show a password."""
    given = {f"TWIN_{name.upper()}": getattr(settings, name) for name in Settings.model_fields}
    return {name: str(value) for name, value in given.items() if value is not None}


def served_app() -> FastAPI:
    """What each of several workers serves, by the settings in its environment."""
    from twin.opening import open_twin

    settings = Settings()
    return warming(open_twin(settings), settings)


def warming(twin: Twin, settings: Settings) -> FastAPI:
    """An app that judges every clause as soon as it serves."""
    from twin.api.app import create_app

    app = create_app(twin, settings)
    timer = threading.Timer(WARM_UP_AFTER_S, warm_up, args=(twin,))
    timer.daemon = True
    timer.start()
    return app


@click.command()
@json_option
@pass_door
def settings(door: Door, as_json: bool) -> None:
    """Every setting: its name, value and meaning."""
    rows = [
        (f"TWIN_{name.upper()}", shown(str(getattr(door.settings, name))), field.description or "")
        for name, field in Settings.model_fields.items()
    ]
    if as_json:
        print_json({name: {"value": value, "help": text} for name, value, text in rows})
    else:
        print_table(("name", "value", "help"), rows)


COMMANDS = (serve, settings)
