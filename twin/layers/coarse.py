"""Layers as those see them who may not see exact places: at the centres of H3 cells, or counted per town. Pure.

Whatever is made of such a table (boxes, filters, tiles, counts, gaps) then uses the coarse places alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from twin.cells import NO_CELL, cell_centres, points_to_cells
from twin.layers.base import LayerType
from twin.layers.tabulate import table_of
from twin.model import Area, Cells, LayerTable, LngLat

RESOLUTION = 9
"""Of the cells at whose centres sensitive things are shown: about 0.1 km²."""
BASE_COUNT = 3
"""Counts for everybody are multiples of this; below it they are withheld."""
TOWN_KEY = "town:"
"""Begins the keys of such counts."""
Mask = NDArray[np.bool_]


def sensitive_rows(kind: LayerType, table: LayerTable) -> Mask:
    """(n) whose exact places are not for everybody; where the field that decides is unknown, so is the row."""
    if not kind.sensitive or not kind.sensitive_where:
        return np.full(len(table), kind.sensitive)
    chosen = np.zeros(len(table), bool)
    for name, values in kind.sensitive_where.items():
        column = table.frame[name]
        chosen |= (column.isin(values) | column.isna()).to_numpy(bool)
    return chosen


def coarse_places(lnglat: LngLat) -> LngLat:
    """(n, 2) the centre of each point's cell of ``RESOLUTION``; NaN stays NaN."""
    return centres_of(points_to_cells(lnglat, RESOLUTION))


def centres_of(cells: Cells) -> LngLat:
    """(n, 2) the centres of cells; NaN for none."""
    unique, owner = np.unique(cells, return_inverse=True)
    centres = np.full((len(unique), 2), np.nan)
    there = unique != NO_CELL
    centres[there] = cell_centres(unique[there])
    return centres[owner]


def within(lnglat: LngLat, shapes: Sequence[BaseGeometry]) -> Mask:
    """(n) whether each point lies in one of the shapes, borders included; one without a place does not."""
    inside = np.zeros(len(lnglat), bool)
    for shape in shapes:
        shapely.prepare(shape)
        inside |= shapely.intersects_xy(shape, lnglat)
    return inside


def coarse(kind: LayerType, table: LayerTable, rows: Mask) -> LayerTable:
    """The table with the chosen rows at the centres of their cells, without what else tells where they are.

    Point layers only: lines and polygons are not sensitive. Fields of files that the layer does not declare are withheld,
    too.
    """
    frame, declared = table.frame, {f.name for f in kind.all_fields()}
    columns: dict[str, Any] = {str(name): frame[name] for name in frame.columns}
    cells = points_to_cells(table.lnglat, RESOLUTION)
    lnglat = np.where(rows[:, None], centres_of(cells), table.lnglat)
    columns["lng"], columns["lat"] = lnglat[:, 0], lnglat[:, 1]
    columns["cell"] = np.where(rows, cells, frame["cell"].to_numpy(np.uint64))
    for field in kind.all_fields():
        if field.tells_place:
            columns[field.name] = _blanked(frame[field.name], rows)
    for name in set(columns) - declared - {"source", "version", "cell", "lng", "lat"}:
        columns[name] = _blanked(frame[name], rows)
    by_row_alone = bool((rows == sensitive_rows(kind, table)).all())
    return LayerTable(
        kind.name, pd.DataFrame(columns), None, table.emptied, marks=table.marks if by_row_alone else None,
        digest=derived("coarse", table, rows.tobytes()), recorded=table.recorded or table,
    )  # fmt: skip


def _blanked(column: pd.Series[Any], rows: Mask) -> pd.Series[Any]:
    return column.where(~rows, "" if column.name == "name" else None)


def by_town(kind: LayerType, table: LayerTable, rows: Mask, towns: Sequence[Area]) -> LayerTable:
    """The table with one row a town in place of the chosen ones: ``n_devices`` of those that stand there, as
    ``public_count`` says it, at a point inside the town. What stands in no town, or nowhere, is left out."""
    places, devices = coarse_places(table.lnglat), table.frame["n_devices"].to_numpy(np.int64)
    left, counted = rows & ~np.isnan(places[:, 0]), []
    for town in sorted(towns, key=lambda a: a.code):
        inside = np.flatnonzero(left)[within(places[left], [town.geometry])]
        left[inside] = False
        n = public_count(int(devices[inside].sum()))
        if n:
            point = shapely.point_on_surface(town.geometry)
            counted.append(
                (
                    f"{TOWN_KEY}{town.code}",
                    town.name,
                    None,
                    None,
                    None,
                    None,
                    n,
                    None,
                    None,
                    1,
                    point.x,
                    point.y,
                    None,
                    b"{}",
                )
            )
    made = table_of(kind, counted).frame
    for field in kind.fields:
        made[field.name] = made[field.name].astype(table.frame[field.name].dtype)
    frame = pd.concat([table.frame[~rows], made], ignore_index=True).sort_values("key", ignore_index=True)
    digest = derived("towns", table, rows.tobytes(), *(t.code.encode() + t.digest for t in towns))
    return LayerTable(kind.name, frame, None, table.emptied, digest=digest, recorded=table.recorded or table)


def without(table: LayerTable, rows: Mask) -> LayerTable:
    """The table without the chosen rows. Point layers only."""
    frame = table.frame[~rows].reset_index(drop=True)
    digest = derived("without", table, rows.tobytes())
    return LayerTable(table.layer, frame, None, table.emptied, digest=digest, recorded=table.recorded or table)


def public_count(n: int) -> int | None:
    """A count as everybody may know it: the nearest multiple of ``BASE_COUNT``, None below that. Differences between two
    such counts do not give away a small one."""
    if 0 < n < BASE_COUNT:
        return None
    return (n + BASE_COUNT // 2) // BASE_COUNT * BASE_COUNT


def derived(how: str, table: LayerTable, *more: bytes) -> str:
    """A digest for what is made of a table; empty if the table has none."""
    if not table.digest:
        return ""
    return blake2b(b"|".join([how.encode(), table.digest.encode(), *more]), digest_size=12).hexdigest()
