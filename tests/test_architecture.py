"""The rooms of twin stand in bands, without cycles, and the pure bands are pure; and the checker itself can fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture import faults

ROOT = Path(__file__).resolve().parent.parent


def test_the_house_is_in_order() -> None:
    files = {file: file.relative_to(ROOT).with_suffix("").parts for file in (ROOT / "twin").rglob("*.py")}
    packages = {".".join(parts[:-1]) for parts in files.values() if parts[-1] == "__init__"}
    sources = {
        ".".join(parts).removesuffix(".__init__"): file.read_text(encoding="utf-8") for file, parts in files.items()
    }
    assert len(sources) > 20, "the sources were not found"
    assert "\n".join(faults(sources, packages)) == ""


@pytest.mark.parametrize(
    ("module", "source"),
    [
        pytest.param("twin.model", "from twin import errors", id="a band to the left"),
        pytest.param("twin.cells", "from twin.frames import WGS84", id="its own band"),
        pytest.param("twin.model", "from twin import __version__", id="a name of the root"),
        pytest.param("twin.layers.base", "from . import areas", id="a sibling, relatively"),
        pytest.param("twin.api.app", "from twin.settings import Settings", id="a door asks for the settings"),
        pytest.param("twin.store.sqlite", "import sqlite3, os, time", id="an adapter may touch the outside"),
        pytest.param("twin.model", "import numpy as np\nr = np.random.default_rng(1)", id="a given seed"),
        pytest.param("twin.plan", "import tomllib, json\nx = tomllib.loads(json.dumps({}))", id="text to values"),
        pytest.param("twin.model", "from datetime import datetime\nx = datetime.fromisoformat", id="time as a value"),
        pytest.param("twin.model", "def f(open_area): return row.open, self.load", id="words that only look alike"),
        pytest.param("twin.errors", "x = 'import os; open(1)'", id="a string is no code"),
    ],
)
def test_good_sources_pass(module: str, source: str) -> None:
    assert faults(house(**{module: source})) == []


@pytest.mark.parametrize(
    ("module", "source", "words"),
    [
        pytest.param("twin.layers.base", "import twin.engine", "(domain) imports twin.engine (engine)", id="upwards"),
        pytest.param("twin.engine", "from twin.store import x", "imports twin.store (adapters)", id="a name of it"),
        pytest.param("twin.engine", "from twin import store", "imports twin.store (adapters)", id="from the root"),
        pytest.param("twin.layers.base", "from ..engine import x", "imports twin.engine", id="relatively"),
        pytest.param("twin.engine", "def f():\n  from twin.api import x", "twin.engine:2", id="lazily"),
        pytest.param(
            "twin.engine",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  from twin.api import x",
            "twin.engine:3",
            id="for types",
        ),
        pytest.param(
            "twin.engine", "import importlib\nimportlib.import_module('twin.cli')", "imports twin.cli", id="by name"
        ),
        pytest.param("twin.store.sqlite", "from twin.api.app import x", "imports twin.api.app (doors)", id="to a door"),
        pytest.param("twin", "from twin.model import Asset", "the root package", id="the root is left of all"),
        pytest.param("twin.attic", "", "place it in BANDS", id="a room without a band"),
        pytest.param("twin.cells", "from twin import cells", "imports itself", id="itself"),
    ],
)
def test_an_import_to_the_right_is_found(module: str, source: str, words: str) -> None:
    found = faults(house(**{module: source}))
    assert len(found) == 1
    assert words in found[0]


def test_a_cycle_is_found_even_within_a_band_and_lazily() -> None:
    found = faults(
        house(
            **{
                "twin.model": "import twin.cells",
                "twin.cells": "from twin.frames import x",
                "twin.frames": "def f():\n  from twin.model import Asset",
            }
        )
    )
    assert len(found) == 1
    assert found[0].startswith("import cycle: ")
    assert all(name in found[0] for name in ("twin.model", "twin.cells", "twin.frames"))


def test_a_package_that_gathers_its_modules_is_no_cycle_until_one_asks_the_package() -> None:
    gathered = {"twin.layers": "from twin.layers.areas import AREAS", "twin.layers.areas": "from .base import Field"}
    assert faults(house(**gathered)) == []
    asked = gathered | {"twin.layers.areas": "from twin.layers import LAYERS"}
    assert faults(house(**asked)) == ["import cycle: twin.layers -> twin.layers.areas -> twin.layers"]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import os", "imports os"),
        ("def f():\n  from pathlib import Path", "imports pathlib"),
        ("import sqlalchemy as sa", "imports sqlalchemy"),
        ("from pydantic import BaseModel", "imports pydantic"),
        ("import time", "imports time"),
        ("import random", "imports random"),
        ("x = open('plan.toml')", "uses open"),
        ("print(1)", "uses print"),
        ("from datetime import datetime, UTC\nx = datetime.now(UTC)", "uses datetime.datetime.now"),
        ("import datetime as dt\nx = dt.date.today()", "uses datetime.date.today"),
        ("from datetime import datetime\nf(default_factory=datetime.utcnow)", "uses datetime.datetime.utcnow"),
        ("import pandas as pd\nx = pd.read_csv('a')", "uses pandas.read_csv"),
        ("from geopandas import read_file\nx = read_file('a')", "uses geopandas.read_file"),
        ("import numpy as np\nx = np.load('a')", "uses numpy.load"),
        ("import numpy as np\nx = np.random.rand(3)", "uses numpy.random.rand"),
        ("frame.to_file('a.gpkg')", "uses to_file"),
        ("def f():\n  global cache\n  cache = 1", "uses global cache"),
    ],
)
@pytest.mark.parametrize("module", ["twin.errors", "twin.plan", "twin.layers.base"])
def test_a_pure_module_that_touches_the_outside_is_found(module: str, source: str, words: str) -> None:
    found = faults(house(**{module: source}))
    assert len(found) == 1
    assert words in found[0]


def house(**rooms: str) -> dict[str, str]:
    """A small house in order, with the given rooms furnished."""
    names = "errors model frames cells plan layers layers.areas layers.base engine "
    names += "store store.sqlite api api.app settings cli"
    return {"twin": "", **{f"twin.{name}": "" for name in names.split()}, **rooms}
