"""What it amounts to: one rule a file. A new rule is a file and its line here.

A rule is a frozen parameter object and a pure ``evaluate(scene, parameters)``; ``needs`` names another rule whose
evaluation on the same scene is passed as third argument. Some rules judge one clause of the plan and have its name;
the others are kinds (``count``, ``share`` …) that any clause may name, with a layer of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from twin.coverage import (
    camera_count,
    camera_density,
    charger_balance,
    charger_service,
    count_kind,
    density_kind,
    lifecycle,
    radio_coverage,
    radio_site_count,
    sensor_count,
    service_kind,
    share_kind,
)
from twin.coverage.counting import NoData
from twin.coverage.parameters import most_alike, read_parameters, unknown_words
from twin.coverage.readings import Alternatives
from twin.coverage.result import Evaluation, Scene
from twin.coverage.selection import readings_of_states
from twin.coverage.targets import target_faults
from twin.errors import BadParameter, Fault, Words

RuleKind = Literal["count", "density", "service", "share", "indicator", "series"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as the engine sees it. ``layers`` are those it judges; None: the one that a clause's parameters name."""

    name: str
    kind: RuleKind
    parameters: type[Any]
    evaluate: Callable[..., Evaluation]
    layers: tuple[str, ...] | None
    needs: str | None = None
    readings: Callable[[Scene, Any], Alternatives] = lambda _scene, _parameters: {}

    def read(self, *settings: Mapping[str, Any]) -> Any:
        """The parameter object from a clause's table and a caller's settings."""
        return read_parameters(self.parameters, *settings)

    def layers_of(self, parameters: Mapping[str, Any]) -> tuple[str, ...]:
        """The layers that the rule judges under a clause's parameters."""
        return (str(parameters["layer"]),) if self.layers is None else self.layers


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
        Rule("charger-service", "service", charger_service.ChargerServiceParameters, charger_service.evaluate, ("chargers",), readings=charger_service.readings),
        Rule("camera-density", "density", camera_density.CameraDensityParameters, camera_density.evaluate, ("cameras",), readings=camera_density.readings),
        Rule("camera-count", "count", camera_count.CameraCountParameters, camera_count.evaluate, ("cameras",), readings=camera_count.readings),
        Rule("radio-site-count", "count", radio_site_count.RadioSiteCountParameters, radio_site_count.evaluate, ("radio_sites",), readings=radio_site_count.readings),
        Rule("radio-coverage", "service", radio_coverage.RadioCoverageParameters, radio_coverage.evaluate, ("radio_sites",), readings=radio_coverage.readings),
        Rule("sensor-count", "count", sensor_count.SensorCountParameters, sensor_count.evaluate, ("sensors",), readings=sensor_count.readings),
        Rule("charger-balance", "indicator", charger_balance.ChargerBalanceParameters, charger_balance.evaluate, ("chargers",),
             needs="charger-service"),
        Rule("lifecycle", "indicator", lifecycle.LifecycleParameters, lifecycle.evaluate,
             ("cameras", "chargers", "radio_sites", "sensors")),
        _series("vital-signs"),
        _series("net-access"),
        _series("net-home"),
        Rule("count", "count", count_kind.CountParameters, count_kind.evaluate, None, readings=readings_of_states),
        Rule("share", "share", share_kind.ShareParameters, share_kind.evaluate, None, readings=share_kind.readings),
        Rule("density", "density", density_kind.DensityKindParameters, density_kind.evaluate, None, readings=readings_of_states),
        Rule("service", "service", service_kind.ServiceParameters, service_kind.evaluate, None, readings=service_kind.readings),
    )
}  # fmt: skip


def clause_faults(table: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with a clause's rule, and with what that rule reads: parameters, operator, unit, value, ``ours``.

    ``table`` is a clause as a TOML reader gives it. The faults' paths begin at the clause.
    """
    name = table.get("rule")
    if not isinstance(name, str) or not name.strip():
        return []
    if name not in RULES:
        words = Words(*unknown_words("规则", "rule", most_alike(name, list(RULES)), list(RULES)))
        return [Fault("clause", "rule", name, words, ("rule",))]
    rule = RULES[name]
    return [
        *_parameter_faults(rule, table.get("parameters", {})),
        *target_faults(rule.kind, table),
        *_full_coverage_faults(rule, table),
        *_ours_faults(rule, table),
    ]


def _parameter_faults(rule: Rule, parameters: Any) -> list[Fault]:
    if not isinstance(parameters, Mapping):
        return []
    try:
        rule.read(parameters)
    except BadParameter as error:
        told = error.faults or (Fault("parameters", "", "", error.words),)
        return [Fault(f.where, f.column, f.value, f.words, ("parameters", *f.path)) for f in told]
    return []


def _full_coverage_faults(rule: Rule, table: Mapping[str, Any]) -> list[Fault]:
    """The plan's own service rules know 全覆盖 only; the kind ``service`` takes a lower target, too."""
    value = table.get("value")
    if rule.kind != "service" or rule.layers is None or table.get("operator") != "at-least":
        return []
    if not isinstance(value, int | float) or not 0 <= value < 1:
        return []
    zh = f'{rule.name} 只判定全覆盖，value 应为 1.0；较低的目标请用 rule = "service"'
    en = f'{rule.name} judges full coverage, value must be 1.0; for a lower target take rule = "service"'
    return [Fault("clause", "value", str(value), Words(zh, en), ("value",))]


def _ours_faults(rule: Rule, table: Mapping[str, Any]) -> list[Fault]:
    ours, known = table.get("ours", []), [f.name for f in fields(rule.parameters)]
    if not isinstance(ours, list):
        return []
    return [
        Fault(
            "clause",
            "ours",
            str(name),
            Words(*unknown_words("参数", "parameter", most_alike(str(name), known), known)),
            ("ours", i),
        )
        for i, name in enumerate(ours)
        if name not in known
    ]
