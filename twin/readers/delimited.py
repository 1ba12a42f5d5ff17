"""CSV: commas, semicolons or tabs; every cell stays text."""

from __future__ import annotations

import csv
import hashlib
import io
import re

import pandas as pd

from twin.errors import Fault, InvalidInput, Words
from twin.layers.table import RawTable
from twin.readers.text import decode

DELIMITERS = (",", ";", "\t")


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
    header = _header(lines[0] if lines else [], name)
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


def _header(cells: list[str], name: str) -> list[str]:
    header = [cell.strip() for cell in cells]
    while header and not header[-1]:
        header.pop()
    if not header:
        raise InvalidInput(f"{name} 第一行没有列名", f"{name} has no column names in its first row")
    faults = [
        Fault("row 1", f"#{i}", column, Words("列名为空", "the column has no name"))
        if not column
        else Fault("row 1", f"#{i}", column, Words("列名重复", "this column name is there twice"))
        for i, column in enumerate(header, 1)
        if not column or column in header[: i - 1]
    ]
    if faults:
        zh = f"{name} 的列名有误：{faults[0].words.zh}（{faults[0].value!r}）"
        raise InvalidInput(zh, f"{name}: bad column names, first: {faults[0]}", faults)
    return header


def _rows(lines: list[list[str]], width: int, name: str) -> tuple[list[int], list[list[str]]]:
    numbers: list[int] = []
    rows: list[list[str]] = []
    faults: list[Fault] = []
    for number, cells in enumerate(lines[1:], 2):
        cut = [cell.strip() for cell in cells]
        if not any(cut):
            continue
        if len(cut) < width or any(cut[width:]):
            reason = Words(f"有 {len(cut)} 格，列名有 {width} 个", f"{len(cut)} cells, but {width} column names")
            faults.append(Fault(f"row {number}", "", cut[0], reason))
        numbers.append(number)
        rows.append(cut[:width])
    if faults:
        raise InvalidInput(
            f"{name}：{len(faults)} 行的格数与列名不符，首先是第 {faults[0].where[4:]} 行",
            f"{name}: {len(faults)} rows do not match the header, first {faults[0].where}: {faults[0].words.en}",
            faults,
        )
    if not rows:
        raise InvalidInput(f"{name} 只有列名，没有数据", f"{name} has a header but no rows")
    return numbers, rows
