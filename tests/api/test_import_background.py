"""Imports in the background: how far it is, called off, and how many may wait."""

from __future__ import annotations

import time
from threading import Event
from typing import Any

from twin.api import examining


def test_who_prefers_not_to_wait_is_told_how_far_it_is(here, monkeypatch):
    go, real = Event(), examining.examine
    monkeypatch.setattr(examining, "examine", lambda *a, **k: (go.wait(10), real(*a, **k))[1])
    answer = here.send(headers={"prefer": "respond-async"})
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "respond-async")
    number = answer.json()["id"]
    told: dict[str, Any] = {}
    for _ in range(200):
        told = here.client.get(f"/imports/{number}").json()
        if told["status"] == "examining":
            break
        time.sleep(0.01)
    assert (told["status"], told["report"]) == ("examining", None)
    assert 0 < told["progress"] < 1
    assert here.client.post(f"/imports/{number}/apply").status_code == 409
    assert here.client.get("/healthz").status_code == 200
    go.set()
    assert here.waited(number)["status"] == "ready"


def test_in_the_background_what_cannot_be_examined_is_kept_and_can_be_asked_otherwise(here):
    number = here.send(frame="", headers={"prefer": "respond-async"}).json()["id"]
    told = here.waited(number)
    assert (told["status"], told["problem"]["type"]) == ("failed", "urn:twin:problem:frame-undeclared")
    assert "wgs84" in told["problem"]["choices"]["frame"]
    assert here.client.post(f"/imports/{number}/apply").status_code == 400
    mended = here.client.patch(f"/imports/{number}", json={"frame": "wgs84"})
    assert (mended.status_code, mended.json()["status"]) == (200, "ready")
    assert here.client.post(f"/imports/{number}/apply").status_code == 200
    assert here.client.patch(f"/imports/{number}", json={"frame": "cgcs2000"}).status_code == 409


def test_the_file_itself_cannot_be_exchanged(here):
    number = here.send().json()["id"]
    assert here.client.patch(f"/imports/{number}", json={"file": "other.csv"}).status_code == 400
    assert here.client.patch(f"/imports/{number}", json={"colour": "red"}).status_code == 400


def test_an_examination_can_be_called_off(here, monkeypatch):
    go, real = Event(), examining.examine
    monkeypatch.setattr(examining, "examine", lambda *a, **k: (go.wait(10), real(*a, **k))[1])
    number = here.send(headers={"prefer": "respond-async"}).json()["id"]
    assert here.client.delete(f"/imports/{number}").status_code == 204
    go.set()
    assert here.client.get(f"/imports/{number}").status_code == 404
    assert here.send().status_code == 201  # its turn comes once the other has ended
    assert len(here.folders()) == 1


def test_only_so_many_may_wait(here, monkeypatch):
    monkeypatch.setattr(examining, "MOST_WAITING", 1)
    client = here.again()
    go, real = Event(), examining.examine
    monkeypatch.setattr(examining, "examine", lambda *a, **k: (go.wait(10), real(*a, **k))[1])
    here.client = client
    first = here.send(headers={"prefer": "respond-async"}).json()["id"]
    refused = here.send()
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    go.set()
    here.waited(first)
    assert len(here.folders()) == 1


def test_a_layer_is_guessed_from_the_one_profile_that_fits(here):
    text = "设备编码,设备名称,设备经度,设备纬度,摄像机类型\n31011200001310000001,路口,121.28,31.01,1\n"
    told = here.send(text, "cams.csv", layer="")
    assert (told.json()["report"]["layer"], told.json()["report"]["profile"]) == ("cameras", "camera-ledger")
