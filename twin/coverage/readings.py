"""口径表: a clause under all its readings, how far they are apart, and whether the verdict depends on the reading."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

from twin.coverage.result import Evaluation

Account = Literal["nominal", "effective"]
Alternatives = Mapping[str, Sequence[Any]]
"""Parameters that a clause leaves open, each with its readings; the declared one first."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The clause under one choice of parameters. ``nominal`` counts all in operation, ``effective`` those online: then
    ``value_high`` is what it would be were all of unknown state online, and ``met`` is None where that decides."""

    parameters: Mapping[str, Any]
    account: Account
    value: float | None
    met: bool | None
    declared: bool
    value_high: float | None = None


@dataclass(frozen=True, slots=True)
class Readings:
    """All readings; ``low`` and ``high`` are the extremes of their values.

    ``robust`` is whether all verdicts agree (None: some are not known, and the others agree); ``decided_by`` names the choices that, changed alone,
    turn the declared verdict. ``interval`` is the declared reading's value if places were off by ``position_error_m``.
    """

    alternatives: Alternatives
    rows: tuple[Reading, ...]
    low: float | None
    high: float | None
    robust: bool | None
    decided_by: tuple[str, ...]
    position_error_m: float
    interval: tuple[float, float] | None


def all_readings(
    judge: Callable[[Mapping[str, Any]], Evaluation], alternatives: Alternatives, position_error_m: float
) -> Readings:
    """Judge every combination.

    Args:
        judge: evaluates the clause under a choice of parameters.
        alternatives: what may be chosen; the first of each is what was declared.
        position_error_m: how far an asset may lie from its recorded place, 0 or more.
    """
    rows: list[Reading] = []
    interval = None
    for number, chosen in enumerate(product(*alternatives.values())):
        parameters = dict(zip(alternatives, chosen, strict=True))
        evaluation = judge(parameters)
        if number == 0:
            interval = evaluation.under_position_error(position_error_m)
        found = evaluation.headline()
        rows.append(Reading(parameters, "nominal", found.value, found.met, declared=number == 0))
        if found.effective is not None:
            rows.append(
                Reading(parameters, "effective", found.effective, found.effective_met, False, found.effective_high)
            )
    values = [v for row in rows for v in (row.value, row.value_high) if v is not None]
    verdicts = {row.met for row in rows}
    return Readings(
        alternatives, tuple(rows), min(values, default=None), max(values, default=None),
        _robust(verdicts), _decided_by(rows), position_error_m, interval,
    )  # fmt: skip


def _robust(verdicts: set[bool | None]) -> bool | None:
    if {True, False} <= verdicts:
        return False
    return None if None in verdicts else True


def _decided_by(rows: Sequence[Reading]) -> tuple[str, ...]:
    declared = rows[0]
    turned = []
    for row in rows[1:]:
        other = [name for name, value in row.parameters.items() if value != declared.parameters[name]]
        other += ["account"] if row.account != declared.account else []
        if len(other) == 1 and None not in (row.met, declared.met) and row.met != declared.met:
            turned.append(other[0])
    return tuple(dict.fromkeys(turned))


def first(declared: Any, *others: Any) -> tuple[Any, ...]:
    """The readings of a parameter: the declared one, then the others."""
    return (declared, *(other for other in others if other != declared))
