"""GeoParquet, and Parquet without geometry, from bytes."""

from __future__ import annotations

import io
import json
from typing import Any

import pandas as pd
import shapely

from twin.errors import InvalidInput
from twin.layers.table import RawTable
from twin.model import Geometries
from twin.readers.crs import crs_metadata
from twin.readers.plain import plain_values
from twin.readers.source import SourceFile, refuse_too_many, said_in_words
from twin.readers.vector import simple_geometries


def read_parquet(file: SourceFile) -> RawTable:
    """Rows numbered from 1; geometry is the file's primary one, others stay text. Without ``geo`` metadata: none.

    Raises:
        InvalidInput: no Parquet file, damaged, without rows, or with geometry that cannot be read.
    """
    import pyarrow.parquet as pq

    with said_in_words(file.name, "Parquet"):
        source = pq.ParquetFile(io.BytesIO(file.content))
        geo = json.loads((source.schema_arrow.metadata or {}).get(b"geo", b"null"))
        refuse_too_many(file.name, source.metadata.num_rows, source.metadata.num_columns)
        primary = geo["primary_column"] if geo else None
        left_out = {primary, *_coverings(geo or {})}
        names = [name for name in source.schema_arrow.names if name not in left_out]
        table = source.read(columns=names)
        columns = {name: plain_values(table[name].to_pylist()) for name in names}
        geometry, metadata = (None, {}) if primary is None else _geometry(file.content, primary)
        n = source.metadata.num_rows
        if {n} < {*map(len, columns.values()), n if geometry is None else len(geometry)}:
            raise ValueError(f"it says that it has {n} rows, but its columns do not")
    if not n:
        raise InvalidInput(f"{file.name} 没有数据", f"{file.name} has no rows")
    frame = pd.DataFrame(columns, index=range(1, n + 1), dtype=object)
    return RawTable(file.name, frame, geometry, "parquet", "utf-8", file.sha256, metadata=metadata)


def _geometry(content: bytes, primary: str) -> tuple[Geometries, dict[str, str]]:
    import geopandas

    shapes = geopandas.read_parquet(io.BytesIO(content), columns=[primary])
    return simple_geometries(shapely.to_wkb(shapes.geometry.to_numpy())), crs_metadata(shapes.crs)


def _coverings(geo: dict[str, Any]) -> set[str]:
    """Columns that only repeat the bounds of the geometry."""
    coverings = [column.get("covering", {}).get("bbox", {}) for column in geo.get("columns", {}).values()]
    return {place[0] for covering in coverings for place in covering.values()}
