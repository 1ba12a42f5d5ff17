"""Use cases: look at a snapshot, judge it by rules, try changes, bring data in. Knows ports, no adapter."""

from __future__ import annotations

import gc
import hashlib
import marshal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime
from threading import RLock
from typing import Any

import orjson
from shapely.geometry.base import BaseGeometry

from twin.coverage import RULES
from twin.coverage.changes import apply_changes
from twin.coverage.counting import NoData
from twin.coverage.result import AreaRow, CellTable, Evaluation, Explanation, Gap, Result, Scene
from twin.coverage.scope import Scope, scope_of_polygon
from twin.errors import NotFound, RuleUnready
from twin.kept import Kept
from twin.layers import LAYERS
from twin.layers.tabulate import areas_of, table_of
from twin.model import Area, Change, DemandGrid, Edit, Snapshot, Source, Transaction
from twin.plan import Clause, Plan
from twin.ports import GridFile, Store, StoredState

N_KEPT = 64
N_KEPT_OF_THE_PAST = 4
"""Evaluations at other times hold snapshots of their own, some 70 MB each."""
PLAIN_MARSHAL = 2
"""The last format that writes equal values as equal bytes (no references, no interning)."""


class Twin:
    """The twin as its doors see it.

    Args:
        store: where versions are kept.
        plan: the clauses.
        read_grid: decodes a demand raster's bytes.
        clock: the present moment, timezone-aware.
    """

    def __init__(
        self, store: Store, plan: Plan, read_grid: Callable[[GridFile], DemandGrid], clock: Callable[[], datetime]
    ) -> None:
        self.store, self.plan, self._read_grid, self._clock = store, plan, read_grid, clock
        self._lock, self._judging = RLock(), RLock()
        self._current: tuple[int, datetime | None, Snapshot] | None = None
        self._evaluations: Kept[Evaluation] = Kept(N_KEPT)
        self._past_evaluations: Kept[Evaluation] = Kept(N_KEPT_OF_THE_PAST)
        self._scopes: Kept[Scope] = Kept(N_KEPT)

    def snapshot(self, as_of: datetime | None = None, known_at: datetime | None = None) -> Snapshot:
        """What holds at ``as_of`` as known at ``known_at``; both default to now. The present one is kept until it changes."""
        now = self._clock()
        if as_of is not None or known_at is not None:
            return replace(self._load(as_of or now, known_at or now)[0], is_present=False)
        with self._lock:
            head = self.store.head()
            if self._current is None or self._current[0] != head or _passed(self._current[1], now):
                snapshot, next_change = self._load(now, now)
                self._current = (head, next_change, snapshot)
            return self._current[2]

    def _load(self, as_of: datetime, known_at: datetime) -> tuple[Snapshot, datetime | None]:
        with collector_paused():
            state = self.store.state(as_of, known_at)
            layers = {name: table_of(kind, state.rows.get(name, ())) for name, kind in LAYERS.items()}
        grids = {grid.name: self._read_grid(grid) for grid in state.grids}
        areas = areas_of(layers["areas"])
        return Snapshot(content_id(state), layers, areas, grids, state.sources, as_of, known_at), state.next_change

    def area(self, snapshot: Snapshot, code: str) -> Area:
        """The area of that code.

        Raises:
            NotFound: naming what there is.
        """
        if code in snapshot.areas:
            return snapshot.areas[code]
        known = "、".join(f"{a.code} {a.name}" for a in list(snapshot.areas.values())[:30]) or "—"
        raise NotFound(
            f"没有代码为“{code}”的区域。已加载：{known}",
            f"no area {code!r} is loaded; there are: {', '.join(list(snapshot.areas)[:30]) or 'none'}",
        )

    def cover(
        self,
        rule: str,
        *,
        area: str | None = None,
        polygon: BaseGeometry | None = None,
        parameters: Mapping[str, Any] | None = None,
        changes: Sequence[Change] = (),
        snapshot: Snapshot | None = None,
    ) -> Evaluation:
        """Judge an area (the clause's own by default) by a rule, with other parameters or untried changes if given.

        Evaluations are kept by everything they depend on; drawn polygons and untried changes are judged afresh.
        """
        clause, settings = self.plan.clause(rule), parameters or {}
        snapshot = snapshot or self.snapshot()
        scope = scope_of_polygon(polygon) if polygon is not None else self._scope(snapshot, clause, area)
        if changes or polygon is not None:
            return self._evaluate(apply_changes(snapshot, changes), clause, scope, settings)
        told = orjson.dumps(dict(settings), option=orjson.OPT_SORT_KEYS)
        key = (snapshot.id, snapshot.as_of, snapshot.known_at, clause.id, scope.area.code, told)
        present = self._current is not None and self._current[2] is snapshot
        kept = self._evaluations if present else self._past_evaluations
        return kept.get(key, lambda: self._evaluate(snapshot, clause, scope, settings))

    def _scope(self, snapshot: Snapshot, clause: Clause, area: str | None) -> Scope:
        code = area or self.default_area(clause, snapshot)
        return self._scopes.get((snapshot.id, code), lambda: Scope(self.area(snapshot, code)))

    def default_area(self, clause: Clause, snapshot: Snapshot) -> str:
        """What a rule judges unless told: the area that its clause binds.

        Raises:
            RuleUnready: that area is not there at the snapshot's time; nothing else is judged in its place.
        """
        if clause.scope in snapshot.areas:
            return clause.scope
        raise RuleUnready(
            f"尚未导入边界 {clause.scope}，或该时点没有，无法判定（twin import … --layer areas，或 twin demo）",
            f"the boundary {clause.scope} is not loaded, or not there at that time, so nothing can be judged "
            "(twin import … --layer areas, or twin demo)",
        )

    def _evaluate(self, snapshot: Snapshot, clause: Clause, scope: Scope, settings: Mapping[str, Any]) -> Evaluation:
        with self._judging:
            return OneAtATime(self._judged(snapshot, clause, scope, settings), self._judging)

    def _judged(self, snapshot: Snapshot, clause: Clause, scope: Scope, settings: Mapping[str, Any]) -> Evaluation:
        rule = RULES[clause.rule]
        scene = Scene(snapshot, scope, clause)
        parameters = rule.read(clause.parameters, settings)
        if scene.area_with_data_km2 == 0:
            return NoData(scene, parameters, ())
        if rule.needs is None:
            return rule.evaluate(scene, parameters)
        other = self._judged(snapshot, self.plan.clause(rule.needs), scope, {})
        return rule.evaluate(scene, parameters, other)

    def commit(
        self, edits: Sequence[Edit], *, author: str, reason: str, sources: Sequence[Source] = (),
        grids: Sequence[GridFile] = (), replace_all: bool = False,
    ) -> Transaction:  # fmt: skip
        """Record edits in one transaction, now."""
        return self.store.commit(
            edits, author=author, reason=reason, at=self._clock(), sources=sources, grids=grids, replace_all=replace_all
        )

    def now(self) -> datetime:
        return self._clock()


@contextmanager
def collector_paused() -> Iterator[None]:
    """No garbage collection meanwhile: hundreds of thousands of new rows would set it off again and again, for nothing."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class OneAtATime(Evaluation):
    """An evaluation whose work waits for all other judging: GEOS's prepared geometries, which scopes and areas share,
    must not be used by two threads (libgeos/geos issue 825)."""

    def __init__(self, evaluation: Evaluation, lock: AbstractContextManager[Any]) -> None:
        self._evaluation, self._lock = evaluation, lock

    @property
    def result(self) -> Result:  # type: ignore[override]
        with self._lock:
            return self._evaluation.result

    def area_rows(self, level: str) -> list[AreaRow]:
        with self._lock:
            return self._evaluation.area_rows(level)

    def gaps(self, min_area_km2: float = 0.0) -> list[Gap]:
        with self._lock:
            return self._evaluation.gaps(min_area_km2)

    def cells(self, resolution: int) -> CellTable:
        with self._lock:
            return self._evaluation.cells(resolution)

    def explain(self, lng: float, lat: float, n_nearest: int = 3) -> Explanation:
        with self._lock:
            return self._evaluation.explain(lng, lat, n_nearest)


def _passed(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and moment <= now


def content_id(state: StoredState) -> str:
    """A hash of what a snapshot holds: the same content gives the same id, on any store and day."""
    digest = hashlib.blake2b(digest_size=8)
    for layer in sorted(state.rows):
        digest.update(layer.encode())
        digest.update(marshal.dumps(state.rows[layer], PLAIN_MARSHAL))
    for source in sorted(state.sources.values(), key=lambda s: s.id):
        digest.update(repr(source).encode())
    for grid in sorted(state.grids, key=lambda g: g.name):
        digest.update(grid.name.encode() + grid.content)
    return digest.hexdigest()
