"""Files appear whole or not at all, and never over something by mistake."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tests.writers.nasty import made, written
from twin.errors import BadParameter, Conflict, Unavailable
from twin.writers import FORMATS, Target, disk
from twin.writers.disk import write_files


@pytest.mark.parametrize("ending", FORMATS)
def test_a_file_that_is_there_is_refused_and_left_alone(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"c{ending}"
    path.write_bytes(b"precious")
    with pytest.raises(Conflict, match="--force"):
        Target.choose(path)
    assert path.read_bytes() == b"precious"


def test_force_replaces_it(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes(b"old")
    written(tmp_path, "c.csv", made("chargers"), force=True)
    assert path.read_bytes().startswith(b"\xef\xbb\xbfkey")


@pytest.mark.parametrize("other", ["c.dbf", "c.prj", "c.qix", "c.shp.meta.json"])
def test_a_part_of_another_shapefile_is_in_the_way_too(tmp_path: Path, other: str) -> None:
    (tmp_path / other).write_bytes(b"precious")
    with pytest.raises(Conflict, match="--force"):
        Target.choose(tmp_path / "c.shp")


def test_an_older_shapefile_leaves_nothing_that_belies_the_new_one(tmp_path: Path) -> None:
    written(tmp_path, "c.shp", made("chargers"))
    (tmp_path / "c.qix").write_bytes(b"an index of what was there")
    (tmp_path / "other.prj").write_bytes(b"not ours")
    written(tmp_path, "c.shp", made("chargers", "gcj02"), force=True)
    assert {p.name for p in tmp_path.iterdir()} == {
        "c.shp", "c.shx", "c.dbf", "c.cpg", "c.shp.meta.json", "other.prj",
    }  # fmt: skip


def test_the_file_asked_for_comes_last_and_keeps_its_spelling(tmp_path: Path) -> None:
    files = Target.choose(tmp_path / "My.Cameras.CSV").write(made("chargers"))
    assert [f.name for f in files] == ["My.Cameras.csv.meta.json", "My.Cameras.CSV"]


@pytest.mark.parametrize("name", ["c.txt", "c", "c.json", "c.sqlite", "c.kml"])
def test_an_ending_that_we_do_not_write_is_refused_with_the_choices(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadParameter, match=r"\.gpkg"):
        Target.choose(tmp_path / name)


def test_a_profile_has_endings_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(BadParameter, match=r"\.json"):
        Target.choose(tmp_path / "c.csv", profile="ocpi")
    with pytest.raises(BadParameter, match="ocpi"):
        Target.choose(tmp_path / "c.json", profile="dcat")


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    (tmp_path / "c.csv").mkdir()
    with pytest.raises(BadParameter, match="folder"):
        Target.choose(tmp_path / "c.csv", force=True)


@pytest.mark.parametrize("name", ["twin.gpkg", "link.gpkg", "sub/../twin.gpkg", "hard.gpkg"])
def test_the_live_store_is_never_written_to_under_any_name(tmp_path: Path, name: str) -> None:
    store = tmp_path / "twin.gpkg"
    store.write_bytes(b"live")
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.gpkg").symlink_to(store)
    os.link(store, tmp_path / "hard.gpkg")
    with pytest.raises(BadParameter, match="live store"):
        Target.choose(tmp_path / name, force=True, store=store)
    assert store.read_bytes() == b"live"


def test_a_store_that_is_not_there_yet_is_kept_free_too(tmp_path: Path) -> None:
    with pytest.raises(BadParameter, match="live store"):
        Target.choose(tmp_path / "twin.gpkg", store=tmp_path / "twin.gpkg")


def test_a_full_disk_leaves_the_old_files_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, "c.csv", made("chargers"))
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    calls = iter((True, False))

    def full(handle: int) -> None:
        if not next(calls):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(disk.os, "fsync", full)
    with pytest.raises(Unavailable, match="No space left"):
        written(tmp_path, "c.csv", made("chargers", "gcj02"), force=True)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_folder_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="No such file"):
        written(tmp_path / "nowhere", "c.csv", made("chargers"))


def test_a_folder_that_is_a_file_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "folder").write_bytes(b"")
    with pytest.raises(Unavailable, match="Not a directory"):
        written(tmp_path / "folder", "c.csv", made("chargers"))


def test_what_is_written_has_the_usual_permissions(tmp_path: Path) -> None:
    (path,) = write_files(tmp_path, {"a": b"1"})
    other = tmp_path / "b"
    other.write_bytes(b"1")
    assert path.stat().st_mode == other.stat().st_mode


def test_half_a_shapefile_is_noticed_though_gdal_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from twin.writers import shapefile

    def cut(path: str, *arguments: object, **more: object) -> None:
        whole(path, *arguments, **more)
        with Path(path).with_suffix(".dbf").open("r+b") as file:
            file.truncate(200)

    whole = shapefile.write_with_gdal
    monkeypatch.setattr(shapefile, "write_with_gdal", cut)
    with pytest.raises(Unavailable, match="nothing was written"):
        written(tmp_path, "c.shp", made("chargers"))
    assert list(tmp_path.iterdir()) == []
