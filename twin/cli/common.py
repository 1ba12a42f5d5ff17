"""What every command needs: the settings, the twin, printing in two languages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time
from functools import cached_property
from typing import Any

import click
import orjson

from twin.cli.speaking import width
from twin.cli.words import cell, heads
from twin.engine import Twin
from twin.errors import Conflict, InvalidInput, NotFound, RuleUnready, TwinError, Unavailable, Words
from twin.settings import Settings
from twin.times import parse_moment, shown_time

EXIT_CODES: tuple[tuple[type[TwinError], int], ...] = (
    (InvalidInput, 2), (RuleUnready, 2), (NotFound, 3), (Conflict, 4), (Unavailable, 5), (TwinError, 1),
)  # fmt: skip


class Door:
    """Settings and the twin they name, opened when first needed."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.lang = settings, settings.lang

    @cached_property
    def twin(self) -> Twin:
        from twin.opening import open_twin

        return open_twin(self.settings)

    def say(self, zh: str, en: str) -> None:
        """Words, to stderr."""
        click.echo(zh if self.lang == "zh" else en, err=True)

    def words(self, words: Words) -> str:
        return words.in_language(self.lang)

    def table(self, names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
        """A table of rows by name: heads and codes in the caller's language, times as people in Shanghai read them."""
        print_table(heads(names, self.lang), [[self._cell(name, row[name]) for name in names] for row in rows])

    def _cell(self, name: str, value: Any) -> Any:
        return shown_time(value) if isinstance(value, datetime) else cell(name, value, self.lang)


pass_door = click.make_pass_decorator(Door)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="以 JSON 输出，供程序读取 / JSON for machines, to stdout."
)


class Moment(click.ParamType[Any]):
    """A date (the end of that day in Shanghai, or the moment of it that ``day`` says) or a date-time."""

    name = "date"

    def __init__(self, day: time = time.max) -> None:
        self.day = day

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return parse_moment(value, self.day) if isinstance(value, str) else value


def print_json(value: Any) -> None:
    """Plain data; times are written in UTC, ``2026-01-31T08:00:00Z``."""
    options = (
        orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATETIME
    )
    click.echo(orjson.dumps(value, default=_in_utc, option=options).decode())


def _in_utc(value: Any) -> str:
    if not isinstance(value, datetime):
        raise TypeError(type(value).__name__)
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def percent(share: float) -> str:
    """A share with one decimal, rounded towards not met."""
    return f"{math.floor(share * 1000 + 1e-9) / 10:.1f} %"


def print_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A plain table; Chinese characters take two columns."""
    text = [[("—" if v is None else str(v)) for v in row] for row in [header, *rows]]
    widths = [max(width(row[i]) for row in text) for i in range(len(header))]
    for row in text:
        click.echo("  ".join(v + " " * (w - width(v)) for v, w in zip(row, widths, strict=True)).rstrip())
