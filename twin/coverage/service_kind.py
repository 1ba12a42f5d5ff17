"""Kind ``service``: every demand point within its zone's radius of an asset of a layer. For clauses that a planner adds.

The zone of the demand point decides the limit, or with ``reading = "station"`` that of the asset. Assets outside the border
serve, too. A target of 1 is met below 0.0001 km² open, a lower one by the share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from twin.coverage.charger_service import COUNTS, STATE_REASONS
from twin.coverage.counting import NoData
from twin.coverage.demand import AREA, POPULATION
from twin.coverage.parameters import Zone
from twin.coverage.readings import Alternatives, first
from twin.coverage.result import AreaRow, Evaluation, Explanation, Result, Scene, by_state
from twin.coverage.scope import cut_into_zones
from twin.coverage.selection import choose, selection_faults, why_unmet
from twin.coverage.service_evaluation import ServiceEvaluation
from twin.coverage.service_zones import Servers, ServiceZone
from twin.errors import Fault, RuleUnready, Words
from twin.model import LayerTable, Lifecycle

ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class ServiceParameters:
    """The assets of ``layer`` that meet ``where`` and are in one of the ``states`` serve. Radii in metres.

    ``zones`` have their own radius, the first listed one wins; ``radius_m`` holds elsewhere. ``denominator`` is ``area``,
    ``population`` or a layer (``layer:kind``); ``at_least`` is how many assets must serve.
    """

    layer: str
    radius_m: float
    zones: tuple[Zone, ...] = ()
    where: Mapping[str, Any] = field(default_factory=dict)
    states: tuple[Lifecycle, ...] = ("operating",)
    reading: Literal["demand", "station"] = "demand"
    denominator: str = AREA
    at_least: int = 1

    @staticmethod
    def faults_among(values: Mapping[str, Any]) -> list[Fault]:
        return selection_faults(values, "where")


def readings(scene: Scene, parameters: ServiceParameters) -> Alternatives:
    """Whose zone, and of what."""
    people = (POPULATION,) if POPULATION in scene.snapshot.grids else ()
    whose = {"reading": first(parameters.reading, "demand", "station")} if parameters.zones else {}
    return {**whose, "denominator": first(parameters.denominator, AREA, *people)}


def evaluate(scene: Scene, parameters: ServiceParameters) -> Evaluation:
    """Service by what the parameters choose.

    Raises:
        BadParameter: there is no such denominator.
        RuleUnready: a zone or the denominator is not loaded, or ``online`` is asked for at a time of which no online
            history is kept.
    """
    missing = [zone.code for zone in parameters.zones if zone.code not in scene.snapshot.areas]
    if missing:
        said = ", ".join(missing)
        raise RuleUnready(
            f"缺少分区边界：{said}。请先导入该区域（twin import … --layer areas）",
            f"zone boundary missing: {said}. Import it first (twin import … --layer areas)",
        )
    table = scene.table(parameters.layer)
    if table is None:
        return NoData(scene, parameters, (parameters.layer,))
    chosen = choose(scene, table, parameters.where, parameters.states)
    located = table.frame["lng"].notna().to_numpy(bool)
    servers = Servers(table, chosen.yes & located, lambda row: why_not(row, table, parameters))
    return Service(scene, parameters, servers, chosen.unknown)


def why_not(row: Mapping[str, Any], table: LayerTable, parameters: ServiceParameters) -> Words:
    """Why an asset does or does not count."""
    if row["lifecycle"] not in parameters.states:
        return STATE_REASONS.get(str(row["lifecycle"]), Words("该状态不计入", "its state does not count"))
    return why_unmet(table, parameters.where, str(row["key"])) or COUNTS


class Service(ServiceEvaluation):
    """The rule on data."""

    def __init__(
        self, scene: Scene, parameters: ServiceParameters, servers: Servers, undecided: NDArray[np.bool_],
        margin_m: float = 0.0,
    ) -> None:  # fmt: skip
        self.parameters, self.layer, self.undecided = parameters, parameters.layer, undecided
        self.target = 1.0 if scene.clause.value is None else scene.clause.value
        super().__init__(scene, servers, parameters.denominator, parameters.at_least, margin_m=margin_m)

    def make_zones(self) -> list[ServiceZone]:
        areas = [self.scene.snapshot.areas[zone.code] for zone in self.parameters.zones]
        shapes = self.scope.kept(("zones", *(a.digest for a in areas)), lambda: cut_into_zones(self.scope, areas))
        radii = [*(zone.radius_m for zone in self.parameters.zones), self.parameters.radius_m]
        names = [*(a.code for a in areas), ELSEWHERE if areas else "all"]
        return [ServiceZone(*row) for row in zip(names, radii, shapes, [*areas, None], strict=True)]

    @property
    def radius_of_server(self) -> bool:
        return self.parameters.reading == "station"

    @property
    def met(self) -> bool:
        return super().met if self.target >= 1 else self.share is not None and self.share >= self.target

    def variant(self, keep: NDArray[np.bool_] | None = None, margin_m: float = 0.0) -> Service:
        servers = self.servers if keep is None else self.servers.only(keep)
        return Service(self.scene, self.parameters, servers, self.undecided, margin_m)

    @cached_property
    def result(self) -> Result:  # type: ignore[override]
        table = self.servers.table
        inside = self.scope.contains(table.lnglat)
        reported = self.scene.by_online(table, lambda keep: self.variant(keep).share, self.n_unknown)
        zones = tuple(zone.code for zone in self.parameters.zones)
        return Result(
            value=self.share, met=self.met, share=self.share, denominator=self.denominator, status=self.scene.status,
            nominal=self.share, by_state=by_state(table, inside), parameters=self.parameters,
            facts=self._facts(reported["effective"], inside), **reported,
            **self.scene.provenance((self.layer,), zones, (POPULATION,)),
        )  # fmt: skip

    def _facts(self, effective: float | None, inside: NDArray[np.bool_]) -> dict[str, Any]:
        gaps, n_devices = self.gaps(), self.servers.table.frame["n_devices"].to_numpy()
        return {
            "share_by_zone": {z.name: s for z, s in zip(self.zones, self.zone_shares, strict=True)},
            "share_area": self.area_share,
            "share_population": self.population_share,
            "share_effective": effective,
            "n_gaps": len(gaps),
            "open_km2": self.open_km2,
            "farthest_missing_m": max((g.missing_m for g in gaps if g.missing_m is not None), default=None),
            "n_counted": int(inside[self.servers.counts].sum()),
            "n_undecided": int(n_devices[self.undecided & inside].sum()),
        }

    def area_rows(self, level: str) -> list[AreaRow]:
        """With the clause's target; ``shortfall`` stays the km² that are open."""
        rows = super().area_rows(level)
        if self.target >= 1:
            return rows
        return [
            replace(row, target=self.target, met=None if row.share is None else row.share >= self.target)
            for row in rows
        ]

    def explain(self, lng: float, lat: float, n_nearest: int = 3) -> Explanation:
        return self.explain_service(lng, lat, n_nearest)
