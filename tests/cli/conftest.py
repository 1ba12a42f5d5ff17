"""The command line in a folder of its own, and one that holds an area and two charging stations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import shapely
from click.testing import CliRunner, Result

from tests.world import CENTRE, offset, square
from twin.cli import main

AREAS = {
    "type": "FeatureCollection",
    "features": [
        {"type": "Feature", "properties": {"code": "310112", "name": "闵行区", "name_en": "Minhang"},
         "geometry": json.loads(shapely.to_geojson(square(5000)))},
        {"type": "Feature", "properties": {"code": "outer-ring", "name": "外环", "level": "zone"},
         "geometry": json.loads(shapely.to_geojson(square(1000, (121.9, 31.5))))},
    ],
}  # fmt: skip


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TWIN_LANG", "en")

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, list(arguments))

    return run


@pytest.fixture
def loaded(run, tmp_path: Path):
    (tmp_path / "areas.geojson").write_text(json.dumps(AREAS), "utf-8")
    lng, lat = CENTRE
    far_lng, far_lat = offset(CENTRE, 20_000, 0)
    (tmp_path / "chargers.csv").write_text(
        f"StationID,StationName,经度,纬度,StationType,total_piles\nA,甲站,{lng},{lat},1,12\nB,乙站,{far_lng},{far_lat},103,2\n",
        "utf-8",
    )
    assert run("import", "areas.geojson", "--layer", "areas", "--frame", "wgs84", "--apply").exit_code == 0
    assert (
        run(
            "import",
            "chargers.csv",
            "--layer",
            "chargers",
            "--frame",
            "wgs84",
            "--apply",
            "--by",
            "li",
            "--reason",
            "spring survey",
        ).exit_code
        == 0
    )
    return run
