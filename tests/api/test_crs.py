"""Coordinate reference systems: axes as the authority has them, boxes that lose nothing, features in another CRS."""

from __future__ import annotations

import json

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from twin.api.crs import CRS84, DEFAULT, EPSG, KNOWN, URIS, Crs, bbox_to_degrees, crs_of, narrowed, picked
from twin.api.encoded import Encoded, encode
from twin.errors import BadParameter
from twin.frames import FRAMES, from_wgs84

PLACES = np.array([[121.38, 31.12], [121.25, 30.98], [121.57, 31.26]])
PLANES = [crs for crs in KNOWN if crs.kind == "plane"]
named = pytest.mark.parametrize("crs", KNOWN, ids=[crs.uri.rpartition("/")[2] for crs in KNOWN])
of_planes = pytest.mark.parametrize("crs", PLANES, ids=[crs.uri.rpartition("/")[2] for crs in PLANES])
lnglats = st.lists(st.tuples(st.floats(121.2, 121.6), st.floats(30.9, 31.3)), min_size=1, max_size=20)


def authority(crs: Crs) -> str:
    return "OGC:CRS84" if crs is DEFAULT else crs.uri.replace(EPSG, "EPSG:")


@named
def test_coordinates_are_what_proj_says_in_the_order_of_the_authority(crs: Crs) -> None:
    oracle = pyproj.Transformer.from_crs("OGC:CRS84", authority(crs))
    expected = np.column_stack(oracle.transform(PLACES[:, 0], PLACES[:, 1]))
    np.testing.assert_allclose(crs.from_degrees(PLACES), expected, rtol=0, atol=1e-6)


def test_the_order_of_the_axes_is_that_of_the_standards() -> None:
    first = {crs.uri.rpartition("/")[2]: float(crs.from_degrees(PLACES)[0, 0]) for crs in KNOWN}
    assert (first["CRS84"], first["4326"], first["4490"]) == (121.38, 31.12, 31.12)
    assert 3.4e6 < first["4549"] < 3.5e6, "northing first"
    assert 1.3e7 < first["3857"] < 1.4e7, "easting first"
    assert 3e5 < first["32651"] < 4e5, "easting first"


@pytest.mark.parametrize(("uri", "frame"), [("4549", "epsg:4549"), ("32651", "epsg:32651")])
def test_planes_are_the_frames_that_files_are_read_in(uri: str, frame: str) -> None:
    crs = crs_of(EPSG + uri)
    x, y = from_wgs84(PLACES[:, 0], PLACES[:, 1], FRAMES[frame])
    ours = crs.from_degrees(PLACES)
    np.testing.assert_array_equal(ours[:, ::-1] if crs.north_first else ours, np.column_stack([x, y]))


@named
def test_there_and_back_is_the_same_place(crs: Crs) -> None:
    np.testing.assert_allclose(crs.to_degrees(crs.from_degrees(PLACES)), PLACES, rtol=0, atol=1e-11)


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        (None, CRS84),
        (CRS84, CRS84),
        ("[OGC:CRS84]", CRS84),
        (EPSG + "4549", EPSG + "4549"),
        ("[EPSG:4549]", EPSG + "4549"),
        ("epsg:4326", EPSG + "4326"),
        ("https://www.opengis.net/def/crs/EPSG/0/3857", EPSG + "3857"),
    ],
)
def test_a_crs_is_named_by_its_uri_or_curie(text: str | None, uri: str) -> None:
    assert crs_of(text).uri == uri


@pytest.mark.parametrize("text", ["", "[EPSG:2154]", EPSG + "0", "wgs84", "[[EPSG:4326", "EPSG:4326]]]", "4326"])
def test_an_unknown_crs_names_the_known_ones(text: str) -> None:
    with pytest.raises(BadParameter) as caught:
        crs_of(text, "bbox-crs")
    (fault,) = caught.value.faults
    assert (fault.column, fault.value) == ("bbox-crs", text)
    for uri in URIS:
        assert uri in fault.words.zh
        assert uri in fault.words.en


def points(lnglat: np.ndarray) -> Encoded:
    return encode([f"p{i:03d}" for i in range(len(lnglat))], {"n": list(range(len(lnglat)))}, lnglat)


@of_planes
@given(lnglats, st.tuples(st.floats(121.2, 121.6), st.floats(30.9, 31.3)), st.floats(10, 30_000), st.floats(10, 30_000))
def test_a_box_in_a_plane_holds_exactly_what_lies_in_it(
    crs: Crs, places: list[tuple[float, float]], corner: tuple[float, float], a: float, b: float
) -> None:
    lnglat = np.round(np.array(places), 7)
    encoded = points(lnglat)
    low = np.round(crs.from_degrees(np.array([corner]))[0], 3)
    bbox = (*low.tolist(), *np.round(low + np.array([a, b]), 3).tolist())
    found = narrowed(encoded, encoded.within(bbox_to_degrees(bbox, crs)), bbox, crs)
    inside = np.round(crs.from_degrees(encoded.bounds[:, :2]), 3)
    expected = np.flatnonzero(((inside >= bbox[:2]) & (inside <= bbox[2:])).all(axis=1))
    assert found.tolist() == expected.tolist()


@of_planes
def test_a_point_on_a_box_s_edge_is_in_it(crs: Crs) -> None:
    x, y = np.round(crs.from_degrees(PLACES[:1])[0], crs.digits).tolist()
    encoded = points(PLACES[:1])
    for bbox in ((x, y, x + 1, y + 1), (x - 1, y - 1, x, y), (x, y, x, y)):
        assert len(narrowed(encoded, encoded.within(bbox_to_degrees(bbox, crs)), bbox, crs)) == 1, bbox
    beyond = (x + 0.001, y, x + 1, y + 1)
    assert len(narrowed(encoded, encoded.within(bbox_to_degrees(beyond, crs)), beyond, crs)) == 0


def test_a_box_in_degrees_is_taken_in_the_order_of_the_axes() -> None:
    assert bbox_to_degrees((31.0, 121.2, 31.1, 121.4), crs_of("EPSG:4326")) == (121.2, 31.0, 121.4, 31.1)
    assert bbox_to_degrees((121.2, 31.0, 121.4, 31.1), DEFAULT) == (121.2, 31.0, 121.4, 31.1)


def test_a_box_of_the_whole_world_is_cut_to_where_the_plane_is_good() -> None:
    west, south, east, north = bbox_to_degrees((-1e9, -1e9, 1e9, 1e9), crs_of("EPSG:4549"))
    assert west < 120.9
    assert east > 122
    assert south < 30
    assert north > 32


@pytest.mark.parametrize(
    ("bbox", "crs"),
    [
        pytest.param((630_000, 3_440_000, 640_000, 3_450_000), "EPSG:4549", id="axes swapped"),
        pytest.param((3_450_000, 630_000, 3_440_000, 640_000), "EPSG:4549", id="upside down"),
        pytest.param((121.2, 31.0, 121.4, 31.1), "EPSG:4326", id="longitude where latitude belongs"),
        pytest.param((121.2, 31.0, 121.4, 31.1), "EPSG:4549", id="degrees in a plane"),
        pytest.param((float("nan"), 0, 1, 1), "EPSG:3857", id="no number"),
    ],
)
def test_a_box_that_cannot_be_says_what_is_expected(bbox: tuple[float, ...], crs: str) -> None:
    with pytest.raises(BadParameter) as caught:
        bbox_to_degrees(bbox, crs_of(crs))
    assert "EPSG/0/" in caught.value.faults[0].words.en


def test_a_box_may_cross_the_antimeridian_in_degrees() -> None:
    assert bbox_to_degrees((-10, 170, 10, -170), crs_of("EPSG:4490")) == (170, -10, -170, 10)


@named
def test_features_in_another_crs_differ_only_in_their_coordinates(crs: Crs) -> None:
    lnglat = np.array([*PLACES, [np.nan, np.nan]])
    encoded = points(lnglat)
    before = json.loads(b"[" + encoded.pick(np.arange(4)) + b"]")
    after = json.loads(b"[" + picked(encoded, np.arange(4), crs) + b"]")
    assert [(f["id"], f["properties"]) for f in before] == [(f["id"], f["properties"]) for f in after]
    for old, new in zip(before, after, strict=True):
        if old["geometry"] is None:
            assert new["geometry"] is None
        else:
            expected = crs.from_degrees(np.array([old["geometry"]["coordinates"]]))[0]
            assert new["geometry"]["coordinates"] == np.round(expected, crs.digits).tolist()


def test_areas_keep_their_shape_and_run_counter_clockwise_on_the_ground() -> None:
    ring = shapely.Polygon(
        [(121.3, 31.0), (121.3, 31.1), (121.4, 31.1), (121.4, 31.0)],
        [[(121.32, 31.02), (121.33, 31.02), (121.33, 31.03)]],
    )
    encoded = encode(["a", "b"], {}, np.array([ring, None], object))
    crs = crs_of("EPSG:4549")
    whole = json.loads(b"[" + picked(encoded, np.arange(2), crs) + b"]")
    assert [f["geometry"] is None for f in whole] == [False, True]
    northing_easting = shapely.geometry.shape(whole[0]["geometry"])
    on_ground = shapely.transform(northing_easting, lambda c: c[:, ::-1])
    assert shapely.is_ccw(on_ground.exterior)
    assert not shapely.is_ccw(on_ground.interiors[0])
    back = shapely.transform(northing_easting, crs.to_degrees)
    assert shapely.hausdorff_distance(back, ring) < 1e-7
    assert len(back.interiors) == 1


@named
@given(st.lists(st.integers(0, 3), max_size=4, unique=True))
def test_a_page_in_another_crs_is_that_part_of_the_whole(crs: Crs, chosen: list[int]) -> None:
    for place in (
        np.array([*PLACES, [np.nan, np.nan]]),
        np.array(
            [
                shapely.box(121.3, 31, 121.4, 31.1),
                shapely.LineString(PLACES),
                None,
                shapely.box(121.2, 31, 121.3, 31.1),
            ],
            object,
        ),
    ):
        encoded = encode(list("abcd"), {"n": [1, 2, 3, 4]}, place)
        index = np.array(sorted(chosen), np.int64)
        whole = json.loads(b"[" + picked(encoded, np.arange(4), crs) + b"]")
        assert json.loads(b"[" + picked(encoded, index, crs) + b"]") == [whole[i] for i in index]


def test_an_empty_page_stays_empty() -> None:
    assert picked(encode([], {}, np.empty((0, 2))), np.array([], np.int64), crs_of("EPSG:3857")) == b""
