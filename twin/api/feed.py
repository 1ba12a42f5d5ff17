"""Who listens to what is recorded. Each transaction is put into words once for all who may be told the same; nobody is
waited for: who does not keep up is let go, and asks again from where it was."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any, Literal

from twin.api.replies import dumps
from twin.api.touched import News, Sight, news_of
from twin.engine import Twin
from twin.errors import Unavailable, Words
from twin.kept import Kept
from twin.model import Snapshot
from twin.seen import masked

logger = logging.getLogger("twin.api")

MAX_STREAMS = 1000
"""Listeners of this process, whoever they are."""
MAX_OF_CALLER, MAX_OF_ADDRESS = 50, 200
"""Of one key or subject; of one address whose callers say nothing: behind a proxy that may be a whole office."""
FULL_FOR_S = 30
"""After that a caller who has too many may ask again."""
MAX_WAITING = 64
"""Parts that wait for a stream to be sent; one more and it is let go."""
MAX_BEHIND, MAX_EDITS_BEHIND = 256, 20_000
"""Who missed more transactions, or edits in them, reads all anew."""
N_REPLAYING = 2
"""Listeners who are told what they missed at once; others wait their turn."""
N_NEWS, N_TEXTS = 8, 512
RETRY_MS = 1000
BEAT = b": \n\n"

Heard = Callable[[int, int, Snapshot], None]
Listen = Callable[[Heard], Callable[[], None]]
"""As ``Follower.listen``: calls back in a thread of its own, returns what ends that."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a listener may be told, and of which layers it wants to hear (None: all)."""

    sight: Sight
    layers: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Listener:
    """Who listens, as it is counted, and how many streams he may have at once."""

    who: str
    most: int


class TooMany(Exception):
    """A listener has as many streams as he may have."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.words = Words(
            f"此密钥或地址已有 {most} 个实时通知连接（上限），请关闭不用的页面，或在 {FULL_FOR_S} 秒后重试",
            f"this key or address listens {most} times already, which is the most: close pages that are not needed, or try again in "
            f"{FULL_FOR_S} s",
        )


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: between two signs of life, until a connection that takes nothing is cut, until a stream ends so that its
    listener comes again and says anew who it is."""

    beat_s: float = 15.0
    stuck_s: float = 20.0
    life_s: float = 600.0


@dataclass(eq=False)
class Stream:
    """One listener's queue. Used on the event loop only."""

    wish: Wish
    who: str
    waiting: deque[bytes] = field(default_factory=deque)
    ended: bool = False
    since: float = field(default_factory=monotonic)
    sending_since: float | None = None
    sender: asyncio.Task[None] | None = None
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, part: bytes) -> None:
        if len(self.waiting) >= MAX_WAITING:
            self.cut()
        elif not self.ended:
            self.waiting.append(part)
            self._wake.set()

    async def take(self) -> bytes:
        """All that waits, as soon as there is something; empty at the end."""
        while not self.waiting and not self.ended:
            self._wake.clear()
            await self._wake.wait()
        parts = b"".join(self.waiting)
        self.waiting.clear()
        return parts

    def end(self) -> None:
        """Send what waits, then no more."""
        self.ended = True
        self._wake.set()

    def cut(self) -> None:
        """Send nothing more; not even what is being sent."""
        self.waiting.clear()
        self.end()
        if self.sending_since is not None and self.sender is not None:
            self.sender.cancel()


class Feed:
    """All streams of an app. Used on its event loop, but for ``close``.

    Args:
        twin: what is told of.
        listen: who says when something was recorded; asked at the first stream.
    """

    def __init__(self, twin: Twin, listen: Listen, pace: Pace | None = None) -> None:
        self._twin, self._listen, self._pace = twin, listen, pace or Pace()
        self._streams: set[Stream] = set()
        self._news: Kept[News] = Kept(N_NEWS)
        self._texts: Kept[bytes] = Kept(N_TEXTS)
        self._starting, self._replaying = asyncio.Lock(), asyncio.Semaphore(N_REPLAYING)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._unlisten: Callable[[], None] = _nothing
        self._closed = False
        self._at = 0
        self._heard: tuple[int, int, Snapshot] | None = None
        self._news_came = asyncio.Event()

    @property
    def n_listeners(self) -> int:
        return len(self._streams)

    async def join(self, wish: Wish, last: int | None, listener: Listener) -> Stream:
        """A new stream. It begins with ``here``, which says what has been read already. With ``last``, the number of the
        last transaction that its listener knows, with what came since; if that is too old, or never was, with ``reset``.

        Raises:
            TooMany: this listener has as many as he may have.
            Unavailable: too many listen, or the server ends, or the store cannot be read.
        """
        if sum(stream.who == listener.who for stream in self._streams) >= listener.most:
            raise TooMany(listener.most)
        if self._closed or len(self._streams) >= MAX_STREAMS:
            raise Unavailable(
                f"实时通知已有 {self.n_listeners} 个连接（最多 {MAX_STREAMS} 个），或服务正在停止，请稍后再试",
                f"{self.n_listeners} listen already (at most {MAX_STREAMS}), or the server is ending: try again later",
            )
        stream = Stream(wish, listener.who)
        self._streams.add(stream)
        try:
            await self._start()
            if self._closed:
                stream.end()
            at = self._at
            async with contextlib.nullcontext() if last is None else self._replaying:
                first = await asyncio.to_thread(self._since, last, at, wish)
        except BaseException:
            self._streams.discard(stream)
            raise
        stream.waiting.appendleft(first)
        return stream

    def leave(self, stream: Stream) -> None:
        self._streams.discard(stream)

    def close(self) -> None:
        """End all streams and take no more. From any thread or signal handler."""
        self._closed = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed already
                self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        self._unlisten()
        for task in self._tasks:
            task.cancel()
        for stream in self._streams:
            stream.end()

    async def _start(self) -> None:
        async with self._starting:
            if self._loop is not None:
                return
            loop = asyncio.get_running_loop()

            def hear(before: int, after: int, snapshot: Snapshot) -> None:
                with contextlib.suppress(RuntimeError):  # the loop is closed already
                    loop.call_soon_threadsafe(self._hear, before, after, snapshot)

            # What is recorded between these two is told of, even if it has been read.
            self._at = await asyncio.to_thread(self._twin.store.head)
            self._unlisten = self._listen(hear)
            self._tasks = [loop.create_task(self._tell_all()), loop.create_task(self._beat())]
            self._loop = loop

    async def _beat(self) -> None:
        pace, beaten = self._pace, monotonic()
        while True:
            await asyncio.sleep(pace.beat_s / 5)
            now = monotonic()
            is_time = now - beaten >= pace.beat_s
            beaten = now if is_time else beaten
            for stream in tuple(self._streams):
                if stream.sending_since is not None and now - stream.sending_since > pace.stuck_s:
                    stream.cut()
                elif now - stream.since > pace.life_s:
                    stream.end()
                elif is_time:
                    stream.put(BEAT)

    def _hear(self, before: int, after: int, snapshot: Snapshot) -> None:
        """What has not been told of yet is one with what comes: no more than one snapshot waits."""
        self._heard = (before if self._heard is None else self._heard[0], after, snapshot)
        self._news_came.set()

    async def _tell_all(self) -> None:
        while True:
            await self._news_came.wait()
            self._news_came.clear()
            if (heard := self._heard) is None:
                continue
            self._heard = None
            try:
                await self._tell(*heard)
            except Exception:
                logger.exception("telling of transaction %d failed", heard[1])
                self._tell_reset(heard[1], heard[2])

    async def _tell(self, before: int, after: int, snapshot: Snapshot) -> None:
        first = min(self._at, before)
        if not self._streams:
            self._at = after
        elif after < first or after - first > MAX_BEHIND:
            self._tell_reset(after, snapshot)
        elif after == before:
            await self._tell_each(after, partial(self._time_passed, after, snapshot))
        else:
            for tx in range(first + 1, after + 1):
                await self._tell_each(tx, partial(self._text, tx, snapshot))

    async def _tell_each(self, tx: int, text: Callable[[Wish], bytes]) -> None:
        """Each stream its words, all at once: who joins before that hears them, who joins after finds them replayed."""
        made: dict[Wish, bytes] = {}
        while missing := {stream.wish for stream in self._streams} - made.keys():
            made |= await asyncio.to_thread(_for_each, missing, text)
        for stream in tuple(self._streams):
            stream.put(made[stream.wish])
        self._at = tx

    def _tell_reset(self, tx: int, snapshot: Snapshot) -> None:
        self._at = tx
        for stream in tuple(self._streams):
            stream.put(place("reset", tx, self._name(snapshot, stream.wish)))

    def _name(self, snapshot: Snapshot, wish: Wish) -> str:
        """What the names of all begin with that is made of a snapshot for who may be told that much."""
        return snapshot.id if wish.sight.is_all else masked(snapshot.id, self._twin.secret)

    def _since(self, last: int | None, at: int, wish: Wish) -> bytes:
        """What came after ``last`` up to ``at``. Another worker may have told of more than this one has read."""
        snapshot, retry = self._twin.snapshot(), b"retry: %d\n" % RETRY_MS
        if last is None:
            return retry + place("here", at, self._name(snapshot, wish))
        if at - last > MAX_BEHIND or (last > at and last > self._twin.store.head()) or self._is_much(last, at):
            return retry + place("reset", at, self._name(snapshot, wish))
        texts = [self._text(tx, snapshot, wish) for tx in range(last + 1, at + 1)]
        return b"".join([retry, *(texts or [b"id: %d\n\n" % last])])

    def _is_much(self, last: int, at: int) -> bool:
        """Whether more was edited after one transaction, up to another, than is told again."""
        missed = self._twin.store.transactions()[last:at] if last < at else []
        return sum(transaction.n_edits for transaction in missed) > MAX_EDITS_BEHIND

    def _text(self, tx: int, snapshot: Snapshot, wish: Wish) -> bytes:
        ever: Mapping[str, frozenset[str]] = {} if wish.sight.level == "open" else self._twin.sensitive.keys()
        by_now = (tx, sum(map(len, ever.values())))

        def make() -> bytes:
            news = self._news.get(by_now, lambda: news_of(self._twin.store.places(tx), ever))
            return in_words(news, wish, snapshot, self._name(snapshot, wish))

        return self._texts.get((by_now, wish), make)

    def _time_passed(self, tx: int, snapshot: Snapshot, wish: Wish) -> bytes:
        event = _no_layer({"tx": tx, "at": snapshot.as_of, "snapshot": self._name(snapshot, wish)})
        return b"event: change\ndata: %b\nid: %d\n\n" % (dumps(event), tx)


def _nothing() -> None:
    """Nobody is listened to yet."""


def _for_each(wishes: Iterable[Wish], text: Callable[[Wish], bytes]) -> dict[Wish, bytes]:
    return {wish: text(wish) for wish in wishes}


def in_words(news: News, wish: Wish, snapshot: Snapshot, name: str) -> bytes:
    """One event a layer. The last one has the id: who loses the connection between two hears both again. ``name`` is the
    snapshot's."""
    common = {"tx": news.tx, "at": news.at, "snapshot": name}
    events: list[dict[str, Any]] = [
        {"layer": touched.layer, **common, **touched.seen(wish.sight, snapshot.areas)}
        for touched in news.layers
        if wish.layers is None or touched.layer in wish.layers
    ]
    if not news.layers and wish.layers is None:
        events = [_no_layer(common)]
    said = [b"event: change\ndata: %b\n" % dumps(event) for event in events]
    return b"\n".join(said) + b"id: %d\n\n" % news.tx


def _no_layer(common: dict[str, Any]) -> dict[str, Any]:
    """Something else than features changed: a raster, or which versions hold now."""
    return {"layer": None, **common, "bbox": None, "n": 0}


def place(kind: Literal["here", "reset"], tx: int, snapshot: str) -> bytes:
    """Where a listener is now."""
    return b"event: %b\ndata: %b\nid: %d\n\n" % (kind.encode(), dumps({"tx": tx, "snapshot": snapshot}), tx)
