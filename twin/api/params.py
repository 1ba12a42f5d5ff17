"""Query parameters that several routes share, each read in one place; and the refusal of unknown ones."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, time
from typing import Annotated, Any, Protocol, runtime_checkable

from fastapi import Depends, Query, Request
from fastapi.dependencies.models import Dependant
from starlette.types import Scope

from twin.api.encoded import Bbox
from twin.api.world import When
from twin.errors import BadParameter, Fault, Words
from twin.times import parse_moment

EVERYWHERE = frozenset({"lang"})


@runtime_checkable
class TakesMore(Protocol):
    """A dependency whose query parameters depend on the request."""

    def also_known(self, request: Request) -> Collection[str]:
        """The names it takes besides those it declares."""
        ...


def bad(where: str, name: str, value: str, zh: str, en: str) -> BadParameter:
    """One wrong parameter as an error."""
    return BadParameter(f"{name} 有误：{zh}", f"bad {name}: {en}", [Fault(where, name, value, Words(zh, en))])


async def known_parameters_only(request: Request) -> None:
    """Refuse query parameters that the route does not take, naming those it does.

    Raises:
        BadParameter: with one fault for each.
    """
    if not request.query_params:
        return
    known, more = _takes(request.scope)
    for call in more:
        known = known | set(call.also_known(request))
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        said = ", ".join(sorted(known)) or "—"
        words = Words(f"未知参数，已知：{said}", f"unknown parameter; known: {said}")
        named = ", ".join(unknown)
        faults = [Fault("query", name, request.query_params[name], words) for name in unknown]
        raise BadParameter(f"未知参数 {named}，已知：{said}", f"unknown parameter {named}; known: {said}", faults)


def declared(request: Request) -> set[str]:
    """The query parameters that the request's route declares."""
    return {field.alias for dependant in dependants(request.scope["route"]) for field in dependant.query_params}


_TAKEN: dict[Any, tuple[frozenset[str], tuple[TakesMore, ...]]] = {}


def _takes(scope: Scope) -> tuple[frozenset[str], tuple[TakesMore, ...]]:
    """The query parameters that a request's route declares, and what takes more; found once for each endpoint."""
    endpoint = scope["endpoint"]
    if endpoint not in _TAKEN:
        found = list(dependants(scope["route"]))
        declared = {field.alias for dependant in found for field in dependant.query_params}
        calls: list[Any] = [d.call for d in found]
        _TAKEN[endpoint] = EVERYWHERE | declared, tuple(call for call in calls if isinstance(call, TakesMore))
    return _TAKEN[endpoint]


def dependants(route: Any) -> Iterator[Dependant]:
    """What a route depends on, itself included."""
    waiting: list[Dependant] = [route.dependant]
    while waiting:
        found = waiting.pop()
        yield found
        waiting += found.dependencies


def moment(text: str | None, name: str, where: str = "query", *, day: time = time.max) -> datetime | None:
    """An ISO date or date-time in UTC. A date means the end of that day in Asia/Shanghai; no offset means that zone too.

    Raises:
        BadParameter: it is neither.
    """
    if text is None:
        return None
    try:
        return parse_moment(text, day)
    except BadParameter as error:
        raise bad(where, name, text, error.words.zh, error.words.en) from None


async def _when(
    as_of: Annotated[
        str | None, Query(description="数据时点: when it is true in the world; a date is the end of that day")
    ] = None,
    known_at: Annotated[str | None, Query(description="台账时点: as it had been recorded by then")] = None,
) -> When:
    return When(moment(as_of, "as_of"), moment(known_at, "known_at"))


Times = Annotated[When, Depends(_when)]


@dataclass(frozen=True)
class Interval:
    """Both ends included; None = open."""

    start: datetime | None
    end: datetime | None

    def nearest(self, now: datetime) -> datetime | None:
        """Its moment that is nearest to now; None = now."""
        if self.end is not None and self.end < now:
            return self.end
        return self.start if self.start is not None and self.start > now else None


def parse_interval(text: str) -> Interval:
    """OGC's ``datetime``: a moment, a day, or ``start/end`` where ``..`` or nothing is open.

    Raises:
        BadParameter: it is none of these, or ends before it starts.
    """
    first, slash, last = text.partition("/")
    ends = [None if slash and part in ("", "..") else part for part in (first, last if slash else first)]
    start, end = moment(ends[0], "datetime", day=time.min), moment(ends[1], "datetime")
    if start is not None and end is not None and start > end:
        raise bad("query", "datetime", text, "结束早于开始", "ends before it starts")
    return Interval(start, end)


def parse_bbox(text: str) -> Bbox:
    """``west,south,east,north`` in degrees; with heights (6 numbers) they are ignored.

    Raises:
        BadParameter: it is not that.
    """
    west, south, east, north = bbox_numbers(text)
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        zh = "经度应为 -180 至 180，纬度应为 -90 至 90，且南不大于北"
        en = "longitudes must be -180 to 180, latitudes -90 to 90, south not above north"
        raise bad("query", "bbox", text, zh, en)
    return west, south, east, north


def bbox_numbers(text: str) -> list[float]:
    """The 4 numbers of a box; of 6 the heights are left out.

    Raises:
        BadParameter: there are others.
    """
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 6:
        numbers = [numbers[i] for i in (0, 1, 3, 4)]
    if len(numbers) != 4 or not all(math.isfinite(n) for n in numbers):
        zh, en = (
            "应为 4 个数字：西,南,东,北（度，经度在前）",
            "must be 4 numbers: west,south,east,north in degrees, longitude first",
        )
        raise bad("query", "bbox", text, zh, en)
    return numbers


async def _bbox(
    bbox: Annotated[
        str | None, Query(description="west,south,east,north in degrees (CRS84)", examples=["121.3,31.1,121.4,31.2"])
    ] = None,
) -> Bbox | None:
    return None if bbox is None else parse_bbox(bbox)


Box = Annotated[Bbox | None, Depends(_bbox)]
