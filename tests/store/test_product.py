"""The whole product on PostGIS: the same snapshot as on SQLite, several workers, passwords that are not shown."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep

import httpx
import pytest
from click.testing import CliRunner

from tests.postgis import emptied, free_port
from tests.world import HAND, NOW, PLAN, charger, district, offset
from twin.cli import main
from twin.demo.build import build_reference_twin
from twin.engine import Twin
from twin.model import Edit
from twin.readers.raster import read_grid
from twin.settings import Settings
from twin.store import MemoryStore, open_store
from twin.store.sqlite import sole_server

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.postgis
def test_the_reference_twin_gives_the_same_snapshot_and_verdicts_on_both(postgis, tmp_path):
    made = build_reference_twin(1, NOW, Settings().geodata)
    edits = [Edit("add", record) for record in made.records]
    said = []
    for url in (f"sqlite:///{tmp_path / 'twin.sqlite'}", emptied(postgis)):
        with closing(open_store(url)) as store:
            twin = Twin(store, PLAN, read_grid, lambda: NOW)
            twin.commit(edits, author="test", reason="the reference twin", sources=made.sources, grids=made.grids)
            snapshot = twin.snapshot()
            result = twin.cover("charger-service").result
            said.append((snapshot.id, sum(map(len, snapshot.layers.values())), result.value, result.share))
    assert said[0] == said[1]
    assert said[0][1] == len(edits) > 200_000


@contextmanager
def serving(store: str, *options: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    port = free_port()
    command = [sys.executable, "-m", "twin", "serve", "--port", str(port), *options]
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, "TWIN_STORE": store}) as process:
        try:
            address, end = f"http://127.0.0.1:{port}", monotonic() + 120
            while not ready(address):
                assert process.poll() is None, "the server ended"
                assert monotonic() < end, "the server does not answer"
                sleep(0.2)
            yield address, process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/readyz", timeout=10).status_code == 200
    except httpx.TransportError:
        return False


def workers(process: subprocess.Popen[bytes]) -> list[int]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.slow
@pytest.mark.postgis
def test_an_edit_through_one_worker_is_seen_by_the_other_at_its_next_request(postgis):
    url = emptied(postgis)
    with closing(open_store(url)) as store:
        records = [*district(), charger("a", offset((121.4, 31.1), 100, 0), name="before")]
        store.commit([Edit("add", r) for r in records], author="t", reason="r", at=NOW, sources=[HAND])
    with serving(url, "--workers", "2") as (address, process):
        end = monotonic() + 60
        while len(workers(process)) < 2 and monotonic() < end:
            sleep(0.1)
        pair = workers(process)
        assert len(pair) == 2
        item = f"{address}/collections/chargers/items/a"
        for turn in range(2):
            mine, other = pair[turn], pair[1 - turn]
            with stopped(other):
                assert httpx.get(item, timeout=60).json()["properties"]["name"] in ("before", "after 0")
                asked = {"headers": {"content-type": "application/merge-patch+json"}, "timeout": 60}
                edited = httpx.patch(item, json={"type": "Feature", "properties": {"name": f"after {turn}"}}, **asked)
                assert edited.status_code in (200, 204), edited.text
            with stopped(mine):
                assert httpx.get(item, timeout=60).json()["properties"]["name"] == f"after {turn}"


def test_what_is_recorded_while_a_reader_waits_is_in_its_snapshot():
    """A reader that looked at the clock first would keep the old state under the new head."""
    clock = [NOW]

    class Busy(MemoryStore):
        def head(self) -> int:
            if len(self.transactions()) == 1:
                clock[0] += timedelta(seconds=1)
                edit = Edit("change", charger("a", (121.4, 31.1), name="after", valid_from=clock[0]), 1)
                self.commit([edit], author="another process", reason="", at=clock[0])
            return super().head()

    twin = Twin(Busy(), PLAN, read_grid, lambda: clock[0])
    twin.commit([Edit("add", charger("a", (121.4, 31.1), name="before"))], author="t", reason="r", sources=[HAND])
    assert list(twin.snapshot().layers["chargers"].frame["name"]) == ["after"]


def test_more_workers_than_one_are_refused_on_sqlite(tmp_path):
    said = CliRunner().invoke(
        main, ["--lang", "en", "--store", f"sqlite:///{tmp_path / 't.sqlite'}", "serve", "--workers", "2"]
    )
    assert said.exit_code == 2
    assert "PostGIS" in said.stderr


def test_a_second_server_of_one_sqlite_file_is_refused_in_words(tmp_path):
    path = tmp_path / "twin.sqlite"
    with sole_server(path):
        said = CliRunner().invoke(
            main, ["--lang", "en", "--store", f"sqlite:///{path}", "serve", "--port", str(free_port())]
        )
    assert said.exit_code == 5
    assert "another process serves" in said.stderr


@pytest.mark.parametrize("command", ["settings", "layers"])
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_no_command_shows_the_stores_password(command, more):
    url = f"postgresql://li:secret@127.0.0.1:{free_port()}/twin"
    said = CliRunner().invoke(main, ["--lang", "en", "--store", url, command, *more])
    assert said.exit_code == (0 if command == "settings" else 5)
    assert "secret" not in said.output
    assert "postgresql://li:***@127.0.0.1" in said.output
