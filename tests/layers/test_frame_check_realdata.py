"""The frame check on real files, in both of their frames."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import shapely

from tests.layers.framed import DEGREES, PLANE, written
from twin.frames import FRAMES
from twin.layers.frame_check import check_frame
from twin.layers.frame_readings import read_positions


def shapes(path: Path) -> list[tuple[dict[str, object], shapely.Geometry]]:
    found = json.loads(path.read_text("utf-8"))["features"]
    return [(f["properties"], shapely.from_geojson(json.dumps(f["geometry"]))) for f in found]


@pytest.fixture(scope="module")
def districts(realdata: Path) -> dict[str, shapely.Geometry]:
    return {str(p["adcode"]): shape for p, shape in shapes(realdata / "shanghai_districts_16_wgs84.geojson")}


@pytest.fixture(scope="module")
def telecom(realdata: Path) -> dict[str, np.ndarray]:
    with (realdata / "base_stations_shanghai_telecom_wgs84.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {
        name: np.array([[float(r[x]), float(r[y])] for r in rows])
        for name, x, y in (("wgs84", "lon", "lat"), ("bd09", "lon_bd09_raw", "lat_bd09_raw"))
    }


@pytest.mark.parametrize("halo_m", [0.0, 1500.0])
@pytest.mark.parametrize(
    ("form", "declared", "loaded", "verdict", "best"),
    [
        ("wgs84", "wgs84", "minhang", "undecidable", None),
        ("wgs84", "bd09", "minhang", "undecidable", None),
        ("bd09", "wgs84", "minhang", "undecidable", None),
        ("bd09", "bd09", "minhang", "undecidable", None),
        ("wgs84", "wgs84", "all", "undecidable", "wgs84"),
        ("wgs84", "gcj02", "all", "undecidable", None),
        ("wgs84", "bd09", "all", "fits worse", "wgs84"),
        ("bd09", "wgs84", "all", "fits worse", "bd09"),
        ("bd09", "gcj02", "all", "fits worse", "bd09"),
        ("bd09", "bd09", "all", "fits", "bd09"),
    ],
)
def test_both_forms_of_the_telecom_file(
    districts, telecom, form: str, declared: str, loaded: str, verdict: str, best: str | None, halo_m: float
) -> None:
    areas = [districts["310112"]] if loaded == "minhang" else list(districts.values())
    check = check_frame(telecom[form], FRAMES[declared], areas, halo_m=halo_m)
    assert (check.n_points, check.verdict) == (3008, verdict)
    assert best in (None, check.best)


def test_counting_alone_would_have_misled(districts, telecom) -> None:
    """The right file has the fewest points in Minhang when it is read rightly."""
    readings = read_positions(telecom["wgs84"], [FRAMES[f] for f in DEGREES], [districts["310112"]], 1e-6)
    assert [int(r.inside.sum()) for r in readings] == [258, 270, 286]
    check = check_frame(telecom["wgs84"], FRAMES["wgs84"], [districts["310112"]])
    assert (check.verdict, check.best) == ("undecidable", "bd09")


@pytest.mark.parametrize("form", ["wgs84", "bd09"])
@pytest.mark.parametrize("declared", DEGREES)
@pytest.mark.parametrize("loaded", ["minhang", "all"])
def test_an_inner_cluster_is_undecidable(districts, telecom, form: str, declared: str, loaded: str) -> None:
    areas = [districts["310112"]] if loaded == "minhang" else list(districts.values())
    deep = PLANE.unproject(PLANE.project(districts["310112"]).buffer(-2500))
    inner = shapely.contains_xy(deep, telecom["wgs84"][:, 0], telecom["wgs84"][:, 1])
    assert inner.sum() > 30
    check = check_frame(telecom[form][inner], FRAMES[declared], areas)
    assert (check.verdict, check.standings[0].share) == ("undecidable", 1.0)
    assert "well inside" in check.words.en


@pytest.mark.parametrize(
    ("form", "declared", "verdict"),
    [("wgs84", "wgs84", "undecidable"), ("wgs84", "bd09", "fits worse"), ("bd09", "wgs84", "fits worse"), ("bd09", "bd09", "fits")],
)  # fmt: skip
def test_minhangs_part_of_the_file_in_minhang(districts, telecom, form: str, declared: str, verdict: str) -> None:
    minhang = districts["310112"]
    own = shapely.contains_xy(minhang, telecom["wgs84"][:, 0], telecom["wgs84"][:, 1])
    check = check_frame(telecom[form][own], FRAMES[declared], [minhang])
    assert (check.n_points, check.verdict) == (258, verdict)


@pytest.mark.parametrize("name", ["ev_charging_stations_shenzhen_wgs84.csv", "cctv_seoul_gangnam_wgs84.csv"])
@pytest.mark.parametrize("declared", DEGREES)
def test_other_cities_are_undecidable(districts, realdata: Path, name: str, declared: str) -> None:
    with (realdata / name).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    lng, lat = (next(c for c in rows[0] if c.lower() in names) for names in (("lon", "lng"), ("lat",)))
    xy = np.array([[float(r[lng]), float(r[lat])] for r in rows])
    assert check_frame(xy, FRAMES[declared], list(districts.values())).verdict == "undecidable"


@pytest.mark.parametrize("true", DEGREES)
@pytest.mark.parametrize("declared", DEGREES)
def test_metro_stations_are_told_by_the_lines_they_stand_on(
    districts, realdata: Path, true: str, declared: str
) -> None:
    lines = np.array([shape for _, shape in shapes(realdata / "metro_lines_osm_wgs84.geojson")], dtype=object)
    stations = np.array([p.coords[0] for _, p in shapes(realdata / "metro_stations_wgs84.geojson")])
    window = shapely.contains_xy(shapely.box(121.2, 30.97, 121.6, 31.28), stations[:, 0], stations[:, 1])
    check = check_frame(written(stations[window], true), FRAMES[declared], list(districts.values()), lines)
    assert (check.verdict, check.best) == ("fits" if true == declared else "fits worse", true)
    assert check.basis == ("roads",)


@pytest.mark.parametrize("form", ["wgs84", "bd09"])
@pytest.mark.parametrize("declared", DEGREES)
def test_a_few_expressways_change_no_verdict(districts, telecom, realdata: Path, form: str, declared: str) -> None:
    file = realdata / "expressways_minhang_hongqiao_wgs84.geojson"
    roads = np.array([shape for _, shape in shapes(file)], dtype=object)
    areas = list(districts.values())
    with_roads = check_frame(telecom[form], FRAMES[declared], areas, roads)
    assert with_roads == check_frame(telecom[form], FRAMES[declared], areas)
