"""The app: routers, the rim, problems. ``twin serve`` runs it; tests call ``create_app`` over a memory store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from starlette.concurrency import run_in_threadpool

from twin import __version__
from twin.api import (
    bulk,
    coverage,
    docs,
    edits,
    events,
    features,
    health,
    imports,
    landing,
    map_page,
    problems,
    schema_files,
    session,
    styles,
    tiles,
    tilesets,
    what_if,
)
from twin.api.allowed import check_allowed
from twin.api.feed import Feed
from twin.api.gdal_filter import PlusOfGdal
from twin.api.identity import Identity
from twin.api.language import language
from twin.api.manners import surround
from twin.api.params import known_parameters_only
from twin.api.quick_items import QuickItems
from twin.api.quick_tiles import QuickTiles
from twin.api.world import World
from twin.engine import Twin
from twin.identity import Access
from twin.settings import Settings

ROUTERS = (
    edits.router, imports.router, landing.router, features.router, tiles.router, coverage.router, what_if.router, schema_files.router, health.router, docs.router,
    map_page.router, session.router, tilesets.router, styles.router, bulk.router, events.router,
)  # fmt: skip


@asynccontextmanager
async def following(app: FastAPI) -> AsyncIterator[None]:
    """While the app is served, the present snapshot is kept up to date."""
    follower, access = app.state.world.follower, app.state.access
    follower.start()
    try:
        yield
    finally:
        await run_in_threadpool(follower.stop)
        if access is not None:
            await run_in_threadpool(access.close)


def create_app(twin: Twin, settings: Settings, access: Access | None = None) -> FastAPI:
    """An app that serves a twin. Nothing is read or computed before the first request. Without ``access`` nobody is asked who he is."""
    app = FastAPI(
        title="Hongqiao Twin",
        version=__version__,
        description="Plan clauses as executable, cited rules over the assets of Minhang and the Hongqiao business district.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(check_allowed), Depends(known_parameters_only), Depends(language)],
        lifespan=following,
    )
    if access is not None:
        twin.secret = access.store.secret()
    app.state.world = World(twin, settings)
    app.state.access = access
    app.state.feed = Feed(twin, app.state.world.follower.listen)
    app.state.drain = app.state.feed.close
    app.state.bulk = bulk.BulkFiles()
    for router in ROUTERS:
        app.include_router(router)
    problems.install(app)
    app.openapi = lambda: docs.describe(app)  # type: ignore[method-assign]
    app.add_middleware(PlusOfGdal)
    app.add_middleware(QuickItems)
    app.add_middleware(QuickTiles)
    surround(app, settings, (lambda inner: Identity(inner, access)) if access is not None else None)
    return app
