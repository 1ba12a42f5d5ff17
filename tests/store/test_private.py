"""Who else may read the files: nobody, whatever the umask; and what is ours from before is closed too."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pytest

from tests.api.conftest import NOW, records, store_of
from tests.store.test_contract import T1, A, commit
from tests.store.test_sqlite import VERSION_1
from twin.api.baked import bake
from twin.api.pending import ImportForm, Pending
from twin.engine import Twin
from twin.errors import InvalidInput
from twin.model import Edit
from twin.readers.plan_file import read_plan
from twin.readers.raster import read_grid
from twin.settings import Settings
from twin.store import SqliteStore
from twin.store.access import SqliteAccess
from twin.store.private import close_to_others, make_file
from twin.store.sqlite import copy_file, sole_server

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _careless() -> Iterator[None]:
    """A umask that lets everybody read and write."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.lstat().st_mode) for path in folder.iterdir()}


def readable_by_others(folder: Path) -> list[str]:
    """What others can get at from this folder on."""
    if not stat.S_IMODE(folder.lstat().st_mode) & 0o077:
        return []
    found = []
    for path in folder.iterdir():
        if path.is_dir():
            found += readable_by_others(path)
        elif stat.S_IMODE(path.lstat().st_mode) & 0o077:
            found.append(path.name)
    return found


def test_a_new_store_is_its_owners_only_with_all_that_sqlite_puts_beside_it(tmp_path):
    with closing(SqliteStore(tmp_path / "data" / "twin.sqlite")) as store, sole_server(store.path):
        commit(store, Edit("add", A), at=T1)
        assert modes(store.path.parent) == dict.fromkeys(
            ("twin.sqlite", "twin.sqlite-wal", "twin.sqlite-shm", "twin.sqlite.serving"), 0o600
        )
    assert modes(tmp_path) == {"data": 0o700}


def test_a_folder_that_was_there_keeps_its_rights(tmp_path):
    (tmp_path / "shared").mkdir(0o775)
    SqliteStore(tmp_path / "shared" / "twin.sqlite").close()
    assert modes(tmp_path) == {"shared": 0o775}


@pytest.mark.parametrize(("before", "after"), [(0o644, 0o600), (0o666, 0o600), (0o640, 0o600), (0o444, 0o400)])
def test_a_store_of_ours_that_others_could_read_is_closed_when_it_is_opened(tmp_path, before, after):
    path = tmp_path / "twin.sqlite"
    SqliteStore(path).close()
    path.chmod(before)
    SqliteStore(path).close()
    assert set(modes(tmp_path).values()) == {after}


def test_what_lies_beside_a_store_of_ours_is_closed_too_while_another_uses_it(tmp_path):
    path = tmp_path / "twin.sqlite"
    with closing(SqliteStore(path)) as first:
        commit(first, Edit("add", A), at=T1)
        (tmp_path / "twin.sqlite.schema-1").touch()
        (tmp_path / "twin.sqlite.mine").touch()
        for each in tmp_path.iterdir():
            each.chmod(0o644)
        with closing(SqliteStore(path)) as second:
            assert second.head() == first.head() == 1
            found = modes(tmp_path)
    assert found.pop("twin.sqlite.mine") == 0o644, "not ours to close"
    assert found == dict.fromkeys(found, 0o600)
    assert len(found) == 4


def test_a_copy_from_before_a_migration_is_its_owners_only(tmp_path):
    path = tmp_path / "twin.sqlite"
    with closing(sqlite3.connect(path)) as c:
        c.executescript(VERSION_1)
    SqliteStore(path).close()
    assert modes(tmp_path) == {"twin.sqlite": 0o600, "twin.sqlite.schema-1": 0o600}


def test_another_programs_file_is_left_as_it_is(tmp_path):
    path = tmp_path / "other.gpkg"
    with closing(sqlite3.connect(path)) as c:
        c.execute("create table gpkg_contents (table_name text)")
    path.chmod(0o644)
    with pytest.raises(InvalidInput):
        SqliteStore(path)
    assert modes(tmp_path) == {"other.gpkg": 0o644}


def test_a_copy_is_never_readable_by_others_not_even_while_it_is_made(tmp_path, monkeypatch):
    path, seen, replace = tmp_path / "twin.sqlite", [], Path.replace
    with closing(SqliteStore(path)) as store:
        commit(store, Edit("add", A), at=T1)

    def rename(part: Path, to: Path) -> Path:
        seen.append((part.name, modes(tmp_path)))
        return replace(part, to)

    monkeypatch.setattr(Path, "replace", rename)
    copy_file(path, tmp_path / "copy.sqlite")
    ((name, during),) = seen
    assert name == "copy.sqlite.part"
    assert during == dict.fromkeys(("twin.sqlite", "copy.sqlite", "copy.sqlite.part"), 0o600)
    assert modes(tmp_path)["copy.sqlite"] == 0o600


def test_a_link_that_leads_nowhere_yet_makes_a_private_file_there(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "twin.sqlite").symlink_to(tmp_path / "disk" / "twin.sqlite")
    SqliteStore(tmp_path / "twin.sqlite").close()
    assert modes(tmp_path / "disk") == {"twin.sqlite": 0o600}


def test_a_link_to_a_store_is_followed_and_the_store_closed(tmp_path):
    (tmp_path / "disk").mkdir()
    SqliteStore(tmp_path / "disk" / "twin.sqlite").close()
    (tmp_path / "disk" / "twin.sqlite").chmod(0o644)
    (tmp_path / "twin.sqlite").symlink_to(tmp_path / "disk" / "twin.sqlite")
    SqliteStore(tmp_path / "twin.sqlite").close()
    assert set(modes(tmp_path / "disk").values()) == {0o600}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has files of others")
def test_files_of_others_are_left_as_they_are(tmp_path):
    path = tmp_path / "twin.sqlite"
    path.touch()
    path.chmod(0o644)
    os.chown(path, 65534, -1)
    close_to_others(path)
    assert modes(tmp_path) == {"twin.sqlite": 0o644}


def test_what_cannot_be_closed_is_no_failure(tmp_path):
    close_to_others(tmp_path / "missing")
    (tmp_path / "link").symlink_to(tmp_path / "missing")
    close_to_others(tmp_path / "link")


LOCKS = """
import sqlite3, sys
path = sys.argv[1]
c = sqlite3.connect(path, timeout=0, isolation_level=None)
try:
    c.execute("begin immediate")
except sqlite3.OperationalError as reason:
    print(reason)
else:
    print("not locked")
"""


def test_making_sure_of_a_file_drops_no_lock_that_this_process_holds_on_it(tmp_path):
    """POSIX: closing any handle of a file drops all its locks. Without WAL, as there the locks lie in another file."""
    path = tmp_path / "file.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as c:
        c.execute("create table t (x)")
        c.execute("begin immediate")
        make_file(path)
        said = subprocess.run([sys.executable, "-c", LOCKS, path], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "database is locked"


def test_keys_and_audit_of_before_are_closed_when_they_are_opened(tmp_path):
    path = tmp_path / "access.sqlite"
    SqliteAccess(path).close()
    path.chmod(0o644)
    with closing(SqliteAccess(path)) as tables:
        tables.version()
        assert set(modes(tmp_path).values()) == {0o600}


def test_baked_snapshots_and_uploads_can_be_read_by_their_owner_only(tmp_path):
    store = store_of(records())
    twin = Twin(store, read_plan(Settings().plan), read_grid, lambda: NOW)
    bake(twin.present(), store, tmp_path)
    (tmp_path / "imports").mkdir(0o755)
    Pending(tmp_path / "imports").create(BytesIO(b"lng,lat\n121.4,31.1\n"), ImportForm(file="a.csv"), NOW)
    assert sorted(modes(tmp_path)) == ["baked", "imports"]
    assert {mode for folder in tmp_path.iterdir() for mode in modes(folder).values()} == {0o700}
    assert readable_by_others(tmp_path) == []
