"""A bounded cache for values that are costly to make: each is made once, however many ask at the same time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

V = TypeVar("V")


class _Slot(Generic[V]):
    def __init__(self) -> None:
        self.lock = Lock()
        self.values: list[V] = []


class Kept(Generic[V]):
    """Keeps the ``size`` most recently used values. Errors are not kept."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = Lock()
        self._slots: OrderedDict[Hashable, _Slot[V]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """The value under ``key``; ``make`` is called if there is none. Others who ask for it meanwhile wait."""
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            while len(self._slots) > self._size:
                self._slots.popitem(last=False)
        with slot.lock:
            if not slot.values:
                slot.values.append(make())
            return slot.values[0]

    def has(self, key: Hashable) -> bool:
        """Whether the value under ``key`` is there without waiting."""
        slot = self._slots.get(key)
        return slot is not None and bool(slot.values)

    def clear(self) -> None:
        """Keep none of them any more."""
        with self._lock:
            self._slots.clear()

    def take(self, key: Hashable) -> V | None:
        """The value under ``key`` if it has been made; it is no longer kept."""
        with self._lock:
            slot = self._slots.pop(key, None)
        return slot.values[0] if slot is not None and slot.values else None

    def __len__(self) -> int:
        return len(self._slots)
