"""The audit of exact reads: the row is there before the first byte, or nothing leaves."""

from __future__ import annotations

from typing import Any

import anyio
import orjson
import pytest

from tests.api.guarded import EXACT, Guarded, bearer
from twin.errors import Unavailable
from twin.identity import verify


def audited(world: Guarded) -> list[Any]:
    rows = list(world.store.rows())
    assert verify(rows).fault is None
    return [row.entry for row in rows]


def test_an_exact_read_leaves_who_what_where_how_many_what_for_and_when(world: Guarded) -> None:
    text = world.key("cleared", purpose="年度核查")
    headers = {**bearer(text), "x-purpose": "%E6%B1%9F%E5%B7%9D%E8%B7%AF"}
    answer = world.client().get("/exact?n=7&area=310112", headers=headers)
    (entry,) = audited(world)
    assert (entry.caller, entry.role, entry.purpose) == (f"key:{text[5:13]}", "cleared", "年度核查; 江川路")
    assert (entry.method, entry.path, entry.query) == ("GET", "/exact", "n=7&area=310112")
    assert orjson.loads(entry.reads) == [{"layer": "cameras", "n": 7, "where": "310112"}]
    assert entry.request_id == answer.headers["x-request-id"]
    assert entry.at.startswith("2026-03-01T04:00:00")


def test_what_reads_nothing_exact_and_who_reads_where_all_is_open_leave_no_row(world: Guarded) -> None:
    assert world.client().get("/exact").status_code == 200
    world.client().get("/exact?n=0", headers=bearer(world.key("cleared")))
    assert audited(world) == []


def test_the_row_is_on_the_disk_before_the_first_byte_and_before_what_a_stream_reads_later(world: Guarded) -> None:
    text = world.key("cleared")
    app = world.app(world.access())
    seen: list[tuple[str, bytes, int]] = []

    async def run() -> None:
        scope = {"type": "http", "method": "GET", "path": "/stream", "raw_path": b"/stream", "query_string": b"", "scheme": "http",
                 "http_version": "1.1", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000), "root_path": "",
                 "headers": [(b"host", b"127.0.0.1"), (b"x-api-key", text.encode())]}  # fmt: skip

        async def receive() -> dict[str, Any]:
            await anyio.sleep_forever()
            raise AssertionError

        async def send(message: Any) -> None:
            seen.append((message["type"].rpartition(".")[2], message.get("body", b""), len(list(world.store.rows()))))

        await app(scope, receive, send)

    world.portal.call(run)
    assert [part for part in seen if part[0] == "start" or part[1]] == [
        ("start", b"", 1),
        ("body", EXACT, 1),
        ("body", b"second", 2),
    ]


def failing(world: Guarded, *answers: bool) -> list[bool]:
    """Let the store's appends succeed or fail in that order."""
    left, append = list(answers), world.store.append

    def appended(entries: Any) -> object:
        if left.pop(0):
            return append(entries)
        raise Unavailable("磁盘已满", "the disk is full")

    world.store.append = appended  # type: ignore[method-assign]
    return left


@pytest.mark.parametrize("path", ["/exact", "/stream"])
def test_where_the_audit_cannot_be_written_nothing_exact_leaves(world: Guarded, path: str) -> None:
    text = world.key("cleared")
    failing(world, False, True, True)
    client = world.client()
    answer = client.get(path, headers=bearer(text))
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:twin:problem:unavailable")
    assert answer.headers["retry-after"]
    assert EXACT not in answer.content
    assert client.get(path, headers=bearer(text)).status_code == 200, "it recovers by itself"


def test_a_stream_breaks_off_where_what_it_reads_later_cannot_be_audited(world: Guarded) -> None:
    text = world.key("cleared")
    failing(world, True, False)
    answer = world.client().get("/stream", headers=bearer(text))
    assert answer.content == EXACT
