"""The app: routers, the rim, problems. ``twin serve`` runs it; tests call ``create_app`` over a memory store."""

from __future__ import annotations

from fastapi import Depends, FastAPI

from twin import __version__
from twin.api import (
    coverage,
    docs,
    edits,
    features,
    health,
    imports,
    landing,
    map_page,
    problems,
    schema_files,
    tiles,
    what_if,
)
from twin.api.language import language
from twin.api.params import known_parameters_only
from twin.api.security import Rim
from twin.api.world import World
from twin.engine import Twin
from twin.settings import Settings

ROUTERS = (
    edits.router, imports.router, landing.router, features.router, tiles.router, coverage.router, what_if.router, schema_files.router, health.router, docs.router,
    map_page.router,
)  # fmt: skip


def create_app(twin: Twin, settings: Settings) -> FastAPI:
    """An app that serves a twin. Nothing is read or computed before the first request."""
    app = FastAPI(
        title="Hongqiao Twin",
        version=__version__,
        description="Plan clauses as executable, cited rules over the assets of Minhang and the Hongqiao business district.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(known_parameters_only), Depends(language)],
    )
    app.state.world = World(twin, settings)
    for router in ROUTERS:
        app.include_router(router)
    problems.install(app)
    app.openapi = lambda: docs.describe(app)  # type: ignore[method-assign]
    app.add_middleware(Rim)
    return app
