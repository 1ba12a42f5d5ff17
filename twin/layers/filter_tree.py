"""A CQL2 filter as a tree, read from the values of CQL2-JSON; every fault of its form at once. Knows no layer, no text."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from typing import Any, Literal

import orjson
import shapely
from shapely.geometry.base import BaseGeometry

from twin.errors import BadParameter, Fault, Words
from twin.times import parse_moment

Kind = Literal["text", "number", "bool", "time", "span", "shape"]
"""``time``: a moment or a day; ``span``: an interval."""
ToDegrees = Callable[[BaseGeometry], BaseGeometry]
MAX_NODES, MAX_DEPTH, MAX_COSTLY = 500, 50, 50
COSTLY = ("like", "casei", "accenti")
"""What looks at every text there is; so do spatial relations at places."""
FOREVER = 2**62
"""Microseconds that stand for an open end."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Property:
    name: str


@dataclass(frozen=True, slots=True)
class Const:
    """A literal: ``str``, ``float``, ``bool``, a ``Span`` (kinds ``time`` and ``span``) or a geometry in degrees."""

    kind: Kind
    value: Any


@dataclass(frozen=True, slots=True)
class Call:
    op: str
    args: tuple[Node, ...]


Node = Property | Const | Call


@dataclass(frozen=True, slots=True)
class Span:
    """From ``start`` to ``end``, both included, in microseconds of UTC since 1970; a moment has them equal."""

    start: int
    end: int


SPATIAL = ("s_intersects", "s_disjoint", "s_equals", "s_within", "s_contains", "s_touches", "s_crosses", "s_overlaps")
TEMPORAL = (
    "t_after", "t_before", "t_contains", "t_disjoint", "t_during", "t_equals", "t_finishedby", "t_finishes", "t_intersects",
    "t_meets", "t_metby", "t_overlappedby", "t_overlaps", "t_startedby", "t_starts",
)  # fmt: skip
COMPARISONS = ("=", "<>", "<", ">", "<=", ">=")
ARITHMETIC = ("+", "-", "*", "/", "%", "div", "^")
N_ARGS: dict[str, tuple[int, int]] = {
    "and": (2, MAX_NODES), "or": (2, MAX_NODES), "not": (1, 1), "like": (2, 2), "between": (3, 3), "in": (2, 2),
    "isnull": (1, 1), "casei": (1, 1), "accenti": (1, 1), **dict.fromkeys((*COMPARISONS, *ARITHMETIC, *SPATIAL, *TEMPORAL), (2, 2)),
}  # fmt: skip
"""How many arguments each operator has, by its name in lower case."""


def refusal(faults: Sequence[Fault]) -> BadParameter:
    """All that is wrong with a filter, as one error."""
    first, more = faults[0].words, len(faults) - 1
    zh, en = (f"；另有 {more} 处", f"; {more} more") if more else ("", "")
    return BadParameter(f"filter 有误：{first.zh}{zh}", f"bad filter: {first.en}{en}", faults)


def fault(value: object, zh: str, en: str, path: tuple[str | int, ...] = ()) -> Fault:
    return Fault("query", "filter", str(value), Words(zh, en), path)


TOO_COMPLEX = fault(
    "",
    f"条件过于复杂：最多 {MAX_NODES} 个运算、{MAX_DEPTH} 层嵌套",
    f"too complex: at most {MAX_NODES} operations, nested {MAX_DEPTH} deep",
)


def unknown_operation(name: str) -> Fault:
    known = ", ".join(N_ARGS)
    if name.lower().startswith("a_"):
        return fault(
            name[:60],
            f"不支持数组运算 {name[:60]}：图层没有数组属性",
            f"no array functions ({name[:60]}): no layer has arrays",
        )
    return fault(
        name[:60],
        f"没有运算或函数 {name[:60]}，可用：{known}",
        f"no operator or function {name[:60]}; there are: {known}",
    )


def tree_of(value: Any, to_degrees: ToDegrees | None = None) -> Node:
    """The tree of a CQL2-JSON value.

    Args:
        value: what JSON gives: objects, arrays, text, numbers.
        to_degrees: takes geometries of the filter's CRS to longitude, latitude; None: they are that already.

    Raises:
        BadParameter: it is too large or no filter; all that is wrong in ``faults``.
    """
    _check_size(value)
    reader = _Reader(to_degrees)
    node = reader.read(value, ())
    if sum(map(_is_costly, nodes_of(node))) > MAX_COSTLY:
        zh, en = (
            f"最多 {MAX_COSTLY} 个 LIKE、CASEI、ACCENTI 和空间运算",
            f"at most {MAX_COSTLY} of LIKE, CASEI, ACCENTI and spatial functions",
        )
        reader.faults.append(fault("", zh, en))
    if reader.faults:
        raise refusal(reader.faults)
    return node


def _is_costly(node: Node) -> bool:
    """Those of literals are not."""
    return isinstance(node, Call) and (node.op in COSTLY or node.op in SPATIAL) and not isinstance(node.args[0], Const)


def _check_size(value: Any) -> None:
    """Without recursion, for what is checked here may be deep. A list of plain values counts as one."""
    nodes, waiting = 0, [(value, 1)]
    while waiting:
        part, depth = waiting.pop()
        if not isinstance(part, dict | list):
            continue
        nodes += 1
        if nodes > MAX_NODES or depth > MAX_DEPTH:
            raise refusal([TOO_COMPLEX])
        if isinstance(part, dict) and not _is_geometry(part):
            waiting += [(inner, depth + 1) for inner in part.values() if not isinstance(inner, list)]
            waiting += [(item, depth + 1) for inner in part.values() if isinstance(inner, list) for item in inner]
        elif isinstance(part, list):
            waiting += [(item, depth + 1) for item in part]


def _is_geometry(value: Mapping[str, Any]) -> bool:
    return isinstance(value.get("type"), str) and ("coordinates" in value or "geometries" in value)


class _Reader:
    """Reads a value into a node; what is wrong becomes a fault, and reading goes on."""

    def __init__(self, to_degrees: ToDegrees | None) -> None:
        self.faults: list[Fault] = []
        self._to_degrees = to_degrees

    def read(self, value: Any, path: tuple[str | int, ...]) -> Node:
        match value:
            case bool():
                return Const("bool", value)
            case str():
                return Const("text", value)
            case int() | float():
                return self._number(value, path)
            case dict():
                return self._object(value, path)
            case None:
                return self._wrong("null", "不能与 NULL 比较，请用 IS NULL", "NULL is not compared: use IS NULL", path)
        return self._wrong(_short(value), "数组只能用在 IN 之后", "a list may only stand after IN", path)

    def _object(self, value: dict[str, Any], path: tuple[str | int, ...]) -> Node:
        if _is_geometry(value):
            return self._shape(lambda: shapely.from_geojson(orjson.dumps(value)), value["type"], path)
        match value:
            case {"op": str(op)}:
                return self._call(op, value.get("args"), path)
            case {"property": str(name)}:
                return Property(name)
            case {"date": str(text)} | {"timestamp": str(text)}:
                return self._time(text, path)
            case {"interval": [start, end]}:
                return self._interval(start, end, path)
            case {"bbox": list(numbers)}:
                return self._shape(lambda: box_of(numbers, wraps=self._to_degrees is None), numbers, path)
        return self._wrong(_short(value), "不是 CQL2 表达式", "is not a CQL2 expression", path)

    def _wrong(self, value: object, zh: str, en: str, path: tuple[str | int, ...]) -> Node:
        self.faults.append(fault(value, zh, en, path))
        return Const("bool", False)

    def _number(self, value: float, path: tuple[str | int, ...]) -> Node:
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            return self._wrong(str(value)[:40], "数字过大", "the number is too large", path)
        return Const("number", number)

    def _call(self, name: str, args: Any, path: tuple[str | int, ...]) -> Node:
        op = name.lower()
        if op not in N_ARGS:
            self.faults.append(replace(unknown_operation(name), path=path))
            return Const("bool", False)
        low, high = N_ARGS[op]
        if not isinstance(args, list) or not low <= len(args) <= high:
            n = len(args) if isinstance(args, list) else 0
            zh, en = f"{name} 应有 {low} 个参数，收到 {n} 个", f"{name} takes {low} arguments, got {n}"
            return self._wrong(name, zh, en, path)
        if op == "in":
            args = self._listed(args, path)
        return Call(op, tuple(self.read(arg, (*path, "args", i)) for i, arg in enumerate(args)))

    def _listed(self, args: list[Any], path: tuple[str | int, ...]) -> list[Any]:
        """The value and what it may be, in one row."""
        value, choices = args
        if not isinstance(choices, list) or not choices:
            self._wrong(
                _short(choices), "IN 之后应为非空列表", "after IN comes a list that is not empty", (*path, "args", 1)
            )
            return [value]
        return [value, *choices]

    def _time(self, text: str, path: tuple[str | int, ...]) -> Node:
        try:
            return Const("time", span_of(text))
        except BadParameter as reason:
            return self._wrong(text, reason.words.zh, reason.words.en, path)

    def _interval(self, start: Any, end: Any, path: tuple[str | int, ...]) -> Node:
        first = self._end(start, -FOREVER, (*path, "interval", 0))
        last = self._end(end, FOREVER, (*path, "interval", 1))
        if not (isinstance(first, Const) and isinstance(last, Const)):
            return Call("interval", (first, last))
        if not (isinstance(first.value, Span) and isinstance(last.value, Span)):
            return Const("span", Span(-FOREVER, FOREVER))  # a fault has been noted
        if first.value.start > last.value.end:
            return self._wrong(f"{start}/{end}", "区间的结束早于开始", "the interval ends before it starts", path)
        return Const("span", Span(first.value.start, last.value.end))

    def _end(self, part: Any, forever: int, path: tuple[str | int, ...]) -> Node:
        match part:
            case ".." | "":
                return Const("time", Span(forever, forever))
            case str():
                return self._time(part, path)
            case {"property": str()} | {"date": str()} | {"timestamp": str()}:
                return self.read(part, path)
        zh, en = "区间两端应为日期、时间、属性或 ..", "an interval goes from and to a date, a time, a property or .."
        return self._wrong(_short(part), zh, en, path)

    def _shape(self, make: Callable[[], Any], said: object, path: tuple[str | int, ...]) -> Node:
        try:
            shape: BaseGeometry = shapely.force_2d(make())
        except (shapely.errors.GEOSException, TypeError, ValueError):
            return self._wrong(_short(said), "不是有效的几何", "is not a geometry", path)
        if shape.is_empty:
            return self._wrong(_short(said), "几何为空", "the geometry is empty", path)
        if self._to_degrees is not None:
            shape = self._to_degrees(shape)
        bounds = shape.bounds
        if not all(map(math.isfinite, bounds)) or max(map(abs, bounds[::2])) > 180 or max(map(abs, bounds[1::2])) > 90:
            zh = "坐标应为经纬度（度，经度在前）；其他坐标系请用 filter-crs 声明"
            en = "coordinates must be degrees, longitude first; name another CRS by filter-crs"
            return self._wrong(_short(list(bounds)), zh, en, path)
        if not shape.is_valid:
            reason = shapely.is_valid_reason(shape)
            return self._wrong(_short(said), f"几何无效：{reason}", f"the geometry is not valid: {reason}", path)
        return Const("shape", shape)


def span_of(text: str) -> Span:
    """A moment, or of a date that whole day in Asia/Shanghai.

    Raises:
        BadParameter: it is neither.
    """
    return Span(_microseconds(parse_moment(text, time.min)), _microseconds(parse_moment(text)))


def _microseconds(moment: datetime) -> int:
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def box_of(numbers: Sequence[Any], *, wraps: bool) -> BaseGeometry:
    """A box from 4 numbers, or from 6 with heights, which are left out; if it ``wraps``, west > east crosses the antimeridian.

    Raises:
        ValueError: it is not that.
    """
    values = [float(n) for n in numbers]
    if len(values) == 6:
        values = [values[i] for i in (0, 1, 3, 4)]
    west, south, east, north = values
    if not all(map(math.isfinite, values)) or south > north or (west > east and not wraps):
        raise ValueError(f"not a box: {numbers}")
    if west > east:
        return shapely.MultiPolygon([shapely.box(west, south, 180.0, north), shapely.box(-180.0, south, east, north)])
    return _flat_box(west, south, east, north)


def _flat_box(west: float, south: float, east: float, north: float) -> BaseGeometry:
    """A box without width is a line, without width and height a point."""
    if west == east and south == north:
        return shapely.Point(west, south)
    if west == east or south == north:
        return shapely.LineString([(west, south), (east, north)])
    return shapely.box(west, south, east, north)


def nodes_of(node: Node) -> Iterator[Node]:
    """A node and all below it."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        if isinstance(found, Call):
            waiting += found.args


def plain_tree(node: Node) -> Any:
    """A tree as JSON values: equal for filters that mean the same in the same words."""
    match node:
        case Property(name):
            return {"property": name}
        case Const(kind, value):
            shown = shapely.to_wkb(value, hex=True) if kind == "shape" else value
            return {kind: [shown.start, shown.end] if isinstance(shown, Span) else shown}
        case Call(op, args):
            return [op, *map(plain_tree, args)]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
