"""An import's report as a workbook: what it comes to on the first sheet, the file's own rows with what was found of each
on the second. Whoever mends the rows there can import the workbook: its columns of ours are left out."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from twin.errors import Fault, InvalidInput, Words
from twin.ingest.told import report_to_json
from twin.layers import LayerType, layer_named
from twin.layers.cell_text import neutral_cell
from twin.layers.own_columns import ABOUT_SHEET, ANNOTATIONS
from twin.layers.table import plain_text
from twin.model import Record
from twin.writers.disk import unwritable
from twin.writers.xlsx import LONGEST_TEXT, MOST_ROWS

if TYPE_CHECKING:
    from twin.ingest import ImportReport

N_NOTES = 1000
"""Cells with a note: every fault is in its row's own column; Excel opens slowly with many thousands of notes."""
EXACT = 10**15
PLACE = re.compile(r"(?:row|feature) (\d+)")
FAULTY_FILL, OURS_FILL = "#FBE9DD", "#EEF0F2"
WIDTH = 16
STATED = (
    ("file", Words("文件", "File")),
    ("format", Words("格式", "Format")),
    ("encoding", Words("编码", "Encoding")),
    ("layer", Words("图层", "Layer")),
    ("profile", Words("导入模板", "Profile")),
    ("frame", Words("坐标系", "Frame")),
    ("frame_check", Words("坐标系核对", "Frame check")),
    ("mapping", Words("字段对应", "Mapping")),
    ("kept_as_extra", Words("另存的列", "Kept as extra")),
    ("dropped", Words("未保存的列", "Not kept")),
    ("n_rows", Words("行数", "Rows")),
    ("n_devices", Words("设备数", "Devices")),
    ("n_without_location", Words("无坐标", "No location")),
    ("defaults", Words("采用默认值的行数", "Rows that took a default")),
    ("unknown_codes", Words("未知代码（行数）", "Unknown codes (rows)")),
    ("inside", Words("各区内", "Inside districts")),
    ("n_outside", Words("未落区", "In no district")),
    ("n_halo", Words("其中距界 1.5 km 以内", "Of these within 1.5 km")),
    ("n_beyond", Words("其中更远", "Of these farther out")),
    ("n_duplicates", Words("疑似重复", "Duplicates")),
)
COUNTED = {
    "added": Words("新增", "added"),
    "moved": Words("移动", "moved"),
    "changed": Words("变更", "changed"),
    "removed": Words("移除", "removed"),
    "unchanged": Words("不变", "unchanged"),
}
PLACED = {"location": Words("位置", "location"), "geometry": Words("形状", "shape")}
FAULTY, NOT_TAKEN = Words("有错误", "faulty"), Words("未选取", "not taken")
WARNING, N_FAULTS = Words("提示", "Warning"), Words("错误", "Faults")


def write_annotated(report: ImportReport, out: BinaryIO | Path, lang: str) -> None:
    """Write the workbook in Chinese (``zh``) or English.

    Every row of the file is there, also those not taken; cells at fault are coloured, the first ``N_NOTES`` have a note.
    Text that a spreadsheet would evaluate is made harmless, as in exports.

    Raises:
        InvalidInput: more rows than a sheet holds.
        Unavailable: there is no room for it, or for temporary files.
    """
    import xlsxwriter
    from xlsxwriter.exceptions import XlsxWriterException

    if report.table.n_rows > MOST_ROWS:
        raise InvalidInput(
            f"{report.table.n_rows:,} 行超过 Excel 的 {MOST_ROWS:,} 行，不能做成标注表；请查看报告中的错误清单",
            f"{report.table.n_rows:,} rows are more than the {MOST_ROWS:,} of a sheet: see the report's list of faults",
        )
    try:
        options = {"constant_memory": True, "strings_to_numbers": False, "strings_to_formulas": False}
        book = xlsxwriter.Workbook(str(out) if isinstance(out, Path) else out, options)
        _write_summary(book, report, lang)
        _write_rows(book, report, lang)
        book.close()
    except (OSError, XlsxWriterException) as problem:
        reason = problem if isinstance(problem, OSError) else OSError(str(problem))
        raise unwritable(Path(), reason) from None


def _write_summary(book: Any, report: ImportReport, lang: str) -> None:
    sheet, bold = book.add_worksheet(ABOUT_SHEET), book.add_format({"bold": True})
    wrapped = book.add_format({"text_wrap": True, "valign": "top"})
    sheet.set_column(0, 0, 2 * WIDTH)
    sheet.set_column(1, 1, 6 * WIDTH)
    for at, (label, text) in enumerate(_summary(report, lang)):
        sheet.write_string(at, 0, label, bold)
        sheet.write_string(at, 1, _cut(neutral_cell(text)), wrapped)


def _summary(report: ImportReport, lang: str) -> Iterator[tuple[str, str]]:
    told = report_to_json(report)
    for name, title in STATED:
        if told.get(name) not in (None, "", [], {}):
            yield title.in_language(lang), _said(told[name], lang)
    for name, title in COUNTED.items():
        yield title.in_language(lang), str(told["difference"][name]) if told["difference"] else "—"
    yield N_FAULTS.in_language(lang), str(len(report.checked.faults))
    for warning in told["warnings"]:
        yield WARNING.in_language(lang), warning[lang]
    for twice in told["duplicates"]:
        yield f"{twice['key']} ≈ {twice['other_key']}", f"{twice[lang]} ({twice['other_source']})"


def _said(value: Any, lang: str) -> str:
    """Plain data as a line of text; what has words in both languages is those words."""
    comma = "，" if lang == "zh" else ", "
    if isinstance(value, Mapping):
        if lang in value:
            return str(value[lang])
        return comma.join(f"{name} {_said(v, lang)}" for name, v in value.items() if not isinstance(v, list) or v)
    if isinstance(value, (list, tuple)):
        return comma.join(_said(v, lang) for v in value)
    return plain_text(value)


def _write_rows(book: Any, report: ImportReport, lang: str) -> None:
    table = report.raw if len(report.raw.columns.columns) else report.table
    layer = layer_named(report.checked.layer)
    names = [str(c) for c in table.columns.columns]
    head, ours = book.add_format({"bold": True, "bottom": 1}), book.add_format({"bg_color": OURS_FILL})
    faulty = book.add_format({"bg_color": FAULTY_FILL, "font_color": "#A63A00"})
    sheet = book.add_worksheet(layer.name)
    sheet.freeze_panes(1, len(ANNOTATIONS))
    for column, width in enumerate((7, 3 * WIDTH, WIDTH)):
        sheet.set_column(column, column, width)
    sheet.set_column(len(ANNOTATIONS), len(ANNOTATIONS) + len(names), WIDTH)
    for column, name in enumerate((*ANNOTATIONS, *names)):
        sheet.write_string(0, column, neutral_cell(name), head)
    faults, results, notes = _faults_by_row(report), _results(report, layer, lang), 0
    cells = zip(*(table.columns[c] for c in table.columns.columns), strict=True) if names else iter(())
    for at, (row, values) in enumerate(zip(table.columns.index, cells, strict=bool(names)), 1):
        found = faults.get(int(row), {})
        sheet.write_number(at, 0, int(row), ours)
        sheet.write_string(at, 1, _cut(_row_words(found, lang)), faulty if found else ours)
        sheet.write_string(at, 2, FAULTY.in_language(lang) if found else results.get(int(row), ""), ours)
        for column, (name, value) in enumerate(zip(names, values, strict=True), len(ANNOTATIONS)):
            _write_cell(sheet, at, column, value, faulty if name in found else None)
        for column, name in enumerate(names, len(ANNOTATIONS)) if found else ():
            if name in found and notes < N_NOTES:
                notes += 1
                sheet.write_comment(at, column, "\n".join(f.words.in_language(lang) for f in found[name]))


def _write_cell(sheet: Any, row: int, column: int, value: Any, style: Any) -> None:
    if isinstance(value, str):
        if value:
            sheet.write_string(row, column, _cut(neutral_cell(value)), style)
        elif style is not None:
            sheet.write_blank(row, column, None, style)
    elif isinstance(value, bool):
        sheet.write_boolean(row, column, value, style)
    elif isinstance(value, (int, float)) and -EXACT < value < EXACT:
        sheet.write_number(row, column, value, style)
    else:
        sheet.write_string(row, column, _cut(neutral_cell(plain_text(value))), style)


def _cut(text: str) -> str:
    """At most what a cell holds."""
    return text if len(text) < LONGEST_TEXT // 2 else text[: LONGEST_TEXT // 2 - 1] + "…"


def _faults_by_row(report: ImportReport) -> dict[int, dict[str, list[Fault]]]:
    """The faults of each row by column; those of a key, or of a field, are found by the mapping."""
    rows = {record.key: row for row, record in _good_rows(report)}
    found: dict[int, dict[str, list[Fault]]] = defaultdict(lambda: defaultdict(list))
    for fault in report.checked.faults:
        place = PLACE.fullmatch(fault.where)
        row = int(place[1]) if place else rows.get(fault.where.removeprefix("key "))
        if row is not None:
            found[row][report.mapping.columns.get(fault.column, fault.column)].append(fault)
    return found


def _good_rows(report: ImportReport) -> list[tuple[int, Record]]:
    """The numbers of the rows that have become records, with these: the taken rows without fault, in the file's order."""
    taken = report.table.only(report.mapping.where).columns.index
    faulty = {int(place[1]) for fault in report.checked.faults if (place := PLACE.fullmatch(fault.where))}
    good = [int(row) for row in taken if int(row) not in faulty]
    return list(zip(good, report.checked.records, strict=True)) if len(good) == len(report.checked.records) else []


def _row_words(found: Mapping[str, Sequence[Fault]], lang: str) -> str:
    said = [f"{column}：{f.words.zh}" if lang == "zh" else f"{column}: {f.words.en}" for column, fs in found.items() for f in fs]  # fmt: skip
    return ("；" if lang == "zh" else "; ").join(said)


def _results(report: ImportReport, layer: LayerType, lang: str) -> dict[int, str]:
    """What becomes of each row's feature, by the row's number."""
    results = dict.fromkeys((int(row) for row in report.table.columns.index), NOT_TAKEN.in_language(lang))
    results.update(dict.fromkeys((int(row) for row in report.table.only(report.mapping.where).columns.index), ""))
    said = _said_by_key(report, layer, lang)
    return results | {row: said.get(record.key, "") for row, record in _good_rows(report)}


def _said_by_key(report: ImportReport, layer: LayerType, lang: str) -> dict[str, str]:
    difference, words = report.difference, {name: w.in_language(lang) for name, w in COUNTED.items()}
    titles = {f.name: f.title for f in layer.all_fields()} | PLACED
    said = dict.fromkeys(difference.unchanged, words["unchanged"])
    said |= {record.key: words["added"] for record in difference.added}
    for each in difference.altered:
        names = [titles[n].in_language(lang) if n in titles else n for n in each.fields]
        if each.moved_m is None:
            said[each.record.key] = f"{words['changed']}: {', '.join(names)}"
        else:
            others = [n for n, field in zip(names, each.fields, strict=True) if field != "location"]
            said[each.record.key] = ", ".join([f"{words['moved']} {_metres(each.moved_m)}", *others])
    if lang == "zh":
        return {key: text.replace(": ", "：").replace(", ", "、") for key, text in said.items()}
    return said


def _metres(moved_m: float) -> str:
    return f"{moved_m:,.1f} m" if moved_m >= 0.05 else "< 0.1 m"
