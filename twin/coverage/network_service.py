"""Service along streets: a place is served if the nearest counted station is within its zone's limit along them.

Distances are exact along the streets (see ``twin.coverage.network``), areas are judged by sample: each H3 cell, cut at
the borders of the scope and of the zones, is served as a whole or not at all, by its centre (a part without it by a
point inside). Every result says so. Streets count whatever their class, if they are in operation; they should be loaded
some kilometres beyond the border, or ways round the outside are missed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from twin.cells import cells_to_text, points_to_cells
from twin.coverage.demand import POPULATION, GroundDemand, PointDemand, demand_facts, demand_named
from twin.coverage.gaps import GAP_RESOLUTION, demand_inside, largest_first
from twin.coverage.network import MAX_SNAP_M, NONE, Places, StationNetwork, StreetNetwork
from twin.coverage.network_cells import Bools, Floats, Fragments, Ints, cut_cells, km2_by_town
from twin.coverage.result import (
    OUTSIDE,
    AreaRow,
    CellTable,
    Evaluation,
    Explanation,
    Gap,
    Nearby,
    Result,
    Scene,
    by_state,
)
from twin.coverage.scope import assign_to_areas
from twin.coverage.service_rows import shares_by_owner
from twin.coverage.service_zones import (
    FULLY_OPEN,
    FULLY_SERVED,
    PARTLY,
    Servers,
    ServiceZone,
    is_full,
    share_of,
    zone_of,
    zone_reason,
)
from twin.coverage.why_here import nearby, row_of
from twin.errors import RuleUnready, Words
from twin.frames import geodesic_distance_m
from twin.model import Area, Geometries, LayerTable, LngLat

ROADS = "roads"
RESOLUTION = 10
NO_STREET = Words("计入，但该点附近没有道路", "counted, but there is no street near this place")
NO_WAY = Words("计入，但沿道路不可达", "counted, but there is no way along streets")


@dataclass(frozen=True, eq=False)
class Judged:
    """Fragments with the network distance to the nearest counted station (inf: none), its index, and the verdict."""

    fragments: Fragments
    places: Places
    distance_m: Floats
    station: Ints
    served: Bools

    def km2(self, chosen: Bools) -> float:
        return float(self.fragments.area_m2[chosen].sum()) / 1e6


@dataclass(frozen=True, slots=True, eq=False)
class Same:
    """A key for what is kept of an object as long as it is that very object."""

    of: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.of is other.of

    def __hash__(self) -> int:
        return id(self.of)


class NetworkService(Evaluation):
    """The zone of the demand decides the limit, the streets the distance.

    Args:
        scene: what is judged; its snapshot must hold roads.
        zones: what the scope consists of, with a limit each.
        servers: the assets and which of them count.
        denominator: what ``share`` is of.
        parameters: the rule's, for the result.
        share_line: the share by straight lines, exact, to stand beside it; None where nobody asks.
        resolution: of the cells by which areas are judged.
        max_snap_m: what lies further from any street is not reached.

    Raises:
        RuleUnready: no roads in operation are loaded, or no population where it is the denominator.
        BadParameter: there is no such denominator.
    """

    def __init__(
        self,
        scene: Scene,
        zones: Sequence[ServiceZone],
        servers: Servers,
        denominator: str,
        *,
        parameters: Any = None,
        share_line: Callable[[], float | None] | None = None,
        resolution: int = RESOLUTION,
        max_snap_m: float = MAX_SNAP_M,
    ) -> None:
        self.scene, self.scope, self.zones, self.servers = scene, scene.scope, list(zones), servers
        self.denominator, self.parameters, self.share_line = denominator, parameters, share_line
        self.resolution, self.max_snap_m = resolution, max_snap_m
        self.demand = demand_named(scene, denominator)
        self.roads = roads_of(scene)
        self.network = self.scope.kept(
            ("streets", Same(self.roads)), lambda: StreetNetwork.from_lines(operating(self.roads), self.scope.frame)
        )
        self.limits_m = np.array([zone.radius_m for zone in self.zones], np.float64)

    @cached_property
    def stations(self) -> StationNetwork:
        return StationNetwork(self.network, self.servers.counted.lnglat, self.max_snap_m)

    # --- verdicts ---

    def zone_of(self, lnglat: LngLat) -> Ints:
        return zone_of(self.zones, lnglat)

    def judge(self, resolution: int) -> Judged:
        """The cells of that resolution, each by the point where it is judged."""
        zones = tuple(zone.area and zone.area.digest for zone in self.zones)
        fragments = self.scope.kept(
            ("judged cells", resolution, zones),
            lambda: cut_cells(self.scope, [zone.shape for zone in self.zones], resolution),
        )
        places = self._places(fragments.lnglat)
        distance_m, station = self.stations.nearest(places)
        return Judged(fragments, places, distance_m, station, distance_m <= self.limits_m[fragments.zone])

    def _places(self, lnglat: LngLat) -> Places:
        """Where points reach the streets; kept with the scope."""
        digest = blake2b(np.ascontiguousarray(lnglat).tobytes(), digest_size=12).digest()
        key = ("places on streets", Same(self.roads), self.max_snap_m, digest)
        return self.scope.kept(key, lambda: self.network.snap(lnglat, self.max_snap_m))

    @cached_property
    def judged(self) -> Judged:
        return self.judge(self.resolution)

    def is_served(self, lnglat: LngLat) -> Bools:
        """Whether each point lies within its limit of a counted station, along streets; exactly at the limit is served."""
        distance_m, _ = self.stations.nearest(self._places(lnglat))
        return np.asarray(distance_m <= self.limits_m[self.zone_of(lnglat)])

    @property
    def open_km2(self) -> float:
        return self.judged.km2(~self.judged.served)

    @property
    def share(self) -> float | None:
        return self.share_of_demand(self.demand)

    def share_of_demand(self, demand: PointDemand | GroundDemand) -> float | None:
        """The share served; None where there is no demand."""
        if isinstance(demand, PointDemand):
            return _share(demand.amount[self.is_served(demand.lnglat)].sum(), demand.amount.sum())
        return self.area_share if demand.shape is None else self._share_of_ground(demand.shape)

    @property
    def area_share(self) -> float | None:
        return _share(self.judged.km2(self.judged.served), self.judged.fragments.area_m2.sum() / 1e6)

    def _share_of_ground(self, shape: BaseGeometry) -> float | None:
        fragment, area_m2 = self.judged.fragments.inside(shape)
        return _share(area_m2[self.judged.served[fragment]].sum(), area_m2.sum())

    @cached_property
    def population_share(self) -> float | None:
        if POPULATION not in self.scene.snapshot.grids:
            return None
        return self.share_of_demand(demand_named(self.scene, POPULATION))

    def with_servers(self, keep: Bools) -> NetworkService:
        """The same rule with only some of the stations counted."""
        return NetworkService(
            self.scene, self.zones, self.servers.only(keep), self.denominator,
            parameters=self.parameters, resolution=self.resolution, max_snap_m=self.max_snap_m,
        )  # fmt: skip

    # --- the result and its facts ---

    @cached_property
    def result(self) -> Result:  # type: ignore[override]
        table, share = self.servers.table, self.share
        inside = self.scope.contains(table.lnglat)
        reported = self.scene.by_online(table, lambda keep: self.with_servers(keep).share, self._n_unknown)
        zones = tuple(zone.area.code for zone in self.zones if zone.area is not None)
        facts = {
            **self._facts(),
            "share_effective": reported["effective"],
            "n_stations": int(inside[self.servers.counts].sum()),
        }
        provenance = self.scene.provenance((table.layer, ROADS), zones, (POPULATION,))
        provenance["labels"] = ("model", *provenance["labels"])
        return Result(
            value=share, met=is_full(self.scene.clause, self.open_km2 * 1e6, float(self.judged.fragments.area_m2.sum())), share=share, denominator=self.denominator,
            status=self.scene.status, nominal=share, by_state=by_state(table, inside), parameters=self.parameters,
            facts=facts, **reported, **provenance,
        )  # fmt: skip

    def _n_unknown(self) -> int:
        """Counted devices that could serve the scope and of which nobody knows whether they are online."""
        xy = self.scope.frame.forward(self.servers.counted.lnglat)
        near = shapely.dwithin(self.scope.shape, shapely.points(xy), float(self.limits_m.max()))
        frame = self.servers.counted.frame[near]
        return int(frame.loc[frame["online"].isna(), "n_devices"].sum())

    def _facts(self) -> dict[str, Any]:
        gaps, judged = self.gaps(), self.judged
        mean_detour, median_detour = self._detours()
        off_street = judged.places.segment == NONE
        own = [judged.fragments.zone == i for i in range(len(self.zones))]
        return {
            "metric": "network",
            "judged_by": f"res-{self.resolution} cell centres",
            "judged_by_words": {
                "zh": f"面积按 {self.resolution} 级六边形单元中心判定；单行道按双向计",
                "en": f"areas judged by the centres of res-{self.resolution} cells; one-way streets count both ways",
            },
            **demand_facts(self.demand, float(self.judged.fragments.area_m2.sum())),
            "max_snap_m": self.max_snap_m,
            "share_line": self.share_line() if self.share_line is not None else None,
            "share_by_zone": {
                zone.name: _share(judged.km2(mine & judged.served), judged.km2(mine))
                for zone, mine in zip(self.zones, own, strict=True)
            },
            "share_area": self.area_share,
            "share_population": self.population_share,
            "mean_detour": mean_detour,
            "median_detour": median_detour,
            "unreachable_km2": judged.km2(off_street),
            "unconnected_km2": judged.km2(~off_street & np.isinf(judged.distance_m)),
            "n_gaps": len(gaps),
            "open_km2": self.open_km2,
            "farthest_missing_m": max((g.missing_m for g in gaps if g.missing_m is not None), default=None),
        }

    def _detours(self) -> tuple[float | None, float | None]:
        """Mean and median, by area, of network over straight distance to the station that is nearest by network."""
        judged = self.judged
        reached = np.flatnonzero(np.isfinite(judged.distance_m))
        there = self.servers.counted.lnglat[judged.station[reached]]
        straight_m = geodesic_distance_m(judged.fragments.lnglat[reached], there)
        reached, straight_m = reached[straight_m > 0], straight_m[straight_m > 0]
        if len(reached) == 0:
            return None, None
        detour, area_m2 = judged.distance_m[reached] / straight_m, judged.fragments.area_m2[reached]
        order = np.argsort(detour, kind="stable")
        up_to = np.cumsum(area_m2[order])
        median = detour[order][np.searchsorted(up_to, up_to[-1] / 2)]
        return float(np.average(detour, weights=area_m2)), float(median)

    # --- areas ---

    def area_rows(self, level: str) -> list[AreaRow]:
        areas = self.scene.snapshot.areas_at(level)
        shapes = [shapely.intersection(self.scope.frame.project(a.geometry), self.scope.shape) for a in areas]
        shares = self._shares_by_area(areas, shapes)
        rows = []
        for area, shape, share in zip(areas, shapes, shares, strict=True):
            if shape.area < 1.0:
                continue
            fragment, area_m2 = self.judged.fragments.inside(shape)
            open_m2 = float(area_m2[~self.judged.served[fragment]].sum())
            rows.append(
                AreaRow.of(area, share, area_km2=shape.area / 1e6, target=1.0, met=is_full(self.scene.clause, open_m2, shape.area),
                           share=share, shortfall=open_m2 / 1e6)
            )  # fmt: skip
        return rows

    def _shares_by_area(self, areas: list[Area], shapes: list[BaseGeometry]) -> list[float | None]:
        demand = self.demand
        if isinstance(demand, GroundDemand):
            own = shapes if demand.shape is None else [shapely.intersection(s, demand.shape) for s in shapes]
            return [self._share_of_ground(shape) for shape in own]
        served = demand.amount * self.is_served(demand.lnglat)
        return shares_by_owner(assign_to_areas(areas, demand.lnglat), demand.amount, served, len(areas))

    # --- gaps ---

    def gaps(self, min_area_km2: float = 0.0) -> list[Gap]:
        return largest_first(self._all_gaps, min_area_km2)

    @cached_property
    def _all_gaps(self) -> list[Gap]:
        towns = [(t, self.scope.frame.project(t.geometry)) for t in self.scene.snapshot.areas_at("town")]
        return [gap for zone in range(len(self.zones)) for gap in self._gaps_in(zone, towns)]

    def _gaps_in(self, zone: int, towns: list[tuple[Area, BaseGeometry]]) -> list[Gap]:
        """The connected unserved fragments of a zone; the deepest point is where the farthest of them is judged."""
        judged, fragments = self.judged, self.judged.fragments
        members = np.flatnonzero((fragments.zone == zone) & ~judged.served)
        parts, part, member = fragments.connected(members)
        if len(part) == 0:
            return []
        order = np.lexsort((member, -judged.distance_m[members[member]], part))
        first = order[np.unique(part[order], return_index=True)[1]]
        deepest, parts = members[member[first]], parts[part[first]]
        outlines = self.scope.frame.unproject(parts)
        ids = cells_to_text(points_to_cells(fragments.lnglat[deepest], GAP_RESOLUTION))
        named = km2_by_town(parts, towns)
        return [
            self._gap(ids[i], zone, int(deepest[i]), outlines[i], float(parts[i].area), named[i])
            for i in range(len(parts))
        ]

    def _gap(
        self, key: str, zone: int, deepest: int, outline: BaseGeometry, area_m2: float,
        areas: tuple[tuple[str, str, float], ...],
    ) -> Gap:  # fmt: skip
        metres, station = float(self.judged.distance_m[deepest]), int(self.judged.station[deepest])
        limit_m, reached = self.zones[zone].radius_m, station != NONE
        lng, lat = self.judged.fragments.lnglat[deepest].tolist()
        return Gap(
            id=key, geometry=outline, area_km2=area_m2 / 1e6, zone=self.zones[zone].name, limit_m=limit_m,
            deepest_lnglat=(lng, lat), nearest=str(self.servers.counted.frame["key"].iloc[station]) if reached else None,
            nearest_distance_m=metres if reached else None, missing_m=max(0.0, metres - limit_m) if reached else None,
            n_missing=None, demand=demand_inside(outline, self.scene.snapshot.grids.get(POPULATION)), areas=areas,
        )  # fmt: skip

    # --- hexes and points ---

    def cells(self, resolution: int) -> CellTable:
        """The served share of each cell's part in the scope: all or nothing, but where a border cuts it into several."""
        judged = self.judged if resolution == self.resolution else self.judge(resolution)
        fragments = judged.fragments
        area_m2 = np.bincount(fragments.cell, fragments.area_m2, len(fragments.cells))
        served_m2 = np.bincount(fragments.cell, fragments.area_m2 * judged.served, len(fragments.cells))
        kept = area_m2 > 0
        share = served_m2[kept] / area_m2[kept]
        status = np.select([share == 0.0, share == 1.0], [FULLY_OPEN, FULLY_SERVED], PARTLY).astype(object)
        return CellTable(resolution, fragments.cells[kept], share, share, status, area_m2[kept] / 1e6)

    def explain(self, lng: float, lat: float, n_nearest: int = 3) -> Explanation:
        """The point itself, not its cell: its zone and limit, and the counted stations nearest along streets.

        Where streets lead to fewer than ``n_nearest``, the nearest of the others by straight line follow.
        """
        point = np.array([[lng, lat]])
        zone, counted = self.zones[int(self.zone_of(point)[0])], self.servers.counted.lnglat
        routes = self.stations.routes((lng, lat), len(counted))
        near = [
            self._nearby((lng, lat), r.station, r.straight_m, None, r.network_m, r.detour) for r in routes[:n_nearest]
        ]
        straight_m = geodesic_distance_m(point, counted)
        reached = {route.station for route in routes}
        others = [i for i in np.argsort(straight_m, kind="stable").tolist() if i not in reached]
        off_street = self.network.snap(point, self.max_snap_m).segment[0] == NONE
        reason = NO_STREET if off_street else NO_WAY
        near += [self._nearby((lng, lat), i, float(straight_m[i]), reason) for i in others[: n_nearest - len(near)]]
        n_serving = sum(route.network_m <= zone.radius_m for route in routes)
        if not self.scene.has_data_at(lng, lat):
            return Explanation(None, False, zone.name, zone.radius_m, tuple(near), zone_reason=OUTSIDE)
        return Explanation(
            n_serving > 0, self.scope.holds(lng, lat), zone.name, zone.radius_m, tuple(near), n=n_serving,
            zone_reason=zone_reason(self.scope.frame, self.zones, zone, point),
        )  # fmt: skip

    def _nearby(
        self, point: tuple[float, float], station: int, straight_m: float, unreached: Words | None = None,
        network_m: float | None = None, detour: float | None = None,
    ) -> Nearby:  # fmt: skip
        row = row_of(self.servers.counted, station)
        return nearby(row, point, straight_m, True, unreached or self.servers.reason(row), network_m, detour)


def roads_of(scene: Scene) -> LayerTable:
    """The roads of a scene.

    Raises:
        RuleUnready: none in operation is loaded.
    """
    roads = scene.table(ROADS)
    if roads is None or len(operating(roads)) == 0:
        raise RuleUnready(
            "未加载在用道路，无法按路网距离判定。请先导入道路（twin import … --layer roads）",
            "no roads in operation are loaded: network distance needs them. "
            "Import them first (twin import … --layer roads)",
        )
    return roads


def operating(roads: LayerTable) -> Geometries:
    """The centre lines of the roads in operation."""
    lines = roads.geometry if roads.geometry is not None else np.empty(0, object)
    return lines[(roads.frame["lifecycle"] == "operating").to_numpy(bool)]


def _share(part: float, whole: float) -> float | None:
    return share_of(part, whole) if whole > 0 else None
