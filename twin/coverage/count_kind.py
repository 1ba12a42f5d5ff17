"""Kind ``count``: how many devices of a layer lie in the area, against a number. For clauses that a planner adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from twin.coverage.counting import Count, NoData
from twin.coverage.result import Evaluation, Scene
from twin.coverage.selection import choose, selection_faults
from twin.errors import Fault
from twin.model import BUILT, Lifecycle


@dataclass(frozen=True, slots=True)
class CountParameters:
    """The assets of ``layer`` that meet ``where`` and are in one of the ``states``; ``n_devices`` sums."""

    layer: str
    where: Mapping[str, Any] = field(default_factory=dict)
    states: tuple[Lifecycle, ...] = BUILT

    @staticmethod
    def faults_among(values: Mapping[str, Any]) -> list[Fault]:
        return selection_faults(values, "where")


def evaluate(scene: Scene, parameters: CountParameters) -> Evaluation:
    """Count what the parameters choose. ``facts.n_undecided``: devices inside of which it is not known.

    Raises:
        RuleUnready: ``online`` is asked for at a time of which no online history is kept.
    """
    table = scene.table(parameters.layer)
    if table is None:
        return NoData(scene, parameters, (parameters.layer,))
    chosen = choose(scene, table, parameters.where, parameters.states)
    undecided = chosen.unknown & scene.scope.contains(table.lnglat)
    facts = {"n_undecided": int(table.frame["n_devices"].to_numpy()[undecided].sum())}
    return Count(scene, table, chosen.yes, parameters, facts)
