"""Keys, sessions and the audit's chain on SQLite and PostgreSQL: what is kept, what is refused, what is found out."""

from __future__ import annotations

import hashlib
import json
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from tests.store.auditor import entry, tables_at
from twin.access import Caller, ExactRead
from twin.errors import NotFound, Unavailable
from twin.identity import GENESIS, Entry, Key, Ledger, Session, minted, verify
from twin.identity.chain import chained, reads_text
from twin.store.access import AccessTables, SqliteAccess

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)


@pytest.fixture
def tables(url: str) -> Iterator[AccessTables]:
    with tables_at(url) as opened:
        yield opened


def key(key_id: str = "abcdefgh", **more: object) -> Key:
    plain = Key(
        key_id, "张三", "planner", ("310112", "hongqiao-cbd"), "核查", "0" * 64, NOW, "admin", NOW + timedelta(days=1)
    )
    return replace(plain, **more)  # type: ignore[arg-type]


def session(name: str, **more: object) -> Session:
    caller = Caller("sub:li", "cleared", ("310112",), "值班")
    plain = Session(name, "", caller, "李四", NOW + timedelta(hours=12), slides=False)
    return replace(plain, **more)  # type: ignore[arg-type]


# --- keys and sessions


def test_a_key_comes_back_as_it_was_kept(tables: AccessTables) -> None:
    kept = [key(), key("bbbbbbbb", areas=(), expires_at=None)]
    for one in kept:
        tables.add_key(one)
    assert tables.all_keys() == kept


def test_a_revoked_key_stays_in_the_list_and_its_sessions_go(tables: AccessTables) -> None:
    tables.add_key(key())
    tables.add_session(session("of-the-key", key="abcdefgh"), NOW)
    tables.add_session(session("of-another", key="bbbbbbbb"), NOW)
    tables.revoke("abcdefgh", NOW)
    tables.revoke("abcdefgh", NOW + timedelta(days=1))
    assert [k.revoked_at for k in tables.all_keys()] == [NOW]
    assert (tables.session("of-the-key"), tables.session("of-another") is not None) == (None, True)
    with pytest.raises(NotFound, match="cccccccc"):
        tables.revoke("cccccccc", NOW)


def test_the_version_changes_with_keys_and_sign_outs_only(tables: AccessTables) -> None:
    def changes(act: Callable[[], object]) -> bool:
        before = tables.version()
        act()
        return tables.version() != before

    assert changes(lambda: tables.add_key(key()))
    assert not changes(lambda: tables.add_session(session("a"), NOW))
    assert not changes(lambda: tables.put_off("a", NOW + timedelta(days=2)))
    assert not changes(lambda: tables.append([entry("r")]))
    assert changes(lambda: tables.drop_session("a"))
    assert not changes(lambda: tables.drop_session("a"))
    assert changes(lambda: tables.revoke("abcdefgh", NOW))


def test_a_session_comes_back_and_the_ones_that_ended_are_cleared_away(tables: AccessTables) -> None:
    tables.add_session(session("old", expires_at=NOW), NOW - timedelta(hours=1))
    tables.add_session(session("new"), NOW)
    tables.put_off("new", NOW + timedelta(hours=20))
    assert tables.session("new") == session("new", expires_at=NOW + timedelta(hours=20))
    assert tables.session("old") is None


def test_opening_again_finds_everything(url: str) -> None:
    with tables_at(url) as first:
        first.add_key(key())
        first.append([entry("r")])
    with tables_at(url) as again:
        assert (again.all_keys(), len(list(again.rows()))) == ([key()], 1)


def test_the_secret_is_the_same_for_all_servers_and_for_good_and_no_two_twins_share_one(
    url: str, tmp_path: Path
) -> None:
    with tables_at(url) as one, tables_at(url) as other:
        secret = one.secret()
        assert len(secret) == 16
        assert other.secret() == secret
    with tables_at(url) as again, tables_at(f"sqlite:///{tmp_path / 'else' / 'twin.sqlite'}") as elsewhere:
        assert again.secret() == secret != elsewhere.secret()


def test_tables_of_an_earlier_release_get_a_secret_when_they_are_opened(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'twin.sqlite'}"
    with tables_at(url) as tables, tables._writing() as c:
        c.exec_driver_sql("delete from access_state where name like 'secret-%'")
    with tables_at(url) as tables:
        assert len(tables.secret()) == 16


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    with closing(SqliteAccess(tmp_path / "in" / "access.sqlite")) as tables:
        tables.add_key(key())
        assert {stat.S_IMODE(f.stat().st_mode) for f in (tmp_path / "in").iterdir()} == {0o600}


def test_nothing_kept_holds_the_secret(tmp_path: Path) -> None:
    key_id, text, kept = minted()
    with closing(SqliteAccess(tmp_path / "access.sqlite")) as tables:
        tables.add_key(key(key_id, hash=kept))
    held = b"".join(f.read_bytes() for f in tmp_path.iterdir())
    assert key_id.encode() in held
    assert text.rpartition("_")[2].encode() not in held


def test_a_file_that_is_no_database_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "access.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(Unavailable, match="not a database"):
        SqliteAccess(tmp_path / "access.sqlite")


# --- the chain


def test_each_hash_is_that_of_the_row_and_the_hash_before_it(tables: AccessTables) -> None:
    """By the standard library alone, as somebody else would check it."""
    tables.append([entry("a", purpose='引号"和\\'), entry("b")])
    tables.append([entry("c")])
    last = "0" * 64
    for row in tables.rows():
        told = json.dumps({"n": row.n, **asdict(row.entry)}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        last = hashlib.sha256((last + told).encode()).hexdigest()
        assert row.hash == last
    assert verify(tables.rows()).head == last


def test_rows_are_found_by_time_and_caller(tables: AccessTables) -> None:
    tables.append([entry("old"), entry("new", at="2026-05-01T00:00:00.000000Z"), entry("other", caller="sub:li")])
    assert [r.entry.request_id for r in tables.rows(since=datetime(2026, 2, 1, tzinfo=UTC))] == ["new"]
    assert [r.entry.request_id for r in tables.rows(caller="sub:li")] == ["other"]


@pytest.mark.parametrize(
    "command",
    ["update exact_read set purpose = 'x' where n = 1", "delete from exact_read where n = 2", "delete from exact_read",
     "truncate exact_read", "insert or replace into exact_read select * from exact_read where n = 1"],
)  # fmt: skip
def test_the_database_itself_refuses_all_but_adding(url: str, tables: AccessTables, command: str) -> None:
    if ("truncate" in command) == url.startswith("sqlite") or (
        "or replace" in command and not url.startswith("sqlite")
    ):
        return  # no such command there
    tables.append([entry("a"), entry("b")])
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), tables._engine.begin() as c:
        c.exec_driver_sql(command)
    assert verify(tables.rows()).n_rows == 2


@contextmanager
def without_triggers(tables: AccessTables) -> Iterator[sa.Connection]:
    """As somebody with all rights over the database works."""
    with tables._engine.begin() as c:
        names = {"sqlite": ("update", "delete", "insert"), "postgresql": ("change", "truncate")}[c.dialect.name]
        for name in names:
            c.exec_driver_sql(
                f"drop trigger exact_read_{name}" + (" on exact_read" if c.dialect.name == "postgresql" else "")
            )
        yield c


FORGED = "insert into exact_read select {n}, at, 'key:forged', role, purpose, method, path, query, reads, request_id, {previous}, hash from exact_read where n = 2"
TAMPERINGS = {
    "changed": (["update exact_read set reads = '[]' where n = 3"], 3),
    "who": (["update exact_read set caller = 'key:zzzzzzzz' where n = 2"], 2),
    "when": (["update exact_read set at = '2025-01-01T00:00:00.000000Z' where n = 5"], 5),
    "removed": (["delete from exact_read where n = 3"], 3),
    "first removed": (["delete from exact_read where n = 1"], 1),
    "closed up": (["delete from exact_read where n = 3", "update exact_read set n = n - 1 where n > 3"], 3),
    "put in at the end": ([FORGED.format(n=6, previous="(select hash from exact_read where n = 5)")], 6),
    "reordered": (["update exact_read set n = 9 where n = 2", "update exact_read set n = 2 where n = 3", "update exact_read set n = 3 where n = 9"], 2),
    "hash made to fit one row": (["update exact_read set purpose = 'x', hash = '{hash}' where n = 2"], 3),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERINGS)
def test_whoever_gets_round_the_triggers_is_found_at_the_first_bad_row(tables: AccessTables, name: str) -> None:
    rows = tables.append([entry(f"r{i}") for i in range(5)])
    commands, first_bad = TAMPERINGS[name]
    fitting = next(chained([replace(rows[1].entry, purpose="x")], 1, rows[0].hash)).hash
    with without_triggers(tables) as c:
        for command in commands:
            c.exec_driver_sql(command.replace("{hash}", fitting))
    found = verify(tables.rows())
    assert found.fault is not None
    assert found.n_rows == first_bad - 1
    assert f"row {first_bad} " in found.fault.en
    assert f"第 {first_bad} 行" in found.fault.zh


def test_a_cut_end_is_found_by_a_head_kept_elsewhere_only(tables: AccessTables) -> None:
    tables.append([entry(f"r{i}") for i in range(5)])
    head = verify(tables.rows()).head
    tables.append([entry("later")])
    assert verify(tables.rows(), head).fault is None, "a chain that has grown is sound"
    with without_triggers(tables) as c:
        c.exec_driver_sql("delete from exact_read where n > 3")
    assert verify(tables.rows()).fault is None
    found = verify(tables.rows(), head)
    assert found.fault is not None
    assert head in found.fault.en


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), min_size=1, max_size=8), st.data())
def test_no_single_change_of_a_row_goes_unnoticed(told: list[tuple[str, str]], data: st.DataObject) -> None:
    told = [(a.encode("utf-8", "replace").decode(), b.encode("utf-8", "replace").decode()) for a, b in told]
    rows = list(chained([entry(a, purpose=b) for a, b in told], 0, GENESIS))
    assert verify(rows).fault is None
    at = data.draw(st.integers(0, len(rows) - 1))
    field = data.draw(
        st.sampled_from(["at", "caller", "role", "purpose", "method", "path", "query", "reads", "request_id"])
    )
    old = getattr(rows[at].entry, field)
    rows[at] = replace(
        rows[at], entry=replace(rows[at].entry, **{field: old + data.draw(st.sampled_from([" ", "0", "\u200b"]))})
    )
    assert verify(rows).n_rows == at


def test_reads_of_one_layer_and_place_are_one_and_odd_characters_do_no_harm() -> None:
    told = reads_text(
        [ExactRead("cameras", "a\x00\ud800", 2), ExactRead("sensors", "b", 1), ExactRead("cameras", "a\x00\ud800", 3)]
    )
    assert json.loads(told) == [
        {"layer": "cameras", "n": 5, "where": "a??"},
        {"layer": "sensors", "n": 1, "where": "b"},
    ]


# --- group commit, several processes, kills


def test_those_who_wait_together_share_one_commit() -> None:
    groups: list[int] = []
    first, go = threading.Event(), threading.Event()

    def append(entries: list[Entry]) -> None:
        groups.append(len(entries))
        first.set()
        assert go.wait(10)

    ledger = Ledger(append)  # type: ignore[arg-type]
    waiting = [ledger.record(entry("0"))]
    assert first.wait(10)
    waiting += [ledger.record(entry(str(i))) for i in range(1, 50)]
    go.set()
    for one in waiting:
        one.result(10)
    ledger.close()
    assert groups == [1, 49]


def test_nobody_is_told_yes_where_the_commit_failed_and_the_next_one_may_succeed() -> None:
    fails = [True, False]

    def append(entries: list[Entry]) -> None:
        if fails.pop(0):
            raise Unavailable("满", "full")

    ledger = Ledger(append)  # type: ignore[arg-type]
    with pytest.raises(Unavailable):
        ledger.record(entry("a")).result(10)
    ledger.record(entry("b")).result(10)
    ledger.close()


def test_closing_writes_what_has_come_in() -> None:
    written: list[str] = []
    ledger = Ledger(lambda entries: written.extend(e.request_id for e in entries))
    for i in range(1200):
        ledger.record(entry(str(i)))
    ledger.close()
    assert written == [str(i) for i in range(1200)]


@contextmanager
def auditor(*words: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.store.auditor", *map(str, words)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_two_hundred_at_once_from_two_processes_make_one_unbroken_chain(url: str, tables: AccessTables) -> None:
    with auditor("together", url, "one", 100) as one, auditor("together", url, "two", 100) as two:
        assert [p.stdout.readline() for p in (one, two)] == ["ready\n"] * 2  # type: ignore[union-attr]
        for process in (one, two):
            process.stdin.write("go\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
        assert [p.stdout.readline() for p in (one, two)] == ["done\n"] * 2  # type: ignore[union-attr]
    found = verify(tables.rows())
    assert (found.n_rows, found.fault) == (200, None)
    names = {row.entry.request_id for row in tables.rows()}
    assert names == {f"{name}-{i}" for name in ("one", "two") for i in range(100)}


@pytest.mark.slow
def test_a_killed_process_leaves_every_row_that_it_acknowledged(url: str, tables: AccessTables) -> None:
    for round_ in range(10):
        with auditor("endless", url, f"round-{round_}") as process:
            for n, line in enumerate(process.stdout, 1):  # type: ignore[arg-type]
                acknowledged = int(line)
                if n == 20 + 7 * round_:
                    process.kill()
                    break
        rows = [row.entry.request_id for row in tables.rows()]
        of_round = [name for name in rows if name.startswith(f"round-{round_}-")]
        assert len(of_round) >= acknowledged
        assert of_round == [f"round-{round_}-{i}" for i in range(1, len(of_round) + 1)]
        assert verify(tables.rows()).fault is None
