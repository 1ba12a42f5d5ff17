"""Bytes to text, as files in China come: BOM, then strict UTF-8, then strict GB18030, else a clear error."""

from __future__ import annotations

import codecs

from twin.errors import InvalidInput

BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def decode(content: bytes, name: str) -> tuple[str, str]:
    """The text and the encoding it was in.

    Raises:
        InvalidInput: neither encoding fits, or there are NUL characters (a binary file).
    """
    text, encoding = _decoded(content, name)
    if "\0" in text:
        raise InvalidInput(f"{name} 含有空字符，不像文本文件", f"{name} holds NUL characters: it is not a text file")
    return text, encoding


def _decoded(content: bytes, name: str) -> tuple[str, str]:
    marked = [(content[len(bom) :], encoding) for bom, encoding in BOMS if content.startswith(bom)]
    for body, encoding in marked or [(content, "utf-8"), (content, "gb18030")]:
        try:
            return body.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    raise InvalidInput(
        f"{name} 的编码既不是 UTF-8 也不是 GB18030；请另存为 UTF-8",
        f"{name} is neither UTF-8 nor GB18030; save it as UTF-8",
    )
