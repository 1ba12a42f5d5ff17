"""Sign-in on the map: a key or a token becomes a cookie that no script reads. Sessions lie with the keys, for every worker."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from twin.access import ROLE_NAMES
from twin.api.identity import Sent, forget_cookie, set_cookie
from twin.api.replies import JSON, dumps
from twin.errors import Conflict, InvalidInput, UnsupportedMedia, Words
from twin.identity import Access, Shown
from twin.identity.access import NOTHING_SHOWN, OPEN_TO_ALL

router = APIRouter(tags=["session"])
MAX_BODY = 16 << 10
WAYS = ("key", "token")

OPEN = Words("开放模式：未启用登录", "Open mode, no sign-in")
NOT_SIGNED_IN = Words("未登录，按公众角色显示汇总值", "Not signed in: public totals only")
BODY = {
    "required": True,
    "content": {"application/json": {"schema": {
        "type": "object",
        "description": "one of them",
        "properties": {"key": {"type": "string", "description": "as twin keys create printed it"},
                       "token": {"type": "string", "description": "a JWT of the single sign-on"}},
        "minProperties": 1, "maxProperties": 1, "additionalProperties": False,
    }}},
}  # fmt: skip


@router.get("/session")
async def shown_session(request: Request) -> Response:
    """Who one is here: role, areas, name, what the page says of it, and the value for the header X-CSRF-Token."""
    shown = shown_of(request)
    answer = _answer(request, shown)
    if shown.via == "nothing" and Sent(request.scope).session:
        forget_cookie(answer, request.scope)
    return answer


@router.post("/session", openapi_extra={"requestBody": BODY})
async def sign_in(request: Request) -> Response:
    """Sign in by a key or a token. Sets a cookie; one that was there is over."""
    access = access_of(request)
    if access is None or shown_of(request) is OPEN_TO_ALL:
        raise Conflict(f"{OPEN.zh}，无需登录", f"{OPEN.en}: there is nothing to sign in to")
    text = await _secret(request)
    session_id, shown = await run_in_threadpool(access.sign_in, text)
    if old := _cookie(request):
        await run_in_threadpool(access.sign_out, old)
    answer = _answer(request, shown)
    set_cookie(answer, request.scope, session_id)
    return answer


@router.delete("/session", status_code=204)
async def sign_out(request: Request) -> Response:
    """Sign out, on every worker. Also fine where nobody was signed in."""
    access, old = access_of(request), _cookie(request)
    if access is not None and old:
        await run_in_threadpool(access.sign_out, old)
    answer = Response(status_code=204)
    forget_cookie(answer, request.scope)
    return answer


def shown_of(request: Request) -> Shown:
    """What the identity layer found; without one everything is open."""
    shown = request.scope.get("shown", OPEN_TO_ALL)
    assert isinstance(shown, Shown)
    return shown


def access_of(request: Request) -> Access | None:
    access = request.app.state.access
    assert access is None or isinstance(access, Access)
    return access


def _cookie(request: Request) -> str:
    return Sent(request.scope).session


def _answer(request: Request, shown: Shown) -> Response:
    """Never kept, and never compressed: it holds a secret."""
    access, caller = access_of(request), shown.caller
    said = OPEN if caller.is_open else NOT_SIGNED_IN if shown is NOTHING_SHOWN else ROLE_NAMES[caller.role]
    told: dict[str, Any] = {
        "open": caller.is_open,
        "via": shown.via,
        "role": caller.role,
        "role_name": _both(ROLE_NAMES[caller.role]),
        "areas": list(caller.areas),
        "name": shown.name,
        "purpose": caller.purpose,
        "csrf": shown.csrf or None,
        "expires_at": shown.expires_at,
        "ways": [way for way in WAYS if access is not None and (way == "key" or access.tokens is not None)],
        "said": _both(said),
    }
    return Response(dumps(told), headers={"cache-control": "no-store"}, media_type=JSON)


def _both(words: Words) -> dict[str, str]:
    return {"zh": words.zh, "en": words.en}


async def _secret(request: Request) -> str:
    """The key or the token that was sent. What is wrong is said without a word of what was sent.

    Raises:
        UnsupportedMedia: it is not said to be JSON: another site's form could send that. InvalidInput: it is not one of both.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON:
        raise UnsupportedMedia(f"内容类型应为 {JSON}", f"the content type must be {JSON}")
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MAX_BODY:
            raise InvalidInput(f"内容超过 {MAX_BODY >> 10} KiB", f"the body is larger than {MAX_BODY >> 10} KiB")
    try:
        told = orjson.loads(content)
    except orjson.JSONDecodeError:
        told = None
    if not isinstance(told, dict) or len(told) != 1 or not set(told) <= set(WAYS):
        raise _bad_secret()
    (text,) = told.values()
    if not isinstance(text, str) or not text.strip():
        raise _bad_secret()
    return text.strip()


def _bad_secret() -> InvalidInput:
    return InvalidInput(
        '请求内容应为 {"key": "twin_…"} 或 {"token": "…"}', 'the body must be {"key": "twin_…"} or {"token": "…"}'
    )
