"""``twin backup``: the twin with its keys and its audit, whole or not at all, and what is restored from it."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.store.auditor import entry
from tests.store.log import digests
from tests.store.test_contract import T1, A, commit
from twin.identity import verify
from twin.model import Edit
from twin.store import SqliteStore, access, open_store
from twin.store.access import SqliteAccess


@pytest.fixture
def data(run, tmp_path: Path) -> Path:
    """A data folder with a small twin, a key and a few audited reads."""
    with closing(SqliteStore(tmp_path / "var" / "twin.sqlite")) as store:
        commit(store, Edit("add", A), at=T1)
    assert run("keys", "create", "--role", "cleared", "--name", "Li").exit_code == 0
    with closing(SqliteAccess(tmp_path / "var" / "access.sqlite")) as tables:
        tables.append([entry(str(i)) for i in range(3)])
    return tmp_path / "var"


def made_in(folder: Path) -> dict[str, int]:
    """The files that are there and who may read them."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir() if path.is_file()}


def contents(folder: Path) -> dict[Path, bytes]:
    """Of all files but those that SQLite makes and forgets."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(("-wal", "-shm")))
    return {path: path.read_bytes() for path in files}


def test_a_backup_in_a_folder_is_a_data_folder_with_twin_keys_and_audit(run, data, tmp_path, monkeypatch):
    (tmp_path / "night").mkdir()
    before = os.umask(0)
    said = run("backup", "night")
    os.umask(before)
    assert said.exit_code == 0, said.stderr
    assert "To use it: TWIN_DATA=night" in said.stderr
    assert made_in(tmp_path / "night") == {"twin.sqlite": 0o600, "access.sqlite": 0o600}
    asked = [("check",), ("audit", "verify"), ("keys", "list", "--json"), ("audit", "reads", "--json")]
    here = [run(*words) for words in asked]
    monkeypatch.setenv("TWIN_DATA", "night")
    there = [run(*words) for words in asked]
    assert [one.exit_code for one in there] == [0] * 4
    assert [one.stdout for one in there[1:]] == [one.stdout for one in here[1:]]
    assert "3 row(s), the chain is unbroken" in there[1].stderr
    with closing(SqliteStore(data / "twin.sqlite")) as store, closing(SqliteStore(Path("night/twin.sqlite"))) as copy:
        assert digests(copy) == digests(store)


def test_the_audit_goes_on_from_a_restored_copy(run, data, tmp_path):
    (tmp_path / "night").mkdir()
    run("backup", "night")
    with closing(SqliteAccess(tmp_path / "night" / "access.sqlite")) as tables:
        tables.append([entry("after")])
        found = verify(tables.rows())
    assert (found.n_rows, found.fault) == (4, None)


def test_a_backup_in_a_file_has_keys_and_audit_in_a_file_named_after_it(run, data, tmp_path):
    for name in ("monday.sqlite", "tuesday.sqlite"):
        said = run("backup", name)
        assert said.exit_code == 0, said.stderr
    assert "backed up to tuesday.sqlite and tuesday.access.sqlite" in said.stderr
    assert made_in(tmp_path) == dict.fromkeys(
        ("monday.sqlite", "monday.access.sqlite", "tuesday.sqlite", "tuesday.access.sqlite"), 0o600
    )
    with closing(SqliteAccess(tmp_path / "monday.access.sqlite")) as tables:
        assert (len(tables.all_keys()), verify(tables.rows()).n_rows) == (1, 3)


def test_a_backup_while_the_audit_is_written_holds_an_unbroken_chain(run, data, tmp_path):
    stop = Event()

    def write() -> None:
        with closing(SqliteAccess(data / "access.sqlite")) as tables:
            while not stop.is_set():
                tables.append([entry("meanwhile")])

    writer = Thread(target=write)
    writer.start()
    try:
        codes = [run("backup", f"{n}.sqlite").exit_code for n in range(4)]
    finally:
        stop.set()
        writer.join()
    assert codes == [0] * 4
    lengths = []
    for n in range(4):
        with closing(SqliteAccess(tmp_path / f"{n}.access.sqlite")) as tables:
            found = verify(tables.rows())
        assert found.fault is None
        lengths.append(found.n_rows)
    assert lengths == sorted(lengths)
    assert lengths[0] >= 3


@pytest.mark.parametrize(
    ("to", "there"),
    [("night", "night/twin.sqlite"), ("night", "night/access.sqlite"), ("b.sqlite", "b.access.sqlite"), ("var", "var/twin.sqlite")],
)  # fmt: skip
def test_where_one_of_the_files_is_there_nothing_is_written(run, data, tmp_path, to, there):
    (tmp_path / "night").mkdir()
    if to != "var":
        Path(there).write_text("mine")
    before = contents(tmp_path)
    said = run("backup", to)
    assert said.exit_code == 4
    assert f"{there} exists" in said.stderr
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "failure", [OSError(28, "No space left on device"), sqlite3.OperationalError("disk I/O error")]
)
def test_where_keys_and_audit_cannot_be_written_the_twins_copy_goes_too(run, data, tmp_path, monkeypatch, failure):
    (tmp_path / "night").mkdir()

    def fail(path: Path, to: Path) -> None:
        raise failure

    monkeypatch.setattr(access, "copy_file", fail)
    said = run("backup", "night")
    assert said.exit_code == 5
    assert "access.sqlite" in said.stderr
    assert "Traceback" not in said.stderr
    assert made_in(tmp_path / "night") == {}


def test_damaged_keys_and_audit_are_told_and_leave_no_half_a_backup(run, data, tmp_path):
    (tmp_path / "night").mkdir()
    for path in data.glob("access.sqlite*"):
        path.unlink()
    (data / "access.sqlite").write_bytes(b"no database at all, but long enough " * 400)
    said = run("backup", "night")
    assert said.exit_code == 5
    assert "access.sqlite is not available: it is no store, or damaged" in said.stderr
    assert made_in(tmp_path / "night") == {}


def test_where_there_are_no_keys_the_backup_says_that_it_holds_none_and_makes_none(run, data, tmp_path):
    for path in data.glob("access.sqlite*"):
        path.unlink()
    (tmp_path / "night").mkdir()
    said = run("backup", "night")
    assert (said.exit_code, made_in(tmp_path / "night")) == (0, {"twin.sqlite": 0o600})
    assert "there is no var/access.sqlite: this backup holds no keys and no audit" in said.stderr
    assert not (data / "access.sqlite").exists()


def test_a_folder_that_is_not_there_is_not_made(run, data, tmp_path):
    assert run("backup", "no/such/b.sqlite").exit_code == 3
    assert not (tmp_path / "no").exists()


@pytest.mark.postgis
def test_of_a_twin_in_postgresql_the_backup_says_that_keys_and_audit_are_in_the_database(postgis, run, data, tmp_path):
    from tests.postgis import emptied

    url = emptied(postgis)
    with closing(open_store(url)) as store:
        commit(store, Edit("add", A), at=T1)
    (tmp_path / "night").mkdir()
    said = run("--store", url, "backup", "night")
    assert said.exit_code == 0, said.stderr
    assert made_in(tmp_path / "night") == {"twin.sqlite": 0o600}, "keys beside it are another twin's"
    assert "pg_dump" in said.stderr
