"""Editing one asset: add it, change it from a day on, correct it, end it. Knows ports, no adapter.

An edit is based on the version that holds on its day, and holds until the next thing recorded. Nothing is overwritten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd
from shapely.geometry.base import BaseGeometry

from twin.coverage.lifecycle import ASSUMED
from twin.coverage.parameters import most_alike, unknown_words
from twin.engine import Twin
from twin.errors import BadParameter, Fault, InvalidInput, NotFound, Stale, Words
from twin.frames import FRAMES
from twin.layers import COMMON, LayerType, layer_named
from twin.layers.attributes import unkeepable
from twin.layers.check import Checked, check_table
from twin.layers.mapping import GEOMETRY_X, GEOMETRY_Y, ColumnMap
from twin.layers.states import may_follow, refusal
from twin.layers.table import RawTable
from twin.layers.values import Wrong, read_time
from twin.model import Edit, Record, Source, Transaction

BY_HAND = Source("edits", "人工编辑 / edited by hand", "wgs84")
NOT_EDITABLE = frozenset(("version", "cell", "source", ASSUMED))
"""Properties that come with a feature and may be sent back, but are not the editor's to say."""
N_SHOWN = 80
N_TRIES = 8
"""Of an edit that names no version, while others are faster."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an asset is: a geometry in EPSG:4326; None = no location."""

    geometry: BaseGeometry | None


@dataclass(frozen=True, slots=True)
class Wish:
    """What an editor sends: ``properties`` by field name (None takes a field back to its default) and, if it is to
    change, the place. ``extra`` is merged into what is there (RFC 7396), or, where the wish ``is_whole``, put in its place."""

    properties: Mapping[str, Any]
    place: Place | None = None
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Signed:
    """Who edits and why. ``if_version`` is the version that the editor saw; None does without."""

    author: str
    reason: str
    if_version: int | None = None


@dataclass(frozen=True, slots=True)
class Edited:
    """What came of it: the transaction (None: it was so already), and the version that now holds on the edit's day
    (None: ended)."""

    transaction: Transaction | None
    record: Record
    version: int | None


def timeline(twin: Twin, layer: str, key: str) -> list[tuple[int, Record]]:
    """The open versions of a key by the time from which they hold: ``(version, record)``.

    Raises:
        NotFound: nothing is held under that key.
    """
    versions = twin.store.versions(layer_named(layer).name, key)
    held = [(version, record) for version, _, tx_to, record in versions if tx_to is None]
    if not held:
        raise NotFound(f"图层 {layer} 中没有编号“{key[:80]}”", f"{layer} has no feature {key[:80]!r}")
    return sorted(held, key=lambda pair: pair[1].valid_from)


def current_versions(held: Sequence[tuple[int, Record]], now: datetime) -> list[int]:
    """Of a timeline, the versions that an edit may be based on: those that hold now, else all."""
    present = [v for v, r in held if r.valid_from <= now and (r.valid_to is None or now < r.valid_to)]
    return present or [v for v, _ in held]


def drafted(twin: Twin, layer: str, wish: Wish) -> Record:
    """The asset that a wish to add one amounts to. Without a ``key`` (an area: ``code``) it gets one.

    Raises:
        LayerInvalid, BadParameter: values or names are wrong; all faults.
    """
    kind = layer_named(layer)
    named = "code" if _has_code(kind) else "key"
    given = {named: uuid4().hex[:12], **{k: v for k, v in wish.properties.items() if v is not None}}
    if named == "code" and "key" in given:
        given[named] = given.pop("key")
    return _checked(kind, Wish(given, wish.place or Place(None)), twin.now())


def create(twin: Twin, draft: Record, signed: Signed) -> Edited:
    """Add an asset as ``drafted``.

    Raises:
        Conflict: the key holds something in that time already.
    """
    return _commit(twin, Edit("add", draft), signed, (BY_HAND,))


def replace_asset(twin: Twin, layer: str, key: str, wish: Wish, signed: Signed, *, correction: bool = False) -> Edited:
    """Give an asset new values altogether: what is not sent goes back to its default. Raises as :func:`change`."""
    kind = layer_named(layer)
    everything = {f.name: None for f in kind.all_fields() if f.name not in ("key", "code", "valid_from", "valid_to")}
    whole = Wish({**everything, "extra": None, **wish.properties}, wish.place or Place(None), is_whole=True)
    return change(twin, layer, key, whole, signed, correction=correction)


def change(twin: Twin, layer: str, key: str, wish: Wish, signed: Signed, *, correction: bool = False) -> Edited:
    """Change some values of an asset, from ``valid_from`` (now unless given) until the next thing recorded.

    A correction holds from the beginning of the version that holds on that day, unless it says from when; if that is all
    it says, the version never held before. Only a correction may take the lifecycle back, and retiring needs a reason.

    Raises:
        NotFound: there is no such asset, or none on that day.
        Stale: ``if_version`` is not what holds now, or somebody was faster again and again.
        LayerInvalid, BadParameter: values or names are wrong; all faults.
    """
    kind = layer_named(layer)
    _refuse_rekeyed(kind, key, wish)
    for left in reversed(range(N_TRIES)):
        try:
            return _change(twin, kind, key, wish, signed, correction=correction)
        except Stale:
            if signed.if_version is not None or not left:
                raise
    raise AssertionError("unreachable")


def _change(twin: Twin, kind: LayerType, key: str, wish: Wish, signed: Signed, *, correction: bool) -> Edited:
    held, now = timeline(twin, kind.name, key), twin.now()
    _refuse_stale(held, signed, now, kind.name, key)
    told = _told(wish, held, now)
    given = {_key_field(kind): key, **{k: v for k, v in told.items() if v is not None}}
    some = _checked(kind, Wish(given, wish.place), now)
    at = some.valid_from if "valid_from" in told else now
    version, base, until = _on_day(held, at, kind.name, key)
    if correction and "valid_from" not in told:
        at = base.valid_from
    new = _overlaid(kind, base, some, told, wish)
    new = replace(new, valid_from=at, valid_to=some.valid_to if "valid_to" in told else until)
    _refuse_transition(held, base, new, signed, correction)
    sources = (BY_HAND,) if new.source == BY_HAND.id else ()
    if version is None:
        return _commit(twin, Edit("add", new), signed, sources)
    is_same = replace(new, valid_from=base.valid_from, valid_to=base.valid_to) == base
    if is_same and new.valid_to == base.valid_to and not (correction and at > base.valid_from):
        return Edited(None, base, version)
    return _commit(
        twin, Edit("change", new, version, correction and is_same, final="valid_to" in told), signed, sources
    )


def end(twin: Twin, layer: str, key: str, at: datetime | None, signed: Signed) -> Edited:
    """End an asset's validity (deleting): from ``at`` (now unless given) on there is nothing. A reason is needed.

    Raises:
        NotFound, Stale: as :func:`change`. BadParameter: there is no reason.
    """
    kind, now = layer_named(layer), twin.now()
    held = timeline(twin, kind.name, key)
    _refuse_stale(held, signed, now, kind.name, key)
    if not signed.reason.strip():
        words = Words("终止资产须说明原因", "ending an asset needs a reason")
        raise BadParameter(words.zh, words.en, [Fault("query", "reason", "", words)])
    moment = at or now
    version, base, _ = _on_day(held, moment, kind.name, key)
    if version is None:
        version, base = held[0]
    return _commit(twin, Edit("remove", replace(base, valid_to=moment), version), signed, ())


def _commit(twin: Twin, edit: Edit, signed: Signed, sources: Sequence[Source]) -> Edited:
    known = {source.id: source for _, source in twin.store.sources()}
    fresh = [source for source in sources if known.get(source.id) != source]
    transaction = twin.commit([edit], author=signed.author, reason=signed.reason, sources=fresh)
    ours = [
        version
        for version, tx, tx_to, record in twin.store.versions(edit.record.layer, edit.record.key)
        if tx == transaction.tx and tx_to is None and record.valid_from == edit.record.valid_from
    ]
    return Edited(transaction, edit.record, None if edit.op == "remove" else max(ours))


def _on_day(
    held: Sequence[tuple[int, Record]], at: datetime, layer: str, key: str
) -> tuple[int | None, Record, datetime | None]:
    """The version that holds at a moment, its record, and until when an edit from then on holds. Before anything was
    recorded it is the first one's record, without a version."""
    for version, record in held:
        if record.valid_from <= at and (record.valid_to is None or at < record.valid_to):
            return version, record, record.valid_to
    first = held[0][1]
    if at < first.valid_from:
        return None, first, first.valid_from
    raise NotFound(
        f"{layer} {key} 在 {at.isoformat()} 已不存在", f"{layer} {key} does not exist any more at {at.isoformat()}"
    )


def _told(wish: Wish, held: Sequence[tuple[int, Record]], now: datetime) -> dict[str, Any]:
    """What the editor says: without the key, and without times that only repeat those of the present version."""
    told = {k: v for k, v in wish.properties.items() if k not in ("key", "code")}
    present = [r for _, r in held if r.valid_from <= now and (r.valid_to is None or now < r.valid_to)]
    record = present[0] if present else held[0][1]
    for name, value in (("valid_from", record.valid_from), ("valid_to", record.valid_to)):
        if name in told and (told[name] is None or _says(str(told[name]), name, value)):
            del told[name]
    return told


def _says(text: str, name: str, value: datetime | None) -> bool:
    try:
        return read_time(text, next(f for f in COMMON if f.name == name)) == value
    except Wrong:
        return False


def _checked(kind: LayerType, wish: Wish, now: datetime) -> Record:
    """One record from values by field name, checked as a file's row is; but codes that nobody knows are wrong. Without a
    place none is looked for.

    Raises:
        BadParameter: names that are no fields. LayerInvalid: values that are wrong.
    """
    known = {f.name for f in kind.all_fields()}
    unknown = [name for name in wish.properties if name not in known | NOT_EDITABLE | {"extra"}]
    if unknown:
        there = ", ".join(sorted(known))
        words = Words(f"没有这个字段；有：{there}", f"no such field; there are: {there}")
        faults = [Fault("properties", name, str(wish.properties[name]), words) for name in unknown]
        raise BadParameter(f"没有字段 {', '.join(unknown)}", f"no such field: {', '.join(unknown)}", faults)
    values = {k: v for k, v in wish.properties.items() if k in known}
    columns = {k: pd.Series([v], index=[1], dtype=object) for k, v in values.items()}
    shape = np.array([wish.place.geometry if wish.place else None], object)
    table = RawTable("edit", pd.DataFrame(columns, index=[1]), shape, "geojson", "utf-8", "")
    mapped = {name: name for name in values}
    if wish.place is None:
        kind, mapping = replace(kind, geometry="point"), ColumnMap(mapped, dict.fromkeys(("lng", "lat"), ""))
    elif kind.geometry == "point":
        mapping = ColumnMap({"lng": GEOMETRY_X, "lat": GEOMETRY_Y, **mapped})
    else:
        mapping = ColumnMap(mapped)
    checked = check_table(table, kind, mapping, FRAMES["wgs84"], source_id=BY_HAND.id, default_valid_from=now,
                          allow_datum_inverse=False)  # fmt: skip
    extra = wish.properties.get("extra")
    wrong = [*_unknown_codes(kind, checked, table.where(0)), *_too_much(extra, table.where(0))]
    replace(checked, faults=(*checked.faults, *wrong)).raise_if_faulty()
    record = replace(checked.records[0], original=None)
    return replace(record, attributes={**record.attributes, "extra": dict(extra)}) if extra else record


def _unknown_codes(kind: LayerType, checked: Checked, where: str) -> list[Fault]:
    """What an import keeps and lists: an editor is told at once."""
    domains = {f.name: f.domain for f in kind.all_fields()}
    return [
        Fault(where, name, code, Words(*unknown_words("取值", "value", most_alike(code, domains[name]), domains[name])))
        for name, codes in checked.unknown_codes.items()
        for code in codes
    ]


def _too_much(extra: Mapping[str, Any] | None, where: str) -> list[Fault]:
    words = unkeepable({"extra": extra}) if extra else None
    return [Fault(where, "extra", ", ".join(extra)[:N_SHOWN], words)] if extra and words else []


def _overlaid(kind: LayerType, base: Record, some: Record, told: Mapping[str, Any], wish: Wish) -> Record:
    """The base with the values that were told; ``some`` has them checked, and defaults for those taken back."""
    own = {f.name for f in kind.fields}
    attributes = {n: v for n, v in base.attributes.items() if not (n == ASSUMED and "lifecycle" in told)}
    attributes |= {name: some.attributes.get(name) for name in told if name in own}
    if "extra" in told:
        before = attributes.pop("extra", {})
        extra = told["extra"] if wish.is_whole else merged(before, told["extra"])
        attributes |= {"extra": dict(extra)} if extra else {}
    common = {n: getattr(some, n) for n in ("name", "lifecycle", "online", "n_devices", "owner") if n in told}
    new = replace(base, attributes=attributes, **common)
    if wish.place is None:
        return new
    return replace(new, lng=some.lng, lat=some.lat, geometry=some.geometry, original=None)


def merged(target: Any, patch: Any) -> Any:
    """A JSON merge patch (RFC 7396, section 2) applied."""
    if not isinstance(patch, Mapping):
        return patch
    out = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            out.pop(name, None)
        else:
            out[name] = merged(out.get(name), value)
    return out


def _has_code(kind: LayerType) -> bool:
    return any(f.name == "code" for f in kind.fields)


def _key_field(kind: LayerType) -> str:
    return "code" if _has_code(kind) else "key"


def _refuse_rekeyed(kind: LayerType, key: str, wish: Wish) -> None:
    for name in ("key", "code") if _has_code(kind) else ("key",):
        said = wish.properties.get(name)
        if said is not None and str(said) != key:
            words = Words("编号不能修改；请终止后另建", "a key cannot be changed; end the asset and add another")
            raise BadParameter(words.zh, words.en, [Fault("properties", name, str(said), words)])


def _refuse_stale(held: Sequence[tuple[int, Record]], signed: Signed, now: datetime, layer: str, key: str) -> None:
    if signed.if_version is None:
        return
    current = current_versions(held, now)
    if signed.if_version not in current:
        raise Stale.of(layer, key, signed.if_version, current)


def _refuse_transition(
    held: Sequence[tuple[int, Record]], base: Record, new: Record, signed: Signed, correction: bool
) -> None:
    """The state must be able to follow what came before it, and what comes after must be able to follow it."""
    if new.lifecycle == base.lifecycle:
        return
    if new.lifecycle == "retired" and not signed.reason.strip():
        words = Words("退役须说明原因", "retiring an asset needs a reason")
        raise BadParameter(words.zh, words.en, [Fault("query", "reason", "", words)])
    if correction:
        return
    before = [
        r.lifecycle
        for _, r in held
        if r.valid_from < new.valid_from and (r.valid_to is None or r.valid_to >= new.valid_from)
    ]
    after = [r.lifecycle for _, r in held if r.valid_from == new.valid_to]
    for first, second in [*((b, new.lifecycle) for b in before), *((new.lifecycle, a) for a in after)]:
        if not may_follow(first, second):
            words = refusal(first, second)
            raise InvalidInput(words.zh, words.en, [Fault("properties", "lifecycle", new.lifecycle, words)])
