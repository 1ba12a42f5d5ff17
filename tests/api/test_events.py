"""What listeners are told: of every transaction, once it can be read, no more than they may know; and who is let go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from urllib.parse import urlencode

import h3
import numpy as np
import pytest
import shapely
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, box

from tests.api.conftest import NOW, record, records, store_of
from twin.access import ANONYMOUS, OPEN, Caller
from twin.api import feed
from twin.api.app import create_app
from twin.api.feed import Feed, Pace, Wish, in_words
from twin.api.touched import N_KEYS, Sight, is_sensitive, news_of, sight_of, touched
from twin.engine import Twin
from twin.layers import LAYERS, LayerType
from twin.model import Edit, Record, Snapshot, Source
from twin.readers.plan_file import read_plan
from twin.readers.raster import read_grid
from twin.settings import Settings
from twin.store.memory import MemoryStore

PLANNER, CLEARED = Caller("p", "planner"), Caller("c", "cleared")
PATIENCE_S = 10
SETTINGS = Settings(store="memory:")
QUICK = Pace(beat_s=0.05, stuck_s=0.2)


@dataclass(frozen=True)
class Event:
    kind: str
    data: Any
    id: str


class Bell:
    """A follower that says of a commit what it is told to say."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[int, int, Snapshot], None]] = []

    def listen(self, heard: Callable[[int, int, Snapshot], None]) -> Callable[[], None]:
        self.listeners.append(heard)
        return self.listeners.clear


class Stage:
    """A small world, its feed, and who listens to it; on the running loop."""

    def __init__(self, rows: list[Record] | None = None, pace: Pace | None = None) -> None:
        self.store = store_of(records() if rows is None else rows)
        self.twin, self.bell, self.app = twin_over(self.store), Bell(), app()
        self.feed = self.app.state.feed = Feed(self.twin, self.bell.listen, pace=pace)

    def tell(self, before: int) -> None:
        for heard in self.bell.listeners:
            heard(before, self.store.head(), self.twin.snapshot())

    def commit(self, *edits: Edit, **more: Any) -> int:
        before = self.store.head()
        self.store.commit(edits, author="test", reason="test", at=NOW, **more)
        self.tell(before)
        return self.store.head()

    def move(self, key: str, place: tuple[float, float], layer: str = "chargers") -> int:
        return self.commit(moved(self.store, layer, key, place))

    async def listen(self, *, caller: Caller = OPEN, head: dict[str, str] | None = None, **query: Any) -> Heard:
        return await Heard(self.app, caller, query, head or {}).begin()


@cache
def app() -> FastAPI:
    """One app for all: the route asks it for the feed alone."""
    return create_app(twin_over(MemoryStore()), SETTINGS)


def twin_over(store: MemoryStore) -> Twin:
    return Twin(store, read_plan(SETTINGS.plan), read_grid, lambda: NOW)


def moved(store: MemoryStore, layer: str, key: str, place: tuple[float, float]) -> Edit:
    version, _, _, last = store.versions(layer, key)[-1]
    return Edit("change", replace(last, lng=place[0], lat=place[1], valid_from=NOW), version)


def content(event: Event) -> dict[str, Any]:
    """What is told of a transaction, whatever was read when it was told."""
    return {name: value for name, value in event.data.items() if name != "snapshot"}


class Heard:
    """One GET of /events: what came, as a browser reads it."""

    def __init__(self, app: Any, caller: Caller, query: dict[str, Any], head: dict[str, str]) -> None:
        self.app, self.status, self.headers, self.raw, self.ended = app, 0, {}, b"", False
        self.n_sent = 0
        self.flows, self.gone, self.more = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.flows.set()
        self.scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": "/events", "raw_path": b"/events", "root_path": "", "server": ("twin.test", 80), "client": ("127.0.0.1", 1),
            "query_string": urlencode(query, doseq=True).encode(), "caller": caller,
            "headers": [(b"host", b"twin.test"), *((k.encode(), v.encode()) for k, v in head.items())],
        }  # fmt: skip

    async def begin(self) -> Heard:
        self.task = asyncio.create_task(self.app(self.scope, self._receive, self._send))
        await self._until(lambda: self.n_sent > 1 or self.task.done())
        return self

    async def _receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        await self.flows.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        else:
            self.raw += message.get("body", b"")
            self.ended |= not message.get("more_body", False)
        self.n_sent += 1
        self.more.set()

    async def _until(self, isit: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not isit():
                self.more.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.more.wait(), 0.05)

    async def events(self, n: int) -> list[Event]:
        """The first n events; waits for them."""
        await self._until(lambda: len(parsed(self.raw)) >= n or self.ended)
        return parsed(self.raw)[:n]

    @property
    def last_id(self) -> str:
        return [line[4:] for line in self.raw.decode().splitlines() if line.startswith("id: ")][-1]

    async def leave(self) -> None:
        self.gone.set()
        await self.over()

    async def over(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self.task

    def problem(self) -> Any:
        return json.loads(self.raw)


def parsed(raw: bytes) -> list[Event]:
    """What was told, as the HTML standard reads a stream (§9.2.6), without what we never send (CR, BOM, data of many lines)."""
    found, kind, data, last = [], "", "", ""
    for line in raw.decode().split("\n"):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data and kind != "here":
                found.append(Event(kind or "message", json.loads(data), last))
            kind, data = "", ""
        elif name == "event":
            kind = value
        elif name == "data":
            data += value
        elif name == "id":
            last = value
    return found


def on_stage(
    play: Callable[[Stage], Awaitable[None]], rows: list[Record] | None = None, pace: Pace | None = None
) -> None:
    """Play on a fresh stage; afterwards nobody listens any more."""

    async def evening() -> None:
        stage = Stage(rows, pace)
        await play(stage)
        stage.feed.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        done, left = await asyncio.wait(others, timeout=PATIENCE_S) if others else (set(), set())
        assert not left
        assert stage.feed.n_listeners == 0
        for task in done:
            assert task.cancelled() or task.exception() is None

    asyncio.run(evening())


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


# --- who is told what -------------------------------------------------------------------------------------------------


CELL = h3.latlng_to_cell(31.01, 121.28, 9)
SCOPE = {"310112101": box(121.27, 31.0, 121.31, 31.02)}


def places_within(cell: str) -> st.SearchStrategy[tuple[float, float]]:
    """Places in a res-9 cell, by mixing its corners; those that its neighbours may claim are left out."""
    ring = np.array([(lng, lat) for lat, lng in h3.cell_to_boundary(cell)])
    weights = st.lists(st.floats(0.01, 1), min_size=len(ring), max_size=len(ring))
    made = weights.map(lambda w: tuple((np.array(w) / sum(w) @ ring).tolist()))
    return made.filter(lambda p: h3.latlng_to_cell(p[1], p[0], 9) == cell)


def told_of(caller: Caller, before: tuple[float, float], after: tuple[float, float]) -> bytes:
    """What a caller is told of a camera that moved."""
    rows = [("cameras", "cam", *place, None, b"{}") for place in (before, after)]
    news = replace(news_of((TX, [])), layers=(touched("cameras", rows),))
    return in_words(news, Wish(sight_of(caller)), SNAPSHOT)


SNAPSHOT = twin_over(store_of(records())).snapshot()
TX = store_of(records()).transactions()[0]
SCOPED = ("310112101",)


@pytest.mark.parametrize("caller", [PLANNER, CLEARED, replace(PLANNER, areas=SCOPED), replace(ANONYMOUS)], ids=str)
@given(data=st.data())
def test_cameras_that_change_places_within_their_cells_tell_nothing_new(caller: Caller, data: st.DataObject) -> None:
    here, there = places_within(CELL), places_within(h3.latlng_to_cell(31.03, 121.3, 9))
    one = told_of(caller, data.draw(here), data.draw(there))
    assert one == told_of(caller, data.draw(here), data.draw(there))


@given(places_within(CELL))
def test_a_planner_is_told_the_centre_of_the_cell(place: tuple[float, float]) -> None:
    (event,) = parsed(told_of(PLANNER, place, place))
    lat, lng = h3.cell_to_latlng(CELL)
    assert event.data["bbox"] == [lng, lat, lng, lat]
    assert (event.data["n"], event.data["keys"]) == (1, ["cam"])


@given(places_within(CELL))
def test_who_is_cleared_is_told_a_box_that_holds_the_place(place: tuple[float, float]) -> None:
    (event,) = parsed(told_of(CLEARED, place, place))
    ring = [(lng, lat) for lat, lng in h3.cell_to_boundary(CELL)]
    assert event.data["bbox"] == pytest.approx(shapely.Polygon(ring).bounds)
    assert box(*event.data["bbox"]).contains(Point(place))


def test_the_public_is_told_that_something_changed_no_more() -> None:
    (event,) = parsed(told_of(ANONYMOUS, (121.28, 31.01), (121.3, 31.03)))
    assert {k: v for k, v in event.data.items() if k not in ("at", "snapshot")} == {
        "layer": "cameras", "tx": 1, "bbox": None, "n": None,
    }  # fmt: skip


def test_where_all_is_open_the_box_is_round_the_places() -> None:
    (event,) = parsed(told_of(OPEN, (121.28, 31.03), (121.3, 31.01)))
    assert event.data["bbox"] == [121.28, 31.01, 121.3, 31.03]


def test_layers_that_are_not_sensitive_are_told_to_everybody() -> None:
    rows = [("chargers", "west", 121.28, 31.01, None, b"{}")]
    news = replace(news_of((TX, [])), layers=(touched("chargers", rows),))
    (event,) = parsed(in_words(news, Wish(sight_of(ANONYMOUS)), SNAPSHOT))
    assert (event.data["bbox"], event.data["n"], event.data["keys"]) == ([121.28, 31.01] * 2, 1, ["west"])


def test_of_a_layer_that_is_sensitive_in_part_the_public_is_told_the_other_part() -> None:
    rows = [
        ("sensors", "air", 121.28, 31.01, None, b'{"domain":"environment"}'),
        ("sensors", "gas", 121.30, 31.03, None, b'{"domain":"gas"}'),
        ("sensors", "pipe", None, None, None, b'{"domain":"gas"}'),
    ]
    made = touched("sensors", rows)
    told = made.seen(Sight("public"), {})
    assert told == {"bbox": [121.28, 31.01, 121.28, 31.01], "n": None, "keys": ["air"]}
    lat, lng = h3.cell_to_latlng(h3.latlng_to_cell(31.03, 121.3, 9))
    seen = made.seen(Sight("planner"), {})
    assert seen["bbox"] == pytest.approx([121.28, 31.01, lng, lat])
    assert (seen["n"], seen["keys"]) == (3, ["air", "gas", "pipe"])


@pytest.mark.parametrize("role", ["planner", "cleared", "editor"])
def test_beyond_the_areas_of_a_role_one_is_told_as_the_public_is(role: Any) -> None:
    caller = Caller("s", role, areas=SCOPED)
    inside, outside = (121.28, 31.005), (121.28, 31.035)
    (event,) = parsed(told_of(caller, outside, outside))
    assert (event.data["bbox"], event.data["n"], event.data.get("keys")) == (None, None, None)
    (crossing,) = parsed(told_of(caller, inside, outside))
    (within,) = parsed(told_of(caller, inside, inside))
    assert crossing.data["bbox"] == within.data["bbox"]
    assert crossing.data["keys"] == ["cam"]


def test_an_area_that_is_not_there_is_nowhere() -> None:
    (event,) = parsed(told_of(Caller("s", "cleared", areas=("nowhere",)), (121.28, 31.01), (121.28, 31.01)))
    assert (event.data["bbox"], event.data["n"]) == (None, None)


@pytest.mark.parametrize(
    ("layer", "attributes", "expected"),
    [("cameras", b"{}", True), ("chargers", b"{}", False), ("none such", b"{}", True), ("sensors", b"{}", True),
     ("sensors", b'{"domain":null}', True), ("sensors", b'{"domain":"gas"}', True), ("sensors", b'{"domain":"road"}', False)],
)  # fmt: skip
def test_what_is_sensitive_is_what_the_layers_type_says_and_what_cannot_be_said_is(
    layer: str, attributes: bytes, expected: bool
) -> None:
    assert is_sensitive(layer, attributes) == expected


@pytest.mark.parametrize("kind", [k for k in LAYERS.values() if k.sensitive_where], ids=lambda k: k.name)
def test_what_decides_on_sensitivity_is_a_field_that_is_kept_with_the_attributes(kind: LayerType) -> None:
    assert set(kind.sensitive_where) <= {f.name for f in kind.fields}


def test_each_caller_hears_his_own_words() -> None:
    async def play(stage: Stage) -> None:
        callers = (OPEN, CLEARED, PLANNER, ANONYMOUS)
        listening = [await stage.listen(caller=caller) for caller in callers]
        stage.move("cam-00", (121.28, 31.01), "cameras")
        told = [(await heard.events(1))[0].data["bbox"] for heard in listening]
        assert told[0] == [121.272, 31.004, 121.28, 31.01]
        assert told[3] is None
        assert len({json.dumps(each) for each in told}) == 4

    on_stage(play)


# --- who is let go ----------------------------------------------------------------------------------------------------


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


def test_words_are_made_once_for_all_who_are_told_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    own = feed.in_words
    monkeypatch.setattr(feed, "in_words", lambda news, wish, snapshot: made.append(wish) or own(news, wish, snapshot))

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
