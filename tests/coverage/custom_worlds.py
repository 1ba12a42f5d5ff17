"""Clauses of a planner's own, and a world to judge them on by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.world import CENTRE, PLAN, charger, offset
from twin.coverage import RULES
from twin.coverage.result import Evaluation, Scene
from twin.coverage.scope import Scope
from twin.model import Record, Snapshot
from twin.plan import Clause


def clause_of(rule: str, operator: str, value: float | None, unit: str, **parameters: Any) -> Clause:
    return replace(PLAN.clause("net-home"), id=f"my-{rule}", rule=rule, operator=operator, value=value, unit=unit,
                   strength="aspired", parameters=parameters)  # fmt: skip


def judge(world: Snapshot, clause: Clause, code: str = "310112") -> Evaluation:
    rule = RULES[clause.rule]
    return rule.evaluate(Scene(world, Scope(world.areas[code]), clause), rule.read(clause.parameters))


def count(world: Snapshot, value: float | None = 1, operator: str = "at-least", **parameters: Any) -> Any:
    return judge(world, clause_of("count", operator, value, "个", **parameters)).result


def stations() -> list[Record]:
    """What is in the square district of 10 km: 3 + 2 public devices, a bus station of 4, one of unknown type; one outside."""
    return [
        charger("a", CENTRE, n_devices=3, max_power_kw=120.0, n_connectors=8),
        charger("b", offset(CENTRE, 500, 0), n_devices=2, max_power_kw=7.0, lifecycle="managed", online=False),
        charger("c", offset(CENTRE, 900, 0), n_devices=4, station_type="bus", max_power_kw=60.0),
        charger("d", offset(CENTRE, 0, 900), station_type="unknown", online=None, n_connectors=None),
        charger("planned", offset(CENTRE, 0, 950), lifecycle="planned", n_devices=50, max_power_kw=120.0),
        charger("outside", offset(CENTRE, 9000, 0), n_devices=100, max_power_kw=120.0),
    ]
