"""Which form of an answer a caller wants, where one address has several: by ``f``, else by the Accept header."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from fastapi import Request, Response

from twin.api.html import weight

Form = TypeVar("Form", bound=str)


def negotiated(request: Request, asked: Form | None, media: Mapping[Form, str]) -> Form:
    """``asked``, else the form whose media type Accept ranks highest: the first of those that it ranks alike, or not at all."""
    if asked is not None:
        return asked
    accept = request.headers.get("accept", "").lower()
    return max(media, key=lambda form: weight(accept, media[form]))


def by_accept(answer: Response) -> Response:
    """An answer that was chosen by the Accept header, and says so."""
    answer.headers["vary"] = "Accept, Accept-Encoding"
    return answer
