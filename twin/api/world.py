"""What the endpoints share: the twin, and what is kept between requests. One per app."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request

from twin.api.encoded import Encoded, aggregate, encode_layer
from twin.cells import points_to_cells
from twin.engine import Twin
from twin.kept import Kept
from twin.layers import LayerType
from twin.model import Snapshot
from twin.settings import Settings

N_LAYERS, N_HEXES, N_TILES, N_SNAPSHOTS, N_TABLES = 12, 64, 8192, 3, 64


@dataclass(frozen=True)
class When:
    """The two times of a question; None = now."""

    as_of: datetime | None = None
    known_at: datetime | None = None


@dataclass
class World:
    """A twin being served."""

    twin: Twin
    settings: Settings
    layers: Kept[Encoded] = field(default_factory=lambda: Kept(N_LAYERS))
    hexes: Kept[Encoded] = field(default_factory=lambda: Kept(N_HEXES))
    tiles: Kept[Any] = field(default_factory=lambda: Kept(N_TILES))
    tables: Kept[Any] = field(default_factory=lambda: Kept(N_TABLES))
    snapshots: Kept[Snapshot] = field(default_factory=lambda: Kept(N_SNAPSHOTS))

    def snapshot(self, when: When) -> Snapshot:
        """What holds then. Past ones are kept until something is recorded; one whose ``as_of`` is now, for a minute."""
        if when.as_of is None and when.known_at is None:
            return self.twin.snapshot()
        now = self.twin.now()
        key = (self.twin.store.head(), when.as_of or now.replace(second=0, microsecond=0), when.known_at)
        return self.snapshots.get(key, lambda: self.twin.snapshot(when.as_of or now, when.known_at))

    def updated(self, snapshot: Snapshot) -> datetime | None:
        """When something was last recorded, as far as the snapshot knows."""
        head, store = self.twin.store.head(), self.twin.store
        times = self.tables.get(("recorded", head), lambda: [t.at for t in store.transactions()])
        return max((at for at in times if snapshot.is_present or at <= snapshot.known_at), default=None)

    def encoded(self, snapshot: Snapshot, layer: LayerType) -> Encoded:
        """A layer's features as bytes."""
        table = snapshot.layers[layer.name]
        return self.layers.get((snapshot.id, layer.name), lambda: encode_layer(layer, table))

    def aggregated(self, snapshot: Snapshot, layer: LayerType, resolution: int) -> Encoded:
        """A point layer's counts per cell."""
        table = snapshot.layers[layer.name]
        key: Hashable = (snapshot.id, layer.name, resolution)
        return self.hexes.get(key, lambda: aggregate(table, points_to_cells(table.lnglat, resolution)))


async def _world(request: Request) -> World:
    world = request.app.state.world
    assert isinstance(world, World)
    return world


Served = Annotated[World, Depends(_world)]
