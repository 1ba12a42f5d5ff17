"""One station added, moved or removed: what the kernel computes again, against a run from scratch."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.rows import EDITS
from benchmarks.scene import ServiceScene, district_scene, seeded_stations
from twin.coverage.tessellation import Stations, tessellate

N_STATIONS, N_EDITS = 3000, 200
TOLERANCE_M2 = 1e-3


@pytest.fixture(scope="module")
def scene() -> ServiceScene:
    return district_scene(N_STATIONS)


@pytest.mark.parametrize("op", EDITS)
def test_one_edit(op, scene, measure):
    tessellation = tessellate(scene.scope, scene.resolution, [zone.shape for zone in scene.zones])
    before = Stations.of(scene.station_xy, scene.zone_radius_m)
    served_m2 = tessellation.served_m2(before)
    edited = edits(scene, op)

    def run(xy: np.ndarray) -> float:
        return float(tessellation.updated_m2(served_m2, before, Stations.of(xy, scene.zone_radius_m)).sum())

    measure.p95(f"edit-{op}", run, edited)
    difference_m2 = max(
        float(np.abs(tessellation.updated_m2(served_m2, before, after) - tessellation.served_m2(after)).sum())
        for after in (Stations.of(xy, scene.zone_radius_m) for xy in edited)
    )
    measure.check(
        difference_m2 <= TOLERANCE_M2,
        f"与全量计算最多相差 {difference_m2:.1e} m²",
        f"at most {difference_m2:.1e} m² from a full run",
    )


def edits(scene: ServiceScene, op: str) -> list[np.ndarray]:
    """The stations after each of 200 single edits, drawn by a fixed seed; a move goes anywhere."""
    rng = np.random.default_rng(11)
    places = scene.frame.forward(seeded_stations(scene.scope, N_EDITS, seed=12))
    chosen = rng.choice(N_STATIONS, N_EDITS, replace=False)
    if op == "added":
        return [np.vstack([scene.station_xy, place]) for place in places]
    without = [np.delete(scene.station_xy, index, axis=0) for index in chosen]
    return without if op == "removed" else [np.vstack([xy, place]) for xy, place in zip(without, places, strict=True)]
