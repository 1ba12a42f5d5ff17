"""Wakes the threads of this process that wait for something to be recorded."""

from __future__ import annotations

from collections.abc import Callable
from threading import Condition
from time import monotonic


class Bell:
    """``ring`` wakes everybody who waits; who looks at ``rung`` first misses nothing."""

    def __init__(self) -> None:
        self._condition = Condition()
        self.rung = 0

    def ring(self) -> None:
        with self._condition:
            self.rung += 1
            self._condition.notify_all()

    def wait(self, rung: int, timeout_s: float) -> None:
        """Until it has rung since ``rung``, at the latest after the timeout."""
        with self._condition:
            self._condition.wait_for(lambda: self.rung != rung, timeout_s)


def wait_for_change(
    head: int, timeout_s: float, now_at: Callable[[], int], bell: Bell, pause: Callable[[int, float], None]
) -> int:
    """What ``now_at`` says as soon as it is no longer ``head``, at the latest after the timeout.

    ``pause(rung, seconds)`` waits for a sign that something has changed; it may return too early.
    """
    end = monotonic() + timeout_s
    while True:
        rung = bell.rung
        now, left = now_at(), end - monotonic()
        if now != head or left <= 0:
            return now
        pause(rung, left)
