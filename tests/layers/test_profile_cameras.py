"""The camera profiles that ship: 一机一档 ledgers and GB/T 28181 catalogues, every code, nothing private kept."""

from __future__ import annotations

from typing import Any

import pytest

from tests.layers.profile_samples import CAMERA, catalogue, item, ledger
from tests.layers.profiled import document, read

AZIMUTHS = {"东": 90, "西": 270, "南": 180, "北": 0, "东南": 135, "东北": 45, "西南": 225, "西北": 315}
NUMBERED = dict(zip(AZIMUTHS, "12345678", strict=True))
"""DirectionType of GB/T 28181."""


# 一机一档 -----------------------------------------------------------------------------------------------------------------


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
