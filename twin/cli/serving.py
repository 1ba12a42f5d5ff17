"""``twin serve`` and ``twin settings``."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import subprocess
import sys
import threading

import click

from twin.cli.common import Door, json_option, pass_door, print_json, print_table
from twin.engine import Twin
from twin.errors import BadParameter, TwinError, Unavailable
from twin.settings import Settings

FIRST_RESOLUTION = 9
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

    from twin.api.app import create_app

    if workers > 1:
        raise BadParameter(
            "SQLite 只支持一个工作进程，多进程需要 PostGIS", "SQLite takes one worker; more need PostGIS"
        )
    check_port(host, port)
    if demo_if_empty and door.twin.store.head() == 0:
        # In a process of its own: what building it takes of memory is given back.
        subprocess.run([sys.executable, "-m", "twin", "--store", door.settings.store_url, "demo"], check=True)  # noqa: S603  (our own)
    if not is_loopback(host):
        door.say(
            "注意：此地址可从本机以外访问，目前没有登录",
            "Note: this address can be reached from other machines; there is no sign-in",
        )
    app = create_app(door.twin, door.settings)
    shown = f"[{host}]" if ":" in host else host
    warming = threading.Timer(WARM_UP_AFTER_S, warm_up, args=(door.twin,))
    warming.daemon = True
    warming.start()
    door.say(f"地图：http://{shown}:{port}/map  （Ctrl+C 停止）", f"map: http://{shown}:{port}/map  (Ctrl+C stops)")
    uvicorn.run(app, host=host, port=port, log_level="warning")


@click.command()
@json_option
@pass_door
def settings(door: Door, as_json: bool) -> None:
    """Every setting: its name, value and meaning."""
    rows = [
        (f"TWIN_{name.upper()}", str(getattr(door.settings, name)), field.description or "")
        for name, field in Settings.model_fields.items()
    ]
    if as_json:
        print_json({name: {"value": value, "help": text} for name, value, text in rows})
    else:
        print_table(("name", "value", "help"), rows)


COMMANDS = (serve, settings)
