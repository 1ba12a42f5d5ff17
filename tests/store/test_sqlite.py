"""What only the store in a SQLite file has: files that are none, older or newer; locks; disks that are full or read-only."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.store.test_contract import LATER, T1, T2, A, commit, keys, names
from twin.errors import InvalidInput, Unavailable
from twin.model import Edit, Record
from twin.store import SqliteStore, migrations, schema, sqlite
from twin.store.sqlite import sole_server

ROOT = Path(__file__).resolve().parents[2]
VERSION_1 = Path(__file__).with_name("schema_1.sql").read_text("utf-8")
TABLES = ("tx", "asset", "area", "source", "grid")


def version_1(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as c:
        c.executescript(VERSION_1)
    return path


def held(path: Path) -> dict[str, list[tuple]]:
    with closing(sqlite3.connect(path)) as c:
        return {table: c.execute(f"select * from {table} order by 1, 2, 3").fetchall() for table in TABLES}


def test_a_store_of_version_1_is_migrated_and_holds_what_it_held(tmp_path):
    path = version_1(tmp_path / "twin.sqlite")
    before = held(path)
    assert len(before["asset"]) == 8
    with closing(SqliteStore(path)) as store:
        assert held(path) == before
        assert names(store, as_of=T1) == ["corrected", "甲站"]
        assert names(store, as_of=T1, known_at=T2) == ["甲站", "甲站"]
        assert names(store, as_of=LATER) == ["later", "甲站"]
        assert [t.reason for t in store.transactions()] == [f"第 {n} 次" for n in range(5)]
        assert store.revert(5, author="a", reason="r", at=LATER).tx == 6
    with closing(sqlite3.connect(path)) as c:
        assert c.execute("select value from meta").fetchall() == [(str(schema.SCHEMA_VERSION),)]


def test_a_migrated_store_has_the_indexes_of_a_new_one(tmp_path):
    with closing(SqliteStore(version_1(tmp_path / "old.sqlite"))), closing(SqliteStore(tmp_path / "new.sqlite")):
        pass
    found = []
    for name in ("old", "new"):
        with closing(sqlite3.connect(tmp_path / f"{name}.sqlite")) as c:
            rows = c.execute("select name, tbl_name from sqlite_master where type = 'index' and sql is not null")
            found.append(sorted(rows))
    assert found[0] == found[1] != []


def test_a_copy_from_before_the_migration_is_left_beside_the_store(tmp_path):
    path = version_1(tmp_path / "twin.sqlite")
    before = held(path)
    SqliteStore(path).close()
    copy = tmp_path / "twin.sqlite.schema-1"
    assert held(copy) == before
    with closing(sqlite3.connect(copy)) as c:
        assert c.execute("select value from meta").fetchall() == [("1",)]


def test_a_migration_that_fails_changes_nothing(tmp_path, monkeypatch):
    def half(c):
        c.exec_driver_sql("create table half (x)")
        c.exec_driver_sql("select no_such_function()")

    path = version_1(tmp_path / "twin.sqlite")
    monkeypatch.setitem(migrations.STEPS, 2, half)
    for _ in range(2):
        with pytest.raises(Unavailable, match="no_such_function"):
            SqliteStore(path)
    with closing(sqlite3.connect(path)) as c:
        assert c.execute("select name from sqlite_master where name = 'half'").fetchall() == []
    monkeypatch.undo()
    SqliteStore(path).close()
    assert (tmp_path / "twin.sqlite.schema-1.3").exists()


def test_there_is_a_step_to_every_version():
    assert sorted(migrations.STEPS) == list(range(2, schema.SCHEMA_VERSION + 1))


def test_a_newer_store_is_refused_with_words_and_left_alone(tmp_path):
    path = tmp_path / "twin.sqlite"
    SqliteStore(path).close()
    with closing(sqlite3.connect(path)) as c:
        c.execute("update meta set value = '99' where name = 'schema'")
        c.commit()
    before = path.read_bytes()
    with pytest.raises(InvalidInput, match=r"version 99.*newer program"):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_another_programs_database_is_refused_with_words_and_left_alone(tmp_path):
    path = tmp_path / "other.gpkg"
    with closing(sqlite3.connect(path)) as c:
        c.execute("create table gpkg_contents (table_name text)")
    before = path.read_bytes()
    with pytest.raises(InvalidInput, match="gpkg_contents"):
        SqliteStore(path)
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["other.gpkg"]


def damaged(path: Path, how: str) -> None:
    with closing(SqliteStore(path)) as store:
        commit(store, *(Edit("add", _named(i)) for i in range(400)))
    content = path.read_bytes()
    if how == "garbage":
        content = b"this is no database, but it is long enough to look at " * 400
    elif how == "truncated":
        content = content[: len(content) // 3]
    elif how == "a little short of a header":
        content = content[:60]
    elif how == "a page overwritten":
        content = content[:4096] + b"\xff" * 4096 + content[8192:]
    path.write_bytes(content)


def _named(i: int) -> Record:
    return replace(A, key=f"k{i}")


def read_and_write(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.state(LATER, LATER)
        commit(store, Edit("add", A), at=T2)


@pytest.mark.parametrize("how", ["garbage", "truncated", "a little short of a header", "a page overwritten"])
def test_a_damaged_file_is_told_in_words_and_left_alone(tmp_path, how):
    path = tmp_path / "twin.sqlite"
    damaged(path, how)
    before = path.read_bytes()
    with pytest.raises(Unavailable, match=r"twin\.sqlite.*(no store|damaged)"):
        read_and_write(path)
    assert path.read_bytes() == before


def test_a_folder_in_the_files_place_is_told_in_words(tmp_path):
    (tmp_path / "twin.sqlite").mkdir()
    with pytest.raises(Unavailable, match="check the path"):
        SqliteStore(tmp_path / "twin.sqlite")


def test_a_file_in_the_folders_place_is_told_in_words(tmp_path):
    (tmp_path / "data").write_text("x")
    with pytest.raises(Unavailable, match="cannot make the folder"):
        SqliteStore(tmp_path / "data" / "twin.sqlite")


def test_a_foreign_lock_is_waited_for_and_then_told_in_words(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.3)
    path = tmp_path / "twin.sqlite"
    holder = (
        f"import sqlite3,sys\nc=sqlite3.connect({str(path)!r}, isolation_level=None)\nc.execute('begin immediate')\n"
    )
    holder += "print('held', flush=True)\nsys.stdin.read()"
    with closing(SqliteStore(path)) as store:
        commit(store, Edit("add", A))
        with subprocess.Popen([sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            assert other.stdout.readline() == b"held\n"
            assert keys(store) == ["a"], "readers do not wait"
            with pytest.raises(Unavailable, match="another program held it"):
                commit(store, Edit("add", _named(1)), at=T2)
            other.stdin.close()
        commit(store, Edit("add", _named(1)), at=T2)
        assert keys(store) == ["a", "k1"]


ON_A_FULL_DISK = """
import resource, sys
from tests.store.test_sqlite import T2, _named, commit, keys
from twin.errors import Unavailable
from twin.model import Edit
from twin.store import SqliteStore
from pathlib import Path

store = SqliteStore(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
try:
    commit(store, *(Edit("add", _named(i)) for i in range(5000)), at=T2)
except Unavailable as error:
    print(error)
print(keys(store))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
commit(store, Edit("add", _named(1)), at=T2)
print(keys(store))
"""


def run(code: str, *arguments: object) -> str:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.mark.slow
def test_a_full_disk_is_told_in_words_and_leaves_the_store_intact_and_usable(tmp_path):
    path = tmp_path / "twin.sqlite"
    with closing(SqliteStore(path)) as store:
        commit(store, Edit("add", A))
    said = run(ON_A_FULL_DISK, path).splitlines()
    assert "nothing was written" in said[0]
    assert said[1:] == ["['a']", "['a', 'k1']"]
    with closing(sqlite3.connect(path)) as c:
        assert c.execute("pragma integrity_check").fetchall() == [("ok",)]


WITHOUT_RIGHTS = """
import os, sys
from pathlib import Path
from tests.store.test_sqlite import T2, _named, commit, keys
from twin.errors import Unavailable
from twin.model import Edit
from twin.store import SqliteStore

if os.geteuid() == 0:
    os.setegid(65534)
    os.seteuid(65534)
for name in sys.argv[1:]:
    try:
        store = SqliteStore(Path(name))
        print(keys(store))
        commit(store, Edit("add", _named(1)), at=T2)
    except Unavailable as error:
        print(error)
"""


@pytest.mark.slow
def test_a_read_only_file_or_folder_is_told_in_words():
    with TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        folder, file = Path(place, "folder"), Path(place, "file")
        for parent, mode, file_mode in ((folder, 0o555, 0o644), (file, 0o777, 0o444)):
            with closing(SqliteStore(parent / "twin.sqlite")) as store:
                commit(store, Edit("add", A))
            (parent / "twin.sqlite").chmod(file_mode)
            parent.chmod(mode)
        places = [folder / "twin.sqlite", file / "twin.sqlite", folder / "new.sqlite", folder / "sub" / "new.sqlite"]
        said = run(WITHOUT_RIGHTS, *places).splitlines()
        folder.chmod(0o755)
    assert "folder/twin.sqlite is not available" in said[0]
    assert said[1] == "['a']"
    assert "read-only" in said[2]
    assert "new.sqlite is not available: it cannot be opened" in said[3]
    assert "cannot make the folder" in said[4]


def test_a_second_server_of_one_file_is_refused_even_after_a_kill_of_the_first(tmp_path):
    path = tmp_path / "data" / "twin.sqlite"
    server = f"from pathlib import Path\nfrom twin.store.sqlite import sole_server\nimport sys\nwith sole_server(Path({str(path)!r})):\n"
    server += "    print('serves', flush=True)\n    sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", server], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as first:
        assert first.stdout.readline() == b"serves\n"
        with pytest.raises(Unavailable, match="another process serves"), sole_server(path):
            pass
        first.kill()
    with sole_server(path):
        pass
