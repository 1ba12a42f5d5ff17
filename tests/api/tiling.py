"""Tiles over a box, and what they hold: what tests of tiles share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.api.conftest import (
    EAST,
    NORTH,
    SOUTH,
    WEST,
    Client,
    record,
)
from twin.api.mercator import lnglat_to_unit
from twin.model import Record

DOWN = {"y_coord_down": True}


def app_of(client: Client) -> Any:
    """The app behind a client, without the layers around it."""
    app: Any = client._transport._inner.app  # type: ignore[attr-defined]
    return app


def tiles_over(
    z: int, west: float = WEST, south: float = SOUTH, east: float = EAST, north: float = NORTH
) -> Iterator[tuple[int, int]]:
    """The tiles that share a point with a box, and one more all round."""
    (x0, y0), (x1, y1) = (lnglat_to_unit(np.array([[west, north], [east, south]])) * 2**z).astype(int).tolist()
    last = 2**z - 1
    for x in range(max(x0 - 1, 0), min(x1 + 1, last) + 1):
        for y in range(max(y0 - 1, 0), min(y1 + 1, last) + 1):
            yield x, y


def scattered(layer: str, n: int = 60) -> list[Record]:
    """Points here and far away, on edges of tiles, on one spot, and two without a place on the map."""
    rng = np.random.default_rng(7)
    spread = [(lng, lat) for lng, lat in rng.normal([121.29, 31.02], 0.02, (n, 2)).tolist()]
    edges = [
        (121.2890625, 31.01),
        (121.2890625, 31.01),
        (-180.0, 0.0),
        (0.0, 0.0),
        (179.9999999, 85.0511),
        (12.5, -85.05),
    ]
    placed = [record(layer, f"p{i}", place, n_devices=1 + i % 3) for i, place in enumerate(spread + edges)]
    return [*placed, record(layer, "nowhere", None), record(layer, "pole", (121.0, 89.0))]
