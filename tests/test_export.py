"""What leaves the twin: which features, columns and coordinates."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import prcoords
import pytest
import shapely
from pyproj import Transformer

from tests.world import CENTRE, HAND, NOW, asset, charger, district, offset, square, twin_with
from tests.writers.nasty import HERE, cameras, made, nasty_twin, shape
from twin.engine import Twin
from twin.errors import BadParameter, InvalidInput, NotFound
from twin.export import Export, ExportRequest, export_layer, local_time
from twin.model import Edit, Source

OUTSIDE = offset(CENTRE, 20_000, 0)


def export(twin: Twin, layer: str = "chargers", **asked: Any) -> Export:
    return export_layer(twin, ExportRequest(layer, **asked))


def test_columns_begin_with_the_key_and_end_with_those_for_people() -> None:
    names = [c.name for c in made("chargers").columns]
    assert names == ["key", "name", "station_type", "n_connectors", "max_power_kw", "lifecycle", "valid_from", "valid_to",
                     "online", "n_devices", "owner", "source", "version", "cell"]  # fmt: skip


def test_an_area_is_named_by_its_code() -> None:
    areas = made("areas")
    assert [c.name for c in areas.columns][:2] == ["code", "name"]
    assert "key" not in {c.name for c in areas.columns}
    assert areas.keys == ["310112", "outer-ring"]


def test_further_columns_and_the_mark_of_a_default_are_there_only_where_used() -> None:
    names = [c.name for c in made("cameras").columns]
    assert "extra" in names
    assert "lifecycle_assumed" in names
    assert not {"extra", "lifecycle_assumed"} & {c.name for c in made("roads").columns}


def test_values_are_plain_and_none_stands_for_nothing() -> None:
    cameras = made("cameras")
    row = {c.name: c.values[cameras.keys.index("unknown")] for c in cameras.columns}
    assert row["online"] is None
    assert row["indoor"] is None
    assert row["azimuth_deg"] is None
    assert type(row["n_devices"]) is int
    off = {c.name: c.values[cameras.keys.index("off")] for c in cameras.columns}
    assert off["online"] is False
    assert off["indoor"] is False


def test_times_are_told_as_shanghai_writes_them_with_their_zone() -> None:
    assert local_time("2024-04-30T16:00:00.000000Z") == "2024-05-01T00:00:00+08:00"
    assert local_time("2024-02-29T23:59:59.123456Z") == "2024-03-01T07:59:59.123456+08:00"


def test_the_end_of_the_calendar_is_told_in_utc() -> None:
    assert local_time("9999-12-31T20:00:00.000000Z") == "9999-12-31T20:00:00+00:00"


@pytest.mark.parametrize("code", [4549, 4528, 32651])
def test_plane_coordinates_are_those_of_pyproj(code: int) -> None:
    source = 4326 if code == 32651 else 4490
    oracle = Transformer.from_crs(source, code, always_xy=True).transform(*HERE)
    found = made("chargers", f"EPSG:{code}").geometry[0]
    assert (found.x, found.y) == pytest.approx(oracle, abs=1e-6)


@pytest.mark.parametrize("crs", ["gcj02", "bd09"])
def test_shifted_coordinates_are_those_of_prcoords_and_need_no_switch(crs: str) -> None:
    wgs = prcoords.Coords(HERE[1], HERE[0])
    oracle = prcoords.wgs_gcj(wgs) if crs == "gcj02" else prcoords.wgs_bd(wgs)
    found = made("chargers", crs).geometry[0]
    assert (found.x, found.y) == pytest.approx((oracle.lon, oracle.lat), abs=1e-9)


def test_every_corner_of_a_shape_is_converted() -> None:
    there, here = made("buildings", "EPSG:4549"), made("buildings")
    at = here.keys.index("hole")
    hole, corners = there.geometry[at], shapely.get_coordinates(here.geometry[at])
    oracle = np.column_stack(Transformer.from_crs(4490, 4549, always_xy=True).transform(*corners.T))
    assert np.abs(shapely.get_coordinates(hole) - oracle).max() < 1e-6
    assert len(hole.interiors) == 1


@pytest.mark.parametrize("crs", ["EPSG:3857", "local:grid.toml", "", "mars"])
def test_a_frame_that_we_do_not_write_is_refused_with_the_choices(crs: str) -> None:
    with pytest.raises(BadParameter, match="EPSG:4549"):
        made("chargers", crs)


def test_what_the_frame_cannot_hold_is_named_row_by_row() -> None:
    twin = twin_with([charger("far", (-60.0, -89.99)), charger("near", CENTRE), charger("farther", (179.0, -80.0))])
    with pytest.raises(InvalidInput, match="epsg:4549") as caught:
        export(twin, crs="EPSG:4549")
    assert [f.where for f in caught.value.faults] == ["far", "farther"]


def test_an_area_keeps_what_lies_in_it_and_on_its_border() -> None:
    border = square(5000).exterior.coords[0]
    twin = twin_with([*district(), charger("in", CENTRE), charger("on", border), charger("out", OUTSIDE)])
    assert export(twin, area="310112").keys == ["in", "on"]


def test_what_has_no_place_is_in_no_area() -> None:
    twin = twin_with([*district(), charger("in", CENTRE), asset("chargers", "nowhere", None)])
    assert export(twin).keys == ["in", "nowhere"]
    assert export(twin, area="310112").keys == ["in"]


def test_a_line_is_in_every_area_that_it_meets_and_a_polygon_where_its_inner_point_is() -> None:
    across = shapely.LineString([CENTRE, OUTSIDE])
    beyond = shapely.LineString([OUTSIDE, offset(OUTSIDE, 100, 0)])
    twin = twin_with([
        *district(), shape("roads", "across", across), shape("roads", "beyond", beyond),
        shape("buildings", "house", square(50)), shape("buildings", "other", square(50, OUTSIDE)),
    ])  # fmt: skip
    assert export(twin, "roads", area="310112").keys == ["across"]
    assert export(twin, "buildings", area="310112").keys == ["house"]


def test_an_unknown_layer_or_area_is_not_found() -> None:
    with pytest.raises(NotFound, match="chargers"):
        export(nasty_twin(), "trams")
    with pytest.raises(NotFound, match="310112"):
        export(nasty_twin(), area="1")


def test_what_holds_at_a_time_is_exported_not_what_holds_now() -> None:
    since, until = datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)
    twin = twin_with([charger("old", CENTRE, valid_to=until), charger("new", CENTRE, valid_from=since)])
    assert export(twin).keys == ["new"]
    assert export(twin, as_of=datetime(2023, 6, 1, tzinfo=UTC)).keys == ["old"]
    assert export(twin, as_of=datetime(2024, 6, 1, tzinfo=UTC)).keys == ["new", "old"]
    assert export(twin, as_of=until).keys == ["new"]


def test_what_was_recorded_later_is_not_in_an_earlier_known_at() -> None:
    moments = iter([NOW, NOW.replace(day=22)])
    twin = twin_with([charger("first", CENTRE)])
    twin._clock = lambda: next(moments, NOW.replace(day=23))
    next(moments)
    twin.commit([Edit("add", charger("second", CENTRE))], author="t", reason="later", sources=[HAND])
    assert export(twin).keys == ["first", "second"]
    assert export(twin, known_at=NOW).keys == ["first"]


def test_it_says_where_it_comes_from() -> None:
    about = made("cameras", "EPSG:4549").about
    snapshot = nasty_twin().snapshot()
    assert (about["layer"], about["frame"], about["crs"], about["snapshot"]) == (
        "cameras", "epsg:4549", "EPSG:4549", snapshot.id,
    )  # fmt: skip
    assert datetime.fromisoformat(about["as_of"]) == snapshot.as_of
    assert datetime.fromisoformat(about["known_at"]) == snapshot.known_at
    assert (about["n_features"], about["n_without_location"]) == (len(cameras()), 1)
    assert [s["id"] for s in about["sources"]] == ["hand", "made-up", "survey"]
    assert about["sources"][2]["licence"] == "仅限内部"


def test_it_says_that_data_are_synthetic_only_where_such_data_are_in_it() -> None:
    made_up = Source("m", "m", "wgs84", synthetic=True, schematic=True)
    twin = twin_with([charger("a", CENTRE)], [HAND, made_up])
    assert export(twin).about["labels"] == []
    assert made("cameras").about["labels"] == ["synthetic"]
    assert made("cameras").about["notes"]["zh"] == ["模拟数据，不代表实际情况"]
    assert made("chargers").about["labels"] == []


def test_an_empty_layer_is_an_empty_export() -> None:
    sensors = made("sensors")
    assert len(sensors) == 0
    assert sensors.keys == []
    assert "domain" in {c.name for c in sensors.columns}
