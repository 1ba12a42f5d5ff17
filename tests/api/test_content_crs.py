"""Geometries are taken in the CRS that Content-Crs names, and in no other."""

from __future__ import annotations

from typing import Any

import httpx
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api.conftest import Client, Make, area, record, records, store_of
from tests.api.test_crs import authority
from tests.api.test_edits import GEOJSON
from twin.api.crs import CRS84, DEFAULT, EPSG, KNOWN, URIS, Crs, content_crs, shape_to_degrees
from twin.errors import BadParameter
from twin.frames import geodesic_distance_m

named = pytest.mark.parametrize("crs", KNOWN, ids=[crs.uri.rpartition("/")[2] for crs in KNOWN])
NEW = (121.2987654, 31.0123456)
HOLED = shapely.Polygon(
    [(121.2, 31.0), (121.3, 31.0), (121.3, 31.1), (121.2, 31.1)],
    [[(121.24, 31.04), (121.24, 31.06), (121.26, 31.06), (121.26, 31.04)]],
)
WAY = shapely.LineString([(121.28, 31.01), (121.2834567, 31.0156789), (121.29, 31.02)])
ITEMS = {"chargers": "west", "roads": "way", "land_use": "field", "areas": "310112101"}


@pytest.fixture(scope="module")
def client(make: Make) -> Client:
    shapes = [record("roads", "way", WAY), record("land_use", "field", HOLED)]
    return make(store_of([*records(), area("310112103", "东镇", "town", HOLED), *shapes]))


def address(layer: str) -> str:
    return f"/collections/{layer}/items/{ITEMS[layer]}"


def coordinates(feature: dict[str, Any]) -> Any:
    return shapely.get_coordinates(shapely.from_geojson(httpx.Response(200, json=feature["geometry"]).text))


def send(client: Client, geometry: Any, content_crs: str | None = None, method: str = "PATCH", **more: Any) -> Any:
    headers = {**GEOJSON, **({} if content_crs is None else {"content-crs": content_crs})}
    body = {"type": "Feature", "properties": {}, "geometry": geometry, **more}
    if method == "POST":
        return client.post("/collections/chargers/items", json=body, headers=headers)
    return client.request(method, address("chargers"), json=body, headers=headers)


@named
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("layer", ITEMS)
def test_what_was_read_in_a_crs_can_be_written_back_in_it_to_a_centimetre(client, layer, method, crs):
    before, there = client.get(address(layer)).json(), client.get(address(layer), params={"crs": crs.uri})
    body = there.json()
    body["properties"]["name"] = f"{crs.uri} {method}"
    headers = {
        **GEOJSON,
        "content-crs": there.headers["content-crs"],
        "if-match": f'"v{before["properties"]["version"]}"',
    }
    answer = client.request(method, address(layer), json=body, headers=headers)
    assert (answer.status_code, answer.headers["content-crs"]) == (200, DEFAULT.header)
    after = client.get(address(layer)).json()
    assert after["properties"]["version"] > before["properties"]["version"]
    moved = geodesic_distance_m(coordinates(before), coordinates(after))
    assert moved.max() < 0.01
    again = client.get(address(layer), params={"crs": crs.uri}).json()
    assert abs(coordinates(again) - coordinates(there.json())).max() < (0.01 if crs.kind == "plane" else 1e-7)


@named
def test_a_new_place_is_where_proj_says(client, crs):
    first, second = pyproj.Transformer.from_crs("OGC:CRS84", authority(crs)).transform(*NEW)
    answer = send(client, {"type": "Point", "coordinates": [first, second]}, crs.header)
    assert answer.status_code == 200
    assert geodesic_distance_m(coordinates(answer.json()), [NEW]).max() < 0.01
    added = send(client, {"type": "Point", "coordinates": [first, second]}, crs.uri, "POST")
    assert added.status_code == 201
    assert geodesic_distance_m(coordinates(client.get(added.headers["location"]).json()), [NEW]).max() < 0.01


def test_without_the_header_it_is_longitude_and_latitude(client):
    answer = send(client, {"type": "Point", "coordinates": list(NEW)})
    assert (answer.json()["geometry"]["coordinates"], answer.headers["content-crs"]) == (list(NEW), f"<{CRS84}>")


@pytest.mark.parametrize("said", [f"<{EPSG}9999>", "EPSG:2335", "", "<>", f"<{EPSG}4326>, <{EPSG}4490>", "wgs84"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_crs_that_is_not_known_is_refused_with_those_that_are(client, method, said):
    before = client.get(address("chargers")).content
    answer = send(client, {"type": "Point", "coordinates": [121.3, 31.0]}, said, method)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["where"], error["column"]) == (400, "header", "Content-Crs")
    assert all(uri in error["message"] for uri in URIS)
    assert client.get(address("chargers")).content == before


@named
def test_coordinates_beyond_the_crs_are_refused_saying_the_order_of_its_axes(client, crs):
    before = client.get(address("chargers")).content
    north = crs.from_degrees(shapely.get_coordinates(shapely.Point(NEW)))[0].tolist()
    if crs.uri.endswith(("3857", "32651")):  # a pair turned round may lie elsewhere in the world, so far out is sent
        north = [n * 1e4 for n in north]
    answer = send(client, {"type": "Point", "coordinates": north[::-1]}, crs.header)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["where"], error["column"]) == (400, "body", "geometry")
    assert crs.uri in error["message"]
    assert ("northing, easting" in error["message"]) == crs.uri.endswith("4549")
    assert "--" not in answer.text
    assert client.get(address("chargers")).content == before


OLD = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4549"}}
OURS = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize("said", [OLD, "EPSG:4549", {"type": "link"}, 4326, {"properties": {"name": [1]}}])
def test_another_crs_in_the_body_is_refused(client, method, said):
    point = {"type": "Point", "coordinates": [121.3, 31.0]}
    for answer in (send(client, point, None, method, crs=said), send(client, {**point, "crs": said}, None, method)):
        (error,) = answer.json()["errors"]
        assert (answer.status_code, error["column"]) == (400, "crs")


def test_crs84_in_the_body_is_what_is_taken_but_not_beside_another_crs(client):
    point = {"type": "Point", "coordinates": [121.3, 31.0]}
    for said in (OURS, CRS84, None):
        assert send(client, point, None, crs=said).status_code == 200
    plane = {"type": "Point", "coordinates": [3442904.389, 633572.484]}
    assert send(client, plane, f"<{EPSG}4549>", crs=OURS).status_code == 400
    assert send(client, plane, f"<{EPSG}4549>").status_code == 200


def test_the_openapi_document_names_the_header(client):
    paths = client.get("/openapi.json").json()["paths"]
    for path, method in (
        ("/collections/{layer}/items", "post"),
        ("/collections/{layer}/items/{key}", "put"),
        ("/collections/{layer}/items/{key}", "patch"),
    ):
        (header,) = [p for p in paths[path][method]["parameters"] if p["name"] == "Content-Crs"]
        assert header["in"] == "header"
        assert not header.get("required")
        assert header["schema"]["enum"] == [crs.header for crs in KNOWN]


@settings(deadline=None)
@given(st.sampled_from(KNOWN), st.lists(st.tuples(st.floats(121, 122), st.floats(30.5, 31.5)), min_size=1, max_size=5))
def test_to_degrees_is_the_inverse_of_from_degrees(crs: Crs, lnglats: list[tuple[float, float]]) -> None:
    shape = shapely.MultiPoint(lnglats)
    back = shape_to_degrees(shapely.transform(shape, crs.from_degrees), crs)
    assert abs(shapely.get_coordinates(back) - shapely.get_coordinates(shape)).max() < 1e-9


def test_what_is_empty_has_no_coordinates_to_be_wrong() -> None:
    assert shape_to_degrees(shapely.Point(), KNOWN[3]).is_empty


@pytest.mark.parametrize(
    "lines", [[f"<{EPSG}4549>"], [f"{EPSG}4549"], ["<EPSG:4549>"], ["[EPSG:4549]"], [" EPSG:4549 "]]
)
def test_the_uri_stands_in_angle_brackets_or_alone(lines: list[str]) -> None:
    assert content_crs(lines).epsg == 4549


def test_two_lines_are_two_crs() -> None:
    with pytest.raises(BadParameter, match="Content-Crs"):
        content_crs([f"<{EPSG}4549>", f"<{EPSG}4549>"])
