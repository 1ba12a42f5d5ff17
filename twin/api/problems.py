"""Errors on the wire: one table from errors to status, one shape (RFC 9457), both languages. Never ``str(exc)`` of a 5xx."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from twin.api.html import html_problem, page_language, wants_html
from twin.api.language import Lang, language_of
from twin.errors import (
    Conflict,
    Fault,
    Forbidden,
    InvalidInput,
    MustMatch,
    NotFound,
    RuleUnready,
    Stale,
    TwinError,
    Unauthenticated,
    Unavailable,
    UnsupportedMedia,
    Words,
)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
MAX_SHOWN = 200
"""Characters of a wrong value that are sent back."""

NO_PAGE = frozenset({"bad-host"})
"""Of what no page can be made: its links would name the host."""

STATUS: tuple[tuple[type[TwinError], int], ...] = (
    (UnsupportedMedia, 415),
    (MustMatch, 428),
    (InvalidInput, 400),
    (Unauthenticated, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (Stale, 412),
    (Conflict, 409),
    (RuleUnready, 422),
    (Unavailable, 503),
)

TITLES: dict[str, Words] = {
    "invalid-input": Words("请求内容有误", "Bad request"),
    "bad-parameter": Words("参数有误", "Bad parameters"),
    "layer-invalid": Words("图层数据有误", "The layer's data are invalid"),
    "plan-invalid": Words("规划文件有误", "The plan file is invalid"),
    "frame-undeclared": Words("未声明坐标系", "No coordinate frame declared"),
    "frame-doubtful": Words("坐标系存疑", "The coordinate frame is doubtful"),
    "datum-inverse-not-allowed": Words("未开启坐标反算", "Datum inversion is switched off"),
    "mapping-ambiguous": Words("字段对应不唯一", "The mapping of columns is ambiguous"),
    "unauthenticated": Words("需要登录", "Sign-in needed"),
    "role": Words("当前角色无此权限", "Not for this role"),
    "not-found": Words("没有这项内容", "Not found"),
    "conflict": Words("与现有数据冲突", "Conflict"),
    "stale": Words("所依据的版本已过时", "The version you had is out of date"),
    "already-there": Words("已有内容", "It is there already"),
    "if-match-required": Words("须说明所依据的版本", "The version you had is needed"),
    "too-large": Words("文件过大", "The file is too large"),
    "unsupported-media-type": Words("不支持的内容类型", "Unsupported media type"),
    "rule-unready": Words("缺少判定所需的数据", "The rule lacks data that it needs"),
    "unavailable": Words("服务暂不可用", "Temporarily unavailable"),
    "range": Words("字节范围超出文件", "Range not satisfiable"),
    "method-not-allowed": Words("不支持该方法", "Method not allowed"),
    "bad-host": Words("主机名无效", "No valid host"),
    "busy": Words("服务器繁忙", "The server is busy"),
    "too-long": Words("计算用时过长", "It takes too long"),
    "too-slow": Words("发送过慢", "Sent too slowly"),
    "rate": Words("请求过于频繁", "Too many requests"),
    "failed-sign-in": Words("无效的密钥过多", "Too many invalid keys"),
    "cross-site": Words("来自其他网站的请求", "A request from another site"),
    "csrf": Words("无法确认请求来自本页面", "Not shown to come from our own page"),
    "internal": Words("服务器内部错误", "Internal error"),
}
INTERNAL = Words(
    "服务器出错，已记入日志。请稍后再试；若仍出错，请把请求编号告诉管理员。",
    "The server failed and has logged it. Try again later; if it persists, tell the administrator the request id.",
)


def problem(
    request: Request,
    status: int,
    code: str,
    words: Words,
    faults: Sequence[Fault] = (),
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> Response:
    """One problem document in the caller's language, or a page of it; ``more`` are members of its own."""
    is_page = code not in NO_PAGE and wants_html(request)
    lang = page_language(request) if is_page else language_of(request)
    body = {
        **problem_members(lang, status, code, words, faults, more),
        "instance": clean(request.scope["path"][:MAX_SHOWN]),
        "request_id": request.scope.get("request_id"),
    }
    sent = {
        "content-language": lang, "vary": "Accept, Accept-Language", "cache-control": "no-store", **(headers or {})
    }  # fmt: skip
    if is_page:
        is_known = request.scope.get("caller") is not None
        return html_problem(request, body, sent, offers_sign_in=status == 401 or (code == "role" and is_known))
    return Response(orjson.dumps(body), status, sent, MEDIA_TYPE)


def problem_members(
    lang: Lang,
    status: int,
    code: str,
    words: Words,
    faults: Sequence[Fault] = (),
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What is wrong, as a problem document says it in a language, whatever request it belongs to."""
    title = TITLES.get(code) or Words(HTTPStatus(status).phrase, HTTPStatus(status).phrase)
    return {
        "type": f"urn:twin:problem:{code}",
        "title": title.in_language(lang),
        "status": status,
        "detail": clean(words.in_language(lang)),
        "errors": [_fault(fault, lang) for fault in faults],
        **(more or {}),
    }


def _fault(fault: Fault, lang: str) -> dict[str, str]:
    return {
        "where": fault.where,
        "column": clean(fault.column),
        "value": clean(fault.value[:MAX_SHOWN]),
        "message": clean(fault.words.in_language(lang)),
    }


def clean(text: str) -> str:
    """Text that UTF-8 can carry: lone surrogates, which JSON may hold, become question marks."""
    return text.encode("utf-8", "replace").decode()


def problem_of_error(request: Request, error: TwinError) -> Response:
    """What the table says of one of our own errors."""
    status = next((status for kind, status in STATUS if isinstance(error, kind)), 500)
    if status == 500:
        return internal(request)
    headers = {"retry-after": str(RETRY_AFTER_S)} if status == 503 else {}
    more = {"current_version": max(error.current, default=None)} if isinstance(error, Stale) else None
    return problem(request, status, error.code, error.words, error.faults, headers, more)


def internal(request: Request) -> Response:
    return problem(request, 500, "internal", INTERNAL)


def install(app: FastAPI) -> None:
    """Every error becomes a problem document; unexpected ones are caught by ``security.Rim``."""

    async def on_twin_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, TwinError)
        return problem_of_error(request, error)

    async def on_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        faults = [fault_of_validation(e) for e in error.errors()]
        zh = "；".join(f"{f.column} {f.words.zh}" for f in faults)
        en = "; ".join(f"{f.column}: {f.words.en}" for f in faults)
        return problem(request, 400, "bad-parameter", Words(f"参数有误。{zh}", f"bad parameters. {en}"), faults)

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _of_http(request, error)

    app.add_exception_handler(TwinError, on_twin_error)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)


def _of_http(request: Request, error: HTTPException) -> Response:
    path, method = request.scope["path"][:MAX_SHOWN], request.method
    if error.status_code == 404:
        words = Words(
            f"没有地址 {path}。可用的地址见 / 和 /docs", f"there is no {path}; see / and /docs for what there is"
        )
        return problem(request, 404, "not-found", words)
    if error.status_code == 405:
        words = Words(f"{path} 不支持 {method}", f"{path} does not take {method}")
        return problem(request, 405, "method-not-allowed", words, headers={"allow": ", ".join(methods_at(request))})
    phrase = HTTPStatus(error.status_code).phrase
    return problem(
        request, error.status_code, f"http-{error.status_code}", Words(phrase, phrase), headers=error.headers
    )


def methods_at(request: Request) -> list[str]:
    """The methods that the path takes."""
    found = {"GET", "HEAD"} if has_route(request, "GET") else set()
    found |= {method for method in ("POST", "PUT", "PATCH", "DELETE") if has_route(request, method)}
    return sorted(found | {"OPTIONS"}) if found else []


def has_route(request: Request, method: str) -> bool:
    own = {name: request.scope.get(name, "") for name in ("path", "root_path")}
    scope = {"type": "http", "method": method, "headers": [], **own}
    return any(route.matches(dict(scope))[0] is Match.FULL for route in request.app.router.routes)


_ZH = {
    "missing": "缺少该参数",
    "int_parsing": "应为整数",
    "int_type": "应为整数",
    "int_from_float": "应为整数",
    "int_parsing_size": "数字过长",
    "float_parsing": "应为数字",
    "float_type": "应为数字",
    "finite_number": "应为有限的数字",
    "bool_parsing": "应为 true 或 false",
    "literal_error": "应为其中之一：{expected}",
    "greater_than_equal": "应不小于 {ge}",
    "less_than_equal": "应不大于 {le}",
    "greater_than": "应大于 {gt}",
    "less_than": "应小于 {lt}",
    "extra_forbidden": "未知字段",
    "string_type": "应为文本",
    "string_too_short": "不能为空",
    "string_too_long": "文本过长",
    "list_type": "应为数组",
    "too_long": "项数过多",
    "dict_type": "应为对象",
    "model_type": "应为对象",
    "model_attributes_type": "应为对象",
    "json_invalid": "不是有效的 JSON",
    "scalar": "应为文本、绝对值不超过 {limit} 的数字、true、false 或 null",
    "setting": "应为文本、数字、true、false、null，或由它们组成的数组",
    "string_unicode": "不是有效的 Unicode 文本",
}


def fault_of_validation(error: Mapping[str, Any]) -> Fault:
    """A fault from one of pydantic's."""
    place = [str(part) for part in error.get("loc", ())] or ["body"]
    context = {name: str(value) for name, value in (error.get("ctx") or {}).items()}
    template = _ZH.get(str(error.get("type")), "取值有误")
    zh = template.format_map({"expected": "", "ge": "", "le": "", "gt": "", "lt": "", "limit": "", **context})
    value = error.get("input")
    shown = "" if error.get("type") in ("missing", "json_invalid") or value is None else str(value)[: MAX_SHOWN + 1]
    return Fault(place[0], ".".join(place[1:]), shown, Words(zh, str(error.get("msg", "invalid"))))
