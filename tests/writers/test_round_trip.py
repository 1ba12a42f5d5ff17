"""The law of exports: out and in again changes nothing, for every format and frame."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely

from tests.world import district, twin_with
from tests.writers.nasty import (
    SOURCES,
    buildings,
    cameras,
    chargers,
    content,
    made,
    nasty_twin,
    read_back,
    roads,
    same_shape,
    shape,
    written,
)
from twin.ingest import apply
from twin.layers.own_columns import ASSUMED
from twin.model import Record
from twin.writers import FORMATS

LAYERS = {"cameras": cameras, "roads": roads, "buildings": buildings, "chargers": chargers}
FRAMES = ["EPSG:4490", "EPSG:4549", "EPSG:4528", "EPSG:32651", "gcj02", "bd09"]
IN_EVERY_FRAME = [
    *(("cameras", ending) for ending in FORMATS if ending != ".zip"),
    ("buildings", ".shp"),
    ("buildings", ".csv"),
]
MILLISECONDS = (".gpkg", ".fgb")
"""Whose times are GDAL's."""
NOTHING = {"added": 0, "moved": 0, "changed": 0, "removed": 0}


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("layer", [*LAYERS, "areas"])
def test_what_was_exported_changes_nothing_when_it_comes_back(tmp_path: Path, layer: str, ending: str) -> None:
    twin = nasty_twin()
    path = written(tmp_path, f"{layer}{ending}", made(layer, twin=twin))
    counts = read_back(twin, path, layer).difference.counts()
    n = len(twin.snapshot().layers[layer])
    assert counts == {**NOTHING, "unchanged": n}


@pytest.mark.parametrize("crs", FRAMES)
@pytest.mark.parametrize(("layer", "ending"), IN_EVERY_FRAME)
def test_the_same_holds_in_every_frame(tmp_path: Path, layer: str, crs: str, ending: str) -> None:
    twin = nasty_twin()
    path = written(tmp_path, f"{layer}{ending}", made(layer, crs, twin))
    assert read_back(twin, path, layer, crs).difference.counts() == {**NOTHING, "unchanged": len(LAYERS[layer]())}


def cut_to_milliseconds(record: Record) -> Record:
    at = record.valid_from
    return replace(record, valid_from=at.replace(microsecond=at.microsecond // 1000 * 1000))


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("layer", LAYERS)
def test_an_empty_twin_gets_the_same_content(tmp_path: Path, layer: str, ending: str) -> None:
    path = written(tmp_path, f"{layer}{ending}", made(layer))
    empty = twin_with(district(), SOURCES)
    report = read_back(empty, path, layer)
    held = {r.key: r for r in LAYERS[layer]()}
    expected = held.values() if ending not in MILLISECONDS else map(cut_to_milliseconds, held.values())
    assert content(report.checked.records) == content(list(expected))
    for record in report.checked.records:
        if record.geometry is not None:
            assert same_shape(record.geometry, held[record.key].geometry), record.key


@pytest.mark.parametrize("ending", FORMATS)
def test_every_record_keeps_its_own_source(tmp_path: Path, ending: str) -> None:
    path = written(tmp_path, f"cameras{ending}", made("cameras"))
    found = {r.key: r.source for r in read_back(nasty_twin(), path, "cameras").checked.records}
    assert (found["surveyed"], found["made up"], found["007"]) == ("survey", "made-up", "hand")


def test_a_source_that_the_twin_does_not_know_is_not_believed(tmp_path: Path) -> None:
    path = written(tmp_path, "cameras.csv", made("cameras"))
    found = {r.source for r in read_back(twin_with(district()), path, "cameras").checked.records}
    assert found == {"hand", "cameras:cameras.csv"}


@pytest.mark.parametrize("ending", FORMATS)
def test_columns_for_people_are_no_further_columns_of_the_source(tmp_path: Path, ending: str) -> None:
    path = written(tmp_path, f"chargers{ending}", made("chargers"))
    report = read_back(nasty_twin(), path, "chargers")
    assert set(report.mapping.ours) >= {"source", "version", "cell"}
    assert report.mapping.extra == ()
    assert all("extra" not in r.attributes for r in report.checked.records)


def test_a_state_that_somebody_changed_in_the_file_is_no_default_any_more(tmp_path: Path) -> None:
    path = written(tmp_path, "cameras.csv", made("cameras"))
    content = path.read_bytes()
    line = next(x for x in content.splitlines() if x.startswith(b"assumed,"))
    path.write_bytes(content.replace(line, line.replace(b"operating", b"managed")))
    difference = read_back(nasty_twin(), path, "cameras").difference
    (changed,) = difference.changed
    assert changed.fields == ("lifecycle", ASSUMED)
    assert changed.record.lifecycle == "managed"


def test_a_changed_cell_is_the_only_change(tmp_path: Path) -> None:
    path = written(tmp_path, "cameras.csv", made("cameras"))
    path.write_bytes(path.read_bytes().replace("前导零".encode(), "后来的名字".encode()))
    difference = read_back(nasty_twin(), path, "cameras").difference
    assert difference.counts() | {"unchanged": 0} == {**NOTHING, "changed": 1, "unchanged": 0}
    assert (difference.changed[0].record.key, difference.changed[0].fields) == ("007", ("name",))


@pytest.mark.parametrize("ending", [e for e in FORMATS if e != ".xlsx"])
def test_a_polygon_of_twenty_thousand_corners_comes_back(tmp_path: Path, ending: str) -> None:
    angle = np.linspace(0, 2 * np.pi, 20_000)
    round_one = shapely.Polygon(np.column_stack([121.4 + 0.1 * np.cos(angle), 31.1 + 0.1 * np.sin(angle)]))
    twin = twin_with([shape("buildings", "round", round_one)])
    path = written(tmp_path, f"b{ending}", made("buildings", twin=twin))
    assert read_back(twin, path, "buildings").difference.unchanged == ("round",)


def test_an_applied_export_in_an_empty_twin_exports_the_same_file(tmp_path: Path) -> None:
    first = written(tmp_path, "cameras.csv", made("cameras"))
    other = twin_with(district(), SOURCES)
    apply(other, read_back(other, first, "cameras"), author="test", reason="again")
    second = written(tmp_path, "again.csv", made("cameras", twin=other))
    assert second.read_bytes() == first.read_bytes()
