"""``twin bench``: runs the folder ``benchmarks`` of a checkout by pytest-benchmark and prints times as ratios."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

import twin
from twin.cli.bench_report import HEADER, machine, markdown, read_report, replace_block, tables, verdict
from twin.cli.common import Door, json_option, pass_door, print_json, print_table
from twin.cli.speaking import Command
from twin.errors import TwinError, Unavailable

CHECKOUT = Path(twin.__file__).parent.parent
STDERR = 2
OWN_OPTIONS = (
    "-p", "no:cacheprovider", "-p", "no:xdist", "-o", "addopts=--import-mode=importlib", "-q", "-rs",
    "--benchmark-only", "--benchmark-quiet",
)  # fmt: skip
"""Not those of the tests: nothing is deselected, nothing runs beside the one that is timed."""


def run_benchmarks(checkout: Path) -> dict[str, Any]:
    """Run the folder in a process of its own, and what it reports.

    Raises:
        Unavailable: there is no such folder, or pytest-benchmark is not installed.
        TwinError: a benchmark failed; what it said is on stderr.
    """
    folder = checkout / "benchmarks"
    if not folder.is_dir():
        raise Unavailable(
            f"没有 {folder}：twin bench 需要源码检出目录",
            f"there is no {folder}: twin bench needs a checkout of the source",
        )
    if find_spec("pytest_benchmark") is None:
        raise Unavailable(
            "未安装 pytest-benchmark：请运行 make bench，它会先安装开发依赖",
            "pytest-benchmark is not installed: make bench installs the packages of developers first",
        )
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "report.json"
        command = [sys.executable, "-m", "pytest", "benchmarks", *OWN_OPTIONS, f"--benchmark-json={file}"]
        environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
        done = subprocess.run(command, cwd=checkout, env=environment, stdout=STDERR, check=False)  # noqa: S603  (our own)
        if done.returncode or not file.exists():
            raise TwinError("基准测试失败，原因见上", "the benchmarks failed; what they said is above")
        report: dict[str, Any] = json.loads(file.read_text("utf-8"))
        return report


@click.command(cls=Command)
@click.option(
    "--write-readme",
    is_flag=True,
    help="同时把结果表写入检出目录的 README / Also write the table into the checkout's README, between its markers.",
)
@json_option
@pass_door
def bench(door: Door, write_readme: bool, as_json: bool) -> None:
    """测量本机速度：以倍数计，附核对与目标。需要几分钟和源码检出目录。
    / Measure this machine: times as ratios, with checks and targets. Takes minutes, needs a checkout.
    """
    door.say("正在测量，需要几分钟 …", "measuring, this takes some minutes …")
    report = run_benchmarks(CHECKOUT)
    lines = read_report(report)
    if as_json:
        print_json({"machine": machine(report), "rows": [asdict(line) for line in lines]})
    else:
        for title, rows in tables(lines, door.lang):
            click.echo(title)
            print_table(HEADER[door.lang], rows)
            click.echo()
    if write_readme:
        readme = CHECKOUT / "README.md"
        readme.write_text(replace_block(readme.read_text("utf-8"), markdown(report, lines)), "utf-8")
    door.say(machine(report), machine(report))
    door.say(verdict(lines).zh, verdict(lines).en)


COMMANDS = (bench,)
