"""What service rules share: zones with a radius, counted servers, shares by area or population, gaps, hexes, reasons."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from twin.coverage.gaps import largest_first, service_gaps
from twin.coverage.result import AreaRow, CellTable, Evaluation, Explanation, Gap, Nearby, Scene
from twin.coverage.scope import assign_to_areas, clip, points_inside, project_cells
from twin.coverage.service import XY, area_inside, nearest_distance_m, open_region
from twin.errors import RuleUnready, Words
from twin.frames import bearing_deg, geodesic_distance_m
from twin.model import Area, DemandGrid, Geometries, LayerTable, LngLat

POPULATION = "population"
FULLY_OPEN, PARTLY, FULLY_SERVED = "none", "part", "all"
NEGLIGIBLE_SHARE = 1e-9
NEGLIGIBLE_OPEN_M2 = 100.0
"""Full coverage is met below 0.0001 km² open."""


@dataclass(frozen=True)
class ServiceZone:
    """A part of the scope with its own radius. ``shape`` is metric; ``boundary`` (EPSG:4326) None means elsewhere."""

    name: str
    radius_m: float
    shape: BaseGeometry
    boundary: BaseGeometry | None


@dataclass(frozen=True)
class Servers:
    """A layer's assets, which of them count, and why the others do not."""

    table: LayerTable
    counts: NDArray[np.bool_]
    reason: Callable[[Mapping[str, Any]], Words]

    @cached_property
    def counted(self) -> LayerTable:
        return LayerTable(self.table.layer, self.table.frame[self.counts])


def share_of(part: float, whole: float) -> float:
    """``part / whole``, free of the last digit's noise at 0 and 1."""
    share = part / whole
    return float(np.round(share)) if abs(share - np.round(share)) < NEGLIGIBLE_SHARE else float(share)


class ServiceEvaluation(Evaluation):
    """Demand is served within the radius of its zone (or of the server's, where ``radius_of_server``)."""

    layer: str

    def __init__(self, scene: Scene, servers: Servers, denominator: Literal["area", "population"]) -> None:
        self.scene, self.scope, self.servers, self.denominator = scene, scene.scope, servers, denominator
        self.grid: DemandGrid | None = scene.snapshot.grids.get(POPULATION)
        if denominator == POPULATION and self.grid is None:
            raise RuleUnready(
                "未加载人口栅格，无法按人口计算", "no population raster is loaded: the share by population needs it"
            )

    @abstractmethod
    def make_zones(self) -> list[ServiceZone]: ...

    @property
    def radius_of_server(self) -> bool:
        return False

    @cached_property
    def zones(self) -> list[ServiceZone]:
        return self.make_zones()

    def zone_of(self, lnglat: LngLat) -> NDArray[np.int64]:
        """The index of each point's zone; a zone's border belongs to it."""
        index = np.full(len(lnglat), len(self.zones) - 1, np.int64)
        for i, zone in reversed(list(enumerate(self.zones))):
            if zone.boundary is not None:
                index[points_inside(zone.boundary, lnglat)] = i
        return index

    @cached_property
    def server_xy(self) -> XY:
        return self.scope.frame.forward(self.servers.counted.lnglat)

    @cached_property
    def server_groups(self) -> list[tuple[float, NDArray[np.bool_]]]:
        """For the reading by the server's zone: each radius and the servers that have it."""
        zone = self.zone_of(self.servers.counted.lnglat)
        return [(z.radius_m, zone == i) for i, z in enumerate(self.zones)]

    @cached_property
    def open_regions(self) -> list[BaseGeometry]:
        """What is open in each zone, in the metric frame."""
        if not self.radius_of_server:
            return [open_region(z.shape, self.server_xy, z.radius_m) for z in self.zones]
        regions = []
        for zone in self.zones:
            region = zone.shape
            for radius_m, members in self.server_groups:
                region = open_region(region, self.server_xy[members], radius_m)
            regions.append(region)
        return regions

    @cached_property
    def open_parts(self) -> Geometries:
        """All open polygons, of every zone."""
        parts = [shapely.get_parts(r) for r in self.open_regions]
        return np.concatenate(parts) if parts else np.empty(0, object)

    @cached_property
    def open_km2(self) -> float:
        return float(sum(r.area for r in self.open_regions)) / 1e6

    @property
    def met(self) -> bool:
        return self.open_km2 * 1e6 < NEGLIGIBLE_OPEN_M2

    @cached_property
    def area_share(self) -> float:
        return share_of(self.scope.shape.area - self.open_km2 * 1e6, self.scope.shape.area)

    @cached_property
    def zone_shares(self) -> list[float | None]:
        return [
            share_of(z.shape.area - r.area, z.shape.area) if z.shape.area > 0 else None
            for z, r in zip(self.zones, self.open_regions, strict=True)
        ]

    @cached_property
    def demand_points(self) -> tuple[LngLat, NDArray[np.float64], NDArray[np.bool_]] | None:
        """Pixel centres inside the scope, the people there, and whether they are served."""
        if self.grid is None:
            return None
        inside = self.scope.contains(self.grid.lnglat)
        lnglat = self.grid.lnglat[inside]
        return lnglat, self.grid.values[inside], self.is_served(lnglat)

    def is_served(self, lnglat: LngLat) -> NDArray[np.bool_]:
        """Whether each point lies within its limit of a counted server; exactly at the radius is served."""
        assets = self.servers.counted.lnglat
        if self.radius_of_server:
            served = np.zeros(len(lnglat), bool)
            for radius_m, members in self.server_groups:
                served |= nearest_distance_m(lnglat, assets[members]) <= radius_m
            return served
        limit = np.array([z.radius_m for z in self.zones])[self.zone_of(lnglat)]
        return nearest_distance_m(lnglat, assets) <= limit

    @cached_property
    def population_share(self) -> float | None:
        if self.demand_points is None:
            return None
        _, people, served = self.demand_points
        return float(people[served].sum() / people.sum()) if people.sum() > 0 else None

    def n_unknown(self) -> int:
        """Counted devices that could serve the scope and of which nobody knows whether they are online."""
        reach_m = max(zone.radius_m for zone in self.zones)
        near = shapely.dwithin(self.scope.shape, shapely.points(self.server_xy), reach_m)
        frame = self.servers.counted.frame[near]
        return int(frame.loc[frame["online"].isna(), "n_devices"].sum())

    @property
    def share(self) -> float:
        if self.denominator == POPULATION:
            return self.population_share or 0.0
        return self.area_share

    def area_rows(self, level: str) -> list[AreaRow]:
        areas = self.scene.snapshot.areas_at(level)
        shapes = [shapely.intersection(self.scope.frame.project(a.geometry), self.scope.shape) for a in areas]
        people = self._people_by_area(areas)
        rows = []
        for i, (area, shape) in enumerate(zip(areas, shapes, strict=True)):
            if shape.area < 1.0:
                continue
            open_m2 = float(area_inside(shapely.get_parts(shape), self.open_parts).sum())
            share: float | None = share_of(shape.area - open_m2, shape.area)
            if people is not None:
                share = people[i]
            met, km2 = open_m2 < NEGLIGIBLE_OPEN_M2, float(shape.area) / 1e6
            rows.append(
                AreaRow.of(area, share, area_km2=km2, target=1.0, met=met, share=share, shortfall=open_m2 / 1e6)
            )
        return rows

    def _people_by_area(self, areas: list[Area]) -> list[float | None] | None:
        if self.denominator != POPULATION or self.demand_points is None:
            return None
        lnglat, people, served = self.demand_points
        owner = assign_to_areas(areas, lnglat)
        total = np.bincount(owner + 1, people, len(areas) + 1)[1:]
        reached = np.bincount(owner + 1, people * served, len(areas) + 1)[1:]
        return [float(r / t) if t > 0 else None for r, t in zip(reached, total, strict=True)]

    def gaps(self, min_area_km2: float = 0.0) -> list[Gap]:
        return largest_first(self._all_gaps, min_area_km2)

    @cached_property
    def _all_gaps(self) -> list[Gap]:
        towns = self.scene.snapshot.areas_at("town")
        return [
            gap
            for zone, region in zip(self.zones, self.open_regions, strict=True)
            for gap in service_gaps(
                self.scope, zone.name, zone.radius_m, region, self.servers.counted, self.server_xy, towns, self.grid
            )
        ]

    def cells(self, resolution: int) -> CellTable:
        cells = self.scope.cells(resolution)
        polygons = clip(project_cells(self.scope.frame, cells), self.scope.shape)
        area_m2 = shapely.area(polygons)
        kept = area_m2 > 0
        cells, polygons, area_m2 = cells[kept], polygons[kept], area_m2[kept]
        share = 1.0 - area_inside(polygons, self.open_parts) / area_m2
        share[share < NEGLIGIBLE_SHARE] = 0.0
        share[share > 1 - NEGLIGIBLE_SHARE] = 1.0
        status = np.select([share == 0.0, share == 1.0], [FULLY_OPEN, FULLY_SERVED], PARTLY).astype(object)
        return CellTable(resolution, cells, share, share, status, area_m2 / 1e6)

    def explain_service(self, lng: float, lat: float, n_nearest: int) -> Explanation:
        """The point's zone and limit, and the nearest assets with why each does or does not count.

        At least the nearest counted one is among them, however many uncounted ones lie nearer.
        """
        point = np.array([[lng, lat]])
        zone = self.zones[int(self.zone_of(point)[0])]
        table = self.servers.table
        located = np.flatnonzero(table.frame["lng"].notna().to_numpy())
        lnglat = table.lnglat[located]
        distance = geodesic_distance_m(np.repeat(point, len(lnglat), axis=0), lnglat)
        order = np.argsort(distance, kind="stable")
        chosen = list(order[:n_nearest])
        counting = [i for i in order if self.servers.counts[located[i]]][:1]
        chosen = sorted({*chosen, *counting}, key=lambda i: distance[i])
        near = [self._nearby(int(located[i]), point, float(distance[i])) for i in chosen]
        inside = self.scope.holds(lng, lat)
        return Explanation(bool(self.is_served(point)[0]), inside, zone.name, zone.radius_m, tuple(near))

    def _nearby(self, row_index: int, point: LngLat, distance_m: float) -> Nearby:
        row = self.servers.table.frame.iloc[row_index]
        there = np.array([[row["lng"], row["lat"]]], np.float64)
        return Nearby(
            str(row["key"]), str(row["name"]), (float(row["lng"]), float(row["lat"])), distance_m,
            float(bearing_deg(point, there)[0]), bool(self.servers.counts[row_index]), self.servers.reason({str(k): v for k, v in row.items()}),
        )  # fmt: skip
