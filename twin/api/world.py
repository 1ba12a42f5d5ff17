"""What the endpoints share: the twin, and what is kept between requests. One per app; a request sees it through a ``View``."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.types import Scope

from twin.access import OPEN, Caller, ExactRead
from twin.api.encoded import Encoded, aggregate, encode_layer, patched
from twin.api.replies import Packed
from twin.api.tile_cache import TileCache
from twin.cells import points_to_cells
from twin.engine import Twin
from twin.following import Follower
from twin.kept import Kept
from twin.layers import LAYERS, LayerType
from twin.model import LayerTable, Snapshot
from twin.seen import Seen
from twin.settings import Settings
from twin.snapshots import Read, widened

N_LAYERS, N_HEXES, N_SNAPSHOTS, N_TABLES, N_SEEN, N_COUNTS, N_ANSWERS = 24, 16, 3, 12, 8, 64, 64


@dataclass(frozen=True)
class When:
    """The two times of a question; None = now. ``state`` is instead that of an earlier answer: the number of the last
    transaction, and ``as_of``. ``span`` asks in addition for what holds at other moments, from one to another (None = open)."""

    as_of: datetime | None = None
    known_at: datetime | None = None
    state: tuple[int, datetime] | None = None
    span: tuple[datetime | None, datetime | None] | None = None


NOW = When()


@dataclass
class World:
    """A twin being served."""

    twin: Twin
    settings: Settings
    layers: Kept[Encoded] = field(default_factory=lambda: Kept(N_LAYERS))
    past: Kept[Encoded] = field(default_factory=lambda: Kept(N_SNAPSHOTS))
    hexes: Kept[Encoded] = field(default_factory=lambda: Kept(N_HEXES))
    tiles: TileCache = field(default_factory=TileCache)
    tables: Kept[Any] = field(default_factory=lambda: Kept(N_TABLES))
    snapshots: Kept[Snapshot] = field(default_factory=lambda: Kept(N_SNAPSHOTS))
    counts: Kept[Encoded] = field(default_factory=lambda: Kept(N_COUNTS))
    answers: Kept[Packed] = field(default_factory=lambda: Kept(N_ANSWERS))
    labels: Kept[Any] = field(default_factory=lambda: Kept(N_COUNTS))
    seen: Kept[Seen] = field(default_factory=lambda: Kept(N_SEEN))

    def __post_init__(self) -> None:
        self.follower = Follower(self.twin)
        self.follower.listen(self._forget)
        self._latest: dict[tuple[str, bool], tuple[LayerTable, Encoded]] = {}

    def _forget(self, _before: int, _after: int, _snapshot: Snapshot) -> None:
        """What was made of the snapshot before nobody asks for any more; tiles and layers go by their content."""
        for kept in (
            self.layers,
            self.past,
            self.hexes,
            self.tables,
            self.labels,
            self.answers,
            self.seen,
            self.snapshots,
        ):
            kept.clear()

    def adopt(self, read: Read, encoded: Mapping[str, Encoded]) -> None:
        """Begin with a snapshot that was read, and encoded, before."""
        self.twin.adopt(read)
        for name, table in read.snapshot.layers.items():
            self._latest[name, True] = (table, encoded[name])
            self.layers.get((name, table.digest), lambda name=name: encoded[name])  # type: ignore[misc]

    def whole(self, when: When) -> Snapshot:
        """What holds then. Past ones are kept until something is recorded; one whose ``as_of`` is now, for a minute."""
        if when.span is not None:
            base, span = self.whole(replace(when, span=None)), when.span
            return self.snapshots.get(
                (base.id, base.tx, base.as_of, span), lambda: widened(base, self.twin.store, *span)
            )
        if when.state is not None:
            present, (tx, as_of) = self.twin.snapshot(), when.state
            if (present.tx, present.as_of) == when.state:
                return present
            return self.snapshots.get(when.state, lambda: self.twin.at(tx, as_of))
        if when.as_of is None and when.known_at is None:
            return self.twin.snapshot()
        now = self.twin.now()
        key = (self.twin.store.head(), when.as_of or now.replace(second=0, microsecond=0), when.known_at)
        return self.snapshots.get(key, lambda: self.twin.snapshot(when.as_of or now, when.known_at))

    def seen_by(self, caller: Caller, whole: Snapshot) -> Seen:
        """A snapshot as a caller sees it, made once for all who see the same."""
        seen = Seen(caller, whole)
        if seen.is_whole:
            return seen
        key = (whole.id, whole.as_of, whole.known_at, caller.areas, seen.sight)
        return self.seen.get(
            key,
            lambda: Seen(Caller("", caller.role, caller.areas), whole, self._ever_sensitive(whole), self.twin.secret),
        )

    def _ever_sensitive(self, whole: Snapshot) -> Mapping[str, frozenset[str]]:
        """Keys of what was ever sensitive, of layers of which only some things are; none for the present itself."""
        return {} if whole.is_present else self.twin.sensitive.keys()

    def updated(self, snapshot: Snapshot) -> datetime | None:
        """When something was last recorded, as far as the snapshot knows."""
        head, store = self.twin.store.head(), self.twin.store
        times = self.tables.get(("recorded", head), lambda: [t.at for t in store.transactions()])
        return max((at for at in times if snapshot.is_present or at <= snapshot.known_at), default=None)

    def encoded(self, layer: LayerType, table: LayerTable, *, is_present: bool = True) -> Encoded:
        """A layer's features as bytes; of a table that differs little from the last one, only what differs is made anew."""
        key = (layer.name, table.digest)
        kept = self.layers if is_present or self.layers.has(key) else self.past
        return kept.get(key, lambda: self._encode(layer, table, is_present))

    def _encode(self, layer: LayerType, table: LayerTable, is_present: bool) -> Encoded:
        way = (layer.name, table.recorded is None)
        before = self._latest.get(way)
        if before is not None and table.digest and before[0].digest == table.digest:
            return before[1]
        made = encode_layer(layer, table) if before is None else patched(before[1], layer, before[0], table)
        if is_present:
            self._latest[way] = (table, made)
        return made

    def aggregated(self, table: LayerTable, resolution: int) -> Encoded:
        """A point layer's counts per cell."""
        key: Hashable = (table.layer, table.digest, resolution)
        return self.counts.get(key, lambda: aggregate(table, points_to_cells(table.lnglat, resolution)))


class View:
    """The world as the caller of one request sees it. Routes have nothing else, so what a role may not see cannot be sent.

    Whenever it hands out exact places of sensitive things, it leaves an ``ExactRead`` in the request's scope for the audit.
    """

    def __init__(self, world: World, scope: Scope) -> None:
        self.world, self._scope = world, scope
        self.caller: Caller = scope.get("caller", OPEN)
        self.twin, self.settings = world.twin, world.settings
        self.tables, self.hexes, self.tiles = world.tables, world.hexes, world.tiles
        self.answers, self.labels = world.answers, world.labels

    def is_at_hand(self, layer: str, when: When) -> bool:
        """Whether a layer's features are there without waiting for anything."""
        if not self.twin.followed or layer not in LAYERS:
            return False
        if when != NOW:
            present = self.world.whole(NOW)
            if when.span or when.state != (present.tx, present.as_of):
                return False
        seen = self.seen()
        return seen.is_shown and self.world.layers.has((layer, seen.shown.layers[layer].digest))

    def seen(self, when: When = NOW) -> Seen:
        return self.world.seen_by(self.caller, self.world.whole(when))

    def snapshot(self, when: When = NOW) -> Snapshot:
        """What features, tiles and files are made of."""
        return self.seen(when).shown

    def judged(self, when: When = NOW) -> Snapshot:
        """What results are made of."""
        return self.seen(when).judged

    def reached(self, when: When = NOW) -> Snapshot:
        """What is told in detail is made of."""
        return self.seen(when).reached

    def updated(self, snapshot: Snapshot) -> datetime | None:
        return self.world.updated(snapshot)

    def encoded(self, snapshot: Snapshot, layer: LayerType, where: str = "", n: int | None = None) -> Encoded:
        """A layer's features as bytes. ``where`` and ``n`` say what of them is read, for the audit."""
        table = snapshot.layers[layer.name]
        self.read(layer.name, where, len(table) if n is None else n)
        return self.world.encoded(layer, table, is_present=snapshot.is_present)

    def aggregated(self, snapshot: Snapshot, layer: LayerType, resolution: int) -> Encoded:
        return self.world.aggregated(snapshot.layers[layer.name], resolution)

    def read(self, layer: str, where: str, n: int) -> None:
        """Note for the audit that exact places are read, if they are; the last note on a layer counts."""
        if not self.caller.is_open and self.caller.may("cleared") and LAYERS[layer].sensitive:
            reads = self._scope.setdefault("exact_reads", [])
            reads[:] = [*(r for r in reads if r.layer != layer), ExactRead(layer, where, n)]


def view_of(request: Request) -> View:
    """The view of a request; also usable where no dependency runs."""
    world = request.app.state.world
    assert isinstance(world, World)
    return View(world, request.scope)


async def _view(request: Request) -> View:
    return view_of(request)


Served = Annotated[View, Depends(_view)]
