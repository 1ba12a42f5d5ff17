"""The least role that each route asks for. A route that is not named here is for ``admin``; what of the data a role sees, ``twin.seen`` says."""

from __future__ import annotations

from fastapi import Request

from twin.access import OPEN, Caller, Role
from twin.errors import Forbidden, Words

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
    ("GET", "/imports"): "editor",
    ("POST", "/imports"): "editor",
    ("GET", "/imports/{number}"): "editor",
    ("DELETE", "/imports/{number}"): "editor",
    ("POST", "/imports/{number}/apply"): "editor",
}
ROLE_WORDS: dict[Role, Words] = {
    "public": Words("公众", "public"),
    "planner": Words("规划", "planner"),
    "cleared": Words("涉密授权", "cleared"),
    "editor": Words("编辑", "editor"),
    "admin": Words("管理员", "admin"),
}


def least_role(method: str, template: str) -> Role:
    """The least role for a method at a route's path."""
    method = "GET" if method in READ else method
    if (method, template) in EXCEPTIONS:
        return EXCEPTIONS[method, template]
    is_open = method == "GET" and any(template == p or template.startswith(f"{p.rstrip('/')}/") for p in EVERYBODY if p != "/")
    return "public" if is_open or (method == "GET" and template == "/") else "admin"


async def check_allowed(request: Request) -> None:
    """Refuse what the caller's role may not do.

    Raises:
        Forbidden: naming the role that it takes.
    """
    caller: Caller = request.scope.get("caller", OPEN)
    least = least_role(request.method, request.scope["route"].path)
    if not caller.may(least):
        has, takes = ROLE_WORDS[caller.role], ROLE_WORDS[least]
        raise Forbidden(
            f"当前角色“{has.zh}”无此权限，需要“{takes.zh}”或以上", f"the role {caller.role} may not do this; it takes {least} or more"
        )
