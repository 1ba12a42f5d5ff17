"""The one tree of errors. Imports nothing of the project.

Policy: a message says what was wrong (with the value), what was expected, and the next step, in Chinese and in
English. The domain knows no HTTP and no exit codes: the doors map classes to those in one table each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """One sentence in both languages."""

    zh: str
    en: str

    def in_language(self, lang: str) -> str:
        return self.zh if lang.startswith("zh") else self.en


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with the input: where (``row 12``, ``clauses[3].value``), the column, the value, the reason.

    ``path`` is the place in a nested input (names of keys, numbers in arrays) where the column alone does not say it.
    """

    where: str
    column: str
    value: str
    words: Words
    path: tuple[str | int, ...] = ()

    def __str__(self) -> str:
        return f"{self.where}, {self.column} = {self.value!r}: {self.words.en}"


class TwinError(Exception):
    """Root of everything this project raises on purpose."""

    code = "error"

    def __init__(self, zh: str, en: str, faults: Sequence[Fault] = ()) -> None:
        self.words = Words(zh, en)
        self.faults = tuple(faults)
        super().__init__(en)


class InvalidInput(TwinError, ValueError):
    """The caller can mend it: a bad value, file or parameter."""

    code = "invalid-input"


class BadParameter(InvalidInput):
    code = "bad-parameter"


class LayerInvalid(InvalidInput):
    """Rows of a layer break its schema; ``faults`` has all of them."""

    code = "layer-invalid"


class PlanInvalid(InvalidInput):
    """The plan file has faults; ``faults`` has all of them."""

    code = "plan-invalid"


class FrameUndeclared(InvalidInput):
    """No coordinate frame was declared, or it is not one we know."""

    code = "frame-undeclared"


class FrameDoubtful(InvalidInput):
    """The coordinates fit another frame better than the one declared, and nobody insists."""

    code = "frame-doubtful"


class InverseNotAllowed(InvalidInput):
    """GCJ-02 / BD-09 to WGS-84 is switched off."""

    code = "datum-inverse-not-allowed"


class MappingAmbiguous(InvalidInput):
    """No mapping of columns, or more than one, fits the file; ``tables`` are its sheets where one must be named."""

    code = "mapping-ambiguous"
    tables: tuple[str, ...] = ()


class UnsupportedMedia(InvalidInput):
    """What was sent is said to be of a kind that is not taken there."""

    code = "unsupported-media-type"


class MustMatch(InvalidInput):
    """An edit must say which version it is based on."""

    code = "if-match-required"


class Unauthenticated(TwinError):
    """Nobody has said who asks, or what was shown as proof is not valid."""

    code = "unauthenticated"


class Forbidden(TwinError):
    """Whoever asks may not see or do this."""

    code = "role"


class NotFound(TwinError, LookupError):
    code = "not-found"


class Conflict(TwinError):
    """Somebody else changed it first, or the store already holds data."""

    code = "conflict"


class Stale(Conflict):
    """An edit is based on a version that is not the current one any more; ``current`` has those that are."""

    code = "stale"
    current: tuple[int, ...] = ()

    @classmethod
    def of(cls, layer: str, key: str, version: int | None, current: Sequence[int]) -> Stale:
        there = ", ".join(str(v) for v in current)
        had, had_en = ("", "") if version is None else (f"所依据的版本为 {version}，", f"you had version {version}, ")
        now = f"现为版本 {there}" if there else "已不存在"
        now_en = f"it is at version {there} now" if there else "it is gone"
        error = cls(
            f"{layer} {key} 已被他人修改：{had}{now}。请重新读取后再改",
            f"{layer} {key} was changed by somebody else: {had_en}{now_en}. Read it again",
        )
        error.current = tuple(current)
        return error


class AlreadyThere(Stale):
    """An edit is wanted only where there is nothing yet, or not this version, and there is."""

    code = "already-there"


class RuleUnready(TwinError):
    """A layer or zone that the rule cannot do without is not loaded."""

    code = "rule-unready"


class Unavailable(TwinError):
    """Something outside (the store, a port) is not available now."""

    code = "unavailable"
