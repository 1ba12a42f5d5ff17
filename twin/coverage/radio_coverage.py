"""5G coverage (5G 覆盖) by the declared disc model: outdoor stations in operation reach ``radius_m``. A model result.

The radius decides, so the shares at 0.75 and 1.25 of it stand beside the result, and each operator's own share.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from twin.coverage.charger_service import COUNTS, STATE_REASONS
from twin.coverage.counting import NoData
from twin.coverage.demand import POPULATION, demand_facts
from twin.coverage.parameters import ONE, PositiveInt
from twin.coverage.readings import Alternatives, first
from twin.coverage.result import Evaluation, Explanation, Result, Scene, by_state
from twin.coverage.service_evaluation import ServiceEvaluation
from twin.coverage.service_zones import Servers, ServiceZone
from twin.errors import BadParameter, Words
from twin.model import Lifecycle

LAYER = "radio_sites"
SENSITIVITY = (0.75, 1.25)


@dataclass(frozen=True, slots=True)
class RadioCoverageParameters:
    """``radius_m`` in metres; ``operator`` empty = any operator. ``at_least`` is how many must serve."""

    radius_m: float
    model: Literal["disc"] = "disc"
    states: tuple[Lifecycle, ...] = ("operating",)
    denominator: str = "area"
    operator: str = ""
    at_least: PositiveInt = ONE
    exclude: tuple[str, ...] = ()


def readings(scene: Scene, parameters: RadioCoverageParameters) -> Alternatives:
    """How far a station reaches, and of what."""
    people = (POPULATION,) if POPULATION in scene.snapshot.grids else ()
    return {
        "radius_m": first(parameters.radius_m, *(parameters.radius_m * f for f in SENSITIVITY)),
        "denominator": first(parameters.denominator, "area", *people),
    }


def evaluate(scene: Scene, parameters: RadioCoverageParameters) -> Evaluation:
    table = scene.table(LAYER)
    if table is None:
        return NoData(scene, parameters, (LAYER,))
    frame = table.frame
    counts = frame["lifecycle"].isin(parameters.states) & (frame["site_kind"] == "outdoor") & frame["lng"].notna()
    operators = sorted(set(frame["operator"].dropna().astype(str)))
    if parameters.operator and parameters.operator not in operators:
        said = ", ".join(operators)
        raise BadParameter(
            f"没有运营商“{parameters.operator}”，现有：{said}",
            f"no operator {parameters.operator!r}; there are: {said}",
        )
    if parameters.operator:
        counts &= frame["operator"] == parameters.operator
    servers = Servers(table, counts.to_numpy(bool), lambda row: why_not(row, parameters))
    return RadioCoverage(scene, parameters, servers)


def why_not(row: Any, parameters: RadioCoverageParameters) -> Words:
    """Why a station does or does not count."""
    if row["site_kind"] != "outdoor":
        return Words("室内分布系统，不计室外覆盖", "an indoor system: it does not cover outdoors")
    if row["lifecycle"] not in parameters.states:
        return STATE_REASONS.get(str(row["lifecycle"]), Words("该状态不计入", "its state does not count"))
    if parameters.operator and row["operator"] != parameters.operator:
        return Words("其他运营商", "another operator's")
    return COUNTS


class RadioCoverage(ServiceEvaluation):
    """The disc model on data: one zone, one radius."""

    layer = LAYER

    def __init__(
        self, scene: Scene, parameters: RadioCoverageParameters, servers: Servers, margin_m: float = 0.0
    ) -> None:
        self.parameters = parameters
        super().__init__(scene, servers, parameters.denominator, parameters.at_least, parameters.exclude, margin_m)

    def make_zones(self) -> list[ServiceZone]:
        return [ServiceZone("all", self.parameters.radius_m, self.scope.shape, None)]

    @cached_property
    def result(self) -> Result:  # type: ignore[override]
        table = self.servers.table
        reported = self.scene.by_online(table, lambda keep: self.variant(keep).share, self.n_unknown)
        provenance = self.scene.provenance((LAYER,), grids=(POPULATION,))
        provenance["labels"] = ("model", *provenance["labels"])
        return Result(
            value=self.share, met=self.met, share=self.share, denominator=self.denominator, status=self.scene.status,
            nominal=self.share, **reported,
            by_state=by_state(table, self.scope.contains(table.lnglat)), parameters=self.parameters,
            facts=self._facts(reported["effective"]), **provenance,
        )  # fmt: skip

    def _facts(self, effective: float | None) -> dict[str, Any]:
        operator = self.servers.table.frame["operator"]
        names = sorted(set(operator[self.servers.counts].dropna().astype(str)))
        by_operator = {name: self.variant((operator == name).to_numpy(bool)).share for name in names}
        radius_m = self.parameters.radius_m
        by_radius = {str(radius_m * f): self.variant(margin_m=radius_m * (f - 1)).share for f in SENSITIVITY}
        return {
            "radius_m": radius_m,
            "open_km2": self.open_km2,
            **self.ground_facts(),
            **demand_facts(self.demand, float(self.base.area_m2.sum())),
            "share_effective": effective,
            "share_population": self.population_share,
            "share_by_radius": by_radius,
            "share_by_operator": by_operator,
            "worst_operator": min(by_operator, key=lambda name: by_operator[name] or 0.0, default=None),
        }

    def variant(self, keep: NDArray[np.bool_] | None = None, margin_m: float = 0.0) -> RadioCoverage:
        servers = self.servers if keep is None else self.servers.only(keep)
        return RadioCoverage(self.scene, self.parameters, servers, margin_m)

    def explain(self, lng: float, lat: float, n_nearest: int = 3) -> Explanation:
        return self.explain_service(lng, lat, n_nearest)
