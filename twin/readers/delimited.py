"""CSV: commas, semicolons or tabs; every cell stays text, without the apostrophe that keeps formulas from running."""

from __future__ import annotations

import csv
import hashlib
import io
import re

import pandas as pd

from twin.errors import Fault, InvalidInput
from twin.layers.cell_text import plain_cell
from twin.layers.table import RawTable
from twin.readers.tabular import header_names, misfit, refuse_misfits, refuse_no_rows
from twin.readers.text import decode

DELIMITERS = (",", ";", "\t")
csv.field_size_limit(1 << 30)
"""A polygon as WKT is one cell, longer than the 128 KiB that csv allows by default."""


def read_delimited(content: bytes, name: str) -> RawTable:
    """Rows of a CSV file; lines without any cell filled are skipped and keep their number.

    Raises:
        InvalidInput: no header, no rows, headers blank or twice, rows of another length (all of them in ``faults``).
    """
    text, encoding = decode(content, name)
    delimiter = _delimiter(text)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as problem:
        raise InvalidInput(f"{name} 不是有效的 CSV:{problem}", f"{name} is not valid CSV: {problem}") from None
    header = header_names([_plain(cell) for cell in (lines[0] if lines else [])], 1, name)
    numbers, rows = _rows(lines, len(header), name)
    frame = pd.DataFrame(rows, index=numbers, columns=header, dtype=object)
    return RawTable(
        name=name, columns=frame, geometry=None, format="csv", encoding=encoding,
        sha256=hashlib.sha256(content).hexdigest(), metadata={"delimiter": delimiter},
    )  # fmt: skip


def _delimiter(text: str) -> str:
    """The one that cuts the header into most cells; the comma if none does better."""
    first = re.split(r"[\r\n]", text, maxsplit=1)[0]

    def n_cells(delimiter: str) -> int:
        try:
            return len(next(csv.reader([first], delimiter=delimiter), []))
        except csv.Error:
            return 0

    return max(DELIMITERS, key=n_cells)


def _rows(lines: list[list[str]], width: int, name: str) -> tuple[list[int], list[list[str]]]:
    numbers: list[int] = []
    rows: list[list[str]] = []
    faults: list[Fault] = []
    for number, cells in enumerate(lines[1:], 2):
        cut = [_plain(cell) for cell in cells]
        if not any(cut):
            continue
        if len(cut) < width or any(cut[width:]):
            faults.append(misfit(number, cut[0], len(cut), width))
        numbers.append(number)
        rows.append(cut[:width])
    refuse_misfits(faults, name)
    refuse_no_rows(numbers, name)
    return numbers, rows


def _plain(cell: str) -> str:
    text = cell.strip()
    return plain_cell(text) if text.startswith("'") else text
