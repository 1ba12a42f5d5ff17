"""Figures of results as everybody may know them, where the caller's role is not good for more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twin.api.asked import Question, layers_of
from twin.api.world import View
from twin.layers.coarse import public_count

FIGURES = frozenset({"value", "nominal", "effective", "effective_high", "n_unknown", "by_state", "facts", "shortfall", "share"})
"""Members of a result, or of an area's row, that counts may be read from."""
DIGITS = 3


def told(world: View, question: Question, body: dict[str, Any]) -> dict[str, Any]:
    """A result or an area's row as JSON: as it is for those who may see where sensitive things are, for others with counts as
    ``public_count`` says them, densities made of such counts, and other figures to ``DIGITS`` decimals."""
    seen = world.seen(question.when)
    clause = world.twin.plan.clause(question.rule)
    layers = layers_of(clause, question.settings)
    area = seen.judged.areas.get(question.area or clause.scope)
    if not seen.is_sensitive(layers) or (area is not None and not seen.is_rounded(layers, area.geometry)):
        return body
    km2 = body.get("area_with_data_km2") or body.get("area_km2")
    unit = str(body.get("unit", clause.unit))
    return {
        **{k: _rounded(v, unit, km2, k) if k in FIGURES else v for k, v in body.items()},
        "rounded": True,
    }


def _rounded(value: Any, unit: str, km2: float | None, name: str = "") -> Any:
    if isinstance(value, Mapping):
        return {k: _rounded(v, unit, km2, str(k)) for k, v in value.items()}
    if isinstance(value, list):
        return [_rounded(v, unit, km2, name) for v in value]
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if "/km²" in unit and name != "share" and isinstance(value, float) and km2:
        n = public_count(round(value * km2))
        return None if n is None else round(n / km2, DIGITS)
    if float(value).is_integer():
        return public_count(int(value)) if value >= 0 else value
    return round(float(value), DIGITS)
