"""What processes cost: CPU time to the nanosecond by their clocks, resident memory from /proc; children included."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

SCHEDULER = 2
"""Which clock of a process: user and system time, threads included (CPUCLOCK_SCHED of Linux)."""


def with_children(pid: int) -> list[int]:
    """A process and all that it started, and they in turn."""
    parents = {int(p.name): parent_of(int(p.name)) for p in Path("/proc").iterdir() if p.name.isdigit()}
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += [child for child, parent in parents.items() if parent == one]
    return found


def parent_of(pid: int) -> int | None:
    """The process that started it; None if it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(stat.rpartition(")")[2].split()[1])  # the name before may hold blanks and brackets


def cpu_s(pids: Iterable[int]) -> float:
    """The CPU time of processes; those that have ended count nothing."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            total += time.clock_gettime_ns((~pid << 3) | SCHEDULER)
    return total / 1e9


def resident_mb(pid: int) -> float:
    """The memory of a process and its children."""
    return sum(_resident_kb(one) for one in with_children(pid)) * 1024 / 1e6


def _resident_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)
