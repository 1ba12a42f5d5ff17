"""The profiles that ship: realistic samples, every code of DOMAIN.md §3, nothing lost and nothing private kept."""

from __future__ import annotations

from typing import Any

import pytest

from tests.layers.profiled import Read, built_in, document, read, shipped, tagged
from twin.frames import FRAMES, from_wgs84
from twin.layers import LAYERS
from twin.layers.profile import choose_profile, words_of

LEDGER = (
    "设备编码,设备名称,设备厂商,行政区域,监控点位类型,设备型号,点位俗称,IPV4地址,MAC地址,摄像机类型,安装地址,经度,纬度,"
    "摄像机位置类型,监控方位,联网属性,安装时间,管理单位,管理单位联系方式,设备状态"
)
CAMERA = "31011200001310000001"
AZIMUTHS = {"东": 90, "西": 270, "南": 180, "北": 0, "东南": 135, "东北": 45, "西南": 225, "西北": 315}
NUMBERED = dict(zip(AZIMUTHS, "12345678", strict=True))
"""DirectionType of GB/T 28181."""


def ledger(**cells: str) -> Read:
    usual = {
        "设备编码": CAMERA, "设备名称": "七莘路口", "设备厂商": "甲厂", "行政区域": "310112", "监控点位类型": "一类", "设备型号": "X-1",
        "点位俗称": "老街口", "IPV4地址": "10.1.2.3", "MAC地址": "00:11:22:33:44:55", "摄像机类型": "球机", "安装地址": "七莘路1号",
        "经度": "121.38", "纬度": "31.11", "摄像机位置类型": "室外", "监控方位": "东", "联网属性": "自建联网",
        "安装时间": "2021-05-01", "管理单位": "七宝镇", "管理单位联系方式": "021-1", "设备状态": "在线",
    }  # fmt: skip
    return read(f"{LEDGER}\n{','.join((usual | cells).values())}\n", "cameras")


# 一机一档 ---------------------------------------------------------------------------------------------------------------


def test_a_ledger_row_is_a_camera_with_everything_but_address_and_phone() -> None:
    got = ledger()
    (camera,) = got.records
    assert got.profile is not None
    assert got.profile.id == "camera-ledger"
    assert (camera.key, camera.name, camera.owner, camera.lifecycle, camera.online) == (
        CAMERA, "七莘路口", "七宝镇", "operating", True,
    )  # fmt: skip
    assert camera.valid_from.isoformat() == "2021-04-30T16:00:00+00:00"
    own = {k: v for k, v in camera.attributes.items() if k != "extra"}
    assert own == {
        "camera_type": "dome", "indoor": False, "access": "own", "azimuth_deg": 90.0, "hfov_deg": None, "range_m": None,
    }  # fmt: skip
    assert camera.attributes["extra"] == {
        "设备厂商": "甲厂", "行政区域": "310112", "监控点位类型": "一类", "设备型号": "X-1", "点位俗称": "老街口", "安装地址": "七莘路1号",
    }  # fmt: skip
    assert set(got.mapping.dropped) == {"IPV4地址", "MAC地址", "管理单位联系方式"}


def test_private_columns_are_kept_when_asked_for() -> None:
    header = "设备编码,经度,纬度,设备状态,IPV4地址\n"
    got = read(f"{header}{CAMERA},121.38,31.11,在线,10.1.2.3\n", "cameras", keep_private=True)
    assert got.records[0].attributes["extra"] == {"IPV4地址": "10.1.2.3"}
    assert got.mapping.dropped == ()


@pytest.mark.parametrize(("word", "degrees"), [*AZIMUTHS.items(), *((NUMBERED[w], d) for w, d in AZIMUTHS.items())])
def test_a_direction_is_an_azimuth_by_word_and_by_number(word: str, degrees: float) -> None:
    assert ledger(监控方位=word).records[0].attributes["azimuth_deg"] == degrees


@pytest.mark.parametrize("strange", ["全向", "90", "9"])
def test_a_direction_that_nobody_knows_is_kept_and_listed_and_no_azimuth(strange: str) -> None:
    got = ledger(监控方位=strange)
    assert got.records[0].attributes["azimuth_deg"] is None
    assert got.records[0].attributes["extra"]["监控方位"] == strange
    assert got.checked.unknown_codes == {"azimuth_deg": {strange: 1}}


def test_degrees_in_another_column_stay_degrees() -> None:
    got = read(f"设备编码,经度,纬度,联网属性,方位角\n{CAMERA},121.38,31.11,已复接,5\n", "cameras")
    assert got.records[0].attributes["azimuth_deg"] == 5.0
    assert not read(f"设备编码,经度,纬度,联网属性,方位角\n{CAMERA},121.38,31.11,已复接,东\n", "cameras").records


@pytest.mark.parametrize(
    ("word", "online", "state"),
    [("在线", True, "operating"), ("正常", True, "operating"), ("离线", False, "operating"), ("故障", False, "operating"),
     ("停用", False, "managed"), ("拆除", False, "retired"), ("", None, "operating"), ("待验收", None, "operating")],
)  # fmt: skip
def test_the_devices_state_says_online_and_lifecycle(word: str, online: bool | None, state: str) -> None:
    got = ledger(设备状态=word)
    assert (got.records[0].online, got.records[0].lifecycle) == (online, state)
    assert ("lifecycle" in got.checked.given) is (word not in ("", "待验收"))
    assert dict(got.checked.unknown_codes) == ({"online": {word: 1}} if word == "待验收" else {})


def test_a_column_for_the_lifecycle_comes_before_the_devices_state() -> None:
    got = read(f"设备编码,经度,纬度,生命周期,设备状态\n{CAMERA},121.38,31.11,建设,离线\n", "cameras")
    assert got.records[0].lifecycle == "building"
    assert "extra" not in got.records[0].attributes


@pytest.mark.parametrize(("word", "access"), [("自建联网", "own"), ("已复接", "relayed"), ("待复接", "unlinked")])
def test_networking_words(word: str, access: str) -> None:
    assert ledger(联网属性=word).records[0].attributes["access"] == access


def test_an_unknown_networking_word_takes_the_default_and_is_listed() -> None:
    got = ledger(联网属性="租用")
    assert got.records[0].attributes["access"] == "own"
    assert got.records[0].attributes["extra"]["联网属性"] == "租用"
    assert got.checked.unknown_codes == {"access": {"租用": 1}}
    assert got.checked.defaults["access"] == 1
    assert "access" not in got.checked.given


@pytest.mark.parametrize(
    ("word", "camera_type"),
    [("1", "dome"), ("2", "half_dome"), ("3", "fixed"), ("4", "remote"),
     ("球机", "dome"), ("半球", "half_dome"), ("固定枪机", "fixed"), ("遥控枪机", "remote"), ("7", "unknown")],
)  # fmt: skip
def test_camera_types(word: str, camera_type: str) -> None:
    assert ledger(摄像机类型=word).records[0].attributes["camera_type"] == camera_type


@pytest.mark.parametrize("header", ["设备经度,设备纬度", "设备经度,设备维度", "经度,站点维度", "经度,维度"])
def test_variants_and_the_typo_of_latitude_are_understood(header: str) -> None:
    (camera,) = read(f"设备编码,{header},设备状态\n{CAMERA},121.38,31.11,在线\n", "cameras").records
    assert (camera.lng, camera.lat) == (121.38, 31.11)


# GB/T 28181 -----------------------------------------------------------------------------------------------------------


def item(number: int = 1, kind: str = "131", **more: Any) -> dict[str, Any]:
    return {
        "DeviceID": f"3101120000{kind}{number:07}", "Name": f"相机{number}", "Manufacturer": "甲厂", "Model": "X", "Owner": "分局",
        "CivilCode": "310112", "Address": "七莘路", "ParentID": "31011200002000000001", "Status": "ON",
        "Longitude": 121.38, "Latitude": 31.11, "IPAddress": "10.0.0.1", "Port": 5060, "Password": "x", **more,
    }  # fmt: skip


def catalogue(*items: dict[str, Any]) -> dict[str, Any]:
    return {
        "Response": {"CmdType": "Catalog", "SumNum": len(items), "DeviceList": {"Num": len(items), "Item": [*items]}}
    }


@pytest.mark.parametrize(
    "shell",
    [catalogue, lambda *i: {"DeviceList": {"Item": [*i]}}, lambda *i: {"DeviceList": [*i]}, lambda *i: [*i],
     lambda i: catalogue() | {"Response": {"DeviceList": {"Item": i}}}],
    ids=["response", "list and item", "list", "items alone", "a single item without a list"],
)  # fmt: skip
def test_a_catalogue_is_read_in_every_shell(shell: Any) -> None:
    got = read(document(shell(item())), "cameras")
    (camera,) = got.records
    assert (camera.key, camera.name, camera.owner, camera.online) == (item()["DeviceID"], "相机1", "分局", True)
    assert camera.attributes["extra"] == {
        "Manufacturer": "甲厂", "Model": "X", "CivilCode": "310112", "Address": "七莘路", "ParentID": "31011200002000000001",
        "Port": 5060,
    }  # fmt: skip
    assert set(got.mapping.dropped) == {"IPAddress", "Password"}


@pytest.mark.parametrize("nested", [False, True], ids=["beside", "in Info"])
def test_the_extended_codes_of_a_catalogue(nested: bool) -> None:
    codes = {"PTZType": 4, "RoomType": 2, "UseType": 2, "DirectionType": 6}
    (camera,) = read(document([item(**({"Info": codes} if nested else codes))]), "cameras").records
    own = camera.attributes
    assert (own["camera_type"], own["indoor"], own["azimuth_deg"]) == ("remote", True, 45.0)
    assert own["extra"]["用途"] == "交通"


@pytest.mark.parametrize(("code", "use"), [("1", "治安"), ("2", "交通"), ("3", "重点")])
def test_uses_of_cameras_become_words(code: str, use: str) -> None:
    assert read(document([item(UseType=code)]), "cameras").records[0].attributes["extra"]["用途"] == use


@pytest.mark.parametrize(("code", "indoor"), [(1, False), (2, True)])
def test_rooms(code: int, indoor: bool) -> None:
    assert read(document([item(RoomType=code)]), "cameras").records[0].attributes["indoor"] is indoor


@pytest.mark.parametrize(("word", "degrees"), AZIMUTHS.items())
def test_direction_types(word: str, degrees: float) -> None:
    got = read(document([item(DirectionType=int(NUMBERED[word]))]), "cameras")
    assert got.records[0].attributes["azimuth_deg"] == degrees


@pytest.mark.parametrize(("status", "online"), [("ON", True), ("OFF", False), ("", None)])
def test_status_of_a_catalogue(status: str, online: bool | None) -> None:
    assert read(document([item(Status=status)]), "cameras").records[0].online is online


def test_directories_platforms_and_other_devices_are_left_out_and_counted() -> None:
    others = [item(kind=kind) for kind in ("200", "215", "216", "118", "134")] + [item() | {"DeviceID": "310112"}]
    got = read(document(catalogue(item(1), *others, item(2, "132"))), "cameras")
    assert [r.name for r in got.records] == ["相机1", "相机2"]
    assert "未取 6 行" in got.said
    assert "left out 6 rows" in got.said
    assert not got.checked.faults


def test_a_code_of_wrong_length_is_a_fault_and_not_left_out() -> None:
    got = read(document([item(), item(2) | {"DeviceID": "3101120000131000002"}]), "cameras")
    (fault,) = got.checked.faults
    assert (fault.where, fault.column) == ("row 2", "DeviceID")


def test_coordinates_of_zero_are_no_place() -> None:
    got = read(document([item(Longitude=0, Latitude=0), item(2)]), "cameras")
    assert [r.lng for r in got.records] == [None, 121.38]
    assert got.checked.n_without_location == 1


def test_a_page_of_a_catalogue_says_that_it_is_one() -> None:
    page = catalogue(item())
    page["Response"]["SumNum"] = 70_000
    assert "70000" in read(document(page), "cameras").said
    assert read(document(catalogue(item())), "cameras").said.count("页") == 0


# T/CEC 102 ------------------------------------------------------------------------------------------------------------


def station(**more: Any) -> dict[str, Any]:
    guns = [{"ConnectorID": "1", "Power": 60}, {"ConnectorID": "2", "Power": 120.5}]
    equipment = [
        {"EquipmentID": "E1", "EquipmentType": 1, "ConnectorInfos": guns},
        {"EquipmentID": "E2", "EquipmentType": 2, "ConnectorInfos": [{"ConnectorID": "3", "Power": 7.0}]},
    ]
    return {
        "StationID": "S1", "OperatorID": "MA1", "StationName": "虹桥站", "CountryCode": "CN", "Address": "申虹路", "StationTel": "400",
        "ServiceTel": "401", "StationType": 1, "StationStatus": 50, "ParkNums": 8, "StationLng": 121.38, "StationLat": 31.11,
        "EquipmentInfos": equipment, **more,
    }  # fmt: skip


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


def location(*evses: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "country_code": "CN", "party_id": "TWN", "id": "LOC1", "publish": True, "name": "虹桥站", "address": "申虹路", "city": "上海",
        "country": "CHN", "coordinates": {"latitude": "31.11", "longitude": "121.38"}, "operator": {"name": "甲公司"},
        "evses": list(evses), "time_zone": "Asia/Shanghai", "last_updated": "2025-01-01T00:00:00Z", **more,
    }  # fmt: skip


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


def poi(**more: Any) -> dict[str, Any]:
    return {
        "ID": 157899, "UUID": "DA6A", "UsageType": {"ID": 1, "Title": "Public"}, "StatusType": {"ID": 50, "Title": "Operational"},
        "OperatorInfo": {"ID": 8, "Title": "甲公司", "PhonePrimaryContact": "1", "ContactEmail": "a@b"}, "NumberOfPoints": 4,
        "AddressInfo": {"Title": "虹桥站", "Latitude": 31.11, "Longitude": 121.38, "ContactTelephone1": "2"},
        "Connections": [{"PowerKW": 50, "Quantity": 2}, {"PowerKW": 43.5, "Quantity": None}],
        "UserComments": [{"UserName": "某人"}], **more,
    }  # fmt: skip


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


# 工参 ------------------------------------------------------------------------------------------------------------------

SECTORS = """\
基站中文名,小区名,站点号,小区号,tac,PCI,经度,纬度,覆盖类型,频段,方向角,天线挂高,下倾角,制式,CGI,运营商
莘庄北,莘庄北-1,1001,1,5001,11,121.380000,31.110000,室外,3.5G,0,35,6,5G,460-11-1001-1,电信
莘庄北,莘庄北-2,1001,2,5001,12,121.380100,31.110000,室外,3.5G,120,35,6,5G,460-11-1001-2,电信
莘庄北,莘庄北-3,1001,3,5001,13,121.380000,31.110000,室外,2.1G,240,32,4,5G,460-11-1001-3,电信
七宝西,七宝西-1,1002,1,5002,21,121.35,31.15,室内,n78,,,,5G,,电信
七宝西,七宝西-L,1002,9,5002,22,121.35,31.15,室内,1.8G,,,,LTE,,电信
"""


def test_rows_of_a_cell_sheet_become_stations() -> None:
    got = read(SECTORS, "radio_sites")
    first, second = got.records
    assert (first.key, first.name, first.attributes["operator"], first.attributes["site_kind"]) == (
        "1001", "莘庄北", "电信", "outdoor",
    )  # fmt: skip
    assert (first.lng, first.lat) == (pytest.approx(121.38005), 31.11)
    assert (first.n_devices, first.attributes["extra"]["n_sectors"]) == (1, 3)
    assert first.attributes["extra"]["PCI"] == "11；12；13"
    assert first.attributes["extra"]["tac"] == "5001"
    assert (second.key, second.attributes["site_kind"], second.attributes["extra"]["n_sectors"]) == (
        "1002",
        "indoor",
        1,
    )
    assert list(got.table.columns.index) == [2, 5]
    assert "未取 1 行：制式不是5G" in got.said


def test_rows_of_a_cell_sheet_become_sectors() -> None:
    got = read(SECTORS, "radio_sectors")
    first = got.records[0]
    assert [r.key for r in got.records] == ["460-11-1001-1", "460-11-1001-2", "460-11-1001-3", "1002-1"]
    assert (first.name, first.attributes["site"], first.attributes["azimuth_deg"]) == ("莘庄北-1", "1001", 0.0)
    assert [r.attributes["frequency_mhz"] for r in got.records] == [3500.0, 3500.0, 2100.0, None]
    assert (first.attributes["height_m"], first.attributes["downtilt_deg"]) == (35.0, 6.0)
    assert (first.attributes["extra"]["PCI"], first.attributes["extra"]["tac"]) == ("11", "5001")
    assert got.checked.unknown_codes == {"frequency_mhz": {"n78": 1}}


@pytest.mark.parametrize(
    ("word", "kind"), [("室外", "outdoor"), ("室内", "indoor"), ("宏站", "outdoor"), ("室分", "indoor")]
)
def test_kinds_of_coverage(word: str, kind: str) -> None:
    got = read(f"站点号,小区号,经度,纬度,覆盖类型\n1,1,121.38,31.11,{word}\n", "radio_sites")
    assert got.records[0].attributes["site_kind"] == kind


def test_the_other_name_of_the_azimuth_is_understood() -> None:
    got = read("站点号,小区号,站点经度,站点维度,方位角\n1,1,121.38,31.11,77\n", "radio_sectors")
    assert got.records[0].attributes["azimuth_deg"] == 77.0


def test_one_number_of_two_operators_is_not_one_station() -> None:
    got = read("站点号,小区号,运营商,经度,纬度\n1,1,移动,121.38,31.11\n1,1,电信,121.39,31.12\n", "radio_sites")
    assert [f.words.en for f in got.checked.faults] == ["the key is there already, in row 2"]


# OpenStreetMap --------------------------------------------------------------------------------------------------------


def test_osm_chargers() -> None:
    got = read(
        tagged({"amenity": "charging_station", "name": "站", "operator": "甲", "capacity": "6", "access": "yes", "phone": "1",
                "charging_station:output": "120 kW", "socket:type2": "4"},
               {"capacity": "many", "access": "customers"}, {"access": "private"}, {}), "chargers",
    )  # fmt: skip
    assert [r.attributes["station_type"] for r in got.records] == ["public", "other", "private", "unknown"]
    assert [r.attributes["n_connectors"] for r in got.records] == [6, None, None, None]
    first = got.records[0]
    assert (first.key, first.owner, first.attributes["max_power_kw"]) == ("node/1", "甲", 120.0)
    assert first.attributes["extra"]["socket:type2"] == "4"
    assert got.mapping.dropped == ("phone",)


def test_osm_cameras() -> None:
    got = read(
        tagged({"camera:type": "fixed", "camera:direction": "NNE", "surveillance": "outdoor", "surveillance:type": "camera"},
               {"camera:type": "panning", "direction": "135", "surveillance": "indoor"},
               {"camera:type": "dome", "camera:direction": "45-90", "surveillance": "public"},
               {"surveillance:type": "guard"}), "cameras",
    )  # fmt: skip
    assert [r.attributes["camera_type"] for r in got.records] == ["fixed", "remote", "dome"]
    assert [r.attributes["azimuth_deg"] for r in got.records] == [22.5, 135.0, None]
    assert [r.attributes["indoor"] for r in got.records] == [False, True, None]
    assert got.checked.unknown_codes == {"azimuth_deg": {"45-90": 1}}
    assert "未取 1 行" in got.said


@pytest.mark.parametrize(
    ("word", "degrees"),
    [*zip("N NNE NE ENE E ESE SE SSE S SSW SW WSW W WNW NW NNW".split(), (22.5 * i for i in range(16)), strict=True)],
)
def test_points_of_the_compass(word: str, degrees: float) -> None:
    assert read(tagged({"direction": word}), "cameras").records[0].attributes["azimuth_deg"] == degrees


def shaped(*rows: dict[str, Any], layer: str) -> Read:
    """Rows of OpenStreetMap with squares or lines in place of points."""
    import dataclasses

    import numpy as np
    import shapely

    table = tagged(*rows)
    shape = (
        shapely.LineString([(121, 31), (121.1, 31)])
        if LAYERS[layer].geometry == "line"
        else shapely.box(121, 31, 121.1, 31.1)
    )
    return read(dataclasses.replace(table, geometry=np.array([shape] * len(rows), object)), layer)


def test_osm_areas() -> None:
    got = shaped(
        {"admin_level": "6", "name": "闵行区", "name:en": "Minhang", "ref": "310112"}, {"admin_level": "8", "name": "七宝镇"},
        {"admin_level": "4", "name": "上海市"}, {"admin_level": "10"}, {"admin_level": "2"}, {"admin_level": ""}, layer="areas",
    )  # fmt: skip
    assert [(r.key, r.attributes["level"]) for r in got.records] == [
        ("310112", "district"), ("node/2", "town"), ("node/3", "city"), ("node/4", "grid"),
    ]  # fmt: skip
    assert got.records[0].attributes["name_en"] == "Minhang"
    assert "未取 2 行" in got.said


def test_osm_roads_buildings_water_and_land_use() -> None:
    roads = shaped({"highway": "trunk_link", "width": "7.5 m"}, {"highway": "footway", "width": "wide"}, layer="roads")
    assert [(r.attributes["road_class"], r.attributes["width_m"]) for r in roads.records] == [
        ("expressway", 7.5), ("unknown", None),
    ]  # fmt: skip
    assert roads.checked.unknown_codes == {"road_class": {"footway": 1}}
    houses = shaped({"building": "yes", "height": "12 m"}, {"building": "apartments"}, layer="buildings")
    assert [(r.attributes["use"], r.attributes["height_m"]) for r in houses.records] == [
        ("unknown", 12.0), ("residential", None),
    ]  # fmt: skip
    assert houses.checked.unknown_codes == {}
    assert shaped({"natural": "water", "name": "淀浦河"}, layer="water").records[0].name == "淀浦河"
    land = shaped({"landuse": "retail"}, {"landuse": "farmland"}, layer="land_use")
    assert [r.attributes["use"] for r in land.records] == ["commercial", "other"]


# All ------------------------------------------------------------------------------------------------------------------


def test_no_sample_fits_two_profiles_of_a_layer() -> None:
    samples = {
        "camera-ledger": ("cameras", ledger().table), "gb28181": ("cameras", document(catalogue(item()))),
        "t-cec": ("chargers", document([station()])), "ocpi": ("chargers", document([location()])),
        "openchargemap": ("chargers", document([poi()])), "osm": ("chargers", tagged({})),
    }  # fmt: skip
    for name, (layer, table) in samples.items():
        chosen = choose_profile(built_in(), layer, table, None)
        assert chosen is not None
        assert chosen.id == name


@pytest.mark.parametrize("profile", built_in(), ids=lambda p: f"{p.id} {p.layer}")
def test_codes_come_back_as_the_words_they_were(profile: Any) -> None:
    kinds = {f.name: f for f in LAYERS[profile.layer].fields}
    for name, said in profile.fields.items():
        for value, word in said.written.items():
            typed = float(value) if name in kinds and kinds[name].kind == "float" else value
            assert words_of(name, typed, profile) == word
            assert said.codes[word.casefold()] == value


def test_words_are_written_back_only_where_one_stands_for_the_value() -> None:
    t_cec, ledger_profile = shipped("t-cec", "chargers"), shipped("camera-ledger", "cameras")
    assert words_of("station_type", "bus", t_cec) == "100"
    assert words_of("lifecycle", "building", t_cec) == "1"
    assert words_of("lifecycle", "managed", t_cec) is None
    assert words_of("azimuth_deg", 90.0, ledger_profile) == "东"
    assert words_of("azimuth_deg", 91.0, ledger_profile) is None
    assert words_of("online", True, shipped("gb28181", "cameras")) == "ON"
    assert words_of("name", "x", t_cec) is None
