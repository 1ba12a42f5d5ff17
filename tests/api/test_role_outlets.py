"""Every outlet for every role: no route tells an exact place below cleared, and none lets the wrong ones write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import cos, radians

import httpx
import mapbox_vector_tile
import numpy as np
import pytest
from anyio.from_thread import BlockingPortal

from tests.api.withheld import ALL_SECRET, BELOW, CENTRES, GAS, HARMLESS, SECRET, SITES, As, Asked, leaked, tile_of
from twin.api.app import ROUTERS
from twin.api.mercator import unit_to_lnglat

FILL = {
    "layer": ["cameras", "radio_sites", "sensors"],
    "rule": ["camera-density", "camera-count", "radio-coverage", "radio-site-count", "sensor-count", "lifecycle"],
    "key": ["cam-07", "site-3", "gas-2"],
    "z": ["8", "13", "16"],
    "ending": ["mvt", "geojson", "fgb", "parquet"],
    "name": ["start.js"], "release": ["x"], "number": ["0" * 16], "file": ["cover.json"], "id": ["cameras"], "style": ["cameras"],
    "tms": ["WebMercatorQuad"], "tileMatrixSetId": ["WebMercatorQuad"],
}  # fmt: skip
POINTS = [SECRET[7], SITES[3], GAS[2]]


def addresses(template: str) -> Iterator[str]:
    """A route's path filled in every way that makes sense for what is secret."""
    names = re.findall(r"{(\w+)(?::path)?}", template)
    if {"z", "x", "y"} <= set(names):
        for z in (8, 13, 16):
            for lng, lat in POINTS:
                x, y = tile_of(lng, lat, z)
                yield from _filled(template, {"z": [str(z)], "x": [str(x)], "y": [str(y)]})
    else:
        yield from _filled(template, {})


def _filled(template: str, given: dict[str, list[str]]) -> Iterator[str]:
    paths = [re.sub(r":path}", "}", template)]
    for name in re.findall(r"{(\w+)}", paths[0]):
        paths = [p.replace("{" + name + "}", v) for p in paths for v in given.get(name, FILL.get(name, [f"no-{name}"]))]
    for path in paths:
        yield path
        if path.endswith("/items"):
            yield f"{path}?limit=10000"
            yield f"{path}?limit=100&f=html"
            yield f"{path}?limit=100&crs=http://www.opengis.net/def/crs/EPSG/0/4490"
        if "/at" in path:
            for lng, lat in POINTS:
                yield f"{path}?lng={lng + 0.0004}&lat={lat - 0.0003}&nearest=50"
        if path.endswith("/cells"):
            yield f"{path}?resolution=10&f=geojson&area=310112101"
            yield f"{path}?f=arrow"
        if path.endswith(("/gaps", "/readings", "/areas")):
            yield f"{path}?area=310112101"
            yield f"{path}?area=small"


def get_routes() -> list[str]:
    return sorted({route.path for router in ROUTERS for route in router.routes if "GET" in route.methods})


def binary_places(answer: httpx.Response) -> np.ndarray:
    """Longitudes and latitudes in a vector tile."""
    z, rest = re.search(r"/(\d+)/(\d+/\d+)", str(answer.url)).groups()
    a, b = map(int, rest.split("/"))
    x, y = (b, a) if "WebMercatorQuad" in str(answer.url) else (a, b)
    out = []
    for layer in mapbox_vector_tile.decode(answer.content, default_options={"y_coord_down": True}).values():
        for feature in layer["features"]:
            if feature["geometry"]["type"] == "Point" and "point_count" not in feature["properties"]:
                out += [feature["geometry"]["coordinates"]]
    if not out:
        return np.zeros((0, 2))
    return unit_to_lnglat((np.array(out, float) / 4096 + (x, y)) / 2 ** int(z))


@pytest.mark.parametrize("name", BELOW)
def test_no_route_tells_an_exact_place_below_cleared(portal: BlockingPortal, gate: As, name: str) -> None:
    ask, answered = Asked(portal, gate, name), 0
    for template in get_routes():
        if template == "/events":  # an endless answer: tests/api/test_event_sight.py looks at it
            continue
        for path in addresses(template):
            answer = ask(path)
            assert answer.status_code < 500, path
            assert leaked(answer) == [], path
            answered += answer.status_code == 200
            if answer.status_code == 200 and "mapbox-vector-tile" in answer.headers.get("content-type", ""):
                for lng, lat in binary_places(answer):
                    metres = np.hypot((CENTRES[:, 0] - lng) * cos(radians(31)), CENTRES[:, 1] - lat) * 111_000
                    near = np.hypot((ALL_SECRET[:, 0] - lng) * cos(radians(31)), ALL_SECRET[:, 1] - lat) * 111_000
                    assert (
                        metres.min() < 10 or near.min() > 25 or np.hypot(lng - HARMLESS[0], lat - HARMLESS[1]) < 1e-4
                    ), path
    assert answered > 60


def test_the_walk_would_notice_a_leak(portal: BlockingPortal, gate: As) -> None:
    exact = Asked(portal, gate, "cleared")
    for path in (
        "/collections/cameras/items?limit=100",
        "/collections/cameras/items/cam-07",
        "/collections/radio_sites/items/site-3",
    ):
        assert leaked(exact(path)), path
    x, y = tile_of(*SECRET[7], 16)
    tile = exact(f"/tiles/cameras/16/{x}/{y}.mvt")
    assert np.abs(binary_places(tile) - SECRET[7]).max(axis=1).min() < 1e-5


def test_a_route_that_nobody_thought_of_is_for_admins() -> None:
    from twin.api.allowed import least_role

    assert least_role("GET", "/something/new") == "admin"
    assert least_role("POST", "/collections") == "admin"
    assert least_role("HEAD", "/collections") == "public"


WRITES = [
    ("POST", "/collections/chargers/items"), ("PUT", "/collections/chargers/items/west"), ("PATCH", "/collections/chargers/items/west"),
    ("DELETE", "/collections/chargers/items/west?reason=x"), ("POST", "/imports"), ("GET", "/imports"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize("name", ["public", "planner", "cleared"])
def test_edits_and_imports_are_for_editors(portal: BlockingPortal, gate: As, name: str, method: str, path: str) -> None:
    answer = Asked(portal, gate, name)(path, method, json={}, headers={"accept-language": "zh"})
    assert answer.status_code == 403
    assert answer.json()["type"] == "urn:twin:problem:role"
    assert "编辑" in answer.json()["detail"]
