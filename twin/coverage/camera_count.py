"""Number of cameras (视频监控总数). Unlinked ones (待复接) do not count: they are the first remedy for a gap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from twin.coverage.counting import Count, NoData
from twin.coverage.result import Evaluation, Scene
from twin.model import BUILT, LayerTable, Lifecycle

LAYER = "cameras"
Access = Literal["own", "relayed", "unlinked"]


@dataclass(frozen=True, slots=True)
class CameraCountParameters:
    access: tuple[Access, ...] = ("own", "relayed")
    states: tuple[Lifecycle, ...] = BUILT


def counted_cameras(table: LayerTable, access: tuple[Access, ...], states: tuple[Lifecycle, ...]) -> NDArray[np.bool_]:
    """Which cameras count, wherever they are."""
    return (table.frame["access"].isin(access) & table.frame["lifecycle"].isin(states)).to_numpy(bool)


def evaluate(scene: Scene, parameters: CameraCountParameters) -> Evaluation:
    table = scene.table(LAYER)
    if table is None:
        return NoData(scene, parameters, (LAYER,))
    built = table.frame["lifecycle"].isin(parameters.states).to_numpy(bool) & scene.scope.contains(table.lnglat)
    n = table.frame["n_devices"].to_numpy()
    facts = {
        f"n_{a}": int(n[built & (table.frame["access"] == a).to_numpy()].sum()) for a in ("own", "relayed", "unlinked")
    }
    return Count(scene, table, counted_cameras(table, parameters.access, parameters.states), parameters, facts)
