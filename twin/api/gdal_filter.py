"""``filter-lang=cql-text``: the conditions that GDAL's driver OAPIF writes (3.6 and 3.12 are tried), taken to CQL2.

GDAL sends them to servers that name this language, and every ``-where`` with a time then says what it means. Without it
GDAL asks for ``datetime`` instead, which is when a feature is valid, and filters no further.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from twin.layers.filter_tree import Kind

TEXT = r"'(?:[^']|'')*'"
PART = re.compile(rf"\b(?P<name>[^\W\d]\w*) (?P<op>=|<>|[<>]=?|I?LIKE) (?P<value>{TEXT}|[-+.\w]+)|{TEXT}")
"""A comparison as GDAL writes each; or a text, in which none begins."""
SLASHES = re.compile(r"'(\d{4})/(\d\d)/(\d\d)\b")
TRUTHS = {"1": "true", "0": "false"}


def to_cql2(text: str, kinds: Mapping[str, Kind]) -> str:
    """A condition of GDAL as CQL2 text, given what each of the layer's properties holds.

    Yes and no are 1 and 0 in GDAL, a day ends in ``T``, a time of a column that it takes for text has slashes; no
    character of a pattern is special but ``%`` and ``_``; ILIKE knows no case.
    """

    def changed(found: re.Match[str]) -> str:
        name, op, value = found["name"], found["op"], found["value"]
        match kinds.get(name or ""):
            case "bool":
                value = TRUTHS.get(value, value)
            case "time":
                value = SLASHES.sub(r"'\1-\2-\3", value).replace("T'", "'")
        if op is None:
            return found[0]
        if op.endswith("LIKE"):
            value = value.replace("\\", "\\\\")
        return f"CASEI({name}) LIKE CASEI({value})" if op == "ILIKE" else f"{name} {op} {value}"

    return PART.sub(changed, text)


class PlusOfGdal:
    """An ASGI layer: GDAL leaves ``+`` as it is in a query and writes ``%20`` for a blank, so its ``+`` is no blank."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = scope.get("query_string", b"")
        if b"filter-lang=cql-text" in query and b"%20" in query:
            scope["query_string"] = query.replace(b"+", b"%2B")
        await self.app(scope, receive, send)
