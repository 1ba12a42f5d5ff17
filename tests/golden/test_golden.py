"""Every rule on the reference twin, as small text that a reviewer can read; rewritten by ``make golden``."""

from __future__ import annotations

import csv
import io
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from twin.coverage import RULES
from twin.demo.build import build_reference_twin
from twin.engine import Twin
from twin.layers import LAYERS
from twin.model import Edit
from twin.readers.plan_file import read_plan
from twin.readers.raster import read_grid
from twin.store import MemoryStore

FOLDER = Path(__file__).parent
GEODATA = FOLDER.parent.parent / "geodata"
DAY = datetime(2026, 6, 30, 16, tzinfo=UTC)
PLAN = read_plan(GEODATA / "plan.toml", [FOLDER / "kinds.toml"])
"""The plan, and a clause for each kind of rule; every rule has a clause of its name."""


@pytest.fixture(scope="module")
def twin() -> Twin:
    made = build_reference_twin(1, DAY, GEODATA)
    twin = Twin(MemoryStore(), PLAN, read_grid, lambda: DAY)
    edits = [Edit("add", r) for r in made.records]
    twin.commit(edits, author="golden", reason="golden", sources=made.sources, grids=made.grids)
    return twin


def same_or_written(name: str, text: str) -> None:
    """Compare with the golden file, or write it where ``TWIN_GOLDEN=write``."""
    path = FOLDER / name
    if os.environ.get("TWIN_GOLDEN") == "write":
        path.write_text(text, "utf-8")
    assert path.is_file(), f"{name} is missing: run make golden and read the difference"
    assert text == path.read_text("utf-8")


def table(header: list[str], rows: list[list[object]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([header, *rows])
    return out.getvalue()


def figure(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float) else "" if value is None else value


def test_every_golden_file_belongs_to_a_rule_or_to_the_layers():
    assert {p.stem for p in FOLDER.glob("*.csv")} == {*RULES, "layers"}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_on_the_reference_twin(twin: Twin, rule: str):
    evaluation = twin.cover(rule)
    result, gaps = evaluation.result, evaluation.gaps()
    whole = [
        result.area.code,
        result.area.name,
        result.area.level,
        result.value,
        result.met,
        result.share,
        None,
        result.area_km2,
    ]
    rows = [
        [r.code, r.name, r.level, r.value, r.met, r.share, r.shortfall, r.area_km2]
        for r in evaluation.area_rows("town")
    ]
    largest = [[f"gap {g.id}", g.nearest, g.zone, g.missing_m, None, None, g.n_missing, g.area_km2] for g in gaps[:3]]
    header = ["code", "name", "level", "value", "met", "share", "shortfall", "area_km2"]
    same_or_written(f"{rule}.csv", table(header, [[figure(v) for v in row] for row in [whole, *rows, *largest]]))


def test_the_layers_fields_and_units():
    rows: list[list[object]] = [
        [layer.name, layer.geometry, f.name, f.kind, f.unit, " ".join(f.domain), figure(f.default), f.title.zh]
        for layer in LAYERS.values()
        for f in layer.all_fields()
    ]
    same_or_written(
        "layers.csv", table(["layer", "geometry", "field", "kind", "unit", "domain", "default", "title"], rows)
    )
