"""Charger service (充电服务): every demand point within its zone's radius of a counted station.

The zone of the *demand point* decides the limit; ``reading="station"`` lets the station's zone decide it instead.
Counted: public stations in the chosen states with at least ``min_connectors``. Stations outside the border count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from twin.coverage.counting import NoData
from twin.coverage.demand import POPULATION
from twin.coverage.network_service import NetworkService
from twin.coverage.parameters import ONE, PositiveInt, Zone
from twin.coverage.readings import Alternatives, first
from twin.coverage.result import Evaluation, Scene
from twin.coverage.service_zones import Servers
from twin.coverage.zoned_service import ZonedService, check_zones
from twin.errors import BadParameter, Words
from twin.model import LayerTable, Lifecycle

LAYER = "chargers"
STATE_REASONS = {
    "planned": Words("规划中，尚未投运", "planned, not in operation yet"),
    "building": Words("在建，尚未投运", "under construction"),
    "managed": Words("已建成，未对外服务", "built, not serving"),
    "retired": Words("已退役", "retired"),
}
COUNTS = Words("计入", "counted")
CONCENTRATED = 10
"""Connectors from which a station is a concentration."""


@dataclass(frozen=True, slots=True)
class ChargerServiceParameters:
    """``zones`` have their own radius, ``radius_m`` holds elsewhere. Radii in metres.

    ``denominator`` is ``area``, ``population``, or a layer (``layer:kind``); ``at_least`` is how many stations must serve.
    ``exclude`` names layers or areas that are cut out. ``metric`` is the straight line, or the way along streets.
    """

    zones: tuple[Zone, ...]
    radius_m: float
    reading: Literal["demand", "station"] = "demand"
    public_only: bool = True
    states: tuple[Lifecycle, ...] = ("operating",)
    min_connectors: int = 1
    denominator: str = "area"
    at_least: PositiveInt = ONE
    exclude: tuple[str, ...] = ()
    metric: Literal["line", "network"] = "line"

    def __post_init__(self) -> None:
        if self.metric == "network" and (self.reading, self.at_least, self.exclude) != ("demand", 1, ()):
            raise BadParameter(
                "metric=network 只按需求点所在分区、至少一座站、不排除任何范围判定",
                "metric=network is judged by the demand's zone, by one station, and with nothing excluded",
            )


def counted(table: LayerTable, parameters: ChargerServiceParameters) -> NDArray[np.bool_]:
    """Which stations the rule counts. A station whose number of connectors is unknown is taken to have one."""
    frame = table.frame
    counts = frame["lifecycle"].isin(parameters.states) & frame["lng"].notna()
    counts &= frame["n_connectors"].fillna(1) >= parameters.min_connectors
    if parameters.public_only:
        counts &= frame["station_type"] == "public"
    return counts.to_numpy(bool)


def concentration(frame: pd.DataFrame, concentrated: int) -> float | None:
    """The share of connectors that are in stations of at least so many; None where there are none."""
    connectors = frame["n_connectors"].fillna(0).to_numpy(float)
    return float(connectors[connectors >= concentrated].sum() / connectors.sum()) if connectors.sum() else None


def why_not(row: Mapping[str, Any], parameters: ChargerServiceParameters) -> Words:
    """Why a station does or does not count."""
    if row["lifecycle"] not in parameters.states:
        return STATE_REASONS.get(str(row["lifecycle"]), Words("该状态不计入", "its state does not count"))
    if parameters.public_only and row["station_type"] != "public":
        return Words("非公共站，不计入", f"not a public station ({row['station_type']})")
    if row["n_connectors"] < parameters.min_connectors:  # never true of NaN: unknown is taken to be enough
        return Words("充电接口不足", "too few connectors")
    return COUNTS


def readings(scene: Scene, parameters: ChargerServiceParameters) -> Alternatives:
    """Whose zone (along streets only that of the demand), which stations, of what."""
    people = (POPULATION,) if POPULATION in scene.snapshot.grids else ()
    whose = {} if parameters.metric == "network" else {"reading": first(parameters.reading, "demand", "station")}
    return {
        **whose,
        "public_only": first(parameters.public_only, True, False),
        "denominator": first(parameters.denominator, "area", *people),
    }


def evaluate(scene: Scene, parameters: ChargerServiceParameters) -> Evaluation:
    """Charger service of the scene's area.

    Raises:
        RuleUnready: a zone of the clause is not among the loaded areas.
    """
    check_zones(scene, parameters.zones)
    table = scene.table(LAYER)
    if table is None:
        return NoData(scene, parameters, (LAYER,))
    servers = Servers(table, counted(table, parameters), lambda row: why_not(row, parameters))
    line = ChargerService(scene, parameters, servers)
    if parameters.metric == "line":
        return line
    return NetworkService(
        scene, line.zones, servers, parameters.denominator, parameters=parameters, share_line=lambda: line.share
    )


class ChargerService(ZonedService):
    """The rule on data."""

    parameters: ChargerServiceParameters

    def variant(self, keep: NDArray[np.bool_] | None = None, margin_m: float = 0.0) -> ChargerService:
        servers = self.servers if keep is None else self.servers.only(keep)
        return ChargerService(self.scene, self.parameters, servers, margin_m)

    def own_facts(self, inside: NDArray[np.bool_]) -> dict[str, Any]:
        frame = self.servers.table.frame[inside & self.servers.counts]
        return {"n_stations": len(frame), "concentration": concentration(frame, CONCENTRATED)}
