"""Which column feeds which field."""

from __future__ import annotations

import pytest

from tests.layers.sheets import features, sheet
from twin.errors import BadParameter, MappingAmbiguous
from twin.layers import LAYERS
from twin.layers.mapping import column_frame, map_columns, normal_name, parse_pairs

POLYGON = {"type": "Polygon", "coordinates": [[[121, 31], [121.1, 31], [121.1, 31.1], [121, 31]]]}


def mapped(header: str, layer: str = "cameras", *options: str) -> dict[str, str]:
    table = sheet(f"{header}\n{','.join('1' for _ in header.split(','))}\n")
    return dict(map_columns(table, LAYERS[layer], parse_pairs("--map", options)).columns)


@pytest.mark.parametrize(
    ("header", "lng", "lat"),
    [
        ("id,lon,lat", "lon", "lat"),
        ("id,LNG,Latitude", "LNG", "Latitude"),
        ("设备编码,设备经度,设备维度", "设备经度", "设备维度"),
        ("设备编码,站点经度,站点纬度", "站点经度", "站点纬度"),
        ("ID,Station_Lng,Station Lat", "Station_Lng", "Station Lat"),
        ("id,LON,LAT", "LON", "LAT"),
        ("id,经度(°),纬度(°)", "经度(°)", "纬度(°)"),
        ("id,x,y", "x", "y"),
        ("id,东坐标,北坐标", "东坐标", "北坐标"),
        ("id,lon,lat,lon_bd09_raw,lat_bd09_raw", "lon", "lat"),
        ("id,lon_wgs84,lat_wgs84", "lon_wgs84", "lat_wgs84"),
        ("id,经度(GCJ02),纬度(GCJ02)", "经度(GCJ02)", "纬度(GCJ02)"),
    ],
)
def test_coordinates_are_found_under_many_names(header: str, lng: str, lat: str) -> None:
    columns = mapped(header)
    assert (columns["lng"], columns["lat"]) == (lng, lat)


def test_two_columns_that_fit_are_ambiguous_and_the_words_settle_it() -> None:
    with pytest.raises(MappingAmbiguous, match=r"--map lng=lon / --map lng=经度.*--map lat=lat / --map lat=纬度"):
        mapped("id,lon,lat,经度,纬度")
    settled = mapped("id,lon,lat,经度,纬度", "cameras", "lng=经度", "lat=纬度")
    assert (settled["lng"], settled["lat"]) == ("经度", "纬度")


def test_no_column_that_fits_names_the_columns_there_are() -> None:
    with pytest.raises(MappingAmbiguous, match=r"no column fits lat.*there are: id, lon, height"):
        mapped("id,lon,height")


def test_a_file_without_a_key_says_how_to_name_one() -> None:
    with pytest.raises(MappingAmbiguous, match=r"--map key=<column>"):
        mapped("label,lon,lat")
    assert mapped("label,lon,lat", "cameras", "key=label")["key"] == "label"
    assert mapped("label,lon,lat", "cameras", "key=@row")["key"] == "@row"


def test_two_keys_are_ambiguous_but_the_fields_own_name_wins() -> None:
    with pytest.raises(MappingAmbiguous, match=r"--map key=id / --map key=设备编码"):
        mapped("id,设备编码,lon,lat")
    assert mapped("key,id,lon,lat")["key"] == "key"


def test_for_other_fields_the_first_synonym_wins_and_the_rest_is_kept() -> None:
    table = sheet("设备编码,点位俗称,设备名称,经度,纬度,厂商,IPV4地址,管理单位联系方式\n1,a,b,121,31,c,d,e\n")
    mapping = map_columns(table, LAYERS["cameras"])
    assert mapping.columns["name"] == "设备名称"
    assert mapping.extra == ("点位俗称", "厂商")
    assert mapping.dropped == ("IPV4地址", "管理单位联系方式")
    assert "name=设备名称" in mapping.named()


def test_a_column_feeds_one_field_and_the_layers_own_come_first() -> None:
    columns = mapped("CGI,站点号,经度,纬度,方向角", "radio_sectors")
    assert (columns["key"], columns["site"], columns["azimuth_deg"]) == ("CGI", "站点号", "方向角")


@pytest.mark.parametrize(
    ("header", "layer", "field", "column"),
    [("site_id,lat,lon,lot_address,camera_count,operator", "cameras", "n_devices", "camera_count"),
     ("site_id,lat,lon,lot_address,camera_count,operator", "cameras", "name", "lot_address"),
     ("station_id,lon,lat,fast_piles,total_piles,lon_gcj02_raw", "chargers", "n_connectors", "total_piles")],
)  # fmt: skip
def test_known_open_data_maps_by_itself(header: str, layer: str, field: str, column: str) -> None:
    assert mapped(header, layer)[field] == column


def test_overrides_may_be_constants_or_nothing() -> None:
    table = sheet("id,lon,lat,状态\n1,121,31,x\n")
    mapping = map_columns(table, LAYERS["cameras"], parse_pairs("--map", ["access==own", "lifecycle="]))
    assert mapping.constants == {"access": "own"}
    assert "lifecycle" not in mapping.columns
    assert mapping.extra == ("状态",)


def test_every_unknown_name_is_a_fault_at_once() -> None:
    table = sheet("id,lon,lat\n1,121,31\n")
    with pytest.raises(BadParameter) as caught:
        map_columns(table, LAYERS["cameras"], {"nmae": "id", "name": "title"}, {"city": "x"})
    assert {(f.where, f.column) for f in caught.value.faults} == {
        ("--map", "nmae"),
        ("--map", "title"),
        ("--where", "city"),
    }


@pytest.mark.parametrize("text", ["lng", "=lon", ""])
def test_an_option_that_is_no_pair_is_refused(text: str) -> None:
    with pytest.raises(BadParameter, match="name=value"):
        parse_pairs("--map", [text])


def test_an_areas_key_is_its_code() -> None:
    table = features((POLYGON, {"adcode": "310112", "name": "闵行区"}))
    assert map_columns(table, LAYERS["areas"]).columns == {"code": "adcode", "name": "name"}
    assert map_columns(table, LAYERS["areas"], {"key": "name"}).columns == {"code": "name", "name": "name"}


def test_areas_take_another_id_where_there_is_no_code() -> None:
    assert map_columns(features((POLYGON, {"id": "a", "name": "b"})), LAYERS["areas"]).columns["code"] == "id"
    assert map_columns(features((POLYGON, {"zone": "a"})), LAYERS["areas"]).columns["code"] == "zone"


def test_an_outline_layer_needs_a_file_with_geometry() -> None:
    with pytest.raises(MappingAmbiguous, match="use GeoJSON"):
        mapped("code,name", "areas")


def test_names_are_compared_without_case_blanks_and_width() -> None:
    assert normal_name(" Station_ID ") == "stationid"
    assert normal_name("经度(°)") == "经度"
    assert (column_frame("lon_BD09_raw"), column_frame("经度(WGS84)"), column_frame("lon")) == ("bd09", "wgs84", None)


@pytest.mark.parametrize("column", [
    "联系人电话", "移动电话", "手机号码", "负责人电话", "值班电话", "座机", "设备IP", "IP_ADDR", "网关", "子网掩码", "物理地址", "mac_addr", "设备MAC",
    "contact_phone", "contactPhone", "ContactTel", "mobile", "密码", "password", "身份证号", "contact:telephone", "IPV6地址",
])  # fmt: skip
def test_what_names_a_telephone_an_address_of_the_network_or_a_person_is_not_kept(column):
    mapping = map_columns(sheet(f"id,lon,lat,{column}\na,121.4,31.1,x"), LAYERS["cameras"])
    assert (mapping.dropped, mapping.extra) == ((column,), ())
    kept = map_columns(sheet(f"id,lon,lat,{column}\na,121.4,31.1,x"), LAYERS["cameras"], keep_private=True)
    assert kept.extra == (column,)


@pytest.mark.parametrize(
    "column", ["备注", "stipend", "zip", "telemetry", "machine", "cell_type", "运营商", "移动基站", "地址2"]
)
def test_what_only_looks_like_it_is_kept(column):
    assert map_columns(sheet(f"id,lon,lat,{column}\na,121.4,31.1,x"), LAYERS["cameras"]).extra == (column,)
