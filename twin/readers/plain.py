"""Cells of formats that have types, as plain values: text, numbers, yes and no; dates and times as ISO text."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from twin.layers.table import plain_text


def plain_values(cells: Iterable[Any]) -> list[Any]:
    """A column's cells: None and NaN become "", text loses blanks around it, what is nested or binary becomes text."""
    listed = list(cells)
    kinds = set(map(type, listed))
    if kinds <= {int, bool}:
        return listed
    if kinds == {float} and not np.isnan(np.array(listed)).any():
        return listed
    if kinds == {str}:
        return [cell.replace("\0", "").strip() for cell in listed]
    return [plain_value(cell) for cell in listed]


def plain_value(cell: Any) -> Any:
    """One cell as text, number, or yes and no."""
    if isinstance(cell, str):
        return cell.replace("\0", "").strip()
    if cell is None or cell != cell:  # noqa: PLR0124 -- NaN
        return ""
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.tzinfo is None and cell.time() == time() else cell.isoformat()
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        seconds = round(cell.total_seconds())
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if isinstance(cell, Decimal):
        return str(cell)
    if isinstance(cell, bytes):
        return cell.hex()
    if isinstance(cell, (dict, list, tuple)):
        return plain_text(_jsonable(cell))
    return cell


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _jsonable(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(v) for v in value]
    return plain_value(value) if value is not None else None
