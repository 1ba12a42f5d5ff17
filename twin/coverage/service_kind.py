"""Kind ``service``: every demand point within its zone's radius of an asset of a layer. For clauses that a planner adds.

The zone of the demand point decides the limit, or with ``reading = "station"`` that of the asset. Assets outside the border
serve, too. A target of 1 is met below 0.0001 km² open, a lower one by the share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from twin.coverage.charger_service import COUNTS, STATE_REASONS
from twin.coverage.counting import NoData
from twin.coverage.demand import AREA, POPULATION
from twin.coverage.parameters import ONE, PositiveInt, Zone
from twin.coverage.readings import Alternatives, first
from twin.coverage.result import AreaRow, Evaluation, Scene
from twin.coverage.selection import choose, selection_faults, why_unmet
from twin.coverage.service_zones import Servers
from twin.coverage.zoned_service import ZonedService, check_zones
from twin.errors import Fault, Words
from twin.model import LayerTable, Lifecycle


@dataclass(frozen=True, slots=True)
class ServiceParameters:
    """The assets of ``layer`` that meet ``where`` and are in one of the ``states`` serve. Radii in metres.

    ``zones`` have their own radius, the first listed one wins; ``radius_m`` holds elsewhere. ``denominator`` is ``area``,
    ``population`` or a layer (``layer:kind``); ``at_least`` is how many assets must serve. ``exclude`` names
    layers or areas that are cut out.
    """

    layer: str
    radius_m: float
    zones: tuple[Zone, ...] = ()
    where: Mapping[str, Any] = field(default_factory=dict)
    states: tuple[Lifecycle, ...] = ("operating",)
    reading: Literal["demand", "station"] = "demand"
    denominator: str = AREA
    at_least: PositiveInt = ONE
    exclude: tuple[str, ...] = ()

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
    check_zones(scene, parameters.zones)
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


class Service(ZonedService):
    """The rule on data."""

    parameters: ServiceParameters

    def __init__(
        self, scene: Scene, parameters: ServiceParameters, servers: Servers, undecided: NDArray[np.bool_],
        margin_m: float = 0.0,
    ) -> None:  # fmt: skip
        self.undecided, self.target = undecided, 1.0 if scene.clause.value is None else scene.clause.value
        super().__init__(scene, parameters, servers, margin_m)

    @property
    def met(self) -> bool | None:
        return super().met if self.target >= 1 else self.scene.clause.is_met_by(self.share)

    def variant(self, keep: NDArray[np.bool_] | None = None, margin_m: float = 0.0) -> Service:
        servers = self.servers if keep is None else self.servers.only(keep)
        return Service(self.scene, self.parameters, servers, self.undecided, margin_m)

    def own_facts(self, inside: NDArray[np.bool_]) -> dict[str, Any]:
        n_devices = self.servers.table.frame["n_devices"].to_numpy()
        return {
            "n_counted": int(inside[self.servers.counts].sum()),
            "n_undecided": int(n_devices[self.undecided & inside].sum()),
        }

    def area_rows(self, level: str) -> list[AreaRow]:
        """With the clause's target; ``shortfall`` stays the km² that are open."""
        rows = super().area_rows(level)
        if self.target >= 1:
            return rows
        return [replace(row, target=self.target, met=self.scene.clause.is_met_by(row.share)) for row in rows]
