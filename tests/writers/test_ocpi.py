"""Charging stations as OCPI 2.2.1 locations."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.layers.profiled import read
from tests.world import CENTRE, asset, charger, twin_with
from tests.writers.nasty import HERE, made, written
from twin.engine import Twin
from twin.errors import BadParameter, InvalidInput
from twin.readers import read_table

TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
LOCATION = {
    "country_code", "party_id", "id", "publish", "name", "address", "city", "country", "coordinates", "evses", "time_zone",
    "last_updated",
}  # fmt: skip
STATUSES = {
    "AVAILABLE",
    "BLOCKED",
    "CHARGING",
    "INOPERATIVE",
    "OUTOFORDER",
    "PLANNED",
    "REMOVED",
    "RESERVED",
    "UNKNOWN",
}


def document(folder: Path, twin: Twin | None = None) -> dict[str, Any]:
    path = written(folder, "c.json", made("chargers", twin=twin), profile="ocpi")
    found = json.loads(path.read_bytes())
    assert isinstance(found, dict)
    return found


def only(folder: Path, **values: Any) -> dict[str, Any]:
    (location,) = document(folder, twin_with([charger("C1", HERE, **values)]))["data"]
    assert isinstance(location, dict)
    return location


def test_locations_have_what_the_standard_demands(tmp_path: Path) -> None:
    whole = document(tmp_path)
    assert whole["status_code"] == 1000
    assert TIME.fullmatch(whole["timestamp"])
    for location in whole["data"]:
        assert location.keys() >= LOCATION
        assert len(location["address"]) <= 45
        assert (location["country"], location["time_zone"]) == ("CHN", "Asia/Shanghai")
        assert TIME.fullmatch(location["last_updated"])
        for name, digits in (("latitude", 2), ("longitude", 3)):
            assert re.fullmatch(rf"-?[0-9]{{1,{digits}}}\.[0-9]{{5,7}}", location["coordinates"][name])
        for evse in location["evses"]:
            assert evse["status"] in STATUSES
            assert {"id", "standard", "format", "power_type", "max_voltage", "max_amperage"} <= evse["connectors"][
                0
            ].keys()


def test_coordinates_are_text_to_a_centimetre(tmp_path: Path) -> None:
    assert only(tmp_path)["coordinates"] == {"latitude": "31.1000000", "longitude": "121.4000000"}


def test_a_connector_is_an_evse_and_the_stations_power_stands_at_the_first(tmp_path: Path) -> None:
    evses = only(tmp_path, n_connectors=3, max_power_kw=120.5)["evses"]
    assert [e["uid"] for e in evses] == ["C1-1", "C1-2", "C1-3"]
    assert [e["connectors"][0].get("max_electric_power") for e in evses] == [120_500, None, None]


@pytest.mark.parametrize(
    ("state", "online", "status"),
    [
        ("operating", True, "AVAILABLE"), ("operating", False, "OUTOFORDER"), ("operating", None, "UNKNOWN"),
        ("planned", None, "PLANNED"), ("building", None, "PLANNED"), ("managed", True, "INOPERATIVE"),
        ("retired", None, "REMOVED"),
    ],
)  # fmt: skip
def test_states_have_their_words(tmp_path: Path, state: str, online: bool | None, status: str) -> None:
    assert {e["status"] for e in only(tmp_path, lifecycle=state, online=online)["evses"]} == {status}


def test_only_public_stations_are_published(tmp_path: Path) -> None:
    twin = twin_with(
        [charger("a", CENTRE), charger("b", CENTRE, station_type="bus"), charger("c", CENTRE, station_type="unknown")]
    )
    assert [x["publish"] for x in document(tmp_path, twin)["data"]] == [True, False, False]


def test_a_long_name_stays_whole_beside_the_short_address(tmp_path: Path) -> None:
    location = only(tmp_path, name="站" * 60)
    assert (location["name"], location["address"]) == ("站" * 60, "站" * 45)


def test_a_station_without_a_place_is_left_out_and_counted(tmp_path: Path) -> None:
    twin = twin_with([charger("a", CENTRE), asset("chargers", "b", None, n_connectors=1)])
    whole = document(tmp_path, twin)
    assert [x["id"] for x in whole["data"]] == ["a"]
    assert whole["metadata"]["n_left_out"] == 1


def test_ids_that_ocpi_cannot_hold_are_named_all_at_once(tmp_path: Path) -> None:
    long, longest = "x" * 37, "x" * 34
    twin = twin_with(
        [charger(k, CENTRE) for k in ("中文", long, longest)] + [charger("y" * 34, CENTRE, n_connectors=10)]
    )
    with pytest.raises(InvalidInput) as caught:
        document(tmp_path, twin)
    assert {f.where for f in caught.value.faults} == {"中文", long, "y" * 34}
    assert list(tmp_path.iterdir()) == []


def test_it_is_for_chargers_in_wgs84(tmp_path: Path) -> None:
    with pytest.raises(BadParameter, match="chargers"):
        written(tmp_path, "c.json", made("cameras"), profile="ocpi")
    with pytest.raises(BadParameter, match="WGS-84"):
        written(tmp_path, "c.json", made("chargers", "gcj02"), profile="ocpi")


def test_the_import_profile_takes_the_locations_back(tmp_path: Path) -> None:
    records = [
        charger("A", HERE, name="甲站", n_connectors=3, max_power_kw=120.5),
        charger("B", CENTRE, station_type="public", n_connectors=1, max_power_kw=7.0, online=False),
        charger("C", CENTRE, lifecycle="planned", n_connectors=2, max_power_kw=60.0, online=None),
        charger("D", CENTRE, lifecycle="retired", n_connectors=2, max_power_kw=60.0, online=None),
    ]  # fmt: skip
    path = written(tmp_path, "c.json", made("chargers", twin=twin_with(records)), profile="ocpi")
    back_in = read(read_table(path), "chargers", named="ocpi")
    assert back_in.checked.faults == ()
    assert list(back_in.by_key) == [r.key for r in records]
    for key, record in ((r.key, r) for r in records):
        back = back_in.by_key[key]
        assert (back.name, back.lifecycle, back.online) == (record.name, record.lifecycle, record.online), key
        assert back.attributes["station_type"] == "public"
        assert (back.lng, back.lat) == pytest.approx((record.lng, record.lat), abs=5.1e-8)
        if record.lifecycle != "retired":
            assert back.attributes["n_connectors"] == record.attributes["n_connectors"], key
            assert back.attributes["max_power_kw"] == record.attributes["max_power_kw"], key
