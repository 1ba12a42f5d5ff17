"""What every store can keep in the same way: texts, numbers and geometries made plain, or refused, before anything is written."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import shapely
from shapely.errors import ShapelyError

from twin.errors import Fault, InvalidInput, Words
from twin.layers.attributes import unkeepable
from twin.model import MAX_KEY, Edit, Record, Source
from twin.ports import GridFile

MAX_DEVICES = 2**31 - 1
N_SHOWN = 80


def sound(edits: Sequence[Edit]) -> list[Edit]:
    """The edits as they are kept: WKB two-dimensional, little-endian and without an SRID, numbers as plain ones.

    Raises:
        InvalidInput: with all faults: a text that UTF-8 cannot carry or with U+0000, a key that is empty or too long,
            a coordinate that is no finite number, a time without a zone, attributes that are no JSON, nested too deep
            or too large, broken WKB.
    """
    records = [_plain(edit.record) for edit in edits]
    faults = [fault for record in records for fault in _faults(record)]
    shapes, broken = _canonical([r.geometry for r in records])
    faults += [_fault(records[i], "geometry", "WKB", "不是有效的 WKB", "is no WKB") for i in broken]
    if faults:
        raise _refused(faults)
    return [
        edit if record is edit.record and shape == record.geometry else replace(edit, record=replace(record, geometry=shape))
        for edit, record, shape in zip(edits, records, shapes, strict=True)
    ]  # fmt: skip


def refuse_unsound_words(said: Mapping[str, str], sources: Sequence[Source], grids: Sequence[GridFile]) -> None:
    """What is said of a transaction must be text that every store can keep.

    Raises:
        InvalidInput: with all faults.
    """
    told = [*said.items()]
    told += [(f"source {n}", getattr(s, n)) for s in sources for n in ("id", "title", "frame", "licence", "sha256")]
    told += [(f"grid {n}", getattr(g, n)) for g in grids for n in ("name", "unit", "source")]
    faults = [Fault("transaction", name, text[:N_SHOWN], _UNTYPED) for name, text in told if not _is_text(text)]
    too_long = Words(f"应为 1 至 {MAX_KEY} 个字符", f"must have 1 to {MAX_KEY} characters")
    names = [("source id", s.id) for s in sources] + [("grid name", g.name) for g in grids]
    faults += [Fault("transaction", n, text[:N_SHOWN], too_long) for n, text in names if not 1 <= len(text) <= MAX_KEY]
    if faults:
        raise _refused(faults)


def json_bytes(value: Mapping[str, Any]) -> bytes:
    """JSON with sorted names: equal values give equal bytes."""
    return orjson.dumps(dict(value), option=orjson.OPT_SORT_KEYS)


_UNTYPED = Words(
    "含有无法保存的字符（U+0000 或不成对的代理项）", "holds characters that cannot be kept (U+0000 or lone surrogates)"
)


def _plain(r: Record) -> Record:
    """Numbers of other libraries as Python's own, and no negative zero, which SQLite does not know."""
    if type(r.lng) is float and type(r.lat) is float and r.lng and r.lat and type(r.n_devices) is int:
        return r
    lng, lat = (None if v is None else float(v) + 0.0 for v in (r.lng, r.lat))
    online = None if r.online is None else bool(r.online)
    return replace(r, lng=lng, lat=lat, n_devices=int(r.n_devices), online=online)


def _faults(r: Record) -> Iterator[Fault]:
    texts = r.layer, r.key, r.name, r.lifecycle, r.owner, r.source
    if not _is_text("".join(texts)):
        names = zip(("layer", "key", "name", "lifecycle", "owner", "source"), texts, strict=True)
        yield from (Fault(_where(r), n, text[:N_SHOWN], _UNTYPED) for n, text in names if not _is_text(text))
    if not (1 <= len(r.key) <= MAX_KEY and 1 <= len(r.layer) <= MAX_KEY):
        column = "layer" if 1 <= len(r.key) <= MAX_KEY else "key"
        yield _fault(
            r, column, getattr(r, column), f"应为 1 至 {MAX_KEY} 个字符", f"must have 1 to {MAX_KEY} characters"
        )
    if not _is_place(r.lng, r.lat):
        zh, en = "经纬度应同为有限的数，或同为空", "lng and lat must both be finite numbers, or both be None"
        yield _fault(r, "lng, lat", f"{r.lng}, {r.lat}", zh, en)
    if not 0 <= r.n_devices <= MAX_DEVICES:
        yield _fault(r, "n_devices", r.n_devices, f"应为 0 至 {MAX_DEVICES}", f"must be 0 to {MAX_DEVICES}")
    if r.valid_from.tzinfo is None or (r.valid_to is not None and r.valid_to.tzinfo is None):
        yield _fault(
            r, "valid_from, valid_to", f"{r.valid_from}, {r.valid_to}", "时间缺少时区", "a time has no time zone"
        )
    words = unkeepable(r.attributes) or (None if r.original is None else unkeepable(r.original))
    if words:
        yield Fault(_where(r), "attributes", ", ".join(map(str, r.attributes))[:N_SHOWN], words)


def _is_place(lng: float | None, lat: float | None) -> bool:
    if lng is None or lat is None:
        return lng is lat
    return math.isfinite(lng) and math.isfinite(lat)


def _is_text(text: str) -> bool:
    if "\0" in text:
        return False
    try:
        text.isascii() or text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _canonical(shapes: Sequence[bytes | None]) -> tuple[list[bytes | None], list[int]]:
    """WKB as every store gives it back, and the positions of what is none."""
    out, broken = list(shapes), []
    for chunk in np.array_split(
        np.array([i for i, s in enumerate(shapes) if s is not None], int), 1 + len(shapes) // 20_000
    ):
        try:
            read = np.asarray(shapely.from_wkb([shapes[i] for i in chunk]), object)
        except (ShapelyError, TypeError):
            read = np.array([_read(shapes[i]) for i in chunk], object)
            broken += [int(i) for i, shape in zip(chunk, read, strict=True) if shape is None]
        written = shapely.to_wkb(read, output_dimension=2, byte_order=1, include_srid=False)
        for i, wkb in zip(chunk, written, strict=True):
            out[i] = wkb
    return out, broken


def _read(wkb: Any) -> Any:
    try:
        return shapely.from_wkb(wkb)
    except (ShapelyError, TypeError):
        return None


def _where(r: Record) -> str:
    return f"{r.layer} {r.key}"[:N_SHOWN]


def _fault(r: Record, column: str, value: object, zh: str, en: str) -> Fault:
    return Fault(_where(r), column, str(value)[:N_SHOWN], Words(zh, en))


def _refused(faults: Sequence[Fault]) -> InvalidInput:
    first = faults[0]
    return InvalidInput(
        f"{len(faults)} 处无法保存，首先是 {first.where} 的 {first.column}：{first.words.zh}",
        f"{len(faults)} fault(s): cannot be kept, first {first.where}, {first.column}: {first.words.en}",
        faults,
    )
