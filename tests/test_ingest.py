"""Imports against what is held: the past stays, parts of a file are sets of their own, labels can be mended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.world import CENTRE, NOW, PLAN, district
from twin.engine import Twin
from twin.ingest import ImportReport, ImportRequest, apply, examine
from twin.model import Edit
from twin.readers import read_table
from twin.readers.raster import read_grid
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
    (known,) = twin.snapshot(datetime(2024, 6, 1, tzinfo=UTC), NOW).layers["chargers"].frame.to_dict("records")
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
