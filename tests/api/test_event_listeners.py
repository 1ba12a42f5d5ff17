"""Listeners who are slow, gone, too many or there for long: who is let go, and how a stream ends."""

from __future__ import annotations

import asyncio

import pytest

from tests.api.listening import Heard, Stage, on_stage, parsed
from twin.access import OPEN
from twin.api import feed
from twin.api.feed import Pace

QUICK = Pace(beat_s=0.05, stuck_s=0.2)


def test_a_listener_that_does_not_keep_up_is_dropped_and_the_others_hear_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed, "MAX_WAITING", 3)

    async def play(stage: Stage) -> None:
        slow, quick = await stage.listen(), await stage.listen()
        slow.flows.clear()
        for i in range(8):
            stage.move("west", (121.28, 31.01 + i / 1000))
            assert len(await quick.events(i + 1)) == i + 1
        await slow.over()
        assert stage.feed.n_listeners == 1
        assert len(parsed(slow.raw)) < 8
        slow.flows.set()
        again = await stage.listen(head={"last-event-id": slow.last_id})
        assert [e.id for e in parsed(slow.raw) + await again.events(8 - len(parsed(slow.raw)))] == [
            e.id for e in parsed(quick.raw)
        ]

    on_stage(play)


def test_a_connection_that_takes_nothing_is_cut_in_time() -> None:
    async def play(stage: Stage) -> None:
        heard = await stage.listen()
        heard.flows.clear()
        stage.move("west", (121.28, 31.02))
        await heard.over()
        assert not heard.ended
        assert stage.feed.n_listeners == 0

    on_stage(play, pace=QUICK)


def test_a_listener_that_goes_is_noticed() -> None:
    async def play(stage: Stage) -> None:
        heard = await stage.listen()
        assert stage.feed.n_listeners == 1
        await heard.leave()
        assert stage.feed.n_listeners == 0

    on_stage(play)


def test_a_sign_of_life_comes_when_nothing_else_does() -> None:
    async def play(stage: Stage) -> None:
        heard = await stage.listen()
        await heard._until(lambda: heard.raw.count(b"\n: \n\n") + heard.raw.count(b"\n\n: \n\n") >= 2)
        assert parsed(heard.raw) == []

    on_stage(play, pace=QUICK)


def test_a_stream_ends_after_a_while_so_that_its_listener_says_anew_who_he_is() -> None:
    async def play(stage: Stage) -> None:
        heard = await stage.listen()
        await heard.over()
        assert heard.ended

    on_stage(play, pace=Pace(beat_s=0.05, life_s=0.1))


def test_more_listeners_than_there_may_be_are_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "MAX_STREAMS", 2)

    async def play(stage: Stage) -> None:
        first = await stage.listen()
        await stage.listen()
        refused = await stage.listen(head={"accept-language": "zh"})
        await refused.over()
        assert (refused.status, refused.headers["retry-after"]) == (503, "5")
        assert "最多 2 个" in refused.problem()["detail"]
        await first.leave()
        assert (await stage.listen()).status == 200

    on_stage(play)


def test_a_store_that_cannot_be_read_leaves_no_stream_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(stage: Stage) -> None:
        def fail() -> int:
            raise feed.Unavailable("坏了", "broken")

        monkeypatch.setattr(stage.store, "head", fail)
        refused = await stage.listen()
        await refused.over()
        assert (refused.status, stage.feed.n_listeners) == (503, 0)
        monkeypatch.undo()
        assert (await stage.listen()).status == 200

    on_stage(play)


def test_closing_ends_every_stream_in_order_and_takes_no_more() -> None:
    async def play(stage: Stage) -> None:
        listening = [await stage.listen() for _ in range(3)]
        await asyncio.to_thread(stage.feed.close)
        for heard in listening:
            await heard.over()
            assert heard.ended
        assert stage.bell.listeners == []
        refused = await stage.listen()
        await refused.over()
        assert refused.status == 503

    on_stage(play)


def test_a_head_request_ends_at_once() -> None:
    async def play(stage: Stage) -> None:
        heard = Heard(stage.app, OPEN, {}, {})
        heard.scope |= {"method": "HEAD"}
        await heard.begin()
        await heard.over()
        assert (heard.status, heard.raw) == (200, b"")
        assert stage.feed.n_listeners == 0

    on_stage(play)
