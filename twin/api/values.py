"""JSON values that may come in: short text and numbers of this world's size, so that nothing behind the door overflows."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

MAX_NUMBER = 1_000_000
MAX_TEXT = 1000
MAX_ITEMS = 1000
MAX_DEPTH = 2
"""Of lists and objects: a condition's values, a range's limits."""

Text = Annotated[str, Field(strict=True, max_length=MAX_TEXT)]


def check_scalar(value: Any) -> Any:
    """The value itself, if it is text, a number, a boolean or null."""
    good = value is None or isinstance(value, bool)
    good = good or (isinstance(value, int | float) and abs(value) <= MAX_NUMBER)  # NaN is not
    good = good or (isinstance(value, str) and len(value) <= MAX_TEXT and not _has_surrogate(value))
    if not good:
        said = "must be text, a number of at most {limit}, true, false or null"
        raise PydanticCustomError("scalar", said, {"limit": MAX_NUMBER})
    return value


def check_setting(value: Any) -> Any:
    """A scalar, or lists and objects of settings: no list holds a list, and none is nested deeper than ``MAX_DEPTH``."""
    _check_nested(value, 0)
    return value


def _check_nested(value: Any, depth: int) -> None:
    if not isinstance(value, list | dict):
        check_scalar(value)
        return
    names, parts = (list(value), list(value.values())) if isinstance(value, dict) else ([], value)
    list_in_list = isinstance(value, list) and any(isinstance(part, list) for part in parts)
    if len(parts) > MAX_ITEMS or depth >= MAX_DEPTH or list_in_list:
        raise PydanticCustomError("setting", "must be text, a number, true, false, null, or a list or object of these")
    for name in names:
        check_scalar(name)
    for part in parts:
        _check_nested(part, depth + 1)


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


_SCALAR_SCHEMA: dict[str, Any] = {"type": ["string", "number", "boolean", "null"]}
Scalar = Annotated[Any, PlainValidator(check_scalar), WithJsonSchema(_SCALAR_SCHEMA)]
"""An attribute of a feature, or a parameter that is no list."""
Setting = Annotated[
    Any,
    PlainValidator(check_setting),
    WithJsonSchema(
        {
            "anyOf": [
                _SCALAR_SCHEMA,
                {"type": "array", "items": {"type": ["string", "number", "object"]}},
                {"type": "object"},
            ]
        }
    ),
]
"""What a rule's parameter may be."""
