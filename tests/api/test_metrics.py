"""Figures for Prometheus: what is counted, under which names, and that nobody's data stand in them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.api.conftest import Client, Make, records, store_of
from twin.api.metrics import FOLDER, Metrics, resident_memory_bytes


@pytest.fixture
def own(make: Make) -> Client:
    """A client of an app of its own: nobody else counts there."""
    return make(store_of(records()))


def figures(client: Client) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every figure by its name and labels, as Prometheus's own parser reads them."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = text_string_to_metric_families(answer.text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def labels(route: str, method: str, status: int) -> tuple[tuple[str, str], ...]:
    return (("method", method), ("route", route), ("status", str(status)))


def test_requests_are_counted_by_route_method_and_status(own: Client) -> None:
    for _ in range(3):
        own.get("/collections/cameras/items")
    own.get("/collections/nonsense/items")
    own.head("/collections/cameras/items")
    own.post("/collections")
    found = figures(own)
    route = "/collections/{layer}/items"
    assert found["twin_requests_total", labels(route, "GET", 200)] == 4.0
    assert found["twin_requests_total", labels(route, "GET", 404)] == 1.0
    assert found["twin_requests_total", labels("/collections", "POST", 405)] == 1.0
    assert found["twin_request_seconds_count", (("route", route),)] == 5.0
    assert found["twin_request_seconds_bucket", (("le", "+Inf"), ("route", route))] == 5.0


def test_addresses_that_nobody_serves_are_one_figure(own: Client) -> None:
    for n in range(20):
        own.get(f"/nowhere/{n}")
        own.request(f"M{n}", "/nowhere")
    found = {key: value for key, value in figures(own).items() if key[0] == "twin_requests_total"}
    assert found["twin_requests_total", labels("(unmatched)", "GET", 404)] == 20.0
    assert len(found) <= 3


def test_no_figure_has_a_path_a_key_or_a_query(own: Client) -> None:
    own.get("/collections/cameras/items/cam-00?lang=zh")
    own.get("/tiles/cameras/13/6855/3352.mvt")
    text = own.get("/metrics").text
    for word in ("cam-00", "6855", "lang"):
        assert word not in text


def test_what_is_watched_is_read_when_it_is_asked_for() -> None:
    metrics, held = Metrics(), [1.0]
    metrics.watch("held", "what is held", lambda: held[0])
    assert "twin_held 1.0" in metrics.exposition().decode()
    held[0] = 7.0
    assert "twin_held 7.0" in metrics.exposition().decode()


def test_refusals_are_counted_by_why(make: Make) -> None:
    client = make(store_of(records()), max_body_mib=1)
    client.post("/coverage/charger-service", content=b"x" * (1 << 21))
    assert figures(client)["twin_refused_total", (("why", "too-large"),)] == 1.0


def test_the_server_tells_what_runs_and_how_it_is(own: Client) -> None:
    found = {name for name, _ in figures(own)}
    assert {
        "twin_build_info",
        "twin_requests_in_flight",
        "twin_judging_waiting",
        "twin_unread_bytes",
        "process_cpu_seconds_total",
    } <= found


def test_the_memory_of_a_process_is_what_the_system_says() -> None:
    said = Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0]
    assert resident_memory_bytes() == pytest.approx(int(said) * 1024, rel=0.2)


SHARE = """
import os, sys
from twin.api.metrics import Metrics, process_metrics, forget_dead_workers
forget_dead_workers()
metrics = Metrics()
process_metrics(metrics)
metrics.watch("held", "what is held", lambda: 3.0)
for _ in range(int(sys.argv[1])):
    metrics({"method": "GET", "route_template": "/x"}, 200, 0.002, 10)
sys.stdout.write(metrics.exposition().decode())
"""


def test_workers_add_up_what_they_count_and_tell_each_its_own(tmp_path: Path) -> None:
    environment = os.environ | {FOLDER: str(tmp_path)}
    said = [
        subprocess.run([sys.executable, "-c", SHARE, n], env=environment, capture_output=True, text=True, check=True).stdout
        for n in ("3", "4")
    ]  # fmt: skip
    total = 'twin_requests_total{method="GET",route="/x",status="200"} '
    assert f"{total}3.0" in said[0]
    assert f"{total}7.0" in said[1], "counts of a worker that is gone stay"
    held = [line for line in said[1].splitlines() if line.startswith("twin_held{")]
    assert len(held) == 1, "what it held is gone with it"
    assert "twin_worker_resident_memory_bytes{" in said[1]
