"""Declared frames against other implementations, and measuring on the ellipsoid."""

from __future__ import annotations

import numpy as np
import prcoords
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod, Transformer

from twin.errors import BadParameter, FrameUndeclared, InverseNotAllowed
from twin.frames import (
    FRAMES,
    Frame,
    MetricFrame,
    bearing_deg,
    ecef,
    from_wgs84,
    geodesic_area_km2,
    geodesic_distance_m,
    parse_frame,
    to_wgs84,
)
from twin.offsets import CHINA

MINHANG = np.array([[121.2, 31.0], [121.38, 31.11], [121.55, 31.25]])
LOCAL_GRID = (
    "+proj=pipeline +step +inv +proj=tmerc +lon_0=121.38 +lat_0=31.11 +ellps=krass +step +proj=cart +ellps=krass +step "
    "+proj=helmert +x=-20 +y=150 +z=80 +rz=3 +s=-2 +convention=position_vector +step +inv +proj=cart +ellps=WGS84"
)
WEST, SOUTH, EAST, NORTH = CHINA
on_the_edge = st.one_of(
    st.tuples(st.sampled_from([WEST, EAST]), st.floats(SOUTH, NORTH)),
    st.tuples(st.floats(WEST, EAST), st.sampled_from([SOUTH, NORTH])),
)
inside_the_edge = st.builds(
    lambda at, d: (float(np.clip(at[0] + d[0], WEST, EAST)), float(np.clip(at[1] + d[1], SOUTH, NORTH))),
    on_the_edge,
    st.tuples(st.floats(-0.03, 0.03), st.floats(-0.03, 0.03)),
)
in_china = st.one_of(st.tuples(st.floats(WEST, EAST), st.floats(SOUTH, NORTH)), on_the_edge, inside_the_edge)
near_minhang = st.tuples(st.floats(120.8, 122.0), st.floats(30.6, 31.9))


def metres(a: np.ndarray, b: np.ndarray) -> float:
    return float(geodesic_distance_m(a, b).max())


def there_and_back(lnglat: np.ndarray, name: str) -> np.ndarray:
    frame = parse_frame(name)
    x, y = from_wgs84(lnglat[:, 0], lnglat[:, 1], frame)
    return np.column_stack(to_wgs84(x, y, frame, allow_datum_inverse=True))


@pytest.mark.parametrize(
    ("text", "name"),
    [("wgs84", "wgs84"), (" EPSG:4326 ", "wgs84"), ("epsg:4490", "cgcs2000"), ("BD09", "bd09"), ("gcj-02", "gcj02"),
     ("epsg:4528", "epsg:4528")],
)  # fmt: skip
def test_frames_are_parsed_without_regard_to_case(text: str, name: str) -> None:
    assert parse_frame(text).name == name


@pytest.mark.parametrize("text", ["", None, "nad83", "epsg:3857"])
def test_an_unknown_frame_is_refused_naming_the_choices(text: str | None) -> None:
    with pytest.raises(FrameUndeclared, match=r"--frame.*gcj02"):
        parse_frame(text)


def test_a_local_frame_without_its_definition_is_refused_by_name() -> None:
    with pytest.raises(FrameUndeclared, match=r"local:shanghai2000\.txt: the definition .* --frame local:<file>"):
        parse_frame("local:shanghai2000.txt")


def test_a_local_frame_with_its_definition_is_that_frame() -> None:
    local = Frame("local:grid.toml@0123456789ab", "plane", FRAMES["wgs84"].title, pipeline=LOCAL_GRID)
    assert parse_frame(" Local:Grid.toml ", local) is local
    assert parse_frame("bd09", local) is FRAMES["bd09"]


def test_a_frame_with_a_pipeline_goes_there_and_back() -> None:
    local = Frame("local:grid.toml@0123456789ab", "plane", FRAMES["wgs84"].title, pipeline=LOCAL_GRID)
    x, y = from_wgs84(MINHANG[:, 0], MINHANG[:, 1], local)
    assert np.hypot(x[1], y[1]) < 100
    back = np.column_stack(to_wgs84(x, y, local, allow_datum_inverse=False))
    assert metres(back, MINHANG) < 1e-6
    assert np.isnan(to_wgs84([np.nan, np.inf], [0.0, 0.0], local, allow_datum_inverse=False)).all()


@given(in_china)
def test_gcj02_and_bd09_agree_with_prcoords(lnglat: tuple[float, float]) -> None:
    wgs = prcoords.Coords(lnglat[1], lnglat[0])
    gcj, bd = prcoords.wgs_gcj(wgs), prcoords.wgs_bd(wgs)
    for name, oracle in (("gcj02", gcj), ("bd09", bd)):
        x, y = from_wgs84([lnglat[0]], [lnglat[1]], FRAMES[name])
        assert metres(np.column_stack([x, y]), np.array([[oracle.lon, oracle.lat]])) < 1e-5


@given(in_china, st.sampled_from(["gcj02", "bd09"]))
def test_the_inverse_is_iterated_below_a_micrometre(lnglat: tuple[float, float], name: str) -> None:
    place = np.array([lnglat])
    assert metres(there_and_back(place, name), place) < 1e-6


@given(st.tuples(st.floats(121.0, 122.0), st.floats(30.6, 31.9)))
def test_the_inverse_agrees_with_prcoords_own(shifted: tuple[float, float]) -> None:
    given_ = prcoords.Coords(shifted[1], shifted[0])
    for name, oracle in (("gcj02", prcoords.gcj_wgs_bored(given_)), ("bd09", prcoords.bd_wgs_bored(given_))):
        x, y = to_wgs84([shifted[0]], [shifted[1]], FRAMES[name], allow_datum_inverse=True)
        assert metres(np.column_stack([x, y]), np.array([[oracle.lon, oracle.lat]])) < 0.05


@given(on_the_edge, st.floats(-0.02, 0.02), st.floats(-0.02, 0.02), st.sampled_from(["gcj02", "bd09"]))
def test_whatever_the_inverse_gives_is_written_the_same_again(
    edge: tuple[float, float], d_lng: float, d_lat: float, name: str
) -> None:
    """Beyond the rectangle's edge two places may be written alike; the inverse then gives one of them."""
    place = np.array([[edge[0] + d_lng, edge[1] + d_lat]])
    once, again = (np.column_stack(from_wgs84(*p.T, FRAMES[name])) for p in (place, there_and_back(place, name)))
    assert metres(once, again) < 2e-6


@pytest.mark.parametrize("name", ["epsg:4549", "epsg:4528", "epsg:32651", "wgs84", "cgcs2000"])
def test_planes_agree_with_pyproj_and_come_back(name: str) -> None:
    frame = parse_frame(name)
    x, y = from_wgs84(MINHANG[:, 0], MINHANG[:, 1], frame)
    oracle = Transformer.from_crs("EPSG:4326", f"EPSG:{frame.epsg}", always_xy=True).transform(*MINHANG.T)
    assert np.allclose([x, y], oracle, rtol=0, atol=1e-6)
    assert metres(there_and_back(MINHANG, name), MINHANG) < 1e-6
    assert frame.fits(x, y).all()


def test_the_zoned_twin_of_4549_differs_by_forty_million() -> None:
    x, y = from_wgs84(MINHANG[:, 0], MINHANG[:, 1], FRAMES["epsg:4549"])
    zoned_x, zoned_y = from_wgs84(MINHANG[:, 0], MINHANG[:, 1], FRAMES["epsg:4528"])
    assert np.allclose(zoned_x - x, 40_000_000, atol=1e-6)
    assert np.allclose(zoned_y, y, atol=1e-6)


@pytest.mark.parametrize(("name", "low", "high"), [("gcj02", 469, 493), ("bd09", 1100, 1170)])
def test_offsets_at_minhang(name: str, low: float, high: float) -> None:
    shifted = np.column_stack(from_wgs84(MINHANG[:, 0], MINHANG[:, 1], FRAMES[name]))
    offsets = geodesic_distance_m(MINHANG, shifted)
    assert ((offsets >= low) & (offsets <= high)).all(), offsets


@pytest.mark.parametrize("name", ["gcj02", "bd09"])
def test_the_datum_inverse_needs_permission(name: str) -> None:
    with pytest.raises(InverseNotAllowed, match="TWIN_ALLOW_DATUM_INVERSE=1"):
        to_wgs84([121.4], [31.1], FRAMES[name], allow_datum_inverse=False)


@pytest.mark.parametrize("name", ["gcj02", "bd09"])
@pytest.mark.parametrize("place", [(2.35, 48.85), (-74.0, 40.7), (0.0, 90.0), (140.0, 36.0), (np.nan, 31.0)])
def test_places_outside_china_pass_unchanged(name: str, place: tuple[float, float]) -> None:
    x, y = from_wgs84([place[0]], [place[1]], FRAMES[name])
    back = to_wgs84([place[0]], [place[1]], FRAMES[name], allow_datum_inverse=True)
    assert np.array_equal([x[0], y[0]], place, equal_nan=True)
    assert np.array_equal([back[0][0], back[1][0]], place, equal_nan=True)


def test_no_points_are_no_points() -> None:
    for frame in FRAMES.values():
        x, y = to_wgs84([], [], frame, allow_datum_inverse=True)
        assert x.shape == y.shape == (0,)


@given(near_minhang, st.floats(0, 360), st.floats(1, 1500))
def test_distance_bearing_and_chord_agree_with_the_geodesic(
    origin: tuple[float, float], azimuth: float, reach_m: float
) -> None:
    lng, lat, _ = Geod(ellps="WGS84").fwd(*origin, azimuth, reach_m)
    a, b = np.array([origin]), np.array([[lng, lat]])
    assert metres(a, b) == pytest.approx(reach_m, abs=1e-6)
    assert np.cos(np.radians(bearing_deg(a, b)[0] - azimuth)) == pytest.approx(1, abs=1e-9)
    assert 0 <= bearing_deg(a, b)[0] < 360
    assert np.linalg.norm(ecef(a) - ecef(b)) == pytest.approx(reach_m, abs=1e-5)


def test_ecef_agrees_with_pyproj() -> None:
    oracle = Transformer.from_crs("EPSG:4326", "EPSG:4978", always_xy=True).transform(*MINHANG.T, np.zeros(3))
    assert np.allclose(ecef(MINHANG), np.column_stack(oracle), atol=1e-6)


def test_a_hole_is_taken_off_whichever_way_its_ring_turns() -> None:
    shell = shapely.box(121.3, 31.0, 121.4, 31.1)
    hole = list(shapely.box(121.34, 31.04, 121.36, 31.06).exterior.coords)
    whole, without = geodesic_area_km2(shell), geodesic_area_km2(shapely.Polygon(hole))
    for ring in (hole, hole[::-1]):
        for outer in (shell.exterior.coords, list(shell.exterior.coords)[::-1]):
            assert geodesic_area_km2(shapely.Polygon(outer, [ring])) == pytest.approx(whole - without, abs=1e-9)


def test_areas_of_parts_add_up_and_points_have_none() -> None:
    first, second = shapely.box(121.3, 31.0, 121.31, 31.01), shapely.box(121.4, 31.0, 121.41, 31.01)
    both = shapely.GeometryCollection([shapely.MultiPolygon([first, second]), shapely.Point(0, 0)])
    assert geodesic_area_km2(both) == pytest.approx(geodesic_area_km2(first) + geodesic_area_km2(second))
    assert geodesic_area_km2(shapely.Point(121, 31)) == 0
    assert geodesic_area_km2(shapely.Polygon()) == 0


@given(near_minhang, st.floats(0.001, 0.2), st.floats(0.001, 0.2))
def test_areas_in_a_metric_frame_are_geodesic(corner: tuple[float, float], width: float, height: float) -> None:
    box = shapely.box(*corner, corner[0] + width, corner[1] + height)
    frame = MetricFrame.around(box)
    assert frame.project(box).area / 1e6 == pytest.approx(geodesic_area_km2(box), rel=1e-8)


@pytest.mark.parametrize(("from_origin_m", "within_m"), [(20_000, 0.008), (60_000, 0.04), (100_000, 0.08)])
def test_a_radius_is_drawn_right_far_from_the_origin(from_origin_m: float, within_m: float) -> None:
    geod = Geod(ellps="WGS84")
    around = np.arange(0.0, 360.0, 10.0)
    frame = MetricFrame(121.4, 31.1)
    for azimuth in around:
        lng, lat, _ = geod.fwd(frame.lng0, frame.lat0, azimuth, from_origin_m)
        rim = geod.fwd(np.full(36, lng), np.full(36, lat), around, np.full(36, 1500.0))[:2]
        drawn = np.hypot(*(frame.forward(np.column_stack(rim)) - frame.forward(np.array([[lng, lat]]))).T)
        assert np.abs(drawn - 1500).max() < within_m


@pytest.mark.parametrize("from_origin_m", [0, 20_000, 60_000, 100_000])
def test_offsets_are_taken_to_true_metres_without_a_change_of_area(from_origin_m: float) -> None:
    geod, frame = Geod(ellps="WGS84"), MetricFrame(121.4, 31.1)
    around = np.arange(0.0, 360.0, 15.0)
    for azimuth in around:
        lng, lat, _ = geod.fwd(frame.lng0, frame.lat0, azimuth, from_origin_m)
        rim = geod.fwd(np.full(24, lng), np.full(24, lat), around, np.full(24, 1500.0))[:2]
        centre = frame.forward(np.array([[lng, lat]]))
        ((a, b, c, d),) = frame.to_local(centre)
        east, north = (frame.forward(np.column_stack(rim)) - centre).T
        assert np.hypot(a * east + b * north, c * east + d * north) == pytest.approx(1500, abs=1e-3)
        assert a * d - b * c == pytest.approx(1, abs=1e-14)


def test_a_metric_frame_takes_one_geometry_or_many_and_comes_back() -> None:
    boxes = np.array([shapely.box(121.3, 31.0, 121.4, 31.1), shapely.Point(121.3, 31.2)], dtype=object)
    frame = MetricFrame.around(boxes)
    back = frame.unproject(frame.project(boxes))
    assert (frame.lng0, frame.lat0) == pytest.approx((121.35, 31.1))
    assert shapely.equals_exact(back[1], boxes[1], 2e-8)
    assert back[0].hausdorff_distance(boxes[0]) < 2e-8
    assert frame.unproject(frame.project(boxes[0])).hausdorff_distance(boxes[0]) < 2e-8
    assert np.allclose(frame.inverse(frame.forward(MINHANG)), MINHANG, atol=1e-11)
    assert np.allclose(frame.forward(np.array([[frame.lng0, frame.lat0]])), 0, atol=1e-6)


def test_long_edges_are_split_before_they_are_projected() -> None:
    line = shapely.LineString([(121.0, 31.0), (121.5, 31.0)])
    frame = MetricFrame.around(line)
    assert shapely.get_num_coordinates(frame.project(line)) >= 51
    assert shapely.get_num_coordinates(frame.project(line, max_segment_deg=1.0)) == 2


def test_a_metric_frame_needs_an_origin() -> None:
    with pytest.raises(BadParameter, match="origin"):
        MetricFrame.around(shapely.Polygon())
