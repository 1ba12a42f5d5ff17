"""Connections that say nothing, send slowly or do not read: uvicorn's protocol with limits on a request's head and on waiting.

uvicorn itself waits for ever for a request and for an answer to be read, and keeps headers of any size.
"""

from __future__ import annotations

import asyncio
import resource
from asyncio import TimerHandle
from typing import Any, ClassVar

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from twin.api.logs import logger
from twin.errors import Words

MAX_HEAD_BYTES = 64 << 10
"""Of a request line with its headers: what a long filter needs."""
READ_AT_LEAST_BYTES = 16 << 10
"""Of an answer, in each span of patience."""
LINGER_S = 1.0
"""What comes after a refusal is read and forgotten for so long, so that the caller reads the answer and not a broken line."""
SPARE_FILES = 64
MAX_CONNECTIONS = max(resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_FILES, SPARE_FILES)
"""One more than the process may open files would keep everybody out."""
SAID = {
    400: ("bad-request", Words("不是有效的 HTTP 请求", "this is no valid HTTP request")),
    408: (
        "too-slow",
        Words("请求头发送过慢，连接已关闭", "the request's head came too slowly and the connection is closed"),
    ),
    431: (
        "head-too-large",
        Words(
            f"请求行与请求头超过 {MAX_HEAD_BYTES >> 10} KiB", f"the request's head is over {MAX_HEAD_BYTES >> 10} KiB"
        ),
    ),
}


class Patient(HttpToolsProtocol):
    """A connection that is dropped when it lets the server wait too long.

    ``head_s``: seconds for a request's head, from the connection or its first byte. ``unread_s``: seconds in which some
    of an answer must be read. ``max_unread``: bytes of answers that wait to be read in this process, all together.
    """

    head_s: ClassVar[float] = 15.0
    unread_s: ClassVar[float] = 30.0
    max_unread: ClassVar[int] = 256 << 20
    max_connections: ClassVar[int] = MAX_CONNECTIONS
    unread: ClassVar[dict[Patient, None]] = {}
    """Those whose answers wait to be read, the longest first."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._in_head, self._head_bytes, self._trouble, self._is_deaf = True, 0, 400, False
        self._head_timer: TimerHandle | None = None
        self._unread_timer: TimerHandle | None = None
        self._unread_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            transport.abort()
            return
        self._head_timer = self.loop.call_later(self.head_s, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        self._forget_unread()
        super().connection_lost(exc)

    def _is_ending(self) -> bool:
        return self._is_deaf or self.transport.is_closing()

    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def shutdown(self) -> None:
        """The server stops: what is being answered may finish, and what has no end is told to end (``app.state.drain``)."""
        super().shutdown()
        if self._is_answering():
            app: Any = self.cycle.scope.get("app")
            drain = getattr(getattr(app, "state", None), "drain", None)
            if drain is not None:
                drain()

    # --- the head of a request comes in time and is not too large

    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
            return
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and not self._is_ending():
            if self._head_bytes > MAX_HEAD_BYTES:
                self.send_400_response("", 431)
            elif self._head_timer is None:
                self._head_timer = self.loop.call_later(self.head_s, self._head_is_late)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        if self._head_bytes > MAX_HEAD_BYTES:  # with what came behind it in the same piece: count exactly
            n_bytes = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if n_bytes > MAX_HEAD_BYTES:
                self._trouble = 431
                raise ValueError("the head is too large")
        self._in_head, self._head_bytes = False, 0
        self._stop_head_timer()
        super().on_headers_complete()

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._is_answering():
            self._head_timer = self.loop.call_later(self.head_s, self._head_is_late)
        elif not self._is_ending():
            if self._head_bytes:
                self.send_400_response("", 408)
            else:
                self.transport.close()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def send_400_response(self, msg: str, status: int = 0) -> None:
        """A problem in both languages: no header has been read that would say which. Then the connection closes."""
        status = status or self._trouble
        code, words = SAID[status]
        body = {
            "type": f"urn:twin:problem:{code}",
            "title": code,
            "status": status,
            "detail": f"{words.zh}。{words.en}",
        }
        content = orjson.dumps(body)
        head = f"content-type: application/problem+json\r\ncontent-length: {len(content)}\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[status] + head.encode() + content)
        self._is_deaf = True
        self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.close)

    # --- answers are read

    def pause_writing(self) -> None:
        super().pause_writing()
        self.unread[self] = None
        self._unread_bytes = self.transport.get_write_buffer_size()
        self._unread_timer = self.loop.call_later(self.unread_s, self._is_it_read)
        drop_unread(self.unread, self.max_unread)

    def resume_writing(self) -> None:
        self._forget_unread()
        super().resume_writing()

    def _is_it_read(self) -> None:
        n_bytes = self.transport.get_write_buffer_size()
        if n_bytes > self._unread_bytes - READ_AT_LEAST_BYTES:
            self.drop()
        else:
            self._unread_bytes = n_bytes
            self._unread_timer = self.loop.call_later(self.unread_s, self._is_it_read)

    def drop(self) -> None:
        """Break the connection off: what is unread is given up."""
        logger.info("a caller does not read its answer: connection dropped")
        self._forget_unread()
        self.transport.abort()

    def _forget_unread(self) -> None:
        self.unread.pop(self, None)
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None


def unread_bytes(waiting: dict[Patient, None]) -> int:
    return sum(held.transport.get_write_buffer_size() for held in waiting)


def drop_unread(waiting: dict[Patient, None], most: int) -> None:
    """Break off those that have waited longest, until what waits is not more."""
    n_bytes = unread_bytes(waiting)
    for held in list(waiting):
        if n_bytes <= most:
            return
        n_bytes -= held.transport.get_write_buffer_size()
        held.drop()
