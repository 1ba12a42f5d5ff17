"""An asset as it is seen from a point that somebody asks about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from twin.coverage.result import Nearby
from twin.errors import Words
from twin.frames import bearing_deg
from twin.model import LayerTable


def row_of(table: LayerTable, index: int) -> dict[str, Any]:
    """One row of a table, by column."""
    return {str(name): value for name, value in table.frame.iloc[index].items()}


def nearby(
    row: Mapping[str, Any], point: tuple[float, float], distance_m: float, counts: bool, reason: Words,
    network_m: float | None = None, detour: float | None = None,
) -> Nearby:  # fmt: skip
    """The asset of a table's row, from a point in degrees; ``network_m`` and ``detour`` where streets decide."""
    there = (float(row["lng"]), float(row["lat"]))
    bearing = float(bearing_deg(np.array([point]), np.array([there]))[0])
    return Nearby(
        str(row["key"]), str(row["name"]), there, distance_m, bearing, counts, reason, network_m, detour,
        str(row["lifecycle"]),
    )  # fmt: skip
