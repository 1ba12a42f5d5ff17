"""Columns that our exports have besides a layer's fields, and their names in a Shapefile: what an import makes of them.

``source``, ``version`` and ``cell`` are there for people; standing together they are the mark of our own files. Only
``source`` is taken back, where it names a source that the twin knows. ``extra`` holds JSON. ``lifecycle_assumed`` says
that a state is our default and not the source's.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.layers.base import COMMON, Field
from twin.layers.diff import ASSUMED_SUFFIX
from twin.layers.table import RawTable
from twin.layers.values import YES

FOR_PEOPLE = ("source", "version", "cell")
LABELLED = "labels"
"""What has to be said of a row's data (``synthetic`` …), in exports of data of which something has."""
EXTRA = "extra"
ASSUMED = f"lifecycle{ASSUMED_SUFFIX}"
WKT = "geometry_wkt"
ABOUT_SHEET = "说明"
"""The sheet of a workbook that says where the data come from; no data."""
ANNOTATIONS = ("行 row", "错误 faults", "结果 result")
"""The columns that an import's annotated workbook adds to the file's own."""
DEFAULT_STATE = next(f.default for f in COMMON if f.name == "lifecycle")
SHAPEFILE = "shapefile"
"""``RawTable.format`` of a Shapefile."""
LONGEST_SHORT_NAME = 10
SHORT_NAMES: dict[str, str] = {
    "antenna_gain_dbi": "gain_dbi",
    "area_km2_published": "km2_publ",
    "azimuth_deg": "azim_deg",
    "bandwidth_mhz": "bandw_mhz",
    "camera_type": "cam_type",
    "candidate_kind": "cand_kind",
    "downtilt_deg": "tilt_deg",
    "frequency_mhz": "freq_mhz",
    "lifecycle_assumed": "lc_assumed",
    "max_power_kw": "max_kw",
    "n_connectors": "n_conn",
    "sensor_type": "sens_type",
    "station_type": "stat_type",
    "tx_power_dbm": "tx_dbm",
}
"""The names that a Shapefile, which takes ten letters, has for longer ones. Published in docs/exports.md: do not change."""


def short_name(name: str) -> str:
    """A field's name in a Shapefile."""
    return SHORT_NAMES.get(name, name)


def with_short_name(field: Field, table_format: str) -> Field:
    """The field, for a Shapefile also known by its short name."""
    if table_format != SHAPEFILE or field.name not in SHORT_NAMES:
        return field
    return replace(field, synonyms=(*field.synonyms, SHORT_NAMES[field.name]))


def own_columns(columns: Sequence[str], table_format: str) -> tuple[str, ...]:
    """The columns of one of our exports, or of an annotated workbook, that feed no field; none if the file is not ours.

    A GeoJSON feature's ``id`` repeats the key.
    """
    if not set(FOR_PEOPLE) <= set(columns):
        return tuple(c for c in columns if c in ANNOTATIONS)
    ours = {
        *ANNOTATIONS,
        *FOR_PEOPLE,
        LABELLED,
        ASSUMED,
        SHORT_NAMES[ASSUMED],
        *(("id",) if table_format == "geojson" else ()),
    }
    return tuple(c for c in columns if c in ours)


def assumed_rows(table: RawTable, ours: Sequence[str], states: NDArray[np.object_]) -> NDArray[np.bool_]:
    """(n,) rows whose state our export marked as a default, and that still have it."""
    column = next((c for c in ours if c in (ASSUMED, SHORT_NAMES[ASSUMED])), None)
    if column is None:
        return np.zeros(table.n_rows, bool)
    marked = [text.casefold() in YES for text in table.text(column)]
    return np.asarray(np.array(marked, bool) & (states == DEFAULT_STATE), bool)


def sources_of(table: RawTable, ours: Sequence[str], known: Collection[str], source_id: str) -> list[str]:
    """The source of every row: what one of our exports says, where it is known, else ``source_id``."""
    if "source" not in ours:
        return [source_id] * table.n_rows
    return [text if text in known else source_id for text in table.text("source")]


def labels_of(table: RawTable, ours: Sequence[str]) -> frozenset[str]:
    """What one of our exports says of any of its rows."""
    if LABELLED not in ours:
        return frozenset()
    return frozenset(label for text in set(table.text(LABELLED)) for label in text.split())


def unpacked(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Cells by column, with the JSON object of a column ``extra`` in place of that column."""
    packed = extra.get(EXTRA)
    try:
        inner = json.loads(packed) if isinstance(packed, str) and packed.startswith("{") else None
    except (ValueError, RecursionError):
        inner = None
    if not isinstance(inner, dict):
        return dict(extra)
    return {**inner, **{name: value for name, value in extra.items() if name != EXTRA}}
