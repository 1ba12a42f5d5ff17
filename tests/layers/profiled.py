"""Files read with a profile, for tests: text or JSON in, checked records out."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from tests.layers.sheets import NEW_YEAR, sheet
from twin.frames import parse_frame
from twin.layers import LAYERS
from twin.layers.check import Checked, check_table
from twin.layers.mapping import ColumnMap, map_columns
from twin.layers.profile import Profile, choose_profile, specialised
from twin.layers.profile_rows import shape
from twin.layers.profile_source import profile_from
from twin.layers.table import RawTable
from twin.model import Record
from twin.readers import read_table
from twin.readers.profile_file import read_profiles
from twin.readers.toml_lines import key_lines

BUILT_IN = Path(__file__).parents[2] / "geodata" / "profiles"


@cache
def built_in() -> tuple[Profile, ...]:
    return read_profiles(BUILT_IN)


def shipped(profile_id: str, layer: str) -> Profile:
    return next(p for p in built_in() if (p.id, p.layer) == (profile_id, layer))


def profile(text: str) -> Profile:
    """A profile from TOML text."""
    return profile_from(tomllib.loads(text), key_lines(text), "own.toml")


def document(value: Any) -> RawTable:
    return read_table(json.dumps(value, ensure_ascii=False).encode(), "answer.json")


def tagged(*rows: dict[str, Any]) -> RawTable:
    """What the reader of OpenStreetMap gives for nodes: tags as columns, ``lng`` and ``lat`` aside."""
    points = np.array([shapely.Point(row.pop("lng", 121.4), row.pop("lat", 31.1)) for row in rows], object)
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [
        {"@id": f"node/{i}", "@type": "node", **{n: row.get(n, "") for n in names}} for i, row in enumerate(rows, 1)
    ]
    frame = pd.DataFrame(cells, index=range(1, len(rows) + 1), dtype=object)
    return RawTable("map.osm", frame, points, "osm", "utf-8", "", declared_frame="wgs84")


@dataclass(frozen=True)
class Read:
    profile: Profile | None
    table: RawTable
    mapping: ColumnMap
    checked: Checked

    @property
    def records(self) -> list[Record]:
        return self.checked.records

    @property
    def by_key(self) -> dict[str, Record]:
        return {record.key: record for record in self.records}

    @property
    def said(self) -> str:
        return "\n".join(f"{w.zh}\n{w.en}" for w in self.checked.warnings)


def read(
    table: RawTable | str,
    layer: str,
    *,
    profiles: Sequence[Profile] | None = None,
    named: str | None = None,
    frame: str | None = None,
    where: dict[str, str] | None = None,
    keep_private: bool = False,
) -> Read:
    """What an import does with a table: profile, rows, mapping, check. No frame means that of the profile, or WGS-84."""
    table = sheet(table) if isinstance(table, str) else table
    kind, own_where = LAYERS[layer], where
    chosen = choose_profile(built_in() if profiles is None else profiles, layer, table, named)
    if chosen is not None:
        kind = specialised(kind, chosen)
        table, own_where = shape(chosen, table, kind, where, keep_private=keep_private), None
    mapping = map_columns(table, kind, None, own_where, keep_private=keep_private)
    checked = check_table(
        table, kind, mapping, parse_frame(frame or table.declared_frame or "wgs84"),
        source_id="test", default_valid_from=NEW_YEAR, allow_datum_inverse=True,
    )  # fmt: skip
    return Read(chosen, table, mapping, checked)
