"""The OpenAPI document has a path of every layer's items, whose parameters are what may be asked of that layer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Client, Make, store_of
from twin.api.own_paths import TEMPLATE
from twin.errors import Words
from twin.layers import LAYERS, Field, LayerType

Document = dict[str, Any]
VALUES = {"integer": "1", "number": "0.5", "boolean": "true", "string": "a"}


@pytest.fixture(scope="module")
def document(client: Client) -> Document:
    found: Document = client.get("/openapi.json").json()
    return found


def parameters(document: Document, layer: str) -> dict[str, Document]:
    """Of the layer's own path by name; references are followed by plain steps, as GDAL does."""
    found = {}
    for said in document["paths"][TEMPLATE.format(layer=layer)]["get"]["parameters"]:
        parameter: Any = said
        if "$ref" in said:
            parameter = document
            for step in said["$ref"].removeprefix("#/").split("/"):
                parameter = parameter[step]
        found[parameter["name"]] = parameter
    return found


@pytest.mark.parametrize("layer", LAYERS)
def test_every_queryable_but_the_geometry_is_a_parameter_with_its_schema(
    client: Client, document: Document, layer: str
) -> None:
    asked = parameters(document, layer)
    zh, en = (client.get(f"/collections/{layer}/queryables?lang={lang}").json()["properties"] for lang in ("zh", "en"))
    for name in set(zh) - {"geometry"}:
        said = asked[name]
        words = {w: zh[name][w] for w in ("type", "format", "enum", "minimum", "maximum") if w in zh[name]}
        assert said["schema"] == words
        assert (said["in"], said["required"]) == ("query", False)
        assert zh[name]["title"] in said["description"]
        assert en[name]["title"] in said["description"]
    assert "geometry" not in asked


@pytest.mark.parametrize("layer", LAYERS)
def test_the_other_parameters_are_those_of_any_layer(client: Client, document: Document, layer: str) -> None:
    asked = parameters(document, layer)
    known = client.get(f"/collections/{layer}/queryables").json()["properties"]
    common = {p["name"]: p for p in document["paths"][TEMPLATE]["get"]["parameters"]}
    assert {name: p for name, p in asked.items() if name not in known} == {
        name: p for name, p in common.items() if name not in ("layer", "queryables")
    }


@pytest.mark.parametrize("layer", LAYERS)
def test_each_queryable_is_taken_with_a_value_of_its_schema(client: Client, document: Document, layer: str) -> None:
    common = {p["name"] for p in document["paths"][TEMPLATE]["get"]["parameters"]}
    for name in parameters(document, layer).keys() - common:
        kind = parameters(document, layer)[name]["schema"]
        value = "2025-01-01T00:00:00Z" if kind.get("format") == "date-time" else VALUES[kind["type"]]
        query = {name: kind.get("enum", [value])[0]}
        assert client.get(f"/collections/{layer}/items", params=query).status_code == 200, query


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layers_own_path_has_the_methods_and_answers_of_any_layer(document: Document, layer: str) -> None:
    own, common = document["paths"][TEMPLATE.format(layer=layer)], document["paths"][TEMPLATE]
    assert own.keys() == common.keys()
    for method, said in common.items():
        assert own[method]["responses"].keys() == said["responses"].keys()


def test_the_languages_of_filters_have_the_name_that_gdal_looks_for(document: Document) -> None:
    assert parameters(document, "chargers")["filter-lang"]["schema"]["enum"] == ["cql2-text", "cql2-json", "cql-text"]


def test_the_size_of_a_page_is_where_qgis_looks_for_it(document: Document) -> None:
    assert document["components"]["parameters"]["limit"]["schema"]["maximum"] == 10_000


def test_a_property_that_has_the_name_of_a_parameter_is_said_once(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    state = Field("state", "text", Words("状态", "State"))
    monkeypatch.setitem(LAYERS, "hydrants", LayerType("hydrants", Words("消火栓", "Hydrants"), "point", (state,)))
    document = make(store_of([])).get("/openapi.json").json()
    said = document["paths"]["/collections/hydrants/items"]["get"]["parameters"]
    assert [p for p in said if p.get("name") == "state"] == []
    assert {"$ref": "#/components/parameters/state"} in said


def test_a_new_layer_has_its_path(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    pressure = Field("pressure_kpa", "float", Words("压力", "Pressure"), unit="kPa", minimum=0)
    monkeypatch.setitem(LAYERS, "hydrants", LayerType("hydrants", Words("消火栓", "Hydrants"), "point", (pressure,)))
    asked = parameters(make(store_of([])).get("/openapi.json").json(), "hydrants")
    assert asked["pressure_kpa"]["schema"] == {"type": "number", "minimum": 0}
    assert asked["pressure_kpa"]["description"] == "压力 / Pressure (kPa)"
