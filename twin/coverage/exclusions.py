"""Ground that a rule is told to leave out (水域, 飞行区 …): loaded polygon layers or areas, cut out of the scope.

What is cut out is gone for everything that is asked of the new scope: its area, its windows, and what stands there.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from twin.coverage.scope import Scope, polygonal
from twin.errors import BadParameter
from twin.frames import geodesic_area_km2
from twin.model import BUILT, LayerTable, Snapshot

WATER = "water"
AREAS = "areas"


def without(scope: Scope, snapshot: Snapshot, names: tuple[str, ...]) -> Scope:
    """The scope without the ground of the named places; the same object where nothing is named.

    Args:
        names: of loaded polygon layers (what is planned or retired in them is not there), or codes of areas.

    Raises:
        BadParameter: a name is neither (the known ones are named), or nothing of the scope is left.
    """
    if not names:
        return scope
    cut = excluded(snapshot, names)

    def make() -> Scope:
        left = polygonal(shapely.difference(scope.area.geometry, cut))
        return Scope(replace(scope.area, geometry=left))

    remaining = scope.kept(("without", shapely.to_wkb(cut)), make)
    if remaining.area_km2 == 0:
        said = ", ".join(names)
        raise BadParameter(f"排除 {said} 后没有剩余范围", f"nothing is left to judge without {said}")
    return remaining


def excluded(snapshot: Snapshot, names: tuple[str, ...]) -> BaseGeometry:
    """The union of the named places, EPSG:4326. Raises as :func:`without`."""
    layers = polygon_layers(snapshot)
    unknown = [name for name in names if name not in layers and name not in snapshot.areas]
    if unknown:
        said, known = ", ".join(unknown), [*layers, *list(snapshot.areas)[:30]]
        raise BadParameter(
            f"exclude：没有已加载的面图层或区域“{said}”。已加载：{'、'.join(known) or '—'}",
            f"exclude: no polygon layer or area {said!r} is loaded; there are: {', '.join(known) or 'none'}",
        )
    return shapely.union_all(
        [layer_union(layers[n]) if n in layers else snapshot.areas[n].geometry for n in sorted(set(names))]
    )


def polygon_layers(snapshot: Snapshot) -> dict[str, LayerTable]:
    """The loaded layers that hold polygons, but for the areas, which have codes."""
    return {
        name: table
        for name, table in snapshot.layers.items()
        if name != AREAS and table.geometry is not None and (shapely.get_dimensions(table.geometry) == 2).any()
    }


def layer_union(table: LayerTable) -> BaseGeometry:
    """The ground that a polygon layer's features cover together, EPSG:4326."""

    def make() -> BaseGeometry:
        shapes = np.asarray(table.geometry, object)[table.frame["lifecycle"].isin(BUILT).to_numpy(bool)]
        return polygonal(shapely.union_all(shapes))

    return table.keep("union", make)


def excluded_km2(scope: Scope, snapshot: Snapshot, names: tuple[str, ...]) -> float:
    """How much of a scope the named places cover. Raises as :func:`without`."""
    return max(0.0, scope.area_km2 - without(scope, snapshot, names).area_km2)


def water_km2(scope: Scope, snapshot: Snapshot) -> float | None:
    """How much of a scope is water, whether it is left out or not; None where no water is loaded."""
    table = polygon_layers(snapshot).get(WATER)
    if table is None:
        return None
    water = layer_union(table)
    return scope.kept(
        ("water", shapely.to_wkb(water)),
        lambda: geodesic_area_km2(shapely.intersection(scope.area.geometry, water)),
    )
