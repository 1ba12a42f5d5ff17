"""What of a service falls to each area: rows and shares from fragments that know which area they lie in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from twin.coverage.result import AreaRow
from twin.coverage.service_zones import is_full, share_of
from twin.coverage.tessellation import Floats, Ints, Tessellation
from twin.model import Area
from twin.plan import Clause

LEAST_M2 = 1.0
"""Of an area in the scope: less is where two drawings of a border part."""


def shares_by_owner(owner: Ints, amount: Floats, served: Floats, n_areas: int) -> list[float | None]:
    """The share served of what each area owns; None where it owns nothing. ``owner`` -1 belongs to none."""
    total, reached = (np.bincount(owner + 1, m, n_areas + 1)[1:] for m in (amount, served))
    return [share_of(r, t) if t > 0 else None for r, t in zip(reached, total, strict=True)]


def rows_of(
    clause: Clause, areas: Sequence[Area], cut: Tessellation, served_m2: Floats, shares: Sequence[float | None] | None
) -> list[AreaRow]:
    """A row for each area that is part of a tessellation; ``shares`` replace those of the ground."""
    whole, served = (np.bincount(cut.part + 1, m2, len(areas) + 1)[1:] for m2 in (cut.area_m2, served_m2))
    rows = []
    for i in np.flatnonzero(whole >= LEAST_M2).tolist():
        open_m2 = float(whole[i] - served[i])
        share = share_of(served[i], whole[i]) if shares is None else shares[i]
        rows.append(
            AreaRow.of(areas[i], share, area_km2=float(whole[i]) / 1e6, target=1.0, met=is_full(clause, open_m2, float(whole[i])),
                       share=share, shortfall=open_m2 / 1e6)
        )  # fmt: skip
    return rows
