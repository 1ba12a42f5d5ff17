"""A TOML file as its tables and the line of each key."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from twin.errors import Words
from twin.readers.toml_lines import KeyPath, key_lines

_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)")


class TomlFault(Exception):
    """The file cannot be read: on which line (from 1), and why."""

    def __init__(self, line: int, zh: str, en: str) -> None:
        self.line, self.words = line, Words(zh, en)
        super().__init__(en)


def read_toml(path: Path) -> tuple[dict[str, Any], dict[KeyPath, int]]:
    """A file's tables, and the line (from 1) of each key by its path.

    Raises:
        FileNotFoundError: there is no such file.
        TomlFault: it is no TOML, no UTF-8 or cannot be read.
    """
    try:
        text = path.read_text("utf-8-sig")
        return tomllib.loads(text), key_lines(text)
    except FileNotFoundError:
        raise
    except UnicodeDecodeError as reason:
        line = reason.object[: reason.start].count(b"\n") + 1
        raise TomlFault(line, "不是 UTF-8 文本：请以 UTF-8 编码另存", "is not UTF-8 text: save it as UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as reason:
        found = _AT_LINE.search(str(reason))
        said = _AT_LINE.sub("", str(reason)).strip()
        line = int(found[1]) if found else len(text.splitlines())
        raise TomlFault(line, f"不是有效的 TOML：{said}", f"is not valid TOML: {said}") from None
    except OSError as reason:
        raise TomlFault(1, f"无法读取：{reason.strerror}", f"cannot be read: {reason.strerror}") from None
