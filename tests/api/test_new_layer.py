"""A new layer type is served everywhere without a line of code of the API."""

from __future__ import annotations

import mapbox_vector_tile
import numpy as np
import pytest

from tests.api.conftest import Client, Make, records, store_of
from twin.api.mercator import lnglat_to_unit
from twin.errors import Words
from twin.layers import LAYERS, Field, LayerType

HYDRANTS = LayerType(
    "hydrants", Words("消火栓", "Hydrants"), "point",
    (Field("pressure_kpa", "float", Words("压力", "Pressure"), unit="kPa", minimum=0),),
)  # fmt: skip
FEATURE = {
    "type": "Feature",
    "properties": {"key": "h1", "name": "虹桥一号", "pressure_kpa": 350.5},
    "geometry": {"type": "Point", "coordinates": [121.28, 31.01]},
}


@pytest.fixture
def served(make: Make, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setitem(LAYERS, "hydrants", HYDRANTS)
    client = make(store_of(records()))
    made = client.post("/collections/hydrants/items", json=FEATURE, headers={"content-type": "application/geo+json"})
    assert made.status_code == 201
    return client


def test_its_features_are_listed_found_and_filtered(served: Client) -> None:
    assert "hydrants" in [c["id"] for c in served.get("/collections").json()["collections"]]
    for query in ("", "?pressure_kpa=350.5", "?filter=pressure_kpa > 300", "?bbox=121.27,31,121.29,31.02"):
        (feature,) = served.get(f"/collections/hydrants/items{query}").json()["features"]
        assert feature["properties"]["pressure_kpa"] == 350.5
    assert served.get("/collections/hydrants/items/h1").json()["properties"]["name"] == "虹桥一号"


def test_it_says_its_schema_and_what_can_be_asked(served: Client) -> None:
    for what in ("schema", "queryables"):
        properties = served.get(f"/collections/hydrants/{what}").json()["properties"]
        assert properties["pressure_kpa"]["x-unit"] == "kPa"


def test_it_has_tiles_counts_and_a_style(served: Client) -> None:
    tilejson = served.get("/tiles/hydrants/tilejson.json").json()
    assert "pressure_kpa" in tilejson["vector_layers"][0]["fields"]
    for z, name in ((14, "pressure_kpa"), (8, "point_count")):
        x, y = (int(at * 2**z) for at in lnglat_to_unit(np.array([[121.28, 31.01]]))[0])
        tile = mapbox_vector_tile.decode(served.get(f"/tiles/hydrants/{z}/{x}/{y}.mvt").content)
        assert name in tile["hydrants"]["features"][0]["properties"]
    style = served.get("/styles/hydrants").json()
    assert {layer["source-layer"] for layer in style["layers"] if "source-layer" in layer} == {"hydrants"}
    assert served.get("/collections/hydrants/tiles").status_code == 200


@pytest.mark.parametrize("ending", ["fgb", "parquet", "geojson"])
def test_it_goes_out_whole(served: Client, ending: str) -> None:
    assert served.get(f"/collections/hydrants/bulk.{ending}").status_code == 200
