"""One field of all rows while it is checked, and what is checked between rows and between fields."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime

import numpy as np
import pandas as pd

from twin.errors import Fault, Words
from twin.layers.base import Field
from twin.layers.mapping import ROW, ColumnMap, normal_name
from twin.layers.table import RawTable, positions
from twin.layers.values import Parsed, parse_column
from twin.model import MAX_KEY

UNREACHABLE = re.compile(r"[\x00-\x1f\x7f]|^\.{1,2}$|/versions$")
NO_ADDRESS = Words(
    "编号不能作为网址的一部分（不可含控制字符、为 . 或 ..、以 /versions 结尾）",
    "the key cannot be part of an address: no control characters, not . or .., not ending in /versions",
)
SCIENTIFIC = re.compile(r"\d(?:\.\d+)?[eE]\+?\d{2}", re.ASCII)
DIGITS_LOST = Words(
    "编号被 Excel 改成了科学计数，位数已丢失；请从原系统重新导出，并把该列设为文本",
    "Excel made a number of the key and its digits are lost: export it anew, with the column as text",
)
SHOWN_AS_DEFAULT = ("online", "valid_from", "level")
"""Fields without a default value whose absence is still worth a line in the report."""


class Column:
    """Text, values (n,), which of them the file gave, which are wrong. Lives as long as the check."""

    def __init__(self, table: RawTable, field: Field, mapping: ColumnMap) -> None:
        self.field, self.table = field, table
        self.column = mapping.columns.get(field.name, "")
        if self.column == ROW:
            self.text = pd.Series(table.columns.index.map(str), index=table.columns.index, dtype=object)
        elif self.column:
            self.text = table.text(self.column)
        else:
            self.text = table.constant(mapping.constants.get(field.name, ""))
        self.cells: list[str] = self.text.tolist()
        if field.coded and normal_name(self.column) not in map(normal_name, field.coded):
            field = replace(field, codes={}, keeps_unknown=False)
        self.parsed: Parsed = parse_column(self.text, field)
        self.values = self.parsed.values.copy()
        self.wrong = np.zeros(len(self.text), bool)
        self.wrong[list(self.parsed.wrong)] = True
        self.given = ~self.parsed.blank & ~self.wrong
        self.given[[at for at in self.parsed.unknown if self.values[at] is None]] = False
        self.faults = [self.fault(at, words) for at, words in self.parsed.wrong.items()]

    def fault(self, at: int, words: Words) -> tuple[int, Fault]:
        self.wrong[at] = True
        return at, Fault(self.table.where(at), self.column or self.field.name, self.cells[at], words)

    def fill(self, default_valid_from: datetime) -> int:
        """Put in what is missing; how many rows that deserves to be said of."""
        name, default = self.field.name, self.field.default
        missing = ~self.given & ~self.wrong & np.array([value is None for value in self.values], bool)
        self.values[missing] = default_valid_from if name == "valid_from" else default
        said = default not in (None, "") or name in SHOWN_AS_DEFAULT
        return int((~self.given & ~self.wrong).sum()) if said else 0


def key_faults(column: Column) -> list[tuple[int, Fault]]:
    """Blank and repeated keys; of a repeated one every row after the first."""
    faults = [column.fault(at, Words("编号为空", "the key is blank")) for at in positions(column.parsed.blank)]
    too_long = Words(f"编号过长，最多 {MAX_KEY} 个字符", f"the key is too long: at most {MAX_KEY} characters")
    faults += [column.fault(at, too_long) for at, key in enumerate(column.cells) if len(key) > MAX_KEY]
    faults += [column.fault(at, DIGITS_LOST) for at, key in enumerate(column.cells) if SCIENTIFIC.fullmatch(key)]
    faults += [column.fault(at, NO_ADDRESS) for at, key in enumerate(column.cells) if UNREACHABLE.search(key)]
    first: dict[str, int] = {}
    for at, key in enumerate(column.cells):
        before = first.setdefault(key, at)
        if before != at and key:
            there = column.table.where(before)
            faults.append(column.fault(at, Words(f"编号重复，已见于 {there}", f"the key is there already, in {there}")))
    return faults


CODE = re.compile(r"\d{2}|\d{4}|\d{6}|\d{9}(?:\+\d{9})*|\d{12}", re.ASCII)


def level_of_code(code: str) -> str | None:
    """The level that a division code (统计用区划代码) says by its length; None if it is not such a code."""
    if not CODE.fullmatch(code):
        return None
    if len(code) <= 4 or (len(code) == 6 and code.endswith("00")):
        return "city"
    if len(code) == 6:
        return "district"
    return "grid" if len(code) == 12 and not code.endswith("000") else "town"


def fill_levels(levels: Column, codes: Column) -> list[tuple[int, Fault]]:
    faults = []
    for at in positions(levels.parsed.blank & codes.given):
        level = level_of_code(str(codes.values[at]))
        levels.values[at] = level
        if level is None:
            known = ", ".join(levels.field.domain)
            words = Words(
                f"代码 {codes.values[at]} 看不出层级；请用 --map level=<列名> 或 --map level==zone({known})",
                f"code {codes.values[at]} does not say its level; use --map level=<column> or --map level==zone ({known})",
            )
            faults.append(levels.fault(at, words))
    return faults


def span_faults(start: Column, end: Column, default_start: datetime) -> list[tuple[int, Fault]]:
    both = positions(start.given & end.given)
    words = Words("失效时间不晚于生效时间", "it ends before it begins")
    faults = [end.fault(at, words) for at in both if end.values[at] <= start.values[at]]
    silent = positions(start.parsed.blank & end.given)
    ended = Words("导入前已失效，须给出生效时间", "it had ended before the import: say from when it was valid")
    return faults + [end.fault(at, ended) for at in silent if end.values[at] <= default_start]
