"""What If-Match and If-None-Match of an edit say (RFC 9110, section 13): which versions it is good for, and which it is not meant for."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from fastapi import Request

from twin.api.params import bad
from twin.api.replies import entity_tags
from twin.errors import AlreadyThere, Stale

OUR_TAG = re.compile(r'(?:W/)?"v([0-9]{1,18})(?:-gz)?"')
"""An ETag of ours; a proxy that compresses makes it a weak one."""


@dataclass(frozen=True, slots=True)
class Named:
    """``*``, or the versions among some entity tags; those of others are none."""

    is_any: bool
    versions: frozenset[int]

    def among(self, current: Collection[int]) -> list[int]:
        return [version for version in current if self.is_any or version in self.versions]


@dataclass(frozen=True, slots=True)
class Preconditions:
    """``wanted`` is If-Match, ``unwanted`` If-None-Match; None = not sent."""

    wanted: Named | None
    unwanted: Named | None

    @property
    def are_none(self) -> bool:
        """Whether an edit of what is there is good for every version."""
        return self.unwanted is None and (self.wanted is None or self.wanted.is_any)

    def version(self, layer: str, key: str, current: Sequence[int]) -> int:
        """Of the versions that an edit may be based on, of which there is one at least, the one that it is based on.

        Raises:
            Stale: If-Match names none of them. AlreadyThere: If-None-Match names one.
        """
        based = current if self.wanted is None else self.wanted.among(current)
        if not based:
            had = max(self.wanted.versions, default=None) if self.wanted else None
            raise Stale.of(layer, key, had, current)
        if self.unwanted is not None and self.unwanted.among(current):
            there = ", ".join(f'"v{version}"' for version in current)
            error = AlreadyThere(
                f"{layer} {key[:80]} 已有内容（{there}），If-None-Match 不允许修改。要修改它，请改用 If-Match",
                f"{layer} {key[:80]} is there ({there}), where If-None-Match says not to change it: use If-Match instead",
            )
            error.current = tuple(current)
            raise error
        return based[0]


def preconditions(request: Request) -> Preconditions:
    """Raises BadParameter where a header cannot be read."""
    return Preconditions(_named(request, "If-Match"), _named(request, "If-None-Match"))


def _named(request: Request, name: str) -> Named | None:
    if name not in request.headers:
        return None
    text = ", ".join(request.headers.getlist(name)).strip()
    if text == "*":
        return Named(True, frozenset())
    tags = entity_tags(text)
    if tags is None:
        zh, en = (
            '应为带引号的 ETag，如 "v3"，多个用逗号分隔；或为 *',
            'must be an ETag in quotes, as "v3", or several with commas between, or *',
        )
        raise bad("header", name, text, zh, en)
    return Named(False, frozenset(int(found[1]) for tag in tags if (found := OUR_TAG.fullmatch(tag))))
