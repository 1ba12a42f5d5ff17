"""What chance does to a density, on 70,000 cameras in the district's outline: how often raw hexes and windows pass where every
place has the same expectation, and which of the two knows a surface better from which the cameras were drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from numpy.typing import NDArray
from scipy.stats import poisson

from tests.world import HAND, NOW, PLAN
from twin.cells import points_to_cells
from twin.coverage import RULES
from twin.coverage.result import CellTable, Evaluation, Scene
from twin.coverage.scope import Scope
from twin.demo.geography import read_areas
from twin.frames import MetricFrame
from twin.model import Area, LayerTable, Snapshot

N, TRUTH_TIMES, TARGET = 70_000, 100, 180.0
N_CENTRES, UNIFORM_SHARE = 220, 0.3
Sample = Callable[[np.random.Generator, int], NDArray[np.float64]]


@pytest.fixture(scope="module")
def outline() -> Area:
    areas = {a.code: a for a in read_areas(Path(__file__).parents[2] / "geodata")}
    return Area("310112", "闵行区", "Minhang", "district", areas["310112"].geometry)


def cameras_at(lnglat: NDArray[np.float64]) -> LayerTable:
    """Operating cameras of our own, one at each place."""
    n = len(lnglat)
    same: dict[str, Any] = {"name": "", "lifecycle": "operating", "access": "own", "source": HAND.id, "online": True,
                            "valid_from": "2024-01-01T00:00:00.000000Z", "valid_to": None, "owner": "", "camera_type": "dome",
                            "indoor": False}  # fmt: skip
    frame = pd.DataFrame({"key": [f"c{i:05d}" for i in range(n)], **same}, index=range(n))
    frame["online"] = frame["online"].astype("boolean")
    frame = frame.assign(n_devices=np.ones(n, np.int64), lng=lnglat[:, 0], lat=lnglat[:, 1], azimuth_deg=0.0)
    return LayerTable("cameras", frame)


def judge(outline: Area, lnglat: NDArray[np.float64], **parameters: Any) -> Evaluation:
    layers = {"cameras": cameras_at(lnglat)}
    world = Snapshot("drawn", layers, {outline.code: outline}, {}, {HAND.id: HAND}, NOW, NOW)
    clause, rule = PLAN.clause("camera-density"), RULES["camera-density"]
    return rule.evaluate(Scene(world, Scope(outline), clause), rule.read(clause.parameters, parameters))


def inside(outline: Area, frame: MetricFrame, draw: Sample, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """(n, 2) degrees: as many of the drawn points (metres) as lie in the outline."""
    shape = frame.project(outline.geometry)
    shapely.prepare(shape)
    found, missing = [np.empty((0, 2))], n
    while missing > 0:
        xy = draw(rng, missing + missing // 2)
        found.append(xy[shapely.contains_xy(shape, xy[:, 0], xy[:, 1])][:missing])
        missing -= len(found[-1])
    return frame.inverse(np.concatenate(found))


def anywhere(outline: Area, frame: MetricFrame) -> Sample:
    west, south, east, north = frame.project(outline.geometry).bounds
    return lambda rng, n: rng.uniform((west, south), (east, north), (n, 2))


def clustered(outline: Area, frame: MetricFrame, rng: np.random.Generator) -> Sample:
    """A city's surface: centres of unequal weight, 150 to 900 m wide, on a ground that is the same everywhere."""
    ground = anywhere(outline, frame)
    centres, widths = ground(rng, N_CENTRES), rng.uniform(150, 900, N_CENTRES)
    weights = rng.pareto(2, N_CENTRES) + 0.3
    weights /= weights.sum()

    def draw(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        which = rng.choice(N_CENTRES, n, p=weights)
        xy = centres[which] + rng.normal(size=(n, 2)) * widths[which, None]
        return np.where(rng.random((n, 1)) < UNIFORM_SHARE, ground(rng, n), xy)

    return draw


def passing(table: CellTable) -> NDArray[np.bool_]:
    return table.status == "pass"


@pytest.mark.slow
def test_uniform_cameras_pass_raw_hexes_as_often_as_poisson_says_and_windows_at_73_per_cent(outline: Area):
    frame = MetricFrame.around(outline.geometry)
    lnglat = inside(outline, frame, anywhere(outline, frame), np.random.default_rng(20260101), N)
    raw = judge(outline, lnglat, spatial_unit="cell")
    assert raw.result.value == pytest.approx(N / raw.result.area_km2)
    for resolution, said in ((8, 0.65), (9, 0.55), (10, 0.37)):
        table = raw.cells(resolution)
        p = poisson.sf(np.ceil(TARGET * table.area_km2) - 1, raw.result.value * table.area_km2)
        error = np.sqrt((p * (1 - p)).sum()) / len(p)
        assert passing(table).mean() == pytest.approx(p.mean(), abs=3 * error)
        assert p.mean() == pytest.approx(said, abs=0.02)
    windows = judge(outline, lnglat).cells(10)
    judged = ~np.isnan(windows.value)
    assert passing(windows)[judged].mean() == pytest.approx(0.73, abs=0.03)


@pytest.mark.slow
def test_the_raw_intervals_hold_the_expectation_at_least_19_times_in_20(outline: Area):
    frame = MetricFrame.around(outline.geometry)
    lnglat = inside(outline, frame, anywhere(outline, frame), np.random.default_rng(4), N)
    evaluation = judge(outline, lnglat, spatial_unit="cell")
    table = evaluation.cells(9)
    held = (table.low <= evaluation.result.value) & (evaluation.result.value <= table.high)
    assert 0.95 <= held.mean() < 0.99


@pytest.mark.slow
def test_the_window_knows_a_surface_better_than_raw_hexes_do(outline: Area):
    """The truth is the surface itself, by a hundred times as many points in each hex of resolution 10."""
    frame, rng = MetricFrame.around(outline.geometry), np.random.default_rng(20260102)
    draw = clustered(outline, frame, rng)
    lnglat = inside(outline, frame, draw, rng, N)
    raw, windows = judge(outline, lnglat, spatial_unit="cell").cells(10), judge(outline, lnglat).cells(10)
    n = np.zeros(len(raw.cells), np.int64)
    for _ in range(TRUTH_TIMES // 10):
        at = np.searchsorted(raw.cells, points_to_cells(inside(outline, frame, draw, rng, 10 * N), 10))
        n += np.bincount(np.minimum(at, len(n) - 1), minlength=len(n))
    truly = n / TRUTH_TIMES / raw.area_km2 >= TARGET
    judged = ~np.isnan(windows.value)
    by_window, by_hex = (balanced_accuracy(truly[judged], passing(t)[judged]) for t in (windows, raw))
    assert by_window >= 0.90
    assert by_hex < 0.80


def balanced_accuracy(truth: NDArray[np.bool_], said: NDArray[np.bool_]) -> float:
    return float(((said & truth).sum() / truth.sum() + (~said & ~truth).sum() / (~truth).sum()) / 2)
