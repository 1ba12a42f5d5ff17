"""``twin audit``: what was changed, by whom and why; below it, the chain of what was read exactly."""

from __future__ import annotations

import sys
from datetime import datetime, time
from typing import Any

import click
import orjson

from twin.cli.common import Door, Moment, json_option, pass_door, print_json
from twin.cli.keys import access_tables
from twin.cli.speaking import Command, Group
from twin.identity import Row, verify

IS_SUB = "twin.cli.audit.is_sub"


class AuditGroup(Group):
    """A group that is a command of its own too: ``twin audit [TX]`` beside ``twin audit verify``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[IS_SUB] = bool(args) and args[0] in self.commands
        ctx.allow_interspersed_args = not ctx.meta[IS_SUB]
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        params = super().get_params(ctx)
        return [p for p in params if not (ctx.meta.get(IS_SUB) and isinstance(p, click.Argument))]


@click.command(name="verify", cls=Command)
@click.option(
    "--head",
    default=None,
    metavar="HASH",
    help="以前输出并另存的链头：可查出被截去的结尾 / A head printed earlier and kept elsewhere: also finds a cut end.",
)
@json_option
@pass_door
def verify_reads(door: Door, head: str | None, as_json: bool) -> None:
    """重新计算精确读取的审计链；退出码 2 时指出第一条被改动的记录。
    / Recompute the chain of exact reads; exit code 2 names the first row that is not as it was written.

    请定期输出链头，并保存在本机任何人都不能改写的地方。
    / Print the head now and then, and keep it where nobody here can write.
    """
    with access_tables(door) as tables:
        found = verify(tables.rows(), head.strip().lower() if head else None)
    if as_json:
        fault = {"zh": found.fault.zh, "en": found.fault.en} if found.fault else None
        print_json({"rows": found.n_rows, "head": found.head, "fault": fault})
    elif found.fault is None:
        click.echo(found.head)
    if found.fault is not None:
        if not as_json:
            click.echo(door.words(found.fault))
        door.say("审计链有问题", "the chain is not sound")
        sys.exit(2)
    door.say(f"{found.n_rows} 行，链条完整", f"{found.n_rows} row(s), the chain is unbroken")


@click.command(cls=Command)
@click.option(
    "--since",
    type=Moment(time.min),
    default=None,
    help="自何时起；日期自当日零时 / From when on, a date: from its beginning.",
)
@click.option(
    "--caller", default=None, metavar="ID", help="只列一人：key:编号 或 sub:名称 / Only of one, as key:ID or sub:NAME."
)
@json_option
@pass_door
def reads(door: Door, since: datetime | None, caller: str | None, as_json: bool) -> None:
    """谁看过精确位置：时间、用途、图层、地点、数量。 / Who was shown exact places: when, what for, which layer, where, how many."""
    with access_tables(door) as tables:
        rows = [_told(row) for row in tables.rows(since, caller)]
    if as_json:
        print_json(rows)
        return
    names = ("n", "at", "caller", "role", "purpose", "asked", "read")
    door.table(names, [r | {"read": _words(r), "asked": f"{r['method']} {r['path']}"} for r in rows])


def _told(row: Row) -> dict[str, Any]:
    e = row.entry
    return {"n": row.n, "at": datetime.fromisoformat(e.at), "caller": e.caller, "role": e.role, "purpose": e.purpose,
            "method": e.method, "path": e.path, "query": e.query, "reads": orjson.loads(e.reads), "request_id": e.request_id,
            "hash": row.hash}  # fmt: skip


def _words(row: dict[str, Any]) -> str:
    return "; ".join(f"{r['layer']} {r['n']} @ {r['where']}" for r in row["reads"])
