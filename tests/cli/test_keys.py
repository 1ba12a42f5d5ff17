"""``twin keys``, the audit's commands and who lets a server start, as an administrator meets them."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from tests.store.auditor import entry
from twin.cli import main, serving
from twin.identity.keys import SHAPE
from twin.store.access import SqliteAccess

AREAS = {
    "type": "FeatureCollection",
    "features": [{
        "type": "Feature", "properties": {"code": "310112", "name": "闵行区"},
        "geometry": {"type": "Polygon", "coordinates": [[[121.3, 31.0], [121.4, 31.0], [121.4, 31.1], [121.3, 31.1], [121.3, 31.0]]]},
    }],
}  # fmt: skip


def make_key(run: Any, *options: str) -> str:
    made = run("keys", "create", "--role", "cleared", "--name", "Li", *options)
    assert made.exit_code == 0, made.stderr
    return made.stdout.strip()


def append(*entries: Any) -> None:
    with closing(SqliteAccess(Path("var/access.sqlite"))) as tables:
        tables.append(entries)


def tamper(*commands: str) -> None:
    with closing(sqlite3.connect("var/access.sqlite")) as c:
        for name in ("update", "delete", "insert"):
            c.execute(f"drop trigger exact_read_{name}")
        for command in commands:
            c.execute(command)
        c.commit()


# --- keys


def test_a_key_is_shown_once_and_never_again(run):
    made = run("keys", "create", "--role", "planner", "--name", "Li", "--purpose", "survey")
    text = made.stdout.strip()
    assert SHAPE.fullmatch(text)
    secret = text.rpartition("_")[2]
    assert secret not in made.stderr
    for words in (
        ("keys", "list"),
        ("keys", "list", "--json"),
        ("keys", "revoke", text[5:13], "--json"),
        ("keys", "list"),
    ):
        shown = run(*words)
        assert shown.exit_code == 0
        assert secret not in shown.output
    assert secret.encode() not in Path("var/access.sqlite").read_bytes()


def test_the_list_says_whose_key_and_what_for_and_whether_it_is_good(run):
    text = make_key(run, "--purpose", "survey", "--expires", "2099-12-31")
    make_key(run)
    assert run("keys", "revoke", text[5:13]).exit_code == 0
    first, second = json.loads(run("keys", "list", "--json").stdout)
    told = {"id": text[5:13], "name": "Li", "role": "cleared", "areas": [], "purpose": "survey", "state": "revoked",
            "expires_at": "2099-12-31T15:59:59.999999Z"}  # fmt: skip
    assert {name: first[name] for name in told} == told
    assert (second["state"], second["expires_at"]) == ("good", None)
    assert "revoked" in run("keys", "list").stdout


def test_for_machines_the_key_comes_with_what_it_is(run):
    made = json.loads(run("keys", "create", "--role", "editor", "--name", "Li", "--json").stdout)
    assert SHAPE.fullmatch(made["key"])["id"] == made["id"]
    assert made["role"] == "editor"
    assert not {"hash", "secret"} & made.keys()


def test_no_two_keys_are_alike(run):
    assert len({make_key(run) for _ in range(5)}) == 5


def test_areas_must_be_there(run, tmp_path):
    (tmp_path / "areas.geojson").write_text(json.dumps(AREAS), "utf-8")
    assert run("import", "areas.geojson", "--layer", "areas", "--frame", "wgs84", "--apply").exit_code == 0
    make_key(run, "--area", "310112", "--area", "310112")
    assert json.loads(run("keys", "list", "--json").stdout)[0]["areas"] == ["310112"]
    refused = run("keys", "create", "--role", "planner", "--name", "Li", "--area", "310112", "--area", "999")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "999" in refused.stderr
    assert "310112" in refused.stderr


@pytest.mark.parametrize(
    ("words", "exit_code", "says"),
    [
        (("create", "--role", "root", "--name", "Li"), 2, "planner"),
        (("create", "--role", "planner"), 2, "--name"),
        (("create", "--role", "planner", "--name", " "), 2, "--name"),
        (("create", "--role", "planner", "--name", "a\nb"), 2, "--name"),
        (("create", "--role", "planner", "--name", "Li", "--purpose", "x" * 201), 2, "200"),
        (("create", "--role", "planner", "--name", "Li", "--expires", "2020-01-01"), 2, "past"),
        (("create", "--role", "planner", "--name", "Li", "--expires", "soon"), 2, "2025-12-31"),
        (("revoke", "aaaaaaaa"), 3, "aaaaaaaa"),
    ],
)
def test_what_makes_no_key_is_said(run, words, exit_code, says):
    refused = run("keys", *words)
    assert (refused.exit_code, refused.stdout) == (exit_code, "")
    assert says in refused.stderr


def test_a_key_on_the_command_line_is_refused_and_not_repeated(run):
    text = make_key(run)
    refused = run("keys", "revoke", text)
    assert refused.exit_code == 2
    assert text.rpartition("_")[2] not in refused.output


def test_the_words_are_chinese_for_those_who_read_chinese(run):
    said = CliRunner().invoke(main, ["--lang", "zh", "keys", "create", "--role", "planner", "--name", "李"]).stderr
    assert "以后无法再次显示" in said
    assert "第一把密钥" in said


# --- audit


def test_a_sound_chain_prints_its_head(run):
    append(entry("a"), entry("b"))
    shown = run("audit", "verify")
    assert (shown.exit_code, "2 row(s)" in shown.stderr) == (0, True)
    head = shown.stdout.strip()
    assert re.fullmatch(r"[0-9a-f]{64}", head)
    append(entry("c"))
    assert run("audit", "verify", "--head", head.upper()).exit_code == 0
    assert json.loads(run("audit", "verify", "--json").stdout)["rows"] == 3


def test_a_chain_that_nobody_has_added_to_is_sound(run):
    assert (run("audit", "verify").exit_code, run("audit", "verify").stdout.strip()) == (0, "0" * 64)


def test_a_changed_row_is_named_and_the_exit_code_is_two(run):
    append(entry("a"), entry("b"), entry("c"))
    tamper("update exact_read set caller = 'key:somebody' where n = 2")
    shown = run("audit", "verify")
    assert shown.exit_code == 2
    assert "row 2 " in shown.stdout
    told = json.loads(run("audit", "verify", "--json").stdout)
    assert (told["rows"], "第 2 行" in told["fault"]["zh"]) == (1, True)


def test_a_cut_end_is_found_by_a_head_that_was_kept(run):
    append(entry("a"), entry("b"), entry("c"))
    head = run("audit", "verify").stdout.strip()
    tamper("delete from exact_read where n = 3")
    assert run("audit", "verify").exit_code == 0
    assert run("audit", "verify", "--head", head).exit_code == 2


def test_reads_are_listed_by_time_and_caller(run):
    append(entry("a"), entry("b", caller="sub:li"), entry("c", at="2026-06-01T00:00:00.000000Z"))
    rows = json.loads(run("audit", "reads", "--json").stdout)
    assert [r["n"] for r in rows] == [1, 2, 3]
    assert rows[0]["reads"] == [{"layer": "cameras", "n": 1, "where": "x"}]
    assert rows[0]["at"] == "2026-01-01T00:00:00Z"
    assert [r["n"] for r in json.loads(run("audit", "reads", "--json", "--caller", "sub:li").stdout)] == [2]
    assert [r["n"] for r in json.loads(run("audit", "reads", "--json", "--since", "2026-06-01").stdout)] == [3]
    assert "cameras 1 @ x" in run("audit", "reads").stdout


def test_audit_alone_is_what_it_was(run, tmp_path):
    (tmp_path / "areas.geojson").write_text(json.dumps(AREAS), "utf-8")
    assert (
        run("import", "areas.geojson", "--layer", "areas", "--frame", "wgs84", "--apply", "--reason", "first").exit_code
        == 0
    )
    assert "first" in run("audit").stdout
    assert [r["tx"] for r in json.loads(run("audit", "--json").stdout)] == [1]
    for words in (("1", "--json"), ("--json", "1")):
        assert [r["key"] for r in json.loads(run("audit", *words).stdout)] == ["310112"]
    assert run("audit", "2").exit_code == 3
    assert run("audit", "nonsense").exit_code == 2


def below(group: click.Group) -> list[click.Command]:
    return list(group.commands.values())


@pytest.mark.parametrize(
    "command", [*below(main.commands["keys"]), *below(main.commands["audit"])], ids=lambda c: c.name
)
def test_every_command_below_and_every_option_has_help(command):
    assert command.help
    assert not [p.name for p in command.params if isinstance(p, click.Option) and not (p.help or "").strip()]


# --- serve


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What would be served; nothing listens."""
    seen: list[Any] = []
    monkeypatch.setattr(serving, "listen", lambda *_: [])
    monkeypatch.setattr(serving, "warming", lambda twin, settings, baked: settings)
    monkeypatch.setattr(serving, "run_alone", lambda settings, *_: seen.append(settings))
    return seen


def test_a_server_that_others_can_reach_does_not_start_without_keys(run, started):
    refused = run("serve", "--host", "0.0.0.0")
    assert refused.exit_code == 2
    assert "--open" in refused.stderr
    assert "twin keys create" in refused.stderr
    assert started == []


def test_it_starts_when_told_that_it_is_meant_to_be_open(run, started):
    said = run("serve", "--host", "0.0.0.0", "--open").stderr
    assert "whoever can reach this address" in said
    assert [s.open for s in started] == [True]
    assert serving.told(started[0])["TWIN_OPEN"] == "True", "its workers hear it too"


def test_it_starts_where_there_is_a_key_even_a_revoked_one(run, started):
    run("keys", "revoke", make_key(run)[5:13])
    assert "access control: on" in run("serve", "--host", "0.0.0.0").stderr
    assert len(started) == 1


def test_on_this_machine_it_starts_and_says_that_it_is_open(run, started):
    said = run("serve").stderr
    assert "open mode" in said
    assert "whoever" not in said
    assert len(started) == 1


def test_on_this_machine_real_data_without_a_sign_in_are_worth_a_warning(run, started, tmp_path):
    (tmp_path / "areas.geojson").write_text(json.dumps(AREAS), "utf-8")
    run("import", "areas.geojson", "--layer", "areas", "--frame", "wgs84", "--apply")
    assert "other users of this machine" in run("serve").stderr
    assert len(started) == 1
