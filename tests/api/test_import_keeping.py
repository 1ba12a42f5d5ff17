"""What is kept of imports: for other processes, after a crash, for a week, and so many bytes."""

from __future__ import annotations

import time

import orjson
import pytest

from twin.api import pending


def test_another_process_finds_a_pending_import_and_applies_it(here):
    number = here.send().json()["id"]
    other = here.again()
    assert other.get(f"/imports/{number}").json()["report"]["difference"]["added"] == 1
    assert [i["id"] for i in other.get("/imports").json()["imports"]] == [number]
    assert other.post(f"/imports/{number}/apply").status_code == 200
    assert here.names()["new"] == "新站"
    assert here.client.get(f"/imports/{number}").json()["status"] == "applied"


@pytest.mark.parametrize("status", ["reading", "examining", "applying"])
def test_what_a_stopped_process_left_half_done_is_begun_again(here, status):
    number = here.send().json()["id"]
    place = here.data / "imports" / number / pending.STATE
    place.write_bytes(orjson.dumps({**orjson.loads(place.read_bytes()), "status": status}))
    assert here.waited(number, here.again())["status"] in ("ready", "applying")


def test_what_was_committed_before_a_crash_is_not_committed_again(here):
    number = here.send().json()["id"]
    place = here.data / "imports" / number / pending.STATE
    content = (place.parent / pending.CONTENT).read_bytes()
    here.client.post(f"/imports/{number}/apply")
    assert not (place.parent / pending.CONTENT).exists(), "what has been applied is kept in the store only"
    place.write_bytes(orjson.dumps({**orjson.loads(place.read_bytes()), "status": "applying"}))
    (place.parent / pending.CONTENT).write_bytes(content)
    head, client = here.store.head(), here.again()
    for _ in range(200):
        told = client.get(f"/imports/{number}").json()
        if told["status"] == "ready":
            break
        time.sleep(0.02)
    assert told["counts"]["unchanged"] == 2
    client.post(f"/imports/{number}/apply")
    assert here.store.head() == head


def test_deleting_forgets_the_import_and_its_file(here):
    number = here.send().json()["id"]
    assert here.client.delete(f"/imports/{number}").status_code == 204
    assert here.folders() == []
    for method, path in [("GET", ""), ("DELETE", ""), ("POST", "/apply"), ("GET", "/report.xlsx")]:
        assert here.client.request(method, f"/imports/{number}{path}").status_code == 404


@pytest.mark.parametrize("number", ["0" * 16, "%2e%2e%2f", "..%2f..", ".new-1", "x", "0" * 400])
def test_an_unknown_id_is_not_found(here, number):
    here.send()
    assert here.client.get(f"/imports/{number}").status_code == 404


def test_imports_expire_after_a_week(here, make):
    old, young = (here.send().json()["id"] for _ in range(2))
    place = here.data / "imports" / old / pending.STATE
    place.write_bytes(orjson.dumps({**orjson.loads(place.read_bytes()), "created": "2025-12-24T03:59:59+00:00"}))
    client = here.again()
    assert [i["id"] for i in client.get("/imports").json()["imports"]] == [young]
    assert [f.name for f in here.folders()] == [young]


def test_when_the_folder_is_full_applied_imports_go_first_and_then_nothing_is_taken(here, monkeypatch):
    applied, waiting = (here.send().json()["id"] for _ in range(2))
    here.client.post(f"/imports/{applied}/apply")
    size = sum(f.stat().st_size for folder in here.folders() for f in folder.iterdir())
    monkeypatch.setattr(pending, "MAX_BYTES", size)
    third = here.send().json()["id"]
    assert {f.name for f in here.folders()} == {waiting, third}
    monkeypatch.setattr(pending, "MAX_BYTES", 100)
    assert here.send().status_code == 503
    assert {f.name for f in here.folders()} == {waiting, third}
