"""How a row is measured, and what the report needs to know beside the times of pytest-benchmark."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import psycopg
import pytest

from benchmarks.rows import AT_LEAST_S, GROUPS, ROUNDS, ROWS
from tests.postgis import PostgisMissing, postgis_cluster

NOT_MEASURED = pytest.StashKey[dict[str, dict[str, str]]]()


@dataclass(frozen=True)
class Check:
    """Whether what was measured is also right, and how near; ``ok`` None where nothing was promised."""

    ok: bool | None
    zh: str
    en: str


def pytest_configure(config: pytest.Config) -> None:
    config.stash[NOT_MEASURED] = {}


def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    output_json["twin"] = {
        "groups": [asdict(group) for group in GROUPS],
        "rows": [asdict(row) for row in ROWS],
        "not_measured": config.stash[NOT_MEASURED],
    }


class Measure:
    """Times the function of a row, and notes it with its check. ``ms`` is the minimum of the rounds unless said."""

    def __init__(self, benchmark: Any) -> None:
        self.benchmark = benchmark

    def __call__(self, row: str, run: Callable[[], Any]) -> Any:
        """Run to warm up, then seven times or more; the last answer."""
        run()
        self.benchmark.extra_info["row"] = row
        return self.benchmark.pedantic(run, rounds=rounds_of(run))

    def fastest_of(self, row: str, run: Callable[[Any], Any], arguments: Sequence[Any]) -> Any:
        """Run once for each of the arguments, the first time to warm up; the last answer."""
        run(arguments[0])
        answers: list[Any] = []
        self._each(row, lambda argument: answers.append(run(argument)), arguments[1:])
        return answers[-1]

    def p95(self, row: str, run: Callable[[Any], Any], arguments: Sequence[Any]) -> None:
        """Run seven times for each of the arguments; the row shows the 95th percentile of their minima."""
        self._each(row, run, [*arguments] * ROUNDS)
        least = np.reshape(self.benchmark.stats.stats.data, (ROUNDS, len(arguments))).min(axis=0)
        self.benchmark.extra_info["ms"] = float(np.percentile(least, 95)) * 1e3

    def _each(self, row: str, run: Callable[[Any], Any], arguments: Sequence[Any]) -> None:
        gc.collect()
        waiting = iter(arguments)
        self.benchmark.extra_info["row"] = row
        self.benchmark.pedantic(run, setup=lambda: ((next(waiting),), {}), rounds=len(arguments))

    def told(self, row: str, ms: float) -> None:
        """Note what another process measured."""
        self.benchmark.extra_info |= {"row": row, "ms": ms}
        self.benchmark.pedantic(lambda: None)

    def check(self, ok: bool | None, zh: str, en: str) -> None:
        self.benchmark.extra_info["check"] = asdict(Check(None if ok is None else bool(ok), zh, en))


def rounds_of(run: Callable[[], Any]) -> int:
    """How many rounds a function is given, by how long it takes now."""
    gc.collect()
    begin = time.perf_counter()
    run()
    return max(ROUNDS, int(AT_LEAST_S / (time.perf_counter() - begin)))


@pytest.fixture
def measure(benchmark: Any) -> Measure:
    return Measure(benchmark)


@pytest.fixture(scope="session")
def postgis(request: pytest.FixtureRequest) -> Iterator[psycopg.Connection[Any]]:
    """A connection to a throw-away PostGIS; without it the rows that need it are reported as not measured."""
    try:
        with postgis_cluster() as address, psycopg.connect(address, autocommit=True) as connection:
            yield connection
    except PostgisMissing as reason:
        words = {"zh": "未测：未安装 PostGIS", "en": "not measured: PostGIS is not installed"}
        missing = request.config.stash[NOT_MEASURED]
        missing.update({row.id: words for row in ROWS if row.needs == "postgis"})
        pytest.skip(str(reason))
