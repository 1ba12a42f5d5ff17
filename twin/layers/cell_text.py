"""Text cells that a spreadsheet would take for a formula: made harmless on export, and back again on import.

One apostrophe more in front on the way out, one less on the way in, so that text which had some already survives. Plain
numbers (``-5``) are left alone.
"""

from __future__ import annotations

import re

FORMULA = re.compile(r"'*[=+\-@\t\r]")
NEUTRAL = re.compile(r"'+[=+\-@\t\r]")
PLAIN_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)


def neutral_cell(text: str) -> str:
    """The text as a cell that no spreadsheet evaluates."""
    return f"'{text}" if FORMULA.match(text) and not PLAIN_NUMBER.fullmatch(text) else text


def plain_cell(text: str) -> str:
    """The text that ``neutral_cell`` was given."""
    return text[1:] if NEUTRAL.match(text) else text
