"""A client that keeps some connections busy: raw requests over asyncio, no library between us and the socket."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

END_OF_HEAD, LAST_CHUNK = b"\r\n\r\n", b"0\r\n\r\n"
GZIP: Mapping[str, str] = {"Accept-Encoding": "gzip"}


def request(host: str, port: int, path: str, headers: Mapping[str, str] | None = None) -> bytes:
    """A GET as it goes over the wire; without ``headers`` it asks for plain bytes."""
    sent = {"Host": f"{host}:{port}", "Accept": "*/*", **(headers or {"Accept-Encoding": "identity"})}
    return "".join([f"GET {path} HTTP/1.1\r\n", *(f"{k}: {v}\r\n" for k, v in sent.items()), "\r\n"]).encode()


@dataclass
class Answers:
    """What came back. ``n_bytes`` are of bodies as sent."""

    seconds: float = 0.0
    n_bytes: int = 0
    status: Counter[int] = field(default_factory=Counter)
    latencies_s: list[float] = field(default_factory=list)
    first_body: bytes = b""

    @property
    def n(self) -> int:
        return len(self.latencies_s)

    def check(self) -> None:
        """Refuse a measurement of errors."""
        if set(self.status) - {200, 204}:
            raise RuntimeError(f"the server answered {dict(self.status)}: {self.first_body[:300]!r}")


def load(host: str, port: int, requests: Sequence[bytes], *, n: int, connections: int, at_most_s: float) -> Answers:
    """Send ``n`` requests, in turn from ``requests``, over that many connections; stop early after ``at_most_s``."""
    return asyncio.run(_load(host, port, itertools.islice(itertools.cycle(requests), n), connections, at_most_s))


async def _load(host: str, port: int, requests: Iterator[bytes], connections: int, at_most_s: float) -> Answers:
    loop, found = asyncio.get_running_loop(), Answers()
    begin = time.perf_counter()
    queue = itertools.takewhile(lambda _: time.perf_counter() - begin < at_most_s, requests)
    busy = [
        (await loop.create_connection(lambda: _Connection(queue, found), host, port))[1] for _ in range(connections)
    ]
    await asyncio.gather(*(connection.done for connection in busy))
    found.seconds = time.perf_counter() - begin
    return found


class _Connection(asyncio.Protocol):
    """One request after another; the next is sent when the last byte of an answer is here."""

    def __init__(self, requests: Iterator[bytes], found: Answers) -> None:
        self.requests, self.found = requests, found
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._next()

    def _next(self) -> None:
        asked = next(self.requests, None)
        if asked is None:
            self.transport.close()
            if not self.done.done():
                self.done.set_result(None)
            return
        self.parts: list[bytes] = []
        self.got, self.begin = 0, time.perf_counter()
        self.head_ends, self.length, self.status = -1, -1, 0
        self.transport.write(asked)

    def data_received(self, data: bytes) -> None:
        self.parts.append(data)
        self.got += len(data)
        if self.head_ends < 0:
            self._read_head()
        if self.head_ends >= 0 and self._is_whole():
            self._count()
            self._next()

    def _read_head(self) -> None:
        whole = b"".join(self.parts)
        end = whole.find(END_OF_HEAD)
        if end < 0:
            return
        self.parts, self.head_ends, self.status = [whole], end + len(END_OF_HEAD), int(whole[9:12])
        lines = whole[:end].lower().split(b"\r\n")[1:]
        fields = dict(line.split(b":", 1) for line in lines)
        if b"content-length" in fields:
            self.length = int(fields[b"content-length"])
        elif b"transfer-encoding" not in fields:
            self.length = 0

    def _is_whole(self) -> bool:
        if self.length >= 0:
            return self.got >= self.head_ends + self.length
        return b"".join(self.parts[-2:]).endswith(LAST_CHUNK)

    def _count(self) -> None:
        found = self.found
        found.latencies_s.append(time.perf_counter() - self.begin)
        found.n_bytes += self.got - self.head_ends
        found.status[self.status] += 1
        if not found.first_body or self.status not in (200, 204):
            found.first_body = b"".join(self.parts)[self.head_ends :]

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server closed the connection"))
