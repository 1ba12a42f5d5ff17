"""What ``twin bench`` says of a JSON report of pytest-benchmark: lines, targets, the table of the README. Runs nothing.

``benchmarks/conftest.py`` completes that report with what there is to measure, in which order and with which targets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from twin.errors import NotFound, Words

BEGIN, END = "<!-- bench -->", "<!-- /bench -->"
HEADER = {
    "zh": ("方法", "毫秒", "倍数", "目标", "核对"),
    "en": ("contestant", "ms", "times", "target", "check"),
}
MET = {True: Words("达到", "met"), False: Words("未达到", "missed")}
NOT_MEASURED = Words("未测", "not measured")

Cells = tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """One row of the report. ``times`` is how many times as long as the group's first row; None was not measured.

    ``met`` is whether the time and the ratio are as aimed at, ``right`` whether what was computed is as promised; None
    where nothing was.
    """

    id: str
    group: Words
    name: Words
    ms: float | None
    times: float | None
    at_most_ms: float | None
    at_least_times: float | None
    met: bool | None
    check: Words
    right: bool | None


def read_report(report: Mapping[str, Any]) -> list[Line]:
    """The lines of a report, in the order that it declares."""
    measured = {b["extra_info"]["row"]: b for b in report["benchmarks"]}
    declared = report["twin"]
    groups = {g["id"]: Words(g["zh"], g["en"]) for g in declared["groups"]}
    first_ms: dict[str, float | None] = {}
    lines = []
    for row in declared["rows"]:
        benchmark = measured.get(row["id"])
        ms = None if benchmark is None else float(benchmark["extra_info"].get("ms", benchmark["stats"]["min"] * 1e3))
        base = first_ms.setdefault(row["group"], ms)
        times = ms / base if ms is not None and base else None
        words, right = _check(benchmark, declared["not_measured"].get(row["id"]))
        limits = row["at_most_ms"], row["at_least_times"]
        met = _met(ms, times, *limits)
        name = Words(row["zh"], row["en"])
        lines.append(Line(row["id"], groups[row["group"]], name, ms, times, *limits, met, words, right))
    return lines


def _check(benchmark: Mapping[str, Any] | None, reason: Mapping[str, str] | None) -> tuple[Words, bool | None]:
    """What was found besides the time (or why nothing was), and whether it is as promised."""
    if benchmark is None:
        return (Words(reason["zh"], reason["en"]) if reason else NOT_MEASURED), None
    check = benchmark["extra_info"].get("check", {"zh": "", "en": "", "ok": None})
    return Words(check["zh"], check["en"]), check["ok"]


def _met(ms: float | None, times: float | None, at_most_ms: float | None, at_least_times: float | None) -> bool | None:
    """Whether the time and the ratio are within their limits; None without a limit or without a measurement."""
    found = []
    if ms is not None and at_most_ms is not None:
        found.append(ms <= at_most_ms)
    if times is not None and at_least_times is not None:
        found.append(times >= at_least_times)
    return all(found) if found else None


def tables(lines: Sequence[Line], lang: str) -> list[tuple[str, list[Cells]]]:
    """The title of each group, and the cells of its rows, in a language."""
    return [
        (group.in_language(lang), [_cells(line, lang) for line in some])
        for group, some in groupby(lines, key=lambda line: line.group)
    ]


def _cells(line: Line, lang: str) -> Cells:
    target = [f"≤ {line.at_most_ms:g} ms"] if line.at_most_ms is not None else []
    target += [f"≥ {line.at_least_times:g}×"] if line.at_least_times is not None else []
    target += [MET[line.met].in_language(lang)] if line.met is not None else []
    check = [line.check.in_language(lang)]
    check += [MET[line.right].in_language(lang)] if line.right is not None else []
    figures = (_three_digits(line.ms), _three_digits(line.times))
    return (line.name.in_language(lang), *figures, " ".join(target), ": ".join(check))


def _three_digits(value: float | None) -> str:
    if value is None:
        return "—"
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"


def verdict(lines: Sequence[Line]) -> Words:
    """How many of the targets and checks are met."""
    found = [value for line in lines for value in (line.met, line.right)]
    met, missed = found.count(True), found.count(False)
    absent = sum(line.ms is None for line in lines)
    return Words(
        f"目标与核对：{met} 项达到，{missed} 项未达到；{absent} 行未测",
        f"targets and checks: {met} met, {missed} missed; {absent} rows not measured",
    )


def machine(report: Mapping[str, Any]) -> str:
    """What it was measured on: processor, Python, day. Never the machine's name."""
    info, cpu = report["machine_info"], report["machine_info"].get("cpu", {})
    processor = f"{cpu.get('brand_raw', info['machine'])}, {cpu.get('count', '?')} cores"
    return f"{processor}, Python {info['python_version']}, {report['datetime'][:10]}"


def markdown(report: Mapping[str, Any], lines: Sequence[Line]) -> str:
    """The block of the README, without its markers."""
    out = [
        f"{machine(report)}. A time is the least of seven rounds or more; *times* is how many times the first row's it is."
    ]
    for title, rows in tables(lines, "en"):
        out += ["", f"**{title}**", "", _bar(HEADER["en"]), "|---|--:|--:|---|---|", *(_bar(row) for row in rows)]
    return "\n".join(out)


def _bar(cells: Cells) -> str:
    return f"| {' | '.join(cells)} |"


def replace_block(text: str, block: str) -> str:
    """``text`` with what stands between the markers replaced.

    Raises:
        NotFound: it has not each marker once, the first one first.
    """
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    if (text.count(BEGIN), text.count(END), rest.count(END)) != (1, 1, 1):
        raise NotFound(
            f"README 中应先后各有一个 {BEGIN} 和 {END}，请先加上",
            f"the README needs {BEGIN} and then {END}, once each: add them first",
        )
    return f"{before}{BEGIN}\n{block}\n{END}{after}"
