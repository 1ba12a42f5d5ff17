"""Applying an import: once, as shown, or not at all."""

from __future__ import annotations

from threading import Barrier, Thread
from typing import Any

from tests.api.conftest import Client
from twin.api import examining


def test_twice_is_once(here):
    number = here.send().json()["id"]
    assert here.client.post(f"/imports/{number}/apply").status_code == 200
    again = here.client.post(f"/imports/{number}/apply")
    assert (again.status_code, again.json()["type"]) == (409, "urn:twin:problem:conflict")


def test_of_many_at_the_same_moment_exactly_one_applies(here):
    number, clients = here.send().json()["id"], [here.client, *(here.again() for _ in range(3))]
    head, start = here.store.head(), Barrier(len(clients))
    statuses: list[int] = []

    def confirm(client: Client) -> None:
        start.wait()
        statuses.append(client.post(f"/imports/{number}/apply").status_code)

    threads = [Thread(target=confirm, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 409, 409, 409]
    assert here.store.head() == head + 1


def test_what_is_not_as_shown_any_more_is_not_applied_but_shown_anew(here):
    told = here.send().json()
    here.client.patch("/collections/chargers/items/west", json={"properties": {"name": "另一名"}})
    refused = here.client.post(f"/imports/{told['id']}/apply", headers={"accept-language": "zh"})
    assert refused.status_code == 409
    assert "重新核对" in refused.json()["detail"]
    assert here.names()["west"] == "另一名"
    renewed = here.client.get(f"/imports/{told['id']}").json()
    before = renewed["report"]["changes"]["changed"][0]["fields"]
    assert {"field": "name", "before": "另一名", "after": "改名"} in before
    assert here.client.post(f"/imports/{told['id']}/apply").status_code == 200
    assert here.names()["west"] == "改名"


def test_a_change_elsewhere_does_not_stand_in_the_way(here):
    number = here.send().json()["id"]
    here.client.patch("/collections/chargers/items/east", json={"properties": {"name": "别处"}})
    assert here.client.post(f"/imports/{number}/apply").status_code == 200


def test_a_change_between_the_last_look_and_the_commit_is_found_too(here, monkeypatch):
    number, real = here.send().json()["id"], examining.apply

    def apply(twin: Any, report: Any, **signed: str) -> Any:
        here.client.patch("/collections/chargers/items/west", json={"properties": {"name": "抢先"}})
        return real(twin, report, **signed)

    monkeypatch.setattr(examining, "apply", apply)
    refused = here.client.post(f"/imports/{number}/apply")
    assert refused.status_code == 409
    assert "look again" in refused.json()["detail"]
    assert here.client.get(f"/imports/{number}").json()["status"] == "ready"
    assert here.names()["west"] == "抢先"


def test_a_failed_commit_leaves_the_import_ready(here, monkeypatch):
    number = here.send().json()["id"]

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("the disk")

    monkeypatch.setattr(examining, "apply", fail)
    assert here.client.post(f"/imports/{number}/apply").status_code == 500
    monkeypatch.undo()
    assert here.client.get(f"/imports/{number}").json()["status"] == "ready"
    assert here.client.post(f"/imports/{number}/apply").status_code == 200
