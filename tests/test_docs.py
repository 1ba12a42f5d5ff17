"""What the documents show runs."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from twin.cli import main
from twin.frames import to_wgs84
from twin.readers.local_frame import read_local_frame

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_local_grid_of_the_document_is_one(tmp_path):
    block = re.search(
        r"<!-- local frame -->\n```toml\n(.*?)```", (ROOT / "docs" / "imports.md").read_text("utf-8"), re.DOTALL
    )
    assert block
    (tmp_path / "grid.toml").write_text(block[1], "utf-8")
    frame = read_local_frame(tmp_path / "grid.toml")
    lng, lat = to_wgs84([0.0], [0.0], frame, allow_datum_inverse=False)
    assert (lng[0], lat[0]) == pytest.approx((121.5, 31.2), abs=0.1)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_that_a_document_shows_is_there_with_its_options(document):
    shown = re.findall(r"^\$? ?(?:TWIN_\w+=\S+ )?twin ([a-z]+)([^#\n]*)", document.read_text("utf-8"), re.MULTILINE)
    for name, rest in shown:
        assert name in main.commands, f"twin {name}"
        command = main.commands[name]
        below = list(command.commands.values()) if isinstance(command, click.Group) else []
        known = {option for one in (command, *below) for parameter in one.params for option in parameter.opts}
        unknown = [word for word in re.findall(r"(?<!\S)--[a-z-]+", rest) if word not in known | {"--help"}]
        assert not unknown, f"twin {name}{rest}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_to_a_file_leads_somewhere(document):
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text("utf-8")):
        assert (document.parent / target).exists(), target


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_has_help_and_so_has_each_of_its_options(name):
    answer = CliRunner().invoke(main, [name, "--help"])
    assert answer.exit_code == 0
    assert (main.commands[name].help or "").strip()
    options = [parameter for parameter in main.commands[name].params if isinstance(parameter, click.Option)]
    assert [option.name for option in options if not option.help] == []
