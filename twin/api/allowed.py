"""The least role that each route asks for. A route that is not named here is for ``admin``; what of the data a role sees, ``twin.seen`` says."""

from __future__ import annotations

from fastapi import Request

from twin.access import OPEN, ROLE_NAMES, Caller, Role
from twin.errors import Forbidden

READ = ("GET", "HEAD", "OPTIONS")
EVERYBODY = (
    "/", "/conformance", "/collections", "/coverage", "/schemas", "/styles", "/tileMatrixSets", "/tiles", "/docs", "/openapi.json", "/map",
    "/healthz", "/readyz", "/session", "/events", "/static",
)  # fmt: skip
"""Beginnings of paths that anybody may read."""
EXCEPTIONS: dict[tuple[str, str], Role] = {
    ("GET", "/collections/{layer}/items/{key:path}/versions"): "planner",
    ("POST", "/coverage/{rule}"): "public",
    ("POST", "/coverage/{rule}/gaps"): "public",
    ("POST", "/coverage/{rule}/cells"): "public",
    ("POST", "/session"): "public",
    ("DELETE", "/session"): "public",
    ("POST", "/collections/{layer}/items"): "editor",
    ("PUT", "/collections/{layer}/items/{key:path}"): "editor",
    ("PATCH", "/collections/{layer}/items/{key:path}"): "editor",
    ("DELETE", "/collections/{layer}/items/{key:path}"): "editor",
}


def least_role(method: str, template: str) -> Role:
    """The least role for a method at a route's path."""
    method = "GET" if method in READ else method
    if (method, template) in EXCEPTIONS:
        return EXCEPTIONS[method, template]
    if template == "/imports" or template.startswith("/imports/"):
        return "editor"
    is_open = method == "GET" and any(
        template == p or template.startswith(f"{p.rstrip('/')}/") for p in EVERYBODY if p != "/"
    )
    return "public" if is_open or (method == "GET" and template == "/") else "admin"


async def check_allowed(request: Request) -> None:
    """Refuse what the caller's role may not do.

    Raises:
        Forbidden: naming the role that it takes.
    """
    caller, path = caller_of(request), request.scope["route"].path
    least = least_role(request.method, path)
    if not caller.may(least):
        has, takes = ROLE_NAMES[caller.role], ROLE_NAMES[least]
        raise Forbidden(
            f"当前角色“{has.zh}”无此权限，需要“{takes.zh}”或以上",
            f"the role {caller.role} may not do this; it takes {least} or more",
        )
    if caller.areas and path.startswith("/imports"):
        said = ", ".join(caller.areas)
        raise Forbidden(
            f"导入涉及整个图层，当前角色只限于：{said}",
            f"an import concerns a whole layer; this role is good for {said} only",
        )


def check_layer(caller: Caller, layer: str) -> None:
    """Refuse to change what roles and everybody's totals rest on.

    Raises:
        Forbidden: it is the layer of areas, and the caller no administrator.
    """
    if layer == "areas" and not caller.may("admin"):
        raise Forbidden(
            "权限和公众汇总以区域为准，区域只能由管理员修改",
            "roles and public totals rest on the areas: only an administrator changes them",
        )


def caller_of(request: Request) -> Caller:
    """Who asks; where nobody is asked who he is, ``OPEN``."""
    caller: Caller = request.scope.get("caller", OPEN)
    return caller


def author_of(request: Request, said: str) -> str:
    """Who signs what is recorded: who signed in, else who the caller says he is."""
    caller = caller_of(request)
    return said if caller.is_open else caller.id
