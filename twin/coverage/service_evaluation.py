"""What service rules share: zones with a radius, counted servers, shares, gaps, hexes, reasons. All figures are exact."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable
from dataclasses import replace
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray

from twin.cells import cell_centres
from twin.coverage.demand import POPULATION, GroundDemand, PointDemand, demand_named
from twin.coverage.exclusions import excluded_km2, water_km2, without
from twin.coverage.gaps import NEGLIGIBLE_M2, ROUNDING_M, KnownGaps, apportion, largest_first, service_gaps
from twin.coverage.open_parts import OpenParts, finely_drawn
from twin.coverage.result import OUTSIDE, AreaRow, CellTable, Evaluation, Explanation, Gap, Headline, Nearby, Scene
from twin.coverage.scope import assign_to_areas, groups_of, polygonal
from twin.coverage.service import XY, nearest_distance_m, number_in_reach
from twin.coverage.service_rows import rows_of, shares_by_owner
from twin.coverage.service_zones import (
    FULLY_OPEN,
    FULLY_SERVED,
    NEGLIGIBLE_SHARE,
    PARTLY,
    Servers,
    ServiceZone,
    is_full,
    radii_of_servers,
    share_of,
    zone_of,
    zone_reason,
)
from twin.coverage.tessellation import Floats, Stations, Tessellation, changed_places, tessellate
from twin.coverage.why_here import nearby, row_of
from twin.frames import geodesic_distance_m
from twin.model import Area, Geometries, LngLat

WORKING_RESOLUTION = 9
"""Of the cells that divide the work; figures depend on it by less than 3e-7."""


class ServiceEvaluation(Evaluation):
    """Demand is served within the radius of its zone (or of the server's, where ``radius_of_server``) of ``at_least``
    counted servers. What ``exclude`` names is cut out of the scope. ``margin_m`` widens every radius, for the interval
    under an error of position."""

    layer: str

    def __init__(
        self, scene: Scene, servers: Servers, denominator: str, at_least: int = 1, exclude: tuple[str, ...] = (),
        margin_m: float = 0.0,
    ) -> None:  # fmt: skip
        self.scene, self.servers, self.exclude = scene, servers, exclude
        self.scope = without(scene.scope, scene.snapshot, exclude)
        self.denominator, self.at_least, self.margin_m = denominator, at_least, margin_m
        self.demand = demand_named(scene, denominator, self.scope)
        self._settled: dict[int, tuple[Tessellation, Floats]] = {}
        self._settled_before: tuple[dict[int, tuple[Tessellation, Floats]], Stations] | None = None
        self._known_gaps = KnownGaps()

    @abstractmethod
    def make_zones(self) -> list[ServiceZone]: ...

    @abstractmethod
    def variant(self, keep: NDArray[np.bool_] | None = None, margin_m: float = 0.0) -> ServiceEvaluation:
        """The same with only some of the assets counted, or with all radii wider by a margin."""

    @property
    def radius_of_server(self) -> bool:
        return False

    def headline(self) -> Headline:
        if not self.scene.snapshot.is_present:
            return Headline(self.share, self.met, None, None, None)
        online = self.servers.table.frame["online"]
        least, most = (self.variant(online.fillna(unknown).to_numpy(bool)) for unknown in (False, True))
        effective_met = least.met if least.met == most.met else None
        return Headline(self.share, self.met, least.share, effective_met, most.share)

    def under_position_error(self, error_m: float) -> tuple[float, float] | None:
        """With every station off by that much, no less is served than with radii so much shorter, no more than with
        radii so much longer."""
        low, high = self.variant(margin_m=-error_m).share, self.variant(margin_m=error_m).share
        return None if low is None or high is None else (low, high)

    def start_from(self, before: Evaluation, drawings: bool) -> None:
        """Take over what still holds: areas to the last bit, and if wanted the outlines of gaps that no change reaches
        (drawn anew, their points may begin elsewhere)."""
        if not isinstance(before, ServiceEvaluation) or not self._asks_the_same(before):
            return
        self._settled_before = (dict(before._settled), before.stations)
        if "population_served" in vars(before) and self._people == before._people:
            self.population_served = self._updated(before)
        if drawings and "open_parts" in vars(before):
            self._known_gaps = before._known_gaps.after(self._places_of_others(before))
            self.open_parts = [
                parts.redrawn(zone.shape, before.stations, self.stations, i, self.at_least)
                for i, (zone, parts) in enumerate(zip(self.zones, before.open_parts, strict=True))
            ]

    def _places_of_others(self, before: ServiceEvaluation) -> XY:
        """Where an asset counted that does not now, or the other way round; also one that took another's place."""
        columns = ["key", "lng", "lat"]
        old, new = (set(e.servers.counted.frame[columns].itertuples(index=False, name=None)) for e in (before, self))
        return self.scope.frame.forward(np.array([row[1:] for row in sorted(old ^ new)], np.float64).reshape(-1, 2))

    def _asks_the_same(self, other: ServiceEvaluation) -> bool:
        asked = [
            (e.at_least, e.margin_m, e.radius_of_server, [(z.radius_m, z.area and z.area.digest) for z in e.zones])
            for e in (self, other)
        ]
        return other.scope is self.scope and asked[0] == asked[1]

    def _updated(self, before: ServiceEvaluation) -> NDArray[np.bool_]:
        """Which people are served, from which were: only those near a station that came or went are asked again."""
        places = changed_places(before.stations.xy, self.stations.xy)
        served = before.population_served
        if self.population is None or len(places) == 0:
            return served
        people = self.population.lnglat
        near = nearest_distance_m(people, self.scope.frame.inverse(places)) <= self.stations.widest_m + ROUNDING_M
        served = served.copy()
        served[near] = self.is_served(people[near])
        return served

    # --- zones and stations ---

    @cached_property
    def zones(self) -> list[ServiceZone]:
        return self.make_zones()

    def radius_m(self) -> Floats:
        """(zones,) with the margin."""
        return np.array([max(z.radius_m + self.margin_m, 0.0) for z in self.zones])

    def zone_of(self, lnglat: LngLat) -> NDArray[np.int64]:
        return zone_of(self.zones, lnglat)

    @cached_property
    def server_xy(self) -> XY:
        return self.scope.frame.forward(self.servers.counted.lnglat)

    @cached_property
    def stations(self) -> Stations:
        if not self.radius_of_server:
            return Stations.of(self.server_xy, self.radius_m())
        return Stations.of(self.server_xy, np.repeat(self.own_radius_m[None, :], len(self.zones), axis=0))

    @cached_property
    def own_radius_m(self) -> Floats:
        """(s,) of each counted server, where its own zone decides."""
        return radii_of_servers(self.zones, self.scope.frame, self.servers.counted.lnglat, self.margin_m)

    # --- what is served, exactly ---

    def tessellation(self, resolution: int, parts: tuple[Area, ...] = ()) -> Tessellation:
        """The scope cut into cells, zones and parts; kept with the scope."""

        def make() -> Tessellation:
            shapes = [self.scope.frame.project(a.geometry) for a in parts]
            return tessellate(self.scope, resolution, [z.shape for z in self.zones], shapes)

        return self.scope.kept(("tessellation", resolution, self._cut_key(parts)), make)

    def _cut_key(self, parts: tuple[Area, ...]) -> Hashable:
        return tuple(z.area and z.area.digest for z in self.zones), tuple(a.digest for a in parts)

    @cached_property
    def towns(self) -> tuple[Area, ...]:
        groups = groups_of(self.scope, self.scene.snapshot.areas_at("town"))
        return groups[0] if groups else ()

    @cached_property
    def base(self) -> Tessellation:
        """What the figures of the whole, of zones and of towns are summed over."""
        return self.tessellation(WORKING_RESOLUTION, self.towns)

    def served_m2(self, tessellation: Tessellation) -> Floats:
        """(f,) of each fragment."""
        known = self._settled.get(id(tessellation))
        if known is None:
            known = (tessellation, self._settle(tessellation))
            self._settled[id(tessellation)] = known
        return known[1]

    def _settle(self, tessellation: Tessellation) -> Floats:
        if self._settled_before is not None:
            settled, stations = self._settled_before
            if id(tessellation) in settled:
                served_m2 = settled[id(tessellation)][1]
                return tessellation.updated_m2(served_m2, stations, self.stations, self.at_least)
        return tessellation.served_m2(self.stations, self.at_least)

    @cached_property
    def open_by_zone(self) -> list[float]:
        """Square metres."""
        base = self.base
        return [float(m2) for m2 in np.bincount(base.zone, base.area_m2 - self.served_m2(base), len(self.zones))]

    @property
    def open_km2(self) -> float:
        return sum(self.open_by_zone) / 1e6

    @property
    def met(self) -> bool | None:
        """None where the clause is a direction."""
        return is_full(self.scene.clause, self.open_km2 * 1e6, float(self.base.area_m2.sum()))

    @property
    def area_share(self) -> float:
        whole = float(self.base.area_m2.sum())
        return share_of(whole - sum(self.open_by_zone), whole)

    @property
    def zone_shares(self) -> list[float | None]:
        whole = np.bincount(self.base.zone, self.base.area_m2, len(self.zones)).tolist()
        return [share_of(w - o, w) if w > 0 else None for w, o in zip(whole, self.open_by_zone, strict=True)]

    # --- shares of a demand ---

    @property
    def share(self) -> float | None:
        return self.share_of_demand(self.demand)

    def share_of_demand(self, demand: PointDemand | GroundDemand) -> float | None:
        """The share served; None where there is no demand."""
        if isinstance(demand, PointDemand):
            served, total = demand.amount[self.is_served(demand.lnglat)].sum(), demand.amount.sum()
            return share_of(served, total) if total > 0 else None
        if demand.shape is None:
            return self.area_share
        ground = self._ground_by(demand, ())
        whole = float(ground.area_m2.sum())
        return share_of(float(self.served_m2(ground).sum()), whole) if whole > 0 else None

    def _ground_by(self, demand: GroundDemand, parts: tuple[Area, ...]) -> Tessellation:
        def make() -> Tessellation:
            zones = [polygonal(shapely.intersection(z.shape, demand.shape)) for z in self.zones] if demand.shape else []
            shapes = [self.scope.frame.project(a.geometry) for a in parts]
            return tessellate(self.scope, WORKING_RESOLUTION, zones, shapes)

        return self.scope.kept(("ground", demand.digest, self._cut_key(parts)), make)

    @cached_property
    def population(self) -> PointDemand | None:
        if POPULATION not in self.scene.snapshot.grids:
            return None
        found = demand_named(self.scene, POPULATION, self.scope)
        return found if isinstance(found, PointDemand) else None

    @property
    def _people(self) -> bytes | None:
        grid = self.scene.snapshot.grids.get(POPULATION)
        return None if grid is None else grid.digest

    @cached_property
    def population_served(self) -> NDArray[np.bool_]:
        assert self.population is not None
        return self.is_served(self.population.lnglat)

    @property
    def population_share(self) -> float | None:
        if self.population is None or self.population.amount.sum() == 0:
            return None
        return share_of(self.population.amount[self.population_served].sum(), self.population.amount.sum())

    def is_served(self, lnglat: LngLat) -> NDArray[np.bool_]:
        """Whether each point lies within its limit of enough counted servers; exactly at the radius is served."""
        assets, radius_m = self.servers.counted.lnglat, self.radius_m()
        if not self.radius_of_server:
            return nearest_distance_m(lnglat, assets, self.at_least) <= radius_m[self.zone_of(lnglat)]
        return self.n_in_reach(lnglat) >= self.at_least

    def n_in_reach(self, lnglat: LngLat) -> NDArray[np.int64]:
        """How many counted servers each point is served by."""
        assets, radius_m = self.servers.counted.lnglat, self.radius_m()
        if not self.radius_of_server:
            return number_in_reach(lnglat, assets, radius_m[self.zone_of(lnglat)])
        own = self.own_radius_m
        each = [number_in_reach(lnglat, assets[own == r], np.full(len(lnglat), r)) for r in np.unique(own)]
        return np.asarray(np.sum(each, axis=0) if each else np.zeros(len(lnglat)), np.int64)

    def n_unknown(self) -> int:
        """Counted devices that could serve the scope and of which nobody knows whether they are online."""
        near = shapely.dwithin(self.scope.shape, shapely.points(self.server_xy), self.radius_m().max())
        frame = self.servers.counted.frame[near]
        return int(frame.loc[frame["online"].isna(), "n_devices"].sum())

    def ground_facts(self) -> dict[str, float | None]:
        """How much ground is left out, and how much water there is, left out or not."""
        scene = self.scene
        return {
            "excluded_km2": excluded_km2(scene.scope, scene.snapshot, self.exclude),
            "water_km2": water_km2(scene.scope, scene.snapshot),
        }

    # --- areas ---

    def area_rows(self, level: str) -> list[AreaRow]:
        groups = groups_of(self.scope, self.scene.snapshot.areas_at(level))
        rows = [row for group in groups for row in self._rows_of(group)]
        return sorted(rows, key=lambda row: row.code)

    def _rows_of(self, areas: tuple[Area, ...]) -> list[AreaRow]:
        cut = self.base if areas == self.towns else self.tessellation(WORKING_RESOLUTION, areas)
        return rows_of(self.scene.clause, areas, cut, self.served_m2(cut), self._shares_by_area(areas))

    def _shares_by_area(self, areas: tuple[Area, ...]) -> list[float | None] | None:
        """By the denominator; None where that is the ground itself."""
        demand = self.demand
        if isinstance(demand, PointDemand):
            served = demand.amount * self.is_served(demand.lnglat)
            return shares_by_owner(assign_to_areas(list(areas), demand.lnglat), demand.amount, served, len(areas))
        if demand.shape is None:
            return None
        cut = self._ground_by(demand, areas)
        return shares_by_owner(cut.part, cut.area_m2, self.served_m2(cut), len(areas))

    # --- gaps ---

    def gaps(self, min_area_km2: float = 0.0) -> list[Gap]:
        return largest_first(self._all_gaps, min_area_km2)

    @cached_property
    def open_parts(self) -> list[OpenParts]:
        """What is open in each zone, drawn."""
        return [OpenParts.drawn(z.shape, self.stations, i, self.at_least) for i, z in enumerate(self.zones)]

    @cached_property
    def _all_gaps(self) -> list[Gap]:
        base, open_m2 = self.base, self.base.area_m2 - self.served_m2(self.base)
        gaps: list[Gap] = []
        for i, zone in enumerate(self.zones):
            polygons = self.open_parts[i].polygons
            area_m2 = apportion(base, open_m2, i, polygons, len(self.towns))
            if area_m2[-1].sum() > NEGLIGIBLE_M2:
                polygons = finely_drawn(polygons, base, open_m2, i, self.stations, self.at_least)
                area_m2 = apportion(base, open_m2, i, polygons, len(self.towns))
            there = area_m2[:-1].sum(axis=1) > NEGLIGIBLE_M2
            gaps += self._gaps_of(zone, polygons[there], area_m2[:-1][there])
        return gaps

    def _gaps_of(self, zone: ServiceZone, polygons: Geometries, area_m2: Floats) -> list[Gap]:
        """Each open polygon as a gap; those that no change of stations can have altered are taken as they were."""
        known = [self._known_gaps.find(polygon, m2) for polygon, m2 in zip(polygons, area_m2, strict=True)]
        fresh = [i for i, gap in enumerate(known) if gap is None]
        made = service_gaps(
            self.scope, zone.name, zone.radius_m, polygons[fresh], area_m2[fresh], self.towns, self.servers.counted,
            self.server_xy, self.scene.snapshot.grids.get(POPULATION),
        )  # fmt: skip
        for i, gap in zip(fresh, made, strict=True):
            known[i] = gap
            self._known_gaps.keep(polygons[i], area_m2[i], gap)
        return [gap for gap in known if gap is not None]

    # --- hexes and points ---

    def cells(self, resolution: int) -> CellTable:
        cut = self.base if resolution == WORKING_RESOLUTION else self.tessellation(resolution)
        share = cut.by_cell(self.served_m2(cut)) / cut.cell_area_m2
        share[share < NEGLIGIBLE_SHARE] = 0.0
        share[share > 1 - NEGLIGIBLE_SHARE] = 1.0
        status = np.select([share == 0.0, share == 1.0], [FULLY_OPEN, FULLY_SERVED], PARTLY).astype(object)
        return CellTable(resolution, cut.cells, share, share, status, cut.cell_area_m2 / 1e6)

    def cells_in_detail(self, resolution: int) -> CellTable:
        table = self.cells(resolution)
        centres = cell_centres(table.cells)
        nearest_m = nearest_distance_m(centres, self.servers.counted.lnglat)
        return replace(table, n=self.n_in_reach(centres), nearest_m=nearest_m)

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
        counting = [i for i in order if self.servers.counts[located[i]]][: self.at_least]
        chosen = sorted({*chosen, *counting}, key=lambda i: distance[i])
        near = [self._nearby(int(located[i]), (lng, lat), float(distance[i])) for i in chosen]
        if not self.scene.has_data_at(lng, lat):
            return Explanation(None, False, zone.name, zone.radius_m, tuple(near), zone_reason=OUTSIDE)
        return Explanation(
            bool(self.is_served(point)[0]), self.scope.holds(lng, lat), zone.name, zone.radius_m, tuple(near),
            n=int(self.n_in_reach(point)[0]), zone_reason=zone_reason(self.scope.frame, self.zones, zone, point),
        )  # fmt: skip

    def _nearby(self, row_index: int, point: tuple[float, float], distance_m: float) -> Nearby:
        row = row_of(self.servers.table, row_index)
        return nearby(row, point, distance_m, bool(self.servers.counts[row_index]), self.servers.reason(row))
