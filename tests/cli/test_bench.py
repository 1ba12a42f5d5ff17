"""``twin bench`` without measuring: what it makes of a report, and what it says where it cannot run."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from benchmarks.rows import GROUPS, ROWS
from twin.cli import bench, main
from twin.cli.bench_report import BEGIN, END, machine, markdown, read_report, replace_block, tables, verdict
from twin.errors import NotFound


def row(name: str, **targets: Any) -> dict[str, Any]:
    limits = {"at_most_ms": None, "at_least_times": None, "needs": None} | targets
    return {"id": name, "group": "g", "zh": f"{name} 方", "en": name, **limits}


def measured(name: str, seconds: float, ok: bool | None = None, **extra: float) -> dict[str, Any]:
    check = {"ok": ok, "zh": "相差 0.5", "en": "off by 0.5"}
    return {"name": f"test_{name}", "extra_info": {"row": name, "check": check, **extra}, "stats": {"min": seconds}}


def report(*benchmarks: dict[str, Any]) -> dict[str, Any]:
    """As pytest-benchmark writes it and ``benchmarks/conftest.py`` completes it, with the fields that are read."""
    rows = [
        row("ours", at_most_ms=10.0),
        row("plain"),
        row("peer", at_least_times=150.0),
        row("database", needs="postgis"),
    ]
    absent = {"database": {"zh": "未测：未安装 PostGIS", "en": "not measured: PostGIS is not installed"}}
    return {
        "machine_info": {"node": "secret-host", "machine": "x86_64", "python_version": "3.11.7",
                         "cpu": {"brand_raw": "A Processor", "count": 2}},
        "datetime": "2026-11-21T09:00:00+00:00",
        "benchmarks": list(benchmarks),
        "twin": {"groups": [{"id": "g", "zh": "一组", "en": "A group"}], "rows": rows, "not_measured": absent},
    }  # fmt: skip


FULL = report(measured("peer", 0.9), measured("ours", 0.004, ok=True), measured("plain", 0.08))


def test_lines_come_in_the_declared_order_with_ratios_to_the_first():
    lines = read_report(FULL)
    assert [line.id for line in lines] == ["ours", "plain", "peer", "database"]
    assert [line.ms for line in lines] == pytest.approx([4.0, 80.0, 900.0, None])
    assert [line.times for line in lines] == pytest.approx([1.0, 20.0, 225.0, None])


def test_the_table_is_in_both_languages_and_says_what_was_not_measured():
    ((title, rows),) = tables(read_report(FULL), "en")
    assert title == "A group"
    assert rows == [
        ("ours", "4.00", "1.00", "≤ 10 ms met", "off by 0.5: met"),
        ("plain", "80.0", "20.0", "", "off by 0.5"),
        ("peer", "900", "225", "≥ 150× met", "off by 0.5"),
        ("database", "—", "—", "", "not measured: PostGIS is not installed"),
    ]
    ((title, rows),) = tables(read_report(FULL), "zh")
    assert (title, rows[0], rows[3][4]) == (
        "一组",
        ("ours 方", "4.00", "1.00", "≤ 10 ms 达到", "相差 0.5: 达到"),
        "未测：未安装 PostGIS",
    )


@pytest.mark.parametrize(
    ("benchmarks", "met"),
    [
        ((measured("ours", 0.010), measured("peer", 1.5)), {"ours": True, "peer": True}),
        ((measured("ours", 0.0101), measured("peer", 1.5)), {"ours": False, "peer": False}),
        ((measured("ours", 0.001, ok=False), measured("peer", 0.15)), {"ours": True, "peer": True}),
        ((measured("plain", 0.001, ok=True), measured("peer", 0.15)), {"plain": None, "ours": None, "peer": None}),
        ((measured("ours", 0.001, ms=12.0),), {"ours": False}),
        ((), {"ours": None, "plain": None, "peer": None, "database": None}),
    ],
    ids=["on the edge", "just beyond", "fast but wrong", "nothing to compare with", "a time that is told", "nothing"],
)
def test_a_target_is_met_if_its_time_or_ratio_is(benchmarks, met):
    found = {line.id: line.met for line in read_report(report(*benchmarks))}
    assert {name: found[name] for name in met} == met


@pytest.mark.parametrize(
    ("ok", "said"), [(True, "off by 0.5: met"), (False, "off by 0.5: missed"), (None, "off by 0.5")]
)
def test_a_check_is_said_apart_from_the_time(ok, said):
    line, *_ = read_report(report(measured("ours", 0.001, ok=ok)))
    assert (line.met, line.right) == (True, ok)
    assert tables([line], "en")[0][1][0][3:] == ("≤ 10 ms met", said)


def test_the_verdict_counts_met_missed_and_absent():
    assert verdict(read_report(FULL)).en == "targets and checks: 3 met, 0 missed; 1 rows not measured"


def test_the_readme_block_is_a_table_without_the_machines_name():
    text = markdown(FULL, read_report(FULL))
    assert text.startswith("A Processor, 2 cores, Python 3.11.7, 2026-11-21.")
    assert "| ours | 4.00 | 1.00 | ≤ 10 ms met | off by 0.5: met |\n| plain |" in text
    assert "secret-host" not in text + machine(FULL)
    widths = {line.count("|") for line in text.splitlines() if line.startswith("|")}
    assert widths == {6}


def test_only_what_stands_between_the_markers_is_replaced():
    text = f"# Title\n{BEGIN}\nold\n{END}\nrest\n"
    once = replace_block(text, "new")
    assert once == f"# Title\n{BEGIN}\nnew\n{END}\nrest\n"
    assert replace_block(once, "new") == once


@pytest.mark.parametrize(
    "text", ["no markers", BEGIN, END, f"{END}\n{BEGIN}", f"{BEGIN}{END}{END}", f"{BEGIN}{BEGIN}{END}"]
)
def test_a_readme_without_both_markers_is_left_alone(text):
    with pytest.raises(NotFound, match="once each"):
        replace_block(text, "new")


def test_what_is_declared_hangs_together():
    assert len({r.id for r in ROWS}) == len(ROWS)
    assert [g.id for g in GROUPS] == list(dict.fromkeys(r.group for r in ROWS))


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose benchmarks, when they are run, report ``FULL``."""

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
        (told,) = [word for word in command if word.startswith("--benchmark-json=")]
        Path(told.partition("=")[2]).write_text(json.dumps(FULL), "utf-8")
        return subprocess.CompletedProcess(command, 0)

    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "README.md").write_text(f"# Title\n{BEGIN}\n{END}\n", "utf-8")
    monkeypatch.setattr(bench, "CHECKOUT", tmp_path)
    monkeypatch.setattr(subprocess, "run", run)
    return tmp_path


def twin(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def test_it_prints_the_table_to_stdout_and_leaves_the_readme_alone(checkout):
    done = twin("--lang", "en", "bench")
    assert done.exit_code == 0
    assert "A group\ncontestant" in done.stdout
    assert "3 met, 0 missed" in done.stderr
    assert "contestant" not in (checkout / "README.md").read_text("utf-8")


def test_it_writes_the_readme_when_asked(checkout):
    assert twin("--lang", "zh", "bench", "--write-readme").exit_code == 0
    text = (checkout / "README.md").read_text("utf-8")
    assert text.startswith(f"# Title\n{BEGIN}\nA Processor")
    assert text.endswith(f"|\n{END}\n")


def test_it_prints_json_for_machines(checkout):
    told = json.loads(twin("bench", "--json").stdout)
    assert [r["id"] for r in told["rows"]] == ["ours", "plain", "peer", "database"]
    assert told["rows"][2]["times"] == pytest.approx(225.0)
    assert told["rows"][3]["ms"] is None


def test_without_the_folder_it_says_so_with_exit_code_5(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "CHECKOUT", tmp_path)
    done = twin("--lang", "en", "bench")
    assert done.exit_code == 5
    assert "needs a checkout" in done.stderr


def test_without_pytest_benchmark_it_says_so_with_exit_code_5(checkout, monkeypatch):
    monkeypatch.setattr(
        bench, "find_spec", lambda name: None if name == "pytest_benchmark" else importlib.util.find_spec(name)
    )
    done = twin("--lang", "en", "bench")
    assert done.exit_code == 5
    assert "pytest-benchmark is not installed" in done.stderr


def test_a_failed_benchmark_is_an_error_and_no_table(checkout, monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda command, **options: subprocess.CompletedProcess(command, 1))
    done = twin("--lang", "en", "bench")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "failed" in done.stderr
