"""OGC API Tiles: the tile matrix set has the published numbers, tilesets lead to tiles."""

from __future__ import annotations

import numpy as np
import pytest

from tests.api.conftest import MIDDLE, Client
from twin.api.mercator import MAX_ZOOM, lnglat_to_unit
from twin.layers import LAYERS

COLUMN, ROW = (lnglat_to_unit(np.array([[MIDDLE, 31.02]]))[0] * 2**10).astype(int).tolist()
"""The tile of zoom 10 that the small world lies in."""
GRID = "/collections/cameras/tiles/WebMercatorQuad"
TILING = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"
PUBLISHED = {
    0: (559082264.028717, 156543.033928041), 1: (279541132.014358, 78271.5169640204), 2: (139770566.007179, 39135.7584820102),
    3: (69885283.0035897, 19567.8792410051), 10: (545978.773465544, 152.874056570352), 12: (136494.693366386, 38.2185141425881),
    14: (34123.6733415964, 9.55462853564703), 18: (2132.72958384978, 0.597164283477939), 22: (133.295598990611, 0.0373227677173712),
    24: (33.3238997476528, 0.0093306919293428),
}  # fmt: skip
"""Scale denominator and cell size of WebMercatorQuad as OGC registers it (17-083r4, annex D.1), to 15 digits."""


@pytest.mark.parametrize("z", PUBLISHED)
def test_the_levels_are_those_that_ogc_registers(client: Client, z: int) -> None:
    level = client.get("/tileMatrixSets/WebMercatorQuad").json()["tileMatrices"][z]
    scale, size = PUBLISHED[z]
    assert level["scaleDenominator"] == pytest.approx(scale, rel=5e-15)
    assert level["cellSize"] == pytest.approx(size, rel=5e-15)
    assert (level["id"], level["cornerOfOrigin"]) == (str(z), "topLeft")
    assert (level["matrixWidth"], level["matrixHeight"]) == (2**z, 2**z)
    assert (level["tileWidth"], level["tileHeight"]) == (256, 256)
    assert level["pointOfOrigin"] == pytest.approx([-20037508.3427892, 20037508.3427892], rel=1e-14)


def test_the_tile_matrix_set_is_the_well_known_one(client: Client) -> None:
    body = client.get("/tileMatrixSets/WebMercatorQuad").json()
    assert body["uri"] == "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad"
    assert body["crs"] == "http://www.opengis.net/def/crs/EPSG/0/3857"
    assert body["orderedAxes"] == ["X", "Y"]
    assert len(body["tileMatrices"]) == 25


def test_the_list_leads_to_the_tile_matrix_set(client: Client) -> None:
    (entry,) = client.get("/tileMatrixSets").json()["tileMatrixSets"]
    assert client.get(entry["links"][0]["href"]).json()["id"] == entry["id"] == "WebMercatorQuad"


def test_another_tile_matrix_set_is_not_found(client: Client) -> None:
    for path in ("/tileMatrixSets/WorldCRS84Quad", "/collections/cameras/tiles/WorldCRS84Quad"):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer_has_a_tileset_of_vectors(client: Client, layer: str) -> None:
    (entry,) = client.get(f"/collections/{layer}/tiles").json()["tilesets"]
    assert (entry["dataType"], entry["crs"]) == ("vector", "http://www.opengis.net/def/crs/EPSG/0/3857")
    links = {link["rel"]: link["href"] for link in entry["links"]}
    assert client.get(links[TILING]).json()["uri"] == entry["tileMatrixSetURI"]
    body = client.get(links["self"]).json()
    (content,) = body["layers"]
    assert content["id"] == layer
    assert content["geometryDimension"] == {"point": 0, "line": 1, "polygon": 2}[LAYERS[layer].geometry]
    assert {f.name for f in LAYERS[layer].all_fields()} <= set(content["propertiesSchema"]["properties"])


@pytest.mark.parametrize(
    ("media", "f"), [("application/vnd.mapbox-vector-tile", "mvt"), ("application/geo+json", "geojson")]
)
def test_the_template_leads_to_tiles_of_its_type(client: Client, media: str, f: str) -> None:
    body = client.get(GRID).json()
    (item,) = (link for link in body["links"] if link["rel"] == "item" and link["type"] == media)
    assert item["templated"] is True
    address = item["href"].format(tileMatrix=10, tileRow=ROW, tileCol=COLUMN)
    answer = client.get(address)
    assert (answer.status_code, answer.headers["content-type"]) == (200, media)
    assert f"f={f}" in item["href"]


def test_a_tileset_says_where_its_data_are(client: Client) -> None:
    body = client.get(GRID).json()
    assert body["boundingBox"] == {
        "lowerLeft": [121.27, 31.0], "upperRight": [121.31, 31.04], "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
    }  # fmt: skip
    lng, lat = body["centerPoint"]["coordinates"]
    assert 121.272 < lng < 121.307
    assert 31.004 < lat < 31.034


def test_a_tileset_has_all_levels_that_are_served(client: Client) -> None:
    limits = client.get(GRID).json()["tileMatrixSetLimits"]
    assert [entry["tileMatrix"] for entry in limits] == [str(z) for z in range(MAX_ZOOM + 1)]
    last = limits[-1]
    corner = f"{GRID}/{last['tileMatrix']}/{last['maxTileRow']}/{last['maxTileCol']}"
    assert client.get(corner).status_code in (200, 204)


def test_an_empty_layer_has_a_tileset_without_a_place(empty: Client) -> None:
    body = empty.get(GRID).json()
    assert "boundingBox" not in body
    assert "centerPoint" not in body


def test_the_time_asked_goes_into_the_template(client: Client) -> None:
    (entry,) = client.get("/collections/cameras/tiles?as_of=2025-06-01").json()["tilesets"]
    body = client.get(entry["links"][0]["href"]).json()
    for link in body["links"]:
        if link["rel"] == "item":
            assert "as_of=2025-06-01T15%3A59%3A59Z" in link["href"]
            assert client.get(link["href"].format(tileMatrix=10, tileRow=ROW, tileCol=COLUMN)).status_code == 200
