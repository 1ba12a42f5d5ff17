"""Shapes that a table carries as text."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely

from twin.errors import InvalidInput
from twin.layers.table import RawTable
from twin.layers.wkt_column import geometry_from_wkt


def table(*cells: str) -> RawTable:
    columns = pd.DataFrame({"key": [str(i) for i in range(len(cells))], "geometry_wkt": cells}, dtype=object)
    columns.index = pd.Index(range(2, 2 + len(cells)))
    return RawTable("t.csv", columns, None, "csv", "utf-8", "")


def test_wkt_becomes_the_geometry_and_leaves_the_columns() -> None:
    found = geometry_from_wkt(table("POINT (1 2)", "", "LINESTRING Z (0 0 5, 1 1 5)", "POLYGON EMPTY"))
    assert list(found.columns.columns) == ["key"]
    assert found.geometry is not None
    assert shapely.to_wkt(found.geometry[[0, 2]]).tolist() == ["POINT (1 2)", "LINESTRING (0 0, 1 1)"]
    assert found.geometry[[1, 3]].tolist() == [None, None]


def test_every_cell_that_is_not_wkt_is_named_with_its_row() -> None:
    with pytest.raises(InvalidInput, match="2 cells") as caught:
        geometry_from_wkt(table("POINT (1 2)", "here", "POLYGON ((0 0, 1 1))"))
    assert [f.where for f in caught.value.faults] == ["row 3", "row 4"]


def test_a_table_without_such_a_column_stays_as_it_is() -> None:
    plain = RawTable("t.csv", pd.DataFrame({"key": ["1"]}), None, "csv", "utf-8", "")
    assert geometry_from_wkt(plain) is plain


def test_a_file_that_has_geometry_keeps_it() -> None:
    own = np.array([shapely.Point(5, 6)], object)
    both = RawTable("t.geojson", table("POINT (1 2)").columns, own, "geojson", "utf-8", "")
    assert geometry_from_wkt(both) is both
