"""A store that fails is told as 503 with Retry-After, and the server goes on by itself once it is back."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.conftest import BORN, records
from tests.postgis import PostgisMissing, free_port, start, stop
from tests.server import DEADLINE_S, process, wait_for
from twin.model import Edit, Source
from twin.store import open_store


def filled(address: str) -> str:
    """The address of a store with the small world in it."""
    store = open_store(address)
    source = Source("made-up", "made up", "wgs84", synthetic=True, schematic=True)
    store.commit([Edit("add", r) for r in records()], author="test", reason="test", at=BORN, sources=[source])
    store.close()
    return address


def until(what: Callable[[], Any]) -> Any:
    """What it says once that is true."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.1)
    raise AssertionError("it never came true")


class Asking:
    """Asks one server, and looks at every answer that is no success."""

    def __init__(self, port: int) -> None:
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE_S, trust_env=False)

    def __enter__(self) -> Asking:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def status(self, path: str) -> int:
        answer = self.client.get(path)
        if answer.status_code != 200:
            assert answer.headers["content-type"] == "application/problem+json", path
            assert int(answer.headers["retry-after"]) > 0
            assert "Traceback" not in answer.text
        return answer.status_code


NEEDING = (
    "/readyz",
    "/collections/cameras/items",
    "/collections",
    "/coverage/charger-service",
    "/tiles/cameras/13/6855/3352.mvt",
)


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int, str]]:
    """A database that may be stopped and started: its folder, port and address."""
    folder, port = tmp_path_factory.mktemp("cluster"), free_port()
    folder.parent.chmod(0o755)
    folder.parent.parent.chmod(0o755)
    try:
        yield folder, port, start(folder, port)
    except PostgisMissing as missing:
        pytest.skip(str(missing))
    finally:
        stop(folder)


@pytest.mark.postgis
def test_a_database_that_goes_away_and_comes_back_is_told_and_found_again(
    tmp_path: Path, cluster: tuple[Path, int, str]
) -> None:
    folder, database_port, address = cluster
    with process(tmp_path, TWIN_STORE=filled(address)) as (own, port):
        wait_for(port)
        with Asking(port) as asking:
            until(lambda: {asking.status(path) for path in NEEDING} == {200})
            stop(folder)
            until(lambda: {asking.status(path) for path in NEEDING} == {503})
            assert {path: asking.status(path) for path in NEEDING} == dict.fromkeys(NEEDING, 503), "and it stays so"
            assert asking.status("/healthz") == 200, "it lives"
            assert asking.status("/conformance") == 200, "what needs no store is answered"
            start(folder, database_port)
            until(lambda: {asking.status(path) for path in NEEDING} == {200})
            assert own.poll() is None


@pytest.mark.slow
def test_a_file_that_another_program_holds_refuses_edits_for_a_while_and_is_read_on(tmp_path: Path) -> None:
    file = tmp_path / "twin.sqlite"
    with process(tmp_path, TWIN_STORE=filled(f"sqlite:///{file}")) as (_, port):
        wait_for(port)
        with Asking(port) as asking:
            edit = {
                "params": {"reason": "test"},
                "json": {"properties": {"owner": "somebody"}},
                "headers": {"content-type": "application/merge-patch+json"},
            }
            with closing(sqlite3.connect(file, isolation_level=None)) as other:
                other.execute("begin immediate")
                refused = asking.client.patch("/collections/cameras/items/cam-00", **edit)
                assert (refused.status_code, "retry-after" in refused.headers) == (503, True), refused.text
                assert {path: asking.status(path) for path in NEEDING} == dict.fromkeys(NEEDING, 200)
                other.execute("rollback")
            assert asking.client.patch("/collections/cameras/items/cam-00", **edit).status_code == 200


@pytest.mark.slow
def test_a_file_that_is_moved_away_is_no_error_of_the_server_and_goes_on_once_it_is_back(tmp_path: Path) -> None:
    file = tmp_path / "twin.sqlite"
    with process(tmp_path, TWIN_STORE=filled(f"sqlite:///{file}")) as (own, port):
        wait_for(port)
        with Asking(port) as asking:
            until(lambda: {asking.status(path) for path in NEEDING} == {200})
            file.rename(tmp_path / "elsewhere.sqlite")
            codes = {asking.status(path) for path in NEEDING}
            assert codes <= {200, 503}
            (tmp_path / "elsewhere.sqlite").rename(file)
            until(lambda: {asking.status(path) for path in NEEDING} == {200})
            assert own.poll() is None
