"""``twin export`` as a caller sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.world import CENTRE, offset


@pytest.fixture
def loaded(run, tmp_path: Path):
    lng, lat = CENTRE
    far = offset(CENTRE, 500, 0)
    (tmp_path / "in.csv").write_text(
        "key,name,lng,lat,station_type,n_connectors,valid_from,备注\n"
        f"A,甲站,{lng},{lat},public,12,2020-01-01,旧\nB,乙站,{far[0]},{far[1]},bus,2,2024-01-01,\n",
        "utf-8",
    )
    arguments = ("import", "in.csv", "--layer", "chargers", "--frame", "wgs84", "--synthetic", "--apply")
    assert run(*arguments).exit_code == 0
    return run


@pytest.mark.parametrize("name", ["c.geojson", "c.gpkg", "c.fgb", "c.csv", "c.xlsx", "c.parquet", "c.shp", "c.zip"])
def test_what_was_exported_comes_back_as_nothing_new(loaded, name: str) -> None:
    assert loaded("export", "chargers", "-o", name).exit_code == 0
    result = loaded("import", name, "--layer", "chargers", "--frame", "wgs84", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)["difference"]
    assert {k: found[k] for k in ("added", "moved", "changed", "removed")} == dict.fromkeys(
        ("added", "moved", "changed", "removed"), 0
    )


def test_json_says_what_was_written(loaded) -> None:
    result = loaded("export", "chargers", "-o", "c.csv", "--crs", "EPSG:4549", "--json")
    said = json.loads(result.stdout)
    assert (said["file"], said["n_features"], said["crs"], said["frame"]) == ("c.csv", 2, "EPSG:4549", "epsg:4549")
    assert said["files"] == ["c.csv.meta.json", "c.csv"]
    assert said["labels"] == ["synthetic"]


def test_words_go_to_people_in_their_language(loaded) -> None:
    english = loaded("export", "chargers", "-o", "a.csv")
    assert "features" in english.stdout
    assert "Synthetic data" in english.stderr
    chinese = loaded("--lang", "zh", "export", "chargers", "-o", "b.csv")
    assert "要素数" in chinese.stdout
    assert "模拟数据" in chinese.stderr


def test_a_date_is_the_end_of_that_day(loaded) -> None:
    for date, n in (("2023-12-31", 1), ("2024-01-01", 2), ("2019-12-31", 0)):
        result = loaded("export", "chargers", "-o", f"{date}.csv", "--as-of", date, "--json")
        assert json.loads(result.stdout)["n_features"] == n


def test_an_export_as_known_before_anything_was_recorded_is_empty_and_says_so(loaded) -> None:
    result = loaded("export", "chargers", "-o", "c.csv", "--known-at", "2020-01-01")
    assert result.exit_code == 0
    assert "holds nothing" in result.stderr


def test_geojson_in_another_frame_comes_with_a_warning(loaded) -> None:
    assert "RFC 7946" in loaded("export", "chargers", "-o", "a.geojson", "--crs", "gcj02").stderr
    assert "RFC 7946" not in loaded("export", "chargers", "-o", "b.geojson").stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("chargers", "-o", "in.csv"), 4, "--force"),
        (("trams", "-o", "c.csv"), 3, "trams"),
        (("chargers", "-o", "c.csv", "--area", "9"), 3, "9"),
        (("chargers", "-o", "c.csv", "--crs", "mars"), 2, "mars"),
        (("chargers", "-o", "c.doc"), 2, ".gpkg"),
        (("chargers", "-o", "c.csv", "--as-of", "soon"), 2, "soon"),
        (("chargers", "-o", "no/c.csv"), 5, "no"),
        (("chargers", "-o", "c.json", "--profile", "ocpi", "--crs", "bd09"), 2, "WGS-84"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_a_code(
    loaded, arguments: tuple[str, ...], code: int, words: str
) -> None:
    result = loaded("export", *arguments)
    assert result.exit_code == code
    assert words in result.stderr
    assert "Traceback" not in result.output
    assert not Path("c.csv").exists()


def test_the_store_itself_is_never_written_to(run, tmp_path: Path) -> None:
    store = tmp_path / "store.gpkg"
    result = run("--store", f"sqlite:///{store}", "export", "chargers", "-o", "store.gpkg", "--force")
    assert result.exit_code == 2
    assert "live store" in result.stderr
    assert store.read_bytes().startswith(b"SQLite format 3")


def test_ocpi_is_written(loaded, tmp_path: Path) -> None:
    assert loaded("export", "chargers", "-o", "c.json", "--profile", "ocpi").exit_code == 0
    assert [x["id"] for x in json.loads((tmp_path / "c.json").read_bytes())["data"]] == ["A", "B"]
