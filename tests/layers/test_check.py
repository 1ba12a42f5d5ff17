"""Rows to records: every fault at once, defaults counted, places in WGS-84."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from tests.layers.sheets import NEW_YEAR, check, features, sheet, words
from twin.errors import InvalidInput, InverseNotAllowed, LayerInvalid, TwinError
from twin.frames import FRAMES, from_wgs84
from twin.layers.columns import level_of_code

HEAD = "id,lon,lat"
SQUARE = [[121.0, 31.0], [121.1, 31.0], [121.1, 31.1], [121.0, 31.1], [121.0, 31.0]]
BOWTIE = [[121.0, 31.0], [121.1, 31.1], [121.1, 31.0], [121.0, 31.1], [121.0, 31.0]]


def polygon(*rings: list[list[float]]) -> dict[str, object]:
    return {"type": "Polygon", "coordinates": list(rings)}


def test_a_good_row_becomes_a_record_with_its_original_place() -> None:
    checked = check(sheet("设备编码,设备名称,经度,纬度,联网属性,方位角,厂商\nA1,路口,121.4,31.1,已复接,90,海康\n"))
    (record,) = checked.records
    assert not checked.faults
    assert (record.layer, record.key, record.name, record.source) == ("cameras", "A1", "路口", "test")
    assert (record.lng, record.lat, record.geometry) == (121.4, 31.1, None)
    assert (record.lifecycle, record.online, record.n_devices, record.owner) == ("operating", None, 1, "")
    assert (record.valid_from, record.valid_to) == (NEW_YEAR, None)
    assert record.attributes == {
        "camera_type": "unknown", "indoor": None, "access": "relayed", "azimuth_deg": 90.0, "hfov_deg": None,
        "range_m": None, "extra": {"厂商": "海康"},
    }  # fmt: skip
    assert record.original == {"frame": "wgs84", "x": 121.4, "y": 31.1}


def test_defaults_are_counted_by_field() -> None:
    checked = check(sheet("id,lon,lat,online,access\na,121,31,是,own\nb,121,31,,\n"))
    assert checked.defaults == {
        "lifecycle": 2, "valid_from": 2, "online": 1, "n_devices": 2, "camera_type": 2, "access": 1,
    }  # fmt: skip
    chargers = check(sheet(f"{HEAD}\na,121,31\n"), "chargers")
    assert (chargers.defaults["station_type"], chargers.records[0].attributes["station_type"]) == (1, "unknown")
    radio = check(sheet(f"{HEAD}\na,121,31\n"), "radio_sites")
    assert (radio.defaults["site_kind"], radio.records[0].attributes["site_kind"]) == (1, "outdoor")


def test_all_faults_come_at_once_with_their_rows() -> None:
    checked = check(
        sheet(
            "id,lon,lat,方位角,lifecycle,n_devices,安装时间,联网属性\n"
            "a,121,31,abc,operating,1,2024-05-01,own\n"
            "b,121,31,361,working,0,2024-13-01,sideways\n"
            ",121,31,,,1.5,,\n"
            "a,121,,,,,,\n"
        )
    )
    assert words(checked) == [
        "row 2, 方位角: a number is expected",
        "row 3, lifecycle: unknown code; known: planned, building, managed, operating, retired, 规划, 建设, 管理, 运营, 退役",
        "row 3, 安装时间: a date or a time is expected, as 2024-05-01",
        "row 3, n_devices: out of range, expected within [1, ∞]",
        "row 3, 联网属性: unknown code; known: own, relayed, unlinked, 自建联网, 已复接, 待复接",
        "row 3, 方位角: out of range, expected within [0, 360] °",
        "row 4, n_devices: a whole number is expected",
        "row 4, id: the key is blank",
        "row 5, lat: only one of the two coordinates is there",
        "row 5, id: the key is there already, in row 2",
    ]
    assert checked.faults[0].value == "abc"
    assert (checked.n_rows, checked.records) == (4, [])
    with pytest.raises(LayerInvalid, match="10 fault"):
        checked.raise_if_faulty()


def test_rows_without_fault_are_kept_beside_the_faults() -> None:
    checked = check(sheet("id,lon,lat,方位角\na,121,31,x\nb,121,31,5\n"))
    assert [r.key for r in checked.records] == ["b"]
    assert len(checked.faults) == 1


@pytest.mark.parametrize(
    ("cell", "value"),
    [("90", 90.0), ("\uff19\uff10", 90.0), ("90.5", 90.5), ("９０。５", 90.5), ('"1,234"', 1234.0), ('"1,234.5"', 1234.5), ("+9e1", 90.0)],
)  # fmt: skip
def test_numbers_are_read_in_full_width_and_with_thousands(cell: str, value: float) -> None:
    (record,) = check(sheet(f"{HEAD},range_m\na,121,31,{cell}\n")).records
    assert record.attributes["range_m"] == value


@pytest.mark.parametrize("cell", ["nan", "inf", "0x1A", "1_000", '"1,23"', "12m", "1e999", "--1", "=A1"])
def test_what_is_no_number_is_a_fault(cell: str) -> None:
    assert len(check(sheet(f"{HEAD},range_m\na,121,31,{cell}\n")).faults) == 1


@pytest.mark.parametrize(
    ("word", "online"), [("是", True), ("ON", True), ("离线", False), ("0", False), ("FALSE", False), ("", None)]
)
def test_yes_and_no_in_both_languages(word: str, online: bool | None) -> None:
    assert check(sheet(f"{HEAD},online\na,121,31,{word}\n")).records[0].online is online


@pytest.mark.parametrize(
    ("word", "state"), [("运营", "operating"), ("Planned", "planned"), ("退役", "retired"), ("", "operating")]
)
def test_lifecycle_words_in_both_languages(word: str, state: str) -> None:
    assert check(sheet(f"{HEAD},lifecycle\na,121,31,{word}\n")).records[0].lifecycle == state


def test_indoor_takes_the_codes_of_gb_t_28181() -> None:
    checked = check(sheet(f"{HEAD},摄像机位置类型\na,121,31,1\nb,121,31,室内\nc,121,31,9\n"))
    assert [r.attributes["indoor"] for r in checked.records] == [False, True]
    assert words(checked) == ["row 4, 摄像机位置类型: expected one of: 1、2、室外、室内"]


def test_an_unknown_code_is_kept_and_listed_where_unknown_is_a_value() -> None:
    checked = check(sheet(f"{HEAD},摄像机类型\na,121,31,9\nb,121,31,1.0\nc,121,31,9\n"))
    assert [r.attributes["camera_type"] for r in checked.records] == ["unknown", "dome", "unknown"]
    assert checked.unknown_codes == {"camera_type": {"9": 2}}
    assert checked.records[0].attributes["extra"] == {"摄像机类型": "9"}


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        ("2024-05-01", datetime(2024, 4, 30, 16, tzinfo=UTC)),
        ("2024/5/1", datetime(2024, 4, 30, 16, tzinfo=UTC)),
        ("2024年5月1日", datetime(2024, 4, 30, 16, tzinfo=UTC)),
        ("20240501", datetime(2024, 4, 30, 16, tzinfo=UTC)),
        ("2024-05-01 8:30", datetime(2024, 5, 1, 0, 30, tzinfo=UTC)),
        ("2024-05-01T08:30:00Z", datetime(2024, 5, 1, 8, 30, tzinfo=UTC)),
        ("2024-05-01T08:30:00+09:00", datetime(2024, 4, 30, 23, 30, tzinfo=UTC)),
    ],
)
def test_times_mean_shanghai_and_are_kept_in_utc(cell: str, moment: datetime) -> None:
    assert check(sheet(f"{HEAD},valid_from\na,121,31,{cell}\n")).records[0].valid_from == moment


def test_a_last_day_is_included_and_the_end_comes_after_the_beginning() -> None:
    head = f"{HEAD},valid_from,valid_to\n"
    (record,) = check(sheet(f"{head}a,121,31,2024-05-01,2024-05-01\n")).records
    assert record.valid_to == record.valid_from + timedelta(days=1)
    assert words(check(sheet(f"{head}a,121,31,2024-05-02,2024-05-01\n"))) == [
        "row 2, valid_to: it ends before it begins"
    ]


@pytest.mark.parametrize("place", [",", "0,0", "0.0,0.000", "0,31.1"])
def test_zero_and_blank_coordinates_are_no_location_and_no_fault(place: str) -> None:
    checked = check(sheet(f"{HEAD}\na,{place}\nb,121,31\n"))
    assert (checked.n_without_location, checked.faults) == (1, ())
    assert (checked.records[0].lng, checked.records[0].lat) == (None, None)


def test_swapped_axes_are_one_fault_with_the_remedy() -> None:
    table = sheet("id,lng,lat\na,31.1,121.4\nb,31.2,121.5\nc,0,0\n")
    checked = check(table)
    assert words(checked) == ["all rows, lng, lat: the two coordinates are swapped; say --map lng=lat --map lat=lng"]
    assert checked.records == []
    mended = check(table, "cameras", "lng=lat", "lat=lng")
    assert [(r.lng, r.lat) for r in mended.records] == [(121.4, 31.1), (121.5, 31.2), (None, None)]


def test_swapped_points_of_a_geojson_are_mended_by_name_too() -> None:
    table = features(({"type": "Point", "coordinates": [31.1, 121.4]}, {"id": "a"}))
    assert "--map lng=@y --map lat=@x" in words(check(table))[0]
    assert check(table, "cameras", "lng=@y", "lat=@x").records[0].lng == 121.4


def test_single_rows_out_of_range_are_faults_of_their_own() -> None:
    checked = check(sheet(f"{HEAD}\na,121,31\nb,31,121\nc,121,31\nd,200,31\ne,121,x\n"))
    assert words(checked) == [
        "row 3, lat: the two coordinates look swapped",
        "row 5, lon: outside the range of wgs84",
        "row 6, lat: a number is expected",
    ]
    assert [r.key for r in checked.records] == ["a", "c"]


@pytest.mark.parametrize(
    ("frame", "place", "said"),
    [
        ("wgs84", "631650.3,3443989.3", "--frame epsg:4549 / --frame epsg:32651"),
        ("wgs84", "40631650.3,3443989.3", "--frame epsg:4528"),
        ("epsg:4549", "40631650.3,3443989.3", "--frame epsg:4528"),
        ("epsg:4549", "121.4,31.1", "--frame wgs84"),
        ("epsg:4549", "3443989.3,631650.3", "swapped"),
        ("wgs84", "-3412.5,12045.8", "local plane grid"),
        ("epsg:4549", "-3412.5,12045.8", "local plane grid"),
        ("wgs84", "7e9,7e9", "outside the range"),
    ],
)
def test_coordinates_of_another_kind_of_frame_are_recognised(frame: str, place: str, said: str) -> None:
    checked = check(sheet(f"{HEAD}\na,{place}\n"), frame=frame)
    assert len(checked.faults) == 1
    assert said in checked.faults[0].words.en


@pytest.mark.parametrize("frame", list(FRAMES))
def test_every_frame_comes_out_in_wgs84_and_keeps_its_original(frame: str) -> None:
    x, y = (float(v[0]) for v in from_wgs84([121.4], [31.1], FRAMES[frame]))
    (record,) = check(sheet(f"{HEAD}\na,{x!r},{y!r}\n"), frame=frame, inverse=True).records
    assert (record.lng, record.lat) == pytest.approx((121.4, 31.1), abs=1e-11)
    assert record.original == {"frame": frame, "x": x, "y": y}


def test_the_datum_inverse_needs_permission() -> None:
    with pytest.raises(InverseNotAllowed):
        check(sheet(f"{HEAD}\na,121,31\n"), frame="gcj02")


def test_a_column_named_for_another_frame_is_warned_about() -> None:
    checked = check(sheet("id,lon_bd09,lat_bd09\na,121,31\n"))
    assert [w.en for w in checked.warnings] == [
        "column lon_bd09 is named for bd09, but wgs84 was declared",
        "column lat_bd09 is named for bd09, but wgs84 was declared",
    ]
    assert not check(sheet("id,lon_wgs84,lat_wgs84\na,121,31\n"), frame="cgcs2000").warnings


def test_private_columns_are_dropped_and_named() -> None:
    checked = check(sheet(f"{HEAD},MAC地址\na,121,31,00:11\n"))
    assert checked.warnings[0].en == "private columns that are not kept: MAC地址"
    assert "extra" not in checked.records[0].attributes


def test_polygons_become_wkb_with_a_point_on_them() -> None:
    checked = check(features((polygon(SQUARE), {"adcode": 310112, "name": "闵行区"})), "areas")
    (record,) = checked.records
    assert (record.key, record.attributes["code"], record.attributes["level"]) == ("310112", "310112", "district")
    assert record.geometry is not None
    shape = shapely.from_wkb(record.geometry)
    assert shape.equals(shapely.Polygon(SQUARE))
    assert shape.contains(shapely.Point(record.lng, record.lat))
    assert record.original is None
    assert checked.defaults["level"] == 1


def test_a_polygon_is_projected_from_its_frame() -> None:
    x, y = from_wgs84(np.array(SQUARE)[:, 0], np.array(SQUARE)[:, 1], FRAMES["epsg:4549"])
    checked = check(
        features((polygon(np.column_stack([x, y]).tolist()), {"code": "310112"})), "areas", frame="epsg:4549"
    )
    assert checked.records[0].geometry is not None
    assert shapely.from_wkb(checked.records[0].geometry).hausdorff_distance(shapely.Polygon(SQUARE)) < 1e-9


def test_an_invalid_polygon_is_repaired_and_said_so() -> None:
    checked = check(features((polygon(BOWTIE), {"code": "310112"})), "areas")
    assert checked.records[0].geometry is not None
    shape = shapely.from_wkb(checked.records[0].geometry)
    assert (shape.is_valid, shape.geom_type) == (True, "MultiPolygon")
    assert "feature 1: repaired an invalid polygon (Self-intersection" in checked.warnings[0].en


def test_wrong_missing_collapsed_and_far_shapes_are_faults() -> None:
    flat = [[121.0, 31.0], [121.1, 31.0], [121.0, 31.0], [121.0, 31.0]]
    far = [[1210.0, 31.0], [1211.0, 31.0], [1211.0, 32.0], [1210.0, 31.0]]
    checked = check(
        features(
            ({"type": "Point", "coordinates": [121, 31]}, {"code": "310101"}),
            (None, {"code": "310102"}),
            (polygon(flat), {"code": "310103"}),
            (polygon(far), {"code": "310104"}),
            (polygon(SQUARE), {"code": "310112"}),
        ),
        "areas",
    )
    assert words(checked) == [
        "feature 1, geometry: wrong geometry; this layer takes Polygon",
        "feature 2, geometry: no geometry; this layer takes Polygon",
        "feature 3, geometry: an invalid polygon that cannot be repaired",
        "feature 4, geometry: outside the range of wgs84",
    ]
    assert [r.key for r in checked.records] == ["310112"]


def test_a_polygon_with_swapped_axes_is_recognised() -> None:
    swapped = polygon([[y, x] for x, y in SQUARE])
    checked = check(features((swapped, {"code": "310112"})), "areas")
    assert words(checked)[0].startswith("all features, geometry: the two coordinates are swapped")


def test_a_point_layer_takes_points_only() -> None:
    many = {"type": "MultiPoint", "coordinates": [[121.4, 31.1]]}
    checked = check(features((many, {"id": "a"}), (polygon(SQUARE), {"id": "b"}), (None, {"id": "c"})))
    assert words(checked) == ["feature 2, geometry: this layer takes points"]
    assert [(r.key, r.lng) for r in checked.records] == [("a", 121.4), ("c", None)]
    assert checked.n_without_location == 1


@pytest.mark.parametrize(
    ("code", "level"),
    [("31", "city"), ("310100", "city"), ("310112", "district"), ("310112101", "town"), ("310112101000", "town"),
     ("310112101001", "grid"), ("310112114+310112009", "town"), ("outer-ring", None), ("12345", None)],
)  # fmt: skip
def test_a_division_code_says_its_level(code: str, level: str | None) -> None:
    assert level_of_code(code) == level


def test_a_code_that_says_no_level_is_a_fault_unless_a_level_is_given() -> None:
    table = features((polygon(SQUARE), {"variant": "inner"}), (polygon(SQUARE), {"variant": "outer"}))
    (fault,) = check(table, "areas", "code==outer-ring", where=("variant=inner",)).faults
    assert "--map level==zone" in fault.words.en
    checked = check(table, "areas", "code==outer-ring", "level==zone", where=("variant=inner",))
    assert [(r.key, r.attributes["level"], r.attributes["extra"]) for r in checked.records] == [
        ("outer-ring", "zone", {"variant": "inner"})
    ]
    assert checked.n_rows == 1


def test_a_filter_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no row has name=x"):
        check(sheet("id,name,lon,lat\na,b,121,31\n"), where=("name=x",))


def test_keys_can_be_row_numbers_if_asked_for() -> None:
    line = {"type": "LineString", "coordinates": [[121, 31], [121.1, 31.1]]}
    checked = check(features((line, {"name": "a"}), (line, {"name": "a"})), "roads", "key=@row")
    assert [r.key for r in checked.records] == ["1", "2"]


def test_given_says_what_the_file_gave() -> None:
    given_ = check(sheet("id,lon,lat,方位角,状态\na,121,31,,运营\nb,0,0,5,\n")).given
    assert {name: mask.tolist() for name, mask in given_.items()} == {
        "key": [True, True], "azimuth_deg": [False, True], "lifecycle": [True, False], "location": [True, False],
    }  # fmt: skip


cells = st.text(alphabet="0123456789.,-+eE是否ab年月日/: ", max_size=12).map(lambda t: '"' + t + '"')


@given(st.lists(st.tuples(*[cells] * 9), min_size=1, max_size=4), st.sampled_from(list(FRAMES)))
def test_any_cells_give_records_or_faults(rows: list[tuple[str, ...]], frame: str) -> None:
    head = "id,lon,lat,方位角,安装时间,online,状态,摄像机类型,n_devices"
    text = "\n".join([head, *(",".join(row) for row in rows)])
    with contextlib.suppress(TwinError):
        checked = check(sheet(text), frame=frame, inverse=True)
        assert len(checked.records) <= checked.n_rows
        assert bool(checked.faults) or len(checked.records) == checked.n_rows


numbers = st.floats(-200, 200) | st.floats() | st.sampled_from([0.0, 31.0, 121.0, 1e308, 5e6])
rings = st.lists(st.tuples(numbers, numbers), min_size=4, max_size=6).map(lambda r: [*r, r[0]])


@given(st.lists(rings, min_size=1, max_size=3), st.sampled_from(list(FRAMES)))
def test_any_polygon_gives_a_valid_one_or_a_fault(shape: list[list[tuple[float, float]]], frame: str) -> None:
    with contextlib.suppress(TwinError):
        geometry = {"type": "Polygon", "coordinates": shape}
        checked = check(features((geometry, {"code": "310112"})), "areas", frame=frame, inverse=True)
        assert bool(checked.faults) != bool(checked.records)
        for record in checked.records:
            assert record.geometry is not None
            assert shapely.from_wkb(record.geometry).is_valid


def test_what_ended_before_the_import_must_say_when_it_began():
    """Without a date of its own a record begins with the import; it could not end before that."""
    checked = check(
        sheet(
            "id,lon,lat,valid_from,valid_to\na,121.4,31.1,,2025-05-01\nb,121.4,31.1,,2027-05-01\nc,121.4,31.1,2024-01-01,2025-05-01"
        )
    )
    assert [(f.where, f.column) for f in checked.faults] == [("row 2", "valid_to")]
    assert "from when" in checked.faults[0].words.en


def test_a_key_that_no_store_could_keep_is_a_fault_of_its_row():
    checked = check(sheet(f"id,lon,lat\n{'x' * 513},121.4,31.1\n{'y' * 512},121.4,31.1"))
    assert [(f.where, f.column) for f in checked.faults] == [("row 2", "id")]


def test_a_key_that_excel_made_a_number_is_a_fault():
    checked = check(sheet("id,lon,lat\n3.10112E+19,121.4,31.1\n31011200001320000001,121.4,31.1\n1e5x,121.4,31.1"))
    assert [(f.where, f.value) for f in checked.faults] == [("row 2", "3.10112E+19")]
