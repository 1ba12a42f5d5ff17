"""Where the rows of a file are: coordinates of its frame to WGS-84, with everything that is wrong about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from twin.errors import Fault, Words
from twin.frames import FRAMES, Frame, to_wgs84
from twin.layers.base import LayerType
from twin.layers.mapping import GEOMETRY_X, GEOMETRY_Y, LAT, LNG, ColumnMap, column_frame
from twin.layers.table import RawTable, positions
from twin.layers.values import parse_column
from twin.model import Geometries

Floats = NDArray[np.float64]
MOST = 0.5
"""If less than this share of the rows can be right, the column is at fault and not the rows."""
SMALL_PLANE_M = 300_000.0
SHAPES = {"polygon": ("Polygon", "MultiPolygon"), "line": ("LineString", "MultiLineString")}


@dataclass(frozen=True)
class Places:
    """All arrays are (n,), aligned with the table's rows.

    ``lng``/``lat`` are WGS-84 degrees (NaN: no location), ``x``/``y`` what the file had. ``geometry`` is in EPSG:4326,
    None for point layers. ``faults`` come with the row's position; one of the whole column has -1 and makes all ``bad``.
    """

    lng: Floats
    lat: Floats
    x: Floats
    y: Floats
    geometry: Geometries | None
    bad: NDArray[np.bool_]
    faults: tuple[tuple[int, Fault], ...] = ()
    warnings: tuple[Words, ...] = ()


def locate(table: RawTable, layer: LayerType, mapping: ColumnMap, frame: Frame, *, allow_datum_inverse: bool) -> Places:
    """Places of all rows. Raises InverseNotAllowed as ``frames.to_wgs84`` does."""
    convert = _converter(frame, allow_datum_inverse)
    if layer.geometry == "point":
        return _points(table, mapping, frame, convert)
    return _shapes(table, SHAPES[layer.geometry], frame, convert)


def _converter(frame: Frame, allow: bool) -> Callable[[Floats], Floats]:
    def convert(xy: Floats) -> Floats:
        return np.column_stack(to_wgs84(xy[:, 0], xy[:, 1], frame, allow_datum_inverse=allow))

    return convert


# Points ----------------------------------------------------------------------------------------------------------------


def _points(table: RawTable, mapping: ColumnMap, frame: Frame, convert: Callable[[Floats], Floats]) -> Places:
    names = tuple(mapping.columns.get(f.name) or f.name for f in (LNG, LAT))
    n = table.n_rows
    faults: list[tuple[int, Fault]] = []
    x, y = (_ordinates(table, mapping, name, faults) for name in ("lng", "lat"))
    bad = np.zeros(n, bool)
    bad[[at for at, _ in faults]] = True
    zero = ((x == 0) | (y == 0)) if frame.kind != "plane" else ((x == 0) & (y == 0))
    for at in positions((np.isnan(x) != np.isnan(y)) & ~zero & ~bad):
        column = names[0] if np.isnan(x[at]) else names[1]
        faults.append(
            (at, Fault(table.where(at), column, "", Words("只有一个坐标", "only one of the two coordinates is there")))
        )
        bad[at] = True
    there = ~(np.isnan(x) | np.isnan(y) | zero | bad)
    misfit = frame_misfit(x[there], y[there], frame, f"--map lng={names[1]} --map lat={names[0]}")
    lng, lat = np.full(n, np.nan), np.full(n, np.nan)
    if misfit:
        whole = Fault("all rows", f"{names[0]}, {names[1]}", _example(x, y, there), misfit)
        return Places(lng, lat, x, y, None, np.ones(n, bool), (*faults, (-1, whole)))
    outside = there & ~frame.fits(x, y)
    faults += [(at, _outside(table.where(at), names, x[at], y[at], frame)) for at in positions(outside)]
    bad |= outside
    there &= ~outside
    if there.any():
        lng[there], lat[there] = convert(np.column_stack([x[there], y[there]])).T
    return Places(lng, lat, x, y, None, bad, tuple(faults), _column_warnings(names, frame))


def _ordinates(table: RawTable, mapping: ColumnMap, name: str, faults: list[tuple[int, Fault]]) -> Floats:
    """One coordinate of every row; NaN where blank or wrong."""
    column = mapping.columns.get(name)
    if column in (GEOMETRY_X, GEOMETRY_Y):
        return _point_ordinates(table, column, faults if name == "lng" else [])
    field = LNG if name == "lng" else LAT
    text = table.text(column) if column else table.constant(mapping.constants.get(name, ""))
    parsed = parse_column(text, field)
    faults += [
        (at, Fault(table.where(at), column or name, str(text.iloc[at]), words)) for at, words in parsed.wrong.items()
    ]
    return parsed.numbers()


def _point_ordinates(table: RawTable, column: str, faults: list[tuple[int, Fault]]) -> Floats:
    geometry = table.geometry if table.geometry is not None else np.full(table.n_rows, None, object)
    single = np.full(len(geometry), None, dtype=object)
    single[:] = [_single_point(g) for g in geometry.tolist()]
    for at, (shape, point) in enumerate(zip(geometry, single, strict=True)):
        if shape is not None and point is None:
            words = Words("该图层要求点", "this layer takes points")
            faults.append((at, Fault(table.where(at), "geometry", shape.geom_type, words)))
    return np.asarray((shapely.get_x if column == GEOMETRY_X else shapely.get_y)(single), np.float64)


def _single_point(geometry: BaseGeometry | None) -> BaseGeometry | None:
    if isinstance(geometry, shapely.MultiPoint) and len(geometry.geoms) == 1:
        return geometry.geoms[0]
    return geometry if isinstance(geometry, shapely.Point) else None


def _outside(where: str, names: Sequence[str], x: float, y: float, frame: Frame) -> Fault:
    west, _, east, _ = frame.bounds
    column, value = (names[1], y) if west <= x <= east else (names[0], x)
    if frame.fits(y, x):
        return Fault(where, column, f"{value:.15g}", Words("经纬度疑似颠倒", "the two coordinates look swapped"))
    return Fault(
        where, column, f"{value:.15g}", Words(f"超出 {frame.name} 的范围", f"outside the range of {frame.name}")
    )


def _example(x: Floats, y: Floats, there: NDArray[np.bool_]) -> str:
    at = positions(there)[0]
    return f"{x[at]:.15g}, {y[at]:.15g}"


def _column_warnings(names: Sequence[str], frame: Frame) -> tuple[Words, ...]:
    """A column whose name says another frame than the one declared."""
    equal = {"cgcs2000": "wgs84"}
    declared = equal.get(frame.name, frame.name)
    said = [(c, f) for c in names if (f := column_frame(c)) and equal.get(f, f) != declared]
    return tuple(
        Words(
            f"列名 {c} 像是 {f}，但声明的是 {frame.name}", f"column {c} is named for {f}, but {frame.name} was declared"
        )
        for c, f in said
    )


def frame_misfit(x: Floats, y: Floats, frame: Frame, swap: str) -> Words | None:
    """What is wrong when most (n,) coordinates cannot be of the declared frame; ``swap`` says how to turn the axes."""
    if not len(x) or frame.fits(x, y).mean() >= MOST:
        return None
    if frame.fits(y, x).mean() > MOST:
        return Words(f"两个坐标颠倒了；请用 {swap}", f"the two coordinates are swapped; say {swap}")
    others = [f.name for f in FRAMES.values() if f.fits(x, y).mean() > MOST or f.fits(y, x).mean() > MOST]
    if others:
        ways = " / ".join(f"--frame {name}" for name in others)
        return Words(
            f"坐标不可能是 {frame.name}；像是：{ways}",
            f"these cannot be {frame.name} coordinates; they look like {ways}",
        )
    if np.mean(np.maximum(np.abs(x), np.abs(y)) < SMALL_PLANE_M) > MOST:
        return Words(
            "像是地方平面坐标（如上海2000、上海城市坐标系）；请用 --frame local:<文件> 给出该坐标系的定义文件，或先转换到 CGCS2000",
            "these look like a local plane grid (as Shanghai 2000): give its definition file with --frame local:<file>, "
            "or convert them to CGCS2000 first",
        )
    return Words(f"坐标不在 {frame.name} 的范围内", f"the coordinates are outside the range of {frame.name}")


# Lines and polygons ------------------------------------------------------------------------------------------------------


def _shapes(table: RawTable, kinds: Sequence[str], frame: Frame, convert: Callable[[Floats], Floats]) -> Places:
    n = table.n_rows
    geometry = np.full(n, None, dtype=object) if table.geometry is None else table.geometry.copy()
    # the bounds of a polygon are its outer ring's: a hole may still lie anywhere
    bounds = shapely.bounds(shapely.boundary(geometry) if "Polygon" in kinds else geometry)
    faults = dict(_shape_faults(table, geometry, bounds, kinds, frame))
    good = np.array([at not in faults for at in range(n)], bool)
    nowhere = np.full(n, np.nan)
    found = np.asarray(np.isfinite(bounds).all(axis=1), np.bool_)
    corners = bounds[found].reshape(-1, 2)
    misfit = frame_misfit(corners[:, 0], corners[:, 1], frame, "the right order in the file: [lng, lat]")
    if misfit:
        whole = Fault("all features", "geometry", _example(bounds[:, 0], bounds[:, 1], found), misfit)
        return Places(nowhere, nowhere, nowhere, nowhere, geometry, np.ones(n, bool), ((-1, whole),))
    geometry[~good] = None
    geometry[good] = shapely.transform(geometry[good], convert)
    warnings = _repair(table, geometry, kinds, faults)
    good &= np.array([at not in faults for at in range(n)], bool)
    inside = shapely.point_on_surface(geometry)
    places = Places(shapely.get_x(inside), shapely.get_y(inside), nowhere, nowhere, geometry, ~good)
    return replace(places, faults=tuple(faults.items()), warnings=warnings)


def _shape_faults(
    table: RawTable, geometry: Geometries, bounds: Floats, kinds: Sequence[str], frame: Frame
) -> list[tuple[int, Fault]]:
    inside = frame.fits(bounds[:, 0], bounds[:, 1]) & frame.fits(bounds[:, 2], bounds[:, 3])
    faults = []
    for at, shape in enumerate(geometry):
        where, said = table.where(at), ", ".join(f"{b:.10g}" for b in bounds[at])
        if shape is None:
            words = Words(f"缺少几何，应为 {kinds[0]}", f"no geometry; this layer takes {kinds[0]}")
            faults.append((at, Fault(where, "geometry", "", words)))
        elif shape.geom_type not in kinds:
            words = Words(f"几何类型不符，应为 {kinds[0]}", f"wrong geometry; this layer takes {kinds[0]}")
            faults.append((at, Fault(where, "geometry", shape.geom_type, words)))
        elif not inside[at]:
            words = Words(f"超出 {frame.name} 的范围", f"outside the range of {frame.name}")
            faults.append((at, Fault(where, "geometry", said, words)))
    return faults


def _repair(table: RawTable, geometry: Geometries, kinds: Sequence[str], faults: dict[int, Fault]) -> tuple[Words, ...]:
    """Make invalid polygons valid, in place; what cannot be mended is a fault."""
    if "Polygon" not in kinds:
        return ()
    warnings = []
    for at in positions(~shapely.is_valid(geometry) & ~shapely.is_missing(geometry)):
        where, reason = table.where(at), str(shapely.is_valid_reason(geometry[at]))
        mended = _polygons_of(geometry[at])
        geometry[at] = mended
        if mended is None:
            words = Words("多边形无效且无法修复", "an invalid polygon that cannot be repaired")
            faults[at] = Fault(where, "geometry", reason, words)
        else:
            warnings.append(
                Words(f"{where}：已修复无效多边形（{reason}）", f"{where}: repaired an invalid polygon ({reason})")
            )
    return tuple(warnings)


def _polygons_of(shape: Any) -> BaseGeometry | None:
    try:
        parts = shapely.get_parts(shapely.get_parts(shapely.make_valid(shape)))
        polygons = [p for p in parts if isinstance(p, shapely.Polygon) and p.area > 0]
    except ShapelyError:
        return None
    if not polygons:
        return None
    return polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)
