"""A planner's sheet of 70,000 cameras: read, looked at against as many that are held, recorded; and offsets undone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openpyxl
import pytest

from benchmarks.ledger import HEADER, N_CAMERAS, write_ledger
from benchmarks.rows import FEW_ROUNDS, OFFSETS
from benchmarks.scene import reference_areas, seeded_stations
from tests.world import NOW, PLAN, area
from twin.coverage.scope import Scope
from twin.engine import Twin
from twin.frames import FRAMES, from_wgs84, to_wgs84
from twin.ingest import ImportReport, ImportRequest, apply, examine
from twin.model import Edit
from twin.opening import open_profiles
from twin.readers import read_table
from twin.readers.raster import read_grid
from twin.settings import Settings
from twin.store import open_store

N_POINTS = 1_000_000
ONCE = 2
"""Arguments of what is too slow for more than one round after the first."""


@pytest.fixture(scope="module")
def sheets(tmp_path_factory) -> tuple[Path, Path]:
    """The same cameras twice; in the second sheet a tenth of them have moved."""
    folder = tmp_path_factory.mktemp("ledger")
    places = seeded_stations(Scope(reference_areas()["310112"]), N_CAMERAS, seed=5)
    moved = places + np.where(np.arange(N_CAMERAS) % 10 == 0, 1e-4, 0.0)[:, None]
    for name, lnglat in (("before.xlsx", places), ("cameras.xlsx", moved)):
        write_ledger(folder / name, lnglat)
    return folder / "before.xlsx", folder / "cameras.xlsx"


def twin_at(folder: Path) -> Twin:
    twin = Twin(open_store(f"sqlite:///{folder / 'twin.sqlite'}"), PLAN, read_grid, lambda: NOW)
    kept = [a for a in reference_areas().values() if a.level in {"district", "town"}]
    twin.commit([Edit("add", area(a.code, a.level, a.geometry, a.name)) for a in kept], author="bench", reason="areas")
    return twin


def dry_run(twin: Twin, sheet: Path) -> ImportReport:
    table = read_table(sheet)
    request = ImportRequest("cameras", "wgs84", "ledger")
    return examine(twin, table, request, allow_datum_inverse=False, profiles=open_profiles(Settings()))


def test_reading_the_sheet(sheets, measure):
    table = measure.fastest_of("sheet-twin", read_table, [sheets[0]] * FEW_ROUNDS)
    measure.check(table.columns.shape == (N_CAMERAS, len(HEADER)), "行列齐全", "all rows and columns")


def test_reading_the_sheet_by_openpyxl(sheets, measure):
    def read(path: Path) -> int:
        book = openpyxl.load_workbook(path, read_only=True)
        return sum(1 for _ in book.active.iter_rows(values_only=True)) - 1

    n_rows = measure.fastest_of("sheet-openpyxl", read, [sheets[0]] * ONCE)
    measure.check(None, f"{n_rows:,} 行", f"{n_rows:,} rows")


def test_the_dry_run_against_as_many_that_are_held(sheets, measure, tmp_path):
    twin = twin_at(tmp_path)
    apply(twin, dry_run(twin, sheets[0]), author="bench", reason="before")
    report = measure.fastest_of("import-dry", lambda sheet: dry_run(twin, sheet), [sheets[1]] * FEW_ROUNDS)
    counts = report.difference.counts()
    measure.check(
        (counts["moved"], counts["unchanged"], len(report.checked.faults)) == (N_CAMERAS / 10, N_CAMERAS * 9 / 10, 0),
        f"移动 {counts['moved']:,}，不变 {counts['unchanged']:,}",
        f"{counts['moved']:,} moved, {counts['unchanged']:,} unchanged",
    )


def test_recording_it(sheets, measure, tmp_path):
    twins = [twin_at(made(tmp_path / str(n))) for n in range(FEW_ROUNDS + 1)]
    examined = [(twin, dry_run(twin, sheets[0])) for twin in twins]
    measure.fastest_of("import-apply", lambda pair: apply(*pair, author="bench", reason="r"), examined[:FEW_ROUNDS])
    n_held = [len(twin.snapshot().layers["cameras"]) for twin in twins]
    measure.check(n_held == [N_CAMERAS] * FEW_ROUNDS + [0], f"{N_CAMERAS:,} 台在库", f"{N_CAMERAS:,} are held")


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.parametrize("frame", OFFSETS)
def test_undoing_an_offset(frame, measure):
    rng = np.random.default_rng(1)
    lng, lat = rng.uniform(121, 122, N_POINTS), rng.uniform(30.6, 31.9, N_POINTS)
    x, y = from_wgs84(lng, lat, FRAMES[frame])
    back = measure.fastest_of(
        f"offset-{frame}", lambda xy: to_wgs84(*xy, FRAMES[frame], allow_datum_inverse=True), [(x, y)] * FEW_ROUNDS
    )
    worst = max(np.abs(back[0] - lng).max(), np.abs(back[1] - lat).max())
    measure.check(worst < 1e-11, f"往返最多差 {worst:.0e}°", f"there and back within {worst:.0e} degrees")
