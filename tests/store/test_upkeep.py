"""Copying, backing up and checking stores: equal copies, and every kind of damage found."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import pytest
import shapely

from tests.store.log import Step, digests, drawn, play
from tests.store.test_contract import LATER, T1, T2, A, commit, keys
from tests.world import area, square
from twin.model import Edit
from twin.store import SqliteStore, open_store
from twin.store.upkeep import check


@pytest.fixture(scope="module")
def log() -> list[Step]:
    return drawn(60, seed=11)[0]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A small sound store."""
    with closing(SqliteStore(tmp_path / "twin.sqlite")) as store:
        commit(store, Edit("add", A), Edit("add", area("310112", "district", square(1000))), at=T1)
        commit(store, Edit("change", A, 1), at=T2)
    return tmp_path / "twin.sqlite"


def test_a_sound_store_has_no_findings(url, log):
    with closing(open_store(url)) as store:
        play(store, log)
        found = check(store)
        assert found.findings == []
        assert found.counts["tx"] == store.head()


BOWTIE = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]).wkb_hex
DAMAGE = {
    "a transaction is missing": ("delete from tx where tx = 1", "from 2 on"),
    "a time of a transaction": ("update tx set at = 'yesterday' where tx = 2", "times of transactions that cannot be read: 2"),
    "recorded by nobody": ("update asset set tx = 9 where version = 2", "asset of no transaction.*chargers a"),
    "closed by nobody": ("update area set tx_to = 9", "area of no transaction.*areas 310112"),
    "closed before it was recorded": ("update asset set tx_to = 1 where version = 1", "closed before.*chargers a"),
    "a source of nobody": ("insert into source values ('s', 9, '', '', 0, 0, 0, '', '')", "source of no transaction.*: s"),
    "a grid of nobody": ("insert into grid values ('g', 9, null, '', '', '')", "grid of no transaction.*: g"),
    "overlapping": ("update asset set tx_to = null", "1 validities of one key that overlap: chargers a"),
    "json": ("update asset set attributes = '{' where version = 2", "no JSON: chargers a v2"),
    "json that is no object": ("update asset set original = '[]' where version = 1", "no JSON: chargers a v1"),
    "no wkb": ("update area set geometry = x'0102'", "geometries that cannot be read: areas 310112 v1"),
    "an invalid geometry": (f"update area set geometry = x'{BOWTIE}'", "not valid: areas 310112 v1.*Self-intersection"),
    "a time": ("update asset set valid_from = '2026-01-01' where version = 1", "times that cannot be read: chargers a v1"),
    "off the globe": ("update asset set lat = 91 where version = 1", "off the globe: chargers a v1"),
    "half a place": ("update asset set lng = null where version = 1", "off the globe: chargers a v1"),
}  # fmt: skip


@pytest.mark.parametrize(("damage", "words"), DAMAGE.values(), ids=DAMAGE)
def test_every_kind_of_damage_is_found_and_named(path, run, damage, words):
    with closing(sqlite3.connect(path)) as c:
        c.execute(damage)
        c.commit()
    said = run("--store", f"sqlite:///{path}", "check")
    assert said.exit_code == 2
    assert re.search(words, said.stdout), said.stdout
    assert "finding(s)" in said.stderr


def test_a_damaged_page_is_found(tmp_path, run):
    path = tmp_path / "twin.sqlite"
    with closing(SqliteStore(path)) as store:
        play(store, drawn(60, seed=11)[0])
    content = path.read_bytes()
    middle = len(content) // 2 // 4096 * 4096
    path.write_bytes(content[:middle] + b"\xff" * 4096 + content[middle + 4096 :])
    said = run("--store", f"sqlite:///{path}", "check")
    assert said.exit_code == 2
    assert "damaged" in said.stdout


def test_a_check_of_a_sound_store_prints_counts_and_ends_with_0(path, run):
    said = run("--store", f"sqlite:///{path}", "check", "--json")
    assert said.exit_code == 0
    told = json.loads(said.stdout)
    assert told["findings"] == []
    assert told["counts"] == {"area": 1, "asset": 2, "grid": 0, "source": 0, "tx": 2, "asset, open": 1, "area, open": 1}


@pytest.mark.parametrize("command", [["check"], ["backup", "b.sqlite"]])
def test_looking_after_a_store_that_is_not_there_makes_none(tmp_path, run, command):
    assert run("--store", f"sqlite:///{tmp_path / 'none.sqlite'}", *command).exit_code == 3
    assert list(tmp_path.iterdir()) == []
    assert run("--store", "memory:", *command).exit_code == 2


def test_a_backup_while_a_writer_writes_is_a_whole_store(path, run):
    stop = Event()

    def write() -> None:
        with closing(SqliteStore(path)) as store:
            n = 2
            while not stop.is_set():
                commit(store, Edit("change", A, n), at=T2)
                n += 1

    writer = Thread(target=write)
    writer.start()
    try:
        for n in range(5):
            assert run("--store", f"sqlite:///{path}", "backup", f"{n}.sqlite").exit_code == 0
    finally:
        stop.set()
        writer.join()
    heads = []
    for n in range(5):
        with closing(SqliteStore(path.with_name(f"{n}.sqlite"))) as copy:
            assert check(copy).findings == []
            heads.append(copy.head())
            assert len(copy.versions("chargers", "a")) == copy.head()
    assert sorted(heads) == heads


def test_a_backup_overwrites_nothing(path, run):
    (path.parent / "b.sqlite").write_text("mine")
    assert run("--store", f"sqlite:///{path}", "backup", "b.sqlite").exit_code == 4
    assert (path.parent / "b.sqlite").read_text() == "mine"
    assert run("--store", f"sqlite:///{path}", "backup", "no/such/folder/b.sqlite").exit_code == 3
    assert [p.name for p in path.parent.iterdir() if not p.name.startswith("twin.sqlite")] == ["b.sqlite"]


def test_a_backup_is_one_store_of_the_same_history(url, log, run, tmp_path):
    with closing(open_store(url)) as store:
        play(store, log)
        expected = digests(store)
    assert run("--store", url, "backup", "b.sqlite").exit_code == 0
    assert not list(tmp_path.glob("b.sqlite?*"))
    with closing(SqliteStore(tmp_path / "b.sqlite")) as copy:
        assert digests(copy) == expected


def test_a_twin_moves_with_its_history_and_back(url, log, run, tmp_path):
    first, last = (f"sqlite:///{tmp_path / name}" for name in ("first.sqlite", "last.sqlite"))
    with closing(open_store(first)) as store:
        play(store, log)
        expected = digests(store)
    for source, target in ((first, url), (url, last)):
        said = run("copy", source, target)
        assert said.exit_code == 0, said.stderr
        assert "equal to the original" in said.stderr
    for place in (url, last):
        with closing(open_store(place)) as store:
            assert digests(store) == expected
            assert check(store).findings == []


def test_a_copy_goes_into_an_empty_store_only(path, run, tmp_path):
    with closing(SqliteStore(tmp_path / "other.sqlite")) as other:
        commit(other, Edit("add", A))
    said = run("copy", f"sqlite:///{path}", f"sqlite:///{tmp_path / 'other.sqlite'}")
    assert said.exit_code == 4
    assert "nothing was changed" in said.stderr
    with closing(SqliteStore(tmp_path / "other.sqlite")) as other:
        assert (other.head(), keys(other)) == (1, ["a"])


def test_a_copy_from_nowhere_is_refused_and_makes_nothing(run, tmp_path):
    said = run("copy", f"sqlite:///{tmp_path / 'none.sqlite'}", f"sqlite:///{tmp_path / 'new.sqlite'}")
    assert said.exit_code == 3
    assert list(tmp_path.iterdir()) == []


def test_a_copy_that_is_not_equal_is_undone(path, run, tmp_path, monkeypatch):
    whole = SqliteStore.insert
    monkeypatch.setattr(SqliteStore, "insert", lambda self, c, table, rows: whole(self, c, table, rows[1:]))
    said = run("copy", f"sqlite:///{path}", f"sqlite:///{tmp_path / 'new.sqlite'}")
    assert said.exit_code == 5
    assert "not equal" in said.stderr
    monkeypatch.undo()
    with closing(SqliteStore(tmp_path / "new.sqlite")) as store:
        assert store.head() == 0
        assert store.state(LATER, LATER).rows == {}
