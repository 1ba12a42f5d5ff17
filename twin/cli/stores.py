"""``twin copy``, ``backup`` and ``check``: looking after stores."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from twin.cli.common import Door, json_option, pass_door, print_json, print_table
from twin.cli.speaking import Command
from twin.errors import InvalidInput, NotFound
from twin.store import SqlStore, open_store, shown
from twin.store.address import SQLITE, is_postgres

if TYPE_CHECKING:
    from twin.settings import Settings
    from twin.store.access import SqliteAccess


def open_kept(url: str) -> SqlStore:
    """A store that is there already.

    Raises:
        NotFound: there is no such file.
        InvalidInput: it is kept in memory only, or the address is none.
        Unavailable: it cannot be opened.
    """
    if url.startswith(SQLITE) and not Path(url.removeprefix(SQLITE)).is_file():
        raise NotFound(f"没有存储 {url}", f"there is no store {url}")
    return _database(url)


def _database(url: str) -> SqlStore:
    store = open_store(url)
    if not isinstance(store, SqlStore):
        raise InvalidInput(f"{shown(url)} 只在内存中", f"{shown(url)} is in memory only")
    return store


@click.command(cls=Command)
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@pass_door
def copy(door: Door, source: str, target: str) -> None:
    """连同历史复制：两者都是存储地址，TO 应为空。 / Copy a twin with its history: both are addresses of stores; TO must be empty."""
    with closing(open_kept(source)) as old, closing(_database(target)) as new:
        from twin.store.copying import copy_store

        n = copy_store(old, new, lambda table, n: door.say(f"{table}：{n:,} 行", f"{table}: {n:,} rows"))
    door.say(f"已复制 {n:,} 行，逐行一致", f"copied {n:,} rows; the copy is equal to the original")


@click.command(cls=Command)
@click.argument("to", type=click.Path(path_type=Path))
@pass_door
def backup(door: Door, to: Path) -> None:
    """在使用中备份数据、密钥和精确读取的审计。不覆盖任何文件。
    / Copy the twin, its keys and the audit of exact reads while they are in use. Nothing is overwritten.

    TO 为已有目录（可直接作为 TWIN_DATA），或文件：b.sqlite 旁另有 b.access.sqlite，存放密钥和审计。用 PostgreSQL 时，这两项请以 pg_dump 备份。
    / TO is a folder that is there, which can then serve as data folder (TWIN_DATA), or a file: with b.sqlite keys and audit are in
    b.access.sqlite beside it. Those of a twin in PostgreSQL are its database's: take pg_dump.
    """
    from twin.store.copying import back_up

    url = door.settings.store_url
    with closing(open_kept(url)) as store, _own_access(door.settings) as access:
        made = back_up(store, to, lambda table, n: door.say(f"{table}：{n:,} 行", f"{table}: {n:,} rows"), access)
    files = "、".join(map(str, made)), " and ".join(map(str, made))
    use = f"TWIN_DATA={to}" if to.is_dir() else f"TWIN_STORE=sqlite:///{to}"
    door.say(f"已备份到 {files[0]}。使用此备份：{use}", f"backed up to {files[1]}. To use it: {use}")
    if is_postgres(url):
        door.say(
            "密钥与审计在 PostgreSQL 中，不在此备份内：请另用 pg_dump 备份",
            "keys and audit are in PostgreSQL and not in this backup: take pg_dump too",
        )
    elif access is None:
        said = _access_path(door.settings)
        door.say(f"没有 {said}：此备份不含密钥与审计", f"there is no {said}: this backup holds no keys and no audit")


def _access_path(settings: Settings) -> Path:
    from twin.store.access import FILE

    return settings.data / FILE


@contextmanager
def _own_access(settings: Settings) -> Iterator[SqliteAccess | None]:
    """Keys and audit where they are in a file of their own; None where there is none, which then is not made."""
    from twin.store.access import SqliteAccess

    path = _access_path(settings)
    if is_postgres(settings.store_url) or not path.is_file():
        yield None
        return
    with closing(SqliteAccess(path)) as access:
        yield access


@click.command(cls=Command)
@json_option
@pass_door
def check(door: Door, as_json: bool) -> None:
    """检查存储：数据页、事务、时间线、几何、JSON。有问题时退出码为 2。
    / Check the store: pages, transactions, timelines, geometries, JSON. Exit code 2 if something is wrong.
    """
    from twin.store.upkeep import check as check_store

    with closing(open_kept(door.settings.store_url)) as store:
        found = check_store(store)
    if as_json:
        findings = [{"zh": words.zh, "en": words.en} for words in found.findings]
        print_json({"store": store.name, "counts": found.counts, "findings": findings})
    else:
        print_table((store.name, ""), [(name, f"{n:,}") for name, n in found.counts.items()])
        for words in found.findings:
            click.echo(door.words(words))
    if found.findings:
        door.say(f"发现 {len(found.findings)} 个问题", f"{len(found.findings)} finding(s)")
        sys.exit(2)
    door.say("一切正常", "all is well")


COMMANDS = (copy, backup, check)
