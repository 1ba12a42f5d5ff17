"""The profile of cell sheets (工参) that ships: rows become stations and sectors."""

from __future__ import annotations

import pytest

from tests.layers.profiled import read

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
