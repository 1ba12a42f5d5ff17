"""A parsed TOML file that gathers its own faults, each with its line. Knows no file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from twin.errors import Fault, Words
from twin.plan import KeyPath, column_of

EITHER = "|"


@dataclass
class Source:
    """A parsed file: ``tables`` as a TOML reader gives them, the line (from 1) of each key by its path, and every fault."""

    name: str
    tables: Mapping[str, Any]
    lines: Mapping[KeyPath, int]
    faults: list[Fault] = field(default_factory=list)

    def line(self, path: KeyPath) -> int:
        return next((self.lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.lines), 1)

    def fault(self, path: KeyPath, value: Any, zh: str, en: str) -> None:
        said = "" if value is None else str(value)
        self.faults.append(Fault(f"{self.name}:{self.line(path)}", column_of(path), said, Words(zh, en), path))

    def table(self, value: Any, path: KeyPath, known: tuple[str, ...] | None) -> Mapping[str, Any]:
        """A table; a fault if it is something else, or has keys that nobody knows (any may stand where ``known`` is None)."""
        if not isinstance(value, Mapping):
            self.fault(path, value, "应为表", "must be a table")
            return {}
        for key in value:
            if known is not None and key not in known:
                said = ", ".join(known)
                self.fault((*path, key), value[key], f"不认识的键，已知：{said}", f"unknown key; known: {said}")
        return value

    def text(self, table: Mapping[str, Any], path: KeyPath, *, needed: bool = False) -> str:
        """The text at the path's last key; "" where there is none."""
        value = table.get(str(path[-1]))
        if value is None:
            if needed:
                self.fault(path, None, "缺少", "missing")
            return ""
        if not isinstance(value, str) or not value.strip():
            self.fault(path, value, "应为非空文本", "must be text, not empty")
            return ""
        return value.strip()

    def texts(self, value: Any, path: KeyPath) -> tuple[str, ...]:
        """A text, or a list of texts; none where the value is None."""
        items = [] if value is None else value if isinstance(value, list) else [value]
        if not all(isinstance(item, str) and item.strip() for item in items):
            self.fault(path, value, "应为文本或文本列表", "must be a text or a list of texts")
            return ()
        return tuple(item.strip() for item in items)

    def pattern(self, table: Mapping[str, Any], path: KeyPath, *, needed: bool = False) -> str:
        text = self.text(table, path, needed=needed)
        try:
            re.compile(text)
        except re.error as reason:
            self.fault(path, text, f"不是有效的正则表达式：{reason}", f"is no regular expression: {reason}")
            return ""
        return text


def variants(text: str) -> tuple[str, ...]:
    """``a|b`` as its parts."""
    return tuple(part.strip() for part in text.split(EITHER) if part.strip())
