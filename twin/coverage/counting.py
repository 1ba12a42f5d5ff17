"""What count rules share: devices of a layer inside the area, against a number."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from twin.cells import points_to_cells
from twin.coverage.result import AreaRow, CellTable, Evaluation, Result, Scene, by_state
from twin.coverage.scope import Scope, clip, project_cells, sums_by_area
from twin.frames import geodesic_area_km2
from twin.model import LayerTable


class NoData(Evaluation):
    """A clause whose layers hold nothing: said so, never left out."""

    def __init__(self, scene: Scene, parameters: Any, layers: tuple[str, ...]) -> None:
        self.result = Result(
            value=None, met=None, share=None, denominator=None, status="no-data", parameters=parameters,
            missing_layers=layers, **scene.provenance(()),
        )  # fmt: skip

    def area_rows(self, level: str) -> list[AreaRow]:
        return []

    def cells(self, resolution: int) -> CellTable:
        empty = np.empty(0)
        return CellTable(resolution, np.empty(0, np.uint64), empty, empty, np.empty(0, object), empty)


class Count(Evaluation):
    """The number of devices of the counted rows inside the area (``n_devices`` sums)."""

    def __init__(
        self, scene: Scene, table: LayerTable, counts: NDArray[np.bool_], parameters: Any, facts: dict[str, Any]
    ) -> None:
        self.scene, self.scope, self.table, self.counts = scene, scene.scope, table, counts
        self.inside = self.scope.contains(table.lnglat)
        self.counted = counts & self.inside
        online = table.frame["online"]
        n = self._sum(self.counted)
        self.result = Result(
            value=n, met=scene.clause.is_met_by(n), share=None, denominator=None, status=scene.status, nominal=n,
            **scene.by_online(
                table, lambda rows: self._sum(self.counted & rows),
                lambda: self._sum(self.counted & online.isna().to_numpy()),
            ),
            by_state=by_state(table, self.inside), parameters=parameters,
            facts={**facts, "n_unlocated": self._sum(counts & np.isnan(table.lnglat[:, 0]))},
            **scene.provenance((table.layer,)),
        )  # fmt: skip

    def _sum(self, chosen: NDArray[np.bool_]) -> int:
        return int(self.table.frame["n_devices"].to_numpy()[chosen].sum())

    def under_position_error(self, error_m: float) -> tuple[float, float] | None:
        """Assets within the error of the border may lie on its other side."""
        near = self.counts & self.scope.near_border(self.table.lnglat, error_m)
        return self._sum(self.counted & ~near), self._sum(self.counted | near)

    def area_rows(self, level: str) -> list[AreaRow]:
        own = self.scope.area.geometry
        areas = [a for a in self.scene.snapshot.areas_at(level) if a.geometry.intersects(own)]
        devices = self.table.frame["n_devices"].to_numpy()[self.counted]
        n = sums_by_area(self.scope, areas, self.table.lnglat[self.counted], devices)
        return [
            AreaRow.of(area, int(n[area.code]), area_km2=geodesic_area_km2(area.geometry.intersection(own)))
            for area in areas
        ]

    def cells(self, resolution: int) -> CellTable:
        cells, area_km2 = scope_cells(self.scope, resolution)
        n = count_in_cells(self.table, self.counted, cells, resolution)
        status = np.where(n > 0, "some", "none").astype(object)
        return CellTable(resolution, cells, n.astype(float), np.full(len(n), np.nan), status, area_km2, n)


def scope_cells(scope: Scope, resolution: int) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
    """The cells of a scope and the km² of each that lie inside it; kept with the scope, not to be written to."""

    def make() -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
        cells = scope.cells(resolution)
        area_km2 = shapely.area(clip(project_cells(scope.frame, cells), scope.shape)) / 1e6
        return cells[area_km2 > 0], area_km2[area_km2 > 0]

    return scope.kept(("cells", resolution), make)


def count_in_cells(
    table: LayerTable, chosen: NDArray[np.bool_], cells: NDArray[np.uint64], resolution: int
) -> NDArray[np.int64]:
    """Devices of the chosen rows in each of the (sorted) cells, by direct index."""
    own = points_to_cells(table.lnglat[chosen], resolution)
    index = np.minimum(np.searchsorted(cells, own), max(len(cells) - 1, 0))
    known = cells[index] == own if len(cells) else np.zeros(len(own), bool)
    weights = table.frame["n_devices"].to_numpy()[chosen]
    return np.bincount(index[known], weights[known], len(cells)).astype(np.int64)
