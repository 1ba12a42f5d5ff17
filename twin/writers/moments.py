"""Times for formats that have a type for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray


def utc_moments(texts: Sequence[str | None]) -> NDArray[np.datetime64]:
    """(n,) datetime64[us] in UTC of ISO texts with their zone; NaT where there is none."""
    moments = {t: datetime.fromisoformat(t).astimezone(UTC).replace(tzinfo=None) for t in set(filter(None, texts))}
    return np.array([None if t is None else moments[t] for t in texts], "datetime64[us]")
