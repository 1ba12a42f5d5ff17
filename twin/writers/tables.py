"""Files of rows and cells without geometry of their own: two columns for a point's place, WKT for shapes. CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import orjson
import shapely

from twin.errors import Fault, InvalidInput, Words
from twin.export import Export, ExportColumn
from twin.layers.cell_text import neutral_cell
from twin.layers.own_columns import WKT

SIDECAR = ".meta.json"
"""What is added to a file's name for the file that says where it comes from."""
BOM = b"\xef\xbb\xbf"
EXACT_DECIMALS = 17


def to_csv(export: Export, stem: str) -> dict[str, bytes]:
    """Commas, UTF-8 with BOM, CRLF; text that would be a formula is made harmless."""
    columns = with_places(export)
    out = io.StringIO(newline="")
    lines = csv.writer(out)
    lines.writerow([c.name for c in columns])
    lines.writerows(zip(*([_cell(c.kind)(v) for v in c.values] for c in columns), strict=True))
    return {f"{stem}.csv{SIDECAR}": sidecar(export, columns), f"{stem}.csv": BOM + out.getvalue().encode()}


def sidecar(export: Export, columns: Sequence[ExportColumn]) -> bytes:
    """Where the data come from and what the columns are, for formats that have no place to say it."""
    said = [{"name": c.name, "title": {"zh": c.title.zh, "en": c.title.en}, "unit": c.unit} for c in columns]
    return orjson.dumps({**export.about, "columns": said}, option=orjson.OPT_INDENT_2)


def place_names(export: Export) -> tuple[str, str]:
    """The columns of a point's place, named for the frame: an import takes them for what they are."""
    frame = export.frame
    if frame.kind == "plane":
        return "easting", "northing"
    return ("lng", "lat") if frame.kind == "degrees" else (f"lng_{frame.name}", f"lat_{frame.name}")


def with_places(export: Export) -> tuple[ExportColumn, ...]:
    """The columns, those of the place after the name."""
    head, rest = export.columns[:2], export.columns[2:]
    missing = shapely.is_missing(export.geometry)
    if export.layer.geometry != "point":
        shapes = shapely.to_wkt(export.geometry, rounding_precision=EXACT_DECIMALS, trim=True)
        wkt = [None if none else text for none, text in zip(missing, np.atleast_1d(shapes).tolist(), strict=True)]
        return (*head, ExportColumn(WKT, "text", Words("几何（WKT）", "Geometry (WKT)"), "", wkt), *rest)
    unit = "m" if export.frame.kind == "plane" else "°"
    titles = (Words("经度/东坐标", "Longitude or easting"), Words("纬度/北坐标", "Latitude or northing"))
    xy = (shapely.get_x(export.geometry), shapely.get_y(export.geometry))
    places = (
        ExportColumn(name, "float", title, unit, [None if v != v else v for v in values.tolist()])  # noqa: PLR0124  (NaN)
        for name, title, values in zip(place_names(export), titles, xy, strict=True)
    )
    return (*head, *places, *rest)


def refuse_long(
    export: Export, columns: Sequence[ExportColumn], limit: int, size: Callable[[str], int], words: Words
) -> None:
    """Raises InvalidInput naming every text whose size is over the limit; ``words`` say so of one."""
    faults: list[Fault] = [
        export.fault(at, column.name, value, words)
        for column in columns
        for at, value in enumerate(column.values)
        if isinstance(value, str) and len(value) * 4 > limit and size(value) > limit
    ]
    if faults:
        raise InvalidInput(
            f"{len(faults)} 处文字{words.zh}，首先是 {faults[0].where} 的 {faults[0].column}；未写入",
            f"{len(faults)} texts are {words.en}, first: {faults[0].where}, {faults[0].column}; nothing was written",
            faults,
        )


def json_text(value: Any) -> str | None:
    """A JSON column's value as the text that formats without objects have."""
    return None if value is None else orjson.dumps(value).decode()


def _cell(kind: str) -> Callable[[Any], Any]:
    match kind:
        case "bool":
            return lambda value: "" if value is None else "true" if value else "false"
        case "json":
            return json_text
        case "text":
            return lambda value: None if value is None else neutral_cell(value)
        case _:
            return lambda value: value
