"""``twin layers``: what there is, and how good it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.world import CENTRE, HAND, NOW, charger, district, radio_site
from twin.cli import main
from twin.model import Edit
from twin.store import open_store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path / 'twin.sqlite'}"
    records = [charger("a", CENTRE), radio_site("s", CENTRE), *district()]
    open_store(url).commit([Edit("add", r) for r in records], author="test", reason="test", at=NOW, sources=[HAND])
    return url


def test_the_layers_are_listed_with_their_quality_and_what_fails(store: str) -> None:
    for lang, failing, passing in (
        ("zh", "完整性 71.4 % < 80.0 %", "质量"),
        ("en", "Completeness 71.4 % < 80.0 %", "quality"),
    ):
        lines = CliRunner().invoke(main, ["--store", store, "--lang", lang, "layers"]).output.splitlines()
        of = {line.split()[0]: line for line in lines}
        assert passing in lines[0]
        assert of["chargers"].endswith(f"94.2 % ▲ {failing}")
        assert of["radio_sites"].endswith("100.0 % ●")
        assert of["cameras"].endswith("—")


def test_as_json_they_have_the_whole_quality(store: str) -> None:
    rows = {
        row["layer"]: row for row in json.loads(CliRunner().invoke(main, ["--store", store, "layers", "--json"]).stdout)
    }
    assert rows["cameras"]["quality"] is None
    assert rows["chargers"]["quality"]["failing"] is True
    first = rows["chargers"]["quality"]["components"][0]
    assert (first["id"], first["n"], first["of"], first["lacks"]) == (
        "completeness",
        5,
        7,
        {"max_power_kw": 1, "owner": 1},
    )
