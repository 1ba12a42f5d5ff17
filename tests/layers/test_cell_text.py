"""Text that a spreadsheet would take for a formula."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.layers.cell_text import neutral_cell, plain_cell

texts = st.text() | st.text("'=+-@\t\r1a") | st.floats(allow_nan=False).map(repr)


@given(texts)
def test_every_text_comes_back(text: str) -> None:
    assert plain_cell(neutral_cell(text)) == text


@given(st.text("'=+-@\t\rA(", min_size=1))
def test_no_text_begins_as_a_formula_any_more(text: str) -> None:
    assert neutral_cell(text)[0] not in "=+-@\t\r"


@pytest.mark.parametrize("text", ["-5", "+5", "-0.25e3", ".5", "", "甲", "'quoted", "a=b", "'"])
def test_harmless_text_and_plain_numbers_are_left_alone(text: str) -> None:
    assert neutral_cell(text) == text


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1", "'=1"),
        ("'=1", "''=1"),
        ("-5a", "'-5a"),
        ("+86 21", "'+86 21"),
        ("@x", "'@x"),
        ("\tx", "'\tx"),
        ("-", "'-"),
    ],
)
def test_what_begins_as_a_formula_gets_one_apostrophe_more(text: str, cell: str) -> None:
    assert neutral_cell(text) == cell
