"""Addresses of stores: what they name, and how they are shown."""

from __future__ import annotations

import re

SQLITE = "sqlite:///"
POSTGRES = ("postgresql://", "postgres://")
_SECRET = re.compile(r"((?:^|[?&\s])(?:ssl)?password=)[^&\s]*", re.IGNORECASE)


def is_postgres(url: str) -> bool:
    return url.startswith(POSTGRES)


def shown(url: str) -> str:
    """An address as it may be shown: without its password."""
    if "://" not in url or url.startswith(SQLITE):
        return url
    scheme, _, rest = url.partition("://")
    place, mark, query = rest.partition("?")
    who, at, where = place.rpartition("@")
    user, colon, _ = who.partition(":")
    secret = ":***" if colon else ""
    return f"{scheme}://{user}{secret}{at}{where}{mark}" + _SECRET.sub(r"\1***", query)
