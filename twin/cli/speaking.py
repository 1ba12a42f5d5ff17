"""Help and usage errors in the caller's language. A help text is written “中文 / English”, each paragraph so."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from twin.errors import Words

OWN = {
    "Options": "选项",
    "Commands": "命令",
    "Show this message and exit.": "显示本说明",
}
"""What the library says by itself."""
NOTED = {"required": "必填", "default: ": "默认：", "env var: ": "环境变量："}
NOTE = re.compile(r"\s\s(\[[^\[\]]+\])$")
WORD = re.compile(r"\s+|[（「“\[]*(?:[\u2e80-\uffef]|[^\s\u2e80-\uffef]+)[，。；：、！？）」”…\]]*")
VALUE = re.compile(r"(?:'(?P<quoted>[^']*)'|(?P<bare>-?[\w.]+)) is not ")


def halves(paragraph: str) -> Words:
    """The two languages of a paragraph; one that has no second half says the same in both."""
    zh, _, en = re.sub(r"\s+", " ", paragraph.strip()).partition(" / ")
    return Words(zh, en or zh)


def in_language(text: str, lang: str) -> str:
    """A help text in a language, with the library's notes of defaults in it too."""
    if text in OWN:
        return OWN[text] if lang == "zh" else text
    noted = NOTE.search(text)
    note = f"  {noted[1]}" if noted else ""
    if lang == "zh":
        for en, zh in NOTED.items():
            note = note.replace(en, zh)
    said = NOTE.sub("", text)
    return "\n\n".join(halves(each).in_language(lang) for each in said.split("\n\n")) + note


def language_of(ctx: click.Context | None) -> str:
    """What was said by ``--lang``, else by TWIN_LANG."""
    root = ctx.find_root() if ctx is not None else None
    door = root.obj if root is not None else None
    told = getattr(door, "lang", None) or (root.params.get("lang") if root is not None else None)
    return told or ("en" if os.environ.get("TWIN_LANG", "").strip() == "en" else "zh")


def width(text: str) -> int:
    """Columns on a terminal; a Chinese character takes two."""
    return sum(2 if ord(c) > 0x2E7F else 1 for c in text)


class Formatter(click.HelpFormatter):
    """Writes one language, and breaks lines by columns: Chinese has no blanks to break at."""

    lang = "zh"

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, prefix or ("用法：" if self.lang == "zh" else "Usage: "))

    def write_heading(self, heading: str) -> None:
        if self.lang == "zh":
            self.write(f"{'':>{self.current_indent}}{in_language(heading, self.lang)}：\n")
        else:
            super().write_heading(heading)

    def write_text(self, text: str) -> None:
        indent = " " * self.current_indent
        paragraphs = in_language(text, self.lang).split("\n\n")
        said = (broken(each, self.width - self.current_indent) for each in paragraphs)
        self.write("\n\n".join("\n".join(indent + line for line in lines) for lines in said) + "\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        rows = [(name, in_language(text, self.lang)) for name, text in rows]
        first = min(max(width(name) for name, _ in rows), col_max) + col_spacing
        indent = " " * self.current_indent
        for name, text in rows:
            fits = width(name) + col_spacing <= first
            lines = broken(text, max(self.width - self.current_indent - first, 10))
            if not fits:
                self.write(f"{indent}{name}\n")
            for i, line in enumerate(lines):
                self.write(f"{indent}{name if fits and i == 0 else '':<{first}}{line}\n")


def broken(text: str, columns: int) -> list[str]:
    """Lines of at most so many columns, broken at blanks or beside Chinese characters; never after an opening mark or before a closing one."""
    lines, line = [], ""
    for word in WORD.findall(text):
        if line and width(line + word) > columns:
            lines.append(line.rstrip())
            line = ""
        line += word if line or not word.isspace() else ""
    return [*lines, line.rstrip()]


class Context(click.Context):
    def make_formatter(self) -> click.HelpFormatter:
        formatter = Formatter(width=self.terminal_width, max_width=self.max_content_width)
        formatter.lang = language_of(self)
        return formatter


class Command(click.Command):
    context_class = Context

    def get_short_help_str(self, limit: int = 45) -> str:
        """The first sentence, in both languages."""
        words = halves((self.help or "").split("\n\n")[0])
        return f"{words.zh.partition('。')[0]} / {re.split(r'[.;] ', words.en)[0].rstrip('.')}"


class Group(Command, click.Group):
    command_class = Command


@contextmanager
def usage_errors_told() -> Iterator[None]:
    """A wrong call is told in both languages, one line each, and ends in exit code 2."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        ctx = error.ctx or click.get_current_context(silent=True)
        lang = language_of(ctx)
        words = usage_words(error)
        if ctx is not None:
            click.echo(ctx.get_usage(), err=True)
        for first in (lang, "en" if lang == "zh" else "zh"):
            said = words.in_language(first)
            click.echo(f"错误：{said}" if first == "zh" else f"Error: {said}", err=True)
        if ctx is not None:
            help_said = f"{ctx.command_path} --help"
            click.echo(f"用法详见 {help_said} / see {help_said}", err=True)
        sys.exit(error.exit_code)


def usage_words(error: click.UsageError) -> Words:
    """What is wrong with a call."""
    return Words(_usage_in_chinese(error), error.format_message().replace("\n\t", " ").replace("\n", " "))


def _usage_in_chinese(error: click.UsageError) -> str:
    ctx, said = error.ctx, error.message
    match error:
        case click.NoSuchOption():
            return f"没有选项 {error.option_name}" + _meant(error.possibilities)
        case click.MissingParameter():
            kind = "参数" if isinstance(error.param, click.Argument) else "选项"
            return f"缺少{kind} {_name(error.param, ctx)}" + _expected(error.param)
        case click.BadParameter():
            value = VALUE.search(said)
            shown = f"“{value['quoted'] if value['quoted'] is not None else value['bare']}”" if value else ""
            return f"{_name(error.param, ctx)} 的值{shown}不对" + _expected(error.param)
        case click.BadOptionUsage():
            return f"选项 {error.option_name} " + ("不带值" if "does not take" in said else "需要一个值")
    if found := re.match(r"No such command '(.*?)'", said):
        known = ctx.command.list_commands(ctx) if ctx is not None and isinstance(ctx.command, click.Group) else []
        return f"没有命令 {found[1]}。现有：{'、'.join(known)}"
    if found := re.search(r"unexpected extra arguments? \((.*)\)", said):
        return f"多余的参数：{found[1]}"
    return "命令不完整" if said.startswith("Missing command") else said


def _name(param: click.Parameter | None, ctx: click.Context | None) -> str:
    if param is None:
        return "参数"
    return (
        param.make_metavar(ctx) if isinstance(param, click.Argument) and ctx is not None else max(param.opts, key=len)
    )


def _meant(possibilities: Sequence[str] | None) -> str:
    return f"，是否指 {'、'.join(possibilities)}？" if possibilities else ""


def _expected(param: click.Parameter | None) -> str:
    kind: Any = param.type if param is not None else None
    if isinstance(kind, click.Choice):
        return f"，应为 {'、'.join(map(str, kind.choices))} 之一"
    if isinstance(kind, click.IntRange):
        low, high = kind.min, kind.max
        return f"，应为 {low} 至 {high} 的整数" if high is not None else f"，应为不小于 {low} 的整数"
    if kind is not None and kind.name == "integer":
        return "，应为整数"
    return "，应为文件路径" if isinstance(kind, click.Path) else ""
