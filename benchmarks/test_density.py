"""Density of 70,000 cameras in all three spatial units, judged anew each time on an area that has been judged before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely

from benchmarks.geodesic import GEOD, geodesic_discs
from benchmarks.rows import ROUNDS
from benchmarks.scene import reference_areas, seeded_stations
from tests.world import PLAN, area, camera, snapshot
from twin.coverage import RULES
from twin.coverage.result import CellTable, Scene
from twin.coverage.scope import Scope
from twin.frames import ecef
from twin.model import LayerTable, Snapshot

N_CAMERAS, RESOLUTION = 70_000, 9
UNITS = ("window", "cell", "town")
CLAUSE, RULE = PLAN.clause("camera-density"), RULES["camera-density"]
N_WINDOWS_CHECKED = 200
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def world() -> Snapshot:
    """The reference areas, and cameras at seeded places in the district and just outside."""
    areas = reference_areas()
    places = seeded_stations(Scope(areas["310112"]), N_CAMERAS, seed=5)
    kept = [area(a.code, a.level, a.geometry, a.name) for a in areas.values() if a.level in {"district", "town"}]
    return snapshot([*kept, *(camera(f"c{i:05d}", (lng, lat)) for i, (lng, lat) in enumerate(places.tolist()))])


def test_density_in_all_units(world, measure):
    scope = Scope(world.areas["310112"])
    judged = [anew(world, seed) for seed in range(1 + ROUNDS)]

    def judge(one: Snapshot) -> list[CellTable]:
        scene = Scene(one, scope, CLAUSE)
        asked = [RULE.evaluate(scene, RULE.read(CLAUSE.parameters, {"spatial_unit": unit})) for unit in UNITS]
        return [evaluation.cells(RESOLUTION) for evaluation in asked]

    windows, _, _ = measure.fastest_of("density", judge, judged)
    error = worst_window(windows, judged[-1], scope)
    measure.check(
        error <= TOLERANCE,
        f"{N_WINDOWS_CHECKED} 个窗口与逐一计算最多相差 {error:.1e}",
        f"{N_WINDOWS_CHECKED} windows at most {error:.1e} from brute force",
    )


def anew(world: Snapshot, seed: int) -> Snapshot:
    """The same areas with as many cameras at other places: nothing counted before holds."""
    table = world.layers["cameras"]
    lnglat = seeded_stations(Scope(world.areas["310112"]), N_CAMERAS, seed=100 + seed)
    frame = table.frame.assign(lng=lnglat[:, 0], lat=lnglat[:, 1])
    return replace(world, id=f"{world.id}-{seed}", layers={**world.layers, "cameras": LayerTable("cameras", frame)})


def worst_window(windows: CellTable, world: Snapshot, scope: Scope) -> float:
    """The largest relative error of some windows' densities: counts by geodesic distance, areas by geodesic discs."""
    from twin.cells import cell_centres

    with_value = np.flatnonzero(~np.isnan(windows.value))
    chosen = np.random.default_rng(3).choice(with_value, N_WINDOWS_CHECKED, replace=False)
    cameras = world.layers["cameras"].lnglat
    cameras = cameras[scope.contains(cameras)]
    radius_m = float(np.sqrt(1e6 / np.pi))
    errors = []
    for index, centre in zip(chosen, cell_centres(windows.cells[chosen]), strict=True):
        near = cameras[np.linalg.norm(ecef(cameras) - ecef(centre[None, :]), axis=1) < 2 * radius_m]
        distance_m = GEOD.inv(*np.repeat(centre[None, :], len(near), axis=0).T, *near.T)[2]
        (disc,) = geodesic_discs(scope.frame, centre[None, :], radius_m)
        expected = (distance_m <= radius_m).sum() / (shapely.intersection(disc, scope.shape).area / 1e6)
        errors.append(float(abs(windows.value[index] - expected) / max(expected, 1.0)))
    return max(errors)
