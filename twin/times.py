"""Times as callers write them. Stored in UTC, shown in Asia/Shanghai; a date means the end of that day there."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from twin.errors import BadParameter

SHANGHAI = ZoneInfo("Asia/Shanghai")
LEAP_SECOND = re.compile(r"(?<=^.{10}[T ]\d\d:\d\d:)60", re.ASCII)


def parse_moment(text: str, day: time = time.max) -> datetime:
    """``2025-12-31`` or an ISO date-time (Shanghai unless it names an offset), in UTC. A leap second is the next one.

    Args:
        text: as written; an unescaped ``+`` of a query string, which arrives as a blank, is understood.
        day: which moment of the day a date means; by default its last microsecond, so that what begins at the next
            midnight is not in it.

    Raises:
        BadParameter: it is neither.
    """
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
            return datetime.combine(date.fromisoformat(text), day, SHANGHAI).astimezone(UTC)
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}[Tt ].+", text, re.ASCII):
            return _date_time(re.sub(r"(T.*) (\d{2}:?\d{2})$", r"\1+\2", text.upper()))
    except (ValueError, OverflowError):
        pass
    raise BadParameter(
        f"无法读作日期或时间：“{text}”，应如 2025-12-31 或 2025-12-31T08:00:00+08:00",
        f"not a date or time: {text!r}; write 2025-12-31 or 2025-12-31T08:00:00+08:00",
    )


def _date_time(text: str) -> datetime:
    """Raises ValueError or OverflowError: it is none, or its second 60 is not the last of a day of UTC."""
    moment = datetime.fromisoformat(LEAP_SECOND.sub("59", text))
    utc = (moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)).astimezone(UTC)
    if not LEAP_SECOND.search(text):
        return utc
    if (utc.hour, utc.minute) != (23, 59):
        raise ValueError(text)
    return utc.replace(microsecond=0) + timedelta(seconds=1)


def shown_time(moment: datetime) -> str:
    """A moment as people in Shanghai read it, ``2026-01-31T16:00:00+08:00``; in UTC at the end of the calendar."""
    try:
        return moment.astimezone(SHANGHAI).isoformat()
    except OverflowError:
        return moment.astimezone(UTC).isoformat()


def stored_time(moment: datetime) -> str:
    """A moment as stores and snapshots keep it: UTC text that compares as it reads, ``2026-01-31T08:00:00.000000Z``.

    Raises:
        ValueError: it has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"a time zone is needed: {moment!r}")
    return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
