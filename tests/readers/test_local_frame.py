"""Definition files of local grids, against pyproj's own planes, control points and a Helmert transformation by hand."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from twin.errors import BadParameter, FrameUndeclared, InvalidInput, NotFound, TwinError
from twin.frames import FRAMES, Frame, from_wgs84, geodesic_distance_m, parse_frame, to_wgs84
from twin.readers.local_frame import PLANES, local_frame_of, read_local_frame

MINHANG = np.array([[121.2, 31.0], [121.38, 31.11], [121.55, 31.25]])
LIKE_4549 = (
    "+proj=pipeline +step +inv +proj=tmerc +lat_0=0 +lon_0=120 +k=1 +x_0=500000 +y_0=0 +ellps=GRS80 "
    "+step +proj=unitconvert +xy_in=rad +xy_out=deg"
)
FOUR = {"to": "epsg:4549", "dx_m": 639_000.0, "dy_m": 3_456_000.0, "rotation_deg": 0.75, "scale": 1.000012}
SEVEN = {
    "ellipsoid": "krassovsky1940", "convention": "position_vector",
    "central_meridian_deg": 121.5, "latitude_of_origin_deg": 31.25, "false_easting_m": 0, "false_northing_m": 0,
    "central_scale": 1, "dx_m": -20.5, "dy_m": 150, "dz_m": 80.25, "rx_arcsec": 0.5, "ry_arcsec": -1, "rz_arcsec": 3,
    "scale_ppm": -2.5,
}  # fmt: skip


def defined(folder: Path, definition: dict[str, Any], name: str = "grid.json") -> Frame:
    path = folder / name
    path.write_text(json.dumps(definition), "utf-8")
    return read_local_frame(path)


def faults_of(folder: Path, definition: dict[str, Any]) -> list[str]:
    with pytest.raises(BadParameter) as refused:
        defined(folder, definition)
    return [f"{fault.column}: {fault.words.en}" for fault in refused.value.faults]


def outcome(folder: Path, definition: dict[str, Any]) -> Frame | TwinError:
    try:
        return defined(folder, definition)
    except TwinError as refused:
        return refused


def degrees(frame: Frame, xy: Any) -> np.ndarray:
    x, y = np.asarray(xy, float).T
    return np.column_stack(to_wgs84(x, y, frame, allow_datum_inverse=False))


def metres(frame: Frame, lnglat: np.ndarray) -> np.ndarray:
    return np.column_stack(from_wgs84(lnglat[:, 0], lnglat[:, 1], frame))


# Against others --------------------------------------------------------------------------------------------------------


def test_epsg_4549_written_as_a_pipeline_is_epsg_4549(tmp_path: Path) -> None:
    path = tmp_path / "sh.toml"
    path.write_text(f'pipeline = "{LIKE_4549}"\n', "utf-8")
    frame = read_local_frame(path)
    xy = metres(FRAMES["epsg:4549"], MINHANG)
    oracle = Transformer.from_crs("EPSG:4549", "EPSG:4490", always_xy=True).transform(*xy.T)
    assert np.abs(degrees(frame, xy) - np.column_stack(oracle)).max() < 1e-9
    assert np.abs(metres(frame, MINHANG) - xy).max() < 1e-6
    assert frame.fits(*xy.T).all()


def test_a_pipeline_may_end_in_the_radians_that_proj_thinks_in(tmp_path: Path) -> None:
    short = LIKE_4549.removesuffix(" +step +proj=unitconvert +xy_in=rad +xy_out=deg")
    xy = metres(FRAMES["epsg:4549"], MINHANG)
    assert np.abs(degrees(defined(tmp_path, {"pipeline": short}), xy) - MINHANG).max() < 1e-9


@pytest.mark.parametrize("plane", PLANES)
def test_the_planes_that_four_parameters_lead_to_are_those_of_proj(tmp_path: Path, plane: str) -> None:
    nothing = {"to": plane, "dx_m": 0, "dy_m": 0, "rotation_deg": 0, "scale": 1}
    frame = defined(tmp_path, {"four_parameters": nothing})
    to_plane = Transformer.from_crs(CRS(plane).geodetic_crs, plane, always_xy=True)
    assert np.abs(metres(frame, MINHANG) - np.column_stack(to_plane.transform(*MINHANG.T))).max() < 1e-6


def test_four_parameters_found_from_control_points_take_them_home(tmp_path: Path) -> None:
    """A grid turned, scaled and moved: the parameters by least squares over five control points."""
    plane = metres(FRAMES["epsg:4549"], np.vstack([MINHANG, [[121.3, 31.2], [121.5, 31.05]]]))
    turn, scale, origin = np.radians(-1.25), 0.99998, np.array([639_000.0, 3_456_000.0])
    local = (plane - origin) @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) / scale
    (e, n), one, none = local.T, np.ones(5), np.zeros(5)
    normal = np.vstack([np.column_stack([one, none, e, -n]), np.column_stack([none, one, n, e])])
    dx, dy, a, b = np.linalg.lstsq(normal, plane.T.ravel(), rcond=None)[0]
    four = {"to": "epsg:4549", "dx_m": dx, "dy_m": dy, "rotation_deg": np.degrees(np.arctan2(b, a)), "scale": np.hypot(a, b)}  # fmt: skip
    assert four["rotation_deg"] == pytest.approx(-1.25)
    frame = defined(tmp_path, {"four_parameters": four})
    assert np.abs(degrees(frame, local[:3]) - MINHANG).max() < 1e-9
    assert np.abs(metres(frame, MINHANG) - local[:3]).max() < 1e-4


@pytest.mark.parametrize(("convention", "sign"), [("position_vector", 1), ("coordinate_frame", -1)])
def test_seven_parameters_agree_with_a_helmert_transformation_by_hand(
    tmp_path: Path, convention: str, sign: int
) -> None:
    frame = defined(tmp_path, {"seven_parameters": {**SEVEN, "convention": convention}})
    xy = np.array([[-25_000.0, -18_000.0], [0.0, 0.0], [4_000.0, 21_000.0]])
    unproject = Transformer.from_pipeline("+proj=tmerc +lon_0=121.5 +lat_0=31.25 +ellps=krass")
    lng, lat = (np.radians(v) for v in unproject.transform(*xy.T, direction="INVERSE"))
    assert np.abs(degrees(frame, xy) - by_hand(lng, lat, sign)).max() < 1e-9


def by_hand(lng: np.ndarray, lat: np.ndarray, sign: int) -> np.ndarray:
    """Radians on Krassovsky's ellipsoid to (n, 2) degrees on that of WGS-84, with the linearised rotations of ``SEVEN``."""
    a, f = 6378245.0, 1 / 298.3
    e2 = f * (2 - f)
    n = a / np.sqrt(1 - e2 * np.sin(lat) ** 2)
    xyz = np.vstack([n * np.cos(lat) * np.cos(lng), n * np.cos(lat) * np.sin(lng), n * (1 - e2) * np.sin(lat)])
    rx, ry, rz = (sign * np.radians(SEVEN[k] / 3600) for k in ("rx_arcsec", "ry_arcsec", "rz_arcsec"))
    turn = np.array([[1, -rz, ry], [rz, 1, -rx], [-ry, rx, 1]])
    moved = np.array([[-20.5], [150], [80.25]]) + (1 - 2.5e-6) * (turn @ xyz)
    a, f = 6378137.0, 1 / 298.257223563
    e2 = f * (2 - f)
    flat = np.hypot(moved[0], moved[1])
    phi = np.arctan2(moved[2], flat * (1 - e2))
    for _ in range(10):
        phi = np.arctan2(moved[2] + e2 * a / np.sqrt(1 - e2 * np.sin(phi) ** 2) * np.sin(phi), flat)
    return np.degrees(np.column_stack([np.arctan2(moved[1], moved[0]), phi]))


@pytest.mark.parametrize(
    "definition", [{"four_parameters": FOUR}, {"seven_parameters": SEVEN}, {"pipeline": LIKE_4549}]
)
def test_a_local_grid_comes_back_within_a_micrometre(tmp_path: Path, definition: dict[str, Any]) -> None:
    frame = defined(tmp_path, definition)
    xy = metres(frame, MINHANG)
    assert geodesic_distance_m(degrees(frame, xy), MINHANG).max() < 1e-6
    assert np.abs(metres(frame, degrees(frame, xy)) - xy).max() < 1e-6


# Names and bounds ------------------------------------------------------------------------------------------------------


def test_the_name_says_the_file_and_its_hash(tmp_path: Path) -> None:
    frame = defined(tmp_path, {"four_parameters": FOUR}, "上海2000.json")
    digest = sha256((tmp_path / "上海2000.json").read_bytes()).hexdigest()
    assert (frame.name, frame.kind) == (f"local:上海2000.json@{digest[:12]}", "plane")
    assert digest in frame.title.zh
    assert str(tmp_path) not in frame.name + frame.title.zh + frame.title.en
    assert len({frame, defined(tmp_path, {"four_parameters": FOUR}, "上海2000.json")}) == 1


def test_another_definition_of_the_same_name_is_another_frame(tmp_path: Path) -> None:
    one = defined(tmp_path, {"four_parameters": FOUR})
    other = defined(tmp_path, {"four_parameters": {**FOUR, "dx_m": 639_000.5}})
    assert one.name != other.name
    moved = geodesic_distance_m(degrees(other, [[0.0, 0.0]]), degrees(one, [[0.0, 0.0]]))
    assert moved[0] == pytest.approx(0.5, abs=1e-3)


def test_toml_and_json_say_the_same(tmp_path: Path) -> None:
    path = tmp_path / "grid.toml"
    lines = [f"{key} = {json.dumps(value)}" for key, value in SEVEN.items()]
    path.write_text("# from the survey\n[seven_parameters]\n" + "\n".join(lines), "utf-8")
    assert read_local_frame(path).pipeline == defined(tmp_path, {"seven_parameters": SEVEN}).pipeline


def test_bounds_hold_where_the_grid_is_true_to_scale_unless_the_file_says_them(tmp_path: Path) -> None:
    frame = defined(tmp_path, {"pipeline": LIKE_4549})
    assert frame.fits([500_000, 640_000], [3_440_000, 3_440_000]).all()
    assert not frame.fits([3_440_000, 121.4], [640_000, 31.1]).any()
    said = defined(tmp_path, {"pipeline": LIKE_4549, "bounds": [600_000, 3_400_000, 700_000, 3_500_000]})
    assert said.bounds == (600_000, 3_400_000, 700_000, 3_500_000)


def test_a_caller_names_the_file_and_gets_the_frame(tmp_path: Path) -> None:
    path = tmp_path / "Grid 2000.toml"
    path.write_text(f'pipeline = "{LIKE_4549}"', "utf-8")
    text = f" Local:{path} "
    frame = local_frame_of(text)
    assert frame is not None
    assert parse_frame(text, frame) is frame
    assert local_frame_of("wgs84") is local_frame_of(None) is None
    assert parse_frame("wgs84", frame).name == "wgs84"
    with pytest.raises(FrameUndeclared, match="the definition of this local frame is not at hand"):
        parse_frame(text)


# Faults ----------------------------------------------------------------------------------------------------------------


def test_all_faults_are_said_at_once(tmp_path: Path) -> None:
    four = {"to": "epsg:9999", "dx_m": "far", "dy_m": float("inf"), "rotation_deg": True, "colour": 1}
    assert faults_of(tmp_path, {"four_parameters": four, "bounds": [1, 2, 3], "note": "x"}) == [
        "note: unknown key; known are pipeline, four_parameters, seven_parameters, bounds",
        "four_parameters.colour: unknown key; known are to, dx_m, dy_m, rotation_deg, scale",
        "four_parameters.to: one of epsg:4549, epsg:4528, epsg:32651 is expected",
        "four_parameters.dx_m: a number from -1e+08 to 1e+08 is expected",
        "four_parameters.dy_m: a number from -1e+08 to 1e+08 is expected",
        "four_parameters.rotation_deg: a number from -360 to 360 is expected",
        "four_parameters.scale: a number from 0.9 to 1.1 is expected",
        "bounds: four numbers [west, south, east, north] in metres are expected",
    ]


def test_seven_parameters_name_what_is_missing(tmp_path: Path) -> None:
    found = faults_of(tmp_path, {"seven_parameters": {"ellipsoid": "bessel"}})
    assert len(found) == len(SEVEN)
    assert found[0] == "seven_parameters.ellipsoid: one of krassovsky1940, iag75, cgcs2000, wgs84 is expected"


@pytest.mark.parametrize("definition", [{}, {"pipeline": LIKE_4549, "four_parameters": FOUR}, {"bounds": [0, 0, 1, 1]}])
def test_exactly_one_way_is_given(tmp_path: Path, definition: dict[str, Any]) -> None:
    assert ": give exactly one of pipeline, four_parameters, seven_parameters" in faults_of(tmp_path, definition)


@pytest.mark.parametrize(
    "bounds", [[0, 0, 0, 1], [1, 0, 0, 1], [0, 0, 1], [0, 0, 1, float("nan")], [0, 0, 1, "1"], "all"]
)
def test_bounds_are_four_ascending_numbers(tmp_path: Path, bounds: Any) -> None:
    found = faults_of(tmp_path, {"pipeline": LIKE_4549, "bounds": bounds})
    assert found == ["bounds: four numbers [west, south, east, north] in metres are expected"]


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        ("+step +proj=hgridshift +grids=shift.gsb", "+proj=hgridshift +grids=shift.gsb"),
        ("+step +proj=longlat +nadgrids=@null", "+nadgrids=@null"),
        ("+step +proj=vgridshift +grids=us_nga_egm96_15.tif", "+proj=vgridshift"),
        ("+step +init=epsg:4549", "+init=epsg:4549"),
        ("+step +proj=defmodel +model=x.json", "+proj=defmodel"),
        ("+step proj = hgridshift", "="),
        ("+step;+proj=hgridshift", "+step;+proj=hgridshift"),
        ("+step +proj=helmert +file=/etc/passwd", "+file=/etc/passwd"),
    ],
)
def test_a_pipeline_may_not_reach_for_grids_or_files(tmp_path: Path, extra: str, named: str) -> None:
    (found,) = faults_of(tmp_path, {"pipeline": f"{LIKE_4549} {extra}"})
    assert found.startswith("pipeline: only plain arithmetic is allowed, no grids or other files: ")
    assert named in found


@pytest.mark.parametrize(
    ("pipeline", "said"),
    [
        ("+proj=tmerc +lon_0=120", "begins with +proj=pipeline"),
        ("", "begins with +proj=pipeline"),
        (7, "begins with +proj=pipeline"),
        ("+proj=pipeline", "PROJ does not accept it"),
        ("+proj=pipeline +step +proj=affine +s11=x", "nowhere in China"),
        (LIKE_4549 + " +step +proj=axisswap +order=2,1", "nowhere in China"),
        (LIKE_4549.replace("+k=1 ", "+k=1.2 "), "nowhere in China"),
    ],
)
def test_a_pipeline_that_leads_nowhere_is_refused(tmp_path: Path, pipeline: Any, said: str) -> None:
    (found,) = faults_of(tmp_path, {"pipeline": pipeline})
    assert found.startswith("pipeline: ")
    assert said in found


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.toml", b"pipeline = "), ("a.json", b"{"), ("a.json", b"[1]"), ("a.toml", b""), ("a.toml", b"\x00\x01"),
     ("a.toml", b"\xff\xff\xff"), ("a.json", b"[" * 100_000)],
)  # fmt: skip
def test_a_file_that_is_no_definition_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"a\.(toml|json)"):
        read_local_frame(path)


def test_no_file_and_a_folder_are_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"none\.toml"):
        read_local_frame(tmp_path / "none.toml")
    with pytest.raises(BadParameter, match="cannot read"):
        read_local_frame(tmp_path)


LEAVES = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner))


@given(
    st.dictionaries(st.sampled_from(["pipeline", "bounds", "note"]), VALUES, max_size=2),
    st.dictionaries(st.sampled_from([*FOUR]), VALUES | st.just(1.0), max_size=5),
    st.dictionaries(st.sampled_from([*SEVEN]), VALUES | st.just(1.0)),
)
def test_any_values_give_a_frame_or_a_clear_refusal(
    tmp_path_factory: pytest.TempPathFactory, top: dict[str, Any], four: dict[str, Any], seven: dict[str, Any]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    for definition in ({"four_parameters": {**FOUR, **four}}, {"seven_parameters": {**SEVEN, **seven}}):
        result = outcome(folder, {**top, **definition})
        assert result.pipeline if isinstance(result, Frame) else result.words.zh


@given(st.binary(max_size=60), st.sampled_from(["any.toml", "any.json"]))
def test_any_bytes_are_refused_in_words(tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(content)
    with pytest.raises(InvalidInput):
        read_local_frame(path)


@given(st.lists(st.sampled_from(["+proj=pipeline", "+step", "+inv", "+proj=tmerc", "+lon_0=120", "+proj=affine", "+s11=2",
                                 "+proj=unitconvert", "+xy_in=rad", "+xy_out=deg", "+proj=cart", "+proj=helmert", "+x=nan",
                                 "+ellps=GRS80", "+proj=topocentric", "+proj=lcc", "+proj=noop", "+omit_inv"]), max_size=9))  # fmt: skip
def test_any_pipeline_of_allowed_words_is_a_frame_or_refused(
    tmp_path_factory: pytest.TempPathFactory, words: list[str]
) -> None:
    result = outcome(tmp_path_factory.getbasetemp(), {"pipeline": " ".join(["+proj=pipeline", *words])})
    assert np.isfinite(result.bounds).all() if isinstance(result, Frame) else result.faults
