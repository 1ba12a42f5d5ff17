"""``twin keys``: who may come in. A key is shown once; what is kept tells nobody what it was."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from twin.access import ROLE_NAMES, ROLES, Role
from twin.cli.common import Door, Moment, json_option, pass_door, print_json
from twin.cli.speaking import Group
from twin.errors import BadParameter
from twin.identity.keys import Key, minted
from twin.times import shown_time

if TYPE_CHECKING:
    from twin.store.access import AccessTables

LONGEST = 200


@contextmanager
def access_tables(door: Door) -> Iterator[AccessTables]:
    """Where keys and audit are; the twin itself is opened only where they are in its database."""
    from twin.opening import open_access_tables
    from twin.store import is_postgres, open_store

    url = door.settings.store_url
    if is_postgres(url):
        with closing(open_store(url)) as store, closing(open_access_tables(door.settings, store)) as tables:  # type: ignore[type-var]
            yield tables
        return
    with closing(open_access_tables(door.settings, None)) as tables:
        yield tables


@click.group(cls=Group)
def keys() -> None:
    """访问密钥。一旦有了密钥，无密钥者只见公众汇总值。
    / Keys that say who asks. As soon as there is one, nobody sees more than public totals without.
    """


@keys.command()
@click.option("--role", required=True, type=click.Choice(ROLES), help="角色 / What the key is good for.")
@click.option(
    "--name", required=True, help="持有人，显示于列表和页面 / Whose key it is, as the list and the page say it."
)
@click.option(
    "--area",
    "areas",
    multiple=True,
    metavar="CODE",
    help="仅限该区域，可重复；默认不限 / Only there; may be given again. Default: everywhere.",
)
@click.option(
    "--purpose", default="", help="用途；记入每次精确读取的审计 / What for; noted in the audit beside every exact read."
)
@click.option(
    "--expires",
    type=Moment(),
    default=None,
    help="有效至何时；日期至当日末 / Until when it is good, a date: until its end.",
)
@json_option
@pass_door
def create(
    door: Door, role: Role, name: str, areas: tuple[str, ...], purpose: str, expires: datetime | None, as_json: bool
) -> None:
    """创建并输出密钥。只显示这一次。 / Make a key and print it. It is shown this once and never again."""
    from twin.opening import utc_now

    now = utc_now()
    _refuse_odd_words(name=name, purpose=purpose)
    if expires is not None and expires <= now:
        raise BadParameter(
            f"截止时间 {shown_time(expires)} 已过",
            f"--expires is {shown_time(expires)}, which is past: name a later date",
        )
    _refuse_unknown_areas(door, areas)
    key_id, text, kept = minted()
    key = Key(key_id, name, role, tuple(dict.fromkeys(areas)), purpose, kept, now, getpass.getuser(), expires)
    with access_tables(door) as tables:
        is_first = not tables.all_keys()
        tables.add_key(key)
    if as_json:
        print_json({"key": text, **_told(key, now)})
    else:
        click.echo(text)
    door.say(
        f"已创建密钥 {key_id}（{name}，{ROLE_NAMES[role].zh}）。请立即保存：以后无法再次显示。用法：Authorization: Bearer 密钥，或在地图页登录",
        f"made the key {key_id} ({name}, {role}). Keep it now: it is never shown again. Use it as Authorization: Bearer KEY, "
        "or sign in with it on the map",
    )
    if is_first:
        door.say(
            "这是第一把密钥：访问控制自此启用，未登录者只见公众汇总值",
            "this is the first key: from now on who shows none sees public totals only",
        )


@keys.command(name="list")
@json_option
@pass_door
def list_keys(door: Door, as_json: bool) -> None:
    """列出密钥：持有人、用途、期限。不含密钥本身。 / Every key: whose, what for, until when. Never the keys themselves."""
    from twin.opening import utc_now

    now = utc_now()
    with access_tables(door) as tables:
        rows = [_told(key, now) for key in tables.all_keys()]
    if as_json:
        print_json(rows)
        return
    names = ("id", "name", "role", "areas", "purpose", "state", "created_at", "created_by", "expires_at")
    door.table(names, rows)


@keys.command()
@click.argument("key_id", metavar="ID")
@json_option
@pass_door
def revoke(door: Door, key_id: str, as_json: bool) -> None:
    """立即并永久撤销密钥 ID 及其登录。ID 见列表，不是密钥本身。
    / End the key ID and the sign-ins by it, at once and for good. ID is as in the list, never the key itself.
    """
    from twin.opening import utc_now

    if "_" in key_id:
        raise BadParameter(
            "应给出密钥的编号（见 twin keys list），而不是密钥本身：命令行上的密钥会被他人看到。若确为密钥，请立即撤销它",
            "give the key's id (twin keys list), not the key itself: others can see what stands on a command line. If it was one, "
            "revoke it now",
        )
    with access_tables(door) as tables:
        key = tables.revoke(key_id, utc_now())
    if as_json:
        print_json(_told(key, utc_now()))
    door.say(f"密钥 {key.id}（{key.name}）已撤销", f"the key {key.id} ({key.name}) is revoked")


def _told(key: Key, now: datetime) -> dict[str, Any]:
    state = "revoked" if key.revoked_at else "expired" if key.is_expired(now) else "good"
    return {"id": key.id, "name": key.name, "role": key.role, "areas": list(key.areas), "purpose": key.purpose, "state": state,
            "created_by": key.created_by, "created_at": key.created_at, "expires_at": key.expires_at, "revoked_at": key.revoked_at}  # fmt: skip


def _refuse_odd_words(**given: str) -> None:
    """Raises BadParameter where a name is empty, or a text is too long or holds control characters."""
    for option, text in given.items():
        if (option == "name" and not text.strip()) or len(text) > LONGEST or not text.isprintable():
            raise BadParameter(
                f"--{option} 应为不超过 {LONGEST} 个字符的文字，不含控制字符",
                f"--{option} must be words, at most {LONGEST} characters, without control characters",
            )


def _refuse_unknown_areas(door: Door, areas: tuple[str, ...]) -> None:
    """Raises BadParameter where a code is none: the key would be good for nowhere."""
    if not areas:
        return
    known = {str(record.attributes.get("code") or record.key) for _, record in door.twin.store.open_versions("areas")}
    if unknown := [code for code in areas if code not in known]:
        said = ", ".join(sorted(known)[:20]) or "—"
        raise BadParameter(
            f"没有代码为 {', '.join(unknown)} 的区域。现有：{said}",
            f"there is no area with the code {', '.join(unknown)}; there are: {said}",
        )


COMMANDS = (keys,)
