"""Imports against what is held: the past stays, parts of a file are sets of their own, labels can be mended."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from affine import Affine
from rasterio.io import MemoryFile

from tests.world import CENTRE, NOW, PLAN, district, offset
from twin.engine import Twin
from twin.errors import BadParameter, FrameDoubtful, FrameUndeclared, InvalidInput, LayerInvalid
from twin.frames import FRAMES, from_wgs84
from twin.ingest import ImportReport, ImportRequest, apply, examine
from twin.ingest.grids import apply_grid, examine_grid, grid_report_to_json
from twin.ingest.told import report_to_json
from twin.model import Edit, Source
from twin.ports import GridFile
from twin.readers import read_table
from twin.readers.profile_file import read_profiles
from twin.readers.raster import read_grid
from twin.settings import Settings
from twin.store import MemoryStore

LNG, LAT = CENTRE


@pytest.fixture
def days() -> list[datetime]:
    return [NOW]


@pytest.fixture
def twin(days: list[datetime]) -> Twin:
    twin = Twin(MemoryStore(), PLAN, read_grid, lambda: days[0])
    twin.commit([Edit("add", r) for r in district()], author="test", reason="a district")
    return twin


def bring_in(twin: Twin, text: str, **more: object) -> ImportReport:
    table = read_table(text.encode(), "stations.csv")
    request = ImportRequest("chargers", "wgs84", **more)  # type: ignore[arg-type]
    report = examine(twin, table, request, allow_datum_inverse=False)
    apply(twin, report, author="test", reason="a survey")
    return report


def test_a_changed_file_without_dates_holds_from_now_and_leaves_the_past(twin, days):
    bring_in(twin, f"id,lon,lat,lifecycle\nA,{LNG},{LAT},operating\n")
    days[0] = NOW + timedelta(days=30)
    bring_in(twin, f"id,lon,lat,lifecycle\nA,{LNG + 0.01},{LAT},retired\n")
    (now,) = twin.snapshot().layers["chargers"].frame.to_dict("records")
    (then,) = twin.snapshot(as_of=NOW + timedelta(days=1)).layers["chargers"].frame.to_dict("records")
    assert (now["lifecycle"], then["lifecycle"]) == ("retired", "operating")
    assert (now["lng"], then["lng"]) == (pytest.approx(LNG + 0.01), pytest.approx(LNG))


def test_a_date_in_the_file_is_a_correction_from_that_day(twin, days):
    bring_in(twin, f"id,lon,lat,lifecycle,valid_from\nA,{LNG},{LAT},operating,2024-01-01\n")
    days[0] = NOW + timedelta(days=30)
    bring_in(twin, f"id,lon,lat,lifecycle,valid_from\nA,{LNG},{LAT},managed,2024-01-01\n")
    (then,) = twin.snapshot(as_of=datetime(2024, 6, 1, tzinfo=UTC)).layers["chargers"].frame.to_dict("records")
    assert then["lifecycle"] == "managed"
    before = NOW + timedelta(days=1)
    (known,) = twin.snapshot(datetime(2024, 6, 1, tzinfo=UTC), before).layers["chargers"].frame.to_dict("records")
    assert known["lifecycle"] == "operating"


def test_two_parts_of_one_file_leave_each_other_alone(twin):
    text = f"id,lon,lat,town\nA,{LNG},{LAT},east\nB,{LNG},{LAT},west\n"
    bring_in(twin, text, where={"town": "east"})
    second = bring_in(twin, text, where={"town": "west"})
    assert second.difference.counts()["removed"] == 0
    assert twin.snapshot().layers["chargers"].frame["key"].tolist() == ["A", "B"]


def test_a_label_forgotten_at_first_can_be_added_by_importing_again(twin):
    text = f"id,lon,lat\nA,{LNG},{LAT}\n"
    bring_in(twin, text)
    assert "synthetic" not in twin.cover("charger-service").result.labels
    bring_in(twin, text, synthetic=True)
    assert "synthetic" in twin.cover("charger-service").result.labels


def test_boundaries_without_a_date_hold_for_the_plans_period(twin):
    import json

    import shapely

    from tests.world import square

    feature = {
        "type": "Feature",
        "properties": {"code": "310104", "name": "x"},
        "geometry": json.loads(shapely.to_geojson(square(900))),
    }
    table = read_table(json.dumps({"type": "FeatureCollection", "features": [feature]}).encode(), "areas.geojson")
    apply(
        twin, examine(twin, table, ImportRequest("areas", "wgs84"), allow_datum_inverse=False), author="t", reason="r"
    )
    assert "310104" in twin.snapshot(as_of=datetime(2025, 12, 31, tzinfo=UTC)).areas


def examined(twin: Twin, text: str, **more: object) -> ImportReport:
    request = ImportRequest("chargers", str(more.pop("frame", "wgs84")), **more)  # type: ignore[arg-type]
    return examine(twin, read_table(text.encode(), "stations.csv"), request, allow_datum_inverse=True)


def test_a_state_that_goes_back_is_a_fault_unless_the_file_says_since_when_it_was_wrong(twin, days):
    bring_in(twin, f"id,lon,lat,lifecycle\nA,{LNG},{LAT},operating\n")
    days[0] = NOW + timedelta(days=30)
    back = examined(twin, f"id,lon,lat,lifecycle\nA,{LNG},{LAT},planned\n")
    assert [(f.where, f.column, f.value) for f in back.checked.faults] == [("key A", "lifecycle", "planned")]
    with pytest.raises(LayerInvalid):
        apply(twin, back, author="t", reason="r")
    dated = examined(twin, f"id,lon,lat,lifecycle,valid_from\nA,{LNG},{LAT},planned,{NOW.date()}\n")
    assert dated.checked.faults == ()


def test_what_nobody_had_said_may_be_said_anew(twin, days):
    bring_in(twin, f"id,lon,lat\nA,{LNG},{LAT}\n")
    days[0] = NOW + timedelta(days=30)
    assert examined(twin, f"id,lon,lat,lifecycle\nA,{LNG},{LAT},planned\n").checked.faults == ()


def crowd(lng: float, lat: float, half_m: float) -> str:
    """A station every 500 m over a square."""
    steps = range(-int(half_m), int(half_m) + 1, 500)
    places = [offset((lng, lat), east, north) for east in steps for north in steps]
    return "id,lon,lat\n" + "".join(f"s{i},{x:.6f},{y:.6f}\n" for i, (x, y) in enumerate(places))


def test_points_that_fit_another_frame_better_need_somebody_to_insist(twin):
    """Stations all over the district (10 km wide), written in BD-09 and declared as WGS-84."""
    x, y = from_wgs84([LNG], [LAT], FRAMES["bd09"])
    text = crowd(float(x[0]), float(y[0]), 4900)
    report = examined(twin, text)
    assert (report.frame_check.verdict, report.frame_check.best) == ("fits worse", "bd09")
    with pytest.raises(FrameDoubtful, match="bd09"):
        apply(twin, report, author="t", reason="r")
    assert len(twin.snapshot().layers["chargers"]) == 0
    assert apply(twin, examined(twin, text, force=True), author="t", reason="r") is not None
    right = examined(twin, text, frame="bd09")
    assert right.frame_check.verdict == "fits"


def test_a_few_points_far_inside_decide_nothing_and_go_in(twin):
    report = examined(twin, f"id,lon,lat\nA,{LNG},{LAT}\n")
    assert report.frame_check.verdict == "undecidable"
    assert apply(twin, report, author="t", reason="r") is not None


def test_where_the_points_lie_is_counted(twin):
    """The district reaches 5 km from the centre; one is in it, one 1 km outside, one 5 km outside, one has no place."""
    places = [(LNG, LAT), offset(CENTRE, 6000, 0), offset(CENTRE, 10_000, 0)]
    rows = "".join(f"s{i},{x},{y}\n" for i, (x, y) in enumerate(places))
    where = examined(twin, f"id,lon,lat\n{rows}none,,\n").where
    assert (where.inside, where.n_outside, where.n_halo, where.beyond) == ({"310112": 1}, 2, 1, ("s2",))


def test_what_another_source_recorded_is_told(twin):
    bring_in(twin, f"id,name,lon,lat\nA,东站,{LNG},{LAT}\n")
    other = examined(twin, f"id,name,lon,lat\nX9,东站,{LNG},{LAT}\n", source_id="another list")
    assert [(t.key, t.other_key) for t in other.twice] == [("X9", "A")]


def test_the_profile_that_recognises_a_file_is_used_and_named(twin):
    document = {"StationInfos": [{"StationID": "1", "StationName": "甲", "StationType": 1, "StationStatus": 50,
                                  "StationLng": LNG, "StationLat": LAT, "EquipmentInfos": []}]}  # fmt: skip
    table = read_table(json.dumps(document).encode(), "stations.json")
    profiles = read_profiles(Settings().geodata / "profiles")
    report = examine(twin, table, ImportRequest("chargers", None), allow_datum_inverse=True, profiles=profiles)
    assert (report.profile, report.frame.name) == ("t-cec", "gcj02")
    assert report.checked.records[0].lng != LNG
    assert (report.checked.records[0].original or {})["x"] == LNG
    with pytest.raises(FrameUndeclared):
        examine(twin, table, ImportRequest("chargers", "wgs84"), allow_datum_inverse=True, profiles=profiles)
    with pytest.raises(InvalidInput, match="StationInfos"):
        examine(twin, table, ImportRequest("chargers", "wgs84"), allow_datum_inverse=True)


def test_progress_is_told_and_never_goes_back(twin):
    told: list[float] = []
    table = read_table(f"id,lon,lat\nA,{LNG},{LAT}\n".encode(), "s.csv")
    examine(
        twin,
        table,
        ImportRequest("chargers", "wgs84"),
        allow_datum_inverse=False,
        progress=lambda _, share: told.append(share),
    )
    assert told == sorted(told)
    assert len(told) > 0
    assert max(told) <= 1


def test_the_report_as_plain_data_names_every_field_before_and_after(twin, days):
    bring_in(twin, f"id,name,lon,lat\nA,旧,{LNG},{LAT}\nB,乙,{LNG},{LAT}\n")
    days[0] = NOW + timedelta(days=30)
    told = report_to_json(examined(twin, f"id,name,lon,lat\nA,新,{LNG},{LAT}\nC,丙,,\n"))
    (changed,) = told["changes"]["changed"]
    assert (changed["key"], changed["fields"]) == ("A", [{"field": "name", "before": "旧", "after": "新"}])
    assert [a["key"] for a in told["changes"]["added"]] == ["C"]
    assert [r["key"] for r in told["changes"]["removed"]] == ["B"]
    json.dumps(told)


def test_a_raster_is_looked_at_recorded_and_the_same_the_second_time(twin):
    """Ten people a pixel, five pixels in the district and one outside."""
    profile = {"driver": "GTiff", "width": 6, "height": 1, "count": 1, "dtype": "float32", "crs": "EPSG:4326", "nodata": -1.0,
               "transform": Affine(0.02, 0, LNG - 0.04, 0, -0.02, LAT + 0.01)}  # fmt: skip
    with MemoryFile() as file:
        with file.open(**profile) as raster:
            raster.write(np.full((1, 1, 6), 10, np.float32))
        content = file.read()
    source = Source("population:p.tif", "p.tif", "EPSG:4326", synthetic=True)
    grid = GridFile("population", "人", source.id, content)
    report = examine_grid(twin, grid, source)
    assert (report.total, report.inside, report.before) == (60.0, {"310112": 50.0}, None)
    assert grid_report_to_json(report)["total_outside"] == 10.0
    assert apply_grid(twin, report, author="t", reason="r") is not None
    assert twin.snapshot().grids["population"].values.sum() == 60
    assert apply_grid(twin, examine_grid(twin, grid, source), author="t", reason="r") is None
    with pytest.raises(BadParameter, match="cameras"):
        examine_grid(twin, replace(grid, name="cameras"), source)


def test_what_a_file_says_of_its_frame_is_a_hint_and_no_declaration(twin):
    table = read_table(f"id,lon,lat\nA,{LNG},{LAT}\n".encode(), "s.csv")
    table = replace(table, metadata={"crs_frame": "epsg:4549"})
    with pytest.raises(FrameUndeclared, match="--frame epsg:4549"):
        examine(twin, table, ImportRequest("chargers", None), allow_datum_inverse=False)
    report = examine(twin, table, ImportRequest("chargers", "wgs84"), allow_datum_inverse=False)
    assert [w.en for w in report.checked.warnings] == ["the file says epsg:4549; wgs84 was declared, and is taken"]
    same = replace(table, metadata={"crs_frame": "cgcs2000"})
    assert examine(twin, same, ImportRequest("chargers", "wgs84"), allow_datum_inverse=False).checked.warnings == ()


def test_a_day_of_installation_is_when_a_thing_began_and_not_since_when_it_is_so(twin, days):
    """A ledger repeats 安装时间 every month: what it says differently today holds from today, and nothing goes back."""
    head = "设备编码,经度,纬度,安装时间,lifecycle\n"
    bring_in(twin, f"{head}A,{LNG},{LAT},2020-05-01,operating\nB,{LNG},{LAT},2020-05-01,retired\n")
    days[0] = NOW + timedelta(days=30)
    same = examined(twin, f"{head}A,{LNG},{LAT},2020-05-01,operating\nB,{LNG},{LAT},2020-05-01,retired\n")
    assert same.difference.counts()["unchanged"] == 2
    bring_in(twin, f"{head}A,{LNG + 0.01},{LAT},2020-05-01,managed\nB,{LNG},{LAT},2020-05-01,retired\n")

    def states(at: datetime) -> list[str]:
        return twin.snapshot(as_of=at).layers["chargers"].frame["lifecycle"].tolist()

    assert states(datetime(2023, 1, 1, tzinfo=UTC)) == ["operating", "retired"]
    assert states(days[0]) == ["managed", "retired"]
    back = examined(twin, f"{head}A,{LNG},{LAT},2020-05-01,managed\nB,{LNG},{LAT},2020-05-01,operating\n")
    assert [(f.where, f.column) for f in back.checked.faults] == [("key B", "lifecycle")]


def test_labels_that_one_of_our_exports_has_are_taken_over(twin):
    row = f"id,lon,lat,source,version,cell,labels\nA,{LNG},{LAT},demo,1,8c,synthetic schematic\n"
    report = examined(twin, row)
    assert (report.source.synthetic, report.source.schematic, report.source.derived) == (True, True, False)
    assert any("synthetic" in w.en for w in report.checked.warnings)
    assert "extra" not in report.checked.records[0].attributes
