"""The README's five minutes, followed in order in an empty folder."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

README = (Path(__file__).parent.parent.parent / "README.md").read_text("utf-8")


def commands() -> list[list[str]]:
    """The calls of ``twin`` in the section's first block, in order; several may stand on a line."""
    block = README.partition("## Five minutes")[2].partition("```console\n")[2].partition("```")[0]
    lines = [shlex.split(part, comments=True) for line in block.splitlines() for part in line.split(" ; ")]
    return [words[words.index("twin") + 1 :] for words in lines if "twin" in words]


@pytest.mark.slow
def test_every_command_works_after_those_before_it_and_so_does_the_edit_over_http(run) -> None:
    calls = commands()
    assert len(calls) > 12
    for call in calls:
        answer = run(*call)
        assert answer.exit_code == 0, (call, answer.stderr)
    (key,) = re.findall(r"-X PATCH '[^']*/items/([^?']+)\?", README)
    (version,) = re.findall(r"if-match: \"v(\d+)\"", README)
    versions = json.loads(run("history", "chargers", key, "--json").stdout)
    assert versions[-1]["version"] == int(version)
