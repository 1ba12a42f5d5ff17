"""Excel and WPS workbooks (.xlsx, .xls, .et) to tables: which sheet, which row holds the names, plain values."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from twin.errors import Fault, InvalidInput, Words
from twin.layers.cell_text import plain_cell
from twin.layers.own_columns import ABOUT_SHEET
from twin.layers.table import RawTable, plain_text
from twin.readers.plain import plain_value, plain_values
from twin.readers.source import SourceFile, chosen_table, said_in_words
from twin.readers.tabular import header_names, misfit, refuse_misfits, refuse_no_rows
from twin.readers.xls_parts import OLE, xls_sheets
from twin.readers.xlsx_parts import SheetFacts, xlsx_sheets

N_HEADER_ROWS = 10
"""Among how many rows the one with the names is looked for."""
EXACT_DIGITS = 10**15
"""Excel keeps fifteen digits of a number: whole ones from here on may have lost some."""


def read_excel(file: SourceFile) -> RawTable:
    """The rows of one sheet, numbered as the sheet numbers them; rows without any cell filled are skipped.

    The names are in the first of the ten first rows that is more than half filled and no band of merged cells: titles
    and group headings above it go to ``metadata``. Error cells (#N/A) stay, as text; dates become ISO text.

    Raises:
        InvalidInput: no workbook, encrypted or damaged; no sheet of that name; names blank or twice; cells beside the
            names; whole numbers of more digits than Excel keeps (all in ``faults``).
        MappingAmbiguous: several sheets hold data and none was asked for.
    """
    sheet = _sheet(file)
    at, names = _header(sheet)
    header = header_names([plain_cell(text) for text in names], at + 1, file.name)
    reach = [_reach(row) for row in sheet.grid]
    rows = [i for i in range(at + 1, len(reach)) if reach[i]]
    refuse_no_rows(rows, file.name)
    misfits = [
        misfit(i + 1, plain_text(sheet.grid[i][0]), reach[i], len(header)) for i in rows if reach[i] > len(header)
    ]
    refuse_misfits(misfits, file.name)
    columns = {name: _column([sheet.grid[i][c] for i in rows]) for c, name in enumerate(header)}
    index = [i + 1 for i in rows]
    _refuse_lost_digits(columns, index, file.name)
    titles = [plain_text(cell) for row in sheet.grid[:at] for cell in row if plain_text(cell)]
    return RawTable(
        file.name, pd.DataFrame(columns, index=index, dtype=object), None, "excel", "", file.sha256,
        metadata={"sheet": sheet.name, "header_row": at + 1, **({"title": " ".join(titles)} if titles else {})},
        warnings=_warnings(sheet, at),
    )  # fmt: skip


@dataclass(frozen=True)
class _Sheet:
    """``grid`` is rows of cells from A1; ``merged`` are ranges as ((row, column), (row, column)), from 0."""

    name: str
    grid: list[list[Any]]
    merged: list[tuple[tuple[int, int], tuple[int, int]]]
    facts: SheetFacts


def _sheet(file: SourceFile) -> _Sheet:
    import python_calamine

    facts = _facts(file)
    with said_in_words(file.name, "Excel"):
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(file.content))
        known = [s.name for s in book.sheets_metadata if s.typ == python_calamine.SheetTypeEnum.WorkSheet]
        sheets = {name: book.get_sheet_by_name(name) for name in ([file.table] if file.table in known else known)}
        grids = {name: sheet.to_python(skip_empty_area=False) for name, sheet in sheets.items()}
        filled = [n for n, grid in grids.items() if any(map(_reach, grid))]
        data = [n for n in filled if n != ABOUT_SHEET] or filled
        name = chosen_table(data, known, file, "工作表", "sheet")
        merged = sheets[name].merged_cell_ranges or []
        position = [s.name for s in book.sheets_metadata].index(name)
        of_sheet = facts[name] if isinstance(facts, dict) else facts[position]
    grid: list[list[Any]] = grids[name]
    for (row, column), text in of_sheet.errors.items():
        if row < len(grid) and column < len(grid[row]):
            grid[row][column] = text
    return _Sheet(name, grid, merged, of_sheet)


def _facts(file: SourceFile) -> dict[str, SheetFacts] | list[SheetFacts]:
    if file.content.startswith(OLE):
        return xls_sheets(file.content, file.name)
    if file.content.startswith(b"PK"):
        return xlsx_sheets(file.content, file.name)
    raise InvalidInput(
        f"{file.name} 不是 Excel 工作簿（可能是改了扩展名的文本或网页）；请用 Excel 或 WPS 另存为 .xlsx",
        f"{file.name} is not an Excel workbook (perhaps text or HTML with another ending): "
        "open it in Excel or WPS and save it as .xlsx",
    )


def _reach(row: Sequence[Any]) -> int:
    """How many cells a row has, up to the last that is filled."""
    n = len(row)
    while n and (row[n - 1] == "" or (isinstance(row[n - 1], str) and not row[n - 1].strip())):
        n -= 1
    return n


def _header(sheet: _Sheet) -> tuple[int, list[str]]:
    """The row of the names (from 0) and the names; a name merged over several rows stands in each of them."""
    head = [[plain_text(plain_value(cell)) for cell in row] for row in sheet.grid[:N_HEADER_ROWS]]
    banded: set[int] = set()
    for (top, left), (bottom, right) in sheet.merged:
        if top < len(head) and right > left:
            banded.update(range(top, bottom + 1))
        elif top < len(head) and left < len(head[top]):
            for row in head[top + 1 : bottom + 1]:
                row[left] = row[left] or head[top][left]
    filled = [sum(1 for text in row if text) for row in head]
    wide = [i for i, n in enumerate(filled) if 2 * n > max(filled)]
    at = next((i for i in wide if i not in banded), wide[0] if wide else 0)
    return at, head[at] if head else []


def _column(cells: list[Any]) -> list[Any]:
    plain = plain_values(cells)
    if str not in set(map(type, plain)):
        return plain
    return [plain_cell(cell) if isinstance(cell, str) and cell[:1] == "'" else cell for cell in plain]


def _refuse_lost_digits(columns: dict[str, list[Any]], index: list[int], name: str) -> None:
    """A column of whole numbers is one of codes: Excel has cut those of more than fifteen digits."""
    reason = Words(
        "超过 15 位的编码按数字存放，Excel 已丢失末位；请把该列设为文本后重新填写",
        "a code of more than 15 digits was kept as a number, and Excel has lost its last ones: "
        "make the column text and enter it again",
    )
    faults = [
        Fault(f"row {row}", column, f"{cell:.0f}", reason)
        for column, cells in columns.items()
        if _has_long(cells)
        for row, cell in zip(index, cells, strict=True)
        if _is_number(cell) and abs(cell) >= EXACT_DIGITS
    ]
    if faults:
        raise InvalidInput(
            f"{name}：{len(faults)} 格的长编码已丢失末位，首先是 {faults[0].where} 的“{faults[0].column}”",
            f"{name}: {len(faults)} long codes have lost digits, first: {faults[0]}",
            faults,
        )


def _has_long(cells: list[Any]) -> bool:
    if not {int, float} & set(map(type, cells)):
        return False
    numbers = np.array([cell for cell in cells if _is_number(cell)], np.float64)
    whole = bool((np.floor(numbers) == numbers).all())
    return whole and bool((np.abs(numbers) >= EXACT_DIGITS).any())


def _is_number(cell: Any) -> bool:
    return isinstance(cell, (int, float)) and not isinstance(cell, bool)


def _warnings(sheet: _Sheet, at: int) -> tuple[Words, ...]:
    n_merged = sum(1 for (top, _), _ in sheet.merged if top > at)
    n_formulas = sheet.facts.n_uncached
    merged = Words(
        f"数据区有 {n_merged} 处合并单元格，只有左上格有值",
        f"{n_merged} merged ranges among the rows: only the upper left cell of each has its value",
    )
    formulas = Words(
        f"{n_formulas} 个公式没有存下结果，读作空白；请用 Excel 或 WPS 打开后保存再导入",
        f"{n_formulas} formulas have no value stored and were read as blank: open and save the file in Excel or WPS",
    )
    return (*((merged,) if n_merged else ()), *((formulas,) if n_formulas else ()))
