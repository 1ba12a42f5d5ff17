"""Shapefiles: the parts of one set, from a folder or a zip, and the encoding of its .dbf, which the format does not say."""

from __future__ import annotations

import codecs
import io
import re
import struct
import zipfile
from collections.abc import Iterator, Mapping
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from twin.errors import InvalidInput, Words
from twin.layers.table import RawTable
from twin.readers.archive import Archive
from twin.readers.source import MAX_BYTES, SourceFile, said_in_words
from twin.readers.vector import gdal_table

NEEDED, WELCOME = (".shp", ".shx", ".dbf"), (".prj", ".cpg")
MAGIC = b"\x00\x00\x27\x0a"
Bytes = NDArray[np.uint8]


def read_shapefile(file: SourceFile) -> RawTable:
    """A .shp with the parts beside it. Raises InvalidInput as ``_table`` does, and for a .shp that comes alone."""
    if not file.siblings:
        raise InvalidInput(
            f"单独的 {file.name} 没有属性；请把 .shp、.shx、.dbf（及 .prj、.cpg）打包成一个 .zip",
            f"{file.name} alone has no attributes: put .shp, .shx, .dbf (and .prj, .cpg) into one .zip",
        )
    return _table(file, {".shp": file.content} | {end: file.siblings[end]() for end in _known(file.siblings)})


def read_zipped(file: SourceFile) -> RawTable:
    """The one Shapefile in a .zip.

    Raises:
        InvalidInput: no zip, none or several .shp in it, or as ``_table``.
    """
    archive = Archive(file.content, file.name)
    members = [name for name in archive.names if not name.startswith("__MACOSX/")]
    shapes = [name for name in members if name.lower().endswith(".shp")]
    if len(shapes) != 1:
        found = ", ".join(shapes[:5]) or "-"
        raise InvalidInput(
            f"{file.name} 内应恰有一个 .shp，实有 {len(shapes)} 个（{found}）",
            f"{file.name} should hold exactly one .shp, it holds {len(shapes)} ({found})",
        )
    stem = shapes[0][:-4].lower()
    parts = {name.lower()[len(stem) :]: name for name in members if name.lower()[:-4] == stem}
    return _table(file, {end: archive.read(parts[end]) for end in (".shp", *_known(parts))})


def _known(endings: Mapping[str, object]) -> list[str]:
    return [end for end in (*NEEDED[1:], *WELCOME) if end in endings]


def _table(file: SourceFile, parts: dict[str, bytes]) -> RawTable:
    """Read the parts.

    Raises:
        InvalidInput: a part is missing or broken, or the .dbf's text is neither what .cpg says nor UTF-8 nor GB18030.
    """
    missing = [end for end in NEEDED if not parts.get(end)]
    if missing:
        raise InvalidInput(
            f"{file.name} 缺少 {'、'.join(missing)}；Shapefile 需要 .shp、.shx、.dbf",
            f"{file.name} lacks {', '.join(missing)}: a Shapefile needs .shp, .shx and .dbf",
        )
    with said_in_words(file.name, "Shapefile"):
        if not parts[".shp"].startswith(MAGIC) or sum(map(len, parts.values())) > MAX_BYTES:
            raise ValueError("its .shp does not begin as one")
        text = _DbfText(parts[".dbf"])
        encoding = _encoding(text, parts.get(".cpg", b""), file.name)
        parts[".dbf"], n_cut = text.without_cut_letters(encoding)
    cut = Words(
        f"{n_cut} 格文字在字段宽度处被截断，最后半个字已去掉",
        f"{n_cut} texts were cut at their field's width: the half letter at their end is left out",
    )
    bundle = io.BytesIO()
    with zipfile.ZipFile(bundle, "w") as packed:
        for end in (*NEEDED, ".prj"):
            if end in parts:
                packed.writestr(f"table{end}", parts[end])
    return gdal_table(
        file, bundle.getvalue(), "Shapefile", "shapefile", encoding=encoding, said=(cut,) if n_cut else ()
    )


def _encoding(text: _DbfText, cpg: bytes, name: str) -> str:
    said = cpg.decode("ascii", "ignore").strip().strip("\0")
    if said:
        encoding = _python_name(said)
        if encoding is None or not text.fits(encoding):
            raise InvalidInput(
                f"{name} 的 .cpg 写明编码 {said}，但 .dbf 的文字不符；请改正或删除 .cpg",
                f"the .cpg of {name} says {said}, but the text of its .dbf is not: correct the .cpg or delete it",
            )
        return encoding
    for encoding in ("utf-8", "gb18030"):
        if text.fits(encoding):
            return encoding
    raise InvalidInput(
        f"{name} 的 .dbf 既不是 UTF-8 也不是 GB18030；请加一个写明编码的 .cpg",
        f"the .dbf of {name} is neither UTF-8 nor GB18030: put a .cpg beside it that names the encoding",
    )


def _python_name(said: str) -> str | None:
    """The encoding that a .cpg means: ``UTF-8``, ``936``, ``GBK``, ``ISO 88591`` …; GBK's superset for its kin."""
    name = re.sub(r"^(?:ansi|oem|windows|cp)[\s_-]*(?=\d)", "cp", said.lower())
    name = {"65001": "utf-8", "cp65001": "utf-8", "936": "gb18030", "54936": "gb18030", "cp54936": "gb18030"}.get(
        name, name
    )
    name = re.sub(r"^(?:iso)?[\s_-]*8859[\s_-]*(\d+)$", r"iso8859-\1", name)
    name = f"cp{name}" if name.isdigit() else name
    try:
        found = codecs.lookup(name).name
    except LookupError:
        return None
    return "gb18030" if found in {"gbk", "gb2312", "cp936"} else found


class _DbfText:
    """The text fields of a .dbf as bytes. Raises ValueError or struct.error where the file is broken."""

    def __init__(self, content: bytes) -> None:
        n, start, width = struct.unpack_from("<IHH", content, 4)
        n = min(n, (len(content) - start) // width) if width and start <= len(content) else 0
        self._content, self._start = content, start
        self._records: Bytes = np.frombuffer(content, np.uint8, n * width, start).reshape(n, width)
        self.names: list[bytes] = []
        self._fields: list[slice] = []
        at, left = 32, 1
        while at + 32 <= start and content[at] != 0x0D:
            length = content[at + 16]
            self.names.append(content[at : at + 11].split(b"\0")[0])
            if content[at + 11 : at + 12] == b"C":
                length += content[at + 17] << 8
                self._fields.append(slice(left, left + length))
            left, at = left + length, at + 32

    def fits(self, encoding: str) -> bool:
        """Whether all names and texts are in an encoding; a letter may be cut off at the end of a field."""
        if self._fits_whole(encoding):
            return True
        try:
            for text in (*self.names, *(text for _, _, text in self._foreign())):
                _decoded(text, encoding)
        except UnicodeError:
            return False
        return True

    def _fits_whole(self, encoding: str) -> bool:
        """Whether they are without any letter cut off; a line end keeps each field apart from the next."""
        ends = np.full((len(self._records), 1), 10, np.uint8)
        texts = (np.hstack([self._records[:, field], ends]).tobytes() for field in self._fields)
        try:
            for text in chain(self.names, texts):
                text.decode(encoding)
        except UnicodeError:
            return False
        return True

    def without_cut_letters(self, encoding: str) -> tuple[bytes, int]:
        """The .dbf with blanks for letters that are cut off at the end of a field, and how many there were."""
        if self._fits_whole(encoding):
            return self._content, 0
        cut = bytearray(self._content)
        width, n_cut = self._records.shape[1], 0
        for row, field, text in self._foreign():
            whole = _decoded(text, encoding).encode(encoding)
            if len(whole) < len(text):
                end = self._start + row * width + field.start + len(text)
                cut[end - (len(text) - len(whole)) : end] = b" " * (len(text) - len(whole))
                n_cut += 1
        at = 32
        for name in self.names:
            whole = _decoded(name, encoding).encode(encoding)
            cut[at : at + 11] = whole.ljust(11, b"\0")
            at += 32
        return bytes(cut), n_cut

    def _foreign(self) -> Iterator[tuple[int, slice, bytes]]:
        """Row, field and bytes of the texts that are not plain ASCII, without what fills their fields."""
        for field in self._fields:
            cells = np.ascontiguousarray(self._records[:, field])
            for row in np.flatnonzero((cells >= 0x80).any(axis=1)):
                yield int(row), field, cells[row].tobytes().split(b"\0")[0].rstrip(b" ")


def _decoded(text: bytes, encoding: str) -> str:
    """Strictly, but for a letter whose bytes end too early."""
    return codecs.getincrementaldecoder(encoding)("strict").decode(text, final=False)
