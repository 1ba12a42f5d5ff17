"""Tiles by address: caches are told the truth, impossible tiles are refused with the range."""

from __future__ import annotations

import numpy as np
import pytest

from tests.api.conftest import (
    BORN,
    Client,
    Make,
    record,
    records,
    store_of,
)
from tests.api.tiling import tiles_over
from twin.api.mercator import check_tile, lnglat_to_unit
from twin.errors import BadParameter
from twin.model import Edit


@pytest.mark.parametrize("ending", ["mvt", "geojson"])
def test_a_tile_has_a_strong_etag_and_is_not_sent_twice(client: Client, ending: str) -> None:
    url = f"/tiles/cameras/13/6855/3352.{ending}"
    plain = client.get(url, headers={"accept-encoding": "identity"})
    packed = client.get(url, headers={"accept-encoding": "gzip"})
    assert plain.status_code == packed.status_code == 200
    assert plain.content == packed.content
    assert (plain.headers.get("content-encoding"), packed.headers["content-encoding"]) == (None, "gzip")
    assert plain.headers["etag"].startswith('"')
    assert plain.headers["etag"] != packed.headers["etag"], "another representation has another strong ETag"
    for etag in (plain.headers["etag"], packed.headers["etag"], f'"other", {plain.headers["etag"]}'):
        again = client.get(url, headers={"if-none-match": etag})
        assert (again.status_code, again.content) == (304, b"")
        assert "etag" in again.headers
    assert client.get(url, headers={"if-none-match": '"other"'}).status_code == 200


def test_the_same_tile_has_the_same_etag_after_an_edit_elsewhere(client: Client, make: Make) -> None:
    other = make(store_of([*records(), record("cameras", "far", (121.9, 31.5))]))
    url = "/tiles/cameras/14/13711/6705.geojson"
    assert client.get(url).json()["features"]
    assert client.get(url).headers["etag"] == other.get(url).headers["etag"]


def test_an_empty_tile_is_204_or_an_empty_collection(client: Client) -> None:
    for path in ("/tiles/cameras/10/0/0", "/tiles/areas/10/0/0", "/tiles/coverage/charger-service/10/0/0"):
        assert client.get(f"{path}.mvt").status_code == 204, path
        assert client.get(f"{path}.mvt").content == b""
        answer = client.get(f"{path}.geojson")
        assert answer.json() == {"type": "FeatureCollection", "features": []}
        assert client.get(f"{path}.geojson", headers={"if-none-match": answer.headers["etag"]}).status_code == 304


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/tiles/cameras/40/0/0.mvt", "z must be 0 to 22"),
        ("/tiles/cameras/-1/0/0.mvt", "z must be 0 to 22"),
        ("/tiles/cameras/3/8/0.geojson", "x must be 0 to 7"),
        ("/tiles/cameras/3/0/-1.geojson", "y must be 0 to 7"),
        (f"/tiles/cameras/{10**30}/0/0.mvt", "z must be 0 to 22"),
        ("/tiles/coverage/charger-service/23/0/0.mvt", "z must be 0 to 22"),
        ("/collections/cameras/tiles/WebMercatorQuad/2/4/0", "y must be 0 to 3"),
        ("/tiles/cameras/1.5/0/0.mvt", "z: "),
        ("/tiles/cameras/a/0/0.mvt", "z: "),
    ],
)
def test_an_impossible_tile_is_400_with_the_range(client: Client, path: str, said: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 400
    assert said in answer.json()["detail"]


def test_every_fault_of_a_tile_is_named_at_once() -> None:
    with pytest.raises(BadParameter) as caught:
        check_tile(1, 2, 2)
    assert [fault.column for fault in caught.value.faults] == ["x", "y"]


def test_an_unknown_ending_is_404(client: Client) -> None:
    assert client.get("/tiles/cameras/1/0/0.png").status_code == 404


def test_the_ogc_address_has_the_row_before_the_column(client: Client) -> None:
    assert (
        client.get("/collections/cameras/tiles/WebMercatorQuad/13/3352/6855").content
        == client.get("/tiles/cameras/13/6855/3352.mvt").content
    )
    asked = client.get("/collections/cameras/tiles/WebMercatorQuad/13/3352/6855?f=geojson")
    assert asked.content == client.get("/tiles/cameras/13/6855/3352.geojson").content
    assert client.get("/collections/cameras/tiles/WebMercatorQuad/13/3352/6855?f=png").status_code == 400


def test_tilejson_leads_to_the_tiles(client: Client) -> None:
    body = client.get("/tiles/cameras/tilejson.json?as_of=2025-01-01").json()
    assert body["tiles"] == ["http://twin.test/tiles/cameras/{z}/{x}/{y}.mvt?as_of=2025-01-01"]
    assert body["bounds"] == [121.27, 31.0, 121.31, 31.04]
    assert body["vector_layers"][0]["id"] == "cameras"
    assert client.get(body["tiles"][0].format(z=13, x=6855, y=3352)).status_code == 200


@pytest.mark.parametrize("z", [3, 10, 14])
def test_tiles_of_an_empty_store_are_empty(empty: Client, z: int) -> None:
    for layer in ("cameras", "areas", "roads"):
        assert empty.get(f"/tiles/{layer}/{z}/0/0.mvt").status_code == 204
        assert empty.get(f"/tiles/{layer}/{z}/0/0.geojson").json()["features"] == []


def test_an_edit_changes_the_etag_of_the_tiles_that_it_touches_and_of_no_other(make: Make) -> None:
    store = store_of(records())
    client = make(store)
    urls = [
        f"/tiles/{layer}/{z}/{x}/{y}.{ending}"
        for layer in ("cameras", "chargers", "areas")
        for z in (13, 15)
        for x, y in tiles_over(z)
        for ending in ("mvt", "geojson")
    ]
    before = {url: client.get(url).headers["etag"] for url in urls}
    moved = record("cameras", "cam-00", (121.297, 31.03), access="own", n_devices=2)
    store.commit([Edit("change", moved, 1)], author="test", reason="moved", at=BORN)
    after = {url: client.get(url).headers["etag"] for url in urls}
    touched = {
        f"/tiles/cameras/{z}/{x}/{y}.{ending}"
        for z in (13, 15)
        for x, y in (lnglat_to_unit(np.array([(121.272, 31.004), (121.297, 31.03)])) * 2**z).astype(int).tolist()
        for ending in ("mvt", "geojson")
    }
    assert {url for url in urls if before[url] != after[url]} == touched
