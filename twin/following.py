"""A thread that keeps a twin's present snapshot up to date, and tells those who listen. Requests then never ask the store."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event, Lock, Thread

from twin.engine import Twin
from twin.errors import TwinError, Unavailable
from twin.model import Snapshot

logger = logging.getLogger("twin.following")
WAIT_S = 0.5
"""How long the store is waited for at a time; also how soon it is tried again after a failure."""
Listener = Callable[[int, int, Snapshot], None]
"""``(before, after, snapshot)``: the numbers of the last transactions before and now, equal where only time has passed; called in
the follower's thread."""


class Follower:
    """Follows a twin's store while it runs.

    While the store cannot be read, ``Twin.snapshot()`` raises what it said, so that nobody takes old data for present ones; as
    soon as it can, all goes on.
    """

    def __init__(self, twin: Twin) -> None:
        self.twin = twin
        self._listeners: list[Listener] = []
        self._lock, self._stop = Lock(), Event()
        self._told: Snapshot | None = None
        self.has_looked = Event()
        """Set once there is a snapshot, or a reason why there is none."""
        self._thread = Thread(target=self._run, name="follower", daemon=True)

    def start(self) -> None:
        self.twin.followed = True
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it; the twin asks its store again."""
        self._stop.set()
        self._thread.join()
        self.twin.followed = False

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` after each change. Returns what ends that."""
        with self._lock:
            self._listeners.append(listener)

        def unlisten() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return unlisten

    def _run(self) -> None:
        head: int | None = None
        while not self._stop.is_set():
            try:
                head = self._look(head)
                self.twin.failure = None
            except TwinError as error:
                self.twin.failure = error
                self._stop.wait(WAIT_S)
            except Exception:
                logger.exception("following the store failed")
                self.twin.failure = Unavailable("读取数据失败，已记入日志", "reading the store failed; see the log")
                self._stop.wait(WAIT_S)
            self.has_looked.set()

    def _look(self, head: int | None) -> int:
        """Wait for a change, read it, tell of it."""
        twin = self.twin
        if head is not None:
            twin.store.wait(head, WAIT_S)
        snapshot, now_at = twin.refresh()
        is_new, self._told = snapshot is not self._told, snapshot
        if head is not None and is_new:
            with self._lock:
                listeners = list(self._listeners)
            for listener in listeners:
                try:
                    listener(head, now_at, snapshot)
                except Exception:
                    logger.exception("telling of a change failed")
        return now_at
