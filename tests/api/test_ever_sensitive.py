"""A thing that became sensitive, or was and is gone, has a past: nobody below ``cleared`` is told where it stood."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal
from hypothesis import given
from hypothesis import strategies as st

from tests.api.conftest import BORN, NOW, records, store_of
from tests.api.conftest import record as a_record
from tests.api.listening import PLANNER, Stage, on_stage
from tests.api.withheld import Asked, gate_over, rows
from twin.access import ANONYMOUS
from twin.model import Edit, Record
from twin.sensitive import EverSensitive, is_sensitive
from twin.store import MemoryStore

SECRET = (121.2812345, 31.0123457)
PATHS = [
    "/collections/sensors/items/valve", "/collections/sensors/items?limit=100", "/collections/sensors/bulk.geojson",
    "/tiles/sensors/16/54850/26828.geojson",
]  # fmt: skip


def sensor(domain: str, **more: Any) -> Record:
    return a_record("sensors", "valve", SECRET, domain=domain, **more)


def of_domain(record: Record, domain: str) -> Record:
    return replace(record, attributes={**record.attributes, "domain": domain}, valid_from=NOW - timedelta(days=30))


def ended_gas_sensor(*, withdrawn: bool) -> MemoryStore:
    """It was taken for one of the air, then said to be of gas, then ended."""
    first = sensor("environment")
    store = store_of([*rows(), first])
    store.commit(
        [Edit("change", of_domain(first, "gas"), 1, correction=withdrawn)],
        author="",
        reason="",
        at=NOW - timedelta(days=20),
    )
    store.commit(
        [Edit("remove", replace(of_domain(first, "gas"), valid_to=NOW - timedelta(days=1)), 2)],
        author="",
        reason="",
        at=NOW,
    )
    return store


@pytest.mark.parametrize("withdrawn", [True, False])
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ["public", "planner", "south"])
def test_the_past_of_what_has_ended_is_not_exact(portal: BlockingPortal, path: str, name: str, withdrawn: bool) -> None:
    gate = gate_over(ended_gas_sensor(withdrawn=withdrawn))
    times = {"as_of": (BORN + timedelta(days=9)).isoformat(), "known_at": (NOW - timedelta(days=25)).isoformat()}
    for time in ({"as_of": times["as_of"]}, times):
        query = "&".join(f"{k}={v}".replace("+", "%2B") for k, v in time.items())
        ask = f"{path}{'&' if '?' in path else '?'}{query}"
        assert "121.2812345" not in Asked(portal, gate, name)(ask).text
    exact = Asked(portal, gate, "cleared")(
        f"/collections/sensors/items/valve?known_at={times['known_at']}".replace("+", "%2B")
    )
    assert exact.json()["geometry"]["coordinates"] == list(SECRET)


@pytest.mark.parametrize("caller", [ANONYMOUS, PLANNER])
def test_who_comes_back_is_not_told_where_it_stood_before_it_was_sensitive(caller: Any) -> None:
    async def play(stage: Stage) -> None:
        first, before = sensor("environment"), stage.store.head()
        stage.commit(Edit("add", first))
        heard = await stage.listen(caller=caller, last_event_id=before)
        assert (await heard.events(1))[0].data["bbox"][:2] == list(SECRET)
        await heard.leave()
        stage.commit(Edit("change", of_domain(first, "gas"), 1))
        again = await stage.listen(caller=caller, last_event_id=before)
        told = await again.events(2)
        await again.leave()
        assert [event.data["layer"] for event in told] == ["sensors"] * 2
        assert "121.2812345" not in again.raw.decode()

    on_stage(play, records())


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["gas", "environment", "power"])), max_size=8))
def test_it_is_what_any_version_says_however_often_it_is_asked(said: list[tuple[str, str]]) -> None:
    store, expected = MemoryStore(), set[str]()
    known = EverSensitive(store)
    for n, (key, domain) in enumerate(said):
        new = a_record("sensors", key, SECRET, domain=domain, valid_from=BORN + timedelta(days=n))
        held = [version for version, old in store.open_versions("sensors") if old.key == key]
        edit = Edit("change", new, held[-1]) if held else Edit("add", new)
        store.commit([edit], author="", reason="", at=NOW)
        expected |= {key} if is_sensitive("sensors", b'{"domain":"%b"}' % domain.encode()) else set()
        assert known.keys()["sensors"] == expected
    assert EverSensitive(store).keys()["sensors"] == expected
