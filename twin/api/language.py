"""Which language the answer's words are in: ``lang`` in the query, else ``Accept-Language``, else English."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Depends, Query, Request

Lang = Literal["zh", "en"]


def language_of(request: Request) -> Lang:
    """The language asked for; also usable where the query has not been validated."""
    asked = request.query_params.get("lang")
    if asked in ("zh", "en"):
        return "zh" if asked == "zh" else "en"
    return preferred(request.headers.get("accept-language", ""))


def preferred(header: str) -> Lang:
    """``zh`` if an Accept-Language header ranks Chinese above English, else ``en``."""
    weights = {"zh": 0.0, "en": 0.0}
    for item in header.lower().split(","):
        tag, _, options = item.strip().partition(";")
        language = tag.partition("-")[0].strip()
        if language in weights:
            weights[language] = max(weights[language], _weight(options))
    return "zh" if weights["zh"] > weights["en"] else "en"


def _weight(options: str) -> float:
    name, _, value = options.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0


async def language(
    request: Request,
    lang: Annotated[Lang | None, Query(description="language of words; default: Accept-Language")] = None,
) -> Lang:
    """Every route takes ``lang``; those with words of their own ask for the value."""
    return lang or language_of(request)


Language = Annotated[Lang, Depends(language)]
