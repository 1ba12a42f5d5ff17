"""What an .xls (BIFF in an OLE file) holds that calamine does not tell, found before it reads: as ``xlsx_parts``.

Also whether the file's chains of sectors end: calamine follows them without asking. [MS-CFB], [MS-XLS].
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from itertools import pairwise

from twin.errors import InvalidInput
from twin.readers.source import refuse_too_many, said_in_words
from twin.readers.xlsx_parts import SheetFacts

OLE = bytes.fromhex("d0cf11e0a1b11ae1")
LAST_SECTOR = 0xFFFFFFFA
BOUNDSHEET, DIMENSIONS, FORMULA, BOOLERR, MULRK, MULBLANK, END = 0x85, 0x200, 0x06, 0x205, 0xBD, 0xBE, 0x0A
CELLS = frozenset(
    (0x03, 0x04, 0x05, FORMULA, 0xD6, 0xFD, 0x201, 0x203, 0x204, BOOLERR, 0x206, 0x406, 0x27E, MULRK, MULBLANK)
)
ERRORS = {0x00: "#NULL!", 0x07: "#DIV/0!", 0x0F: "#VALUE!", 0x17: "#REF!", 0x1D: "#NAME?", 0x24: "#NUM!", 0x2A: "#N/A"}


def xls_sheets(content: bytes, name: str) -> list[SheetFacts]:
    """The sheets of a workbook, in its order.

    Raises:
        InvalidInput: no workbook, damaged, encrypted, or a sheet spans more cells than can be held.
    """
    with said_in_words(name, "Excel"):
        streams = dict(_streams(content))
        if "encryptedpackage" in streams:
            raise InvalidInput(f"{name} 已加密；请去除密码", f"{name} is encrypted: save it without a password")
        book = streams.get("workbook", streams.get("book"))
        if book is None:
            raise InvalidInput(f"{name} 不是 Excel 工作簿", f"{name} is not an Excel workbook")
        places = [struct.unpack_from("<I", data)[0] for kind, data in _records(book, 0) if kind == BOUNDSHEET]
        sheets = [_sheet(book, place) for place in places]
    for sheet in sheets:
        refuse_too_many(name, *sheet.reach)
    return sheets


def _sheet(book: bytes, place: int) -> SheetFacts:
    facts, rows, columns = SheetFacts(), 0, 0
    for kind, data in _records(book, place):
        if kind == DIMENSIONS:
            low, high, left, right = struct.unpack_from("<IIHH" if len(data) >= 14 else "<HHHH", data)
            if low > high or left > right:
                raise ValueError(f"its dimensions are rows {low} to {high}, columns {left} to {right}")
            rows, columns = max(rows, high), max(columns, right)
        elif kind in CELLS:
            row, column = struct.unpack_from("<HH", data)
            last = struct.unpack_from("<H", data, len(data) - 2)[0] if kind in (MULRK, MULBLANK) else column
            rows, columns = max(rows, row + 1), max(columns, column + 1, last + 1)
            if kind == BOOLERR and data[7]:
                facts.errors[row, column] = ERRORS.get(data[6], "#N/A")
            elif kind == FORMULA and data[12:14] == b"\xff\xff" and data[6] == 2:
                facts.errors[row, column] = ERRORS.get(data[8], "#N/A")
    facts.reach = rows, columns
    return facts


def _records(book: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """Kind and data of each record from a place to the end of its part."""
    while at + 4 <= len(book):
        kind, length = struct.unpack_from("<HH", book, at)
        yield kind, book[at + 4 : at + 4 + length]
        if kind == END:
            return
        at += 4 + length


def _streams(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Name (lower case) and bytes of each stream of an OLE file. Raises ValueError or struct.error where it is broken."""
    (shift,) = struct.unpack_from("<H", content, 30)
    if shift not in {9, 12}:
        raise ValueError(f"sectors of 2^{shift} bytes")
    size = 1 << shift
    first_directory, _, small, first_mini, _, first_more, _ = struct.unpack_from("<I4sIIIII", content, 48)
    table = _table(content, size, first_more)
    directory = _joined(content, size, _chain(table, first_directory), offset=1)
    entries = [directory[i : i + 128] for i in range(0, len(directory) - 127, 128)]
    if not entries:
        raise ValueError("its directory is empty")
    mini_table = _numbers(_joined(content, size, _chain(table, first_mini), offset=1))
    root = _joined(content, size, _chain(table, _start(entries[0])), offset=1)
    for entry in entries:
        if entry[66] != 2:
            continue
        name = entry[: max(struct.unpack_from("<H", entry, 64)[0] - 2, 0)].decode("utf-16-le", "replace").lower()
        (length,) = struct.unpack_from("<I", entry, 120)
        if length < small:
            data = _joined(root, 64, _chain(mini_table, _start(entry)), offset=0)
        else:
            data = _joined(content, size, _chain(table, _start(entry)), offset=1)
        yield name, data[:length]


def _start(entry: bytes) -> int:
    number: int = struct.unpack_from("<I", entry, 116)[0]
    return number


def _table(content: bytes, size: int, first_more: int) -> Sequence[int]:
    """The table of sectors: which follows which."""
    places = list(struct.unpack_from("<109I", content, 76))
    seen: set[int] = set()
    while first_more < LAST_SECTOR:
        if first_more in seen:
            raise ValueError("its table of sectors goes in a circle")
        seen.add(first_more)
        *more, first_more = _numbers(_joined(content, size, [first_more], offset=1))
        places += more
    return _numbers(_joined(content, size, [place for place in places if place < LAST_SECTOR], offset=1))


def _numbers(data: bytes) -> Sequence[int]:
    return struct.unpack(f"<{len(data) // 4}I", data[: len(data) // 4 * 4])


def _chain(table: Sequence[int], sector: int) -> list[int]:
    chain: list[int] = []
    while sector < LAST_SECTOR:
        chain.append(sector)
        if len(chain) > len(table):
            raise ValueError("a chain of its sectors goes in a circle")
        sector = table[sector]
    return chain


def _joined(content: bytes, size: int, sectors: Sequence[int], *, offset: int) -> bytes:
    """The bytes of sectors one after another; ``offset`` 1 where a header of one sector comes before them."""
    starts = [(sector + offset) * size for sector in sectors]
    if any(start >= len(content) for start in starts):
        raise ValueError("its sectors lie beyond its end")
    if all(b - a == size for a, b in pairwise(starts)) and starts:
        return content[starts[0] : starts[-1] + size]
    return b"".join(content[start : start + size] for start in starts)
