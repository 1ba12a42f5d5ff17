"""What an .xlsx holds that calamine does not tell: error cells, formulas without a value, how far its sheets reach.

calamine lays a sheet out as a full rectangle, so a stray cell far off would take all memory: how far cells reach is
found before it reads. It gives error cells (#N/A) as blanks: their texts are found here.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from twin.errors import InvalidInput
from twin.readers.archive import Archive
from twin.readers.source import refuse_too_many, said_in_words

N_PLAIN_COLUMNS, N_PLAIN_ROWS = 26, 999_999
_FAR = re.compile(rb"""["']([A-Za-z]{2,})\d+["']""")
_DEEP = re.compile(rb"""["'][A-Za-z]+(\d{7,})["']""")
_CELL = re.compile(rb"""\br\s*=\s*["']([A-Za-z]+)(\d+)["']""")
_ERROR = re.compile(rb"""<(?:\w+:)?c\s([^>]*\bt\s*=\s*["']e["'][^>]*)>(.*?)</(?:\w+:)?c>""", re.DOTALL)
_VALUE = re.compile(rb"<(?:\w+:)?v>([^<]*)<")
_UNCACHED = re.compile(rb"</(?:\w+:)?f>\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>")
OVERLAP = 1 << 20


@dataclass
class SheetFacts:
    """Of one sheet: texts of error cells by (row, column) from 0, and how many formulas have no value stored."""

    errors: dict[tuple[int, int], str] = field(default_factory=dict)
    n_uncached: int = 0
    reach: tuple[int, int] = (0, 0)
    """Rows and columns that its cells may span."""


def xlsx_sheets(content: bytes, name: str) -> dict[str, SheetFacts]:
    """The sheets of a workbook by name.

    Raises:
        InvalidInput: no workbook, damaged, or a sheet spans more cells than can be held.
    """
    archive = Archive(content, name, "Excel")
    if not {"[Content_Types].xml", "xl/workbook.xml"} <= set(archive.names):
        raise InvalidInput(
            f"{name} 不是 .xlsx 工作簿；请用 Excel 或 WPS 另存为 .xlsx",
            f"{name} is not an .xlsx workbook: open it in Excel or WPS and save it as .xlsx",
        )
    facts = {part.lower(): _facts(archive, part) for part in archive.names}
    for found in facts.values():
        refuse_too_many(name, *found.reach)
    with said_in_words(name, "Excel"):
        return {sheet: facts[part] for sheet, part in _parts(archive) if part in facts}


def _parts(archive: Archive) -> Iterator[tuple[str, str]]:
    """Name and part (a path in the archive, lower case) of each sheet."""
    book = _xml(archive, "xl/workbook.xml")
    links = {link.get("Id"): link.get("Target", "") for link in _xml(archive, "xl/_rels/workbook.xml.rels")}
    for sheet in book.iterfind("{*}sheets/{*}sheet"):
        id_ = next((value for key, value in sheet.attrib.items() if key.endswith("}id")), None)
        yield sheet.get("name", ""), posixpath.normpath(posixpath.join("/xl", links.get(id_, "")))[1:].lower()


def _xml(archive: Archive, part: str) -> ET.Element:
    return ET.fromstring(archive.read(part))  # noqa: S314 -- expat itself limits how far entities expand


def _facts(archive: Archive, part: str) -> SheetFacts:
    facts = SheetFacts()
    for text in _pieces(archive.chunks(part)):
        if b'"e"' in text or b"'e'" in text:
            facts.errors.update(_errors(text))
        facts.n_uncached += sum(1 for _ in _UNCACHED.finditer(text)) if b"</f>" in text or b":f>" in text else 0
        rows, columns = facts.reach
        facts.reach = max(rows, *(int(m[1]) for m in _DEEP.finditer(text)), N_PLAIN_ROWS), max(
            columns, *(_column(m[1]) for m in _FAR.finditer(text)), N_PLAIN_COLUMNS
        )  # fmt: skip
    if facts.reach != (N_PLAIN_ROWS, N_PLAIN_COLUMNS):
        facts.reach = _exact_reach(archive, part)
    return facts


def _exact_reach(archive: Archive, part: str) -> tuple[int, int]:
    rows = columns = 0
    for text in _pieces(archive.chunks(part)):
        for match in _CELL.finditer(text):
            rows, columns = max(rows, int(match[2])), max(columns, _column(match[1]))
    return rows, columns


def _pieces(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Chunks cut behind a cell's end, so that no cell is in two."""
    rest = b""
    for chunk in chunks:
        text = rest + chunk
        end = text.rfind(b"</c>") + 4
        if end < 4 or len(text) - end > OVERLAP:
            end = len(text)
        yield text[:end]
        rest = text[end:]
    yield rest


def _errors(text: bytes) -> Iterator[tuple[tuple[int, int], str]]:
    for match in _ERROR.finditer(text):
        place, value = _CELL.search(match[1]), _VALUE.search(match[2])
        if place is not None:
            said = value[1].decode("utf-8", "replace") if value else "#N/A"
            yield (int(place[2]) - 1, _column(place[1]) - 1), said


def _column(letters: bytes) -> int:
    """1 for A, 27 for AA; what is no column of a sheet is far off."""
    number = 0
    for letter in letters.upper()[:5]:
        number = number * 26 + letter - 64
    return number
