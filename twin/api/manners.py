"""The layers around the app in their order, outermost first: rim, other origins, limits, sign-in, rates."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from math import nan

from fastapi import FastAPI
from starlette.datastructures import State
from starlette.types import ASGIApp

from twin.api.connections import Patient, unread_bytes
from twin.api.items_query import state_text
from twin.api.limits import Limits
from twin.api.logs import RequestLog
from twin.api.metrics import Metrics, process_metrics
from twin.api.proxies import Proxies
from twin.api.rates import Rates
from twin.api.security import Rim, Watcher, across_origins, origins_of
from twin.api.world import NOW, World
from twin.errors import TwinError
from twin.settings import Settings

Layer = Callable[[ASGIApp], ASGIApp]


def surround(app: FastAPI, settings: Settings, signed_in: Layer | None = None) -> Metrics:
    """Put the layers around an app; ``signed_in`` makes the one that says who asks. The figures: ``app.state.metrics``.

    Raises:
        BadParameter: the setting of proxies or of the prefix means nothing.
    """
    metrics = app.state.metrics = Metrics()
    proxies, origins = Proxies(settings.trusted_proxies, settings.root_path), origins_of(settings.cors_origins)

    def layers(inner: ASGIApp) -> ASGIApp:
        limited = Rates(inner, settings, metrics.refuse)
        limits = Limits(
            signed_in(limited) if signed_in else limited, settings, metrics.refuse, partial(is_present, app.state)
        )
        watch(metrics, limits)
        watch_world(metrics, app.state)
        watchers: list[Watcher] = [metrics, limits.note]
        if settings.log != "off":
            watchers.append(RequestLog(settings.log))
        return Rim(across_origins(limits, origins) if origins else limits, proxies, origins, watchers)

    app.add_middleware(layers)
    return metrics


def watch(metrics: Metrics, limits: Limits) -> None:
    """What the layers themselves tell."""
    process_metrics(metrics)
    metrics.watch("requests_in_flight", "requests being answered", lambda: limits.in_flight)
    for name, lane in limits.lanes.items():
        metrics.watch(f"{name}_waiting", f"requests that wait for a slot of {name}", lambda lane=lane: lane.waiting)  # type: ignore[misc]
    metrics.watch("unread_answers", "connections that do not read their answer", lambda: len(Patient.unread))
    metrics.watch("unread_bytes", "bytes of answers that wait to be read", lambda: unread_bytes(dict(Patient.unread)))


def watch_world(metrics: Metrics, state: State) -> None:
    """What is served. An app may have no world: then nothing of it is told."""
    world = getattr(state, "world", None)
    if not isinstance(world, World):
        return
    metrics.watch("head", "number of the last transaction that is served", lambda: served_head(world))
    metrics.watch("store_failed", "1 while the store cannot be read", lambda: float(world.twin.failure is not None))
    metrics.watch("tiles_asked", "tiles asked of the cache", lambda: world.tiles.n_asked)
    metrics.watch("tiles_found", "tiles that the cache had", lambda: world.tiles.n_found)
    metrics.watch("tiles_bytes", "bytes of the tiles kept", lambda: world.tiles.n_bytes)
    metrics.watch(
        "event_listeners", "listeners to events", lambda: getattr(getattr(state, "feed", None), "n_listeners", 0)
    )


def is_present(state: State, text: str) -> bool:
    """Whether the ``state`` of a page is what holds now, as far as can be said without asking the store."""
    world = getattr(state, "world", None)
    if not isinstance(world, World) or not world.twin.followed:
        return False
    with suppress(TwinError):
        snapshot = world.whole(NOW)
        return text == state_text(snapshot.tx, snapshot.as_of)
    return False


def served_head(world: World) -> float:
    """The last transaction that answers are made of; NaN until the store has been read, and while it cannot be."""
    if world.follower.has_looked.is_set():
        with suppress(TwinError):
            return float(world.twin.present().head)
    return nan
