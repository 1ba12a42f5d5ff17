"""Memory that the C library keeps after it was freed."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def c_library() -> Any:
    return ctypes.CDLL(None)


def trim() -> None:
    """Give it back to the system, where the C library can (glibc); worth it after something large was made in many pieces."""
    if (malloc_trim := getattr(c_library(), "malloc_trim", None)) is not None:
        malloc_trim(0)
