"""OGC API Features Part 2: the coordinate reference systems that features are answered in and boxes are asked in.

Everything is kept in CRS84 degrees. Coordinates on the wire stand in the order that the authority of the CRS gives its
axes: latitude first in EPSG:4326 and 4490, northing first in 4549. CGCS2000 is taken as equal to WGS-84, as in
``twin.frames``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from twin.api.encoded import Bbox, Encoded, Index
from twin.errors import BadParameter, Fault, Words
from twin.model import Geometries

Coordinates = NDArray[np.float64]
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
MERCATOR_M = 20037508.342789244
DENSE, SLACK_DEG = 101, 1e-5
"""Points along an edge of a box that is taken to degrees, and what its sides between them may bulge: a metre."""


@dataclass(frozen=True, slots=True)
class Crs:
    """One CRS.

    ``epsg`` is None where coordinates are degrees of WGS-84 or CGCS2000. ``bounds`` are where it is good for something:
    west, south, east, north in its own unit, whatever the order of its axes.
    """

    uri: str
    title: Words
    epsg: int | None = None
    north_first: bool = False
    bounds: Bbox = (-180.0, -90.0, 180.0, 90.0)
    datum: int = 4326

    @property
    def kind(self) -> Literal["degrees", "plane"]:
        return "degrees" if self.epsg is None else "plane"

    @property
    def digits(self) -> int:
        """Decimals on the wire: 1 cm of a degree, 1 mm of a plane."""
        return 7 if self.epsg is None else 3

    @property
    def header(self) -> str:
        """What ``Content-Crs`` says."""
        return f"<{self.uri}>"

    def from_degrees(self, lnglat: Coordinates) -> Coordinates:
        """(n, 2) longitude and latitude to (n, 2) in the order of the axes; NaN and what has no place there are NaN."""
        plane = lnglat if self.epsg is None else _finite(_transformer(self).transform(lnglat[:, 0], lnglat[:, 1]))
        return plane[:, ::-1] if self.north_first else plane

    def to_degrees(self, coordinates: Coordinates) -> Coordinates:
        """The inverse of ``from_degrees``."""
        plane = coordinates[:, ::-1] if self.north_first else coordinates
        if self.epsg is None:
            return plane
        return _finite(_transformer(self).transform(plane[:, 0], plane[:, 1], direction="INVERSE"))


KNOWN: tuple[Crs, ...] = (
    Crs(CRS84, Words("WGS-84 经纬度（经度在前）", "WGS-84, longitude first")),
    Crs(EPSG + "4326", Words("WGS-84 经纬度（纬度在前）", "WGS-84, latitude first"), north_first=True),
    Crs(EPSG + "4490", Words("CGCS2000 经纬度（纬度在前）", "CGCS2000, latitude first"), north_first=True),
    Crs(EPSG + "4549", Words("CGCS2000 三度带 120°E（北坐标在前）", "CGCS2000 / 3-degree Gauss-Kruger CM 120E, northing first"),
        4549, True, (100_000, 300_000, 900_000, 6_500_000), 4490),
    Crs(EPSG + "3857", Words("Web 墨卡托（东坐标在前）", "Web Mercator, easting first"),
        3857, False, (-MERCATOR_M, -MERCATOR_M, MERCATOR_M, MERCATOR_M)),
    Crs(EPSG + "32651", Words("WGS-84 UTM 51 北（东坐标在前）", "WGS-84 / UTM zone 51N, easting first"),
        32651, False, (100_000, 300_000, 900_000, 6_500_000)),
)  # fmt: skip
DEFAULT = KNOWN[0]
URIS = [crs.uri for crs in KNOWN]


def crs_of(text: str | None, name: str = "crs", where: str = "query") -> Crs:
    """The CRS that a parameter names: a URI, or a CURIE as ``[EPSG:4549]`` (the brackets may be missing); None: CRS84.

    Raises:
        BadParameter: it is none of those known, which are named.
    """
    if text is None:
        return DEFAULT
    found = _named().get(_plain(text))
    if found is None:
        known = ", ".join(URIS)
        raise _bad(
            name, text, f"没有这个坐标系，可用：{known}", f"there is no such CRS here; there are: {known}", where
        )
    return found


def content_crs(lines: Sequence[str]) -> Crs:
    """The CRS that ``Content-Crs`` of a request asserts, its URI in angle brackets or without; no line: CRS84. Raises as ``crs_of``."""
    said = ", ".join(lines).strip()
    return crs_of(said.removeprefix("<").removesuffix(">") if lines else None, "Content-Crs", "header")


def _bad(name: str, value: str, zh: str, en: str, where: str = "query") -> BadParameter:
    return BadParameter(f"{name} 有误：{zh}", f"bad {name}: {en}", [Fault(where, name, value, Words(zh, en))])


def _plain(text: str) -> str:
    short = text.strip().removeprefix("[").removesuffix("]")
    return short.upper() if ":" in short and "/" not in short else short.replace("https://", "http://", 1)


@lru_cache(maxsize=1)
def _named() -> dict[str, Crs]:
    short = {f"EPSG:{c.uri.removeprefix(EPSG)}": c for c in KNOWN[1:]} | {"OGC:CRS84": DEFAULT}
    return short | {c.uri: c for c in KNOWN}


def shape_to_degrees(shape: BaseGeometry, crs: Crs) -> BaseGeometry:
    """A geometry whose coordinates stand in the order of a CRS's axes, in EPSG:4326 with longitude first.

    Raises:
        BadParameter: it reaches beyond where the CRS is good (as with the axes swapped).
    """
    sent = shapely.get_coordinates(shape)
    plane = sent[:, ::-1] if crs.north_first else sent
    west, south, east, north = crs.bounds
    beyond = ~((plane >= (west, south)) & (plane <= (east, north))).all(axis=1)
    if beyond.any():
        said = ",".join(f"{x:.10g}" for x in sent[beyond][0])
        zh, en = _range_words(crs)
        zh, en = (
            f"坐标须{zh}；或以请求头 Content-Crs 说明坐标系",
            f"coordinates are {en}; or name their CRS in the header Content-Crs",
        )
        raise _bad("geometry", said, f"在 {crs.uri} 中{zh}", f"in {crs.uri} {en}", "body")
    whole: BaseGeometry = shapely.transform(shape, crs.to_degrees)
    return whole


def _range_words(crs: Crs) -> tuple[str, str]:
    """In which order a CRS has its axes, and how far it is good."""
    order = ("北、东", "northing, easting") if crs.north_first else ("东、北", "easting, northing")
    if crs.epsg is None:
        order = ("纬度、经度", "latitude, longitude") if crs.north_first else ("经度、纬度", "longitude, latitude")
    range_ = ", ".join(f"{x:.10g}" for x in crs.bounds)
    zh = f"按{order[0]}的顺序；西、南、东、北须在 {range_} 之内"
    return zh, f"{order[1]}; west, south, east, north within {range_}"


def bbox_to_degrees(bbox: Sequence[float], crs: Crs, name: str = "bbox") -> Bbox:
    """The degrees that hold a box of another CRS, a little too wide (see ``narrowed``); what reaches beyond where the CRS
    is good is cut off.

    Args:
        bbox: first axis, second axis of the lower corner, then of the upper one, as the CRS orders its axes.

    Raises:
        BadParameter: it is upside down, or wholly outside of where the CRS is good (as with the axes swapped).
    """
    sides = (bbox[1], bbox[0], bbox[3], bbox[2]) if crs.north_first else bbox
    west, south, east, north = map(float, sides)
    lower, upper = crs.bounds[:2], crs.bounds[2:]
    if crs.epsg is None:
        good = all(lower[0] <= x <= upper[0] for x in (west, east)) and lower[1] <= south <= north <= upper[1]
        box = (west, south, east, north)
    else:
        box = (max(west, lower[0]), max(south, lower[1]), min(east, upper[0]), min(north, upper[1]))
        good = west <= east and south <= north and box[0] <= box[2] and box[1] <= box[3]
    if not (good and all(map(math.isfinite, bbox))):
        said, (zh, en) = ",".join(f"{x:.10g}" for x in bbox), _range_words(crs)
        zh, en = f"应为最小角、最大角，各{zh}", f"lower corner, upper corner, each as {en}"
        raise _bad(name, said, f"在 {crs.uri} 中{zh}", f"in {crs.uri}: {en}")
    if crs.epsg is None:
        return box
    west, south, east, north = _transformer(crs).transform_bounds(*box, DENSE, direction="INVERSE")
    return west - SLACK_DEG, south - SLACK_DEG, east + SLACK_DEG, north + SLACK_DEG


def narrowed(encoded: Encoded, index: Index, bbox: Sequence[float], crs: Crs) -> Index:
    """Of the features that a box in degrees holds, those that in the CRS meet the box that was asked.

    Args:
        index: from ``encoded.within(bbox_to_degrees(bbox, crs))``.
    """
    if crs.epsg is None or not len(index):
        return index
    if encoded.shapes is None:
        bounds = np.tile(crs.from_degrees(encoded.bounds[index, :2]), (1, 2))
    else:
        first, second, last, final = bbox
        box = shapely.box(first, second, last, final)
        shapely.prepare(box)
        return index[shapely.intersects(box, shapely.transform(encoded.shapes[index], crs.from_degrees))]
    bounds = np.round(bounds, crs.digits)
    first, second, last, final = bbox
    meets = (bounds[:, 0] <= last) & (bounds[:, 2] >= first) & (bounds[:, 1] <= final) & (bounds[:, 3] >= second)
    return index[meets]


def picked(encoded: Encoded, index: Index, crs: Crs) -> bytes:
    """Features by their place in the order, joined by commas, with their geometries in a CRS."""
    return b"".join(picked_parts(encoded, index, crs))


def picked_parts(encoded: Encoded, index: Index, crs: Crs) -> list[memoryview] | list[bytes]:
    """What ``picked`` joins.

    Only what is picked is transformed (about 10 µs a point): nothing is kept, and an edit costs nothing.
    """
    if crs is DEFAULT:
        return encoded.parts(index)
    pairs = zip(encoded.heads(index), _geometry_json(encoded, index, crs), strict=True)
    return [b",".join([head + b',"geometry":' + geometry + b"}" for head, geometry in pairs])]


def _geometry_json(encoded: Encoded, index: Index, crs: Crs) -> list[bytes]:
    """Of each feature, in the order of the axes; ``null`` where it has no place."""
    if not len(index):
        return []
    if encoded.shapes is None:
        points = np.round(crs.from_degrees(encoded.bounds[index, :2]), crs.digits)
        placed = np.asarray(np.isfinite(points).all(axis=1))
        return [
            f'{{"type":"Point","coordinates":[{x!r},{y!r}]}}'.encode() if ok else b"null"
            for (x, y), ok in zip(points.tolist(), placed, strict=True)
        ]
    shapes = encoded.shapes[index]
    texts = shapely.to_geojson(_reshaped(shapes, lambda c: np.round(crs.from_degrees(c), crs.digits)))
    empty = shapely.is_empty(shapes) | shapely.is_missing(shapes)
    return [b"null" if none else text.encode() for none, text in zip(empty, texts, strict=True)]


def _reshaped(shapes: Geometries, change: Callable[[Coordinates], Coordinates]) -> Geometries:
    """Outer rings run counter-clockwise on the ground (RFC 7946), whatever the order of the axes."""
    whole: Geometries = shapely.transform(shapely.orient_polygons(shapely.force_2d(shapes)), change)
    return whole


@lru_cache(maxsize=8)
def _transformer(crs: Crs) -> Transformer:
    return Transformer.from_crs(crs.datum, crs.epsg, always_xy=True)


def _finite(pair: tuple[Any, Any]) -> Coordinates:
    both: Coordinates = np.column_stack([np.asarray(v, np.float64) for v in pair])
    return np.where(np.isfinite(both), both, np.nan)
