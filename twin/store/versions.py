"""What an edit does to the versions of a key, the same on every store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from twin.errors import Conflict
from twin.model import Edit, Record


@dataclass(frozen=True, slots=True)
class Current:
    """The latest version of a key that is still open on the record axis."""

    record: Record
    version: int


@dataclass(frozen=True, slots=True)
class Step:
    """What to do to a key: close the current version or not, then record new ones as ``(version, record)``."""

    closes: bool
    new: tuple[tuple[int, Record], ...]


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


def step(edit: Edit, current: Current | None, last_version: int) -> Step:
    """The versions that an edit records. ``last_version`` is the highest ever recorded for the key (0: none).

    A change that holds from later than the current version leaves what was true before in a version of its own; one
    that holds from the same time or earlier is a correction. Removing ends the validity; a key may come back later.

    Raises:
        Conflict: the key is new but exists, does not exist but should, or has moved on.
    """
    layer, key, new = edit.record.layer, edit.record.key, edit.record
    if edit.op == "add":
        ended = (
            current is not None and current.record.valid_to is not None and current.record.valid_to <= new.valid_from
        )
        if current is not None and not ended:
            raise Conflict(
                f"{layer} 中已有编号 {key}（版本 {current.version}）",
                f"{layer} {key} exists (version {current.version})",
            )
        return Step(False, ((last_version + 1, new),))
    if current is None or current.version != edit.expected_version:
        now = "已不存在" if current is None else f"现为版本 {current.version}"
        now_en = "it is gone" if current is None else f"it is at version {current.version} now"
        raise Conflict(
            f"{layer} {key} 已被他人修改：所依据的版本为 {edit.expected_version}，{now}。请重新读取后再改",
            f"{layer} {key} was changed by somebody else: you had version {edit.expected_version}, {now_en}. Read it again",
        )
    old = current.record
    if edit.op == "remove":
        return Step(True, ((last_version + 1, replace(old, valid_to=new.valid_to)),))
    if new.valid_from <= old.valid_from:
        return Step(True, ((last_version + 1, new),))
    return Step(True, ((last_version + 1, replace(old, valid_to=new.valid_from)), (last_version + 2, new)))
