"""What a request for features asks: where, when, which, how many, in which CRS. Read in one place."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import numpy as np
from fastapi import Depends, Query, Request

from twin.api.cql import Language, degrees_of, parse_filter
from twin.api.crs import DEFAULT, Crs, bbox_to_degrees, crs_of, narrowed
from twin.api.encoded import Bbox, Encoded, Index
from twin.api.params import Interval, bad, bbox_numbers, moment, parse_bbox, parse_interval
from twin.api.world import When
from twin.layers import LAYERS, LayerType, layer_named
from twin.layers.filter_columns import queryables
from twin.layers.filtering import Filter, property_filters
from twin.model import LayerTable

MAX_LIMIT = 10_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ItemsQuery:
    """``bbox`` in degrees, ``corners`` as it was asked in ``bbox_crs``. Pages follow the keys: ``after`` is the last one of the page
    before, ``before`` the first one of the page after; ``when.state`` holds them to what the first was made of, so that an edit between
    two pages neither repeats nor drops a feature."""

    when: When
    bbox: Bbox | None
    corners: Sequence[float]
    bbox_crs: Crs
    during: Interval | None
    filters: tuple[Filter, ...]
    crs: Crs
    limit: int
    offset: int
    after: str | None
    before: str | None

    def select(self, kind: LayerType, table: LayerTable, encoded: Encoded) -> Index | None:
        """Which features, as numbers in the order of their keys; None = all.

        Raises:
            BadParameter: a filter names what the layer has not.
        """
        places: Index | None = None
        if self.bbox is not None:
            places = encoded.within(self.bbox)
            if self.bbox_crs is not DEFAULT:
                places = narrowed(encoded, places, self.corners, self.bbox_crs)
        if self.during is not None:
            held = encoded.during(self.during.start, self.during.end)
            places = np.flatnonzero(held) if places is None else places[held[places]]
        chosen = None if places is None else np.sort(encoded.ranks[places])
        for each in self.filters:
            mask = each.mask(kind, table)
            chosen = np.flatnonzero(mask) if chosen is None else chosen[mask[chosen]]
        return chosen

    def page(self, chosen: Index | None, encoded: Encoded) -> tuple[Index, bool, bool]:
        """Of the chosen, those of the page that is asked, in the order of their keys; whether others come before them;
        whether more follow."""
        n = len(encoded) if chosen is None else len(chosen)

        def n_below(rank: int) -> int:
            return rank if chosen is None else int(np.searchsorted(chosen, rank))

        if self.before is not None:
            last = n_below(bisect_left(encoded.ids, self.before))
            first = max(0, last - self.limit)
        else:
            first = (0 if self.after is None else n_below(bisect_right(encoded.ids, self.after))) + self.offset
            first, last = min(first, n), min(first + self.limit, n)
        return np.arange(first, last) if chosen is None else chosen[first:last], first > 0, last < n


STATE = re.compile(r"^[0-9]{1,15}-[0-9]{1,17}$")


def state_of(text: str | None) -> tuple[int, datetime] | None:
    """The last transaction and the moment that a ``state`` names."""
    if text is None:
        return None
    tx, microseconds = map(int, text.split("-"))
    return tx, EPOCH + timedelta(microseconds=microseconds)


def state_text(tx: int, as_of: datetime) -> str:
    return f"{tx}-{(as_of - EPOCH) // timedelta(microseconds=1)}"


class Reading:
    """Reads the query; takes the layer's queryables as query parameters too."""

    def also_known(self, request: Request) -> list[str]:
        kind = LAYERS.get(request.path_params["layer"])
        return [] if kind is None else [name for name, what in queryables(kind).items() if what != "shape"]

    async def __call__(
        self,
        request: Request,
        bbox: Annotated[str | None, Query(description="west,south,east,north in degrees; in bbox-crs: its axes' order",
                                          examples=["121.3,31.1,121.4,31.2"])] = None,
        bbox_crs: Annotated[str | None, Query(alias="bbox-crs", description="URI of the bbox's CRS")] = None,
        during: Annotated[str | None, Query(alias="datetime", description="valid then: a date-time, a date, or start/end (.. = open); with as_of: of what holds then")] = None,
        filter: Annotated[str | None, Query(description="CQL2")] = None,  # noqa: A002 (OGC's name)
        filter_lang: Annotated[Language, Query(alias="filter-lang", description="cql-text: CQL2 text as GDAL writes it")] = "cql2-text",
        filter_crs: Annotated[str | None, Query(alias="filter-crs", description="URI of the CRS of the filter's geometries")] = None,
        crs: Annotated[str | None, Query(description="URI of the CRS of the answer")] = None,
        as_of: Annotated[str | None, Query(description="数据时点: when it is true in the world; a date is the end of that day")] = None,
        known_at: Annotated[str | None, Query(description="台账时点: as it had been recorded by then")] = None,
        limit: Annotated[int, Query(ge=1, description="a larger one is taken as the maximum", json_schema_extra={"maximum": MAX_LIMIT})] = 10,
        offset: Annotated[int, Query(ge=0, le=2**53, description="to skip; next links use after")] = 0,
        after: Annotated[str | None, Query(max_length=600, description="the last key of the page before")] = None,
        before: Annotated[str | None, Query(max_length=600, description="the first key of the page after; without after and offset")] = None,
        state: Annotated[str | None, Query(pattern=STATE.pattern, description="of next and prev links: what the first page was made of")] = None,
    ) -> ItemsQuery:  # fmt: skip
        kind, box_crs = layer_named(request.path_params["layer"]), crs_of(bbox_crs, "bbox-crs")
        corners = () if bbox is None else bbox_numbers(bbox)
        box = None
        if bbox is not None:
            box = parse_bbox(bbox) if box_crs is DEFAULT else bbox_to_degrees(corners, box_crs)
        if before is not None and (after is not None or offset):
            raise bad("query", "before", before, "不能与 after 或 offset 同时使用", "does not go with after or offset")
        interval, at, span = None if during is None else parse_interval(during), moment(as_of, "as_of"), None
        if interval is not None and at is None:
            at = interval.nearest(request.app.state.world.twin.now())
            span = None if interval.start == interval.end is not None else (interval.start, interval.end)
        found = []
        if filter is not None:
            to_degrees = None if filter_crs is None else degrees_of(crs_of(filter_crs, "filter-crs"))
            found.append(parse_filter(filter, filter_lang, to_degrees, queryables(kind)))
        known = set(self.also_known(request)) & set(request.query_params)
        own = (
            property_filters(kind, [p for p in request.query_params.multi_items() if p[0] in known]) if known else None
        )
        return ItemsQuery(
            When(at, moment(known_at, "known_at"), state_of(state), span), box, corners, box_crs,
            interval, (*found, *([] if own is None else [own])), crs_of(crs),
            min(limit, MAX_LIMIT), offset, after, before,
        )  # fmt: skip


AskedItems = Annotated[ItemsQuery, Depends(Reading())]
