"""The whole city at 1/16, 1/4 and all of its area: time, memory, and time per cell."""

from __future__ import annotations

import pytest
import shapely

from benchmarks.city import Run, in_own_process, scaled_city
from benchmarks.rows import SCALES
from twin.coverage.service import open_region

MOST_MB = 1000.0
TOTAL_TOLERANCE = 2e-6
FLAT = 1.5
"""How much longer a cell may take in a scene sixteen times as large."""


@pytest.fixture(scope="module")
def runs() -> dict[int, Run]:
    return {n: in_own_process(n / max(SCALES)) for n in SCALES}


def test_the_whole_city(runs, measure):
    run = runs[max(SCALES)]
    measure.told("city", run.ms)
    error = abs(run.served_m2 - plain_served_m2()) / run.served_m2
    ok = run.peak_mb < MOST_MB and error <= TOTAL_TOLERANCE
    measure.check(
        ok,
        f"{run.n_cells:,} 个单元，峰值内存 {run.peak_mb:.0f} MB（< {MOST_MB:.0f}），与 Shapely 对照总计相差 {error:.1e}",
        f"{run.n_cells:,} cells, peak {run.peak_mb:.0f} MB (< {MOST_MB:.0f}), total {error:.1e} from the plain reference",
    )


@pytest.mark.parametrize("n", SCALES)
def test_time_per_cell(n, runs, measure):
    run = runs[n]
    measure.told(f"scaling-{n}", run.ms)
    per_cell_ns, flat_ns = (1e6 * r.ms / r.n_cells for r in (run, runs[min(SCALES)]))
    ratio = per_cell_ns / flat_ns
    measure.check(
        ratio <= FLAT,
        f"{run.n_cells:,} 个单元，每单元 {per_cell_ns:.0f} ns，为 1× 的 {ratio:.2f} 倍（≤ {FLAT:g}）",
        f"{run.n_cells:,} cells, {per_cell_ns:.0f} ns a cell, {ratio:.2f} of that at 1× (≤ {FLAT:g})",
    )


def plain_served_m2() -> float:
    scene = scaled_city(1)
    return sum(
        zone.shape.area - shapely.area(open_region(zone.shape, scene.station_xy, zone.radius_m)) for zone in scene.zones
    )
