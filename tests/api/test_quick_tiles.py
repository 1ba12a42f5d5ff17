"""Tiles answered before routing: as their routes answer, or left to them."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import Response
from fastapi.routing import APIRoute

from tests.api.conftest import (
    Client,
    InProcess,
    Make,
    record,
    records,
    store_of,
)
from tests.api.tiling import app_of, scattered
from twin.access import Caller, ExactRead
from twin.api import tiles
from twin.api.quick_tiles import LEAST_ROLES, QuickTiles
from twin.api.replies import GEOJSON, MVT
from twin.api.tiles import QUICK_ROWS, is_quick, make_tile
from twin.api.world import View
from twin.layers import LAYERS
from twin.model import Edit


class Quick:
    """A followed world's app behind ``QuickTiles`` alone: what that leaves to the routes is 418."""

    def __init__(self, client: Client, caller: Caller | None = None) -> None:
        self.app, self.caller, self.scope = app_of(client), caller, {}
        self.app.state.world.twin.followed = True
        portal = client._transport._portal  # type: ignore[attr-defined]
        self.client = Client(transport=InProcess(self.asgi, portal), base_url="http://twin.test")

    async def asgi(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope
        scope |= {"app": self.app} | ({"caller": self.caller} if self.caller else {})
        await QuickTiles(Response(status_code=418))(scope, receive, send)


CAMERAS, OGC_CAMERAS = "/tiles/cameras/13/6855/3352", "/collections/cameras/tiles/WebMercatorQuad/13/3352/6855"


@pytest.mark.parametrize(
    "url",
    [f"{CAMERAS}.mvt", f"{CAMERAS}.geojson", OGC_CAMERAS, f"{OGC_CAMERAS}?f=geojson", f"{OGC_CAMERAS}?f=mvt",
     "/tiles/cameras/10/0/0.mvt", "/tiles/cameras/10/0/0.geojson", "/tiles/areas/12/3428/1676.mvt"],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_a_tile_is_answered_before_routing_as_its_route_answers(make: Make, url: str, encoding: str) -> None:
    quick, routed = Quick(make(store_of(records()))).client, make(store_of(records()))
    for etag in ("", routed.get(url, headers={"accept-encoding": encoding}).headers["etag"]):
        headers = {"accept-encoding": encoding, "if-none-match": etag}
        expected = routed.get(url, headers=headers)
        for _ in ("made", "kept"):
            found = quick.get(url, headers=headers)
            assert (found.status_code, found.content) == (expected.status_code, expected.content)
            names = ("etag", "content-encoding", "content-type", "cache-control", "content-length", "vary")
            assert {n: found.headers.get(n) for n in names} == {n: expected.headers.get(n) for n in names}


@pytest.mark.parametrize("accept", ["*/*", GEOJSON, MVT, f"{MVT};q=0.1, {GEOJSON};q=0.2", "text/html"])
@pytest.mark.parametrize("url", [OGC_CAMERAS, f"{OGC_CAMERAS}?f=mvt", f"{CAMERAS}.mvt"])
def test_a_form_that_accept_names_is_answered_as_the_route_answers_it(make: Make, url: str, accept: str) -> None:
    quick, routed = Quick(make(store_of(records()))).client, make(store_of(records()))
    found, expected = (each.get(url, headers={"accept": accept}) for each in (quick, routed))
    assert (found.status_code, found.content) == (200, expected.content)
    names = ("etag", "content-type", "vary")
    assert {n: found.headers[n] for n in names} == {n: expected.headers[n] for n in names}
    is_geojson = url == OGC_CAMERAS and GEOJSON in accept
    assert found.headers["content-type"] == (GEOJSON if is_geojson else MVT)


@pytest.mark.parametrize(
    "url",
    [f"{CAMERAS}.mvt?as_of=2025-01-01", f"{CAMERAS}.mvt?colour=red", f"{OGC_CAMERAS}?f=png", "/tiles/ufos/1/0/0.mvt",
     "/tiles/cameras/013/6855/3352.mvt", "/tiles/cameras/3/8/0.mvt", "/tiles/cameras/40/0/0.mvt",
     "/tiles/coverage/camera-count/8/0/0.mvt", f"{CAMERAS}.png", "/collections/cameras/items"],
)  # fmt: skip
def test_whatever_else_is_left_to_the_routes(make: Make, url: str) -> None:
    assert Quick(make(store_of(records()))).client.get(url).status_code == 418


def test_only_tiles_of_few_points_are_made_without_a_thread(make: Make) -> None:
    client = make(store_of(scattered("cameras", 2100)))
    view = View(app_of(client).state.world, {})
    snapshot, cameras = view.snapshot(), LAYERS["cameras"]
    many, few = (13, 6856, 3352), (16, 54852, 26818)
    assert not is_quick(view, snapshot, cameras, few, "mvt"), "the columns have yet to be made"
    sizes = [make_tile(view, snapshot, cameras, tile, "mvt").n for tile in (few, many, (4, 13, 6))]
    assert 0 < sizes[0] < QUICK_ROWS
    assert [is_quick(view, snapshot, cameras, tile, "mvt") for tile in (few, (4, 13, 6))] == [True, True]
    assert not is_quick(view, snapshot, cameras, few, "geojson")
    assert not is_quick(view, snapshot, LAYERS["areas"], few, "mvt")
    crowded = make(store_of([record("cameras", f"c{i}", (121.29, 31.02)) for i in range(QUICK_ROWS + 1)]))
    view = View(app_of(crowded).state.world, {})
    snapshot = view.snapshot()
    assert make_tile(view, snapshot, cameras, many, "mvt").n == QUICK_ROWS + 1
    assert not is_quick(view, snapshot, cameras, many, "mvt")


def test_where_the_store_would_have_to_be_asked_tiles_are_left_to_the_routes(make: Make) -> None:
    quick = Quick(make(store_of(records())))
    quick.app.state.world.twin.followed = False
    assert quick.client.get(f"{CAMERAS}.mvt").status_code == 418


def test_tiles_answered_before_routing_are_logged_and_allowed_as_their_routes(make: Make) -> None:
    assert set(LEAST_ROLES) <= {route.path for route in tiles.router.routes if isinstance(route, APIRoute)}
    quick = Quick(make(store_of(records())))
    quick.client.get(OGC_CAMERAS)
    assert quick.scope["route_template"] in LEAST_ROLES


def test_a_tile_is_told_to_the_audit_each_time(make: Make) -> None:
    quick = Quick(make(store_of(records())), Caller("key-1", "cleared"))
    for _ in ("made", "kept"):
        n = len(quick.client.get(f"{CAMERAS}.geojson").json()["features"])
        assert n > 0
        assert quick.scope["exact_reads"] == [ExactRead("cameras", "tile 13/6855/3352", n)]


def test_one_who_may_see_less_gets_another_tile(make: Make) -> None:
    client = make(store_of(records()))
    exact = Quick(client).client.get(f"{CAMERAS}.geojson").content
    for role in ("public", "planner"):
        quick = Quick(client, Caller("key-1", role))
        assert quick.client.get(f"{CAMERAS}.geojson").status_code == 418, "what that role sees has yet to be made"
        _ = View(quick.app.state.world, quick.scope).snapshot()
        assert exact != quick.client.get(f"{CAMERAS}.geojson").content


def test_after_an_edit_a_new_tile_is_answered(make: Make) -> None:
    quick = Quick(make(store_of(records())))
    before = quick.client.get(f"{CAMERAS}.geojson")
    moved = record("cameras", before.json()["features"][0]["id"], (121.9, 31.9), access="own")
    quick.app.state.world.twin.commit([Edit("change", moved, 1)], author="test", reason="moved")
    after = quick.client.get(f"{CAMERAS}.geojson", headers={"if-none-match": before.headers["etag"]})
    assert after.status_code == 200
    assert len(after.json()["features"]) == len(before.json()["features"]) - 1
