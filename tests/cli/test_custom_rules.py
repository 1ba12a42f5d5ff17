"""Rule files at the command line: checked line by line, loaded whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.postgis import free_port

EXAMPLE = (Path(__file__).parents[2] / "geodata" / "rules-example.toml").read_text("utf-8")
FAULTY = (
    EXAMPLE.replace('unit = "share"', 'unit = "%"', 1)
    .replace("having =", "haveing =")
    .replace('"environment"]', '"enviroment"]')
)
LINES = {
    n: line
    for n, line in enumerate(FAULTY.splitlines(), 1)
    if "%" in line[:12] or "haveing" in line or "enviroment" in line
}


@pytest.fixture
def rules(run, tmp_path: Path) -> Path:
    """The folder of rules in the data folder, empty."""
    folder = tmp_path / "var" / "rules"
    folder.mkdir(parents=True)
    return folder


def test_a_fine_rule_file_says_how_many_clauses_it_has(run, tmp_path: Path):
    (tmp_path / "mine.toml").write_text(EXAMPLE, "utf-8")
    checked = run("rules", "--check", "mine.toml")
    assert checked.exit_code == 0
    assert "example-fast-charging" in checked.stdout
    told = json.loads(run("rules", "--check", "mine.toml", "--json").stdout)
    assert (told["ok"], told["faults"]) == (True, [])
    assert told["clauses"][:2] == ["example-fast-charging", "example-water-and-environment-sensors"]
    assert not (tmp_path / "var").exists()


def test_all_faults_of_a_rule_file_are_told_with_their_lines_in_both_languages(run, tmp_path: Path, monkeypatch):
    (tmp_path / "mine.toml").write_text(FAULTY, "utf-8")
    checked = run("rules", "--check", "mine.toml")
    assert (checked.exit_code, checked.stdout, len(LINES)) == (2, "", 3)
    for line in LINES:
        assert f"mine.toml:{line} example-" in checked.stderr
    assert "did you mean having?" in checked.stderr
    told = json.loads(run("rules", "--check", "mine.toml", "--json").stdout)
    assert told["ok"] is False
    assert {(f["file"], f["line"]) for f in told["faults"]} == {("mine.toml", line) for line in LINES}
    assert {f["field"] for f in told["faults"]} == {"unit", "parameters.haveing", "parameters.where.domain[2]"}
    assert all(f["zh"] and f["en"] and f["clause"].startswith("example-") for f in told["faults"])
    monkeypatch.setenv("TWIN_LANG", "zh")
    assert "是否指 having" in run("rules", "--check", "mine.toml").stderr


def test_a_rule_file_that_is_not_there_is_not_found(run):
    assert run("rules", "--check", "nowhere.toml").exit_code == 3


def test_a_clause_in_the_folder_of_rules_is_listed_and_judged(loaded, rules: Path):
    text = EXAMPLE.replace("example-fast-charging", "fast").replace(
        "max_power_kw = { min = 60 }", "n_connectors = { min = 10 }"
    )
    (rules / "mine.toml").write_text(text, "utf-8")
    listed = {r["id"]: r for r in json.loads(loaded("rules", "--json").stdout)}
    assert (listed["fast"]["kind"], listed["charger-service"]["kind"]) == ("share", "service")
    told = json.loads(loaded("cover", "fast", "--json", "--cells", "7").stdout)
    assert (told["result"]["value"], told["result"]["met"], told["result"]["rule"]) == (1.0, True, "fast")
    assert told["cells"]["cells"]
    shown = loaded("cover", "fast")
    assert (shown.exit_code, "100.0 %" in shown.stdout, "Example: at least half" in shown.stdout) == (0, True, True)
    assert loaded("cover", "example-water-and-environment-sensors").exit_code == 0


def test_another_folder_of_rules_may_be_named_and_must_be_there(loaded, rules: Path, tmp_path: Path, monkeypatch):
    (rules / "ignored.toml").write_text("no = toml = at all", "utf-8")
    monkeypatch.setenv("TWIN_RULES", "elsewhere")
    assert loaded("rules").exit_code == 2
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "mine.toml").write_text(EXAMPLE, "utf-8")
    assert "example-fast-charging" in loaded("rules").stdout


@pytest.mark.parametrize(
    "command", [("cover", "charger-service"), ("serve", "--port", "1"), ("rules",)], ids=lambda c: c[0]
)
def test_a_faulty_rule_file_is_refused_by_everything_that_judges_with_all_faults(loaded, rules: Path, command):
    (rules / "mine.toml").write_text(FAULTY, "utf-8")
    (rules / "other.toml").write_text("x = ", "utf-8")
    if command[0] == "serve":
        command = ("serve", "--port", str(free_port()))
    refused = loaded(*command)
    assert refused.exit_code == 2
    assert all(f"mine.toml:{line} " in refused.stderr for line in LINES)
    assert "other.toml:1" in refused.stderr


def test_a_file_is_checked_beside_the_others_and_replaces_one_of_its_name(rules: Path, tmp_path: Path, run):
    (rules / "mine.toml").write_text(EXAMPLE, "utf-8")
    (tmp_path / "mine.toml").write_text(EXAMPLE, "utf-8")
    assert run("rules", "--check", "mine.toml").exit_code == 0
    assert run("rules", "--check", str(rules / "mine.toml")).exit_code == 0
    (tmp_path / "again.toml").write_text(EXAMPLE, "utf-8")
    again = run("rules", "--check", "again.toml")
    assert again.exit_code == 2
    assert "mine.toml:" in again.stderr
