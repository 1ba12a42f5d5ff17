"""The command line: parse, call one engine function, print. Data to stdout, words to stderr."""

from __future__ import annotations

import sys
from typing import Any

import click

from twin.cli.checked import read_settings
from twin.cli.common import EXIT_CODES, Door
from twin.cli.speaking import Group, language_of, usage_errors_told
from twin.errors import TwinError

__all__ = ["main"]


N_FAULTS_SHOWN = 50


class Root(Group):
    """Commands whose errors are sentences and an exit code, never a traceback."""

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        with usage_errors_told():
            return super().make_context(*args, **more)

    def invoke(self, ctx: click.Context) -> object:
        try:
            with usage_errors_told():
                return super().invoke(ctx)
        except TwinError as error:
            lang = language_of(ctx)
            click.echo(error.words.in_language(lang), err=True)
            for fault in error.faults[:N_FAULTS_SHOWN]:
                said = f"{fault.column} = {fault.value!r}: {fault.words.in_language(lang)}"
                click.echo("  ".join(("", fault.where, said) if fault.where else ("", said)), err=True)
            if len(error.faults) > N_FAULTS_SHOWN:
                click.echo(f"  … +{len(error.faults) - N_FAULTS_SHOWN}", err=True)
            code = next(code for kind, code in EXIT_CODES if isinstance(error, kind))
            sys.exit(code)


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--lang", type=click.Choice(["zh", "en"]), default=None, is_eager=True,
    help="语言（TWIN_LANG） / Language of words (TWIN_LANG).",
)  # fmt: skip
@click.option(
    "--store", default=None,
    help="存储：sqlite:///文件 或 postgresql://用户@主机:端口/数据库（TWIN_STORE） "
    "/ sqlite:///FILE or postgresql://USER@HOST:PORT/DATABASE (TWIN_STORE).",
)  # fmt: skip
@click.version_option(package_name="hongqiao-twin", help="显示版本 / Show the version and exit.")
@click.pass_context
def main(ctx: click.Context, lang: str | None, store: str | None) -> None:
    """虹桥数字孪生：图层、作为规则的规划条款、假设推演、地图。
    / Hongqiao Twin: layers, plan clauses as rules, what-if, map.

    退出码：0 正常，2 输入有误，3 未找到，4 冲突，5 外部不可用。
    / Exit codes: 0 fine, 2 bad input, 3 not found, 4 conflict, 5 something outside is unavailable.
    """
    told = {name: value for name, value in (("lang", lang), ("store", store)) if value is not None}
    ctx.obj = Door(read_settings(**told))


from twin.cli import bench, data, exports, history, imports, judge, keys, serving, stores  # noqa: E402  (they register their commands on the group)

for module in (data, imports, exports, history, judge, keys, serving, stores, bench):
    for command in module.COMMANDS:
        main.add_command(command)
