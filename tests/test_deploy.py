"""The systemd unit and the page on operations say what the program knows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from click import Option

from twin.cli import main
from twin.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
UNIT = ROOT / "docs" / "deploy" / "hongqiao-twin.service"
PAGE = ROOT / "docs" / "operations.md"


def unit_values(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.+)$", UNIT.read_text("utf-8"), re.MULTILINE)


def test_the_unit_starts_a_command_that_there_is():
    (start,) = unit_values("ExecStart")
    program, command, *words = shlex.split(start)
    known = {name for p in main.commands[command].params if isinstance(p, Option) for name in p.opts}
    assert Path(program).name == "twin"
    assert {word for word in words if word.startswith("--")} <= known


def test_the_unit_waits_longer_than_draining_takes():
    (patience,) = unit_values("TimeoutStopSec")
    assert int(patience) > Settings.model_fields["grace_s"].default


def test_the_unit_and_the_page_name_settings_that_there_are():
    named = set(re.findall(r"\bTWIN_[A-Z_]*[A-Z]\b(?!_\*)", UNIT.read_text("utf-8") + PAGE.read_text("utf-8")))
    known = {f"TWIN_{name.upper()}" for name in Settings.model_fields}
    assert len(named) > 4
    assert named - {"TWIN_JWT"} <= known


def test_the_page_calls_the_unit_s_folders_by_their_names():
    page = PAGE.read_text("utf-8")
    for line in unit_values("Environment"):
        assert line.partition("=")[2] in page
    assert all(
        folder in page for folder in [*unit_values("WorkingDirectory"), *unit_values("EnvironmentFile")[0][1:].split()]
    )
