"""JSON values that may come in: short text and numbers of this world's size, so that nothing behind the door overflows."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

MAX_NUMBER = 1_000_000
MAX_TEXT = 1000
MAX_ITEMS = 1000

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
    """A scalar, or a list of scalars and of objects of scalars."""
    if not isinstance(value, list):
        return check_scalar(value)
    for item in value:
        if len(value) > MAX_ITEMS or isinstance(item, list):
            raise PydanticCustomError("setting", "must be text, a number, true, false, null or a list of these")
        for name, part in item.items() if isinstance(item, dict) else [("", item)]:
            check_scalar(name)
            check_scalar(part)
    return value


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


_SCALAR_SCHEMA: dict[str, Any] = {"type": ["string", "number", "boolean", "null"]}
Scalar = Annotated[Any, PlainValidator(check_scalar), WithJsonSchema(_SCALAR_SCHEMA)]
"""An attribute of a feature, or a parameter that is no list."""
Setting = Annotated[
    Any,
    PlainValidator(check_setting),
    WithJsonSchema({"anyOf": [_SCALAR_SCHEMA, {"type": "array", "items": {"type": ["string", "number", "object"]}}]}),
]
"""What a rule's parameter may be."""
