"""What an edit does to the versions of a key, the same on every store.

At any time on the record axis a key has a timeline: open versions whose validities do not overlap. An edit lays a record
over a stretch of it; what it covers is closed, and what sticks out before and after is recorded again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from twin.errors import Conflict, InvalidInput, Stale
from twin.model import Edit, Record


@dataclass(frozen=True, slots=True)
class Held:
    """A version that is open on the record axis."""

    record: Record
    version: int


@dataclass(frozen=True, slots=True)
class Step:
    """What to do to a key: versions to close, then new ones to record as ``(version, record)``."""

    closes: tuple[int, ...]
    new: tuple[tuple[int, Record], ...]


def not_before(at: datetime, last: datetime | None) -> datetime:
    """The time of a transaction that is recorded after one at ``last``: clocks may differ or be set back."""
    return at if last is None or at > last else last + timedelta(microseconds=1)


def refuse_twice(edits: Sequence[Edit]) -> None:
    """One transaction changes a key once.

    Raises:
        Conflict: naming the keys that occur more than once.
    """
    seen = Counter((e.record.layer, e.record.key) for e in edits)
    twice = [f"{layer} {key}" for (layer, key), n in seen.items() if n > 1]
    if twice:
        said = ", ".join(twice[:10])
        raise Conflict(f"同一事务中重复的编号：{said}", f"changed twice in one transaction: {said}")


def step(edit: Edit, timeline: Sequence[Held], last_version: int) -> Step:
    """The versions that an edit closes and records.

    ``timeline`` has the key's open versions in any order, ``last_version`` is the highest ever recorded (0: none). A
    change holds from its ``valid_from`` to its ``valid_to`` and leaves the rest of the timeline as it was; a correction
    also takes back all of the version that it corrects; after a final one nothing holds. Removing leaves nothing from ``valid_to`` on. A key may come back.

    Raises:
        Conflict: an added key holds something in that time already.
        Stale: the version that an edit is based on is not open any more.
        InvalidInput: the record would end before it begins.
    """
    new = edit.record
    if edit.op == "add":
        _refuse_held(new, timeline)
        return Step((), ((last_version + 1, _sound(new)),))
    base = next((held for held in timeline if held.version == edit.expected_version), None)
    if base is None:
        raise Stale.of(new.layer, new.key, edit.expected_version, [held.version for held in timeline])
    laid: tuple[Record, ...] = ()
    if edit.op == "remove":
        if new.valid_to is None:
            raise ValueError(f"{new.layer} {new.key}: a removal needs the time it holds from")
        start, end = new.valid_to, None
    else:
        start, end, laid = new.valid_from, None if edit.final else new.valid_to, (_sound(new),)
    covered = [held for held in timeline if overlap(held.record, start, end) or (edit.correction and held is base)]
    kept = [held.record for held in covered if not (edit.correction and held is base)]
    before = [replace(r, valid_to=start) for r in kept if r.valid_from < start]
    after = [
        replace(r, valid_from=end) for r in kept if end is not None and (r.valid_to is None or r.valid_to > end)
    ]  # fmt: skip
    numbered = enumerate((*before, *laid, *after), last_version + 1)
    return Step(tuple(held.version for held in covered), tuple(numbered))


def overlap(record: Record, start: datetime, end: datetime | None) -> bool:
    return (record.valid_to is None or record.valid_to > start) and (end is None or record.valid_from < end)


def _sound(record: Record) -> Record:
    if record.valid_to is not None and record.valid_to <= record.valid_from:
        raise InvalidInput(
            f"{record.layer} {record.key}：失效时间 {record.valid_to.isoformat()} 不晚于生效时间 {record.valid_from.isoformat()}",
            f"{record.layer} {record.key} would end at {record.valid_to.isoformat()}, not after its beginning at "
            f"{record.valid_from.isoformat()}",
        )
    return record


def _refuse_held(new: Record, timeline: Sequence[Held]) -> None:
    for held in timeline:
        if overlap(held.record, new.valid_from, new.valid_to):
            raise Conflict(
                f"{new.layer} 中已有编号 {new.key}（版本 {held.version}）",
                f"{new.layer} {new.key} exists (version {held.version})",
            )
