"""Camera density (视频监控密度): the verdict is the mean of the scope; towns and the 1 km² window show the spread.

Counts and areas are summed before dividing; densities are never averaged. Cameras outside the scope do not count.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from twin.cells import cell_centres, cells_to_text, points_to_cells
from twin.coverage.camera_count import LAYER, Access, counted_cameras
from twin.coverage.counting import NoData, count_in_cells, meets, scope_cells
from twin.coverage.gaps import GAP_RESOLUTION, largest_first
from twin.coverage.result import AreaRow, CellTable, Evaluation, Explanation, Gap, Result, Scene, by_state
from twin.coverage.scope import assign_to_areas, clip, points_inside, project_cells
from twin.coverage.service import area_inside, discs
from twin.errors import BadParameter
from twin.frames import ecef, geodesic_area_km2
from twin.model import BUILT, LayerTable, Lifecycle, LngLat

LARGEST_WINDOW_KM2 = 100.0
WINDOW_RESOLUTION = 9
"""The hexes whose windows give the share and the gaps of a result."""


@dataclass(frozen=True, slots=True)
class CameraDensityParameters:
    """``spatial_unit`` chooses what the hexes show; ``window_km2`` is the moving window's area, ``min_window_km2`` the
    least part of it inside the scope that still gives a value."""

    access: tuple[Access, ...] = ("own", "relayed")
    states: tuple[Lifecycle, ...] = BUILT
    spatial_unit: Literal["window", "cell", "town"] = "window"
    window_km2: float = 1.0
    min_window_km2: float = 0.25

    def __post_init__(self) -> None:
        if not self.min_window_km2 <= self.window_km2 <= LARGEST_WINDOW_KM2:
            raise BadParameter(
                f"窗口面积应不小于 min_window_km2，不超过 {LARGEST_WINDOW_KM2:g} km²，收到 {self.window_km2:g}",
                f"window_km2 must be at least min_window_km2 and at most {LARGEST_WINDOW_KM2:g}, got {self.window_km2:g}",
            )

    @property
    def window_radius_m(self) -> float:
        return math.sqrt(self.window_km2 * 1e6 / math.pi)


def missing(target_per_km2: float, area_km2: float, n: int) -> int:
    """Cameras an area lacks: max(0, ⌈target · area⌉ - n)."""
    return max(0, math.ceil(target_per_km2 * area_km2 - 1e-9) - n)


def evaluate(scene: Scene, parameters: CameraDensityParameters) -> Evaluation:
    table = scene.table(LAYER)
    return NoData(scene, parameters, (LAYER,)) if table is None else CameraDensity(scene, parameters, table)


class CameraDensity(Evaluation):
    """The rule on data."""

    def __init__(self, scene: Scene, parameters: CameraDensityParameters, table: LayerTable) -> None:
        self.scene, self.scope, self.parameters, self.table = scene, scene.scope, parameters, table
        self.target = float(scene.clause.value or 0.0)
        self.inside = self.scope.contains(table.lnglat)
        self.counts = counted_cameras(table, parameters.access, parameters.states)
        self.counted = self.counts & self.inside
        self.n_devices = table.frame["n_devices"].to_numpy()
        self.windows = lru_cache(maxsize=8)(self._windows)
        self.result = self._result()

    def _result(self) -> Result:
        online, area_km2 = self.table.frame["online"], self.scope.area_km2
        n = int(self.n_devices[self.counted].sum())
        windows = self.windows(WINDOW_RESOLUTION)
        judged = ~np.isnan(windows.value)
        passing = judged & (windows.value >= self.target)
        with_value = windows.area_km2[judged].sum()
        share = float(windows.area_km2[passing].sum() / with_value) if with_value > 0 else None
        return Result(
            value=n / area_km2, met=meets(self.scene.clause, n / area_km2), share=share, denominator="area", status=self.scene.status,
            nominal=n / area_km2,
            **self.scene.online(
                lambda: float(self.n_devices[self.counted & online.fillna(False).to_numpy(bool)].sum() / area_km2),
                lambda: int(self.n_devices[self.counted & online.isna().to_numpy()].sum()),
            ),
            by_state=by_state(self.table, self.inside), parameters=self.parameters, facts=self._facts(n, share),
            **self.scene.provenance((LAYER,)),
        )  # fmt: skip

    def _facts(self, n: int, share: float | None) -> dict[str, Any]:
        towns = [r for r in self.area_rows("town") if r.met is not None]
        unlocated = self.counts & np.isnan(self.table.lnglat[:, 0])
        return {
            "n": n,
            "n_towns": len(towns),
            "n_towns_met": sum(bool(r.met) for r in towns),
            "window_share": share,
            "window_km2": self.parameters.window_km2,
            "n_missing_net": missing(self.target, self.scope.area_km2, n),
            "n_missing_gross": sum(int(r.shortfall or 0) for r in towns),
            "n_unlocated": int(self.n_devices[unlocated].sum()),
        }

    def area_rows(self, level: str) -> list[AreaRow]:
        areas = [a for a in self.scene.snapshot.areas_at(level) if a.geometry.intersects(self.scope.area.geometry)]
        owner = assign_to_areas(areas, self.table.lnglat[self.counted])
        counts = np.bincount(owner + 1, self.n_devices[self.counted], len(areas) + 1)[1:]
        rows = []
        for area, n in zip(areas, counts.astype(int).tolist(), strict=True):
            km2 = geodesic_area_km2(shapely.intersection(area.geometry, self.scope.area.geometry))
            if km2 < 1e-6:
                continue
            value = n / km2
            met, lacking = value >= self.target, missing(self.target, km2, n)
            rows.append(AreaRow.of(area, value, area_km2=km2, target=self.target, met=met, shortfall=lacking))
        return rows

    def cells(self, resolution: int) -> CellTable:
        if self.parameters.spatial_unit == "window":
            return self.windows(resolution)
        cells, area_km2 = scope_cells(self.scope, resolution)
        n = count_in_cells(self.table, self.counted, cells, resolution)
        value = n / area_km2
        if self.parameters.spatial_unit == "town":
            value = self._town_value(cell_centres(cells))
        return self._table(resolution, cells, value, area_km2, n)

    def _town_value(self, centres: LngLat) -> NDArray[np.float64]:
        rows = self.area_rows("town")
        areas = [self.scene.snapshot.areas[r.code] for r in rows]
        value = np.array([*(r.value for r in rows), np.nan], float)
        return value[assign_to_areas(areas, centres)]

    def _table(
        self, resolution: int, cells: NDArray[np.uint64], value: NDArray[np.float64], km2: NDArray[np.float64],
        n: NDArray[np.int64],
    ) -> CellTable:  # fmt: skip
        status = np.select([np.isnan(value), value >= self.target], ["no-value", "pass"], "fail").astype(object)
        return CellTable(resolution, cells, value, np.full(len(value), np.nan), status, km2, n)

    def _windows(self, resolution: int) -> CellTable:
        """The density of the window round every cell's centre, over its part inside the scope."""
        cells, cell_km2 = scope_cells(self.scope, resolution)
        centres = cell_centres(cells)
        n, window_km2 = self.window_at(centres)
        value = np.where(window_km2 >= self.parameters.min_window_km2, n / np.maximum(window_km2, 1e-9), np.nan)
        return self._table(resolution, cells, value, cell_km2, n)

    def window_at(self, centres: LngLat) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Counted cameras within the window's radius of each point (its edge included), and the km² inside the scope."""
        radius_m = self.parameters.window_radius_m
        n = np.zeros(len(centres), np.int64)
        places = np.repeat(self.table.lnglat[self.counted], self.n_devices[self.counted], axis=0)
        if len(places):
            n = cKDTree(ecef(places)).query_ball_point(ecef(centres), radius_m, return_length=True).astype(np.int64)
        xy = self.scope.frame.forward(centres)
        km2 = np.full(len(xy), self.parameters.window_km2)
        border = shapely.dwithin(self.scope.shape.boundary, shapely.points(xy), radius_m)
        km2[border] = shapely.area(clip(discs(xy[border], radius_m), self.scope.shape)) / 1e6
        outside = ~border & ~shapely.intersects_xy(self.scope.shape, xy[:, 0], xy[:, 1])
        km2[outside] = 0.0
        return n, km2

    def gaps(self, min_area_km2: float = 0.0) -> list[Gap]:
        """Merged hexes whose window fails; ``deepest_lnglat`` is the centre of the worst window."""
        windows = self.windows(WINDOW_RESOLUTION)
        failing = windows.value < self.target
        cells, values = windows.cells[failing], windows.value[failing]
        shapes = clip(project_cells(self.scope.frame, cells), self.scope.shape)
        parts = shapely.get_parts(shapely.union_all(shapes, grid_size=1e-3))
        part_index, cell_index = shapely.STRtree(shapes).query(parts, predicate="intersects")
        gaps = []
        for i, part in enumerate(parts):
            here = cell_index[part_index == i]
            if part.area > 0 and len(here):
                gaps.append(self._gap(part, cells[here], values[here]))
        return largest_first(gaps, min_area_km2)

    def _gap(self, shape: Any, cells: NDArray[np.uint64], values: NDArray[np.float64]) -> Gap:
        outline = self.scope.frame.unproject(shape)
        worst = cell_centres(cells[[int(np.argmin(values))]])
        inside = points_inside(outline, self.table.lnglat[self.counted])
        km2 = float(shape.area) / 1e6
        towns = self.scene.snapshot.areas_at("town")
        shares = [
            (t, area_inside(shapely.get_parts(self.scope.frame.project(t.geometry)), np.array([shape])).sum())
            for t in towns
        ]
        return Gap(
            id=cells_to_text(points_to_cells(worst, GAP_RESOLUTION))[0], geometry=outline, area_km2=km2, zone="",
            limit_m=None, deepest_lnglat=(float(worst[0, 0]), float(worst[0, 1])), nearest=None, nearest_distance_m=None,
            missing_m=None, n_missing=missing(self.target, km2, int(self.n_devices[self.counted][inside].sum())),
            demand=None,
            areas=tuple((t.code, t.name, float(m2) / 1e6) for t, m2 in sorted(shares, key=lambda s: -s[1]) if m2 > 1.0),
        )  # fmt: skip

    def explain(self, lng: float, lat: float, n_nearest: int = 3) -> Explanation:
        """The window round the point: how many cameras, over how many km², against the target."""
        point = np.array([[lng, lat]])
        n, km2 = self.window_at(point)
        enough = km2[0] >= self.parameters.min_window_km2
        value = float(n[0] / km2[0]) if enough else None
        return Explanation(
            None if value is None else value >= self.target, self.scope.holds(lng, lat), None,
            self.parameters.window_radius_m, (), value, int(n[0]), float(km2[0]),
        )  # fmt: skip
