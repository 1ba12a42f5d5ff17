"""Density of a point layer over a scope: the verdict is the mean; areas and the moving window show the spread.

Counts and areas are summed before dividing; densities are never averaged. Numerator and denominator are of the same ground:
what stands outside the scope, or in a place that is left out of it (a camera on a bridge, where the water is left out), does
not count. Every value comes with the km² it was divided by. Knows no particular layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

from twin.cells import points_to_cells
from twin.coverage.density_gaps import FailingWindows, Places, density_gaps, missing
from twin.coverage.exclusions import excluded_km2, polygon_layers, water_km2, without
from twin.coverage.gaps import largest_first
from twin.coverage.ground import areas_in, digests, discs_km2, ground_of, owners_of_cells, radius_of, windows_km2
from twin.coverage.result import (
    AreaRow,
    CellTable,
    Evaluation,
    Explanation,
    Gap,
    Headline,
    Nearby,
    Result,
    Scene,
    by_state,
)
from twin.coverage.scope import assign_to_areas, groups_of
from twin.coverage.why_here import nearby, row_of
from twin.errors import BadParameter, Words
from twin.frames import geodesic_distance_m
from twin.model import Area, LayerTable

LARGEST_WINDOW_KM2 = 100.0
WINDOW_RESOLUTION = 9
"""The hexes whose windows give the share and the gaps of a result."""
SMALL_NUMBERS = Words("六边形单元原始值，样本小，仅供浏览", "raw hexes, small numbers, for browsing only")
BEYOND = 0.025
"""Each tail of a 95 % interval."""

Mask = NDArray[np.bool_]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class DensityParameters:
    """``spatial_unit`` chooses what the hexes show; ``window_km2`` is the moving window's area, ``min_window_km2`` the
    least part of it inside the scope that still gives a value. ``exclude`` names polygon layers or areas to leave out."""

    spatial_unit: Literal["window", "cell", "town"] = "window"
    window_km2: float = 1.0
    min_window_km2: float = 0.25
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.min_window_km2 <= self.window_km2 <= LARGEST_WINDOW_KM2:
            raise BadParameter(
                f"窗口面积应不小于 min_window_km2，不超过 {LARGEST_WINDOW_KM2:g} km²，收到 {self.window_km2:g}",
                f"window_km2 must be at least min_window_km2 and at most {LARGEST_WINDOW_KM2:g}, got {self.window_km2:g}",
            )

    @property
    def window_radius_m(self) -> float:
        return radius_of(self.window_km2)


@dataclass(frozen=True)
class Inventory:
    """What of a layer counts, wherever it is. Masks are (n,), aligned with the table.

    ``repeated`` are among ``counts``, but may be the same thing as another of them. ``unsure`` maps a cause to records that do
    not count, but would if more were known of them. ``unlinked`` do not count, but would once linked: the first remedy.
    """

    table: LayerTable
    counts: Mask
    repeated: Mask
    unsure: Mapping[str, Mask]
    unlinked: Mask
    unlinked_reason: Words


def poisson_interval(n: Counts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The exact (Garwood) 95 % interval of a Poisson mean of which n were seen: half the chi-square quantiles of 2 n and
    2 n + 2 degrees of freedom. (n,) each."""
    seen, which = np.unique(n, return_inverse=True)
    low = np.where(seen > 0, gammaincinv(np.maximum(seen, 1), BEYOND), 0.0)
    return low[which], gammaincinv(seen + 1.0, 1 - BEYOND)[which]


class Density(Evaluation):
    """The rule on data. ``value_low`` counts only what surely counts, ``value_high`` all that might; where the target lies
    between them there is no verdict (无法判定)."""

    def __init__(self, scene: Scene, inventory: Inventory, parameters: DensityParameters) -> None:
        self.scene, self.inventory, self.parameters, self.table = scene, inventory, parameters, inventory.table
        self.scope = without(scene.scope, scene.snapshot, parameters.exclude)
        self.has_target, self.target = scene.clause.value is not None, float(scene.clause.value or 0.0)
        self.lnglat = self.table.lnglat
        self.inside, self.xy = self._placed()
        self.counted = inventory.counts & self.inside
        self.unlinked = inventory.unlinked & self.inside
        self.n_devices = self.table.frame["n_devices"].to_numpy()

    def _placed(self) -> tuple[Mask, NDArray[np.float64]]:
        """Which records lie in the scope, and where in its frame (NaN outside); kept, but for a scope drawn by hand."""

        def make() -> tuple[Mask, NDArray[np.float64]]:
            inside, xy = self.scope.contains(self.lnglat), np.full(self.lnglat.shape, np.nan)
            xy[inside] = self.scope.frame.forward(self.lnglat[inside])
            return inside, xy

        area = self.scope.area
        return self.table.keep(("placed", area.digest), make) if area.code else make()

    def devices(self, chosen: Mask) -> int:
        """How many devices the chosen records are."""
        return int(self.n_devices[chosen].sum())

    @cached_property
    def doubtful(self) -> dict[str, int]:
        """Devices by cause of doubt. What has no place is in doubt for the area that the clause binds, whose inventory it
        is; of no other area can anybody say that it might be there."""
        unlocated = np.isnan(self.lnglat[:, 0]) & (self.scene.whole.area.code == self.scene.clause.scope)
        return {
            "unlocated": self.devices(self.inventory.counts & unlocated),
            "duplicate": self.devices(self.inventory.repeated & self.inside),
            **{cause: self.devices(mask & (self.inside | unlocated)) for cause, mask in self.inventory.unsure.items()},
        }

    def verdict(self, value: float, low: float, high: float) -> bool | None:
        """Whether the target is met; None where the doubtful records decide it."""
        is_met_by = self.scene.clause.is_met_by
        return is_met_by(value) if is_met_by(low) == is_met_by(high) else None

    def under_position_error(self, error_m: float) -> tuple[float, float] | None:
        """What counts and lies within the error of the border may lie on its other side."""
        near = self.inventory.counts & self.scope.near_border(self.lnglat, error_m)
        km2 = self.scope.area_km2
        return self.devices(self.counted & ~near) / km2, self.devices(self.counted | near) / km2

    @cached_property
    def value_low_high(self) -> tuple[float, float, float]:
        """Of all that counts, of what surely counts, of all that might."""
        n, km2, repeated = self.devices(self.counted), self.scope.area_km2, self.doubtful["duplicate"]
        return n / km2, (n - repeated) / km2, (n - repeated + sum(self.doubtful.values())) / km2

    @property
    def met(self) -> bool | None:
        return self.verdict(*self.value_low_high)

    def headline(self) -> Headline:
        value = self.value_low_high[0]
        if not self.scene.snapshot.is_present:
            return Headline(value, self.met, None, None, None)
        online = self.table.frame["online"]
        low, high = (
            self.devices(self.counted & online.fillna(unknown).to_numpy(bool)) / self.scope.area_km2
            for unknown in (False, True)
        )
        met = self.scene.clause.is_met_by(low)
        return Headline(value, self.met, low, met if met == self.scene.clause.is_met_by(high) else None, high)

    @cached_property
    def result(self) -> Result:  # type: ignore[override]
        online, km2, n = self.table.frame["online"], self.scope.area_km2, self.devices(self.counted)
        _, low, high = self.value_low_high
        met = self.met
        facts: dict[str, Any] = {"value_low": low, "value_high": high, "n_doubtful": self.doubtful}
        facts |= {"undecided": met is None and self.has_target, **self._facts(n)}
        return Result(
            value=n / km2, met=met, share=facts["window_share"], denominator="area", status=self.scene.status, nominal=n / km2,
            **self.scene.by_online(
                self.table, lambda rows: self.devices(self.counted & rows) / km2, lambda: self.devices(self.counted & online.isna().to_numpy()),
            ),
            by_state=by_state(self.table, self.inside), parameters=self.parameters, facts=facts,
            **self._provenance(),
        )  # fmt: skip

    def _provenance(self) -> dict[str, Any]:
        """What is left out decides too: its sources are named."""
        names, layers = self.parameters.exclude, polygon_layers(self.scene.snapshot)
        places = tuple(n for n in names if n in layers), tuple(n for n in names if n not in layers)
        return self.scene.provenance((self.table.layer, *places[0]), places[1])

    def _facts(self, n: int) -> dict[str, Any]:
        towns, n_unlinked = self.area_rows("town"), self.devices(self.unlinked)
        whole, snapshot = self.scene.scope, self.scene.snapshot
        return {
            "n": n,
            "n_towns": len(towns),
            "n_towns_met": sum(r.met is True for r in towns),
            "n_towns_undecided": sum(r.met is None for r in towns) if self.has_target else 0,
            "window_share": self._window_share(),
            "window_km2": self.parameters.window_km2,
            "judged_km2": self.scope.area_km2,
            "excluded_km2": excluded_km2(whole, snapshot, self.parameters.exclude),
            "water_km2": water_km2(whole, snapshot),
            "n_excluded": self._n_excluded(),
            "n_missing_net": missing(self.target, self.scope.area_km2, n),
            "n_missing_gross": sum(int(r.shortfall or 0) for r in towns),
            "n_unlinked": n_unlinked,
            "n_missing_after_unlinked": missing(self.target, self.scope.area_km2, n + n_unlinked),
            "n_unlocated": self.devices(self.inventory.counts & np.isnan(self.lnglat[:, 0])),
        }

    def _n_excluded(self) -> int:
        """Devices that would count, were the ground they stand on not left out."""
        if not self.parameters.exclude:
            return 0
        return self.devices(self.inventory.counts & self.scene.scope.contains(self.lnglat) & ~self.inside)

    def _window_share(self) -> float | None:
        windows = self.windows
        judged = ~np.isnan(windows.value)
        km2 = windows.area_km2[judged].sum()
        if km2 == 0 or not self.has_target:
            return None
        return float(windows.area_km2[judged & (windows.value >= self.target)].sum() / km2)

    def _sums(self, owner: NDArray[np.int64], n_areas: int, chosen: Mask) -> Counts:
        """Devices of the chosen records by area; ``owner`` is each record's area, -1 for none."""
        return np.bincount(owner[chosen] + 1, self.n_devices[chosen], n_areas + 1)[1:].astype(np.int64)

    def _owners(self, areas: tuple[Area, ...]) -> NDArray[np.int64]:
        return self.table.keep(("areas", digests(areas)), lambda: assign_to_areas(list(areas), self.lnglat))

    def area_rows(self, level: str) -> list[AreaRow]:
        groups = groups_of(self.scope, self.scene.snapshot.areas_at(level))
        return sorted((row for group in groups for row in self._rows_of(group)), key=lambda row: row.code)

    def _rows_of(self, areas: tuple[Area, ...]) -> list[AreaRow]:
        km2, judged = areas_in(self.scope, areas)
        owner = self._owners(areas)
        unsure = np.logical_or.reduce([np.zeros(len(owner), bool), *self.inventory.unsure.values()])
        masks = (self.inventory.counts, self.inventory.repeated, unsure, self.inventory.unlinked)
        sums = np.column_stack([self._sums(owner, len(areas), mask & self.inside) for mask in masks])
        return [self._row(areas[i], float(km2[i]), *sums[i].tolist()) for i in np.flatnonzero(judged)]

    def _row(self, area: Area, km2: float, n: int, repeated: int, unsure: int, unlinked: int) -> AreaRow:
        value, low, high = n / km2, (n - repeated) / km2, (n + unsure) / km2
        return AreaRow.of(
            area, value, area_km2=km2, target=self.scene.clause.value, met=self.verdict(value, low, high),
            shortfall=missing(self.target, km2, n), value_low=low, value_high=high, n_unlinked=unlinked,
            n_missing_after_unlinked=missing(self.target, km2, n + unlinked),
        )  # fmt: skip

    def cells(self, resolution: int) -> CellTable:
        """The hexes in the unit that was asked for: ``value`` is ``n / window_km2`` in each."""
        if self.parameters.spatial_unit == "window":
            return self.windows if resolution == WINDOW_RESOLUTION else self._windows(resolution)
        return self._raw(resolution) if self.parameters.spatial_unit == "cell" else self._towns(resolution)

    @cached_property
    def windows(self) -> CellTable:
        return self._windows(WINDOW_RESOLUTION)

    def _windows(self, resolution: int) -> CellTable:
        ground = ground_of(self.scope, resolution)
        km2 = windows_km2(self.scope, resolution, self.parameters.window_km2)
        return self._table(resolution, self._count_round(ground.xy), km2, km2 >= self.parameters.min_window_km2)

    def _raw(self, resolution: int) -> CellTable:
        ground = ground_of(self.scope, resolution)
        own = self.table.keep(("cells", resolution), lambda: points_to_cells(self.lnglat, resolution))
        at = np.minimum(np.searchsorted(ground.cells, own), max(len(ground.cells) - 1, 0))
        known = self.counted & (ground.cells[at] == own) if len(ground.cells) else np.zeros(len(own), bool)
        n = self._sums(np.where(known, at, -1), len(ground.cells), known)
        low, high = poisson_interval(n)
        interval = {"low": low / ground.area_km2, "high": high / ground.area_km2, "note": SMALL_NUMBERS}
        return self._table(resolution, n, ground.area_km2, np.ones(len(n), bool), **interval)

    def _towns(self, resolution: int) -> CellTable:
        areas = tuple(self.scene.snapshot.areas_at("town"))
        km2, judged = areas_in(self.scope, areas)
        n = self._sums(self._owners(areas), len(areas), self.counted)
        town = owners_of_cells(self.scope, resolution, areas)
        return self._table(resolution, np.append(n, 0)[town], np.append(km2, 0.0)[town], np.append(judged, False)[town])

    def _table(self, resolution: int, n: Counts, km2: NDArray[np.float64], judged: Mask, **more: Any) -> CellTable:
        ground = ground_of(self.scope, resolution)
        value = np.divide(n, km2, out=np.full(len(n), np.nan), where=judged)
        status = np.select([np.isnan(value), value >= self.target], ["no-value", "pass"], "fail").astype(object)
        share = np.full(len(n), np.nan)
        return CellTable(resolution, ground.cells, value, share, status, ground.area_km2, n, km2, **more)

    def _count_round(self, xy: NDArray[np.float64]) -> Counts:
        """Counted devices in the window round each of (n, 2) points of the scope's frame, its edge included."""
        from twin.coverage.windows import count_within

        places = self.places
        return count_within(xy, places.xy, places.n_devices, self.parameters.window_radius_m)

    @cached_property
    def places(self) -> Places:
        return self._places(self.counted)

    def _places(self, chosen: Mask) -> Places:
        keys = self.table.frame["key"].to_numpy(object)
        return Places(self.xy[chosen], self.n_devices[chosen], keys[chosen])

    def gaps(self, min_area_km2: float = 0.0) -> list[Gap]:
        """Merged hexes whose window fails, the largest first."""
        return largest_first(self._gaps, min_area_km2)

    @cached_property
    def _gaps(self) -> list[Gap]:
        windows, xy = self.windows, ground_of(self.scope, WINDOW_RESOLUTION).xy
        fails = windows.value < self.target
        columns = (windows.cells, xy, windows.value, windows.window_km2, windows.n)
        failing = FailingWindows(*(np.asarray(column)[fails] for column in columns))
        towns = self.scene.snapshot.areas_at("town")
        return density_gaps(self.scope, towns, self.target, failing, self.places, self._places(self.unlinked))

    def explain(self, lng: float, lat: float, n_nearest: int = 3) -> Explanation:
        """The window round the point: how many, over how many km², against the target; and what is nearest of what would
        count once linked."""
        xy = self.scope.frame.forward(np.array([[lng, lat]]))
        n, km2 = int(self._count_round(xy)[0]), float(discs_km2(self.scope, xy, self.parameters.window_km2)[0])
        value = n / km2 if km2 >= self.parameters.min_window_km2 else None
        return Explanation(
            None if value is None else value >= self.target, self.scope.holds(lng, lat), None,
            self.parameters.window_radius_m, self._nearest_unlinked(lng, lat, n_nearest), value, n, km2,
        )  # fmt: skip

    def _nearest_unlinked(self, lng: float, lat: float, n_nearest: int) -> tuple[Nearby, ...]:
        rows, point = np.flatnonzero(self.unlinked), np.array([[lng, lat]])
        away = geodesic_distance_m(point, self.lnglat[rows])
        near = np.argsort(away, kind="stable")[:n_nearest]
        reason = self.inventory.unlinked_reason
        return tuple(nearby(row_of(self.table, int(rows[i])), (lng, lat), float(away[i]), False, reason) for i in near)
