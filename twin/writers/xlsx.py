"""Excel: the data on the first sheet, where they come from and what the columns mean on the second, 说明."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from twin.errors import InvalidInput, Words
from twin.export import Export, ExportColumn
from twin.layers.cell_text import neutral_cell
from twin.layers.own_columns import ABOUT_SHEET
from twin.writers.disk import unwritable
from twin.writers.tables import json_text, place_names, refuse_long, with_places
from twin.writers.vector import title

MOST_ROWS = 1_048_575
LONGEST_TEXT = 32_767
"""UTF-16 units of a cell."""
WIDTH = 18

TOO_LONG = Words(
    f"超过 {LONGEST_TEXT} 个字符，Excel 单元格存不下；请用 .gpkg",
    f"longer than {LONGEST_TEXT} characters, which a cell cannot hold; use .gpkg",
)


def to_xlsx(export: Export, stem: str) -> dict[str, bytes]:
    """Column names are the fields' names, so that an import takes the file back; the first row stays in view.

    Raises:
        InvalidInput: too many rows, or text too long for a cell, all of it in ``faults``.
        Unavailable: there is no room for temporary files.
    """
    import xlsxwriter
    from xlsxwriter.exceptions import XlsxWriterException

    columns = [_column(export, c) for c in with_places(export)]
    _refuse_too_large(export, columns)
    out = io.BytesIO()
    try:
        book = xlsxwriter.Workbook(out, {"constant_memory": True, "strings_to_numbers": False})
        bold = book.add_format({"bold": True})
        _write_data(book.add_worksheet(export.layer.name), columns, bold)
        about = book.add_worksheet(ABOUT_SHEET)
        about.set_column(0, 3, WIDTH * 2)
        for at, row in enumerate(_about_rows(export, columns)):
            for place, cell in enumerate(row):
                about.write_string(at, place, neutral_cell(cell))
        book.close()
    except (OSError, XlsxWriterException) as problem:
        reason = problem if isinstance(problem, OSError) else OSError(str(problem))
        raise unwritable(Path(gettempdir()), reason) from None
    return {f"{stem}.xlsx": out.getvalue()}


def _write_data(sheet: Any, columns: list[ExportColumn], bold: Any) -> None:
    sheet.freeze_panes(1, 1)
    sheet.set_column(0, len(columns) - 1, WIDTH)
    for place, column in enumerate(columns):
        sheet.write_string(0, place, column.name, bold)
    write = {str: sheet.write_string, bool: sheet.write_boolean, int: sheet.write_number, float: sheet.write_number}
    for at, row in enumerate(zip(*(c.values for c in columns), strict=True), 1):
        for place, value in enumerate(row):
            if value is not None and value != "":
                write[type(value)](at, place, value)


def _column(export: Export, column: ExportColumn) -> ExportColumn:
    """A column whose cells Excel keeps as they are: text that would be a formula made harmless, numbers of 17 digits
    as text. Coordinates may lose the 17th digit: a hundred-millionth of a millimetre."""
    values = column.values
    if column.kind == "text":
        values = [None if v is None else neutral_cell(v) for v in values]
    elif column.kind == "json":
        values = [json_text(v) for v in values]
    elif column.kind == "float" and column.name not in place_names(export):
        values = [v if v is None or float(f"{v:.16G}") == v else repr(v) for v in values]
    return replace(column, values=values)


def _refuse_too_large(export: Export, columns: list[ExportColumn]) -> None:
    if len(export) > MOST_ROWS:
        raise InvalidInput(
            f"{len(export):,} 行超过 Excel 的 {MOST_ROWS:,} 行；请用 .csv 或 .gpkg",
            f"{len(export):,} rows are more than the {MOST_ROWS:,} of a sheet; use .csv or .gpkg",
        )
    refuse_long(export, columns, LONGEST_TEXT, lambda text: len(text.encode("utf-16-le")) // 2, TOO_LONG)


def _about_rows(export: Export, columns: list[ExportColumn]) -> Iterator[tuple[str, ...]]:
    about, said = export.about, title(export)
    yield (said.zh, said.en)
    yield ("图层 layer", about["layer"])
    yield ("坐标系 frame", about["frame"], about["crs"] or "—")
    yield ("截至 as_of", about["as_of"])
    yield ("已知于 known_at", about["known_at"])
    yield ("快照 snapshot", about["snapshot"])
    yield ("区域 area", *((about["area"]["code"], about["area"]["name"]) if about["area"] else ("—",)))
    yield ("要素数 features", str(about["n_features"]))
    yield ("无坐标 without location", str(about["n_without_location"]))
    yield ("标注 labels", *about["notes"]["zh"], *about["notes"]["en"])
    yield ()
    yield ("来源 source", "名称 title", "许可 licence", "标注 labels")
    for source in about["sources"]:
        yield (source["id"], source["title"], source["licence"], " ".join(source["labels"]))
    yield ()
    yield ("列 column", "名称", "title", "单位 unit")
    for column in columns:
        yield (column.name, column.title.zh, column.title.en, column.unit)
