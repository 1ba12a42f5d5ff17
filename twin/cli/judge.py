"""``twin rules`` and ``twin cover``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click
import orjson

from twin.api.wire import (
    ROBUST,
    area_row_to_json,
    cells_to_json,
    gap_to_feature,
    plain,
    provenance,
    readings_to_json,
    result_to_json,
)
from twin.cli.common import Door, Moment, json_option, pass_door, percent, print_json, print_table
from twin.cli.speaking import Command
from twin.cli.words import cell, choice, denominator, parameter
from twin.coverage import RULES
from twin.coverage.readings import Readings
from twin.coverage.result import Evaluation, Result
from twin.errors import BadParameter, Fault, PlanInvalid
from twin.layers.areas import LEVELS
from twin.layers.mapping import parse_pairs
from twin.plan import STRENGTH_WORDS, Clause, ClauseFault
from twin.readers.plan_file import check_rule_file, rule_files
from twin.times import shown_time

SHARE = "share"
SCHEMA = "urn:twin:schema:cover:1"
"""Of what ``twin cover --json`` prints: ``twin/api/schemas/cover.json``."""


@click.command(cls=Command)
@click.option(
    "--check",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="与规划及其他规则文件一并检查该规则文件，逐行列出全部错误 "
    "/ Read a rule file beside the plan and the other rule files, and say all that is wrong with it, line by line.",
)
@json_option
@pass_door
def rules(door: Door, file: Path | None, as_json: bool) -> None:
    """规划条款、规则文件增加的条款及其判定规则。 / The clauses of the plan, those that rule files add, and the rules that judge them."""
    if file is not None:
        _check(door, file, as_json)
        return
    clauses = door.twin.plan.clauses
    if as_json:
        print_json([{"id": c.id, "title": c.title, "title_en": c.title_en, "rule": c.rule, "kind": RULES[c.rule].kind,
                     "operator": c.operator, "value": c.value, "unit": c.unit, "strength": c.strength, "quote": c.quote,
                     "quote_en": c.quote_en, "scope": c.scope, "parameters": dict(c.parameters)} for c in clauses])  # fmt: skip
        return
    zh = door.lang == "zh"
    print_table(
        (
            "编号" if zh else "id",
            "条款" if zh else "clause",
            "目标" if zh else "target",
            "单位" if zh else "unit",
            "强度" if zh else "strength",
        ),
        [
            (
                c.id,
                c.title if zh else c.title_en,
                c.value,
                cell("unit", c.unit, door.lang),
                door.words(STRENGTH_WORDS[c.strength]),
            )
            for c in clauses
        ],
    )


def _check(door: Door, file: Path, as_json: bool) -> None:
    """Check one rule file; faults are an error, as everywhere."""
    settings = door.settings
    others = rule_files(settings.rules_folder, required=settings.rules is not None)
    try:
        clauses = check_rule_file(settings.plan, others, file)
    except PlanInvalid as error:
        if as_json:
            print_json({"ok": False, "faults": [_fault_to_json(fault) for fault in error.faults]})
        raise
    if as_json:
        print_json({"ok": True, "clauses": [clause.id for clause in clauses], "faults": []})
        return
    said = ", ".join(clause.id for clause in clauses)
    click.echo(
        f"{file}：{len(clauses)} 条，没有错误：{said}"
        if door.lang == "zh"
        else f"{file}: {len(clauses)} clause(s), no fault: {said}"
    )


def _fault_to_json(fault: Fault) -> dict[str, Any]:
    place = {"file": fault.file, "line": fault.line, "clause": fault.clause} if isinstance(fault, ClauseFault) else {}
    return {**place, "field": fault.column, "value": fault.value, "zh": fault.words.zh, "en": fault.words.en}


@click.command(cls=Command)
@click.argument("rule")
@click.option(
    "--area", default=None, help="区域代码；默认为条款适用的区域 / Code of the area; default: the clause's own."
)
@click.option("--as-of", type=Moment(), default=None, help="截至何时（实际发生） / When it is true in the world.")
@click.option("--known-at", type=Moment(), default=None, help="按何时已记录的数据 / When it had been recorded.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="规则参数，可重复给出 / A parameter of the rule; may be given again.",
)
@click.option(
    "--level",
    type=click.Choice(LEVELS),
    default="town",
    show_default=True,
    help="分区表的层级 / Level of the rows by area.",
)
@click.option(
    "--cells",
    "resolution",
    type=int,
    default=None,
    help="附此 H3 级别的六边形（用于 -o 或 --json） / Hexes of this H3 resolution (with -o or --json).",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="写入 文件.json（全部）或 文件.geojson（盲区） / FILE.json (everything) or FILE.geojson (gaps).",
)
@click.option(
    "--readings", "show_readings", is_flag=True, help="口径表：该条款的全部口径 / The clause under all its readings."
)
@json_option
@pass_door
def cover(
    door: Door, rule: str, area: str | None, as_of: datetime | None, known_at: datetime | None, settings: tuple[str, ...],
    level: str, resolution: int | None, output: Path | None, show_readings: bool, as_json: bool,
) -> None:  # fmt: skip
    """按条款 RULE 判定一个区域：结果、分区表、盲区。 / Judge an area by RULE: the result, the rows by area, the gaps."""
    snapshot = door.twin.snapshot(as_of, known_at)
    chosen = parse_pairs("--set", settings)
    evaluation = door.twin.cover(rule, area=area, parameters=chosen, snapshot=snapshot)
    everything = {
        "schema": SCHEMA,
        "result": result_to_json(evaluation.result, door.twin.plan.documents),
        "areas": [area_row_to_json(row) for row in evaluation.area_rows(level)],
        "gaps": {
            "type": "FeatureCollection",
            "features": [gap_to_feature(g, i + 1) for i, g in enumerate(evaluation.gaps())],
        },
    }
    if resolution is not None:
        everything["cells"] = cells_to_json(evaluation.cells_in_detail(resolution))
    if show_readings:
        _, found = door.twin.readings(rule, area=area, parameters=chosen, snapshot=snapshot)
        everything["readings"] = readings_to_json(found)
    if output is not None:
        _write(output, everything, evaluation.result)
        door.say(f"已写入 {output}", f"wrote {output}")
    if as_json:
        print_json(everything)
    elif output is None:
        _print(door, evaluation, level)
        if show_readings:
            _print_readings(door, found, evaluation.result.clause)


def _write(output: Path, everything: dict[str, Any], result: Result) -> None:
    endings = {".json": everything, ".geojson": _gaps_alone(everything["gaps"], result)}
    if output.suffix not in endings:
        known = ", ".join(endings)
        raise BadParameter(f"输出文件应以 {known} 结尾：{output}", f"the output must end in {known}: {output}")
    try:
        output.write_bytes(orjson.dumps(endings[output.suffix], option=orjson.OPT_SERIALIZE_NUMPY))
    except OSError as reason:
        raise BadParameter(
            f"无法写入 {output}：{reason.strerror}", f"cannot write {output}: {reason.strerror}"
        ) from None


def _gaps_alone(gaps: dict[str, Any], result: Result) -> dict[str, Any]:
    """Gaps in a file of their own: with what must stand beside them, also on each, since few readers keep the rest."""
    said = provenance(result)
    named = ("clause", "area", "as_of", "known_at", "snapshot", "synthetic", "schematic")
    own = {name: said[name] for name in named} | {"labels": "; ".join(label["zh"] for label in said["labels"])}
    features = [{**f, "properties": {**f["properties"], **own}} for f in gaps["features"]]
    return {"type": gaps["type"], **said, "features": features}


def _print(door: Door, evaluation: Evaluation, level: str) -> None:
    zh, result = door.lang == "zh", evaluation.result
    clause = result.clause
    verdict = {True: ("达标", "met"), False: ("未达标", "not met"), None: ("不判定", "no verdict")}[result.met]
    print_table(("", ""), [
        (clause.id, clause.title if zh else clause.title_en),
        ("原文" if zh else "quote", clause.quote if zh else clause.quote_en),
        ("区域" if zh else "area", f"{result.area.code} {result.area.name if zh else result.area.name_en or result.area.name}  {result.area_km2:.2f} km²"),
        ("值" if zh else "value", _value(result, zh)),
        ("口径" if zh else "reading", _reading(result, zh)),
        ("强度" if zh else "strength", door.words(STRENGTH_WORDS[clause.strength])),
        ("数据" if zh else "data", f"{cell('status', result.status, door.lang)}{'：' if zh else ': '}{result.area_with_data_km2:.2f} / {result.area_km2:.2f} km²"),
        ("结论" if zh else "verdict", (verdict[0] if zh else verdict[1]) if result.status != "no-data" else cell("status", "no-data", door.lang)),
        ("数据版本" if zh else "snapshot", f"{result.snapshot}  {'截至' if zh else 'as_of'} {shown_time(result.as_of.replace(microsecond=0))}"),
        ("标注" if zh else "labels", ("；" if zh else "; ").join(door.words(result.words_of(label)) for label in result.labels)),
    ])  # fmt: skip
    rows = evaluation.area_rows(level)
    if rows:
        click.echo()
        unit = clause.unit.partition("/")[0]
        lacks = (f"缺口（{unit}）", f"shortfall ({unit})")
        if RULES[clause.rule].kind == "service":
            lacks = ("未覆盖（km²）", "open (km²)")
        header = (
            ("代码", "名称", "值", "达标", lacks[0], "km²") if zh else ("code", "name", "value", "met", lacks[1], "km²")
        )
        body = [(r.code, r.name if zh else r.name_en or r.name, _judged(r.value, r.met, clause, named=False), {True: "●", False: "▲", None: "–"}[r.met],
                 _number(r.shortfall), f"{r.area_km2:.2f}") for r in rows]  # fmt: skip
        print_table(header, body)
    gaps = evaluation.gaps()
    if gaps:
        total = sum(g.area_km2 for g in gaps)
        click.echo(
            f"\n{'盲区' if zh else 'gaps'}: {len(gaps)}, {total:.3f} km²; "
            + ", ".join(f"{g.id} {g.area_km2:.3f} km²" for g in gaps[:3])
        )


def _reading(result: Result, zh: bool) -> str:
    """The denominator, the parameters that differ from the clause's, and what a network result must say of itself."""
    told = plain(result.parameters) or {}
    own = result.clause.parameters
    chosen = {k: v for k, v in told.items() if k in own and v != plain(own[k])}
    chosen |= {k: v for k, v in told.items() if k not in own and v not in (None, [], {}, "")}
    facts, of = result.facts, result.denominator
    parts = [] if not of else [f"分母：{denominator(of)}" if zh else f"of {of}"]
    if zh:
        changed = [f"{parameter(k, 'zh')}：{choice(k, v, 'zh')}" for k, v in chosen.items() if k != "denominator"]
    else:
        changed = [f"{k}={v}" for k, v in chosen.items()]
    if "judged_by_words" in facts:
        parts.append(facts["judged_by_words"]["zh" if zh else "en"])
        line, detour = _figure(facts["share_line"], SHARE), _number(facts["mean_detour"])
        parts.append(f"直线口径 {line}，平均绕行 {detour}" if zh else f"straight line {line}, mean detour {detour}")
    return ("；" if zh else "; ").join([*parts, *changed]) or "—"


def _print_readings(door: Door, found: Readings, clause: Clause) -> None:
    zh, unit = door.lang == "zh", clause.unit
    accounts = (
        {"nominal": "投运口径", "effective": "在线口径"} if zh else {"nominal": "nominal", "effective": "effective"}
    )
    verdicts = {True: "●", False: "▲", None: "–"}
    click.echo()
    print_table(
        (
            *(parameter(name, door.lang) for name in found.alternatives),
            *(("口径", "值", "达标") if zh else ("account", "value", "met")),
        ),
        [
            (
                *(choice(name, value, door.lang) for name, value in row.parameters.items()),
                accounts[row.account],
                _judged(row.value, row.met, clause),
                verdicts[row.met],
            )
            for row in found.rows
        ],
    )
    words = door.words(ROBUST[found.robust])
    named = [parameter(name, door.lang) for name in found.decided_by]
    between = ("：", "、") if zh else (": ", ", ")
    click.echo(f"\n{words}{between[0] if named else ''}{between[1].join(named)}")
    if found.interval is not None:
        low, high = (_figure(value, unit) for value in found.interval)
        error = f"±{found.position_error_m:g} m"
        click.echo(f"位置误差 {error}：{low} – {high}" if zh else f"with a position error of {error}: {low} to {high}")


def _value(result: Result, zh: bool) -> str:
    said, target = _judged(result.value, result.met, result.clause), _figure(result.clause.value, result.clause.unit)
    return f"{said}  ({'目标' if zh else 'target'} {target})"


def _judged(value: float | None, met: bool | None, clause: Clause, named: bool = True) -> str:
    """A value with its verdict: what is met in full is 100 %, though some square metres may be open."""
    in_full = met is True and clause.unit == SHARE and clause.value == 1
    return _figure(1.0 if in_full else value, clause.unit, named)


def _figure(value: float | None, unit: str, named: bool = True) -> str:
    """A value with its unit; a share in per cent, rounded towards not met."""
    if value is None:
        return "—"
    if unit == SHARE:
        return percent(value)
    return f"{_number(value)} {unit}" if named else _number(value)


def _number(value: float | None) -> str:
    if value is None:
        return "—"
    return f"{value:,.0f}" if isinstance(value, int) or abs(value) >= 1000 else f"{value:,.4g}"


COMMANDS = (rules, cover)
