"""GeoParquet: typed columns, times in UTC, WKB, the frame's CRS (none for GCJ-02 and BD-09), where it comes from as key ``twin``."""

from __future__ import annotations

import io
from typing import Any

import orjson
import shapely

from twin.export import Export, ExportColumn
from twin.writers.moments import utc_moments
from twin.writers.tables import json_text

GEO_VERSION = "1.1.0"
GEOMETRY = "geometry"


def to_parquet(export: Export, stem: str) -> dict[str, bytes]:
    """One row group after another, compressed by zstd."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"int": pa.int64(), "float": pa.float64(), "bool": pa.bool_(), "time": pa.timestamp("us", "UTC")}
    encode = {"json": lambda values: [json_text(v) for v in values], "time": utc_moments}

    def array(column: ExportColumn) -> Any:
        values = encode.get(column.kind, list)(column.values)
        return pa.array(values, kinds.get(column.kind, pa.string()))

    arrays = {c.name: array(c) for c in export.columns}
    arrays[GEOMETRY] = pa.array(shapely.to_wkb(export.geometry).tolist(), pa.binary())
    metadata = {b"geo": orjson.dumps(_geo(export)), b"twin": orjson.dumps(dict(export.about))}
    out = io.BytesIO()
    pq.write_table(pa.table(arrays).replace_schema_metadata(metadata), out, compression="zstd")
    return {f"{stem}.parquet": out.getvalue()}


def _geo(export: Export) -> dict[str, Any]:
    """The ``geo`` key of the GeoParquet specification."""
    from pyproj import CRS

    code = export.about["crs"]
    types = sorted({s.geom_type for s in export.geometry if s is not None})
    column: dict[str, Any] = {
        "encoding": "WKB", "geometry_types": types, "crs": None if code is None else CRS(code).to_json_dict(),
    }  # fmt: skip
    if types:
        column["bbox"] = shapely.total_bounds(export.geometry).tolist()
    return {"version": GEO_VERSION, "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}
