"""Camera density (视频监控密度): which cameras count; how a density is judged is :mod:`twin.coverage.density`.

Where a record may be wrong: a camera without a place; the same camera from two sources; one whose access or lifecycle the
record leaves open. What the model cannot tell: an import gives a blank ``access`` its stated default (own) and a blank
``lifecycle`` operating, and only its report says how many; those count as what they were taken for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.coverage.camera_count import LAYER, Access, counted_cameras, repeated_cameras, unsure_cameras
from twin.coverage.counting import NoData
from twin.coverage.density import Density, DensityParameters, Inventory
from twin.coverage.readings import Alternatives, first
from twin.coverage.result import Evaluation, Scene
from twin.errors import Words
from twin.model import BUILT, LayerTable, Lifecycle

UNLINKED = Words("待复接，复接后可计入", "unlinked: would count once linked")


@dataclass(frozen=True, slots=True)
class CameraDensityParameters(DensityParameters):
    """``access`` and ``states`` are what counts."""

    access: tuple[Access, ...] = ("own", "relayed")
    states: tuple[Lifecycle, ...] = BUILT


def readings(scene: Scene, parameters: CameraDensityParameters) -> Alternatives:
    """Which access and which states count, and whether water is ground."""
    water = (("water",),) if scene.table("water") is not None else ()
    return {
        "access": first(parameters.access, ("own", "relayed"), ("own", "relayed", "unlinked")),
        "states": first(parameters.states, BUILT, ("operating",)),
        "exclude": first(parameters.exclude, (), *water),
    }


def evaluate(scene: Scene, parameters: CameraDensityParameters) -> Evaluation:
    table = scene.table(LAYER)
    if table is None:
        return NoData(scene, parameters, (LAYER,))
    return Density(scene, inventory_of(table, parameters), parameters)


def inventory_of(table: LayerTable, parameters: CameraDensityParameters) -> Inventory:
    """Which cameras count, which may, and which would once linked (待复接, in a state that counts)."""
    counts = counted_cameras(table, parameters.access, parameters.states)
    return Inventory(
        table,
        counts,
        repeated=repeated_cameras(table, counts),
        unsure=unsure_cameras(table, parameters.access, parameters.states),
        unlinked=counted_cameras(table, ("unlinked",), parameters.states) & np.logical_not(counts),
        unlinked_reason=UNLINKED,
    )
