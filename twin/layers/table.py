"""A file's rows as they were read, before anybody decides what they mean. Knows no file."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from twin.errors import InvalidInput, Words
from twin.model import Geometries


@dataclass(frozen=True)
class RawTable:
    """What a reader gives.

    ``columns`` holds text (or, where the format has types, plain values) and "" for blanks; its index is the row's
    number in the file (header = 1), or the feature's (first = 1). ``geometry`` is aligned with it, in the file's own
    coordinates, None where a feature has none; the field is None for formats without geometry.
    ``declared_frame`` is set only where a format defines the frame.
    """

    name: str
    columns: pd.DataFrame
    geometry: Geometries | None
    format: str
    encoding: str
    sha256: str
    declared_frame: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    document: Any = None
    """The whole of a nested document (JSON that is not GeoJSON), which only a profile can cut into rows; then there
    are no columns."""
    warnings: tuple[Words, ...] = ()
    """What the file holds that the table does not, or holds in doubt."""

    @property
    def n_rows(self) -> int:
        return len(self.columns)

    def where(self, position: int) -> str:
        """How faults name the row at a position (from 0)."""
        return f"{'row' if self.geometry is None else 'feature'} {self.columns.index[position]}"

    def text(self, column: str) -> pd.Series[str]:
        """A column as text without blanks around it: what parsing starts from."""
        return self.columns[column].map(plain_text)

    def constant(self, text: str) -> pd.Series[str]:
        """The same text for every row."""
        return pd.Series(text.strip(), index=self.columns.index, dtype=object)

    def only(self, where: Mapping[str, str]) -> RawTable:
        """The rows whose columns have exactly these texts (column names as they stand in the file).

        Raises:
            InvalidInput: no row is left.
        """
        keep = np.ones(self.n_rows, bool)
        for column, value in where.items():
            keep &= (self.text(column) == plain_text(value)).to_numpy(bool)
        if where and not keep.any():
            said = ", ".join(f"{c}={v}" for c, v in where.items())
            raise InvalidInput(f"没有一行满足 --where {said}", f"no row has {said}; see the values of that column")
        return replace(
            self, columns=self.columns[keep], geometry=None if self.geometry is None else self.geometry[keep]
        )


def positions(mask: NDArray[np.bool_]) -> list[int]:
    """Where a mask is set, counted from 0."""
    return [int(at) for at in np.flatnonzero(mask)]


def plain_text(value: Any) -> str:
    """Any cell as text: None and NaN are "", whole floats lose their ".0", lists and objects become JSON."""
    if isinstance(value, str):
        return value.strip()
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return str(value).strip()


def narrow(text: str) -> str:
    """Full-width letters, digits and signs as their ASCII selves (NFKC), without blanks around."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text).replace("。", ".").strip()
