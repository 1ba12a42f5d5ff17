"""Small sheets for tests: text in, checked records out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from twin.frames import parse_frame
from twin.layers import LAYERS
from twin.layers.check import Checked, check_table
from twin.layers.mapping import map_columns, parse_pairs
from twin.readers import RawTable, read_table

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def sheet(text: str) -> RawTable:
    return read_table(text.encode(), "sheet.csv")


def features(*pairs: tuple[Any, dict[str, Any]]) -> RawTable:
    listed = [{"type": "Feature", "geometry": geometry, "properties": properties} for geometry, properties in pairs]
    return read_table(json.dumps({"type": "FeatureCollection", "features": listed}).encode(), "sheet.geojson")


def check(
    table: RawTable,
    layer: str = "cameras",
    *options: str,
    frame: str = "wgs84",
    where: tuple[str, ...] = (),
    inverse: bool = False,
) -> Checked:
    mapping = map_columns(table, LAYERS[layer], parse_pairs("--map", options), parse_pairs("--where", where))
    return check_table(
        table, LAYERS[layer], mapping, parse_frame(frame),
        source_id="test", default_valid_from=NEW_YEAR, allow_datum_inverse=inverse,
    )  # fmt: skip


def words(checked: Checked) -> list[str]:
    """The faults as ``row, column: English``."""
    return [f"{fault.where}, {fault.column}: {fault.words.en}" for fault in checked.faults]
