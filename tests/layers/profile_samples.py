"""Realistic samples in the formats that the shipped profiles read; made up."""

from __future__ import annotations

from typing import Any

from tests.layers.profiled import Read, read

LEDGER = (
    "设备编码,设备名称,设备厂商,行政区域,监控点位类型,设备型号,点位俗称,IPV4地址,MAC地址,摄像机类型,安装地址,经度,纬度,"
    "摄像机位置类型,监控方位,联网属性,安装时间,管理单位,管理单位联系方式,设备状态"
)
CAMERA = "31011200001310000001"


def ledger(**cells: str) -> Read:
    usual = {
        "设备编码": CAMERA, "设备名称": "七莘路口", "设备厂商": "甲厂", "行政区域": "310112", "监控点位类型": "一类", "设备型号": "X-1",
        "点位俗称": "老街口", "IPV4地址": "10.1.2.3", "MAC地址": "00:11:22:33:44:55", "摄像机类型": "球机", "安装地址": "七莘路1号",
        "经度": "121.38", "纬度": "31.11", "摄像机位置类型": "室外", "监控方位": "东", "联网属性": "自建联网",
        "安装时间": "2021-05-01", "管理单位": "七宝镇", "管理单位联系方式": "021-1", "设备状态": "在线",
    }  # fmt: skip
    return read(f"{LEDGER}\n{','.join((usual | cells).values())}\n", "cameras")


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


def location(*evses: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "country_code": "CN", "party_id": "TWN", "id": "LOC1", "publish": True, "name": "虹桥站", "address": "申虹路", "city": "上海",
        "country": "CHN", "coordinates": {"latitude": "31.11", "longitude": "121.38"}, "operator": {"name": "甲公司"},
        "evses": list(evses), "time_zone": "Asia/Shanghai", "last_updated": "2025-01-01T00:00:00Z", **more,
    }  # fmt: skip


def poi(**more: Any) -> dict[str, Any]:
    return {
        "ID": 157899, "UUID": "DA6A", "UsageType": {"ID": 1, "Title": "Public"}, "StatusType": {"ID": 50, "Title": "Operational"},
        "OperatorInfo": {"ID": 8, "Title": "甲公司", "PhonePrimaryContact": "1", "ContactEmail": "a@b"}, "NumberOfPoints": 4,
        "AddressInfo": {"Title": "虹桥站", "Latitude": 31.11, "Longitude": 121.38, "ContactTelephone1": "2"},
        "Connections": [{"PowerKW": 50, "Quantity": 2}, {"PowerKW": 43.5, "Quantity": None}],
        "UserComments": [{"UserName": "某人"}], **more,
    }  # fmt: skip
