"""Lets no part of an answer out before the exact places that it was made from are in the audit, on the disk."""

from __future__ import annotations

import asyncio
import logging

from fastapi import Request
from starlette.types import Message, Scope, Send

from twin.access import Caller, ExactRead
from twin.api.problems import problem_of_error
from twin.errors import TwinError, Unavailable
from twin.identity import Access, Entry
from twin.identity.chain import plain, reads_text
from twin.times import stored_time

logger = logging.getLogger("twin.api")

PATIENCE_S = 10.0
"""An answer whose row is not on the disk by then does not go out."""


class Audited:
    """An ASGI ``send``. One row for an answer; where a streamed one goes on to read more, a further row before those bytes.

    Where the row cannot be written the answer is 503; in the middle of a stream, the stream breaks off.
    """

    def __init__(self, send: Send, access: Access, scope: Scope, purpose: str) -> None:
        self._send, self._access, self._scope, self._purpose = send, access, scope, purpose
        self._reads: list[ExactRead] = scope["exact_reads"]
        self._n_recorded = 0
        self._is_started = self._is_refused = False

    async def __call__(self, message: Message) -> None:
        if self._is_refused:
            return
        if len(self._reads) > self._n_recorded:
            try:
                await self._record()
            except Unavailable as failure:
                logger.error("request %s: no audit: %s", self._scope.get("request_id", "-"), failure.words.en)
                if self._is_started:
                    raise
                self._is_refused = True
                await problem_of_error(Request(self._scope), no_audit())(self._scope, _nothing, self._send)
                return
        self._is_started = True
        await self._send(message)

    async def _record(self) -> None:
        """Raises Unavailable."""
        new = self._reads[self._n_recorded :]
        recording = self._access.ledger.record(self._entry(new))
        try:
            await asyncio.wait_for(asyncio.wrap_future(recording), PATIENCE_S)
        except TimeoutError:
            raise no_audit() from None
        except TwinError as failure:
            raise Unavailable(failure.words.zh, failure.words.en) from failure
        self._n_recorded += len(new)

    def _entry(self, reads: list[ExactRead]) -> Entry:
        scope, caller = self._scope, self._scope["caller"]
        assert isinstance(caller, Caller)
        purposes = dict.fromkeys(p for p in (plain(caller.purpose), self._purpose) if p)
        path = scope.get("raw_path") or scope["path"].encode("utf-8", "replace")
        return Entry(
            stored_time(self._access.clock()), caller.id, caller.role, "; ".join(purposes), scope["method"],
            _ascii(path), _ascii(scope["query_string"]), reads_text(reads), scope.get("request_id") or "",
        )  # fmt: skip


def no_audit() -> Unavailable:
    return Unavailable(
        "无法写入审计记录，因此不能给出精确位置。请稍后再试，或告诉管理员",
        "the audit cannot be written, so no exact places are given. Try again later, or tell the administrator",
    )


def _ascii(raw: bytes) -> str:
    """As it came over the wire, where it is percent-encoded."""
    return plain(raw.decode("ascii", "backslashreplace"), 8000)


async def _nothing() -> Message:
    return {"type": "http.disconnect"}
