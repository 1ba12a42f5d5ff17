"""Number of sensing nodes (感知节点). Cameras do not count as sensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from twin.coverage.counting import Count, NoData
from twin.coverage.readings import Alternatives, first
from twin.coverage.result import Evaluation, Scene
from twin.model import BUILT, Lifecycle

LAYER = "sensors"
Domain = Literal["building", "road", "water", "power", "gas", "environment", "other"]
DOMAINS: tuple[Domain, ...] = get_args(Domain)


@dataclass(frozen=True, slots=True)
class SensorCountParameters:
    domains: tuple[Domain, ...] = DOMAINS
    states: tuple[Lifecycle, ...] = BUILT


def readings(_scene: Scene, parameters: SensorCountParameters) -> Alternatives:
    """Which domains count (with and without 其他), and in which state."""
    named = tuple(d for d in DOMAINS if d != "other")
    return {
        "domains": first(parameters.domains, DOMAINS, named),
        "states": first(parameters.states, BUILT, ("operating",)),
    }


def evaluate(scene: Scene, parameters: SensorCountParameters) -> Evaluation:
    table = scene.table(LAYER)
    if table is None:
        return NoData(scene, parameters, (LAYER,))
    frame = table.frame
    counts = (frame["domain"].isin(parameters.domains) & frame["lifecycle"].isin(parameters.states)).to_numpy(bool)
    here = frame[counts & scene.scope.contains(table.lnglat)]
    sums = here.groupby(here["domain"].astype(str))["n_devices"].sum()
    facts = {"by_domain": {d: int(sums.get(d, 0)) for d in DOMAINS}}
    return Count(scene, table, counts, parameters, facts)
