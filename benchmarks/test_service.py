"""Exact service of every cell, by everybody, on the same stations; and how far each is from geodesic discs."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import postgis as postgis_peer
from benchmarks.contestants import IN_PROCESS
from benchmarks.geodesic import Truth, truth
from benchmarks.rows import STATION_COUNTS
from benchmarks.scene import ServiceScene, district_scene

TOTAL_TOLERANCE, CELL_TOLERANCE = 2e-6, 1e-5


@pytest.fixture(scope="module", params=STATION_COUNTS, ids=lambda n: f"{n} stations")
def judged(request) -> tuple[ServiceScene, Truth]:
    scene = district_scene(request.param)
    return scene, truth(scene)


@pytest.mark.parametrize("contestant", IN_PROCESS)
def test_service_of_every_cell(contestant, judged, measure):
    scene, expected = judged
    cell_m2 = measure(f"service-{len(scene.stations)}-{contestant}", IN_PROCESS[contestant](scene))
    compare(measure, scene, expected, cell_m2, promised=contestant == "twin")


def test_service_of_every_cell_by_postgis(judged, postgis, measure):
    scene, expected = judged
    cell_m2 = measure(f"service-{len(scene.stations)}-postgis", postgis_peer.fastest(postgis, scene))
    compare(measure, scene, expected, cell_m2, promised=False)


def compare(measure, scene: ServiceScene, expected: Truth, cell_m2: np.ndarray, *, promised: bool) -> None:
    """Note the difference from geodesic discs: of the total, and of the worst cell relative to a whole cell."""
    total = expected.total_error(float(cell_m2.sum()))
    cell = expected.cell_error(cell_m2, scene.fragments)
    limits = (f" (≤ {TOTAL_TOLERANCE:.0e})", f" (≤ {CELL_TOLERANCE:.0e})") if promised else ("", "")
    measure.check(
        total <= TOTAL_TOLERANCE and cell <= CELL_TOLERANCE if promised else None,
        f"与测地圆相差：总计 {total:.1e}{limits[0]}，最差单元 {cell:.1e}{limits[1]}",
        f"from geodesic discs: total {total:.1e}{limits[0]}, worst cell {cell:.1e}{limits[1]}",
    )
