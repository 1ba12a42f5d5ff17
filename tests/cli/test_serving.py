"""``twin serve`` as a real process: addresses of both kinds, stopping calmly, several workers, the request log."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.postgis import emptied, free_port
from tests.server import DEADLINE_S, ask, process, said_in, wait_for
from twin.cli.running import listen
from twin.errors import Unavailable


def asked_in_a_thread(port: int, path: str) -> tuple[threading.Thread, list[Any]]:
    """A request on its way, and what it will have got."""
    got: list[Any] = []

    def go() -> None:
        try:
            answer = ask(port, path)
            got.append((answer.status_code, answer.content))
        except httpx.TransportError as reason:
            got.append(reason)

    thread = threading.Thread(target=go)
    thread.start()
    return thread, got


def in_flight(port: int) -> float:
    text = ask(port, "/metrics").text
    found = [float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith("twin_requests_in_flight")]
    return sum(found)


def wait_until_asked(port: int) -> None:
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        if in_flight(port) >= 1:
            return
        time.sleep(0.02)
    raise AssertionError("the slow request was not seen")


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return True
    return False


def wait_until_it_refuses(port: int) -> None:
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        if refuses(port):
            return
        time.sleep(0.02)
    raise AssertionError("the port still takes connections")


def test_sigterm_lets_requests_finish_refuses_new_ones_and_ends_in_0(tmp_path: Path) -> None:
    with process(tmp_path) as (own, port):
        wait_for(port)
        thread, got = asked_in_a_thread(port, "/slow")
        wait_until_asked(port)
        own.send_signal(signal.SIGTERM)
        wait_until_it_refuses(port)
        assert thread.is_alive(), "it was still being answered when others were refused"
        thread.join(DEADLINE_S)
        assert got == [(200, b"finished")]
        assert own.wait(DEADLINE_S) == 0, said_in(tmp_path)
    assert "Traceback" not in said_in(tmp_path)


@pytest.mark.slow
def test_a_request_that_takes_longer_than_the_grace_does_not_hold_the_server(tmp_path: Path) -> None:
    with process(tmp_path, seconds=600, TWIN_GRACE_S="1") as (own, port):
        wait_for(port)
        thread, got = asked_in_a_thread(port, "/slow")
        wait_until_asked(port)
        own.send_signal(signal.SIGTERM)
        assert own.wait(DEADLINE_S) == 0, said_in(tmp_path)
        thread.join(DEADLINE_S)
        assert got
        assert got != [(200, b"finished")]


@pytest.mark.slow
def test_control_c_ends_it_without_a_traceback(tmp_path: Path) -> None:
    with process(tmp_path) as (own, port):
        wait_for(port)
        own.send_signal(signal.SIGINT)
        assert own.wait(DEADLINE_S) in (0, 130)
    assert "Traceback" not in said_in(tmp_path)


@pytest.mark.slow
def test_sigterm_before_it_serves_ends_it_too(tmp_path: Path) -> None:
    with process(tmp_path) as (own, _):
        own.send_signal(signal.SIGTERM)
        assert own.wait(DEADLINE_S) in (0, -signal.SIGTERM)


@pytest.mark.postgis
def test_several_workers_drain_too_and_tell_their_figures_together(tmp_path: Path, postgis: str) -> None:
    with process(tmp_path, "--workers", "2", TWIN_STORE=emptied(postgis)) as (own, port):
        wait_for(port)
        for _ in range(30):
            assert ask(port, "/conformance").content
        text = ask(port, "/metrics").text
        line = next(
            line for line in text.splitlines() if line.startswith("twin_requests_total{") and '"/conformance"' in line
        )
        assert float(line.rpartition(" ")[2]) == 30.0
        thread, got = asked_in_a_thread(port, "/slow")
        wait_until_asked(port)
        own.send_signal(signal.SIGTERM)
        wait_until_it_refuses(port)
        thread.join(DEADLINE_S)
        assert got == [(200, b"finished")]
        assert own.wait(DEADLINE_S) == 0, said_in(tmp_path)
    assert "Traceback" not in said_in(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("host", "reached", "shown"),
    [("::1", ["::1"], "http://[::1]:"), ("::", ["::1", "127.0.0.1"], "http://[::]:"), ("localhost", ["127.0.0.1"], "http://localhost:")],
)  # fmt: skip
def test_it_serves_on_ipv6_and_on_both(tmp_path: Path, host: str, reached: list[str], shown: str) -> None:
    with process(tmp_path, "--host", host, "--open") as (own, port):
        for address in reached:
            wait_for(port, address)
            at = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
            document = json.loads(ask(port, "/collections", address).text)
            assert document["links"][0]["href"].startswith(f"http://{at}/collections")
        own.send_signal(signal.SIGTERM)
        assert own.wait(DEADLINE_S) == 0
    assert f"{shown}{port}/map" in said_in(tmp_path)


def test_an_address_of_ipv6_that_is_taken_is_told_in_brackets() -> None:
    with socket.socket(socket.AF_INET6) as taken:
        taken.bind(("::1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable) as told:
            listen("::1", port)
    assert f"[::1]:{port}" in told.value.words.zh
    assert f"[::1]:{port}" in told.value.words.en


@pytest.mark.parametrize("host", ["203.0.113.1", "no.such.host.invalid", "a..b"])
def test_an_address_that_is_not_ours_is_one_sentence(host: str) -> None:
    with pytest.raises(Unavailable, match="cannot be used"):
        listen(host, free_port())


@pytest.mark.slow
def test_the_request_log_has_no_query_and_no_address_of_a_thing(tmp_path: Path) -> None:
    with process(tmp_path, TWIN_LOG="json") as (own, port):
        wait_for(port)
        ask(port, "/collections/cameras/items?bbox=121.3111,31.2,121.4,31.3", **{"X-API-Key": "twin_abc_secret"})
        ask(port, "/collections/cameras/items/camera-of-somebody")
        own.send_signal(signal.SIGTERM)
        assert own.wait(DEADLINE_S) == 0
    said = said_in(tmp_path)
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    asked = [line for line in lines if line.get("route", "").startswith("/collections")]
    assert {line["route"] for line in asked} <= {
        "/collections/{layer}/items",
        "/collections/{layer}/items/{key}",
        "/collections/{layer}/items/{key:path}",
        "(unmatched)",
    }
    assert ["bbox"] in [line["query"] for line in asked]
    for word in ("121.3111", "secret", "camera-of-somebody"):
        assert word not in said


@pytest.mark.slow
def test_listeners_to_events_are_ended_when_the_server_stops(tmp_path: Path) -> None:
    with process(tmp_path) as (own, port):
        wait_for(port)
        with httpx.stream("GET", f"http://127.0.0.1:{port}/events", timeout=DEADLINE_S, trust_env=False) as listening:
            assert listening.status_code == 200
            parts = listening.iter_raw()
            next(parts)
            own.send_signal(signal.SIGTERM)
            assert own.wait(DEADLINE_S) == 0, said_in(tmp_path)
            list(parts)  # raises where the stream broke off
    assert "timeout graceful shutdown" not in said_in(tmp_path)
