"""Group commit: one thread writes what many requests wait for, so that they share one flush to the disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Lock, Thread

from twin.identity.chain import Entry

LARGEST_GROUP = 500


Waiting = SimpleQueue[tuple[Entry, Future[None]] | None]


class Ledger:
    """Calls ``append`` with what has come in since the last call; whoever recorded it hears when that has returned.

    Args:
        append: returns once the entries are on the disk, all or none; what it raises, those who wait for them hear.
    """

    def __init__(self, append: Callable[[Sequence[Entry]], object]) -> None:
        self._append = append
        self._lock = Lock()
        self._writer: tuple[Thread, Waiting] | None = None

    def record(self, entry: Entry) -> Future[None]:
        """Done once the entry is on the disk."""
        done: Future[None] = Future()
        with self._lock:
            if self._writer is None:
                waiting: Waiting = SimpleQueue()
                thread = Thread(target=self._write, args=(waiting,), name="twin-audit", daemon=True)
                thread.start()
                self._writer = thread, waiting
            self._writer[1].put((entry, done))
        return done

    def close(self) -> None:
        """Write what has come in, then end. Recording something afterwards begins anew."""
        with self._lock:
            writer, self._writer = self._writer, None
        if writer is not None:
            thread, waiting = writer
            waiting.put(None)
            thread.join()

    def _write(self, waiting: Waiting) -> None:
        ends = False
        while not ends:
            group, ends = next_group(waiting)
            if not group:
                continue
            try:
                self._append([entry for entry, _ in group])
            except BaseException as reason:  # noqa: BLE001  (whoever waits must hear of whatever it is)
                for _, done in group:
                    done.set_exception(reason)
            else:
                for _, done in group:
                    done.set_result(None)


def next_group(waiting: Waiting) -> tuple[list[tuple[Entry, Future[None]]], bool]:
    """Everything that waits and that somebody still waits for, once there is something; and whether it is the last."""
    group: list[tuple[Entry, Future[None]]] = []
    found = waiting.get()
    while found is not None:
        if found[1].set_running_or_notify_cancel():
            group.append(found)
        if len(group) >= LARGEST_GROUP:
            return group, False
        try:
            found = waiting.get_nowait()
        except Empty:
            return group, False
    return group, True
