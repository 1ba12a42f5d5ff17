"""Lifecycle (规划建设管理运营): every asset has a recorded state. States that an import had to assume do not count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from twin.coverage.counting import NoData, scope_cells
from twin.coverage.result import AreaRow, CellTable, Evaluation, Result, Scene
from twin.coverage.scope import points_inside
from twin.frames import geodesic_area_km2
from twin.model import LIFECYCLES

Judged = Literal["cameras", "chargers", "radio_sites", "sensors"]
NEGLIGIBLE_KM2 = 1e-6
ASSUMED = "lifecycle_assumed"
"""Attribute of records whose source said no state."""


@dataclass(frozen=True, slots=True)
class LifecycleParameters:
    layers: tuple[Judged, ...] = get_args(Judged)


def evaluate(scene: Scene, parameters: LifecycleParameters) -> Evaluation:
    layers = tuple(name for name in parameters.layers if scene.table(name) is not None)
    if not layers:
        return NoData(scene, parameters, parameters.layers)
    return LifecycleShare(scene, parameters, layers)


class LifecycleShare(Evaluation):
    """The share of assets in the area whose state somebody recorded."""

    def __init__(self, scene: Scene, parameters: LifecycleParameters, layers: tuple[str, ...]) -> None:
        self.scene = scene
        states, recorded, places = [], [], []
        for name in layers:
            table = scene.snapshot.layers[name]
            inside = scene.scope.contains(table.lnglat)
            frame = table.frame[inside]
            assumed = frame.get(ASSUMED)
            states.append(frame["lifecycle"].astype(str).to_numpy())
            recorded.append(np.ones(len(frame), bool) if assumed is None else ~assumed.fillna(False).to_numpy(bool))
            places.append(table.lnglat[inside])
        self.recorded, self.lnglat = np.concatenate(recorded), np.concatenate(places)
        state = np.concatenate(states)
        share = float(self.recorded.mean()) if len(state) else None
        self.result = Result(
            value=share, met=scene.clause.is_met_by(share), share=share, denominator="assets",
            status=scene.status if len(state) else "no-data", nominal=share,
            by_state={s: int((state == s).sum()) for s in LIFECYCLES}, parameters=parameters,
            facts={"n_assets": len(state), "n_assumed": int((~self.recorded).sum())}, **scene.provenance(layers),
        )  # fmt: skip

    def area_rows(self, level: str) -> list[AreaRow]:
        rows, own = [], self.scene.scope.area.geometry
        for area in self.scene.snapshot.areas_at(level):
            inside = points_inside(area.geometry, self.lnglat)
            share = float(self.recorded[inside].mean()) if inside.any() else None
            met, lacking = None if share is None else share >= 1.0, float((~self.recorded[inside]).sum())
            km2 = geodesic_area_km2(area.geometry.intersection(own))
            if km2 < NEGLIGIBLE_KM2:
                continue
            rows.append(AreaRow.of(area, share, area_km2=km2, target=1.0, met=met, share=share, shortfall=lacking))
        return rows

    def cells(self, resolution: int) -> CellTable:
        cells, area_km2 = scope_cells(self.scene.scope, resolution)
        empty = np.full(len(cells), np.nan)
        return CellTable(resolution, cells, empty, empty, np.full(len(cells), "no-value", object), area_km2)
