"""Stores of every kind, empty, for the one suite that they all pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner, Result

from twin.cli import main
from twin.ports import Store
from twin.store import MemoryStore, open_store

Empty = Callable[[str], AbstractContextManager[Store]]
KINDS = ["memory", "sqlite", pytest.param("postgis", marks=pytest.mark.postgis)]


@pytest.fixture(scope="session")
def empty(request: pytest.FixtureRequest) -> Empty:
    """Opens an empty store of a kind."""

    @contextmanager
    def opened(kind: str) -> Iterator[Store]:
        if kind == "memory":
            yield MemoryStore()
        elif kind == "sqlite":
            with (
                TemporaryDirectory() as folder,
                closing(open_store(f"sqlite:///{folder}/with spaces/数据 #1?.db")) as store,
            ):
                yield store
        else:
            from tests.postgis import emptied

            with closing(open_store(emptied(request.getfixturevalue("postgis")))) as store:
                yield store

    return opened


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def store(kind: str, empty: Empty) -> Iterator[Store]:
    with empty(kind) as opened:
        yield opened


@pytest.fixture(params=KINDS[1:])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a place for a store that several processes open."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'twin.sqlite'}"
    from tests.postgis import emptied

    return emptied(request.getfixturevalue("postgis"))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """The command line in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(main, ["--lang", "en", *map(str, arguments)])

    return run
