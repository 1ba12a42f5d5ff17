"""Definition files of local plane grids (上海2000坐标系 and the like): ``local:<file>``. None is shipped; the user supplies one.

A file (.toml or .json) says how metres east and north of the grid become degrees of WGS-84 or CGCS2000, in one of three ways:

- ``pipeline``: a PROJ string, ``+proj=pipeline …``, from x (east), y (north) to longitude, latitude in degrees;
- ``[four_parameters]``: ``to`` (a plane of ``PLANES``), ``dx_m``, ``dy_m``, ``rotation_deg``, ``scale``, meaning
  ``E = dx + scale (x cos r - y sin r)``, ``N = dy + scale (x sin r + y cos r)``: r turns counter-clockwise;
- ``[seven_parameters]``: the grid's own ``ellipsoid`` and transverse Mercator (``central_meridian_deg``,
  ``latitude_of_origin_deg``, ``false_easting_m``, ``false_northing_m``, ``central_scale``), and from its datum
  ``dx_m``, ``dy_m``, ``dz_m``, ``rx_arcsec``, ``ry_arcsec``, ``rz_arcsec``, ``scale_ppm``, with the ``convention`` of the rotations.

``bounds = [west, south, east, north]`` in the grid's metres may narrow what makes sense in it.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.exceptions import ProjError

from twin.errors import BadParameter, Fault, NotFound, Words
from twin.frames import LOCAL, Frame, from_wgs84, geodesic_distance_m, to_wgs84
from twin.readers.text import decode

Faults = list[Fault]
Bounds = tuple[float, float, float, float]

PLANES = {
    "epsg:4549": "+proj=tmerc +lat_0=0 +lon_0=120 +k=1 +x_0=500000 +y_0=0 +ellps=GRS80",
    "epsg:4528": "+proj=tmerc +lat_0=0 +lon_0=120 +k=1 +x_0=40500000 +y_0=0 +ellps=GRS80",
    "epsg:32651": "+proj=utm +zone=51 +ellps=WGS84",
}
"""Planes that four parameters may lead to; tested against PROJ's own database."""
ELLIPSOIDS = {"krassovsky1940": "krass", "iag75": "IAU76", "cgcs2000": "GRS80", "wgs84": "WGS84"}
CONVENTIONS = ("position_vector", "coordinate_frame")
WAYS = ("pipeline", "four_parameters", "seven_parameters")
FOUR = ("dx_m", "dy_m", "rotation_deg", "scale")
GRID = ("central_meridian_deg", "latitude_of_origin_deg", "false_easting_m", "false_northing_m", "central_scale")
SHIFT = ("dx_m", "dy_m", "dz_m", "rx_arcsec", "ry_arcsec", "rz_arcsec", "scale_ppm")
LIMITS = {
    "scale": (0.9, 1.1), "central_scale": (0.9, 1.1), "rotation_deg": (-360, 360), "central_meridian_deg": (-180, 180),
    "latitude_of_origin_deg": (-90, 90), "scale_ppm": (-1000, 1000), "rx_arcsec": (-3600, 3600), "ry_arcsec": (-3600, 3600),
    "rz_arcsec": (-3600, 3600), "dx_m": (-1e8, 1e8), "dy_m": (-1e8, 1e8), "dz_m": (-1e4, 1e4),
    "false_easting_m": (-1e8, 1e8), "false_northing_m": (-1e8, 1e8),
}  # fmt: skip
OPERATIONS = frozenset(
    "pipeline unitconvert axisswap affine helmert molobadekas molodensky cart tmerc etmerc utm lcc laea aea cass merc omerc "
    "somerc stere sterea aeqd topocentric longlat latlong noop push pop".split()
)
"""What a pipeline may do: plain arithmetic. Nothing that reads a grid or another file."""
PARAMETER = re.compile(r"\+?(?P<key>[A-Za-z_0-9]+)(?:=(?P<value>[-+.,\w]+))?")
FOREIGN = frozenset("grids nadgrids geoidgrids file init xy_grids z_grids catalog datum towgs84 wktext".split())
TRUE_TO_SCALE = 0.001
"""A grid makes sense where a metre of it is one on the ground, within this."""
STEP_DEG = 0.01


def local_frame_of(text: str | None) -> Frame | None:
    """The frame of a caller's ``local:<file>``; None where the text names no local frame. Raises as ``read_local_frame``."""
    said = (text or "").strip()
    return read_local_frame(Path(said[len(LOCAL) :].strip())) if said.lower().startswith(LOCAL) else None


def read_local_frame(path: Path) -> Frame:
    """Read and check a definition; the frame is named ``local:<file name>@<first 12 of the file's SHA-256>``.

    Its ``bounds`` are those of the file; without, they hold where in China the grid is true to scale within 0.1 %.

    Raises:
        NotFound: there is no such file.
        BadParameter: it cannot be read, or has faults; all of them are listed.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise NotFound(f"没有坐标系定义文件 {path}", f"there is no frame definition {path}") from None
    except OSError as reason:
        raise BadParameter(
            f"读不了坐标系定义 {path}：{reason.strerror}", f"cannot read the frame definition {path}: {reason.strerror}"
        ) from None
    faults: Faults = []
    definition = _parsed(content, path.name)
    pipeline = _pipeline_of(definition, path.name, faults)
    bounds = _bounds_of(definition, path.name, faults)
    digest = sha256(content).hexdigest()
    title = Words(f"地方坐标系 {path.name}（SHA-256 {digest}）", f"local grid {path.name} (SHA-256 {digest})")
    frame = Frame(f"{LOCAL}{path.name}@{digest[:12]}", "plane", title, pipeline=pipeline)
    if not faults:
        makes_sense = _where_true(frame, path.name, "pipeline" if "pipeline" in definition else "", faults)
        frame = replace(frame, bounds=bounds or makes_sense)
    if faults:
        raise BadParameter(
            f"坐标系定义 {path.name} 有 {len(faults)} 处错误；第一处：{faults[0].column}：{faults[0].words.zh}",
            f"the frame definition {path.name} has {len(faults)} fault(s); first: {faults[0].column}: {faults[0].words.en}",
            faults,
        )
    return frame


def _parsed(content: bytes, name: str) -> Mapping[str, Any]:
    text, _ = decode(content, name)
    try:
        read = json.loads(text) if name.lower().endswith(".json") else tomllib.loads(text)
    except (ValueError, RecursionError) as reason:
        raise BadParameter(
            f"坐标系定义 {name} 不是有效的 TOML 或 JSON：{reason}",
            f"the frame definition {name} is no valid TOML or JSON: {reason}",
        ) from None
    if not isinstance(read, dict):
        raise BadParameter(
            f"坐标系定义 {name} 应为键值表",
            f"the frame definition {name} should hold keys and values, not a list or a single value",
        )
    return read


# The three ways -------------------------------------------------------------------------------------------------------


def _pipeline_of(definition: Mapping[str, Any], name: str, faults: Faults) -> str:
    """The PROJ string; empty where there are faults."""
    _unknown(definition, (*WAYS, "bounds"), name, "", faults)
    said = [way for way in WAYS if way in definition]
    if len(said) != 1:
        words = Words(f"应恰好给出其一：{'、'.join(WAYS)}", f"give exactly one of {', '.join(WAYS)}")
        faults.append(Fault(name, "", ", ".join(said), words))
        return ""
    way = said[0]
    value, before = definition[way], len(faults)
    if way == "pipeline":
        return _given(value, name, faults)
    if not isinstance(value, dict):
        faults.append(Fault(name, way, str(value), Words("应为一组参数", "a table of parameters is expected")))
        return ""
    pipeline = (_four if way == "four_parameters" else _seven)(value, name, faults)
    return pipeline if len(faults) == before else ""


def _given(value: object, name: str, faults: Faults) -> str:
    """A pipeline as it stands, if it is one and reads nothing from elsewhere."""
    text = " ".join(str(value).split())
    pairs = [PARAMETER.fullmatch(part) for part in text.split(" ")]
    foreign = [
        part
        for part, pair in zip(text.split(" "), pairs, strict=True)
        if not pair or pair["key"] in FOREIGN or (pair["key"] == "proj" and pair["value"] not in OPERATIONS)
    ]
    if not isinstance(value, str) or not (pairs[0] and pairs[0]["value"] == "pipeline"):
        words = Words("应为以 +proj=pipeline 开头的文本", "a text that begins with +proj=pipeline is expected")
        faults.append(Fault(name, "pipeline", text, words))
    elif foreign:
        said = " ".join(foreign)
        words = Words(
            f"只允许自足的运算，不得引用格网或其他文件：{said}",
            f"only plain arithmetic is allowed, no grids or other files: {said}",
        )
        faults.append(Fault(name, "pipeline", text, words))
    else:
        faults += [Fault(name, "pipeline", text, words) for words in _refused(text)]
    return text


def _refused(pipeline: str) -> list[Words]:
    try:
        Transformer.from_pipeline(pipeline)
    except ProjError as reason:
        said = str(reason).strip()
        return [Words(f"PROJ 不接受：{said}", f"PROJ does not accept it: {said}")]
    return []


def _four(value: Mapping[str, Any], name: str, faults: Faults) -> str:
    way = "four_parameters"
    _unknown(value, ("to", *FOUR), name, f"{way}.", faults)
    plane = _choice(value, "to", tuple(PLANES), name, way, faults)
    dx, dy, rotation, scale = (_number(value, key, name, way, faults) for key in FOUR)
    cos, sin = (scale * f(math.radians(rotation)) for f in (math.cos, math.sin))
    return (
        f"+proj=pipeline +step +proj=affine +xoff={dx!r} +yoff={dy!r} +s11={cos!r} +s12={-sin!r} +s21={sin!r} +s22={cos!r} "
        f"+step +inv {PLANES.get(plane, '')} +step +proj=unitconvert +xy_in=rad +xy_out=deg"
    )


def _seven(value: Mapping[str, Any], name: str, faults: Faults) -> str:
    way = "seven_parameters"
    _unknown(value, ("ellipsoid", "convention", *GRID, *SHIFT), name, f"{way}.", faults)
    ellps = ELLIPSOIDS.get(_choice(value, "ellipsoid", tuple(ELLIPSOIDS), name, way, faults), "")
    convention = _choice(value, "convention", CONVENTIONS, name, way, faults)
    lng0, lat0, east, north, k = (_number(value, key, name, way, faults) for key in GRID)
    x, y, z, rx, ry, rz, ppm = (_number(value, key, name, way, faults) for key in SHIFT)
    return (
        f"+proj=pipeline +step +inv +proj=tmerc +lon_0={lng0!r} +lat_0={lat0!r} +k={k!r} +x_0={east!r} +y_0={north!r} +ellps={ellps} "
        f"+step +proj=cart +ellps={ellps} +step +proj=helmert +x={x!r} +y={y!r} +z={z!r} +rx={rx!r} +ry={ry!r} +rz={rz!r} +s={ppm!r} "
        f"+convention={convention} +step +inv +proj=cart +ellps=WGS84 +step +proj=unitconvert +xy_in=rad +xy_out=deg"
    )


# Values ---------------------------------------------------------------------------------------------------------------


def _unknown(value: Mapping[str, Any], known: tuple[str, ...], name: str, at: str, faults: Faults) -> None:
    words = Words(f"不认识的键；可用：{'、'.join(known)}", f"unknown key; known are {', '.join(known)}")
    faults += [Fault(name, f"{at}{key}", str(value[key]), words) for key in value if key not in known]


def _choice(value: Mapping[str, Any], key: str, known: tuple[str, ...], name: str, way: str, faults: Faults) -> str:
    said = value.get(key)
    text = said.strip().lower() if isinstance(said, str) else ""
    if text not in known:
        words = Words(f"应为其一：{'、'.join(known)}", f"one of {', '.join(known)} is expected")
        faults.append(Fault(name, f"{way}.{key}", "" if said is None else str(said), words))
    return text


def _number(value: Mapping[str, Any], key: str, name: str, way: str, faults: Faults) -> float:
    """A finite number within its limits; 0 where it is a fault."""
    said, (low, high) = value.get(key), LIMITS[key]
    if isinstance(said, int | float) and not isinstance(said, bool) and low <= said <= high:
        return float(said)
    words = Words(f"应为 {low:g} 到 {high:g} 之间的数", f"a number from {low:g} to {high:g} is expected")
    faults.append(Fault(name, f"{way}.{key}", "" if said is None else str(said), words))
    return 0.0


def _bounds_of(definition: Mapping[str, Any], name: str, faults: Faults) -> Bounds | None:
    said = definition.get("bounds")
    if said is None:
        return None
    numbers = [float(n) for n in said if isinstance(n, int | float)] if isinstance(said, list) else []
    if len(numbers) == len(said if isinstance(said, list) else ()) == 4 and all(map(math.isfinite, numbers)):
        west, south, east, north = numbers
        if west < east and south < north:
            return west, south, east, north
    words = Words(
        "应为四个数 [西, 南, 东, 北]，单位米", "four numbers [west, south, east, north] in metres are expected"
    )
    faults.append(Fault(name, "bounds", str(said), words))
    return None


# Sense ----------------------------------------------------------------------------------------------------------------


def _where_true(frame: Frame, name: str, column: str, faults: Faults) -> Bounds:
    """The box, in the grid's metres, of where in China it comes back and is true to scale; a fault if that is nowhere."""
    lng, lat = (axis.ravel() for axis in np.meshgrid(np.arange(73.0, 136.0, 0.5), np.arange(3.0, 54.5, 0.5)))
    here = _grid(frame, lng, lat)
    back = np.column_stack(to_wgs84(here[:, 0], here[:, 1], frame, allow_datum_inverse=False))
    home_m = geodesic_distance_m(np.nan_to_num(back), np.column_stack([lng, lat]))
    good = np.isfinite(here).all(axis=1) & np.isfinite(back).all(axis=1) & (home_m < 0.01)
    for d_lng, d_lat in ((STEP_DEG, 0.0), (0.0, STEP_DEG)):
        drawn = np.hypot(*(_grid(frame, lng + d_lng, lat + d_lat) - here).T)
        true = geodesic_distance_m(np.column_stack([lng, lat]), np.column_stack([lng + d_lng, lat + d_lat]))
        good &= np.abs(drawn / true - 1) < TRUE_TO_SCALE
    if not good.any():
        words = Words(
            "在中国任何地方都不能把本地的东、北坐标（米）换成经纬度（度）；请检查参数、单位与坐标轴顺序",
            "nowhere in China does it take metres east and north of the grid to degrees; check parameters, units and the order of axes",
        )
        faults.append(Fault(name, column, frame.pipeline or "", words))
        return frame.bounds
    (west, south), (east, north) = here[good].min(axis=0), here[good].max(axis=0)
    return float(west), float(south), float(east), float(north)


def _grid(frame: Frame, lng: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack(from_wgs84(lng, lat, frame))
