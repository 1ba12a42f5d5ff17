"""Features encoded once: one blob of GeoJSON in Morton order with offsets, so that a page or a tile is a few slices of it.

Knows arrays and bytes, no HTTP. Built from columns; no dict outlives the row it encodes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from mmap import mmap
from typing import Any

import numpy as np
import orjson
import pandas as pd
import shapely
from numpy.typing import NDArray

from twin.api.mercator import Unit, lnglat_to_unit, morton, tile_codes
from twin.cells import cells_to_text
from twin.layers import LayerType
from twin.model import Geometries, LayerTable, LngLat

OURS = ("source", "version", "cell")
"""Properties that every feature has besides its layer's fields."""
DIGITS = 7
"""Decimals of a degree on the wire: 1 cm."""
Index = NDArray[np.int64]
Bbox = tuple[float, float, float, float]
"""West, south, east, north in degrees; west > east crosses the antimeridian."""


@dataclass(frozen=True)
class Encoded:
    """(n) features in Morton order of their place; those without a place come last.

    Feature ``i`` is ``blob[offsets[i]:offsets[i + 1]]``, a comma included; up to ``cuts[i]`` it is id and properties, then
    comes its geometry. ``bounds`` are (n, 4) degrees, NaN = no place; ``shapes`` are None for points.
    """

    blob: bytes | mmap
    offsets: Index
    cuts: Index
    bounds: NDArray[np.float64]
    codes: NDArray[np.uint64]
    shapes: Geometries | None
    valid: NDArray[np.datetime64]
    """(n, 2) UTC: when each begins and ends to be true; NaT = open."""
    ids: Sequence[str]
    """Sorted."""
    places: Index
    """Where each of ``ids`` stands in the Morton order."""

    def __len__(self) -> int:
        return len(self.cuts)

    @cached_property
    def ranks(self) -> Index:
        """Which of ``ids`` stands at each place of the Morton order."""
        ranks = np.empty(len(self), np.int64)
        ranks[self.places] = np.arange(len(self))
        return ranks

    @cached_property
    def unit(self) -> Unit:
        """The centre of each feature's bounds in the unit square."""
        return lnglat_to_unit((self.bounds[:, :2] + self.bounds[:, 2:]) / 2)

    @cached_property
    def unit_shapes(self) -> Geometries:
        assert self.shapes is not None
        valid = np.where(shapely.is_valid(self.shapes), self.shapes, shapely.make_valid(self.shapes))
        return np.asarray(shapely.transform(valid, lnglat_to_unit), object)

    @cached_property
    def unit_bounds(self) -> NDArray[np.float64]:
        return np.asarray(shapely.bounds(self.unit_shapes))

    @cached_property
    def _sides(self) -> NDArray[np.float64]:
        """(4, n) the bounds side by side: scanned whole for each box."""
        return np.ascontiguousarray(self.bounds.T)

    def find(self, key: str) -> int | None:
        """Where the feature of that id stands."""
        i = bisect_left(self.ids, key)
        return int(self.places[i]) if i < len(self.ids) and self.ids[i] == key else None

    def within(self, bbox: Bbox) -> Index:
        """The features that meet a box, its edges included."""
        west, south, east, north = bbox
        w, s, e, n = self._sides
        across = (w <= east) & (e >= west) if west <= east else (w <= east) | (e >= west)
        found = np.flatnonzero(across & (s <= north) & (n >= south))
        if self.shapes is None or len(found) == 0:
            return found
        sides = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
        boxes = shapely.union_all([shapely.box(a, south, b, north) for a, b in sides])
        shapely.prepare(boxes)
        return found[shapely.intersects(boxes, self.shapes[found])]

    def during(self, start: datetime | None, end: datetime | None) -> NDArray[np.bool_]:
        """Which features are valid at some moment from ``start`` to ``end``, both included. Validity is half-open."""
        since, until = self.valid.T
        begun = np.isnat(since) | (since <= instant(end)) if end else np.ones(len(self), bool)
        return begun & (np.isnat(until) | (until > instant(start))) if start else begun

    def in_tile(self, z: int, x: int, y: int) -> slice:
        """The features whose place a tile owns: each belongs to exactly one tile of a zoom."""
        first, last = tile_codes(z, x, y)
        return slice(int(np.searchsorted(self.codes, first)), int(np.searchsorted(self.codes, last)))

    def run(self, part: slice) -> bytes:
        """Consecutive features, joined by commas."""
        return (
            self.blob[self.offsets[part.start] : max(self.offsets[part.stop] - 1, 0)] if part.stop > part.start else b""
        )

    def pick(self, index: Index) -> bytes:
        """Features by their places, in the order given, joined by commas."""
        return b"".join(self.parts(index))

    def parts(self, index: Index) -> list[memoryview]:
        """What ``pick`` joins."""
        if len(index) == 0:
            return []
        cut = np.flatnonzero(np.diff(index) != 1)
        first = self.offsets[index[np.concatenate([[0], cut + 1])]].tolist()
        last = self.offsets[index[np.concatenate([cut, [len(index) - 1]])] + 1].tolist()
        blob = memoryview(self.blob)
        last[-1] -= 1
        return list(map(blob.__getitem__, map(slice, first, last)))

    def heads(self, index: Index) -> list[bytes]:
        """Id and properties of features, without geometry and without the closing brace."""
        first, last = self.offsets[index].tolist(), self.cuts[index].tolist()
        return [self.blob[a:b] for a, b in zip(first, last, strict=True)]


def instant(moment: datetime) -> np.datetime64:
    """A moment as NumPy has it: UTC without saying so."""
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")


def encode(
    ids: Sequence[str],
    columns: Mapping[str, Sequence[Any]],
    place: LngLat | Geometries,
    left_out: Sequence[str] = (),
) -> Encoded:
    """Encode features.

    Args:
        ids: distinct.
        columns: a list of JSON values per property.
        place: (n, 2) degrees for points (NaN = none), or (n,) shapely geometries in EPSG:4326 (None = none).
        left_out: columns that a feature is without where their value is None.
    """
    shapes: Geometries | None = np.asarray(place, object) if place.ndim == 1 else None
    bounds = bounds_of(place)
    codes = morton(lnglat_to_unit((bounds[:, :2] + bounds[:, 2:]) / 2))
    order = np.argsort(codes, kind="stable")
    geometry = geometry_json(place)
    names, rows = list(columns), list(zip(*columns.values(), strict=True)) if columns else [()] * len(ids)
    parts, sizes, heads = [], [], []
    for i in order.tolist():
        properties = dict(zip(names, rows[i], strict=True))
        for name in left_out:
            if properties[name] is None:
                del properties[name]
        head = orjson.dumps({"type": "Feature", "id": ids[i], "properties": properties})[:-1]
        tail = b',"geometry":' + geometry[i] + b"},"
        parts += [head, tail]
        heads.append(len(head))
        sizes.append(len(head) + len(tail))
    offsets = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)
    by_id = sorted(range(len(ids)), key=ids.__getitem__)
    rank = np.empty(len(ids), np.int64)
    rank[order] = np.arange(len(ids))
    return Encoded(
        b"".join(parts), offsets, offsets[:-1] + np.array(heads, np.int64), bounds[order], codes[order],
        None if shapes is None else shapes[order], validity(columns, len(ids))[order], [ids[i] for i in by_id], rank[np.array(by_id, np.int64)],
    )  # fmt: skip


def validity(columns: Mapping[str, Sequence[Any]], n: int) -> NDArray[np.datetime64]:
    """(n, 2) from the columns ``valid_from`` and ``valid_to``, where there are any."""
    times = np.full((n, 2), "NaT", "datetime64[us]")
    for i, name in enumerate(("valid_from", "valid_to")):
        if name in columns:
            times[:, i] = np.array(
                [text.removesuffix("Z") if text else "NaT" for text in columns[name]], "datetime64[us]"
            )
    return times


def bounds_of(place: LngLat | Geometries) -> NDArray[np.float64]:
    """(n, 4) west, south, east, north as they read on the wire; NaN where there is no place."""
    bounds = np.tile(place, (1, 2)) if place.ndim == 2 else shapely.bounds(place).reshape(len(place), 4)
    return np.asarray(np.round(bounds.astype(float), DIGITS))


def geometry_json(place: LngLat | Geometries) -> list[bytes]:
    """GeoJSON geometries, ``null`` where there is none. Outer rings run counter-clockwise (RFC 7946)."""
    if place.ndim == 2:
        placed = np.asarray(~np.isnan(place).any(axis=1))
        return [
            f'{{"type":"Point","coordinates":[{x!r},{y!r}]}}'.encode() if ok else b"null"
            for (x, y), ok in zip(np.round(place, DIGITS).tolist(), placed, strict=True)
        ]
    if len(place) == 0:
        return []
    rounded = shapely.transform(shapely.orient_polygons(shapely.force_2d(place)), lambda c: np.round(c, DIGITS))
    empty = shapely.is_empty(place) | shapely.is_missing(place)
    texts = shapely.to_geojson(rounded)
    return [b"null" if none else text.encode() for none, text in zip(empty, texts, strict=True)]


def encode_layer(kind: LayerType, table: LayerTable) -> Encoded:
    """A layer's table with the properties that callers rely on. What a layer does not declare only those have that it is
    known of: so a feature's bytes depend on nothing but its own record."""
    kinds = {f.name: f.kind for f in kind.all_fields()}
    columns = {
        name: cell_texts(table.frame[name]) if name == "cell" else json_values(table.frame[name], kinds.get(name, ""))
        for name in table.frame.columns
        if name not in ("lng", "lat")
    }
    place = table.lnglat if kind.geometry == "point" or table.geometry is None else table.geometry
    return encode(
        [str(key) for key in table.frame["key"]], columns, place, [n for n in columns if n not in {*kinds, *OURS}]
    )


def patched(before: Encoded, kind: LayerType, old: LayerTable, new: LayerTable) -> Encoded:
    """What ``encode_layer(kind, new)`` gives, from what it gave for ``old``: only rows that differ are encoded."""
    if old.marks is None or new.marks is None:
        return encode_layer(kind, new)
    source = _where_from(old.marks, new.marks)
    fresh = np.flatnonzero(source < 0)
    if len(fresh) > MOST_FRESH * len(new):
        return encode_layer(kind, new)
    part = new.frame.iloc[fresh].reset_index(drop=True)
    shapes = None if new.geometry is None else new.geometry[fresh]
    added = encode_layer(kind, LayerTable(new.layer, part, shapes))
    position = np.empty(len(new), np.int64)
    position[source >= 0] = before.places[source[source >= 0]]
    position[fresh] = len(before) + added.places
    return _spliced(before, added, position, TextColumn(new.frame["key"]))


MOST_FRESH = 0.2
"""The share of rows from which on all are encoded anew."""


def _where_from(old: NDArray[np.uint64], new: NDArray[np.uint64]) -> Index:
    """(n) which row of the old marks each of the new ones is; -1 = none."""
    order = np.argsort(old[:, 0], kind="stable")
    at = np.minimum(np.searchsorted(old[order, 0], new[:, 0]), max(len(old) - 1, 0))
    found = order[at] if len(old) else np.zeros(len(new), np.int64)
    same = (old[found] == new).all(axis=1) if len(old) else np.zeros(len(new), bool)
    return np.where(same, found, -1)


def _spliced(first: Encoded, second: Encoded, position: Index, ids: Sequence[str]) -> Encoded:
    """Features of two encodings as one.

    Args:
        position: (n) of each feature in the order of ``ids``: where it stands in the first, then in the second.
    """
    both = np.concatenate([first.codes, second.codes])[position]
    order = np.argsort(both, kind="stable")
    taken = position[order]
    sizes = np.concatenate([np.diff(first.offsets), np.diff(second.offsets)])
    heads = np.concatenate([first.cuts - first.offsets[:-1], second.cuts - second.offsets[:-1]])
    offsets = np.concatenate([[0], np.cumsum(sizes[taken], dtype=np.int64)]).astype(np.int64)
    starts = np.concatenate([first.offsets[:-1], second.offsets[:-1] + len(first.blob)])
    cut = np.flatnonzero((np.diff(taken) != 1) | (taken[1:] == len(first))) + 1
    begins = np.concatenate([[0], cut])[: len(taken)]
    ends = np.concatenate([cut, [len(taken)]])[: len(begins)]
    blobs = (memoryview(first.blob), memoryview(second.blob))
    parts = []
    for a, b in zip(begins.tolist(), ends.tolist(), strict=True):
        which = int(taken[a] >= len(first))
        start = int(starts[taken[a]]) - which * len(first.blob)
        parts.append(blobs[which][start : start + int(offsets[b] - offsets[a])])
    places = np.empty(len(position), np.int64)
    places[order] = np.arange(len(position))
    shapes = None
    if first.shapes is not None and second.shapes is not None:
        shapes = np.concatenate([first.shapes, second.shapes])[taken]
    return Encoded(
        b"".join(parts), offsets, offsets[:-1] + heads[taken], np.concatenate([first.bounds, second.bounds])[taken], both[order],
        shapes, np.concatenate([first.valid, second.valid])[taken], ids, places,
    )  # fmt: skip


class TextColumn(Sequence[str]):
    """A column of text as a sequence, without a Python string for each of its values."""

    def __init__(self, column: pd.Series[Any]) -> None:
        self._values = column.array

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, index: Any) -> Any:
        return self._values[index]


def cell_texts(cells: pd.Series[Any]) -> list[str | None]:
    return [text or None for text in cells_to_text(cells.tolist())]


def json_values(column: pd.Series[Any], kind: str) -> list[Any]:
    """A column as JSON values: None for what is missing, whole numbers for ``int``, short times."""
    missing = column.isna().to_numpy()
    values: list[Any] = column.astype(object).tolist()
    if kind == "int":
        values = [None if none else int(v) for v, none in zip(values, missing, strict=True)]
    elif kind == "time" or column.name in ("valid_from", "valid_to"):
        short: dict[Any, Any] = {}
        values = [None if none else short.setdefault(v, short_time(v)) for v, none in zip(values, missing, strict=True)]
    elif missing.any():
        values = [None if none else v for v, none in zip(values, missing, strict=True)]
    return values


def short_time(text: Any) -> str:
    """``2024-05-01T00:00:00Z``: no zeros after the seconds."""
    return str(text).replace(".000000Z", "Z")


def aggregate(table: LayerTable, cells: NDArray[np.uint64]) -> Encoded:
    """Counts per cell: ``point_count`` features and the sum of their ``n_devices``, at the mean place of the points.

    Args:
        cells: the cell of every row, 0 where it has no place.
    """
    chosen = cells > 0
    unique, owner = np.unique(cells[chosen], return_inverse=True)
    count = np.bincount(owner, minlength=len(unique))
    devices = np.bincount(owner, table.frame["n_devices"].to_numpy(float)[chosen], len(unique))
    lnglat = table.lnglat[chosen]
    sums = [np.bincount(owner, lnglat[:, axis], len(unique)) for axis in (0, 1)]
    texts = cells_to_text(unique.tolist())
    columns = {"cell": texts, "point_count": count.tolist(), "n_devices": devices.astype(np.int64).tolist()}
    return encode(texts, columns, np.column_stack(sums) / np.maximum(count, 1)[:, None])
