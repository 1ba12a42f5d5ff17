"""Shapes in a table's column: how formats without geometry carry lines and polygons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import shapely
from shapely.errors import ShapelyError

from twin.errors import Fault, InvalidInput, Words
from twin.layers.own_columns import WKT
from twin.layers.table import RawTable


def geometry_from_wkt(table: RawTable) -> RawTable:
    """The table with its column ``geometry_wkt`` as its geometry; as it is if it has geometry or no such column.

    Blank cells and empty shapes are no geometry; a third ordinate is dropped.

    Raises:
        InvalidInput: cells that are not WKT, all of them in ``faults``.
    """
    if table.geometry is not None or WKT not in table.columns:
        return table
    shapes = np.full(table.n_rows, None, dtype=object)
    faults: list[Fault] = []
    for at, text in enumerate(table.text(WKT)):
        if not text:
            continue
        try:
            shape = shapely.from_wkt(text)
        except ShapelyError as problem:
            words = Words("应为 WKT，如 POLYGON ((…))", f"WKT is expected, as POLYGON ((…)): {problem}")
            faults.append(Fault(table.where(at), WKT, text[:60], words))
            continue
        shapes[at] = None if shape.is_empty else shape
    if faults:
        raise InvalidInput(
            f"{table.name}：{len(faults)} 行的 {WKT} 不是有效的 WKT，首先是 {faults[0].where}",
            f"{table.name}: {len(faults)} cells of {WKT} are not WKT, first: {faults[0]}",
            faults,
        )
    return replace(
        table, columns=table.columns.drop(columns=WKT), geometry=np.asarray(shapely.force_2d(shapes), object)
    )
