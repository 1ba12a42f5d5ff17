"""Kind ``density``: devices of a layer per km² of the area, as :mod:`twin.coverage.density` judges them. For clauses that a
planner adds. What makes two records of any layer the same thing is not known: none is taken to be repeated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from twin.coverage.counting import NoData
from twin.coverage.density import Density, DensityParameters, Inventory
from twin.coverage.result import Evaluation, Scene
from twin.coverage.selection import choose, selection_faults
from twin.errors import Fault, Words
from twin.model import BUILT, Lifecycle

UNDECIDED = "unknown_field"
NOTHING = Words("", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class DensityKindParameters(DensityParameters):
    """The assets of ``layer`` that meet ``where`` and are in one of the ``states``; ``n_devices`` sums."""

    layer: str
    where: Mapping[str, Any] = field(default_factory=dict)
    states: tuple[Lifecycle, ...] = BUILT

    @staticmethod
    def faults_among(values: Mapping[str, Any]) -> list[Fault]:
        return selection_faults(values, "where")


def evaluate(scene: Scene, parameters: DensityKindParameters) -> Evaluation:
    """The density of what the parameters choose; what they leave open may decide the verdict.

    Raises:
        BadParameter: ``exclude`` names what is not loaded, or leaves nothing to judge.
        RuleUnready: ``online`` is asked for at a time of which no online history is kept.
    """
    table = scene.table(parameters.layer)
    if table is None:
        return NoData(scene, parameters, (parameters.layer,))
    chosen = choose(scene, table, parameters.where, parameters.states)
    none = np.zeros(len(table), bool)
    return Density(scene, Inventory(table, chosen.yes, none, {UNDECIDED: chosen.unknown}, none, NOTHING), parameters)
