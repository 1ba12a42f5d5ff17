"""Kind ``share``: of the chosen assets in the area, the share (by devices) that also meets ``having``.

Of an asset of which it is not known whether it meets ``having``, it is taken that it does not; such devices are
``n_unknown``, and ``facts.share_if_unknown_had`` is the share if all of them did. Without any chosen asset there is no
share: the value is None and the status ``no-data``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.coverage.counting import NoData, count_in_cells, scope_cells
from twin.coverage.parameters import parameter_fault
from twin.coverage.readings import Alternatives, first
from twin.coverage.result import AreaRow, CellTable, Evaluation, Result, Scene, by_state
from twin.coverage.scope import sums_by_area
from twin.coverage.selection import choose, conditions_met, selection_faults
from twin.errors import Fault
from twin.frames import geodesic_area_km2
from twin.model import BUILT, Area, LayerTable, Lifecycle
from twin.plan import Clause

NEGLIGIBLE_KM2 = 1e-6


@dataclass(frozen=True, slots=True)
class ShareParameters:
    """Of the assets of ``layer`` that meet ``where`` and are in one of the ``states``, those that meet ``having``."""

    layer: str
    having: Mapping[str, Any]
    where: Mapping[str, Any] = field(default_factory=dict)
    states: tuple[Lifecycle, ...] = BUILT

    @staticmethod
    def faults_among(values: Mapping[str, Any]) -> list[Fault]:
        faults = selection_faults(values, "where", "having")
        if values.get("having") == {}:
            faults.append(parameter_fault(("having",), "{}", "不能为空", "must not be empty"))
        return faults


def readings(_scene: Scene, parameters: ShareParameters) -> Alternatives:
    """In which state an asset is chosen."""
    return {"states": first(parameters.states, BUILT, ("operating",))}


def evaluate(scene: Scene, parameters: ShareParameters) -> Evaluation:
    """The share of the chosen assets that meet ``having``.

    Raises:
        RuleUnready: ``online`` is asked for at a time of which no online history is kept.
    """
    table = scene.table(parameters.layer)
    return NoData(scene, parameters, (parameters.layer,)) if table is None else Share(scene, parameters, table)


def lacking(clause: Clause, n: int, n_having: int) -> int | None:
    """How many more of n devices must meet the condition; None without devices or a lower limit."""
    if clause.value is None or clause.operator == "at-most" or n == 0:
        return None
    wanted = clause.value * n
    needed = math.floor(wanted + 1e-9) + 1 if clause.operator == "more-than" else math.ceil(wanted - 1e-9)
    return max(0, needed - n_having)


class Share(Evaluation):
    """The rule on data."""

    def __init__(self, scene: Scene, parameters: ShareParameters, table: LayerTable) -> None:
        self.scene, self.scope, self.table, clause = scene, scene.scope, table, scene.clause
        inside = self.scope.contains(table.lnglat)
        chosen, having = (
            choose(scene, table, parameters.where, parameters.states),
            conditions_met(scene, table, parameters.having),
        )
        self.n_devices = table.frame["n_devices"].to_numpy()
        self.chosen = chosen.yes & inside
        self.having = self.chosen & having.yes
        n, n_having, n_unknown = (
            self._devices(rows) for rows in (self.chosen, self.having, self.chosen & having.unknown)
        )
        share = n_having / n if n else None
        online = scene.by_online(
            table, lambda rows: self._devices(self.having & rows) / n if n else None, lambda: n_unknown
        )
        self.result = Result(
            value=share, met=clause.is_met_by(share), share=share, denominator="assets",
            status=scene.status if n else "no-data", nominal=share, **{**online, "n_unknown": n_unknown},
            by_state=by_state(table, inside), parameters=parameters,
            facts={
                "n": n, "n_having": n_having, "n_lacking": lacking(clause, n, n_having),
                "share_if_unknown_had": (n_having + n_unknown) / n if n else None,
                "n_undecided": self._devices(chosen.unknown & inside),
                "n_unlocated": self._devices(chosen.yes & np.isnan(table.lnglat[:, 0])),
            },
            **scene.provenance((table.layer,)),
        )  # fmt: skip

    def _devices(self, rows: NDArray[np.bool_]) -> int:
        return int(self.n_devices[rows].sum())

    def area_rows(self, level: str) -> list[AreaRow]:
        own = self.scope.area.geometry
        areas = [a for a in self.scene.snapshot.areas_at(level) if a.geometry.intersects(own)]
        n, n_having = (self._by_area(areas, chosen) for chosen in (self.chosen, self.having))
        rows = []
        for area in areas:
            km2 = geodesic_area_km2(area.geometry.intersection(own))
            if km2 >= NEGLIGIBLE_KM2:
                rows.append(self._row(area, km2, round(n[area.code]), round(n_having[area.code])))
        return rows

    def _by_area(self, areas: list[Area], chosen: NDArray[np.bool_]) -> dict[str, float]:
        return sums_by_area(self.scope, areas, self.table.lnglat[chosen], self.n_devices[chosen])

    def _row(self, area: Area, km2: float, n: int, n_having: int) -> AreaRow:
        clause, share = self.scene.clause, n_having / n if n else None
        met = clause.is_met_by(share)
        short = lacking(clause, n, n_having)
        return AreaRow.of(area, share, area_km2=km2, target=clause.value, met=met, share=share, shortfall=short)

    def cells(self, resolution: int) -> CellTable:
        """Shares by hex; ``n`` counts the chosen devices, ``no-value`` where there is none."""
        cells, area_km2 = scope_cells(self.scope, resolution)
        n, n_having = (count_in_cells(self.table, rows, cells, resolution) for rows in (self.chosen, self.having))
        share = np.where(n > 0, n_having / np.maximum(n, 1), np.nan)
        words = {True: "pass", False: "fail", None: "some"}
        said = ["no-value" if np.isnan(v) else words[self.scene.clause.is_met_by(v)] for v in share.tolist()]
        status = np.array(said, object)
        return CellTable(resolution, cells, share, share, status, area_km2, n)
