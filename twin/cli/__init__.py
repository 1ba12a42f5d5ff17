"""The command line: parse, call one engine function, print. Data to stdout, words to stderr."""

from __future__ import annotations

import sys

import click
from pydantic import ValidationError

from twin.cli.common import EXIT_CODES, Door
from twin.errors import TwinError
from twin.settings import Settings

__all__ = ["main"]


N_FAULTS_SHOWN = 50


class Group(click.Group):
    """Commands whose errors are one sentence and an exit code, never a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except TwinError as error:
            lang = ctx.obj.lang if isinstance(ctx.obj, Door) else "en"
            click.echo(error.words.in_language(lang), err=True)
            for fault in error.faults[:N_FAULTS_SHOWN]:
                click.echo(
                    f"  {fault.where}  {fault.column} = {fault.value!r}: {fault.words.in_language(lang)}", err=True
                )
            if len(error.faults) > N_FAULTS_SHOWN:
                click.echo(f"  … +{len(error.faults) - N_FAULTS_SHOWN}", err=True)
            code = next(code for kind, code in EXIT_CODES if isinstance(error, kind))
            sys.exit(code)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--lang", type=click.Choice(["zh", "en"]), default=None, help="Language of words (TWIN_LANG).")
@click.option("--store", default=None, help="sqlite:///FILE or postgresql://USER@HOST:PORT/DATABASE (TWIN_STORE).")
@click.version_option(package_name="hongqiao-twin")
@click.pass_context
def main(ctx: click.Context, lang: str | None, store: str | None) -> None:
    """虹桥数字孪生: layers, plan clauses as rules, what-if, map.

    Exit codes: 0 fine, 2 bad input, 3 not found, 4 conflict, 5 something outside is unavailable.
    """
    told = {name: value for name, value in (("lang", lang), ("store", store)) if value is not None}
    try:
        ctx.obj = Door(Settings(**told))  # type: ignore[arg-type]
    except ValidationError as error:
        said = "; ".join(f"TWIN_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors())
        raise click.UsageError(said) from None


from twin.cli import bench, data, exports, history, imports, judge, keys, serving, stores  # noqa: E402  (they register their commands on the group)

for module in (data, imports, exports, history, judge, keys, serving, stores, bench):
    for command in module.COMMANDS:
        main.add_command(command)
