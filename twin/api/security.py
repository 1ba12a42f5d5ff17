"""The rim of the app: who asks is settled, every answer gets its headers and a request id, and failures are caught and told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from secrets import token_hex
from time import perf_counter

from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from twin.api.logs import description, logger, template_of
from twin.api.problems import internal, methods_at, problem
from twin.api.proxies import DEFAULT_PORT, Proxies
from twin.api.replies import PATCHES
from twin.errors import Words

DATA_CSP = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
PAGE_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' blob: data:; worker-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
"""For HTML: everything from this server, nothing inline that runs. A page may send a policy of its own instead."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CROSS_SITE = Words("不接受其他网站的页面提交的修改", "changes that a page of another site sends are not accepted")
BAD_HOST = Words("请求的 Host 不是有效的主机名", "the request's Host is not the name of a host")
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(self)"),
)
HSTS = (b"strict-transport-security", b"max-age=31536000")
DEPENDS_ON_CALLER = "Authorization, Cookie, X-API-Key"
EXPOSED = (
    "Accept-Ranges", "Content-Crs", "Content-Range", "ETag", "Link", "Location", "Preference-Applied", "RateLimit",
    "RateLimit-Policy", "Retry-After", "X-Request-Id",
)  # fmt: skip
"""What pages of other sites may read of an answer, besides what browsers let everybody read."""
SENT = (
    "Authorization", "Content-Crs", "If-Match", "If-None-Match", "If-Range", "Last-Event-ID", "Prefer", "Range", "X-API-Key",
    "X-CSRF-Token", "X-Purpose",
)  # fmt: skip
"""What they may send."""
WRITING = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
DISCONNECTED = 499
"""How a request is told whose caller left before the answer began."""

Watcher = Callable[[Scope, int, float, int], None]
"""Told of each answer: the scope, its status, the seconds it took and its bytes."""


class Broken(Exception):
    """An answer broke off after it had begun; says no more than which."""


class Rim:
    """Outermost ASGI layer. HEAD is GET without the body; OPTIONS tells the methods.

    Args:
        proxies: settles who asks; none are trusted by default.
        origins: of other sites whose pages may write, ``*`` for all.
        watchers: told of every answer.
    """

    def __init__(
        self,
        app: ASGIApp,
        proxies: Proxies | None = None,
        origins: Sequence[str] = (),
        watchers: Iterable[Watcher] = (),
    ) -> None:
        self.app, self.proxies, self.origins = app, proxies or Proxies(), frozenset(origins)
        self.watchers = tuple(watchers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = Answer(scope, send)
        try:
            refused = self._refused(scope, known=self.proxies.settle(scope))
            scope.setdefault("request_id", token_hex(6))
            if scope["method"] == "HEAD":
                # a copy: the server's own says that no body follows
                answer.scope = scope = {**scope, "method": "GET", "is_head": True}
            await (self.app if refused is None else refused)(scope, receive, answer.send)
        except ClientDisconnect:
            answer.status = answer.status or DISCONNECTED
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told and the caller gets a problem
            await self._fail(answer, error, receive)
        finally:
            seconds = perf_counter() - answer.began
            for watch in self.watchers:
                watch(answer.scope, answer.status or DISCONNECTED, seconds, answer.n_bytes)

    def _refused(self, scope: Scope, *, known: bool) -> Response | None:
        """The answer that needs no app."""
        if not known:
            return problem(Request(scope), 400, "bad-host", BAD_HOST, headers={"connection": "close"})
        if scope["method"] in SAFE_METHODS:
            if scope["method"] == "OPTIONS" and not (self.origins and is_preflight(scope)):
                methods = methods_at(Request(scope))
                patches = {"accept-patch": ", ".join(PATCHES)} if "PATCH" in methods else {}
                return Response(status_code=204, headers={"allow": ", ".join(methods), **patches}) if methods else None
            return None
        if from_another_site(Request(scope), self.origins):
            return problem(Request(scope), 403, "cross-site", CROSS_SITE)
        return None

    async def _fail(self, answer: Answer, error: Exception, receive: Receive) -> None:
        scope = answer.scope
        number = scope.get("request_id")
        logger.error("request %s failed: %s %s: %s", number, scope["method"], template_of(scope), description(error))
        if answer.status:
            raise Broken(f"request {number} broke off") from None
        await internal(Request(scope))(scope, receive, answer.send)


class Answer:
    """An answer on its way: gets its headers, and is measured."""

    __slots__ = ("_send", "began", "is_head", "n_bytes", "scope", "status")

    def __init__(self, scope: Scope, send: Send) -> None:
        self.scope, self._send = scope, send
        self.began, self.status, self.n_bytes = perf_counter(), 0, 0
        self.is_head = scope["method"] == "HEAD"

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = dressed(message.get("headers", ()), self.scope)
        elif self.is_head:
            message = {**message, "body": b""}
        else:
            self.n_bytes += len(message.get("body", b""))
        await self._send(message)


def dressed(headers: Iterable[tuple[bytes, bytes]], scope: Scope) -> list[tuple[bytes, bytes]]:
    """An answer's headers with those that every one carries; what the endpoint set stays."""
    sent = list(headers)
    there = dict(sent)
    sent += [pair for pair in HEADERS if pair[0] not in there]
    if b"content-security-policy" not in there:
        is_page = there.get(b"content-type", b"").startswith(b"text/html")
        sent.append((b"content-security-policy", (PAGE_CSP if is_page else DATA_CSP).encode()))
    if scope["scheme"] == "https":
        sent.append(HSTS)
    if (more := scope.get("more_headers")) is not None:
        sent += [(name.encode(), value.encode()) for name, value in more.items()]
    caller = scope.get("caller")
    if caller is not None and not caller.is_open:
        sent = private(sent, there)
    sent.append((b"x-request-id", scope["request_id"].encode()))
    return sent


def private(sent: list[tuple[bytes, bytes]], there: dict[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    """What one caller may see is kept by no shared cache. A file that is said to be public stays so."""
    kept = there.get(b"cache-control", b"").decode()
    if "public" in kept:
        return sent
    if "private" not in kept and "no-store" not in kept:
        kept = f"private, {kept or 'no-cache'}"
    vary = ", ".join(filter(None, [there.get(b"vary", b"").decode(), DEPENDS_ON_CALLER]))
    rest = [pair for pair in sent if pair[0] not in (b"cache-control", b"vary")]
    return [*rest, (b"cache-control", kept.encode()), (b"vary", vary.encode())]


def from_another_site(request: Request, origins: frozenset[str] = frozenset()) -> bool:
    """Whether a browser says that a page of another site, which may not, sends something to be written."""
    if request.method in SAFE_METHODS:
        return False
    origin = request.headers.get("origin")
    if origin is None or origin in origins or "*" in origins:
        return False
    scheme, _, place = origin.partition("://")
    default = f":{DEFAULT_PORT.get(request.scope['scheme'], '')}"
    return scheme not in DEFAULT_PORT or place != request.headers.get("host", "").removesuffix(default)


def is_preflight(scope: Scope) -> bool:
    """Whether a browser asks for a page of another site what that may send."""
    return any(name == b"access-control-request-method" for name, _ in scope["headers"])


def origins_of(text: str) -> tuple[str, ...]:
    """The origins of a list with commas."""
    return tuple(word.strip().rstrip("/") for word in text.split(",") if word.strip())


def across_origins(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """Lets pages of other sites ask. Cookies go with it only where the sites are named."""
    from starlette.middleware.cors import CORSMiddleware

    return CORSMiddleware(
        app, allow_origins=origins, allow_methods=WRITING, allow_headers=SENT, expose_headers=EXPOSED,
        allow_credentials="*" not in origins,
    )  # fmt: skip
