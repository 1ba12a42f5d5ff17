"""``twin copy``, ``backup`` and ``check``: looking after stores."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import click

from twin.cli.common import Door, json_option, pass_door, print_json, print_table
from twin.errors import InvalidInput, NotFound
from twin.store import SqlStore, open_store, shown
from twin.store.address import SQLITE


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


@click.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@pass_door
def copy(door: Door, source: str, target: str) -> None:
    """Copy a twin with its history: both are addresses of stores; TO must be empty."""
    with closing(open_kept(source)) as old, closing(_database(target)) as new:
        from twin.store.copying import copy_store

        n = copy_store(old, new, lambda table, n: door.say(f"{table}：{n:,} 行", f"{table}: {n:,} rows"))
    door.say(f"已复制 {n:,} 行，逐行一致", f"copied {n:,} rows; the copy is equal to the original")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@pass_door
def backup(door: Door, file: Path) -> None:
    """Copy the store into FILE (SQLite) while it is in use. Nothing is overwritten."""
    from twin.store.copying import back_up

    with closing(open_kept(door.settings.store_url)) as store:
        back_up(store, file, lambda table, n: door.say(f"{table}：{n:,} 行", f"{table}: {n:,} rows"))
    door.say(
        f"已备份到 {file}。恢复：TWIN_STORE=sqlite:///{file}",
        f"backed up to {file}. To use it: TWIN_STORE=sqlite:///{file}",
    )


@click.command()
@json_option
@pass_door
def check(door: Door, as_json: bool) -> None:
    """Check the store: pages, transactions, timelines, geometries, JSON. Exit code 2 if something is wrong."""
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
