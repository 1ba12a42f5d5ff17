"""Service where zones of the demand have a radius of their own: what the charging rule and clauses of a planner's own share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Protocol

from numpy.typing import NDArray

from twin.coverage.demand import POPULATION, demand_facts
from twin.coverage.parameters import Zone
from twin.coverage.result import Explanation, Result, Scene, by_state
from twin.coverage.scope import cut_into_zones
from twin.coverage.service_evaluation import ServiceEvaluation
from twin.coverage.service_zones import Servers, ServiceZone
from twin.errors import RuleUnready


class ZonedParameters(Protocol):
    """``zones`` have their own radius, the first listed one wins; ``radius_m`` holds elsewhere. Metres."""

    @property
    def zones(self) -> tuple[Zone, ...]: ...
    @property
    def radius_m(self) -> float: ...
    @property
    def reading(self) -> str: ...
    @property
    def denominator(self) -> str: ...
    @property
    def at_least(self) -> int: ...
    @property
    def exclude(self) -> tuple[str, ...]: ...


def check_zones(scene: Scene, zones: Sequence[Zone]) -> None:
    """Raises RuleUnready, naming them, where zones are not among the loaded areas."""
    missing = [zone.code for zone in zones if zone.code not in scene.snapshot.areas]
    if missing:
        said = ", ".join(missing)
        raise RuleUnready(
            f"缺少分区边界：{said}。请先导入该区域（twin import … --layer areas）",
            f"zone boundary missing: {said}. Import it first (twin import … --layer areas)",
        )


class ZonedService(ServiceEvaluation):
    """The rule on data."""

    def __init__(self, scene: Scene, parameters: ZonedParameters, servers: Servers, margin_m: float = 0.0) -> None:
        self.parameters, self.layer = parameters, servers.table.layer
        super().__init__(scene, servers, parameters.denominator, parameters.at_least, parameters.exclude, margin_m)

    def make_zones(self) -> list[ServiceZone]:
        """The scope cut into zones; a zone's border belongs to it."""
        areas = [self.scene.snapshot.areas[zone.code] for zone in self.parameters.zones]
        shapes = self.scope.kept(("zones", *(a.digest for a in areas)), lambda: cut_into_zones(self.scope, areas))
        radii = [*(zone.radius_m for zone in self.parameters.zones), self.parameters.radius_m]
        names = [*(a.code for a in areas), "elsewhere" if areas else "all"]
        return [ServiceZone(*row) for row in zip(names, radii, shapes, [*areas, None], strict=True)]

    @property
    def radius_of_server(self) -> bool:
        return self.parameters.reading == "station"

    @cached_property
    def result(self) -> Result:  # type: ignore[override]
        table = self.servers.table
        inside = self.scope.contains(table.lnglat)
        reported = self.scene.by_online(table, lambda keep: self.variant(keep).share, self.n_unknown)
        zones = tuple(zone.code for zone in self.parameters.zones)
        gaps = self.gaps()
        facts = {
            "share_by_zone": {z.name: s for z, s in zip(self.zones, self.zone_shares, strict=True)},
            "share_area": self.area_share,
            "share_population": self.population_share,
            "share_effective": reported["effective"],
            "n_gaps": len(gaps),
            "open_km2": self.open_km2,
            **self.ground_facts(),
            **demand_facts(self.demand, float(self.base.area_m2.sum())),
            "farthest_missing_m": max((g.missing_m for g in gaps if g.missing_m is not None), default=None),
            **self.own_facts(inside),
        }
        return Result(
            value=self.share, met=self.met, share=self.share, denominator=self.denominator, status=self.scene.status,
            nominal=self.share, by_state=by_state(table, inside), parameters=self.parameters, facts=facts, **reported,
            **self.scene.provenance((self.layer,), zones, (POPULATION,)),
        )  # fmt: skip

    @abstractmethod
    def own_facts(self, inside: NDArray[Any]) -> dict[str, Any]:
        """What this rule says besides; ``inside`` are the assets in the scope."""

    def explain(self, lng: float, lat: float, n_nearest: int = 3) -> Explanation:
        return self.explain_service(lng, lat, n_nearest)
