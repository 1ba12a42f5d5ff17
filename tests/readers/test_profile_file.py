"""Folders of profiles: built-in ones, a planner's own, faults with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.layers.profiled import BUILT_IN
from twin.errors import InvalidInput
from twin.readers.profile_file import read_profiles

OWN = """\
id = "{id}"
layer = "{layer}"
title = "自定"
title_en = "own"
[recognise]
columns = ["编号"]
"""


def write(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, "utf-8")


def test_the_built_in_profiles_are_read_by_id_and_layer() -> None:
    read = {(p.id, p.layer) for p in read_profiles(BUILT_IN)}
    assert {i for i, _ in read} == {
        "camera-ledger",
        "gb28181",
        "t-cec",
        "ocpi",
        "openchargemap",
        "cell-parameters",
        "osm",
    }
    assert {layer for i, layer in read if i == "osm"} == {
        "chargers", "cameras", "areas", "roads", "buildings", "water", "land_use",
    }  # fmt: skip
    assert {layer for i, layer in read if i == "cell-parameters"} == {"radio_sites", "radio_sectors"}


def test_every_built_in_title_is_in_both_languages() -> None:
    assert all(not p.title.zh.isascii() and p.title.en for p in read_profiles(BUILT_IN))


def test_ones_own_come_after_and_replace_with_a_note(tmp_path: Path) -> None:
    write(tmp_path / "own", "a.toml", OWN.format(id="mine", layer="water"))
    write(tmp_path / "own", "b.toml", OWN.format(id="t-cec", layer="chargers"))
    read = {(p.id, p.layer): p for p in read_profiles(BUILT_IN, tmp_path / "own")}
    assert len(read) == len(read_profiles(BUILT_IN)) + 1
    assert read["mine", "water"].notes == ()
    (note,) = read["t-cec", "chargers"].notes
    assert read["t-cec", "chargers"].required == (("编号",),)
    assert "b.toml" in note.zh
    assert "replaces the built-in one" in note.en


def test_no_folder_of_ones_own_is_no_fault(tmp_path: Path) -> None:
    assert read_profiles(tmp_path / "none", tmp_path / "nowhere") == ()


def test_faults_of_all_files_come_at_once_with_file_and_line(tmp_path: Path) -> None:
    own = tmp_path / "own"
    write(own, "a.toml", "id = \n")
    write(own, "b.toml", OWN.format(id="mine", layer="rivers"))
    write(own, "c.toml", OWN.format(id="twice", layer="water"))
    write(own, "d.toml", f"\n{OWN.format(id='twice', layer='water')}")
    (own / "e.toml").write_bytes(b"# \xff\n")
    with pytest.raises(InvalidInput) as caught:
        read_profiles(BUILT_IN, own)
    assert [(Path(f.where).name, f.column) for f in caught.value.faults] == [
        ("a.toml:1", ""), ("b.toml:2", "layer"), ("d.toml:2", "id"), ("e.toml:1", ""),
    ]  # fmt: skip
    assert str(own / "a.toml") in caught.value.words.zh
