"""Balance of charging (布局均衡): a direction, so an indicator without a verdict.

``value`` is the worst town's share of area served under the charger-service clause's own parameters; beside it the
Gini coefficient of public connectors per resident over towns, and how concentrated the connectors are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from twin.coverage import charger_service
from twin.coverage.counting import NoData
from twin.coverage.demand import POPULATION
from twin.coverage.result import AreaRow, CellTable, Evaluation, Result, Scene
from twin.coverage.scope import assign_to_areas
from twin.model import Area


@dataclass(frozen=True, slots=True)
class ChargerBalanceParameters:
    level: Literal["city", "district", "town", "grid", "zone", "aoi"] = "town"
    concentrated_connectors: int = 10


def gini(amount: NDArray[np.float64], people: NDArray[np.float64]) -> float | None:
    """Population-weighted Gini coefficient of an amount per head: 0 = the same for everybody, towards 1 = all in one place.

    Twice the area between the diagonal and the Lorenz curve. (n,) arrays; None where nobody or nothing is there.
    """
    keep = people > 0
    amount, people = amount[keep], people[keep]
    if people.sum() == 0 or amount.sum() == 0:
        return None
    order = np.argsort(amount / people, kind="stable")
    x = np.concatenate([[0.0], np.cumsum(people[order])]) / people.sum()
    y = np.concatenate([[0.0], np.cumsum(amount[order])]) / amount.sum()
    return float(1.0 - np.sum(np.diff(x) * (y[1:] + y[:-1])))


class ChargerBalance(Evaluation):
    """Rows and hexes are those of charger-service; only the headline differs."""

    def __init__(
        self, scene: Scene, parameters: ChargerBalanceParameters, service: charger_service.ChargerService
    ) -> None:
        self.service = service
        rows = [r for r in service.area_rows(parameters.level) if r.share is not None]
        worst = min(rows, key=lambda r: (r.share or 0.0, r.code), default=None)
        self.result = Result(
            value=worst.share if worst else None, met=None, share=None, denominator="area", status=scene.status,
            nominal=worst.share if worst else None, parameters=parameters,
            facts={
                "worst_name": worst.name if worst else None,
                "worst_name_en": worst.name_en if worst else None,
                "gini": self._gini(scene, parameters),
                "concentration": self._concentration(parameters),
            },
            **scene.provenance((charger_service.LAYER,), grids=(POPULATION,)),
        )  # fmt: skip

    def _counted(self) -> Any:
        servers = self.service.servers
        return servers.counted, servers.counted.frame["n_connectors"].fillna(0).to_numpy(float)

    def _gini(self, scene: Scene, parameters: ChargerBalanceParameters) -> float | None:
        people = self.service.population
        if people is None:
            return None
        areas: list[Area] = scene.snapshot.areas_at(parameters.level)
        residents = np.bincount(assign_to_areas(areas, people.lnglat) + 1, people.amount, len(areas) + 1)[1:]
        table, connectors = self._counted()
        built = np.bincount(assign_to_areas(areas, table.lnglat) + 1, connectors, len(areas) + 1)[1:]
        return gini(built.astype(float), residents.astype(float))

    def _concentration(self, parameters: ChargerBalanceParameters) -> float | None:
        table, connectors = self._counted()
        connectors = connectors[self.service.scope.contains(table.lnglat)]
        large = connectors[connectors >= parameters.concentrated_connectors].sum()
        return float(large / connectors.sum()) if connectors.sum() else None

    def area_rows(self, level: str) -> list[AreaRow]:
        """The shares, without a verdict: the clause is a direction."""
        return [replace(row, target=None, met=None, shortfall=None) for row in self.service.area_rows(level)]

    def cells(self, resolution: int) -> CellTable:
        return self.service.cells(resolution)


def evaluate(scene: Scene, parameters: ChargerBalanceParameters, service: Evaluation) -> Evaluation:
    """``service`` is charger-service evaluated on the same scene."""
    if not isinstance(service, charger_service.ChargerService):
        return NoData(scene, parameters, (charger_service.LAYER,))
    return ChargerBalance(scene, parameters, service)
