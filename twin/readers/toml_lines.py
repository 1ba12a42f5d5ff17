"""On which line each key of a TOML document stands: the standard library's reader does not say. Knows no file.

The text must be one that ``tomllib`` has read: nothing is checked here.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right

KeyPath = tuple[str | int, ...]
"""``("clauses", 0, "parameters", "zones", 1, "code")``: names of keys, numbers in arrays from 0."""

_BLANK = re.compile(r"[ \t]*")
_NOTHING = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*'""")
_TEXT = re.compile(  # in this order: three quotes are no empty text
    r"""\"{3}(?s:\\.|[^\\])*?\"{3,5}(?!")|'{3}(?s:.)*?'{3,5}(?!')|"(?:\\.|[^"\\\n])*"|'[^'\n]*'"""
)
_BARE = re.compile(r"[^,\]}#\r\n]+")


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line (from 1) of every key, table and array element, by its path. Tables have the line of their header."""
    return _Scanner(text).read()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.ends = [found.start() for found in re.finditer("\n", text)]
        self.lines: dict[KeyPath, int] = {}
        self.lengths: dict[KeyPath, int] = {}
        """Of the arrays of tables, so far."""

    def read(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        while self._skip(_NOTHING) < len(self.text):
            table = self._header() if self.text[self.at] == "[" else self._pair(table)
        return self.lines

    def _header(self) -> KeyPath:
        brackets = 2 if self.text.startswith("[[", self.at) else 1
        line = self._line()
        self.at += brackets
        path: KeyPath = ()
        *parents, last = self._names()
        self.at += brackets
        for name in parents:
            path = self._inside(self._note((*path, name), line))
        path = (*path, last)
        if brackets == 2:
            self.lengths[path] = self.lengths.get(path, 0) + 1
            self._note(path, line)
        return self._note(self._inside(path), line)

    def _inside(self, path: KeyPath) -> KeyPath:
        """The last table of an array of tables; any other path is itself."""
        return (*path, self.lengths[path] - 1) if path in self.lengths else path

    def _pair(self, table: KeyPath) -> KeyPath:
        """Read ``key = value``. Returns the table it stands in."""
        path, line = table, self._line()
        for name in self._names():
            path = self._note((*path, name), line)
        self.at += 1  # =
        self._skip(_BLANK)
        self._value(path)
        return table

    def _names(self) -> list[str]:
        """The parts of a dotted key, and what follows it on the line."""
        names = []
        while True:
            self._skip(_BLANK)
            start = self.at
            written = self.text[start : self._skip(_KEY)]
            names.append(tomllib.loads(f"name = {written}")["name"] if written[0] in "\"'" else written)
            if self.text[self._skip(_BLANK)] != ".":
                return names
            self.at += 1

    def _value(self, path: KeyPath) -> None:
        opening = self.text[self.at]
        if opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline(path)
        else:
            self._skip(_TEXT if opening in "\"'" else _BARE)

    def _array(self, path: KeyPath) -> None:
        self.at += 1
        n = 0
        while self.text[self._skip(_NOTHING)] != "]":
            self._value(self._note((*path, n), self._line()))
            n += 1
            if self.text[self._skip(_NOTHING)] == ",":
                self.at += 1
        self.at += 1

    def _inline(self, path: KeyPath) -> None:
        self.at += 1
        while self.text[self._skip(_NOTHING)] != "}":
            self._pair(path)
            if self.text[self._skip(_NOTHING)] == ",":
                self.at += 1
        self.at += 1

    def _note(self, path: KeyPath, line: int) -> KeyPath:
        self.lines.setdefault(path, line)
        return path

    def _skip(self, pattern: re.Pattern[str]) -> int:
        """Go behind what the pattern matches here. Returns the new position."""
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return self.at

    def _line(self) -> int:
        return bisect_right(self.ends, self.at - 1) + 1
