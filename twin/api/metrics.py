"""Figures for Prometheus: requests by route, method and status, how long they take, and what is watched elsewhere.

Several workers share files in ``PROMETHEUS_MULTIPROC_DIR`` (``twin serve --workers`` sets it), so that whichever worker is
asked tells the sums; what is watched is then told for each worker by its ``pid``.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any

from starlette.types import Scope

from twin import __version__
from twin.api.logs import template_of

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
REFRESH_S = 1.0
"""How old a watched figure of another worker may be while that worker answers requests."""


class Metrics:
    """The figures of one app. Nothing is imported before the first request."""

    def __init__(self) -> None:
        self.is_shared = FOLDER in os.environ
        self._lock = Lock()
        self._children: dict[tuple[str, str, int], tuple[Any, Any]] = {}
        self._watched: list[tuple[str, str, Callable[[], float]]] = []
        self._gauges: list[tuple[Any, Callable[[], float]]] = []
        self._refreshed = 0.0

    @cached_property
    def registry(self) -> CollectorRegistry:
        from prometheus_client import CollectorRegistry, ProcessCollector

        registry = CollectorRegistry()
        if not self.is_shared:
            ProcessCollector(registry=registry)
        return registry

    @cached_property
    def requests(self) -> Counter:
        from prometheus_client import Counter

        told = "requests answered"
        return Counter("twin_requests", told, ("route", "method", "status"), registry=self.registry)

    @cached_property
    def seconds(self) -> Histogram:
        from prometheus_client import Histogram

        told = "seconds from a request's head to the end of its answer"
        return Histogram("twin_request_seconds", told, ("route",), registry=self.registry, buckets=BUCKETS_S)

    @cached_property
    def refused(self) -> Counter:
        from prometheus_client import Counter

        return Counter("twin_refused", "requests refused, by why", ("why",), registry=self.registry)

    @cached_property
    def build(self) -> Gauge:
        from prometheus_client import Gauge

        names = ("version", "python")
        return Gauge("twin_build_info", "what runs", names, registry=self.registry, multiprocess_mode="max")

    def __call__(self, scope: Scope, status: int, seconds: float, n_bytes: int) -> None:
        """Count a request that was answered."""
        method = scope["method"] if scope["method"] in KNOWN_METHODS else "OTHER"
        key = (template_of(scope), method, status)
        found = self._children.get(key)
        if found is None:
            found = self._child(key)
        found[0].inc()
        found[1].observe(seconds)
        if self.is_shared and monotonic() - self._refreshed > REFRESH_S:
            self._refresh()

    def _child(self, key: tuple[str, str, int]) -> tuple[Any, Any]:
        with self._lock:
            route, method, status = key
            made = self.requests.labels(route, method, str(status)), self.seconds.labels(route)
            return self._children.setdefault(key, made)

    def refuse(self, why: str) -> None:
        """Count a request refused by a limit."""
        with self._lock:
            counter = self.refused
        counter.labels(why).inc()

    def watch(self, name: str, told: str, read: Callable[[], float]) -> None:
        """A figure that is read when it is asked for: ``twin_<name>``. ``read`` is quick and never fails."""
        self._watched.append((f"twin_{name}", told, read))

    def _refresh(self) -> None:
        with self._lock:
            self._refreshed = monotonic()
            self.build.labels(__version__, platform.python_version()).set(1)
            while len(self._gauges) < len(self._watched):
                name, told, read = self._watched[len(self._gauges)]
                self._gauges.append((self._gauge(name, told), read))
            for gauge, read in self._gauges:
                gauge.set(read())

    def _gauge(self, name: str, told: str) -> Gauge:
        from prometheus_client import Gauge

        return Gauge(name, told, registry=self.registry, multiprocess_mode="liveall")

    def exposition(self) -> bytes:
        """Everything in Prometheus's text format."""
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector

        self._refresh()
        registry = self.registry
        if self.is_shared:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


def process_metrics(metrics: Metrics) -> None:
    """What every worker tells of itself, where the library cannot."""
    if metrics.is_shared:
        metrics.watch("worker_resident_memory_bytes", "memory of a worker", resident_memory_bytes)
        metrics.watch("worker_cpu_seconds", "CPU time of a worker", lambda: sum(os.times()[:2]))


def resident_memory_bytes() -> float:
    """Memory of this process; 0 where the system does not tell."""
    statm = Path("/proc/self/statm")
    return float(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else 0.0


def forget_dead_workers() -> None:
    """Take out what workers that are gone told of themselves; their counts stay. For a worker that starts."""
    from prometheus_client.multiprocess import mark_process_dead

    folder = Path(os.environ[FOLDER])
    for pid in {int(file.stem.rpartition("_")[2]) for file in folder.glob("gauge_live*_*.db")}:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
