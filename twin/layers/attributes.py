"""How much a record may say besides what is the same in every layer: what every store keeps and every answer can hold. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from twin.errors import Words

MAX_DEPTH = 16
"""How many objects and lists of one attribute may lie in one another."""
MAX_BYTES = 64 << 10
"""Of a record's attributes as JSON."""
NO_JSON = Words("无法存为 JSON，或含有无法保存的字符", "is no JSON, or holds characters that cannot be kept")
TOO_DEEP = Words(
    f"嵌套过深，最多 {MAX_DEPTH} 层", f"is nested too deep: at most {MAX_DEPTH} objects and lists in one another"
)


def unkeepable(attributes: Mapping[str, Any]) -> Words | None:
    """Why a record's attributes cannot be kept; None where they can."""
    plain = dict(attributes)
    if any(is_deeper(v, MAX_DEPTH) for v in plain.values() if isinstance(v, (dict, list, tuple))):
        return TOO_DEEP
    try:
        said = orjson.dumps(plain)
    except TypeError:
        return NO_JSON
    if len(said) > MAX_BYTES:
        size = f"{len(said):,}"
        return Words(
            f"过大：JSON 为 {size} 字节，每条记录最多 {MAX_BYTES:,} 字节",
            f"is too large: {size} bytes of JSON; at most {MAX_BYTES:,} a record",
        )
    return NO_JSON if b"\\u0000" in said and _has_nul(orjson.loads(said)) else None


def is_deeper(value: Any, depth: int) -> bool:
    """Whether more than ``depth`` objects and lists lie in one another; a plain value is 0 deep, an empty list 1."""
    level = [value]
    for _ in range(depth + 1):
        nested = [v for v in level if isinstance(v, (dict, list, tuple))]
        if not nested:
            return False
        level = [inner for v in nested for inner in (v.values() if isinstance(v, dict) else v)]
    return True


def _has_nul(value: Any) -> bool:
    if isinstance(value, dict):
        return any("\0" in name or _has_nul(item) for name, item in value.items())
    return any(map(_has_nul, value)) if isinstance(value, list) else isinstance(value, str) and "\0" in value
