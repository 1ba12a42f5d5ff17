"""Who asks: the ASGI layer that reads keys, tokens and the cookie, and that lets nothing exact out before the audit has it.

Sets ``scope["caller"]`` (``twin.access.Caller``), ``scope["shown"]`` (``twin.identity.Shown``) and an empty list
``scope["exact_reads"]``, to which whoever makes an answer adds ``ExactRead``.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

from fastapi import Request, Response
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from twin.api.audited import PATIENCE_S, Audited
from twin.api.problems import problem, problem_of_error
from twin.api.security import SAFE_METHODS
from twin.errors import TwinError, Unauthenticated, Unavailable, Words
from twin.identity import Access, Shown, is_loopback
from twin.identity.access import NOTHING_SHOWN, OPEN_TO_ALL
from twin.identity.chain import plain

logger = logging.getLogger("twin.api")

COOKIE = "twin_session"
CHALLENGE = 'Bearer realm="twin"'
CSRF_HEADER = "X-CSRF-Token"
N_THREADS = 4
FORWARDED = frozenset(
    {
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-real-ip",
        b"via",
        b"x-forwarded-proto",
        b"x-forwarded-prefix",
        b"x-forwarded-port",
        b"x-client-ip",
        b"cf-connecting-ip",
        b"true-client-ip",
    }
)
SIGNED_OUT_PATHS = ("/session", "/map", "/map/", "/healthz")
"""What a browser must get although its cookie is not good any more: the page, to sign in anew. All else stays 401 until ``/session``
takes the cookie back, so that nobody who was signed in takes public totals for his own."""

NOT_OPEN = Words(
    "本系统未启用登录，只接受本机的请求；此请求来自其他机器或代理。请管理员创建密钥（twin keys create），或以 twin serve --open 明示开放",
    "no sign-in is set up here, so only requests of this very machine are answered; this one comes from another, or by a proxy. "
    "Ask the administrator to make keys (twin keys create), or to say that it is meant: twin serve --open",
)
NO_CSRF = Words(
    f"以登录状态修改数据须带 {CSRF_HEADER} 头，其值见 GET /session；请刷新页面后再试",
    f"a change by a signed-in browser needs the header {CSRF_HEADER} with the value that GET /session says: reload the page and try again",
)

T = TypeVar("T")


class Identity:
    """ASGI layer between the limits and the app.

    What is shown and wrong is 401, never silently ``public``; nothing shown is ``public``. A key stops within half a second.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app, self.access = app, access
        self._threads = ThreadPoolExecutor(N_THREADS, "twin-access")
        self._looking: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Sent(scope)
        send = _with_challenge(send)
        try:
            shown = await self._shown(scope, headers)
        except Unauthenticated as error:
            _log_refused(scope, error)
            await problem_of_error(Request(scope), error)(scope, receive, send)
            return
        except TwinError as error:
            await problem_of_error(Request(scope), error)(scope, receive, send)
            return
        if shown is OPEN_TO_ALL and not self.access.told_open and not is_local(scope, headers):
            await problem(Request(scope), 403, "role", NOT_OPEN)(scope, receive, send)
            return
        if shown.via == "session" and scope["method"] not in SAFE_METHODS and not is_ours(headers, shown):
            await problem(Request(scope), 403, "csrf", NO_CSRF)(scope, receive, send)
            return
        scope["caller"], scope["shown"], scope["exact_reads"] = shown.caller, shown, []
        if shown.caller.is_open:
            await self.app(scope, receive, send)
            return
        await self.app(scope, receive, Audited(send, self.access, scope, headers.purpose))

    async def _shown(self, scope: Scope, headers: Sent) -> Shown:
        """Raises Unauthenticated, and Unavailable where the keys cannot be looked at."""
        access = self.access
        if not access.is_fresh:
            try:
                await self._look()
            except Unavailable:
                if access.is_controlled and headers.show_something:
                    raise
        if not access.is_controlled:
            return OPEN_TO_ALL
        if headers.authorization:
            return access.by_bearer(headers.bearer())
        if headers.key:
            return access.by_key(headers.key)
        return await self._by_session(scope, headers.session) if headers.session else NOTHING_SHOWN

    async def _by_session(self, scope: Scope, session_id: str) -> Shown:
        try:
            if self.access.knows(session_id):
                return self.access.by_session(session_id)
            return await self._in_thread(self.access.by_session, session_id)
        except Unauthenticated:
            if is_signed_out_path(scope):
                return NOTHING_SHOWN
            raise

    async def _look(self) -> None:
        """One look for all who wait for it."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._in_thread(self.access.look))
            self._looking.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.shield(self._looking)

    async def _in_thread(self, ask: Callable[..., T], *arguments: Any) -> T:
        """In threads of its own: judging does not keep people from being known."""
        asked = asyncio.get_running_loop().run_in_executor(self._threads, ask, *arguments)
        try:
            return await asyncio.wait_for(asked, PATIENCE_S)
        except TimeoutError:
            raise Unavailable(
                "访问控制的数据库没有应答，请稍后再试", "the database of keys does not answer; try again later"
            ) from None


class Sent:
    """What the request's headers say of who asks."""

    __slots__ = ("authorization", "csrf", "host", "is_forwarded", "key", "purpose", "session")

    def __init__(self, scope: Scope) -> None:
        self.authorization = self.key = self.session = self.csrf = self.purpose = self.host = ""
        self.is_forwarded = False
        for name, value in scope["headers"]:
            if name == b"authorization":
                self.authorization = value.decode("latin-1")
            elif name == b"x-api-key":
                self.key = value.decode("latin-1")
            elif name == b"cookie":
                self.session = _session_of(value.decode("latin-1")) or self.session
            elif name == b"x-csrf-token":
                self.csrf = value.decode("latin-1")
            elif name == b"host":
                self.host = value.decode("latin-1")
            elif name == b"x-purpose":
                self.purpose = plain(unquote_to_bytes(value).decode("utf-8", "replace"), 200)
            elif name in FORWARDED:
                self.is_forwarded = True

    @property
    def show_something(self) -> bool:
        return bool(self.authorization or self.key or self.session)

    def bearer(self) -> str:
        """Raises Unauthenticated where it is another scheme."""
        scheme, _, told = self.authorization.partition(" ")
        if scheme.lower() != "bearer" or not told.strip():
            raise Unauthenticated(
                "Authorization 头应为“Bearer 密钥或令牌”；也可用 X-API-Key 头",
                "the header Authorization must be 'Bearer KEY-OR-TOKEN'; X-API-Key works too",
            )
        return told.strip()


def _session_of(cookies: str) -> str:
    for cookie in cookies.split(";"):
        name, _, value = cookie.strip().partition("=")
        if name == COOKIE:
            return value.strip('"')
    return ""


def is_ours(headers: Sent, shown: Shown) -> bool:
    """Whether the page says what only our own can know."""
    return hmac.compare_digest(headers.csrf.encode("latin-1"), shown.csrf.encode())


def is_local(scope: Scope, headers: Sent) -> bool:
    """Whether a request comes from this machine, by no proxy, to an address of this machine.

    The last keeps out pages whose name was made to lead here (DNS rebinding).
    """
    client = scope.get("client")
    return (
        not headers.is_forwarded
        and client is not None
        and is_loopback(client[0])
        and is_loopback(host_name(headers.host))
    )


def host_name(host: str) -> str:
    """Of a Host header, without port and brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def is_signed_out_path(scope: Scope) -> bool:
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    return any(path == known or (known.endswith("/") and path.startswith(known)) for known in SIGNED_OUT_PATHS)


def set_cookie(answer: Response, scope: Scope, session_id: str) -> None:
    """A cookie that no script reads, that goes to this server only and from its own pages only, and by https where that is used."""
    answer.set_cookie(
        COOKIE, session_id, path=scope.get("root_path") or "/", secure=scope["scheme"] == "https", httponly=True,
        samesite="strict",
    )  # fmt: skip


def forget_cookie(answer: Response, scope: Scope) -> None:
    answer.delete_cookie(
        COOKIE, path=scope.get("root_path") or "/", secure=scope["scheme"] == "https", httponly=True, samesite="strict"
    )


def _with_challenge(send: Send) -> Send:
    """RFC 9110: every 401 says how to show who one is."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 401:
            MutableHeaders(scope=message).setdefault("www-authenticate", CHALLENGE)
        await send(message)

    return sending


def _log_refused(scope: Scope, error: Unauthenticated) -> None:
    """Who was not let in and why; never what he showed."""
    client = scope["client"][0] if scope.get("client") else "-"
    logger.warning("request %s from %s refused: %s", scope.get("request_id", "-"), client, error.words.en)
