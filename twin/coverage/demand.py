"""What a share is a share of: ground, people, or any layer that is chosen by name."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from twin.coverage.result import Scene
from twin.coverage.scope import POLYGON, Scope, polygonal
from twin.errors import BadParameter, RuleUnready
from twin.layers import LAYERS
from twin.model import DemandGrid, Geometries, LngLat

AREA, POPULATION = "area", "population"
MULTIPOLYGON = 6


@dataclass(frozen=True)
class PointDemand:
    """``amount`` of ``unit`` at each of (n, 2) places inside the scope, in degrees."""

    name: str
    unit: str
    lnglat: LngLat
    amount: NDArray[np.float64]


@dataclass(frozen=True)
class GroundDemand:
    """Square kilometres of the scope, or of a layer's polygons in it (``shape``, in the scope's metric frame)."""

    name: str
    shape: BaseGeometry | None = None
    digest: bytes = b""
    unit: str = "km²"


def demand_named(scene: Scene, name: str, scope: Scope | None = None) -> PointDemand | GroundDemand:
    """The denominator of that name: ``area``, a demand raster, a layer, or ``layer:kind`` (as ``land_use:residential``).

    It is what lies in ``scope``, which is what the scene judges unless another is given.

    Raises:
        RuleUnready: ``population`` is asked for and no such raster is loaded.
        BadParameter: there is no such thing; the message names what there is.
    """
    scope = scope or scene.scope
    if name == AREA:
        return GroundDemand(name)
    if name in scene.snapshot.grids:
        return _of_grid(scene.snapshot.grids[name], scope)
    if name == POPULATION:
        raise RuleUnready(
            "未加载人口栅格，无法按人口计算", "no population raster is loaded: the share by population needs it"
        )
    layer, _, kind = name.partition(":")
    table = scene.table(layer) if layer in LAYERS else None
    category = LAYERS[layer].category if layer in LAYERS else ""
    if table is None or (kind and not category):
        known = ", ".join([AREA, *scene.snapshot.grids, *(n for n in LAYERS if scene.table(n) is not None)])
        raise BadParameter(
            f"没有分母“{name}”，现有：{known}（可写作 图层:类别）",
            f"no denominator {name!r}; there are: {known} (also layer:kind)",
        )
    chosen = (table.frame[category] == kind).to_numpy(bool) if kind else np.ones(len(table), bool)
    if not chosen.any():
        kinds = ", ".join(sorted(table.frame[category].dropna().astype(str).unique()))
        raise BadParameter(
            f"图层 {layer} 没有类别“{kind}”，现有：{kinds}", f"{layer} has no {kind!r}; there are: {kinds}"
        )
    if table.geometry is None:
        inside = chosen & scope.contains(table.lnglat)
        amount = table.frame.loc[inside, LAYERS[layer].amount].fillna(0).to_numpy(np.float64)
        return PointDemand(name, LAYERS[layer].amount, table.lnglat[inside], amount)
    return _of_polygons(scope, name, table.geometry[chosen])


def _of_grid(grid: DemandGrid, scope: Scope) -> PointDemand:
    inside = scope.kept(("inside", grid.digest), lambda: scope.contains(grid.lnglat))
    return PointDemand(grid.name, grid.unit, grid.lnglat[inside], grid.values[inside])


def _of_polygons(scope: Scope, name: str, shapes: Geometries) -> GroundDemand:
    polygons = shapes[np.isin(shapely.get_type_id(shapes), (POLYGON, MULTIPOLYGON))]
    if len(polygons) == 0:
        raise BadParameter(f"图层 {name} 不是面，不能作为分母", f"{name} has no polygons: it cannot be a denominator")
    digest = blake2b(b"".join(shapely.to_wkb(polygons)), digest_size=12).digest()

    def make() -> BaseGeometry:
        union = shapely.union_all(shapely.make_valid(scope.frame.project(polygons)))
        return polygonal(shapely.intersection(union, scope.shape))

    return GroundDemand(name, scope.kept(("demand", digest), make), digest)


def demand_facts(demand: PointDemand | GroundDemand, scope_m2: float) -> dict[str, Any]:
    """How much the denominator is in all, and in what."""
    if isinstance(demand, PointDemand):
        return {"denominator_total": float(demand.amount.sum()), "denominator_unit": demand.unit}
    total_m2 = scope_m2 if demand.shape is None else float(demand.shape.area)
    return {"denominator_total": total_m2 / 1e6, "denominator_unit": demand.unit}
