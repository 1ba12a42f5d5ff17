"""Vector tiles (MVT 2.1) of points, laid out for all columns at once with NumPy. Knows arrays and bytes, no HTTP and no table.

All rows of a tile are written side by side into one array of bytes, together with a mask of those that are sent (what is
missing is not); taking the masked bytes in order is the tile.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from mmap import mmap
from typing import Any

import numpy as np
import orjson
import pandas as pd
from numpy.typing import NDArray

from twin.api.mercator import Unit, morton, tile_codes

EXTENT = 4096
LAYER, NAME, FEATURE, KEY, VALUE, VERSION_2 = b"\x1a", b"\x0a", b"\x12", b"\x1a", b"\x22", b"\x78\x02"
TAGS, POINT, MOVE_TO = b"\x12", b"\x18\x01\x22", b"\x09"
Bytes = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Codes = NDArray[np.int64]
Small = NDArray[np.int32]
Tile = tuple[int, int, int]
"""z, x, y."""


@dataclass(frozen=True)
class Coded:
    """A column: (n,) ``codes`` into the distinct ``messages`` (values as MVT writes them), -1 where it is missing."""

    codes: Small
    messages: Sequence[bytes]

    @classmethod
    def of(cls, codes: NDArray[Any], values: Sequence[Any]) -> Coded:
        """From (n,) indices of JSON values; -1 and what JSON writes as null are missing."""
        messages = value_messages(values)
        place = np.full(len(messages) + 1, -1, np.int32)
        has = np.array([bool(message) for message in messages], bool)
        place[:-1][has] = np.arange(has.sum())
        return cls(place[codes], [message for message in messages if message])


def value_messages(values: Sequence[Any]) -> list[bytes]:
    """``value_message`` of each."""
    if set(map(type, values)) == {str}:
        return [_text_head(len(text)) + text for text in map(str.encode, values)]
    return [value_message(value) for value in values]


def value_message(value: Any) -> bytes:
    """A JSON value as a field of an MVT layer; empty for null. Arrays, objects and integers beyond 64 bits are text."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return b""
    if isinstance(value, bool):
        return _framed(b"\x38" + varint(value))
    if isinstance(value, int) and -(2**63) <= value < 2**64:
        return _framed(b"\x28" + varint(value) if value >= 0 else b"\x30" + varint(-2 * value - 1))
    if isinstance(value, float):
        return _framed(b"\x19" + struct.pack("<d", value))
    text = str(value).encode() if isinstance(value, str | int) else orjson.dumps(value)
    return _text_head(len(text)) + text


@cache
def _text_head(size: int) -> bytes:
    inner = b"\x0a" + varint(size)
    return VALUE + varint(len(inner) + size) + inner


def _framed(content: bytes) -> bytes:
    return VALUE + varint(len(content)) + content


def varint(value: int) -> bytes:
    """An unsigned integer as protobuf writes it."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


@dataclass(frozen=True)
class PointTiles:
    """A layer of (n) points, ready to be cut into tiles. Rows of a tile must be consecutive: Morton order.

    ``codes`` (columns, n) say which value each row has; value ``i`` is ``blob[offsets[i]:offsets[i + 1]]`` as MVT writes it,
    the last one (empty) stands for none. Values are numbered column by column, from ``begins`` on, in the order of the rows.

    A tile's bytes follow from its own features alone, so that a change elsewhere leaves them as they are: it has the keys and
    values that they use, in the order in which they come.
    """

    name: str
    unit: Unit
    order: NDArray[np.uint64]
    keys: Sequence[bytes]
    codes: Small
    begins: Codes
    blob: bytes | mmap
    offsets: Codes

    @classmethod
    def of(cls, name: str, unit: Unit, columns: Mapping[str, Coded]) -> PointTiles:
        """From (n, 2) places in the unit square, in Morton order, and columns in that order."""
        codes = np.empty((len(columns), len(unit)), np.int32)
        messages: list[bytes] = []
        begins = []
        for row, column in zip(codes, columns.values(), strict=True):
            renumbered, used = pd.factorize(np.where(column.codes < 0, np.nan, column.codes))
            row[:] = np.where(renumbered < 0, -1, renumbered + len(messages))
            begins.append(len(messages))
            messages += [column.messages[code] for code in used.astype(int).tolist()]
        codes[codes < 0] = len(messages)
        sizes = np.fromiter(map(len, [*messages, b""]), np.int64, len(messages) + 1)
        keys = [_field(KEY, key.encode()) for key in columns]
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        return cls(name, unit, morton(unit), keys, codes, np.array(begins, np.int64), b"".join(messages), offsets)

    def rows(self, tile: Tile) -> slice:
        """The points that a tile owns: each belongs to exactly one tile of a zoom."""
        first, last = np.searchsorted(self.order, tile_codes(*tile)).tolist()
        return slice(first, last)

    def tile(self, tile: Tile, rows: slice) -> bytes:
        """The points in ``rows`` as one tile; empty bytes if there is none. Coordinates are rounded to the nearest unit
        inside: maps draw no point on a tile's far edge, and the neighbour does not have it."""
        if rows.start >= rows.stop:
            return b""
        tags, keys, values = self._tags(rows)
        z, x, y = tile
        at = np.rint((self.unit[rows] * 2.0**z - (x, y)) * EXTENT).clip(0, EXTENT - 1).astype(np.int64)
        features = _features(tags, (at << 1) ^ (at >> 63))
        name = _field(NAME, self.name.encode())
        body = b"".join([VERSION_2, name, features, *keys, *values, b"\x28", varint(EXTENT)])
        return LAYER + varint(len(body)) + body

    def _tags(self, rows: slice) -> tuple[Rows, list[bytes], list[bytes]]:
        """The rows' pairs of indices of a key and a value, and the keys and values."""
        codes = self.codes[:, rows]
        index, used, there = self._index(codes)
        keys = [self.keys[i] for i in there.tolist()]
        codes = codes[there].T
        width = _n_bytes(len(keys) - 1)
        pairs = Varints(rows.stop - rows.start, len(keys), width + _n_bytes(len(used) - 1))
        present = codes < len(self.offsets) - 2
        pairs.put(0, np.arange(len(keys))[None], width, present)
        pairs.put(width, index[codes], pairs.width - width, present)
        return pairs.rows(), keys, self._spans(used)

    def _index(self, codes: Small) -> tuple[Small, Codes, Codes]:
        """The index in a tile of each value of the layer, the values that the tile has, by index, and the columns it has.

        Columns of few values come first, so that most indices are short; within a column the first row's is first.
        """
        flat = codes.ravel()
        first = np.full(len(self.offsets) - 1, flat.size, np.int32)
        first[flat[::-1]] = np.arange(
            flat.size - 1, -1, -1
        )  # of equal codes the one assigned last stays: the first row's
        first[-1] = flat.size
        used = np.flatnonzero(first < flat.size)
        used = used[np.argsort(first[used], kind="stable")]
        column = np.searchsorted(self.begins, used, side="right") - 1
        counts = np.bincount(column, minlength=len(codes))
        few_first = np.argsort(counts, kind="stable")
        shift = np.empty(len(codes), np.int64)
        shift[few_first] = np.cumsum(counts[few_first]) - counts[few_first]
        shift -= np.cumsum(counts) - counts
        index = np.arange(len(used)) + shift[column]
        first[used], first[-1] = index, 0
        by_index = np.empty_like(used)
        by_index[index] = used
        return first, by_index, np.flatnonzero(counts)

    def _spans(self, values: Codes) -> list[bytes]:
        """The messages of values, those that lie together in one piece."""
        cut = np.flatnonzero(np.diff(values) != 1)
        begin, end = np.concatenate([values[:1], values[cut + 1]]), np.concatenate([values[cut], values[-1:]])
        spans = zip(self.offsets[begin].tolist(), self.offsets[end + 1].tolist(), strict=True)
        return [self.blob[a:b] for a, b in spans]


class Varints:
    """(n, m) cells of ``width`` bytes, into which varints are put, and which of the bytes are sent."""

    def __init__(self, n: int, m: int, width: int) -> None:
        self.width = width
        self.cells, self.sent = np.empty((n, m, width), np.uint8), np.empty((n, m, width), bool)

    def put(self, at: int, values: Codes | Small, width: int, present: Mask | bool = True) -> None:
        """Unsigned integers at a byte of the cells, each as short as it can be."""
        for i in range(width):
            more = values >= 1 << (7 * (i + 1))
            self.cells[:, :, at + i] = (values >> (7 * i)) & 127 | (more.astype(np.uint8) << 7)
            self.sent[:, :, at + i] = present & (values >= 1 << (7 * i)) if i else present

    def rows(self) -> Rows:
        n, m, width = self.cells.shape
        return Rows(self.cells.reshape(n, m * width), self.sent.reshape(n, m * width))


@dataclass(frozen=True)
class Rows:
    """(n, width) bytes, and which of them are sent."""

    cells: Bytes
    sent: Mask

    @property
    def sizes(self) -> Codes:
        """(n) how many bytes of each row are sent."""
        return np.asarray(self.sent.sum(axis=1))

    def joined(self) -> bytes:
        return self.cells[self.sent].tobytes()


def varint_rows(values: Codes) -> Rows:
    """(n) or (n, m) unsigned integers."""
    cells = values if values.ndim == 2 else values[:, None]
    width = _n_bytes(int(cells.max()))
    out = Varints(len(cells), cells.shape[1], width)
    out.put(0, cells, width)
    return out.rows()


def _beside(parts: Sequence[bytes | Rows], n: int) -> Rows:
    """Parts from left to right; bytes are the same in each row."""
    widths = [len(part) if isinstance(part, bytes) else part.cells.shape[1] for part in parts]
    out, at = Rows(np.empty((n, sum(widths)), np.uint8), np.ones((n, sum(widths)), bool)), 0
    for part, width in zip(parts, widths, strict=True):
        if isinstance(part, Rows):
            out.cells[:, at : at + width], out.sent[:, at : at + width] = part.cells, part.sent
        else:
            out.cells[:, at : at + width] = np.frombuffer(part, np.uint8)
        at += width
    return out


def _features(tags: Rows, moves: Codes) -> bytes:
    """Whole features from their tags and (n, 2) zigzag moves."""
    place, n_tags = varint_rows(moves), tags.sizes
    head, n_place = varint_rows(n_tags), 1 + place.sizes
    size = len(TAGS) + head.sizes + n_tags + len(POINT) + 1 + n_place
    parts: list[bytes | Rows] = [
        FEATURE,
        varint_rows(size),
        TAGS,
        head,
        tags,
        POINT,
        varint_rows(n_place),
        MOVE_TO,
        place,
    ]
    return _beside(parts, len(moves)).joined()


def _n_bytes(value: int) -> int:
    """How many bytes an unsigned integer takes as a varint."""
    return max(-(-value.bit_length() // 7), 1) if value > 0 else 1


def _field(tag: bytes, content: bytes) -> bytes:
    return tag + varint(len(content)) + content
