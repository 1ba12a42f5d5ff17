"""Who sees what: every outlet for every role, and attacks on what is withheld."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from math import cos, radians
from typing import Any

import httpx
import mapbox_vector_tile
import numpy as np
import pytest
import shapely
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI
from h3.api import basic_str as h3

from tests.api.conftest import NOW, area, record, store_of
from twin.access import ANONYMOUS, Caller
from twin.api.app import ROUTERS, create_app
from twin.api.mercator import unit_to_lnglat
from twin.engine import Twin
from twin.layers.coarse import public_count
from twin.readers.plan_file import read_plan
from twin.readers.raster import read_grid
from twin.settings import Settings

SOUTH_TOWN = shapely.box(121.27, 31.00, 121.31, 31.02)
NORTH_TOWN = shapely.box(121.27, 31.02, 121.31, 31.04)
RNG = np.random.default_rng(5)
SECRET = RNG.uniform((121.271, 31.001), (121.309, 31.039), (60, 2)).round(7)
"""Of cameras; further ones of 5G sites and sensors follow."""
SITES = RNG.uniform((121.271, 31.001), (121.309, 31.039), (12, 2)).round(7)
GAS = RNG.uniform((121.271, 31.001), (121.309, 31.039), (9, 2)).round(7)
ALL_SECRET = np.concatenate([SECRET, SITES, GAS])
CENTRES = np.array([h3.cell_to_latlng(h3.latlng_to_cell(lat, lng, 9))[::-1] for lng, lat in ALL_SECRET.tolist()])
FEW = 2_000
"""Among more figures than that one may equal a secret one by chance; pairs do not."""
CENTRE_FIGURES = set(CENTRES.round(7).ravel().tolist())
HARMLESS = (121.2954321, 31.0212345)


def rows() -> list[Any]:
    return [
        area("310112", "方区", "district", shapely.union(SOUTH_TOWN, NORTH_TOWN)),
        area("310112101", "南镇", "town", SOUTH_TOWN),
        area("310112102", "北镇", "town", NORTH_TOWN),
        area("small", "小片", "aoi", shapely.box(121.28, 31.01, 121.283, 31.013)),
        area("outer-ring", "外环内", "zone", shapely.box(121.29, 30.9, 121.6, 31.2)),
        *(record("cameras", f"cam-{i:02d}", tuple(p), access="own", azimuth_deg=float(i), name=f"路口 {p[0]}") for i, p in enumerate(SECRET.tolist())),
        *(record("radio_sites", f"site-{i}", tuple(p), site_kind="outdoor", operator="甲", mast="m") for i, p in enumerate(SITES.tolist())),
        *(record("sensors", f"gas-{i}", tuple(p), domain="gas", note=f"在 {p[1]} 处") for i, p in enumerate(GAS.tolist())),
        record("sensors", "air", HARMLESS, domain="environment"),
        record("chargers", "west", (121.28, 31.01), station_type="public", n_connectors=4),
    ]  # fmt: skip


class As:
    """Sets who asks, from a test's header."""

    def __init__(self, app: FastAPI, callers: dict[str, Caller]) -> None:
        self.app, self.callers, self.reads = app, callers, []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        scope = {**scope, "caller": self.callers[headers[b"x-as"].decode()], "exact_reads": []}
        await self.app(scope, receive, send)
        self.reads += scope["exact_reads"]


CALLERS = {
    "public": ANONYMOUS,
    "planner": Caller("p", "planner"),
    "south": Caller("s", "planner", ("310112101",)),
    "cleared": Caller("c", "cleared"),
    "cleared-south": Caller("cs", "cleared", ("310112101",)),
    "editor": Caller("e", "editor"),
    "admin": Caller("a", "admin"),
}
BELOW = ["public", "planner", "south"]


@pytest.fixture(scope="module")
def portal() -> Iterator[BlockingPortal]:
    with start_blocking_portal() as opened:
        yield opened


@pytest.fixture(scope="module")
def gate() -> As:
    settings = Settings()
    twin = Twin(store_of(rows()), read_plan(settings.plan), read_grid, lambda: NOW)
    return As(create_app(twin, settings), CALLERS)


class Asked:
    """A client that asks as somebody."""

    def __init__(self, portal: BlockingPortal, gate: As, name: str) -> None:
        self.portal, self.gate, self.name = portal, gate, name

    def __call__(self, path: str, method: str = "GET", **more: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.gate)
            async with httpx.AsyncClient(transport=transport, base_url="http://twin.test") as client:
                headers = {"x-as": self.name, **more.pop("headers", {})}
                return await client.request(method, path, headers=headers, **more)

        return self.portal.call(ask)


def asking(portal: BlockingPortal, gate: As, name: str) -> Asked:
    return Asked(portal, gate, name)


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


def tile_of(lng: float, lat: float, z: int) -> tuple[int, int]:
    y = (1 - np.arcsinh(np.tan(radians(lat))) / np.pi) / 2
    return int((lng / 360 + 0.5) * 2**z), int(y * 2**z)


def get_routes() -> list[str]:
    return sorted({route.path for router in ROUTERS for route in router.routes if "GET" in route.methods})


def leaked(answer: httpx.Response) -> list[str]:
    """What in an answer tells an exact place: its figures, its cell, its name, or a tile's coordinates."""
    found = []
    text = " ".join([answer.text, *(f"{k}: {v}" for k, v in answer.headers.items())])
    is_of_hexes = "/cells" in str(answer.url) or "/tiles/coverage" in str(answer.url)
    if not is_of_hexes and "mapbox-vector-tile" not in answer.headers.get("content-type", ""):
        numbers = np.array([float(n) for n in re.findall(r"-?\d+\.\d{3,}", text)] or [0.0])
        if len(numbers) < FEW:
            found += [f"{v!r}" for v in ALL_SECRET.ravel().tolist() if f"{v!r}" in text and v not in CENTRE_FIGURES]
        follows = np.column_stack([numbers[:-1], numbers[1:]])
        for pairs in (follows, follows[:, ::-1]):
            found += [f"{p}" for p in ALL_SECRET if len(pairs) and np.abs(pairs - p).max(axis=1).min() < 3e-6]
    cells = {h3.latlng_to_cell(lat, lng, r) for lng, lat in ALL_SECRET for r in (10, 11, 12)}
    if not is_of_hexes:
        found += [cell for cell in cells if cell in text]
    found += [f"cam {p[0]}" for p in SECRET if f"路口 {p[0]}" in text]
    return found


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
    ask, answered = asking(portal, gate, name), 0
    for template in get_routes():
        if template == "/events":  # an endless answer: tests/api/test_events.py looks at it
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
    exact = asking(portal, gate, "cleared")
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
    answer = asking(portal, gate, name)(path, method, json={}, headers={"accept-language": "zh"})
    assert answer.status_code == 403
    assert answer.json()["type"] == "urn:twin:problem:role"
    assert "编辑" in answer.json()["detail"]


# --- what a planner sees ---------------------------------------------------------------------------------------------


def test_a_planner_sees_each_camera_at_the_centre_of_its_cell(portal: BlockingPortal, gate: As) -> None:
    body = asking(portal, gate, "planner")("/collections/cameras/items?limit=100").json()
    assert body["numberMatched"] == len(SECRET)
    for feature in body["features"]:
        lng, lat = SECRET[int(feature["id"].removeprefix("cam-"))]
        cell = h3.latlng_to_cell(lat, lng, 9)
        there = h3.cell_to_latlng(cell)
        assert feature["geometry"]["coordinates"] == pytest.approx([there[1], there[0]], abs=1e-7)
        assert feature["properties"]["cell"] == cell
        assert feature["properties"]["azimuth_deg"] is None
        assert not feature["properties"]["name"]


def test_what_is_not_sensitive_stays_exact_in_the_same_layer(portal: BlockingPortal, gate: As) -> None:
    for name in BELOW:
        air = asking(portal, gate, name)("/collections/sensors/items/air").json()
        assert air["geometry"]["coordinates"] == list(HARMLESS)


def test_boxes_are_answered_by_the_centres(portal: BlockingPortal, gate: As) -> None:
    ask = asking(portal, gate, "planner")
    lng, lat = SECRET[7]
    assert (
        ask(f"/collections/cameras/items?bbox={lng - 1e-6},{lat - 1e-6},{lng + 1e-6},{lat + 1e-6}").json()[
            "numberMatched"
        ]
        == 0
    )
    centre = h3.cell_to_latlng(h3.latlng_to_cell(lat, lng, 9))
    near = ask(
        f"/collections/cameras/items?bbox={centre[1] - 1e-6},{centre[0] - 1e-6},{centre[1] + 1e-6},{centre[0] + 1e-6}"
    ).json()
    assert "cam-07" in [f["id"] for f in near["features"]]


def bisect(ask: Asked, where: str) -> tuple[float, float]:
    """The attack: halve a box by counts until nothing is left to halve."""
    west, south, east, north = 121.27, 31.0, 121.31, 31.04
    for _ in range(40):
        wide = east - west > north - south
        half = (west, south, (west + east) / 2, north) if wide else (west, south, east, (south + north) / 2)
        n = ask(where.format(",".join(map(repr, half)))).json()["numberMatched"]
        if wide:
            west, east = (west, half[2]) if n else (half[2], east)
        else:
            south, north = (south, half[3]) if n else (half[3], north)
    return (west + east) / 2, (south + north) / 2


@pytest.mark.parametrize("where", [
    "/collections/cameras/items?key=cam-07&limit=1&bbox={}",
    "/collections/cameras/items?limit=1&filter=key='cam-07' AND S_INTERSECTS(geometry,BBOX({}))",
])  # fmt: skip
def test_bisecting_by_counts_finds_the_centre_of_the_cell_and_no_more(
    portal: BlockingPortal, gate: As, where: str
) -> None:
    lng, lat = bisect(asking(portal, gate, "planner"), where)
    there = h3.cell_to_latlng(h3.latlng_to_cell(SECRET[7][1], SECRET[7][0], 9))
    assert (lng, lat) == pytest.approx((there[1], there[0]), abs=1e-6)
    exact = bisect(asking(portal, gate, "cleared"), where)
    assert exact == pytest.approx(tuple(SECRET[7]), abs=1e-6)


def test_distances_are_those_from_the_centres_and_bearings_are_not_given(portal: BlockingPortal, gate: As) -> None:
    lng, lat = SECRET[7]
    answer = asking(portal, gate, "planner")(f"/coverage/camera-density/at?lng={lng}&lat={lat}&nearest=50").json()
    centres = {h3.cell_to_latlng(h3.latlng_to_cell(b, a, 9)) for a, b in SECRET.tolist()}
    for near in answer["nearest"]:
        assert near["bearing_deg"] is None
        assert any(abs(near["lng"] - c[1]) + abs(near["lat"] - c[0]) < 1e-9 for c in centres)
    assert "coarse" in [label["id"] for label in answer["labels"]]


def test_a_drawn_polygon_is_taken_as_whole_cells(portal: BlockingPortal, gate: As) -> None:
    ask = asking(portal, gate, "planner")
    cell = h3.latlng_to_cell(SECRET[7][1], SECRET[7][0], 9)
    lat, lng = h3.cell_to_latlng(cell)

    def count(half: float) -> Any:
        polygon = shapely.geometry.mapping(shapely.box(lng - half, lat - half, lng + half, lat + half))
        return ask("/coverage/camera-count", "POST", json={"polygon": polygon}).json()["value"]

    assert count(1e-5) == count(3e-4) == sum(h3.latlng_to_cell(b, a, 9) == cell for a, b in SECRET.tolist())
    off = shapely.geometry.mapping(shapely.box(lng + 1e-4, lat + 1e-4, lng + 2e-4, lat + 2e-4))
    assert ask("/coverage/camera-count", "POST", json={"polygon": off}).status_code == 400


def test_fine_hexes_tell_of_the_centres_only(portal: BlockingPortal, gate: As) -> None:
    path = "/coverage/camera-density/cells?resolution=12&spatial_unit=cell"
    table = asking(portal, gate, "planner")(path).json()
    filled = {cell for cell, n in zip(table["cells"], table["n"], strict=True) if n}
    assert filled == {h3.latlng_to_cell(lat, lng, 12) for lng, lat in CENTRES[: len(SECRET)].tolist()}


def test_the_history_of_a_camera_is_coarse_too(portal: BlockingPortal, gate: As) -> None:
    answer = asking(portal, gate, "planner")("/collections/cameras/items/cam-07/versions")
    assert answer.status_code == 200
    assert leaked(answer) == []


# --- areas of a role -------------------------------------------------------------------------------------------------


def test_beyond_its_areas_a_role_is_public(portal: BlockingPortal, gate: As) -> None:
    for name in ("south", "cleared-south"):
        body = asking(portal, gate, name)("/collections/cameras/items?limit=100").json()
        keys = {f["id"] for f in body["features"]}
        inside = {f"cam-{i:02d}" for i, p in enumerate(SECRET) if 31.0 <= p[1] <= 31.02}
        towns = {key for key in keys if key.startswith("town:")}
        assert towns <= {"town:310112102", "town:310112101"}
        if name == "cleared-south":
            assert keys - towns == inside
    north = asking(portal, gate, "cleared-south")("/coverage/camera-density/gaps?area=310112102")
    assert north.status_code == 403
    assert asking(portal, gate, "cleared-south")("/coverage/camera-density/gaps?area=310112101").status_code == 200


def test_an_editor_edits_in_its_areas_only(portal: BlockingPortal) -> None:
    settings = Settings()
    twin = Twin(store_of(rows()), read_plan(settings.plan), read_grid, lambda: NOW)
    gate = As(create_app(twin, settings), {"south": Caller("s", "editor", ("310112101",))})
    ask = Asked(portal, gate, "south")

    def add(key: str, lng: float, lat: float) -> int:
        feature = {
            "type": "Feature",
            "properties": {"key": key},
            "geometry": {"type": "Point", "coordinates": [lng, lat]},
        }
        return ask("/collections/chargers/items", "POST", json=feature).status_code

    def move(key: str, lng: float, lat: float) -> int:
        patch = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [lng, lat]}}
        return ask(f"/collections/chargers/items/{key}", "PATCH", json=patch).status_code

    assert add("in", 121.29, 31.01) == 201
    assert add("out", 121.29, 31.03) == 403
    assert move("in", 121.3, 31.011) == 200
    assert move("in", 121.3, 31.03) == 403
    assert ask("/collections/cameras/items/cam-07?reason=x", "DELETE").status_code == (
        200 if SECRET[7][1] <= 31.02 else 403
    )


def test_beyond_its_areas_a_role_is_told_of_no_single_thing(portal: BlockingPortal, gate: As) -> None:
    foreign = [f"cam-{i:02d}" for i, p in enumerate(SECRET) if p[1] > 31.025]
    lng, lat = SECRET[int(foreign[0].removeprefix("cam-"))]
    for name in ("south", "cleared-south"):
        ask = asking(portal, gate, name)
        for rule in ("camera-density", "radio-coverage"):
            answer = ask(f"/coverage/{rule}/at?area=310112101&lng={lng}&lat={lat}&nearest=50").json()
            assert {near["key"] for near in answer["nearest"]} & {
                *foreign,
                *(f"site-{i}" for i, p in enumerate(SITES) if p[1] > 31.025),
            } == set()
            assert "cut" in [label["id"] for label in answer["labels"]]
        assert ask(f"/collections/cameras/items/{foreign[0]}/versions").status_code == 403


def test_areas_are_changed_by_administrators_only(portal: BlockingPortal) -> None:
    settings = Settings()
    twin = Twin(store_of(rows()), read_plan(settings.plan), read_grid, lambda: NOW)
    gate = As(create_app(twin, settings), CALLERS)
    patch = {"type": "Feature", "properties": {"level": "zone"}}
    for name, status in (("editor", 403), ("admin", 200)):
        assert (
            Asked(portal, gate, name)("/collections/areas/items/310112101", "PATCH", json=patch).status_code == status
        )
    sent = {"files": {"file": ("areas.geojson", b"{}")}, "data": {"layer": "areas"}}
    assert Asked(portal, gate, "editor")("/imports", "POST", **sent).status_code == 403


def test_what_has_become_sensitive_was_never_exact(portal: BlockingPortal) -> None:
    """A sensor of roads that is one of gas now: neither its past nor its history tells where it is."""
    settings, clock = Settings(), [NOW]
    made = [*rows(), record("sensors", "turned", (121.2812345, 31.0154321), domain="road")]
    twin = Twin(store_of(made), read_plan(settings.plan), read_grid, lambda: clock[0])
    gate = As(create_app(twin, settings), CALLERS)
    known = NOW.isoformat().replace("+00:00", "Z")
    clock[0] += timedelta(days=1)
    patch = {"type": "Feature", "properties": {"domain": "gas"}}
    assert Asked(portal, gate, "admin")("/collections/sensors/items/turned", "PATCH", json=patch).status_code == 200
    for name in BELOW:
        for path in (
            f"items?limit=100&known_at={known}",
            f"items/turned?known_at={known}",
            "items/turned/versions",
            "items?as_of=2025-06-01&limit=100",
        ):
            assert "31.0154321" not in Asked(portal, gate, name)(f"/collections/sensors/{path}").text


# --- what everybody sees ---------------------------------------------------------------------------------------------


def test_everybody_sees_counts_per_town(portal: BlockingPortal, gate: As) -> None:
    body = asking(portal, gate, "public")("/collections/cameras/items?limit=100").json()
    counts = {f["id"]: f["properties"]["n_devices"] for f in body["features"]}
    centres = np.array([h3.cell_to_latlng(h3.latlng_to_cell(lat, lng, 9)) for lng, lat in SECRET.tolist()])
    for key, town in (("town:310112101", SOUTH_TOWN), ("town:310112102", NORTH_TOWN)):
        n = sum(bool(town.intersects(shapely.Point(lng, lat))) for lat, lng in centres)
        assert counts[key] == public_count(n)


@pytest.mark.parametrize("path", ["cells", "gaps", "readings", "at?lng=121.28&lat=31.01", "areas?level=aoi"])
def test_everybody_sees_rules_about_cameras_for_districts_and_towns_only(
    portal: BlockingPortal, gate: As, path: str
) -> None:
    ask = asking(portal, gate, "public")
    assert ask(f"/coverage/camera-density/{path}").status_code == 403
    assert ask(f"/coverage/charger-service/{path}").status_code == 200
    assert ask("/coverage/camera-density?area=small").status_code == 403
    assert ask("/coverage/camera-density?area=310112101").status_code == 200
    assert ask("/coverage/camera-count?access=own").status_code in (400, 403)


def test_counts_for_everybody_are_rounded_wherever_they_stand(portal: BlockingPortal, gate: As) -> None:
    body = asking(portal, gate, "public")("/coverage/camera-count").json()
    assert body["value"] == public_count(len(SECRET))
    assert body["rounded"] is True
    rows = asking(portal, gate, "public")("/coverage/camera-count/areas").json()["rows"]
    assert all(row["value"] is None or row["value"] % 3 == 0 for row in rows)


def test_everybody_is_told_no_quality_of_what_is_counted(portal: BlockingPortal, gate: As) -> None:
    for name, told in (("public", False), ("south", False), ("planner", True)):
        body = asking(portal, gate, name)("/collections/cameras").json()
        assert (body["quality"] is not None) is told


def test_a_share_for_everybody_is_no_count(portal: BlockingPortal, gate: As) -> None:
    exact = asking(portal, gate, "planner")("/coverage/lifecycle?area=310112").json()
    assert exact["value"] == 1.0
    body = asking(portal, gate, "public")("/coverage/lifecycle?area=310112").json()
    assert (body["value"], body["met"], body["facts"]) == (1.0, exact["met"], {})


def test_a_share_of_few_things_is_not_told_to_everybody(portal: BlockingPortal) -> None:
    settings = Settings()
    few = [r for r in rows() if r.layer != "radio_sites" or r.key in ("site-0", "site-1")]
    twin = Twin(store_of(few), read_plan(settings.plan), read_grid, lambda: NOW)
    gate = As(create_app(twin, settings), CALLERS)
    assert Asked(portal, gate, "public")("/coverage/radio-coverage").json()["value"] is None
    assert Asked(portal, gate, "planner")("/coverage/radio-coverage").json()["value"] is not None


def test_counts_of_a_town_have_an_etag_of_their_bytes(portal: BlockingPortal) -> None:
    settings = Settings()
    twin = Twin(store_of(rows()), read_plan(settings.plan), read_grid, lambda: NOW)
    gate = As(create_app(twin, settings), CALLERS)
    path = "/collections/cameras/items/town:310112101"
    before = Asked(portal, gate, "public")(path).headers["etag"]
    for i in range(4):
        sent = {
            "type": "Feature",
            "properties": {"key": f"new-{i}"},
            "geometry": {"type": "Point", "coordinates": [121.28, 31.01]},
        }
        assert Asked(portal, gate, "admin")("/collections/cameras/items", "POST", json=sent).status_code == 201
    after = Asked(portal, gate, "public")(path, headers={"if-none-match": before})
    assert (after.status_code, after.headers["etag"] == before) == (200, False)


def test_a_difference_of_two_counts_does_not_give_away_a_small_one() -> None:
    for small in (1, 2):
        for n in range(60):
            differences = {(public_count(n + k) or 0) - (public_count(n) or 0) for k in range(6)}
            told = (public_count(n + small) or 0) - (public_count(n) or 0)
            same = [k for k in range(6) if (public_count(n + k) or 0) - (public_count(n) or 0) == told]
            assert len(same) > 1, (n, small, differences)


# --- the audit -------------------------------------------------------------------------------------------------------


def test_a_role_with_areas_reads_exactly_only_with_a_note(portal: BlockingPortal, gate: As) -> None:
    ask = asking(portal, gate, "cleared-south")
    for path in (
        "at?lng=121.28&lat=31.01&area=310112101",
        "gaps?area=310112101",
        "cells?area=310112101",
        "readings?area=310112101",
    ):
        gate.reads.clear()
        assert ask(f"/coverage/camera-density/{path}").status_code == 200
        assert [read.layer for read in gate.reads] == ["cameras"], path


def test_an_editor_reads_what_it_edits(portal: BlockingPortal, gate: As) -> None:
    gate.reads.clear()
    assert (
        asking(portal, gate, "editor")(
            "/collections/cameras/items/cam-07", "PATCH", json={"type": "Feature"}
        ).status_code
        == 200
    )
    assert [(read.layer, read.where) for read in gate.reads] == [("cameras", "cam-07")]


@pytest.mark.parametrize("path", [
    "/collections/cameras/items?limit=5", "/collections/cameras/items/cam-07", "/collections/cameras/items/cam-07/versions",
    "/coverage/camera-density/gaps", "/coverage/camera-density/cells", "/coverage/camera-density/at?lng=121.28&lat=31.01",
])  # fmt: skip
def test_exact_reads_are_noted_and_coarse_ones_are_not(portal: BlockingPortal, gate: As, path: str) -> None:
    gate.reads.clear()
    asking(portal, gate, "planner")(path)
    asking(portal, gate, "public")(path)
    assert gate.reads == []
    assert asking(portal, gate, "cleared")(path).status_code == 200
    assert [read.layer for read in gate.reads] == ["cameras"]
    assert gate.reads[0].n >= 1


def test_an_exact_tile_is_noted_with_how_many_it_holds(portal: BlockingPortal, gate: As) -> None:
    x, y = tile_of(*SECRET[7], 16)
    for _ in range(2):
        gate.reads.clear()
        assert asking(portal, gate, "cleared")(f"/tiles/cameras/16/{x}/{y}.geojson").status_code == 200
        assert [(read.layer, read.n >= 1, read.n < 30) for read in gate.reads] == [("cameras", True, True)]
