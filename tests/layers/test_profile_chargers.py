"""The charger profiles that ship: T/CEC 102, OCPI and OpenChargeMap, every code, nothing private kept."""

from __future__ import annotations

from typing import Any

import pytest

from tests.layers.profile_samples import location, poi, station
from tests.layers.profiled import document, read
from twin.frames import FRAMES, from_wgs84

# T/CEC 102 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shell",
    [lambda s: {"Ret": 0, "Data": {"PageNo": 1, "PageCount": 1, "ItemSize": 1, "StationInfos": [s]}},
     lambda s: {"PageNo": 1, "ItemSize": 1, "StationInfos": [s]}, lambda s: {"Ret": 0, "Data": [s]}, lambda s: [s],
     lambda s: [{"Data": {"ItemSize": 1, "StationInfos": [s]}}]],
    ids=["response", "data", "data is the list", "the list", "a list of responses"],
)  # fmt: skip
def test_a_station_is_read_in_every_shell(shell: Any) -> None:
    got = read(document(shell(station())), "chargers")
    (charger,) = got.records
    assert (charger.key, charger.name, charger.owner) == ("S1", "虹桥站", "MA1")
    assert (charger.lifecycle, charger.online) == ("operating", True)
    own = {k: v for k, v in charger.attributes.items() if k != "extra"}
    assert own == {"station_type": "public", "n_connectors": 3, "max_power_kw": 120.5}
    extra = charger.attributes["extra"]
    assert (extra["Address"], extra["ParkNums"], extra["设备类型"]) == ("申虹路", 8, "直流、交流")
    assert '"EquipmentID": "E1"' in extra["EquipmentInfos"]
    assert set(got.mapping.dropped) == {"StationTel", "ServiceTel"}
    assert "页" not in got.said


def test_stations_are_gcj02_by_definition() -> None:
    lng, lat = (float(v[0]) for v in from_wgs84([121.38], [31.11], FRAMES["gcj02"]))
    got = read(document([station(StationLng=lng, StationLat=lat)]), "chargers")
    assert got.table.declared_frame == "gcj02"
    assert (got.records[0].lng, got.records[0].lat) == (pytest.approx(121.38, abs=1e-9), pytest.approx(31.11, abs=1e-9))
    assert got.records[0].original == {"frame": "gcj02", "x": lng, "y": lat}


@pytest.mark.parametrize(
    ("code", "kind"),
    [(1, "public"), (50, "private"), (100, "bus"), (101, "sanitation"), (102, "logistics"), (103, "taxi"), (255, "other"),
     (77, "unknown")],
)  # fmt: skip
def test_station_types(code: int, kind: str) -> None:
    got = read(document([station(StationType=code)]), "chargers")
    assert got.records[0].attributes["station_type"] == kind
    assert dict(got.checked.unknown_codes) == ({"station_type": {"77": 1}} if code == 77 else {})


@pytest.mark.parametrize(
    ("code", "state", "online"),
    [(1, "building", None), (5, "managed", False), (6, "managed", False), (50, "operating", True)],
)
def test_station_states(code: int, state: str, online: bool | None) -> None:
    (charger,) = read(document([station(StationStatus=code)]), "chargers").records
    assert (charger.lifecycle, charger.online) == (state, online)


def test_an_unknown_state_is_listed_and_leaves_the_last_one_alone() -> None:
    got = read(document([station(StationStatus=0), station(StationID="S2", StationStatus=6)]), "chargers")
    assert [(r.lifecycle, r.online) for r in got.records] == [("operating", None), ("managed", False)]
    assert got.checked.unknown_codes == {"lifecycle": {"0": 1}}
    assert [bool(g) for g in got.checked.given["lifecycle"]] == [False, True]
    assert [bool(g) for g in got.checked.given["online"]] == [False, True]
    assert got.records[0].attributes["extra"]["StationStatus"] == "0"


@pytest.mark.parametrize(("code", "word"), [(1, "直流"), (2, "交流"), (3, "交直流一体")])
def test_equipment_types_become_words(code: int, word: str) -> None:
    got = read(document([station(EquipmentInfos=[{"EquipmentType": code, "ConnectorInfos": []}])]), "chargers")
    assert got.records[0].attributes["extra"]["设备类型"] == word
    assert got.records[0].attributes["n_connectors"] == 0


def test_no_equipment_said_is_unknown_and_not_none() -> None:
    bare = {k: v for k, v in station().items() if k != "EquipmentInfos"}
    (charger, _) = read(document([bare, station(StationID="S2")]), "chargers").records
    assert (charger.attributes["n_connectors"], charger.attributes["max_power_kw"]) == (None, None)


def test_a_power_that_is_no_number_is_a_fault() -> None:
    broken = station(EquipmentInfos=[{"ConnectorInfos": [{"Power": 60}, {"Power": "快"}]}])
    (fault,) = read(document([broken]), "chargers").checked.faults
    assert (fault.column, fault.value) == ("max_power_kw", "快")


def test_telephones_within_lists_are_not_kept_either() -> None:
    inner = [{"ConnectorInfos": [], "ServiceTel": "13800000000", "EquipmentID": "E9"}]
    kept = read(document([station(EquipmentInfos=inner)]), "chargers").records[0].attributes["extra"]["EquipmentInfos"]
    assert "13800000000" not in kept
    assert "E9" in kept
    asked = read(document([station(EquipmentInfos=inner)]), "chargers", keep_private=True)
    assert "13800000000" in asked.records[0].attributes["extra"]["EquipmentInfos"]


# OCPI -----------------------------------------------------------------------------------------------------------------


def gun(power: int | None = 60_000, **more: Any) -> dict[str, Any]:
    said = {} if power is None else {"max_electric_power": power}
    return {
        "id": "1",
        "standard": "GBT_DC",
        "power_type": "DC",
        "max_voltage": 750,
        "max_amperage": 160,
        **said,
        **more,
    }


def evse(status: str, *guns: dict[str, Any]) -> dict[str, Any]:
    return {"uid": status, "status": status, "connectors": list(guns)}


def located(*evses: dict[str, Any], **more: Any) -> Any:
    return read(document({"data": [location(*evses, **more)], "status_code": 1000}), "chargers").records[0]


def test_a_location_is_read_as_wgs84() -> None:
    got = read(document([location(evse("AVAILABLE", gun(), gun(120_000)))]), "chargers")
    (charger,) = got.records
    assert got.table.declared_frame == "wgs84"
    assert (charger.key, charger.name, charger.owner, charger.lng, charger.lat) == (
        "LOC1",
        "虹桥站",
        "甲公司",
        121.38,
        31.11,
    )
    own = {k: v for k, v in charger.attributes.items() if k != "extra"}
    assert own == {"station_type": "public", "n_connectors": 2, "max_power_kw": 120.0}


@pytest.mark.parametrize(
    ("statuses", "n", "state", "online"),
    [
        (["AVAILABLE", "CHARGING"], 2, "operating", True),
        (["RESERVED", "OUTOFORDER"], 2, "operating", True),
        (["BLOCKED"], 1, "operating", True),
        (["INOPERATIVE", "OUTOFORDER"], 2, "operating", False),
        (["UNKNOWN", "OUTOFORDER"], 2, "operating", None),
        (["AVAILABLE", "PLANNED"], 1, "operating", True),
        (["AVAILABLE", "REMOVED"], 1, "operating", True),
        (["PLANNED", "PLANNED"], 2, "planned", None),
        (["PLANNED", "REMOVED"], 1, "planned", None),
        (["REMOVED"], 0, "retired", None),
        ([], 0, "operating", None),
    ],
    ids=str,
)
def test_states_of_evses_say_what_counts(statuses: list[str], n: int, state: str, online: bool | None) -> None:
    charger = located(*(evse(status, gun()) for status in statuses))
    assert (charger.attributes["n_connectors"], charger.lifecycle, charger.online) == (n, state, online)


@pytest.mark.parametrize(
    ("connector", "power_kw"),
    [
        (gun(22_080), 22.08),
        (gun(None), 120.0),
        (gun(None, power_type="AC_3_PHASE", max_voltage=230, max_amperage=32), 22.08),
        (gun(None, power_type="AC_1_PHASE", max_voltage=230, max_amperage=32), 7.36),
        ({"power_type": "DC", "voltage": 400, "amperage": 125}, 50.0),
        ({"power_type": "AC_2_PHASE", "max_voltage": 230, "max_amperage": 32}, None),
        ({"max_voltage": 230, "max_amperage": 32}, None),
    ],
    ids=["said", "DC", "three phases", "one phase", "OCPI 2.1.1", "two phases are not guessed", "no type"],
)
def test_power_is_said_or_volts_times_amperes(connector: dict[str, Any], power_kw: float | None) -> None:
    assert located(evse("AVAILABLE", connector)).attributes["max_power_kw"] == power_kw


@pytest.mark.parametrize(("publish", "kind"), [(True, "public"), (False, "other")])
def test_a_location_that_is_not_published_is_not_public(publish: bool, kind: str) -> None:
    assert located(publish=publish).attributes["station_type"] == kind


def test_a_location_that_says_nothing_is_taken_as_public_and_counted() -> None:
    bare = {k: v for k, v in location().items() if k != "publish"}
    got = read(document([bare]), "chargers")
    assert got.records[0].attributes["station_type"] == "public"
    assert got.checked.defaults["station_type"] == 1


# OpenChargeMap --------------------------------------------------------------------------------------------------------


def test_a_point_of_interest_is_a_charger_without_telephones_and_people() -> None:
    got = read(document([poi()]), "chargers")
    (charger,) = got.records
    assert (charger.key, charger.name, charger.owner) == ("ocm-157899", "虹桥站", "甲公司")
    assert (charger.lng, charger.lat, charger.lifecycle, charger.online) == (121.38, 31.11, "operating", True)
    own = {k: v for k, v in charger.attributes.items() if k != "extra"}
    assert own == {"station_type": "public", "n_connectors": 4, "max_power_kw": 50.0}
    assert set(got.mapping.dropped) == {
        "OperatorInfo.PhonePrimaryContact", "OperatorInfo.ContactEmail", "AddressInfo.ContactTelephone1", "UserComments",
    }  # fmt: skip
    assert got.table.declared_frame == "wgs84"


def test_without_a_number_of_points_connections_count() -> None:
    got = read(document([poi(NumberOfPoints=None)]), "chargers").records[0].attributes
    assert got["n_connectors"] == 3
    assert "@connections" not in got["extra"]


def test_the_compact_form_has_numbers_in_place_of_objects() -> None:
    compact = {k: v for k, v in poi(UsageTypeID=6, StatusTypeID=150).items() if k not in ("UsageType", "StatusType")}
    (charger,) = read(document([compact]), "chargers").records
    assert (charger.attributes["station_type"], charger.lifecycle, charger.online) == ("other", "planned", None)


@pytest.mark.parametrize(
    ("usage", "kind"),
    [
        (0, "unknown"),
        (1, "public"),
        (2, "private"),
        (3, "other"),
        (4, "public"),
        (5, "public"),
        (6, "other"),
        (7, "public"),
    ],
)
def test_usage_types(usage: int, kind: str) -> None:
    assert read(document([poi(UsageType={"ID": usage})]), "chargers").records[0].attributes["station_type"] == kind


@pytest.mark.parametrize(
    ("status", "state", "online"),
    [(0, "operating", None), (10, "operating", True), (20, "operating", True), (30, "managed", False), (50, "operating", True),
     (75, "operating", True), (100, "managed", False), (150, "planned", None), (200, "retired", None), (210, "retired", None)],
)  # fmt: skip
def test_status_types(status: int, state: str, online: bool | None) -> None:
    got = read(document([poi(StatusType={"ID": status})]), "chargers")
    assert (got.records[0].lifecycle, got.records[0].online) == (state, online)
    assert dict(got.checked.unknown_codes) == ({"lifecycle": {"0": 1}} if status == 0 else {})
