"""What a stream of events holds: every transaction, once it can be read, layer by layer, with what it touched."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import shapely
from shapely.geometry import box

from tests.api.conftest import NOW, record
from tests.api.listening import PLANNER, Stage, moved, on_stage, parsed
from twin.access import Caller
from twin.api import feed
from twin.api.touched import N_KEYS
from twin.model import Edit, Source


def test_a_transaction_is_told_with_what_it_touched() -> None:
    async def play(stage: Stage) -> None:
        heard = await stage.listen()
        tx = stage.move("west", (121.29, 31.03))
        (event,) = await heard.events(1)
        assert (event.kind, event.id) == ("change", str(tx))
        assert event.data == {
            "layer": "chargers", "tx": tx, "at": "2025-12-31T04:00:00Z", "snapshot": stage.twin.snapshot().id,
            "bbox": [121.28, 31.01, 121.29, 31.03], "n": 1, "keys": ["west"],
        }  # fmt: skip

    on_stage(play)


def test_the_answer_is_a_stream_that_nobody_keeps_or_packs() -> None:
    async def play(stage: Stage) -> None:
        heard = await stage.listen(head={"accept-encoding": "gzip"})
        assert heard.status == 200
        assert heard.headers["content-type"].startswith("text/event-stream")
        assert heard.headers["cache-control"] == "no-store"
        assert heard.headers["x-accel-buffering"] == "no"
        assert "content-encoding" not in heard.headers
        assert "content-length" not in heard.headers
        assert heard.raw.startswith(b"retry: ")

    on_stage(play)


def test_a_stream_begins_by_saying_what_has_been_read_already() -> None:
    async def play(stage: Stage) -> None:
        heard = await stage.listen()
        told = json.dumps({"tx": 1, "snapshot": stage.twin.snapshot().id}, separators=(",", ":"))
        assert heard.raw.decode() == f"retry: 1000\nevent: here\ndata: {told}\nid: 1\n\n"

    on_stage(play)


def test_a_stream_begins_with_the_id_of_what_was_there_so_that_nothing_is_lost_before_the_first_event() -> None:
    async def play(stage: Stage) -> None:
        heard = await stage.listen()
        await heard.leave()
        tx = stage.move("west", (121.29, 31.03))
        again = await stage.listen(head={"last-event-id": heard.last_id})
        assert [e.id for e in await again.events(1)] == [str(tx)]

    on_stage(play)


def test_one_event_a_layer_and_only_the_last_of_a_transaction_moves_the_id() -> None:
    async def play(stage: Stage) -> None:
        heard = await stage.listen()
        before = heard.last_id
        tx = stage.commit(
            moved(stage.store, "chargers", "west", (121.29, 31.03)),
            Edit("add", record("radio_sites", "new", (121.3, 31.0), site_kind="outdoor")),
        )
        told = await heard.events(2)
        assert [(e.data["layer"], e.data["tx"], e.id) for e in told] == [
            ("chargers", tx, before),
            ("radio_sites", tx, str(tx)),
        ]

    on_stage(play)


def test_a_shapes_box_is_round_its_outline_before_and_after() -> None:
    async def play(stage: Stage) -> None:
        heard = await stage.listen()
        version, _, _, town = stage.store.versions("areas", "310112101")[-1]
        grown = shapely.to_wkb(box(121.26, 31.0, 121.28, 31.01))
        stage.commit(Edit("change", replace(town, geometry=grown, valid_from=NOW), version))
        (event,) = await heard.events(1)
        assert event.data["bbox"] == [121.26, 31.0, 121.31, 31.02]

    on_stage(play)


def test_more_than_a_few_keys_are_counted_and_what_has_no_place_has_no_box() -> None:
    async def play(stage: Stage) -> None:
        heard = await stage.listen()
        stage.commit(*(Edit("add", record("chargers", f"n{i}", None)) for i in range(N_KEYS + 1)))
        stage.commit(*(Edit("add", record("chargers", f"m{i:02}", None)) for i in range(N_KEYS)))
        many, few = await heard.events(2)
        assert (many.data["n"], many.data["bbox"], many.data.get("keys")) == (N_KEYS + 1, None, None)
        assert few.data["keys"] == [f"m{i:02}" for i in range(N_KEYS)]

    on_stage(play)


def test_a_transaction_that_touches_no_feature_is_told_without_a_layer() -> None:
    async def play(stage: Stage) -> None:
        heard = await stage.listen()
        tx = stage.commit(sources=[Source("other", "other", "wgs84")])
        (event,) = await heard.events(1)
        assert (event.data["layer"], event.data["tx"], event.data["bbox"], event.data["n"]) == (None, tx, None, 0)

    on_stage(play)


def test_what_begins_to_hold_by_the_passing_of_time_is_told_too() -> None:
    async def play(stage: Stage) -> None:
        heard = await stage.listen()
        stage.tell(stage.store.head())
        (event,) = await heard.events(1)
        assert (event.data["layer"], event.id) == (None, str(stage.store.head()))

    on_stage(play)


def test_only_the_layers_asked_for_are_told_and_others_move_the_id_all_the_same() -> None:
    async def play(stage: Stage) -> None:
        heard = await stage.listen(layer=["cameras", "chargers"])
        stage.commit(Edit("add", record("radio_sites", "new", (121.3, 31.0), site_kind="outdoor")))
        tx = stage.move("cam-00", (121.28, 31.01), "cameras")
        (event,) = await heard.events(1)
        assert (event.data["layer"], event.id) == ("cameras", str(tx))
        last = stage.commit(Edit("add", record("radio_sites", "other", (121.3, 31.0), site_kind="outdoor")))
        await heard._until(lambda: heard.last_id == str(last))
        assert len(parsed(heard.raw)) == 1

    on_stage(play)


@pytest.mark.parametrize(
    ("query", "column"),
    [({"layer": "trees"}, "layer"), ({"last_event_id": "x"}, "last_event_id"), ({"last_event_id": "-1"}, "last_event_id"),
     ({"since": "1"}, "since"), ({"lang": "fr"}, "lang")],
)  # fmt: skip
def test_impossible_wishes_are_refused(query: dict[str, str], column: str) -> None:
    async def play(stage: Stage) -> None:
        heard = await stage.listen(**query)
        await heard.over()
        assert heard.status == 400
        assert [e["column"] for e in heard.problem()["errors"]] == [column]

    on_stage(play)


def test_words_are_made_once_for_all_who_are_told_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    own = feed.in_words
    monkeypatch.setattr(feed, "in_words", lambda news, wish, *rest: made.append(wish) or own(news, wish, *rest))

    async def play(stage: Stage) -> None:
        callers = [replace(PLANNER, id=f"p{i}") for i in range(20)] + [Caller("e", "editor"), Caller("a", "admin")]
        listening = [await stage.listen(caller=caller) for caller in callers]
        stage.move("west", (121.28, 31.02))
        for heard in listening:
            await heard.events(1)
        assert len(made) == 2

    on_stage(play)


def test_a_raster_alone_is_no_layers_change() -> None:
    async def play(stage: Stage) -> None:
        heard = await stage.listen(layer="chargers")
        before = len(heard.raw)
        tx = stage.store.head() + 1
        stage.commit(sources=[Source("grid", "grid", "wgs84")])
        await heard._until(lambda: heard.last_id == str(tx))
        assert heard.raw[before:] == b"id: %d\n\n" % tx

    on_stage(play)
