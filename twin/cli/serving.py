"""``twin serve`` and ``twin settings``."""

from __future__ import annotations

import contextlib
import gc
import os
import subprocess
import sys
import threading
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from pydantic import SecretStr

from twin.cli.common import Door, json_option, pass_door, print_json
from twin.cli.running import in_brackets, listen, run_alone, run_workers
from twin.cli.speaking import Command, in_language
from twin.engine import Twin
from twin.errors import BadParameter, TwinError, Unavailable
from twin.identity import is_loopback, must_refuse
from twin.layers import LAYERS
from twin.settings import Settings
from twin.store.address import SQLITE, is_postgres, shown

if TYPE_CHECKING:
    from fastapi import FastAPI

    from twin.api.baked import Baked
    from twin.api.world import World

FIRST_RESOLUTION = 9
M_ARENA_MAX = -8
"""Of glibc's malloc.h."""
WARM_UP_AFTER_S = 0.5
"""Long enough for the server to listen first."""


def see_who_may_come_in(door: Door, host: str) -> None:
    """Say whether there is a sign-in.

    Raises:
        BadParameter: there is none, others could reach the server, and nobody said that this is meant.
    """
    from twin.opening import open_access

    with contextlib.closing(open_access(door.settings, door.twin.store)) as access:
        is_controlled = access.is_controlled
    if must_refuse(host, is_controlled, door.settings.open):
        raise BadParameter(
            f"{host} 可从本机以外访问，却没有任何密钥：未启动。请先创建密钥（twin keys create --role admin --name 姓名），"
            "或配置单点登录（TWIN_JWT_KEY），或以 --open 明示对所有人开放",
            f"others can reach {host} and there is no key: not started. Make one first (twin keys create --role admin --name NAME), "
            "set up the single sign-on (TWIN_JWT_KEY), or say --open if everybody may see everything",
        )
    if is_controlled:
        door.say(
            "访问控制：已启用，未登录者只见公众汇总值", "access control: on; who is not signed in sees public totals"
        )
        return
    door.say("开放模式：未启用登录", "open mode, no sign-in")
    made_up = all(s.synthetic or s.schematic or s.derived for _, s in door.twin.store.sources())
    if not (made_up and is_loopback(host)):
        door.say(
            "注意：能访问此地址的任何人（包括本机其他用户）都能看到并修改全部数据，含摄像机的精确位置。启用登录：twin keys create",
            "Note: whoever can reach this address (other users of this machine too) can see and change everything, exact places "
            "of cameras included. To have a sign-in: twin keys create",
        )


def warm_up(world: World) -> None:
    """Encode every layer and judge every clause once, so that the first page need not wait. A rule that cannot be judged says
    so when asked."""
    twin = world.twin
    with contextlib.suppress(TwinError):
        for name, table in twin.snapshot().layers.items():
            world.encoded(LAYERS[name], table)
    for clause in twin.plan.clauses:
        with contextlib.suppress(TwinError):
            evaluation = twin.cover(clause.id)
            _ = evaluation.result, evaluation.gaps(), evaluation.cells(FIRST_RESOLUTION)
    give_back()


def lean_memory() -> None:
    """Let threads share their memory, and Arrow give back what it does not need: as the libraries would have it, both cost some
    hundred MB."""
    import pyarrow as pa

    from twin.api.memory import c_library

    pa.set_memory_pool(pa.system_memory_pool())
    if (mallopt := getattr(c_library(), "mallopt", None)) is not None:
        mallopt(M_ARENA_MAX, 2)


def give_back() -> None:
    """Let go of what starting took of memory; what is left lives as long as the process, and need not be collected again."""
    from twin.api.memory import trim

    gc.collect()
    gc.freeze()
    trim()


@click.command(cls=Command)
@click.option("--host", default="127.0.0.1", show_default=True, help="监听地址 / Address to listen on.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="监听端口 / Port to listen on."
)
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="工作进程数；多于一个需要 PostGIS / Worker processes; more than one needs PostGIS.",
)
@click.option(
    "--demo-if-empty",
    is_flag=True,
    help="存储为空时先写入参考数据 / Write the reference twin first where the store is empty.",
)
@click.option(
    "--open",
    "is_open",
    is_flag=True,
    help="不要求登录，即使已有密钥或他人可访问 / Ask nobody who he is, also where keys exist or others can reach it.",
)
@pass_door
def serve(door: Door, host: str, port: int, workers: int, demo_if_empty: bool, is_open: bool) -> None:
    """提供 API 和地图服务。 / Serve the API and the map."""
    if is_open:
        door.settings = door.settings.model_copy(update={"open": True})
    url = door.settings.store_url
    if workers > 1 and not is_postgres(url):
        raise BadParameter(
            "SQLite 只支持一个工作进程，多进程需要 PostGIS（TWIN_STORE=postgresql://…）",
            "SQLite takes one worker; more need PostGIS (TWIN_STORE=postgresql://…)",
        )
    with contextlib.ExitStack() as held:
        listening = [held.enter_context(own) for own in listen(host, port)]
        held.enter_context(served_alone(url))
        see_who_may_come_in(door, host)
        if demo_if_empty and door.twin.store.head() == 0:
            # In a process of its own: what building it takes of memory is given back.
            subprocess.run([sys.executable, "-m", "twin", "demo"], check=True, env=os.environ | told(door.settings))
        lean_memory()
        baked = prepare(door)
        at = f"http://{in_brackets(host)}:{port}{door.settings.root_path.rstrip('/')}/map"
        door.say(f"地图：{at}  （Ctrl+C 停止）", f"map: {at}  (Ctrl+C stops)")
        if workers > 1:
            os.environ.update(told(door.settings))
            run_workers("twin.cli.serving:served_app", door.settings, listening, workers)
        else:
            run_alone(warming(door.twin, door.settings, baked), door.settings, listening)


def prepare(door: Door) -> Baked | None:
    """See to it that the present snapshot lies baked beside the store, so that servers open it at once and share it; and open it."""
    from twin.api.baked import open_baked

    store, folder = door.twin.store, door.settings.data
    if store.head() == 0:
        return None
    if (baked := open_baked(store, folder)) is not None:
        return baked
    door.say("正在准备数据（仅第一次）…", "Preparing the data (the first time only) …")
    # In a process of its own: what reading everything takes of memory is given back.
    done = subprocess.run([sys.executable, "-m", "twin", "bake"], check=False, env=os.environ | told(door.settings))
    if done.returncode:
        door.say("未能写入缓存，启动会慢一些", "It could not be written; starting takes a little longer")
    return open_baked(store, folder)


@click.command(cls=Command)
@pass_door
def bake(door: Door) -> None:
    """在存储旁写好当前快照，使服务快速启动；缺少时服务会自行写入。
    / Write the present snapshot beside the store, for servers to start quickly with. They do it themselves if it lacks.
    """
    from twin.api.baked import bake as written

    try:
        to = written(door.twin.present(), door.twin.store, door.settings.data)
    except OSError as reason:
        raise Unavailable(
            f"无法写入 {door.settings.data}：{reason}", f"cannot write to {door.settings.data}: {reason}"
        ) from None
    door.say(f"已写入 {to}", f"written: {to}")


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
    """The settings as environment, for processes that are started from here; an argument would show a password.

    Secrets they have already: those come from the environment only.
    """
    given = {f"TWIN_{name.upper()}": getattr(settings, name) for name in Settings.model_fields}
    return {name: str(value) for name, value in given.items() if value is not None and not isinstance(value, SecretStr)}


def served_app() -> FastAPI:
    """What each of several workers serves, by the settings in its environment."""
    from twin.api.baked import open_baked
    from twin.api.metrics import FOLDER, forget_dead_workers
    from twin.opening import open_twin

    if FOLDER in os.environ:
        forget_dead_workers()
    lean_memory()
    settings = Settings()
    twin = open_twin(settings)
    return warming(twin, settings, open_baked(twin.store, settings.data))


def warming(twin: Twin, settings: Settings, baked: Baked | None) -> FastAPI:
    """An app that begins with what is baked, and judges every clause as soon as it serves."""
    from twin.api.app import create_app
    from twin.api.connections import Patient
    from twin.opening import open_access

    Patient.unread_s = settings.patience_s
    app = create_app(twin, settings, open_access(settings, twin.store))
    if baked is not None:
        app.state.world.adopt(*baked)
    timer = threading.Timer(WARM_UP_AFTER_S, warm_up, args=(app.state.world,))
    timer.daemon = True
    timer.start()
    return app


@click.command(cls=Command)
@json_option
@pass_door
def settings(door: Door, as_json: bool) -> None:
    """全部设置：名称、取值、含义。 / Every setting: its name, value and meaning."""
    rows = [
        {
            "name": f"TWIN_{name.upper()}",
            "value": _shown(getattr(door.settings, name)),
            "help": field.description or "",
        }
        for name, field in Settings.model_fields.items()
    ]
    if as_json:
        print_json({row.pop("name"): row for row in rows})
    else:
        door.table(("name", "value", "help"), [row | {"help": in_language(row["help"], door.lang)} for row in rows])


def _shown(value: Any) -> str:
    return "" if value is None else shown(str(value))


COMMANDS = (bake, serve, settings)
