"""A tiny app behind the identity layer, over an access store in memory, with a clock that tests turn."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from anyio.from_thread import BlockingPortal
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse

from tests.api.conftest import InProcess
from twin.access import Caller, ExactRead, Role
from twin.api import problems, session
from twin.api.identity import Identity
from twin.api.security import Rim
from twin.identity import Access, Key, Tokens, minted
from twin.store.access import SqliteAccess

START = datetime(2026, 3, 1, 4, tzinfo=UTC)
EXACT = b"121.456789 31.123456"
HERE = "http://127.0.0.1:8000"


@dataclass
class Clock:
    now: datetime = START
    seconds: float = 0.0

    def pass_(self, **time: float) -> None:
        """Let time pass, for the clock on the wall and for the one that only ticks."""
        self.now += timedelta(**time)
        self.seconds += timedelta(**time).total_seconds()


@dataclass
class Guarded:
    """What a test holds: the store, the clock, and clients of as many workers as it makes."""

    portal: BlockingPortal
    store: SqliteAccess = field(default_factory=lambda: SqliteAccess(None))
    clock: Clock = field(default_factory=Clock)

    def access(self, tokens: Tokens | None = None, *, told_open: bool = False) -> Access:
        return Access(self.store, lambda: self.clock.now, tokens, told_open=told_open, ticks=lambda: self.clock.seconds)

    def app(self, access: Access | None) -> FastAPI:
        app = FastAPI()
        app.state.access = access
        app.include_router(session.router)
        app.add_api_route("/who", who, methods=["GET", "POST", "DELETE"])
        app.add_api_route("/exact", exact)
        app.add_api_route("/stream", stream)
        problems.install(app)
        if access is not None:
            app.add_middleware(Identity, access=access)
        app.add_middleware(Rim)
        return app

    def client(self, access: Access | None = None, *, address: str = HERE, app: FastAPI | None = None) -> httpx.Client:
        """Of a worker."""
        made = app or self.app(access or self.access())
        return httpx.Client(transport=InProcess(made, self.portal), base_url=address)

    def key(self, role: Role = "planner", **more: Any) -> str:
        """Make a key: its text. Known to every worker half a second later."""
        key_id, text, kept = minted()
        told = {"name": "张三", "areas": (), "purpose": "", "created_at": self.clock.now, "created_by": "test", **more}
        self.store.add_key(Key(id=key_id, role=role, hash=kept, **told))
        self.clock.pass_(seconds=0.5)
        return text

    def revoke(self, text: str) -> None:
        self.store.revoke(text.split("_")[1], self.clock.now)


async def who(request: Request) -> dict[str, Any]:
    caller: Caller = request.scope["caller"]
    return {
        "id": caller.id,
        "role": caller.role,
        "areas": caller.areas,
        "purpose": caller.purpose,
        "open": caller.is_open,
    }


def exact(request: Request, n: int = 3) -> Response:
    if n:
        request.scope["exact_reads"].append(ExactRead("cameras", "310112", n))
    return Response(EXACT)


async def stream(request: Request) -> Response:
    """Reads some before it begins, and more in the middle."""

    async def parts() -> AsyncIterator[bytes]:
        yield EXACT
        request.scope["exact_reads"].append(ExactRead("sensors", "later", 1))
        yield b"second"

    request.scope["exact_reads"].append(ExactRead("cameras", "first", 2))
    return StreamingResponse(parts())


def bearer(text: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"}
