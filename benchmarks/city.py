"""A whole city in a process of its own, so that its memory can be told: ``python -m benchmarks.city SCALE``."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.rows import AT_LEAST_S, ROUNDS
from benchmarks.scene import ServiceScene, city_scene
from twin.coverage.tessellation import Stations, tessellate

CHECKOUT = Path(__file__).parent.parent
N_STATIONS = 12_000


@dataclass(frozen=True)
class Run:
    """``ms`` of the fastest round; ``peak_mb`` of the process, everything included."""

    ms: float
    peak_mb: float
    n_cells: int
    served_m2: float


def scaled_city(scale: float) -> ServiceScene:
    """``scale`` times the area and the stations of the whole city."""
    return city_scene(round(N_STATIONS * scale), scale)


def in_own_process(scale: float) -> Run:
    command = [sys.executable, "-m", "benchmarks.city", str(scale)]
    said = subprocess.run(command, cwd=CHECKOUT, check=True, stdout=subprocess.PIPE).stdout  # noqa: S603  (our own)
    return Run(**json.loads(said))


def run(scale: float) -> Run:
    scene = scaled_city(scale)
    tessellation = tessellate(scene.scope, scene.resolution, [zone.shape for zone in scene.zones])
    seconds: list[float] = []
    while len(seconds) <= ROUNDS or sum(seconds[1:]) < AT_LEAST_S:
        begin = time.perf_counter()
        served_m2 = tessellation.served_m2(Stations.of(scene.station_xy, scene.zone_radius_m))
        tessellation.by_cell(served_m2)
        seconds.append(time.perf_counter() - begin)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return Run(min(seconds[1:]) * 1e3, peak_mb, len(tessellation.cells), float(served_m2.sum()))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(run(float(sys.argv[1])))))
