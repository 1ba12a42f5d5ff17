"""Whether the server lives and whether it can answer."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from twin.api.metrics import MEDIA_TYPE, Metrics
from twin.api.replies import json_reply
from twin.api.world import Served

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def alive(request: Request) -> Response:
    return json_reply(request, {"status": "alive"})


@router.get("/readyz")
def ready(request: Request, world: Served) -> Response:
    """503 while the store cannot be read."""
    return json_reply(request, {"status": "ready", "tx": world.twin.store.head()})


@router.get("/metrics", include_in_schema=False)
def figures(request: Request) -> Response:
    """Figures for Prometheus."""
    metrics = request.app.state.metrics
    assert isinstance(metrics, Metrics)
    return Response(metrics.exposition(), headers={"cache-control": "no-store"}, media_type=MEDIA_TYPE)
