"""Declared coordinate frames, and measuring on the WGS-84 ellipsoid. Knows no file, no layer and no setting.

Pairs are longitude, latitude (east, north) in this order everywhere. CGCS2000 is taken as equal to WGS-84 (they differ
by centimetres). The arithmetic of GCJ-02 and BD-09 is in ``twin.offsets``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from pyproj import Geod, Transformer
from shapely.geometry.base import BaseGeometry

from twin.errors import BadParameter, FrameUndeclared, InverseNotAllowed, Words
from twin.model import Geometries, LngLat
from twin.offsets import bd09_to_wgs84, gcj02_to_wgs84, wgs84_to_bd09, wgs84_to_gcj02

Floats = NDArray[np.float64]
Pair = tuple[Floats, Floats]
FrameKind = Literal["degrees", "plane", "offset"]

GEOD = Geod(ellps="WGS84")
SEMI_MAJOR_M = 6378137.0
ECC2 = 6.69437999014e-3
SEGMENT_DEG = 0.001
ANTIPODE_M = 2e7


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame a file may be declared in.

    ``degrees`` is WGS-84 or its equal, ``plane`` metres of ``epsg``, ``offset`` the shifted degrees of Chinese maps.
    ``bounds`` (west, south, east, north) holds every value that makes sense in it, in its own unit. A local grid has a
    ``pipeline`` in place of ``epsg``: a PROJ string from its metres (east, north) to degrees, reversible, without grids.
    """

    name: str
    kind: FrameKind
    title: Words
    bounds: tuple[float, float, float, float] = (-180.0, -90.0, 180.0, 90.0)
    epsg: int | None = None
    pipeline: str | None = None

    def fits(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.bool_]:
        """Which pairs lie within ``bounds`` (inclusive; NaN does not)."""
        xs, ys = np.asarray(x, np.float64), np.asarray(y, np.float64)
        west, south, east, north = self.bounds
        return np.asarray((xs >= west) & (xs <= east) & (ys >= south) & (ys <= north))


FRAMES: dict[str, Frame] = {
    frame.name: frame
    for frame in (
        Frame("wgs84", "degrees", Words("WGS-84 经纬度", "WGS-84 degrees"), epsg=4326),
        Frame("cgcs2000", "degrees", Words("CGCS2000 经纬度", "CGCS2000 degrees"), epsg=4490),
        Frame("epsg:4549", "plane", Words("CGCS2000 三度带 120°E", "CGCS2000 / 3-degree Gauss-Kruger CM 120E"),
              (100_000, 300_000, 900_000, 6_500_000), 4549),
        Frame("epsg:4528", "plane", Words("CGCS2000 三度带 40 带", "CGCS2000 / 3-degree Gauss-Kruger zone 40"),
              (40_100_000, 300_000, 40_900_000, 6_500_000), 4528),
        Frame("epsg:32651", "plane", Words("WGS-84 UTM 51 北", "WGS-84 / UTM zone 51N"), (100_000, 300_000, 900_000, 6_500_000), 32651),
        Frame("gcj02", "offset", Words("GCJ-02(火星坐标)", "GCJ-02 (AMap, Tencent)")),
        Frame("bd09", "offset", Words("BD-09(百度坐标)", "BD-09 (Baidu)")),
    )
}  # fmt: skip
LOCAL = "local:"
ALIASES = {"epsg:4326": "wgs84", "epsg:4490": "cgcs2000", "gcj-02": "gcj02", "bd-09": "bd09", "wgs-84": "wgs84"}


def parse_frame(text: str | None, local: Frame | None = None) -> Frame:
    """The frame a caller named, without regard to case and blanks.

    Args:
        text: a name of ``FRAMES`` or ``ALIASES``, or ``local:`` and what follows.
        local: the frame that ``local:<file>`` stands for, as the caller has read it.

    Raises:
        FrameUndeclared: nothing was said, the name is unknown, or it is ``local:<file>`` and no ``local`` is given.
    """
    name = (text or "").strip().lower()
    choices = ", ".join((*FRAMES, "epsg:4326", "epsg:4490", "local:<file>"))
    if name.startswith(LOCAL):
        if local is not None:
            return local
        raise FrameUndeclared(
            f"{text}：此处没有该地方坐标系的定义；请用 --frame local:<文件> 给出其定义文件，或选用：{choices}",
            f"{text}: the definition of this local frame is not at hand; give its file with --frame local:<file>, "
            f"or one of {choices}",
        )
    frame = FRAMES.get(ALIASES.get(name, name))
    if frame is None:
        undeclared = ("未声明坐标系", "no frame was declared")
        zh, en = (f"不认识坐标系“{text}”", f"unknown frame {text!r}") if name else undeclared
        raise FrameUndeclared(f"{zh}；请用 --frame 声明：{choices}", f"{en}; name one with --frame: {choices}")
    return frame


def to_wgs84(x: ArrayLike, y: ArrayLike, frame: Frame, *, allow_datum_inverse: bool) -> Pair:
    """Bring coordinates of a frame to WGS-84.

    Args:
        x: (n,) east or longitude, in the frame's unit. NaN stays NaN.
        y: (n,) north or latitude, likewise.
        frame: what the file was declared in.
        allow_datum_inverse: whether GCJ-02 and BD-09 may be undone (legally sensitive in China).

    Returns:
        ``(lng, lat)``, (n,) float64 degrees each. What the projection cannot hold is NaN.

    Raises:
        InverseNotAllowed: the frame is GCJ-02 or BD-09 and the inverse is switched off.
    """
    xs, ys = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if frame.kind == "degrees":
        return xs.copy(), ys.copy()
    if frame.epsg is not None:
        return _finite(_epsg_transformer(frame.epsg).transform(xs, ys, direction="INVERSE"))
    if frame.pipeline is not None:
        return _finite(_pipeline_transformer(frame.pipeline).transform(xs, ys))
    if not allow_datum_inverse:
        raise InverseNotAllowed(
            f"从 {frame.name} 反算 WGS-84 未启用；如有权使用，请设置 TWIN_ALLOW_DATUM_INVERSE=1(会写入日志)",
            f"converting {frame.name} to WGS-84 is switched off; set TWIN_ALLOW_DATUM_INVERSE=1 if you may (it is logged)",
        )
    return (bd09_to_wgs84 if frame.name == "bd09" else gcj02_to_wgs84)(xs, ys)


def from_wgs84(lng: ArrayLike, lat: ArrayLike, frame: Frame) -> Pair:
    """WGS-84 degrees to a frame's own ``(x, y)``; shapes as in :func:`to_wgs84`."""
    xs, ys = np.asarray(lng, np.float64), np.asarray(lat, np.float64)
    if frame.kind == "degrees":
        return xs.copy(), ys.copy()
    if frame.epsg is not None:
        return _finite(_epsg_transformer(frame.epsg).transform(xs, ys))
    if frame.pipeline is not None:
        return _from_degrees(_pipeline_transformer(frame.pipeline), xs, ys)
    return (wgs84_to_bd09 if frame.name == "bd09" else wgs84_to_gcj02)(xs, ys)


@lru_cache(maxsize=8)
def _epsg_transformer(epsg: int) -> Transformer:
    source = 4326 if epsg == 32651 else 4490
    return Transformer.from_crs(source, epsg, always_xy=True)


@lru_cache(maxsize=8)
def _pipeline_transformer(pipeline: str) -> Transformer:
    return Transformer.from_pipeline(pipeline)


def _from_degrees(transformer: Transformer, lng: Floats, lat: Floats) -> Pair:
    """The pipeline undone. Between two datums the height that a plane does not keep costs it a millimetre: given back here."""
    x, y = _finite(transformer.transform(lng, lat, direction="INVERSE"))
    there = _finite(transformer.transform(x, y))
    return _finite(transformer.transform(2 * lng - there[0], 2 * lat - there[1], direction="INVERSE"))


def _finite(pair: tuple[Any, Any]) -> Pair:
    x, y = (np.asarray(v, np.float64) for v in pair)
    good = np.isfinite(x) & np.isfinite(y)
    return np.where(good, x, np.nan), np.where(good, y, np.nan)


def ecef(lnglat: LngLat) -> Floats:
    """Earth-centred positions on the ellipsoid: (n, 2) degrees to (n, 3) metres; chords suit a k-d tree."""
    lng, lat = np.radians(np.asarray(lnglat, np.float64)).T
    normal = SEMI_MAJOR_M / np.sqrt(1 - ECC2 * np.sin(lat) ** 2)
    flat = normal * np.cos(lat)
    return np.column_stack((flat * np.cos(lng), flat * np.sin(lng), normal * (1 - ECC2) * np.sin(lat)))


def _inverse_problem(a: LngLat, b: LngLat) -> tuple[Floats, Floats]:
    first, second = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(b, np.float64))
    bearing, _, metres = GEOD.inv(first[:, 0], first[:, 1], second[:, 0], second[:, 1])
    return np.asarray(bearing, np.float64), np.asarray(metres, np.float64)


def geodesic_distance_m(lnglat_a: LngLat, lnglat_b: LngLat) -> Floats:
    """Metres along the WGS-84 geodesic between pairs: (n, 2) and (n, 2) (or (1, 2)) degrees to (n,)."""
    return _inverse_problem(lnglat_a, lnglat_b)[1]


def bearing_deg(lnglat_a: LngLat, lnglat_b: LngLat) -> Floats:
    """Initial bearing from a to b, degrees clockwise from true north in [0, 360); shapes as for distances."""
    return np.mod(_inverse_problem(lnglat_a, lnglat_b)[0], 360.0)


def geodesic_area_km2(geometry: BaseGeometry) -> float:
    """Area on the ellipsoid of an EPSG:4326 (multi)polygon or collection; points and lines are 0.

    Rings may turn either way; edges are straight in degrees, as RFC 7946 has them.
    """
    if isinstance(geometry, shapely.Polygon):
        whole = shapely.segmentize(geometry, SEGMENT_DEG)
        rings = [
            abs(GEOD.polygon_area_perimeter(*np.asarray(r.coords).T[:2])[0]) for r in (whole.exterior, *whole.interiors)
        ]
        return float(rings[0] - sum(rings[1:])) / 1e6
    return sum((geodesic_area_km2(part) for part in getattr(geometry, "geoms", ())), 0.0)


@dataclass(frozen=True, slots=True)
class MetricFrame:
    """A plane in metres around (``lng0``, ``lat0``): Lambert azimuthal equal-area on the WGS-84 ellipsoid.

    Areas are exact everywhere. Lengths stray to either side with the direction: a radius of 1.5 km by 7 mm at 20 km from
    the origin, 3 cm at 60 km, 7 cm at 100 km. There and back is within 2 mm.
    """

    lng0: float
    lat0: float

    def __post_init__(self) -> None:
        if not (-180 <= self.lng0 <= 180 and -90 <= self.lat0 <= 90):
            raise BadParameter(
                f"局部平面的原点应为经纬度，得到 {self.lng0}, {self.lat0}",
                f"a metric frame needs an origin in degrees, got {self.lng0}, {self.lat0}",
            )

    @classmethod
    def around(cls, geometry: BaseGeometry | Geometries) -> MetricFrame:
        """Centred on the bounds of what is given. Raises BadParameter if that is empty."""
        west, south, east, north = shapely.total_bounds(geometry)
        return cls(float((west + east) / 2), float((south + north) / 2))

    def forward(self, lnglat: LngLat) -> Floats:
        """(n, 2) degrees to (n, 2) metres east and north of the origin. The antipode, which a plane cannot hold, is far away."""
        points = np.asarray(lnglat, np.float64)
        xy = np.column_stack(_metric_transformer(self).transform(points[:, 0], points[:, 1]))
        return np.where(np.isinf(xy), ANTIPODE_M, xy)

    def to_local(self, xy: Floats) -> Floats:
        """At each of (n, 2) places of the plane, the (2, 2) matrix that takes small offsets there to true metres.

        Its determinant is 1: areas stay what they are, and lengths of some kilometres become right to a millimetre.
        (n, 4), row by row.
        """
        lng, lat = self.inverse(xy).T
        step = np.degrees(1e-5)
        east, west = (self.forward(np.column_stack([lng + s, lat])) for s in (step, -step))
        north, south = (self.forward(np.column_stack([lng, lat + s])) for s in (step, -step))
        bend = 1 - ECC2 * np.sin(np.radians(lat)) ** 2
        along_east = 2e-5 * SEMI_MAJOR_M * np.cos(np.radians(lat)) / np.sqrt(bend)
        along_north = 2e-5 * SEMI_MAJOR_M * (1 - ECC2) / bend**1.5
        (a, c), (b, d) = ((east - west).T / along_east), ((north - south).T / along_north)
        matrix: Floats = np.column_stack([d, -b, -c, a]) / np.sqrt(a * d - b * c)[:, None]
        return matrix

    def inverse(self, xy: Floats) -> LngLat:
        """(n, 2) metres back to (n, 2) degrees."""
        points = np.asarray(xy, np.float64)
        return np.column_stack(_metric_transformer(self).transform(points[:, 0], points[:, 1], direction="INVERSE"))

    def project(self, geometry: Any, max_segment_deg: float = SEGMENT_DEG) -> Any:
        """A geometry or an array of them, degrees to metres; edges longer than ``max_segment_deg`` are split first."""
        return shapely.transform(shapely.segmentize(geometry, max_segment_deg), self.forward)

    def unproject(self, geometry: Any) -> Any:
        """A geometry or an array of them, metres back to degrees; vertices only, edges are not split."""
        return shapely.transform(geometry, self.inverse)


@lru_cache(maxsize=256)
def _metric_transformer(frame: MetricFrame) -> Transformer:
    pipeline = f"+proj=laea +lon_0={frame.lng0!r} +lat_0={frame.lat0!r} +ellps=WGS84"
    return Transformer.from_pipeline(pipeline)
