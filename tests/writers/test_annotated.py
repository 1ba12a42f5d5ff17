"""The annotated workbook: every row with its faults and its fate, harmless in a spreadsheet, and importable once mended."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.world import CENTRE, charger, district, offset, twin_with
from twin.engine import Twin
from twin.ingest import ImportReport, ImportRequest, apply, examine
from twin.layers.own_columns import ABOUT_SHEET, ANNOTATIONS
from twin.readers import read_table
from twin.writers import annotated
from twin.writers.annotated import write_annotated

LNG, LAT = CENTRE


def place(east_m: float) -> str:
    lng, lat = offset(CENTRE, east_m, 0)
    return f"{lng},{lat}"


@pytest.fixture
def twin() -> Twin:
    return twin_with([*district(2000), *(charger(key, CENTRE, name=key) for key in ("same", "far", "other"))])


def report_of(twin: Twin, text: str | bytes, name: str = "stations.csv", **asked: Any) -> ImportReport:
    content = text.encode() if isinstance(text, str) else text
    request = ImportRequest("chargers", "wgs84", source_id="hand", **asked)
    return examine(twin, read_table(content, name), request, allow_datum_inverse=False)


def book_of(report: ImportReport, lang: str = "zh") -> Any:
    out = io.BytesIO()
    write_annotated(report, out, lang)
    return openpyxl.load_workbook(out)


def rows_of(report: ImportReport, lang: str = "zh") -> list[tuple[Any, ...]]:
    return list(book_of(report, lang)["chargers"].values)


TEXT = f"id,name,lon,lat\nsame,same,{place(0)}\nfar,far,{place(12.3)}\nother,别名,{place(0)}\nnew,new,{place(50)}\nbad,bad,x,{LAT}\n"


@pytest.mark.parametrize(
    ("lang", "expected"),
    [("zh", ["不变", "移动 12.3 m", "变更：名称", "新增", "有错误"]),
     ("en", ["unchanged", "moved 12.3 m", "changed: Name", "added", "faulty"])],
)  # fmt: skip
def test_every_row_tells_what_becomes_of_it(twin, lang, expected):
    header, *rows = rows_of(report_of(twin, TEXT), lang)
    assert header == (*ANNOTATIONS, "id", "name", "lon", "lat")
    assert [row[0] for row in rows] == [2, 3, 4, 5, 6]
    assert [row[2] for row in rows] == expected
    assert [row[3] for row in rows] == ["same", "far", "other", "new", "bad"]


def test_a_cell_at_fault_is_coloured_and_has_a_note_and_the_row_says_why(twin):
    report = report_of(twin, TEXT)
    (fault,) = report.checked.faults
    sheet = book_of(report)["chargers"]
    cells = {cell.column_letter: cell for cell in sheet[6]}
    assert cells["F"].fill.fgColor.rgb == "FFFBE9DD"
    assert cells["F"].comment.text == fault.words.zh
    assert (cells["E"].comment, cells["E"].fill.fgColor.rgb) == (None, "00000000")
    assert cells["B"].value == f"lon：{fault.words.zh}"
    assert sheet["B2"].value in (None, "")


def test_notes_are_few_however_many_faults_there_are(twin, monkeypatch):
    monkeypatch.setattr(annotated, "N_NOTES", 2)
    sheet = book_of(report_of(twin, "id,lon,lat\n" + "".join(f"k{i},x,31\n" for i in range(5))))["chargers"]
    assert sum(cell.comment is not None for row in sheet for cell in row) == 2
    assert all(sheet.cell(row, 2).value for row in range(2, 7))


def test_a_faults_row_is_the_files_own_however_the_sheet_begins(twin):
    book = openpyxl.Workbook()
    for row in (["充电站清单"], [], ["id", "lon", "lat"], ["a", LNG, LAT], [], ["b", "x", LAT]):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    _, first, second = rows_of(report_of(twin, out.getvalue(), "s.xlsx"))
    assert (first[0], first[2]) == (4, "新增")
    assert (second[0], second[2]) == (6, "有错误")


def test_a_lifecycle_step_that_may_not_be_is_told_in_its_row(twin):
    first = report_of(twin, f"id,lon,lat,lifecycle,valid_from\nl,{place(9)},operating,2020-01-01\n")
    apply(twin, first, author="test", reason="")
    report = report_of(twin, f"id,lon,lat,lifecycle\nl,{place(9)},planned\n")
    assert [f.where for f in report.checked.faults] == ["key l"]
    sheet = book_of(report)["chargers"]
    assert sheet["C2"].value == "有错误"
    assert sheet["G2"].comment is not None


def test_rows_that_are_not_taken_are_there_and_say_so(twin):
    rows = rows_of(report_of(twin, f"id,lon,lat,town\na,{place(1)},东\nb,{place(2)},西\n", where={"town": "西"}))
    assert [row[2] for row in rows[1:]] == ["未选取", "新增"]


def test_the_first_sheet_sums_up_in_either_language(twin):
    report = report_of(twin, TEXT)
    zh, en = (dict(book_of(report, lang)[ABOUT_SHEET].values) for lang in ("zh", "en"))
    assert (zh["文件"], zh["图层"], zh["坐标系"], zh["行数"], zh["错误"]) == (
        "stations.csv",
        "chargers",
        "wgs84",
        "5",
        "1",
    )
    assert zh["新增"] == "—"  # with a fault nothing would be recorded
    assert zh["坐标系核对"] == report.frame_check.words.zh
    assert en["Faults"] == "1"
    assert book_of(report).sheetnames[0] == ABOUT_SHEET
    good = dict(book_of(report_of(twin, TEXT.partition("bad,bad")[0]), "en")[ABOUT_SHEET].values)
    assert [good[name] for name in ("added", "moved", "changed", "removed", "unchanged")] == ["1", "1", "1", "0", "1"]


DANGEROUS = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "'=1", "\t=1"]


def test_nothing_of_the_file_is_a_formula(twin):
    lines = "".join(f'k{i},"{text}",{place(i)}\n' for i, text in enumerate(DANGEROUS))
    book = book_of(report_of(twin, f"id,=name,lon,lat\n{lines}"))
    cells = [cell for sheet in book for row in sheet for cell in row]
    assert [cell.coordinate for cell in cells if cell.data_type == "f"] == []
    texts = [cell.value for cell in cells if isinstance(cell.value, str)]
    assert [text for text in texts if text[:1] in ("=", "+", "@")] == []


def test_a_mended_workbook_imports_as_the_file_would(twin):
    report = report_of(twin, TEXT)
    book = book_of(report)
    book["chargers"]["F6"] = LNG
    out = io.BytesIO()
    book.save(out)
    mended = report_of(twin, out.getvalue(), "stations.xlsx")
    straight = report_of(twin, TEXT.replace("bad,bad,x", f"bad,bad,{LNG}"))
    assert mended.checked.faults == ()
    assert mended.mapping.extra == ()
    assert mended.difference.counts() == straight.difference.counts()
    assert {r.key: r.attributes for r in mended.checked.records} == {
        r.key: r.attributes for r in straight.checked.records
    }


def test_it_can_be_written_to_a_path(twin, tmp_path: Path):
    write_annotated(report_of(twin, TEXT), tmp_path / "out.xlsx", "en")
    assert openpyxl.load_workbook(tmp_path / "out.xlsx").sheetnames == [ABOUT_SHEET, "chargers"]
