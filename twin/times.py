"""Times as callers write them. Stored in UTC, shown in Asia/Shanghai; a date means the end of that day there."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from twin.errors import BadParameter

SHANGHAI = ZoneInfo("Asia/Shanghai")


def parse_moment(text: str) -> datetime:
    """``2025-12-31`` (the end of that day in Shanghai) or an ISO date-time (Shanghai unless it names an offset), in UTC.

    Raises:
        BadParameter: neither.
    """
    try:
        if len(text) == len("2025-12-31"):
            midnight = datetime.combine(date.fromisoformat(text) + timedelta(days=1), time(), SHANGHAI)
            return midnight.astimezone(UTC)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise BadParameter(
            f"无法读作日期或时间：“{text}”，应如 2025-12-31 或 2025-12-31T08:00:00+08:00",
            f"not a date or time: {text!r}; write 2025-12-31 or 2025-12-31T08:00:00+08:00",
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)).astimezone(UTC)
