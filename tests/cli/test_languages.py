"""Help, wrong calls and tables in Chinese, which is the default, and in English."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from twin.cli import main
from twin.cli.common import percent
from twin.cli.speaking import broken, halves, width
from twin.cli.words import CODES, HEADS, PARAMETERS
from twin.coverage import RULES
from twin.settings import Settings

CHINESE = re.compile(r"[\u4e00-\u9fff]")


def all_commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from all_commands(below, (*path, name))


COMMANDS = list(all_commands(main))


def texts() -> Iterator[tuple[str, str]]:
    for path, command in COMMANDS:
        name = " ".join(path) or "twin"
        yield from ((name, paragraph) for paragraph in (command.help or "").split("\n\n"))
        for option in command.params:
            if isinstance(option, click.Option):
                yield f"{name} {option.opts[0]}", option.help or ""
    for setting, field in Settings.model_fields.items():
        yield f"TWIN_{setting.upper()}", field.description or ""


@pytest.mark.parametrize(("name", "text"), list(texts()))
def test_every_help_text_is_in_both_languages(name: str, text: str) -> None:
    words = halves(text)
    assert CHINESE.search(words.zh), name
    assert re.search("[a-z]{2}", words.en), name
    assert not CHINESE.search(words.en), name
    assert not re.search(r"[,;:!?](?=\s|$)", words.zh), f"full-width marks in {name}"


@pytest.mark.parametrize("path", [path for path, _ in COMMANDS], ids=" ".join)
def test_the_help_is_in_the_language_asked_for_and_fits_the_terminal(path: tuple[str, ...]) -> None:
    run = CliRunner()
    zh = run.invoke(main, [*path, "--help"]).stdout
    en = run.invoke(main, [*path, "--help"], env={"TWIN_LANG": "en"}).stdout
    assert zh.startswith("用法：")
    assert "Options:" not in zh
    assert en.startswith("Usage: ")
    assert not CHINESE.search(en.replace("[default: 人]", ""))
    assert max(width(line) for line in zh.splitlines()) <= 80


def test_the_option_of_the_language_goes_before_the_setting() -> None:
    assert "Judge an area" in CliRunner().invoke(main, ["--lang", "en", "cover", "--help"]).stdout


@pytest.mark.parametrize(
    ("call", "zh", "en"),
    [
        ("cover", "缺少参数 RULE", "Missing argument 'RULE'"),
        ("import x.csv", "缺少选项 --layer", "Missing option '--layer'"),
        ("cover r --levle town", "没有选项 --levle，是否指 --level", "No such option '--levle'"),
        ("cover r --area", "选项 --area 需要一个值", "Option '--area' requires an argument"),
        ("cover r --json=1", "选项 --json 不带值", "Option '--json' does not take a value"),
        ("cover r s", "多余的参数：s", "unexpected extra argument (s)"),
        ("cover r --level moon", "--level 的值“moon”不对，应为 city、district", "'moon' is not one of"),
        ("cover r --cells x", "--cells 的值“x”不对，应为整数", "'x' is not a valid integer"),
        ("serve --port 70000", "--port 的值“70000”不对，应为 1 至 65535 的整数", "70000 is not in the range"),
        ("serve --workers 0", "--workers 的值“0”不对，应为不小于 1 的整数", "0 is not in the range"),
        ("rules --check /", "--check 的值不对，应为文件路径", "is a directory"),
        ("transition chargers A 运行", "STATE 的值“运行”不对，应为 planned、", "'运行' is not one of"),
        ("covr", "没有命令 covr。现有：areas、", "No such command 'covr'"),
        ("keys mend", "没有命令 mend。现有：create、list、revoke", "No such command 'mend'"),
        ("--langue", "没有选项 --langue，是否指 --lang", "No such option '--langue'"),
        ("--lang fr", "--lang 的值“fr”不对，应为 zh、en 之一", "'fr' is not one of"),
    ],
)
def test_a_wrong_call_is_told_in_both_languages_and_ends_in_2(call: str, zh: str, en: str) -> None:
    by_default, in_english = (CliRunner().invoke(main, call.split(), env=env) for env in ({}, {"TWIN_LANG": "en"}))
    for answer in (by_default, in_english):
        assert answer.exit_code == 2
        assert (zh in answer.stderr, en in answer.stderr) == (True, True), answer.stderr
    assert by_default.stderr.index(zh) < by_default.stderr.index(en)
    assert in_english.stderr.index(en) < in_english.stderr.index(zh)
    assert by_default.stderr.startswith("用法：")


@pytest.mark.parametrize("columns", [10, 20, 33])
def test_lines_are_broken_by_columns_and_not_before_closing_marks(columns: int) -> None:
    text = "存储：sqlite:///文件 或 postgresql（见说明），以“逗号”分隔。其余排队，[必填]"
    lines = broken(text, columns)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(width(line) <= columns or (" " not in line and len(re.findall(r"[\w:/]+", line)) == 1) for line in lines)
    assert not any(line[0] in "，。；：、！？）」”]" or line[-1] in "（「“[" for line in lines)


def test_every_parameter_of_a_rule_has_a_chinese_name() -> None:
    names = {name for rule in RULES.values() for name in rule.parameters.__dataclass_fields__}
    assert names <= set(PARAMETERS)


def test_every_code_that_a_parameter_may_have_is_said_in_chinese() -> None:
    from typing import Literal, get_args, get_origin, get_type_hints

    for rule in RULES.values():
        for name, hint in get_type_hints(rule.parameters).items():
            hints = [hint, *get_args(hint)]
            codes = {code for each in hints if get_origin(each) is Literal for code in get_args(each)}
            if name != "layers":
                assert codes <= set(CODES.get(name, {})), (rule.name, name)


TABLES = ["layers", "areas", "rules", "audit", "audit 2", "audit reads", "history chargers A", "keys list", "settings"]


@pytest.mark.parametrize("call", TABLES)
def test_the_heads_of_tables_are_chinese(loaded, call: str) -> None:
    first = loaded("--lang", "zh", *call.split()).stdout.splitlines()[0]
    assert not {word for word in first.split() if word in HEADS}, first
    assert CHINESE.search(first)


def test_a_result_is_told_in_chinese_words(loaded) -> None:
    rows = ("--level", "district")
    shown = loaded("--lang", "zh", "cover", "charger-service", "--set", "at_least=2", "--readings", *rows).stdout
    assert "分母：面积；至少几座服务：2" in shown
    assert re.search(r"分区读法 +计入的站 +分母 +口径 +值 +达标", shown)
    assert re.search(r"按需求点 +公共 +面积 +投运口径", shown)
    assert "未覆盖（km²）" in shown
    for raw in ("at_least", "public_only", "denominator", "reading", "area", "ok:", "True"):
        assert raw not in shown
    by_layer = loaded("--lang", "zh", "cover", "charger-service", "--set", "denominator=chargers").stdout
    assert "分母：充电站" in by_layer


def test_states_are_taken_and_told_in_chinese(loaded) -> None:
    by_name = loaded("--lang", "zh", "transition", "chargers", "A", "管理", "--at", "2026-03-01", "--reason", "检修")
    assert by_name.exit_code == 0, by_name.stderr
    assert "起为“管理”" in by_name.stderr
    assert "managed" not in by_name.stderr
    again = loaded("--lang", "zh", "transition", "chargers", "A", "managed", "--at", "2026-03-01")
    assert "已是“管理”，无需写入" in again.stderr
    assert "管理" in loaded("--lang", "zh", "history", "chargers", "A").stdout
    assert json.loads(loaded("history", "chargers", "A", "--json").stdout)[-1]["lifecycle"] == "managed"


def test_what_is_met_in_full_is_a_hundred_per_cent_and_nothing_else_is() -> None:
    from twin.cli.judge import _judged
    from twin.readers.plan_file import read_plan

    clause = read_plan(Settings().plan).clause("charger-service")
    assert _judged(0.99999, True, clause) == "100.0 %"
    assert _judged(0.99999, False, clause) == percent(0.99999) == "99.9 %"
    assert _judged(None, None, clause) == "—"
