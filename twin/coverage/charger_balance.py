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
from twin.coverage.charger_service import concentration
from twin.coverage.counting import NoData
from twin.coverage.demand import POPULATION
from twin.coverage.result import AreaRow, CellTable, Evaluation, Result, Scene
from twin.coverage.scope import sums_by_area


@dataclass(frozen=True, slots=True)
class ChargerBalanceParameters:
    level: Literal["city", "district", "town", "grid", "zone", "aoi"] = "town"
    concentrated_connectors: int = charger_service.CONCENTRATED


@dataclass(frozen=True, slots=True)
class Lorenz:
    """The Lorenz curve of an amount over people: points from (0, 0) to (1, 1), the poorest area first.

    ``order`` are the indices of the areas, ``people`` and ``amount`` the shares up to and with each. (n,) and (n + 1,).
    """

    order: NDArray[np.int64]
    people: NDArray[np.float64]
    amount: NDArray[np.float64]

    @property
    def gini(self) -> float:
        """Twice the area between the diagonal and the curve: 0 = the same for everybody, towards 1 = all in one place."""
        return float(1.0 - np.sum(np.diff(self.people) * (self.amount[1:] + self.amount[:-1])))


def lorenz(amount: NDArray[np.float64], people: NDArray[np.float64]) -> Lorenz | None:
    """The curve of (n,) amounts over (n,) people; areas where nobody lives are left out. None where nobody or nothing is."""
    kept = np.flatnonzero(people > 0)
    if people[kept].sum() == 0 or amount[kept].sum() == 0:
        return None
    order = kept[np.argsort(amount[kept] / people[kept], kind="stable")]
    x, y = (np.concatenate([[0.0], np.cumsum(v[order])]) / v[order].sum() for v in (people, amount))
    return Lorenz(order, x, y)


class ChargerBalance(Evaluation):
    """Rows and hexes are those of charger-service; only the headline differs."""

    def __init__(
        self, scene: Scene, parameters: ChargerBalanceParameters, service: charger_service.ChargerService
    ) -> None:
        self.service = service
        servers = service.servers
        inside = service.scope.contains(servers.counted.lnglat)
        rows = [r for r in service.area_rows(parameters.level) if r.share is not None]
        worst = min(rows, key=lambda r: (r.share or 0.0, r.code), default=None)
        self.result = Result(
            value=worst.share if worst else None, met=None, share=None, denominator="area", status=scene.status,
            nominal=worst.share if worst else None, parameters=parameters,
            facts={
                "worst_name": worst.name if worst else None,
                "worst_name_en": worst.name_en if worst else None,
                **self._distribution(scene, parameters),
                "concentration": concentration(servers.counted.frame[inside], parameters.concentrated_connectors),
            },
            **scene.provenance((charger_service.LAYER,), grids=(POPULATION,)),
        )  # fmt: skip

    def _distribution(self, scene: Scene, parameters: ChargerBalanceParameters) -> dict[str, Any]:
        """Gini and Lorenz curve of connectors per resident over the areas of the level; None without a population."""
        people, frame = self.service.population, self.service.servers.counted.frame
        areas = [
            a
            for a in scene.snapshot.areas_at(parameters.level)
            if a.geometry.intersects(self.service.scope.area.geometry)
        ]
        if people is None:
            return {"gini": None, "lorenz": None}
        connectors = frame["n_connectors"].fillna(0).to_numpy(float)
        residents, built = (
            sums_by_area(self.service.scope, areas, lnglat, amount)
            for lnglat, amount in ((people.lnglat, people.amount), (self.service.servers.counted.lnglat, connectors))
        )
        codes = [a.code for a in areas]
        curve = lorenz(np.array([built[c] for c in codes]), np.array([residents[c] for c in codes]))
        if curve is None:
            return {"gini": None, "lorenz": None}
        points = zip([None, *(codes[i] for i in curve.order)], curve.people, curve.amount, strict=True)
        named = [{"code": c, "people_share": float(x), "connectors_share": float(y)} for c, x, y in points]
        return {"gini": curve.gini, "lorenz": named}

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
