"""Lines of keys in TOML texts, against texts by hand and against what ``tomllib`` finds in generated ones."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.readers.toml_lines import KeyPath, key_lines

GEODATA = Path(__file__).parents[2] / "geodata"


def paths(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Every key, table and element of what a reader gives."""
    if path:
        yield path
    if isinstance(value, dict):
        for name, part in value.items():
            yield from paths(part, (*path, name))
    if isinstance(value, list):
        for n, part in enumerate(value):
            yield from paths(part, (*path, n))


def at(value: Any, path: KeyPath) -> Any:
    for key in path:
        value = value[key]
    return value


# Every number is the line it stands on.
BY_HAND = {
    "keys and comments": "a = 1\n# b = 9\n\nc = 4 # d = 9\n",
    "tables": "[a]\nx = 2\n[a.b]\nx = 4\n[ c . d ]\n x=6\n",
    "arrays of tables": "[[a]]\nx = 2\n[a.p]\nx = 4\n[[a]]\n[a.p]\nx = 7\n[[a.q]]\nx = 9\n[[a.q]]\nx = 11\n",
    "dotted and quoted keys": 'a.b = 1\na . "c.d" = 2\n\'e f\'.g = 3\n"\\u00e9]#" = 4\n',
    "arrays over lines": "a = [ # ]\n  2, 2, # 9, [\n\n  4,\n]\nb = 6\nc = [[7], [\n8]]\n",
    "inline tables": "a = {x = 1, y = {z = 1}}\nb = [{x = 2},\n  {x = 3, y = [3, 3]},\n]\nc = 5\n",
    "texts of several lines": 'a = """\nb = 9\n\\"""[[x]]"""\nc = 4\nd = \'\'\'\ne = 9 """\'\'\'\nf = 7\n',
    "quotes at the ends of texts": 'a = """"x"""""\nb = 2\nc = \'\'\'\'x\'\'\'\'\'\nd = 4\ne = ""\nf = 6\ng = \'\'\nh = 8\ni = """"""\nj = 10\n',
    "brackets, hashes and quotes in texts": 'a = \'x] # "\'\nb = ["]}#\'", 2]\nc = "\\\\"\nd = 4\n',
    "dates and other plain values": "a = 1979-05-27 07:32:00Z # x\nb = 2\nc = [true, 3, -inf]\nd = 4\n",
    "windows line ends": "a = 1\r\n[b]\r\nc = [\r\n  4,\r\n  5]\r\nd = 6\r\n",
    "no line end at the end": "a = 1\nb = 2",
    "an empty document": "",
    "a table after its own parts": "[a.b]\nx = 2\n[a]\ny = 4\n",
}


@pytest.mark.parametrize("text", BY_HAND.values(), ids=BY_HAND)
def test_every_number_is_found_on_the_line_that_it_says(text: str) -> None:
    tree, lines = tomllib.loads(text), key_lines(text)
    assert set(lines) == set(paths(tree))
    numbers = {path: at(tree, path) for path in lines if type(at(tree, path)) is int}
    assert {path: lines[path] for path in numbers} == numbers


def test_a_table_has_the_line_of_its_header_and_an_array_of_tables_that_of_its_first() -> None:
    lines = key_lines("\n[[a]]\nx = 1\n[a.p]\n[[a]]\n[b.c]\n")
    assert lines == {("a",): 2, ("a", 0): 2, ("a", 0, "x"): 3, ("a", 0, "p"): 4, ("a", 1): 5, ("b",): 6, ("b", "c"): 6}


@pytest.mark.parametrize("name", ["plan.toml", "rules-example.toml"])
def test_every_key_of_our_own_files_is_found_where_it_is_written(name: str) -> None:
    text = (GEODATA / name).read_text("utf-8")
    lines, written = key_lines(text), text.splitlines()
    assert set(lines) == set(paths(tomllib.loads(text)))
    assert all(str(path[-1]) in written[line - 1] for path, line in lines.items() if isinstance(path[-1], str))


BARE = st.from_regex(r"[a-z_-]{1,3}", fullmatch=True)
ODD = st.text(st.sampled_from("a.]#='[ {é"), max_size=4)
COMMENTS = st.sampled_from(["", " # note", " # [[x]] = '", '# """ ]'])
BREAKS = st.sampled_from(["", "\n", "\n\n", " # ,]\n", "\n\t# '''\n"])
TEXTS = st.sampled_from([
    '"a#b"', "'[x]'", '"\\"]"', '""', "''", '"""\nk = 0\n"""', '"""a""\\"\n\n"""""', "'''\n[[t]]\n'''", "''''''", "'''x'''''",
    '"\\\\"', "true", "1979-05-27 07:32:00", "0.5e3",
])  # fmt: skip


class Written:
    """A document as it is written: its text, and on which line each number (its mark) stands."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw, self.text, self.marks = draw, "", {}

    def put(self, text: str) -> None:
        self.text += text

    def mark(self) -> None:
        number = 10_000 + len(self.marks)
        self.marks[number] = self.text.count("\n") + 1
        self.put(str(number))

    def key(self, taken: set[str]) -> None:
        name = self.draw(st.one_of(BARE, ODD).filter(lambda n: n not in taken))
        taken.add(name)
        quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
        bare = name.isascii() and name.replace("-", "").replace("_", "").isalpha()
        self.put(name if bare and self.draw(st.booleans()) else quoted)

    def value(self, depth: int) -> None:
        kinds = ["mark", "mark", "text"] + (["array", "inline"] if depth else [])
        match self.draw(st.sampled_from(kinds)):
            case "mark":
                self.mark()
            case "text":
                self.put(self.draw(TEXTS))
            case "array":
                self.put("[" + self.draw(BREAKS))
                for _ in range(self.draw(st.integers(0, 3))):
                    self.value(depth - 1)
                    self.put(self.draw(BREAKS) + "," + self.draw(BREAKS))
                self.put("]")
            case "inline":
                self.put("{ ")
                taken: set[str] = set()
                for n in range(self.draw(st.integers(0, 2))):
                    self.put(", " if n else "")
                    self.pair(taken, depth - 1)
                self.put("}")

    def pair(self, taken: set[str], depth: int = 2) -> None:
        self.key(taken)
        if self.draw(st.booleans()):
            self.put(self.draw(st.sampled_from([".", " . "])) + "sub")
        self.put(self.draw(st.sampled_from(["=", " = "])))
        self.value(depth)

    def pairs(self) -> None:
        taken: set[str] = {"t", "s"}
        for _ in range(self.draw(st.integers(0, 3))):
            self.pair(taken)
            self.put(self.draw(COMMENTS) + "\n" + self.draw(BREAKS) + "\n")


@st.composite
def documents(draw: st.DrawFn) -> Written:
    written = Written(draw)
    written.pairs()
    for _ in range(draw(st.integers(0, 3))):
        written.put(draw(st.sampled_from(["[[t]]", " [[ t ]] "])) + draw(COMMENTS) + "\n")
        written.pairs()
        if draw(st.booleans()):
            written.put(draw(st.sampled_from(["[t.s]", '[ "t" . s ]'])) + "\n")
            written.pairs()
        for _ in range(draw(st.integers(0, 2))):
            written.put("[[t.'u v']]\n")
            written.pairs()
    return written


@given(documents())
def test_what_is_generated_is_found_as_tomllib_finds_it_on_the_lines_it_was_written_on(document: Written) -> None:
    tree, lines = tomllib.loads(document.text), key_lines(document.text)
    assert set(lines) == set(paths(tree))
    found = {at(tree, path): line for path, line in lines.items() if isinstance(at(tree, path), int)}
    assert {n: line for n, line in found.items() if n in document.marks} == document.marks
