"""Where tile sets and collections say that they have something: as the caller sees it, and no single sensitive thing's place."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from anyio.from_thread import BlockingPortal
from hypothesis import given
from hypothesis import strategies as st

from tests.api.conftest import Client, Make, record, store_of
from tests.api.withheld import CENTRES, SECRET, As, Asked
from twin.api.collections import SENSITIVE_DEG
from twin.api.mercator import MAX_LAT, MAX_ZOOM
from twin.api.tile_extent import TileExtent

GRID = "/collections/{}/tiles/WebMercatorQuad"
PLACES = st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)), min_size=1, max_size=20)


@given(PLACES, PLACES)
def test_a_box_holds_all_that_is_on_the_map_and_its_tile_is_about_as_wide(
    low: list[tuple[float, float]], more: list[tuple[float, float]]
) -> None:
    n = min(len(low), len(more))
    ends = np.sort(np.stack([np.array(low[:n]), np.array(more[:n])]), axis=0)
    extent = TileExtent.around(ends[0], ends[1])
    shown = (ends[0, :, 1] < MAX_LAT) & (ends[1, :, 1] > -MAX_LAT)
    assert (extent is None) == (not shown.any())
    if extent is not None:
        west, south, east, north = extent.box
        assert -180 <= west <= east <= 180
        assert -MAX_LAT <= south <= north <= MAX_LAT
        assert west == pytest.approx(ends[0, shown, 0].min(), abs=1e-7)
        assert east == pytest.approx(ends[1, shown, 0].max(), abs=1e-7)
        assert 0 <= extent.zoom <= MAX_ZOOM
        assert extent.zoom == MAX_ZOOM or 360 / 2**extent.zoom <= max(east - west, north - south, 0.01)


def test_nothing_on_the_map_has_no_extent() -> None:
    nowhere = np.array([(np.nan, np.nan), (121.0, 89.0), (0.0, -88.0)])
    assert TileExtent.around(nowhere, nowhere) is None
    assert TileExtent.around(np.empty((0, 2)), np.empty((0, 2))) is None


def test_the_extent_is_of_what_the_caller_sees(portal: BlockingPortal, gate: As) -> None:
    for name, places in (("planner", CENTRES[: len(SECRET)]), ("cleared", SECRET)):
        ask = Asked(portal, gate, name)
        box = ask(GRID.format("cameras")).json()["boundingBox"]
        low, high = places.min(axis=0), places.max(axis=0)
        corners = np.array([box["lowerLeft"], box["upperRight"]])
        assert ((corners[0] <= low) & (low < corners[0] + SENSITIVE_DEG)).all()
        assert ((corners[1] >= high) & (high > corners[1] - SENSITIVE_DEG)).all()
        assert ask("/tiles/cameras/tilejson.json").json()["bounds"] == corners.ravel().tolist()
        assert ask("/collections/cameras").json()["extent"]["spatial"]["bbox"] == [corners.ravel().tolist()]


@pytest.mark.parametrize(
    "path", ["/collections", "/collections/cameras", GRID.format("cameras"), "/tiles/cameras/tilejson.json"]
)
def test_a_single_camera_s_place_is_in_no_document(make: Make, path: str) -> None:
    client = make(store_of([record("cameras", "alone", (121.2812345, 31.0123457))]))
    text = client.get(path).text
    assert "121.28" in text
    assert not any(figure in text for figure in ("121.2812", "121.28123", "31.0123", "31.01234"))


def test_what_is_not_sensitive_has_its_extent_to_the_centimetre(make: Make) -> None:
    shape = shapely.box(121.2812345, 31.0123457, 121.3, 31.02)
    client = make(store_of([record("buildings", "one", shape), record("chargers", "one", (121.2812345, 31.0123457))]))
    assert client.get("/tiles/buildings/tilejson.json").json()["bounds"] == [121.2812345, 31.0123457, 121.3, 31.02]
    assert client.get("/collections/chargers").json()["extent"]["spatial"]["bbox"][0][0] == 121.2812345


def test_a_layer_that_holds_nothing_has_no_box(empty: Client) -> None:
    body = empty.get(GRID.format("cameras")).json()
    assert {"boundingBox", "centerPoint"}.isdisjoint(body)
    assert {"title", "dataType", "crs", "tileMatrixSetURI", "links", "layers", "tileMatrixSetLimits"} <= set(body)
    assert empty.get(f"{GRID.format('cameras')}/13/0/0").status_code == 204


@pytest.mark.parametrize("layer", ["cameras", "areas", "roads"])
def test_a_tileset_has_the_members_that_the_standard_asks_for(client: Client, layer: str) -> None:
    """OGC 17-083r4: tile set metadata with geospatial data, its schema of properties, a tile point, and limits, which are the
    whole grid: an edit may fill any tile."""
    body = client.get(GRID.format(layer)).json()
    assert {"title", "dataType", "crs", "tileMatrixSetURI", "links", "layers", "mediaTypes"} <= set(body)
    (content,) = body["layers"]
    assert {"id", "dataType", "geometryDimension", "minTileMatrix", "maxTileMatrix"} <= set(content)
    known = content["propertiesSchema"]
    assert known["type"] == "object"
    kinds = {"array", "boolean", "integer", "null", "number", "object", "string"}
    assert all(entry["type"] in kinds and entry["title"] for entry in known["properties"].values())
    assert ("point_count" in known["properties"]) == (layer == "cameras")
    templates = {link["type"]: link for link in body["links"] if link["rel"] == "item"}
    assert set(templates) == set(body["mediaTypes"])
    for link in templates.values():
        assert link["templated"] is True
        assert all(name in link["href"] for name in ("{tileMatrix}", "{tileRow}", "{tileCol}"))
    if layer == "roads":
        assert "boundingBox" not in content, "there is none"
        return
    assert content["boundingBox"] == body["boundingBox"]
    assert {"coordinates", "tileMatrix"} <= set(body["centerPoint"])
    for entry in body["tileMatrixSetLimits"]:
        n = 2 ** int(entry["tileMatrix"])
        assert (entry["minTileRow"], entry["maxTileRow"]) == (entry["minTileCol"], entry["maxTileCol"]) == (0, n - 1)
    assert len(body["tileMatrixSetLimits"]) == MAX_ZOOM + 1
