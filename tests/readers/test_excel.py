"""Workbooks as people make them: titles, merged headings, several sheets, dates, formulas, errors; never nothing silent."""

from __future__ import annotations

import datetime as dt
import io
import struct
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import openpyxl
import pytest
import xlsxwriter
import xlwt

from twin.errors import InvalidInput, MappingAmbiguous
from twin.readers import RawTable, read_table


def xlsx(rows: Sequence[Sequence[Any]], change: Callable[[Any, Any], None] | None = None) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(list(row))
    if change:
        change(book, book.active)
    return saved(book)


def saved(book: Any) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def xls(rows: Sequence[Sequence[Any]]) -> bytes:
    book = xlwt.Workbook()
    fill(book.add_sheet("表"), rows)
    return saved(book)


def fill(sheet: Any, rows: Sequence[Sequence[Any]]) -> None:
    for r, row in enumerate(rows):
        for c, cell in enumerate(row):
            if cell is not None:
                sheet.write(r, c, cell)


def rows_of(table: RawTable) -> list[list[Any]]:
    return table.columns.to_numpy().tolist()


ROWS = [["编号", "名称", "经度", "在线"], ["31011200001320000001", " 虹桥 ", 121.5, True], ["A2", None, 121, False]]


@pytest.mark.parametrize(("content", "name"), [(xlsx(ROWS), "a.xlsx"), (xls(ROWS), "a.XLS"), (xls(ROWS), "a.et")])
def test_cells_keep_plain_values(content: bytes, name: str) -> None:
    table = read_table(content, name)
    assert list(table.columns.columns) == ["编号", "名称", "经度", "在线"]
    assert rows_of(table) == [["31011200001320000001", "虹桥", 121.5, True], ["A2", "", 121, False]]
    assert list(table.columns.index) == [2, 3]
    assert (table.geometry, table.declared_frame, table.format, table.warnings) == (None, None, "excel", ())
    assert list(table.text("经度")) == ["121.5", "121"]


def test_dates_and_times_become_iso_text() -> None:
    day = dt.datetime.fromisoformat("2024-05-01")
    moments = [day, day + dt.timedelta(hours=8.5), dt.time(8, 30), dt.timedelta(hours=30)]
    table = read_table(xlsx([list("abcd"), moments]), "a.xlsx")
    assert rows_of(table) == [["2024-05-01", "2024-05-01T08:30:00", "08:30:00", "30:00:00"]]


def test_a_title_above_the_names_is_passed_over_and_told() -> None:
    def merge(_book: Any, sheet: Any) -> None:
        sheet.merge_cells("A1:D1")

    table = read_table(xlsx([["闵行区摄像机一机一档"], ["填报：甲", "2024"], [], *ROWS], merge), "a.xlsx")
    assert list(table.columns.columns) == ROWS[0]
    assert list(table.columns.index) == [5, 6]
    assert table.metadata == {"sheet": "Sheet", "header_row": 4, "title": "闵行区摄像机一机一档 填报：甲 2024"}


def test_names_merged_over_two_rows_stand_beside_those_under_a_group() -> None:
    def merge(_book: Any, sheet: Any) -> None:
        for cells in ("A1:A2", "B1:C1", "D1:D2"):
            sheet.merge_cells(cells)

    rows = [["编号", "位置", None, "状态"], [None, "经度", "纬度"], ["a", 121, 31, "在线"]]
    table = read_table(xlsx(rows, merge), "a.xlsx")
    assert list(table.columns.columns) == ["编号", "经度", "纬度", "状态"]
    assert rows_of(table) == [["a", 121, 31, "在线"]]


def test_blank_rows_are_passed_over_and_rows_keep_the_sheets_numbers() -> None:
    table = read_table(xlsx([["id", "n"], ["a", 1], [None, "  "], [], ["b", 2]]), "a.xlsx")
    assert list(table.columns.index) == [2, 5]


def test_a_sheet_that_begins_far_from_a1_keeps_its_row_numbers() -> None:
    def move(_book: Any, sheet: Any) -> None:
        sheet["A4"], sheet["B4"], sheet["A5"], sheet["B5"] = "id", "n", "a", 1

    assert list(read_table(xlsx([], move), "a.xlsx").columns.index) == [5]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        pytest.param([["id", "名", "名"], ["a", "b", "c"]], "twice", id="twice"),
        pytest.param([["id", None, "x"], ["a", "b", "c"]], "no name", id="blank, and all rows text"),
        pytest.param([["id", "x"], ["a", 1, "stray"]], "do not match the header", id="a cell beside"),
        pytest.param([["id", "x"]], "no rows", id="no rows"),
    ],
)
def test_bad_headers_and_rows_are_refused_as_in_csv(rows: list[list[Any]], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        read_table(xlsx(rows), "a.xlsx")


@pytest.mark.parametrize("ending", ["xlsx", "xls"])
def test_codes_kept_as_numbers_have_lost_digits_and_each_is_told(ending: str) -> None:
    rows = [["编码", "x"], [31011200001320000001, 1], [1234, 1e20], ["31011200001320000001", 0.5]]
    content = (
        xlsx(rows) if ending == "xlsx" else xls([[float(c) if isinstance(c, int) else c for c in r] for r in rows])
    )
    with pytest.raises(InvalidInput, match="lost digits") as caught:
        read_table(content, f"a.{ending}")
    assert [(f.where, f.column, f.value) for f in caught.value.faults] == [
        ("row 2", "编码", f"{float(31011200001320000001):.0f}")
    ]


def test_error_cells_stay_as_their_text_in_xlsx() -> None:
    def spoil(_book: Any, sheet: Any) -> None:
        for cell, text in (("B2", "#N/A"), ("C2", "#REF!"), ("B3", "#DIV/0!")):
            sheet[cell] = text
            sheet[cell].data_type = "e"

    table = read_table(xlsx([["id", "x", "y"], ["a", None, None], ["b", None, 1]], spoil), "a.xlsx")
    assert rows_of(table) == [["a", "#N/A", "#REF!"], ["b", "#DIV/0!", 1]]


def test_error_results_of_formulas_stay_as_their_text() -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["id", "x"])
        sheet.write_row(1, 0, ["a"])
        sheet.write_formula(1, 1, "=1/0", None, "#DIV/0!")
    assert rows_of(read_table(out.getvalue(), "a.xlsx")) == [["a", "#DIV/0!"]]


def test_error_cells_stay_as_their_text_in_xls() -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("表")
    fill(sheet, [["id", "x"], ["a"]])
    sheet.row(1).set_cell_error(1, "#REF!")
    assert rows_of(read_table(saved(book), "a.xls")) == [["a", "#REF!"]]


def test_formulas_give_their_stored_values() -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["id", "n", "text"])
        sheet.write_row(1, 0, ["a"])
        sheet.write_formula(1, 1, "=1+1", None, 2)
        sheet.write_formula(1, 2, '="虹"&"桥"', None, "虹桥")
    table = read_table(out.getvalue(), "a.xlsx")
    assert rows_of(table) == [["a", 2, "虹桥"]]
    assert table.warnings == ()


def test_formulas_without_a_stored_value_are_blank_and_told() -> None:
    table = read_table(xlsx([["id", "n"], ["a", "=1+1"], ["b", "=2+2"]]), "a.xlsx")
    assert rows_of(table) == [["a", ""], ["b", ""]]
    assert [w.en.split(" have")[0] for w in table.warnings] == ["2 formulas"]


def test_merged_cells_among_the_rows_are_told() -> None:
    def merge(_book: Any, sheet: Any) -> None:
        sheet.merge_cells("B2:B3")

    table = read_table(xlsx([["id", "owner"], ["a", "甲"], ["b", None]], merge), "a.xlsx")
    assert rows_of(table) == [["a", "甲"], ["b", ""]]
    assert table.warnings[0].en.startswith("1 merged ranges")


def test_cells_that_an_export_made_safe_are_as_they_were_and_numbers_are_untouched() -> None:
    table = read_table(xlsx([["a", "b", "c"], ["'=1+1", "''@x", -5]]), "a.xlsx")
    assert rows_of(table) == [["=1+1", "'@x", -5]]


def several(change: Callable[[Any], None] | None = None) -> bytes:
    book = openpyxl.Workbook()
    book.active.title = "说明"
    for name in ("一", "二"):
        sheet = book.create_sheet(name)
        sheet.append(["id", "n"])
        sheet.append([name, 1])
    if change:
        change(book)
    return saved(book)


def test_of_several_sheets_one_must_be_named() -> None:
    with pytest.raises(MappingAmbiguous, match="一, 二"):
        read_table(several(), "a.xlsx")
    assert rows_of(read_table(several(), "a.xlsx", table="二")) == [["二", 1]]
    with pytest.raises(InvalidInput, match="there are: 说明, 一, 二"):
        read_table(several(), "a.xlsx", table="三")
    with pytest.raises(InvalidInput, match="no column names"):
        read_table(several(), "a.xlsx", table="说明")


def test_a_hidden_sheet_counts() -> None:
    def hide(book: Any) -> None:
        book["一"].sheet_state = "hidden"

    with pytest.raises(MappingAmbiguous):
        read_table(several(hide), "a.xlsx")


def test_the_only_sheet_that_holds_anything_is_taken() -> None:
    def drop(book: Any) -> None:
        del book["一"]

    assert read_table(several(drop), "a.xlsx").metadata["sheet"] == "二"
    with pytest.raises(InvalidInput, match="every sheet is empty"):
        read_table(xlsx([]), "a.xlsx")


def test_errors_are_those_of_the_sheet_asked_for() -> None:
    def spoil(book: Any) -> None:
        book["一"]["B2"] = "#N/A"
        book["一"]["B2"].data_type = "e"

    assert rows_of(read_table(several(spoil), "a.xlsx", table="二")) == [["二", 1]]
    assert rows_of(read_table(several(spoil), "a.xlsx", table="一")) == [["一", "#N/A"]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html><table></table></html>", "text or HTML"),
        (b"id,lng\na,1", "text or HTML"),
        (xlsx(ROWS)[:-30], "not a readable Excel file"),
        (xlsx(ROWS)[:900], "not a readable Excel file"),
        (xls(ROWS)[:2000], "not a readable Excel file"),
    ],
)
def test_what_is_no_workbook_is_said_in_words(content: bytes, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        read_table(content, "a.xls")


def rewritten(content: bytes, part: str, old: bytes, new: bytes) -> bytes:
    source, out = zipfile.ZipFile(io.BytesIO(content)), io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            text = source.read(name)
            target.writestr(name, text.replace(old, new) if name == part else text)
    return out.getvalue()


@pytest.mark.parametrize("far", [b'"XFD1048576"', b"'XFD1048576'", b'"A4294967295"', b'"ZZZZZZ3"', b' "XFD999999"'])
def test_a_cell_far_off_does_not_take_all_memory(far: bytes) -> None:
    content = rewritten(xlsx(ROWS), "xl/worksheets/sheet1.xml", b'"C3"', far)
    with pytest.raises(InvalidInput, match="more than 33554432 cells"):
        read_table(content, "a.xlsx")


def test_a_wide_sheet_is_no_bomb() -> None:
    table = read_table(xlsx([[f"c{i}" for i in range(800)], list(range(800))]), "a.xlsx")
    assert rows_of(table) == [list(range(800))]


def test_a_cell_far_off_in_an_old_workbook_does_not_take_all_memory() -> None:
    content = xls([["id", "n"], ["a", 1.2345678]])
    number = struct.pack("<HHHH", 0x0203, 14, 1, 1)
    assert content.count(number) == 1
    with pytest.raises(InvalidInput, match="more than 33554432 cells"):
        read_table(content.replace(number, struct.pack("<HHHH", 0x0203, 14, 65535, 40000)), "a.xls")


def test_what_unpacks_to_too_much_is_refused() -> None:
    content = rewritten(xlsx(ROWS), "xl/styles.xml", b"</styleSheet>", b" " * (120 << 20) + b"</styleSheet>")
    with pytest.raises(InvalidInput, match="would unpack to"):
        read_table(content, "a.xlsx")
