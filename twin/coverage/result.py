"""What every rule answers: one result with its provenance, rows by area, gaps, hexes and the reason at a point."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from twin.coverage.scope import Scope, drawn_km2
from twin.errors import BadParameter, Words
from twin.layers.quality import quality_in
from twin.model import LIFECYCLES, Area, Cells, LayerTable, Snapshot
from twin.plan import Clause

Status = Literal["ok", "partial", "no-data"]

DATA_EXTENT = "data-extent"
"""Code of the area that says how far the loaded data reach."""
WITHIN = 0.999
OUTSIDE = Words("数据范围外", "outside the loaded data")

LABELS: dict[str, Words] = {
    "synthetic": Words("模拟数据，不代表实际情况", "Synthetic data, not real"),
    "schematic": Words("示意边界，不作为行政区划依据", "Schematic boundary"),
    "derived": Words("推导边界，非官方", "Derived, not official"),
    "quality": Words("数据质量未达标", "Data quality below the threshold"),
    "model": Words("模型推算", "Model result"),
    "cut": Words(
        "按权限：不含授权范围以外的敏感设施", "By permission: without sensitive assets beyond the role's areas"
    ),
    "ours": Words("本系统设定，非规划原文", "Our setting, not the plan's"),
    "coarse": Words(
        "按权限：敏感设施按 9 级六边形中心计位", "By permission: sensitive assets at the centres of res-9 hexes"
    ),
    "reference": Words("参考，规划不约束该区域", "Reference only, outside the plan's area"),
}


@dataclass(frozen=True)
class Result:
    """One rule evaluated over one area, with everything an auditor asks for.

    ``value`` and ``target`` are in ``unit``; ``share`` is 0 to 1 of ``denominator``. ``nominal`` (投运口径) counts all in
    operation, ``effective`` (在线口径) those online; ``n_unknown`` counts devices whose online state is unknown, and ``effective_high``
    is what it would be were they all online.
    ``area_km2`` is the drawn area, geodesic; ``area_with_data_km2`` its part in the loaded data. ``facts`` are the figures of the rule's card.
    """

    rule: str
    clause: Clause
    value: float | None
    met: bool | None
    share: float | None
    denominator: str | None
    status: Status
    area: Area
    area_km2: float
    area_with_data_km2: float
    binding: bool
    as_of: datetime
    known_at: datetime
    snapshot: str
    nominal: float | None = None
    effective: float | None = None
    effective_high: float | None = None
    n_unknown: int | None = None
    by_state: Mapping[str, int] = field(default_factory=dict)
    parameters: Any = None
    labels: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    missing_layers: tuple[str, ...] = ()
    doubts: tuple[Words, ...] = ()
    """A phrase for each layer used whose data quality fails: which it is, and in what."""

    def words_of(self, label: str) -> Words:
        """What a label says; of the data's quality, with the layers that fail."""
        words = LABELS[label]
        if label != "quality":
            return words
        zh, en = "，".join(d.zh for d in self.doubts), "; ".join(d.en for d in self.doubts)
        return Words(f"{words.zh}：{zh}", f"{words.en}: {en}")


@dataclass(frozen=True, slots=True)
class AreaRow:
    """One area's part of a result. ``shortfall`` is in the rule's unit of what is missing (devices or km²).

    ``area_km2`` is what was judged, ``area_km2_drawn`` the whole outline: ``status`` is ``partial`` where that is more.
    """

    code: str
    name: str
    name_en: str
    level: str
    value: float | None
    target: float | None
    met: bool | None
    share: float | None
    shortfall: float | None
    area_km2: float
    area_km2_published: float | None
    area_km2_drawn: float
    status: Status
    value_low: float | None = None
    """``value`` if only what surely counts did; ``value_high`` if all that might count did. ``met`` is None between."""
    value_high: float | None = None
    n_unlinked: int | None = None
    """Devices there that would count once linked; ``n_missing_after_unlinked`` is what is then still missing."""
    n_missing_after_unlinked: int | None = None

    @classmethod
    def of(
        cls,
        area: Area,
        value: float | None,
        *,
        area_km2: float,
        target: float | None = None,
        met: bool | None = None,
        share: float | None = None,
        shortfall: float | None = None,
        **more: Any,
    ) -> AreaRow:
        """The row of an area; ``area_km2`` is the part of it that was judged, ``more`` are further fields."""
        named, drawn = (area.code, area.name, area.name_en, area.level), drawn_km2(area)
        status: Status = "ok" if area_km2 >= WITHIN * drawn else "partial"
        return cls(
            *named, value, target, met, share, shortfall, area_km2, area.area_km2_published, drawn, status, **more
        )


@dataclass(frozen=True, slots=True)
class Gap:
    """A place where the rule is not met, as an exact polygon in EPSG:4326. ``id`` is the deepest point's res-12 cell."""

    id: str
    geometry: BaseGeometry
    area_km2: float
    zone: str | None
    limit_m: float | None
    deepest_lnglat: tuple[float, float]
    nearest: str | None
    nearest_distance_m: float | None
    missing_m: float | None
    n_missing: int | None
    demand: float | None
    areas: tuple[tuple[str, str, float], ...]
    """``(code, name, km²)`` of each town it lies in."""
    worst_window_missing: int | None = None
    """Of a density: what the window round its worst cell's centre lacks, with that window's value and km²."""
    worst_window_value: float | None = None
    worst_window_km2: float | None = None
    n_unlinked: int | None = None
    """Devices in it that would count once linked; ``n_missing_after_unlinked`` is what is then still missing."""
    n_missing_after_unlinked: int | None = None
    remedies: tuple[str, ...] = ()
    """Keys of the unlinked assets in it, the nearest to the deepest point first."""


@dataclass(frozen=True)
class CellTable:
    """Hexes of a result: ``value`` in the rule's unit (NaN = none), ``share`` 0 to 1, ``status`` one word a cell.

    ``area_km2`` is the part of the cell inside the scope; ``n`` a count where the rule has one. Of a density ``value`` is
    ``n / window_km2``, the window being what ``n`` was counted in; ``low`` and ``high`` are a 95 % interval of ``value``,
    where a cell holds too few to be judged by: ``note`` says so. Of a service ``n`` is how many serve the cell's centre and
    ``nearest_m`` how far the nearest that counts is, where that was asked for.
    """

    resolution: int
    cells: Cells
    value: NDArray[np.float64]
    share: NDArray[np.float64]
    status: NDArray[np.object_]
    area_km2: NDArray[np.float64]
    n: NDArray[np.int64] | None = None
    window_km2: NDArray[np.float64] | None = None
    low: NDArray[np.float64] | None = None
    high: NDArray[np.float64] | None = None
    note: Words | None = None
    nearest_m: NDArray[np.float64] | None = None

    def only(self, chosen: NDArray[np.bool_]) -> CellTable:
        """Some of the cells."""
        columns = {f.name: getattr(self, f.name) for f in fields(self)}
        some: dict[str, Any] = {k: v[chosen] for k, v in columns.items() if isinstance(v, np.ndarray)}
        return replace(self, **some)


@dataclass(frozen=True, slots=True)
class Nearby:
    """An asset near the point asked about, and why it does or does not count."""

    key: str
    name: str
    lnglat: tuple[float, float]
    distance_m: float
    bearing_deg: float
    counts: bool
    reason: Words
    network_m: float | None = None
    """Along streets, where the rule judges by them; ``detour`` is that over ``distance_m``."""
    detour: float | None = None
    lifecycle: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a point is (not) served. For densities ``value`` is the window's, ``n`` and ``window_km2`` say how.

    For services ``n`` is how many serve the point, ``zone_reason`` why it has its limit.
    """

    served: bool | None
    inside: bool
    zone: str | None
    limit_m: float | None
    nearest: tuple[Nearby, ...] = ()
    value: float | None = None
    n: int | None = None
    window_km2: float | None = None
    zone_reason: Words | None = None


@dataclass(frozen=True, slots=True)
class Headline:
    """What a reading of a clause is told apart by: its value and verdict, of all in operation and of those online."""

    value: float | None
    met: bool | None
    effective: float | None
    effective_met: bool | None
    effective_high: float | None
    """Were all of unknown state online; ``effective_met`` is None where that decides."""


class Evaluation(ABC):
    """A rule applied to a snapshot and a scope. Details are computed when asked for."""

    result: Result

    def start_from(self, before: Evaluation, drawings: bool) -> None:  # noqa: B027  (most rules compute all anew)
        """Take over what an evaluation of the same question, before some assets changed, has found and still holds."""

    def headline(self) -> Headline:
        """The result in short; cheaper than the result where that has facts to gather."""
        result = self.result
        low, high = result.effective, result.effective if result.effective_high is None else result.effective_high
        met = result.clause.is_met_by(low)
        return Headline(result.value, result.met, low, met if met == result.clause.is_met_by(high) else None, high)

    def under_position_error(self, error_m: float) -> tuple[float, float] | None:
        """The least and the most the value can be if every asset may lie up to ``error_m`` from its recorded place."""
        return None

    @abstractmethod
    def area_rows(self, level: str) -> list[AreaRow]: ...

    def gaps(self, min_area_km2: float = 0.0) -> list[Gap]:
        """What is open, largest first. None for counts."""
        return []

    @abstractmethod
    def cells(self, resolution: int) -> CellTable: ...

    def cells_in_detail(self, resolution: int) -> CellTable:
        """The cells with all that is known of each."""
        return self.cells(resolution)

    def explain(self, lng: float, lat: float, n_nearest: int = 3) -> Explanation:
        raise BadParameter(
            f"“{self.result.clause.id}”按设施数量判定，没有逐点解释",
            f"{self.result.clause.id!r} counts assets: there is nothing to explain at a point",
        )


@dataclass(frozen=True)
class Scene:
    """What a rule is evaluated on: a snapshot, the whole area that was asked for, and the clause."""

    snapshot: Snapshot
    whole: Scope
    clause: Clause

    def table(self, layer: str) -> LayerTable | None:
        """The layer if it holds anything."""
        table = self.snapshot.layers.get(layer)
        return table if table is not None and (len(table) or table.emptied) else None

    @property
    def binding(self) -> bool:
        """Whether the area lies in what the clause binds (up to 0.1 % of its area)."""
        bound = self.snapshot.areas.get(self.clause.scope)
        if bound is None:
            return False
        if bound.code == self.whole.area.code:
            return True
        inside = self.whole.frame.project(bound.geometry).intersection(self.whole.shape).area
        return bool(inside >= WITHIN * self.whole.shape.area)

    @cached_property
    def scope(self) -> Scope:
        """What is judged: the part of the area in the extent that the loaded data claim to cover (all of it where they
        claim none). Nothing is said of a place of which nothing is known."""
        extent = self.snapshot.areas.get(DATA_EXTENT)
        if extent is None:
            return self.whole
        known = self.whole.part_in(extent)
        return self.whole if known.area_km2 >= WITHIN * self.whole.area_km2 else known

    def has_data_at(self, lng: float, lat: float) -> bool:
        """Whether the loaded data claim to cover a place; where they claim no extent, they may."""
        extent = self.snapshot.areas.get(DATA_EXTENT)
        return extent is None or bool(shapely.intersects_xy(extent.geometry, lng, lat))

    @property
    def area_with_data_km2(self) -> float:
        return self.scope.area_km2

    @property
    def status(self) -> Status:
        """``partial`` where a part of the area lies outside the data that are loaded."""
        return "ok" if self.scope is self.whole else "partial"

    def by_online(
        self, table: LayerTable, figure: Callable[[NDArray[np.bool_]], float | None], n_unknown: Callable[[], int]
    ) -> dict[str, Any]:
        """What a result says of those online; None at another time, for which no online history is kept.

        ``figure`` is what the result would be with only some of the table's rows: those online, then with those of
        which it is not known as well.
        """
        if not self.snapshot.is_present:
            return {"effective": None, "effective_high": None, "n_unknown": None}
        online = table.frame["online"]
        return {
            "effective": figure(online.fillna(False).to_numpy(bool)),
            "effective_high": figure(online.fillna(True).to_numpy(bool)),
            "n_unknown": n_unknown(),
        }

    def provenance(
        self, layers: tuple[str, ...], areas: tuple[str, ...] = (), grids: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """The fields that every result carries, and the labels that its sources ask for.

        The sources are those of the scope, of the layers, of the towns that its rows and gaps name, and of further
        ``areas`` and demand ``grids`` that decide.
        """
        deciding = [*self.snapshot.areas_at("town"), *(self.snapshot.areas[code] for code in areas)]
        used = {self.whole.area.source, *(a.source for a in deciding)}
        used |= {self.snapshot.grids[name].source for name in grids if name in self.snapshot.grids}
        for name in layers:
            table = self.table(name)
            used |= set(table.frame["source"].unique()) if table is not None else set()
        sources = [s for s in (self.snapshot.sources.get(name) for name in used) if s]
        labels = [name for name in ("synthetic", "schematic", "derived") if any(getattr(s, name) for s in sources)]
        judged = [quality_in(self.snapshot, name) for name in layers]
        doubts = tuple(quality.doubt for quality in judged if quality is not None and quality.doubt is not None)
        if doubts:
            labels.append("quality")
        if self.snapshot.coarse & set(layers):
            labels.append("coarse")
        if self.snapshot.cut & set(layers):
            labels.append("cut")
        if self.clause.ours:
            labels.append("ours")
        if not self.binding:
            labels.append("reference")
        return {
            "rule": self.clause.rule,
            "clause": self.clause,
            "area": self.whole.area,
            "area_km2": self.whole.area_km2,
            "area_with_data_km2": self.area_with_data_km2,
            "binding": self.binding,
            "as_of": self.snapshot.as_of,
            "known_at": self.snapshot.known_at,
            "snapshot": self.snapshot.id,
            "labels": tuple(labels),
            "doubts": doubts,
        }


def by_state(table: LayerTable, inside: NDArray[np.bool_]) -> dict[str, int]:
    """Devices per lifecycle state among the chosen rows, every state named."""
    state = table.frame["lifecycle"].astype(pd.CategoricalDtype(list(LIFECYCLES))).cat.codes.to_numpy()[inside]
    sums = np.bincount(state + 1, table.frame["n_devices"].to_numpy()[inside], len(LIFECYCLES) + 1)[1:]
    return {name: int(n) for name, n in zip(LIFECYCLES, sums, strict=True)}
