"""Use cases: look at a snapshot, judge it by rules, try changes, bring data in. Knows ports, no adapter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from secrets import token_bytes
from threading import RLock
from typing import Any

import orjson
import shapely
from shapely.geometry.base import BaseGeometry

from twin.coverage import RULES
from twin.coverage.changes import apply_changes
from twin.coverage.counting import NoData
from twin.coverage.readings import Readings, all_readings
from twin.coverage.result import AreaRow, CellTable, Evaluation, Explanation, Gap, Headline, Result, Scene
from twin.coverage.scope import Scope, scope_of_polygon
from twin.errors import BadParameter, NotFound, RuleUnready, TwinError
from twin.kept import Kept
from twin.model import Area, Change, DemandGrid, Edit, Snapshot, Source, Transaction
from twin.plan import Clause, Plan
from twin.ports import GridFile, Store
from twin.sensitive import EverSensitive
from twin.snapshots import Read, brought_back, brought_up_to_date, collector_paused, read

POSITION_ERROR_M = 10.0
LARGEST_ERROR_M = 1000.0
N_KEPT = 64
N_TRIED = 12
"""Evaluations of drawn polygons or under other parameters that are kept: some MB each, and only the last ones are asked on."""
N_OTHERS = 4
"""Snapshots of other times, or as a role sees them, whose evaluations are kept: each holds tables of its own."""


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
        self.store, self.plan, self.read_grid, self._clock = store, plan, read_grid, clock
        self._lock, self._judging = RLock(), RLock()
        self._present: Present | None = None
        self._committed = 0
        self.followed = False
        """Whether a follower keeps the present snapshot up to date."""
        self.failure: TwinError | None = None
        """Why the follower cannot."""
        self._others: Kept[Kept[OneAtATime]] = Kept(N_OTHERS)
        self.sensitive = EverSensitive(store)
        self.secret = token_bytes(16)
        """Keys the names of what is made for those who do not see all; servers of one twin share theirs."""
        self._tried: Kept[OneAtATime] = Kept(N_TRIED)
        self._scopes: Kept[Scope] = Kept(N_KEPT)

    def snapshot(self, as_of: datetime | None = None, known_at: datetime | None = None) -> Snapshot:
        """What holds at ``as_of`` as known at ``known_at``; both default to now. The present one is kept until it changes.

        Raises:
            Unavailable: the store cannot be read now.
        """
        if as_of is not None or known_at is not None:
            now = self._clock()
            past = read(self.store, self.read_grid, as_of or now, known_at, now).snapshot
            return replace(past, is_present=False)
        held = self._present
        if self.followed and held is not None:
            if self.failure is not None:
                raise self.failure
            if held.read.head >= self._committed and not _passed(held.read.next_change, self._clock()):
                return held.read.snapshot
        return self.refresh()[0]

    def adopt(self, known: Read) -> None:
        """Take a snapshot that was read before for the present one, until the next look at the store."""
        with self._lock:
            self._present = Present(known, Kept(N_KEPT), Kept(0))

    def present(self) -> Read:
        """What holds now, after a look at the store, with what brings it up to date."""
        self.refresh()
        assert self._present is not None
        return self._present.read

    def at(self, tx: int, as_of: datetime) -> Snapshot:
        """What held at ``as_of`` by the transactions up to ``tx``: the present one if it is that, else taken back from it.

        Raises:
            NotFound: there is no such transaction yet.
        """
        self.snapshot()
        with self._lock:
            assert self._present is not None
            last = self._present.read
            if (last.head, last.snapshot.as_of) == (tx, as_of):
                return last.snapshot
            transactions = self.store.transactions()
            if not 1 <= tx <= len(transactions):
                raise NotFound(f"没有第 {tx} 号事务", f"there is no transaction {tx}")
            found = brought_back(last, self.store, tx, as_of, max(self._clock(), last.snapshot.as_of))
        return found or self.snapshot(as_of, transactions[tx - 1].at)

    def refresh(self) -> tuple[Snapshot, int]:
        """What holds now, after a look at the store, and the last transaction in it."""
        with self._lock:
            held, head = self._present, self.store.head()
            now = self._clock()
            if held is None:
                self._present = held = Present(read(self.store, self.read_grid, now, None, now), Kept(N_KEPT), Kept(0))
            elif held.read.head != head or _passed(held.read.next_change, now):
                news = brought_up_to_date(held.read, self.store, self.read_grid, now)
                self._present = held = Present(news, Kept(N_KEPT), held.evaluations)
            return held.read.snapshot, held.read.head

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
        scope = self._scope(snapshot, clause, area) if polygon is None else self._drawn(polygon)
        before = self._recorded(snapshot, clause, scope, settings)
        if not changes:
            return before
        after = apply_changes(snapshot, changes)
        return self._evaluate(after, clause, scope, settings, self._needed(after, clause, scope), before, drawings=True)

    def readings(
        self,
        rule: str,
        *,
        area: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        snapshot: Snapshot | None = None,
        position_error_m: float = POSITION_ERROR_M,
    ) -> tuple[Evaluation, Readings]:
        """The clause as asked, and under all its readings.

        Raises:
            BadParameter: ``position_error_m`` is negative or not finite.
        """
        if not 0 <= position_error_m <= LARGEST_ERROR_M:
            raise BadParameter(
                f"position_error_m 应为 0 至 {LARGEST_ERROR_M:g}，收到 {position_error_m:g}",
                f"position_error_m must be 0 to {LARGEST_ERROR_M:g}, got {position_error_m:g}",
            )
        clause, settings = self.plan.clause(rule), parameters or {}
        snapshot = snapshot or self.snapshot()
        scope = self._scope(snapshot, clause, area)
        declared, needed = self._recorded(snapshot, clause, scope, settings), self._needed(snapshot, clause, scope)
        kind = RULES[clause.rule]

        def judge(chosen: Mapping[str, Any]) -> Evaluation:
            return self._evaluate(snapshot, clause, scope, {**settings, **chosen}, needed).inner

        with self._judging:
            alternatives = kind.readings(Scene(snapshot, scope, clause), kind.read(clause.parameters, settings))
            if declared.result.status == "no-data":
                alternatives = {}
            return declared, all_readings(judge, alternatives, position_error_m)

    def _recorded(self, snapshot: Snapshot, clause: Clause, scope: Scope, settings: Mapping[str, Any]) -> OneAtATime:
        """The evaluation of what is recorded: kept, and begun from the last one of the same question."""
        told = orjson.dumps(dict(settings), option=orjson.OPT_SORT_KEYS)
        question = (clause.id, scope.area.code, scope.area.digest, told)
        present, times = self._present, (snapshot.id, snapshot.as_of, snapshot.known_at)

        def make_afresh() -> OneAtATime:
            return self._evaluate(snapshot, clause, scope, settings, self._needed(snapshot, clause, scope))

        if settings or not scope.area.code:
            return self._tried.get((times, question), make_afresh)
        if present is None or present.read.snapshot is not snapshot:
            return self._others.get(times, lambda: Kept(N_KEPT)).get(question, make_afresh)

        def make() -> OneAtATime:
            needed, before = self._needed(snapshot, clause, scope), present.before.take(question)
            return self._evaluate(snapshot, clause, scope, settings, needed, before)

        return present.evaluations.get(question, make)

    def _needed(self, snapshot: Snapshot, clause: Clause, scope: Scope) -> OneAtATime | None:
        needs = RULES[clause.rule].needs
        return None if needs is None else self._recorded(snapshot, self.plan.clause(needs), scope, {})

    def _scope(self, snapshot: Snapshot, clause: Clause, code: str | None) -> Scope:
        area = self.area(snapshot, code or self.default_area(clause, snapshot))
        key = (area.code, area.name, area.name_en, area.level, area.area_km2_published, area.source, area.digest)
        return self._scopes.get(key, lambda: Scope(area))

    def _drawn(self, polygon: BaseGeometry) -> Scope:
        return self._scopes.get(shapely.to_wkb(polygon), lambda: scope_of_polygon(polygon))

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

    def _evaluate(
        self, snapshot: Snapshot, clause: Clause, scope: Scope, settings: Mapping[str, Any], needed: OneAtATime | None,
        before: OneAtATime | None = None, *, drawings: bool = False,
    ) -> OneAtATime:  # fmt: skip
        rule = RULES[clause.rule]
        with self._judging:
            scene = Scene(snapshot, scope, clause)
            parameters = rule.read(clause.parameters, settings)
            if scene.area_with_data_km2 == 0:
                return OneAtATime(NoData(scene, parameters, ()), self._judging)
            others = [] if needed is None else [needed.inner]
            made = rule.evaluate(scene, parameters, *others)
            if before is not None:
                made.start_from(before.inner, drawings)
            return OneAtATime(made, self._judging)

    def commit(
        self, edits: Sequence[Edit], *, author: str, reason: str, sources: Sequence[Source] = (),
        grids: Sequence[GridFile] = (), replace_all: bool = False,
    ) -> Transaction:  # fmt: skip
        """Record edits in one transaction, now."""
        with collector_paused():
            done = self.store.commit(
                edits,
                author=author,
                reason=reason,
                at=self._clock(),
                sources=sources,
                grids=grids,
                replace_all=replace_all,
            )
        return self._recorded_here(done)

    def revert(self, tx: int, *, author: str, reason: str) -> Transaction:
        """Undo a transaction by a new one. Raises what ``Store.revert`` raises."""
        return self._recorded_here(self.store.revert(tx, author=author, reason=reason, at=self._clock()))

    def _recorded_here(self, transaction: Transaction) -> Transaction:
        """Whoever recorded it here reads it here."""
        with self._lock:
            self._committed = max(self._committed, transaction.tx)
        return transaction

    def now(self) -> datetime:
        return self._clock()


class OneAtATime(Evaluation):
    """An evaluation whose work waits for all other judging: GEOS's prepared geometries, which scopes and areas share,
    must not be used by two threads (libgeos/geos issue 825)."""

    def __init__(self, evaluation: Evaluation, lock: AbstractContextManager[Any]) -> None:
        self.inner, self._lock = evaluation, lock

    @property
    def result(self) -> Result:  # type: ignore[override]
        with self._lock:
            return self.inner.result

    def area_rows(self, level: str) -> list[AreaRow]:
        with self._lock:
            return self.inner.area_rows(level)

    def gaps(self, min_area_km2: float = 0.0) -> list[Gap]:
        with self._lock:
            return self.inner.gaps(min_area_km2)

    def cells(self, resolution: int) -> CellTable:
        with self._lock:
            return self.inner.cells(resolution)

    def cells_in_detail(self, resolution: int) -> CellTable:
        with self._lock:
            return self.inner.cells_in_detail(resolution)

    def headline(self) -> Headline:
        with self._lock:
            return self.inner.headline()

    def under_position_error(self, error_m: float) -> tuple[float, float] | None:
        with self._lock:
            return self.inner.under_position_error(error_m)

    def explain(self, lng: float, lat: float, n_nearest: int = 3) -> Explanation:
        with self._lock:
            return self.inner.explain(lng, lat, n_nearest)


@dataclass(frozen=True)
class Present:
    """What holds now, what has been found of it, and what had been found of what held before."""

    read: Read
    evaluations: Kept[OneAtATime]
    before: Kept[OneAtATime]


def _passed(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and moment <= now
