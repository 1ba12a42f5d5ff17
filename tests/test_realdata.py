"""Real files from import to rule: the golden numbers that a planner would check (``TWIN_REALDATA``)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.world import twin_with
from twin.engine import Twin
from twin.frames import geodesic_area_km2
from twin.ingest import ImportReport, ImportRequest, apply, examine
from twin.readers import read_table

INNER_RING = {"variant": "inner_carriageway"}
AS_RING = {"code": "=outer-ring", "level": "=zone"}


def bring_in(twin: Twin, path: Path, layer: str, frame: str = "wgs84", **more: object) -> ImportReport:
    request = ImportRequest(layer, frame, **more)  # type: ignore[arg-type]
    report = examine(twin, read_table(path), request, allow_datum_inverse=True)
    apply(twin, report, author="test", reason=path.name)
    return report


@pytest.fixture(scope="module")
def city(realdata: Path) -> Twin:
    twin = twin_with([])
    bring_in(twin, realdata / "shanghai_districts_16_wgs84.geojson", "areas")
    bring_in(
        twin, realdata / "outer_ring_zone_wgs84.geojson", "areas", where=INNER_RING, overrides=AS_RING, source_id="ring"
    )
    bring_in(twin, realdata / "minhang_towns_approx_wgs84.geojson", "areas", source_id="towns", schematic=True)
    return twin


def test_outlines_have_their_geodesic_areas(city):
    areas = city.snapshot().areas
    assert geodesic_area_km2(areas["310112"].geometry) == pytest.approx(373.03, abs=0.01)
    assert geodesic_area_km2(areas["outer-ring"].geometry) == pytest.approx(662.42, abs=0.01)
    assert len(city.snapshot().areas_at("town")) == 14


@pytest.mark.parametrize(
    ("frame", "overrides", "inside"),
    [("wgs84", None, 258), ("wgs84", {"lng": "lon_bd09_raw", "lat": "lat_bd09_raw"}, 237),
     ("bd09", {"lng": "lon_bd09_raw", "lat": "lat_bd09_raw"}, 258)],
    ids=["as they are", "BD-09 taken for WGS-84", "BD-09 as BD-09"],
)  # fmt: skip
def test_base_stations_in_minhangs_real_outline(city, realdata, frame, overrides, inside):
    name = f"stations-{frame}-{inside}"
    report = bring_in(city, realdata / "base_stations_shanghai_telecom_wgs84.csv", "radio_sites", frame,
                      overrides=overrides, source_id=name, force=True)  # fmt: skip
    assert (report.checked.n_rows, report.where.inside["310112"]) == (3008, inside)
    result = city.cover("radio-site-count").result
    assert (result.value, result.met) == (inside, False)
    rows = city.cover("radio-site-count").area_rows("town")
    assert sum(r.value for r in rows) == pytest.approx(inside, abs=2)


def test_a_row_of_the_seoul_file_stands_for_several_cameras(city, realdata):
    report = bring_in(city, realdata / "cctv_seoul_gangnam_wgs84.csv", "cameras")
    assert (report.checked.n_rows, sum(r.n_devices for r in report.checked.records)) == (1763, 4742)
    assert city.cover("camera-count").result.value == 0
    assert int(city.snapshot().layers["cameras"].frame["n_devices"].sum()) == 4742


def test_shenzhens_stations_keep_their_piles_and_the_same_file_twice_changes_nothing(city, realdata):
    path = realdata / "ev_charging_stations_shenzhen_wgs84.csv"
    first = bring_in(city, path, "chargers")
    assert (first.checked.n_rows, first.difference.counts()["added"]) == (1706, 1706)
    assert int(city.snapshot().layers["chargers"].frame["n_connectors"].sum()) == 22_872
    again = examine(city, read_table(path), ImportRequest("chargers", "wgs84"), allow_datum_inverse=False)
    assert again.difference.counts()["unchanged"] == 1706
