"""What it amounts to: one rule a file. A new rule is a file and its line here.

A rule is a frozen parameter object and a pure ``evaluate(scene, parameters)``; ``needs`` names another rule whose
evaluation on the same scene is passed as third argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from twin.coverage import (
    camera_count,
    camera_density,
    charger_balance,
    charger_service,
    lifecycle,
    radio_coverage,
    radio_site_count,
    sensor_count,
)
from twin.coverage.counting import NoData
from twin.coverage.parameters import read_parameters
from twin.coverage.result import Evaluation, Scene

RuleKind = Literal["count", "density", "service", "indicator", "series"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as the engine sees it. ``layers`` are those it judges."""

    name: str
    kind: RuleKind
    parameters: type[Any]
    evaluate: Callable[..., Evaluation]
    layers: tuple[str, ...]
    needs: str | None = None

    def read(self, *settings: Mapping[str, Any]) -> Any:
        """The parameter object from a clause's table and a caller's settings."""
        return read_parameters(self.parameters, *settings)


@dataclass(frozen=True, slots=True)
class SeriesParameters:
    """A clause about a series of figures that no layer holds; ``classes`` are the indicator classes it names."""

    classes: int = 0


def _series(name: str) -> Rule:
    def evaluate(scene: Scene, parameters: SeriesParameters) -> Evaluation:
        return NoData(scene, parameters, (name,))

    return Rule(name, "series", SeriesParameters, evaluate, ())


RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule("charger-service", "service", charger_service.ChargerServiceParameters, charger_service.evaluate, ("chargers",)),
        Rule("camera-density", "density", camera_density.CameraDensityParameters, camera_density.evaluate, ("cameras",)),
        Rule("camera-count", "count", camera_count.CameraCountParameters, camera_count.evaluate, ("cameras",)),
        Rule("radio-site-count", "count", radio_site_count.RadioSiteCountParameters, radio_site_count.evaluate, ("radio_sites",)),
        Rule("radio-coverage", "service", radio_coverage.RadioCoverageParameters, radio_coverage.evaluate, ("radio_sites",)),
        Rule("sensor-count", "count", sensor_count.SensorCountParameters, sensor_count.evaluate, ("sensors",)),
        Rule("charger-balance", "indicator", charger_balance.ChargerBalanceParameters, charger_balance.evaluate, ("chargers",),
             needs="charger-service"),
        Rule("lifecycle", "indicator", lifecycle.LifecycleParameters, lifecycle.evaluate,
             ("cameras", "chargers", "radio_sites", "sensors")),
        _series("vital-signs"),
        _series("net-access"),
        _series("net-home"),
    )
}  # fmt: skip
