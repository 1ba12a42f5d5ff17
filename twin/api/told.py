"""Figures of results as everybody may know them, where the caller's role is not good for more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twin.api.asked import Question, layers_of
from twin.api.world import View
from twin.coverage.result import Evaluation
from twin.layers import LAYERS
from twin.layers.coarse import public_count
from twin.model import Area
from twin.plan import Clause
from twin.seen import Seen

PLAIN = frozenset(
    {
        "title", "title_en", "strength", "strength_words", "operator", "target", "unit", "spatial_unit", "rule", "kind", "clause", "binding",
        "status", "met", "reason", "area", "area_name", "area_name_en", "code", "name", "name_en", "level", "denominator", "layers",
        "missing_layers", "parameters", "labels", "synthetic", "schematic", "scenario", "as_of", "known_at", "frame", "snapshot", "version",
        "area_km2", "area_with_data_km2", "area_km2_published", "area_km2_drawn",
    }
)  # fmt: skip
"""Members of a result, or of an area's row, from which nothing is counted; all others may be read as counts."""
PLAIN_FACTS = frozenset(
    {"n_towns", "n_towns_met", "n_towns_undecided", "window_km2", "judged_km2", "excluded_km2", "water_km2"}
)
"""Of the figures on a rule's card: ground, and towns, whose verdicts are told one by one."""
DIGITS = 3


Said = dict[str, Any]


def told(world: View, question: Question, evaluation: Evaluation, say: Callable[[Evaluation], Said]) -> Said:
    """A result as JSON: as it is for those who may see where sensitive things are, for others with counts as ``public_count``
    says them, densities made of such counts, and shares to ``DIGITS`` decimals, none where few things stand.

    Of what only some things are sensitive, the others are counted exactly: everybody sees them, and could take them off.
    """
    return told_rows(world, question, evaluation, lambda e: [say(e)])[0]


def told_rows(
    world: View, question: Question, evaluation: Evaluation, say: Callable[[Evaluation], list[Said]]
) -> list[Said]:
    """The same of areas' rows, of which ``code`` says whose they are."""
    seen, rows = world.seen(question.when), say(evaluation)
    clause = world.twin.plan.clause(question.rule)
    layers = layers_of(clause, question.settings)
    area = seen.judged.areas.get(question.area or clause.scope)
    if not seen.is_sensitive(layers) or (area is not None and not seen.is_rounded(layers, area.geometry)):
        return rows
    plain: list[Said] = [{} for _ in rows]
    if any(LAYERS[name].sensitive_where for name in layers & LAYERS.keys()):
        others = world.twin.cover(question.rule, area=question.area, parameters=question.settings, snapshot=seen.plain)
        by_code = {row.get("code"): row for row in say(others)}
        plain = [by_code.get(row.get("code"), {}) for row in rows]
    return [_told(seen, layers, clause, area, row, known) for row, known in zip(rows, plain, strict=True)]


def _told(seen: Seen, layers: frozenset[str], clause: Clause, area: Area | None, body: Said, plain: Said) -> Said:
    unit, here = str(body.get("unit", clause.unit)), seen.judged.areas.get(str(body.get("code", ""))) or area
    if unit == "share":
        n = 0 if here is None else seen.n_devices(layers, here.geometry)
        return {k: _of_share(k, v, is_few=public_count(n) in (0, None)) for k, v in body.items()} | {"rounded": True}
    km2 = (body.get("area_with_data_km2") or body.get("area_km2")) if "/km²" in unit else None
    return {k: v if k in PLAIN else _rounded(v, km2, k, plain.get(k)) for k, v in body.items()} | {"rounded": True}


def _of_share(name: str, value: Any, *, is_few: bool) -> Any:
    """A member of a result that is a share; ``is_few``: so few things stand there that it would be told of single ones."""
    if isinstance(value, Mapping) and name not in PLAIN:
        return {}
    if is_few and (name == "met" or name not in PLAIN):
        return None
    return value if name in PLAIN else _share(value) if isinstance(value, float) else _rounded(value, None, name)


def _share(value: float) -> float:
    return round(value, DIGITS)


def _rounded(value: Any, km2: float | None, name: str, plain: Any = None) -> Any:
    """A figure; ``plain`` is the part of it that everybody knows."""
    if name in PLAIN_FACTS:
        return value
    if isinstance(value, Mapping):
        known = plain if isinstance(plain, Mapping) else {}
        return {k: _rounded(v, km2, str(k), known.get(k)) for k, v in value.items()}
    if isinstance(value, list):
        return [_rounded(v, km2, name) for v in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if name.endswith("share"):
        return _share(value)
    if km2 is not None and isinstance(value, float):
        n = public_count(round(value * km2))
        return None if n is None else round(n / km2, DIGITS)
    return _count(int(value), int(plain or 0)) if float(value).is_integer() else _share(value)


def _count(n: int, plain: int) -> int | None:
    """``n`` in all, of which ``plain`` are no secret."""
    rest = public_count(abs(n - plain))
    if rest is None:
        return plain or None
    return plain + (rest if n >= plain else -rest)
