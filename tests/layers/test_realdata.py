"""Golden figures of real files; skipped where TWIN_REALDATA names no folder with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from tests.layers.sheets import check
from twin.frames import geodesic_area_km2
from twin.layers.check import Checked
from twin.readers import read_table

STATIONS = "base_stations_shanghai_telecom_wgs84.csv"
RING = "outer_ring_zone_wgs84.geojson"


def load(file: Path, layer: str, *options: str, **keywords: Any) -> Checked:
    checked = check(read_table(file), layer, *options, **keywords)
    checked.raise_if_faulty()
    return checked


def shape(checked: Checked, key: str) -> Any:
    return shapely.from_wkb(next(r.geometry for r in checked.records if r.key == key))


@pytest.mark.parametrize(
    ("options", "frame", "expected"),
    [
        pytest.param((), "wgs84", 258, id="converted columns"),
        pytest.param(("lng=lon_bd09_raw", "lat=lat_bd09_raw"), "wgs84", 237, id="BD-09 mistaken for WGS-84"),
        pytest.param(("lng=lon_bd09_raw", "lat=lat_bd09_raw"), "bd09", 258, id="BD-09 undone"),
    ],
)
def test_base_stations_in_minhang(realdata: Path, options: tuple[str, ...], frame: str, expected: int) -> None:
    checked = load(realdata / STATIONS, "radio_sites", *options, frame=frame, inverse=True)
    minhang = shape(load(realdata / "shanghai_districts_16_wgs84.geojson", "areas"), "310112")
    lnglat = np.array([[r.lng, r.lat] for r in checked.records], float)
    assert checked.n_rows == 3008
    assert int(shapely.contains_xy(minhang, lnglat).sum()) == expected
    assert bool(checked.warnings) == (expected == 237)


def test_the_area_of_minhang_and_its_level(realdata: Path) -> None:
    districts = load(realdata / "shanghai_districts_16_wgs84.geojson", "areas")
    assert geodesic_area_km2(shape(districts, "310112")) == pytest.approx(373.03, abs=0.01)
    assert {r.attributes["level"] for r in districts.records} == {"district"}
    assert len(districts.records) == 16


@pytest.mark.parametrize(("variant", "km2"), [("inner_carriageway", 662.42), ("outer_carriageway", 664.65)])
def test_the_area_inside_the_outer_ring(realdata: Path, variant: str, km2: float) -> None:
    ring = load(realdata / RING, "areas", "code==outer-ring", "level==zone", where=(f"variant={variant}",))
    assert geodesic_area_km2(shape(ring, "outer-ring")) == pytest.approx(km2, abs=0.01)


def test_cameras_of_gangnam(realdata: Path) -> None:
    checked = load(realdata / "cctv_seoul_gangnam_wgs84.csv", "cameras")
    assert (len(checked.records), sum(r.n_devices for r in checked.records)) == (1763, 4742)


def test_chargers_of_shenzhen(realdata: Path) -> None:
    checked = load(realdata / "ev_charging_stations_shenzhen_wgs84.csv", "chargers")
    assert (len(checked.records), sum(r.attributes["n_connectors"] for r in checked.records)) == (1706, 22872)


@pytest.mark.parametrize(
    ("file", "layer", "options", "where", "expected"),
    [
        ("minhang_towns_osm_partial_wgs84.geojson", "areas", (), (), 3),
        ("minhang_towns_approx_wgs84.geojson", "areas", (), (), 14),
        ("shanghai_streets_osm_8districts_wgs84.geojson", "areas", (), (), 113),
        ("minhang_neighbour_towns_wgs84.geojson", "areas", ("code=name", "level==town"), (), 15),
        ("hongqiao_cbd_wgs84.geojson", "areas", ("code==hongqiao-cbd", "level==aoi"), ("id=hongqiao_cbd_151",), 1),
        ("expressways_minhang_hongqiao_wgs84.geojson", "roads", ("key=@row",), (), 208),
    ],
)
def test_every_outline_file_can_be_imported(
    realdata: Path, file: str, layer: str, options: tuple[str, ...], where: tuple[str, ...], expected: int
) -> None:
    assert len(load(realdata / file, layer, *options, where=where).records) == expected
