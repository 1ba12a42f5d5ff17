"""``twin history``, ``audit``, ``revert`` and ``transition``: what was recorded, by whom, and how to take it back."""

from __future__ import annotations

import getpass
from datetime import datetime, time
from typing import Any

import click

from twin.cli.audit import AuditGroup, reads, verify_reads
from twin.cli.common import Door, Moment, json_option, pass_door, print_json
from twin.cli.speaking import Command
from twin.editing import Signed, Wish, change
from twin.errors import NotFound
from twin.layers import layer_named
from twin.layers.base import LIFECYCLE_CODES
from twin.layers.states import STATE_WORDS
from twin.model import LIFECYCLES, Source, Transaction
from twin.times import shown_time

author_option = click.option(
    "--by", "author", default=None, help="操作人；默认为系统用户名 / Who; default: the user's name."
)


@click.command(cls=Command)
@click.argument("layer")
@click.argument("key")
@json_option
@pass_door
def history(door: Door, layer: str, key: str, as_json: bool) -> None:
    """一项资产的全部版本：何时有效、何人何故记录。
    / Every recorded version of one asset: when it held in the world, who recorded it and why.
    """
    versions = door.twin.store.versions(layer_named(layer).name, key)
    if not versions:
        raise NotFound(f"{layer} 中没有编号 {key}", f"{layer} has no key {key!r}")
    by_number = {t.tx: t for t in door.twin.store.transactions()}
    rows = [{"version": v, "tx": tx, "tx_to": to, "valid_from": r.valid_from, "valid_to": r.valid_to, "lifecycle": r.lifecycle,
             "name": r.name, "lng": r.lng, "lat": r.lat, "recorded_at": by_number[tx].at, "author": by_number[tx].author,
             "reason": by_number[tx].reason}
            for v, tx, to, r in versions]  # fmt: skip
    if as_json:
        print_json(rows)
    else:
        door.table(list(rows[0]), rows)


@click.group(cls=AuditGroup, invoke_without_command=True)
@click.argument("tx", type=int, required=False)
@json_option
@click.pass_context
def audit(ctx: click.Context, as_json: bool, tx: int | None = None) -> None:
    """何人何时何故改了什么；给出 TX 则列出该事务涉及的资产。子命令：谁读过精确位置。
    / Who changed what, when and why; with TX, which assets that transaction touched. Below: who read exact places.
    """
    if ctx.invoked_subcommand is not None:
        return
    door: Door = ctx.obj
    if tx is not None:
        _print_touched(door, tx, as_json)
        return
    files = {(tx, s.id): s for tx, s in door.twin.store.sources()}
    rows = [{**_told(t), **_file(files.get((t.tx, t.source)))} for t in door.twin.store.transactions()]
    if as_json:
        print_json(rows)
    else:
        names = ("tx", "at", "author", "reason", "source", "edits", "file", "sha256")
        door.table(names, [{**r, "edits": r["n_edits"], "sha256": (r["sha256"] or "")[:12]} for r in rows])


def _print_touched(door: Door, tx: int, as_json: bool) -> None:
    touched = door.twin.store.touched(tx)
    if not touched and tx not in {t.tx for t in door.twin.store.transactions()}:
        raise NotFound(f"没有事务 {tx}", f"there is no transaction {tx}")
    rows = [{"layer": layer, "key": key, "did": "change" if closed and opened else "add" if opened else "remove",
             "closed": len(closed), "recorded": len(opened)} for layer, key, closed, opened in touched]  # fmt: skip
    if as_json:
        print_json(rows)
    else:
        door.table(("layer", "key", "did", "closed", "recorded"), rows)


@click.command(cls=Command)
@click.argument("tx", type=int)
@author_option
@click.option("--reason", default=None, help="原因；默认为撤销的事务号 / Why; default: which transaction is undone.")
@json_option
@pass_door
def revert(door: Door, tx: int, author: str | None, reason: str | None, as_json: bool) -> None:
    """以新事务撤销事务 TX；其后又有改动的则拒绝。 / Undo transaction TX by a new one; refused where what it recorded has been changed since."""
    twin = door.twin
    undone = twin.revert(tx, author=author or getpass.getuser(), reason=reason or f"revert {tx}")
    if as_json:
        print_json(_told(undone))
    door.say(
        f"事务 {tx} 已由事务 {undone.tx} 撤销，涉及 {undone.n_edits} 项资产",
        f"transaction {tx} is undone by {undone.tx}: {undone.n_edits} assets",
    )


@click.command(cls=Command)
@click.argument("layer")
@click.argument("key")
@click.argument("state", metavar="STATE", type=click.Choice([*LIFECYCLES, *LIFECYCLE_CODES]))
@click.option("--at", type=Moment(time.min), default=None,
              help="自何时起（日期自当日零时，可为过去）；默认为现在 "
              "/ From when it is so, a date: from its beginning; default: now. May lie in the past.")  # fmt: skip
@click.option(
    "--correct",
    is_flag=True,
    help="更正：原记录的状态有误，可以退回 / The state recorded for that time was wrong; may also go back.",
)
@click.option("--reason", default="", help="原因；退役时必填 / Why; needed for retired.")
@author_option
@json_option
@pass_door
def transition(
    door: Door, layer: str, key: str, state: str, at: datetime | None, correct: bool, reason: str, author: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """把资产转到另一生命周期状态：规划、建设、管理、运营、退役，也可用英文。
    / Take an asset to another lifecycle STATE: planned, building, managed, operating or retired, or in Chinese.
    """
    state = LIFECYCLE_CODES.get(state, state)
    told: dict[str, Any] = {"lifecycle": state} | ({"valid_from": at.isoformat()} if at else {})
    signed = Signed(author or getpass.getuser(), reason)
    edited = change(door.twin, layer, key, Wish(told), signed, correction=correct)
    if as_json:
        print_json({"layer": layer, "key": key, "lifecycle": state, "version": edited.version,
                    "valid_from": edited.record.valid_from, **_told(edited.transaction)})  # fmt: skip
    since, words = shown_time(edited.record.valid_from), STATE_WORDS[state]
    if edited.transaction is None:
        door.say(
            f"{layer} {key} 自 {since} 起已是“{words.zh}”，无需写入",
            f"{layer} {key} is {words.en} from {since} already",
        )
    else:
        tx = edited.transaction.tx
        door.say(
            f"{layer} {key} 自 {since} 起为“{words.zh}”（事务 {tx}）",
            f"{layer} {key} is {words.en} from {since} (transaction {tx})",
        )


def _file(source: Source | None) -> dict[str, Any]:
    """What was read: the file's name and the hash of its bytes."""
    return {"file": source.title if source else None, "sha256": source.sha256 or None if source else None}


def _told(t: Transaction | None) -> dict[str, Any]:
    return {} if t is None else {"tx": t.tx, "at": t.at, "author": t.author, "reason": t.reason, "source": t.source,
            "n_edits": t.n_edits}  # fmt: skip


audit.add_command(verify_reads)
audit.add_command(reads)
COMMANDS = (history, audit, revert, transition)
