"""The same content gives the same bytes: in any process, with any number of threads."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import orjson
import pytest
import shapely

from tests.world import CENTRE, HAND, NOW, area, charger, district, offset, radio_site, square
from twin.model import Edit
from twin.store import SqliteStore

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """2,500 cells of towns, stations and sites in one file: more than one thread's work."""
    half_m, rng = 9000, np.random.default_rng(5)
    west, south, east, north = square(half_m).bounds
    towns = [
        area("310112101", "town", shapely.box(west, south, CENTRE[0], north)),
        area("310112102", "town", shapely.box(CENTRE[0], south, east, north)),
    ]
    places = rng.uniform(-half_m, half_m, (150, 2))
    stations = [charger(f"c{i}", offset(CENTRE, *p), online=[True, False, None][i % 3]) for i, p in enumerate(places)]
    sites = [radio_site(f"s{i}", offset(CENTRE, *p)) for i, p in enumerate(rng.uniform(-half_m, half_m, (400, 2)))]
    file = tmp_path_factory.mktemp("store") / "twin.sqlite"
    kept = SqliteStore(file)
    records = [*district(half_m, square(half_m / 2)), *towns, *stations, *sites]
    at = datetime(2026, 1, 2, tzinfo=UTC)
    kept.commit([Edit("add", r) for r in records], author="test", reason="a small world", at=at, sources=[HAND])
    return f"sqlite:///{file}"


def said(store: str, rule: str, **environment: str) -> bytes:
    command = [
        sys.executable, "-m", "twin", "cover", rule, "--json", "--cells", "8",
        "--as-of", "2026-06-30", "--known-at", NOW.isoformat(),
    ]  # fmt: skip
    folder = str(Path(store.removeprefix("sqlite:///")).parent)
    env = {**os.environ, "TWIN_STORE": store, "TWIN_DATA": folder, "TWIN_LANG": "en", **environment}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, check=True).stdout


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["charger-service", "radio-coverage"])
def test_two_processes_print_the_same_bytes(store, rule):
    one = said(store, rule, PYTHONHASHSEED="1", NUMBA_NUM_THREADS="1")
    two = said(store, rule, PYTHONHASHSEED="2", NUMBA_NUM_THREADS="2")
    assert 0 < orjson.loads(one)["result"]["share"] < 1
    assert len(orjson.loads(one)["gaps"]["features"]) > 1
    assert one == two
