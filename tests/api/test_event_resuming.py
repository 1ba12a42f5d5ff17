"""Listeners who come back: told again what they missed, or to read all anew."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api.conftest import NOW, record
from tests.api.listening import Event, Stage, moved, on_stage, parsed
from twin.api import feed
from twin.model import Edit


def content(event: Event) -> dict[str, Any]:
    """What is told of a transaction, whatever was read when it was told."""
    return {name: value for name, value in event.data.items() if name != "snapshot"}


@settings(max_examples=30)
@given(st.lists(st.sampled_from(["chargers", "cameras", "both"]), min_size=1, max_size=6), st.data())
def test_what_is_told_again_is_what_was_told(kinds: list[str], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(kinds)))

    async def play(stage: Stage) -> None:
        first = stage.store.head()
        heard = await stage.listen(last_event_id=first)
        for i, kind in enumerate(kinds):
            layers = ("chargers", "cameras") if kind == "both" else (kind,)
            stage.commit(*(Edit("add", record(layer, f"{layer}-{i}", (121.29, 31.02))) for layer in layers))
        await heard._until(lambda: heard.last_id == str(first + len(kinds)))
        live = [e for e in parsed(heard.raw) if e.data["tx"] > first + cut]
        again = await stage.listen(head={"last-event-id": str(first + cut)})
        told = await again.events(len(live))
        assert [content(e) for e in told] == [content(e) for e in live]
        assert [e.id for e in told[-1:]] == [e.id for e in live[-1:]]

    on_stage(play)


def test_the_header_of_a_browser_that_comes_back_wins_over_the_address_it_began_with() -> None:
    async def play(stage: Stage) -> None:
        first = stage.store.head()
        stage.move("west", (121.29, 31.03))
        second = stage.move("east", (121.29, 31.03))
        heard = await stage.listen(last_event_id=first, head={"last-event-id": str(first + 1)})
        assert [e.id for e in await heard.events(1)] == [str(second)]
        await heard.leave()
        assert len(parsed(heard.raw)) == 1

    on_stage(play)


@pytest.mark.parametrize("last", ["99", "nonsense", "-3", "9" * 400, "٣", ""])
def test_an_id_that_never_was_means_reading_all_anew(last: str) -> None:
    async def play(stage: Stage) -> None:
        heard = await stage.listen(head={"last-event-id": last})
        (event,) = await heard.events(1)
        assert (heard.status, event.kind, event.id) == (200, "reset", str(stage.store.head()))
        assert event.data == {"tx": stage.store.head(), "snapshot": stage.twin.snapshot().id}

    on_stage(play)


def test_who_missed_too_many_reads_all_anew_and_who_missed_as_many_as_may_be_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed, "MAX_BEHIND", 3)

    async def play(stage: Stage) -> None:
        first = stage.store.head()
        for i in range(4):
            stage.move("west", (121.29, 31.03 + i / 1000))
        behind = await stage.listen(last_event_id=first)
        assert [e.kind for e in await behind.events(1)] == ["reset"]
        near = await stage.listen(last_event_id=first + 1)
        assert [e.kind for e in await near.events(3)] == ["change"] * 3

    on_stage(play)


def test_who_missed_too_many_edits_reads_all_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "MAX_EDITS_BEHIND", 3)

    async def play(stage: Stage) -> None:
        first = stage.store.head()
        stage.commit(*(Edit("add", record("chargers", f"one-{i}", (121.29, 31.02))) for i in range(3)))
        heard = await stage.listen(last_event_id=first)
        assert [e.kind for e in await heard.events(1)] == ["change"]
        stage.commit(Edit("add", record("chargers", "two", (121.29, 31.02))))
        await heard.events(2)
        late = await stage.listen(last_event_id=first)
        assert [e.kind for e in await late.events(1)] == ["reset"]
        soon = await stage.listen(last_event_id=first + 1)
        assert [e.kind for e in await soon.events(1)] == ["change"]

    on_stage(play)


def test_many_transactions_at_once_or_a_store_that_went_back_are_a_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "MAX_BEHIND", 3)

    async def play(stage: Stage) -> None:
        heard = await stage.listen()
        first = stage.store.head()
        for i in range(4):
            stage.store.commit(
                [moved(stage.store, "chargers", "west", (121.29, 31 + i / 1000))], author="", reason="", at=NOW
            )
        stage.tell(first)
        assert [e.kind for e in await heard.events(1)] == ["reset"]
        for listener in stage.bell.listeners:
            listener(first + 4, first, stage.twin.snapshot())
        last = (await heard.events(2))[1]
        assert (last.kind, last.id) == ("reset", str(first))

    on_stage(play)


def test_what_another_worker_has_told_already_is_no_reset() -> None:
    async def play(stage: Stage) -> None:
        await (await stage.listen()).leave()
        tx = stage.store.commit([moved(stage.store, "chargers", "west", (121.29, 31.0))], author="", reason="", at=NOW)
        heard = await stage.listen(last_event_id=tx.tx)
        later = stage.move("east", (121.29, 31.0))
        told = await heard.events(1)
        assert (told[0].kind, told[0].data["tx"] in (tx.tx, later)) == ("change", True)

    on_stage(play)


def test_what_cannot_be_told_is_a_reset(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    async def play(stage: Stage) -> None:
        heard = await stage.listen()

        def fail(tx: int) -> None:
            raise OSError("gone")

        monkeypatch.setattr(stage.store, "places", fail)
        tx = stage.move("west", (121.29, 31.03))
        (event,) = await heard.events(1)
        assert (event.kind, event.id) == ("reset", str(tx))
        monkeypatch.undo()
        assert [e.kind for e in (stage.move("west", (121.28, 31.03)) and await heard.events(2))] == ["reset", "change"]

    on_stage(play)
    assert "telling of transaction" in caplog.text
