"""Who asks, and what that role may see. Knows no HTTP and no store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from twin.errors import Words

Role = Literal["public", "planner", "cleared", "editor", "admin"]
ROLES: tuple[Role, ...] = ("public", "planner", "cleared", "editor", "admin")
"""Each may do what those before it may."""
ROLE_NAMES: dict[Role, Words] = {
    "public": Words("公众", "public"),
    "planner": Words("规划人员", "planner"),
    "cleared": Words("授权人员", "cleared"),
    "editor": Words("编辑", "editor"),
    "admin": Words("管理员", "administrator"),
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. ``areas`` are codes of the areas that the role is good for (none: everywhere); beyond them it is ``public``.

    ``id`` names the key, the token's subject or the session in the audit; ``is_open`` where nobody is asked who he is.
    """

    id: str
    role: Role
    areas: tuple[str, ...] = ()
    purpose: str = ""
    is_open: bool = False

    def may(self, role: Role) -> bool:
        """Whether the role is at least that one."""
        return ROLES.index(self.role) >= ROLES.index(role)


OPEN = Caller("open", "admin", is_open=True)
ANONYMOUS = Caller("anonymous", "public")


@dataclass(frozen=True, slots=True)
class ExactRead:
    """Exact places of sensitive things that an answer was made from: which layer, where (an area's code, a box or a key),
    and how many."""

    layer: str
    where: str
    n: int
