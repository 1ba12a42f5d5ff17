"""Landing page, conformance, collections, schemas: what they say as JSON, and that it is true."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from tests.api.conftest import Client, Make, record, store_of
from twin.api.conformance import CONFORMANCE
from twin.api.crs import CRS84, URIS
from twin.layers import LAYERS

DOCUMENTS = (
    "/", "/conformance", "/collections", "/collections/cameras", "/collections/cameras/tiles",
    "/collections/cameras/tiles/WebMercatorQuad", "/tileMatrixSets", "/tileMatrixSets/WebMercatorQuad", "/styles",
)  # fmt: skip
REL = "http://www.opengis.net/def/rel/ogc/1.0/"


def links_of(client: Client, path: str, **headers: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for link in client.get(path, headers=headers).json()["links"]:
        found.setdefault(link["rel"], []).append(link)
    return found


@pytest.mark.parametrize("path", DOCUMENTS)
def test_every_document_links_to_itself_and_to_its_page(client: Client, path: str) -> None:
    links = links_of(client, path)
    (here,), (page,) = links["self"], links["alternate"]
    assert client.get(here["href"]).json() == client.get(path).json()
    answer = client.get(page["href"])
    assert answer.status_code == 200
    assert page["type"] == "text/html"
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("path", ["/collections", "/collections/chargers"])
def test_links_keep_the_time_that_was_asked(client: Client, path: str) -> None:
    links = links_of(client, f"{path}?as_of=2024-06-01")
    assert "as_of=2024-06-01" in links["self"][0]["href"]
    assert "as_of=2024-06-01" in links["alternate"][0]["href"]


@pytest.mark.parametrize("path", DOCUMENTS)
def test_every_link_has_a_relation_a_type_and_an_address_on_the_host_asked(client: Client, path: str) -> None:
    for links in links_of(client, path, host="gis.example:8443").values():
        for link in links:
            assert link["type"]
            assert link["href"].startswith("http://gis.example:8443/")


def test_the_landing_page_says_where_everything_is(client: Client) -> None:
    links = links_of(client, "/")
    assert links["service-desc"][0]["type"] == "application/vnd.oai.openapi+json;version=3.0"
    assert {"service-doc", "conformance", "data", "map", "coverage", REL + "tiling-schemes", REL + "styles"} <= set(
        links
    )


def test_the_landing_page_speaks_both_languages(client: Client) -> None:
    assert client.get("/?lang=zh").json()["title"] == "虹桥孪生：闵行区与虹桥商务区"
    assert client.get("/?lang=en").json()["title"].startswith("Hongqiao Twin")


def test_the_standards_that_are_claimed_are_named_once(client: Client) -> None:
    claimed = client.get("/conformance").json()["conformsTo"]
    assert claimed == CONFORMANCE
    assert len(set(claimed)) == len(claimed)
    for uri in (
        "ogcapi-features-1/1.0/conf/core",
        "ogcapi-features-1/1.0/conf/oas30",
        "ogcapi-features-2/1.0/conf/crs",
    ):
        assert f"http://www.opengis.net/spec/{uri}" in claimed


def test_a_collection_in_the_list_is_what_it_says_itself(client: Client) -> None:
    for entry in client.get("/collections").json()["collections"]:
        alone = client.get(f"/collections/{entry['id']}").json()
        assert entry == alone


def test_a_collection_leads_to_its_features_fields_tiles_style_and_files(client: Client) -> None:
    links = links_of(client, "/collections/cameras")
    assert [link["type"] for link in links["items"]] == ["application/geo+json", "text/html"]
    for rel in (REL + "queryables", REL + "schema", "describedby"):
        assert links[rel][0]["type"] == "application/schema+json"
    assert [link["href"].rpartition("/")[2] for link in links["enclosure"]] == [
        "bulk.fgb", "bulk.parquet", "bulk.geojson",
    ]  # fmt: skip
    assert all(link["title"] and link["type"] for link in links["enclosure"])
    for rel in (
        "items",
        REL + "queryables",
        REL + "schema",
        REL + "tilesets-vector",
        "tilejson",
        "stylesheet",
        "enclosure",
    ):
        for link in links[rel]:
            answer = client.get(link["href"])
            assert answer.status_code == 200, link
            assert answer.headers["content-type"].startswith(link["type"]), link


def test_every_collection_lists_the_crs_it_can_be_had_in(client: Client) -> None:
    for entry in client.get("/collections").json()["collections"]:
        assert entry["crs"] == URIS
        assert (entry["crs"][0], entry["storageCrs"]) == (CRS84, CRS84)


def test_the_extent_says_since_when_the_features_are(make: Make) -> None:
    client = make(store_of([record("chargers", "a", (121.3, 31.0)), record("chargers", "b", (121.4, 31.1))]))
    assert client.get("/collections/chargers").json()["extent"] == {
        "spatial": {"bbox": [[121.3, 31.0, 121.4, 31.1]], "crs": CRS84},
        "temporal": {
            "interval": [["2024-05-01T00:00:00Z", None]],
            "trs": "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian",
        },
    }


def test_a_layer_without_places_has_no_spatial_extent(make: Make) -> None:
    client = make(store_of([record("chargers", "a", None)]))
    assert set(client.get("/collections/chargers").json()["extent"]) == {"temporal"}


def test_an_empty_layer_has_no_extent(empty: Client) -> None:
    assert "extent" not in empty.get("/collections/chargers").json()


def test_a_collection_names_what_its_data_are_not(client: Client) -> None:
    labels = client.get("/collections/cameras").json()["labels"]
    assert [label["id"] for label in labels] == ["synthetic", "schematic"]
    assert labels[0]["zh"] == "模拟数据，不代表实际情况"


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("name", ["schema", "queryables"])
def test_schemas_are_as_ogc_wants_them(client: Client, layer: str, name: str) -> None:
    body = client.get(f"/collections/{layer}/{name}").json()
    jsonschema.Draft202012Validator.check_schema(body)
    assert body["$id"] == f"http://twin.test/collections/{layer}/{name}"
    assert body["type"] == "object"
    roles = [p["x-ogc-role"] for p in body["properties"].values() if "x-ogc-role" in p]
    assert sorted(roles) == ["id", "primary-geometry", "primary-interval-end", "primary-interval-start"]
    places = [p["x-ogc-propertySeq"] for p in body["properties"].values()]
    assert len(set(places)) == len(places)
    for key, entry in body["properties"].items():
        assert entry["title"], key
        if key == "geometry":
            assert "type" not in entry
            assert entry["format"].startswith("geometry-")
        else:
            assert entry["type"] in ("string", "integer", "number", "boolean"), key


def test_what_features_hold_fits_their_schema(client: Client) -> None:
    for layer in ("cameras", "chargers", "areas", "radio_sites"):
        schema = client.get(f"/collections/{layer}/schema").json()
        for feature in client.get(f"/collections/{layer}/items?limit=100").json()["features"]:
            known = {k: v for k, v in feature["properties"].items() if v is not None}
            jsonschema.validate(known, schema)
            assert set(feature["properties"]) <= set(schema["properties"])


def test_units_are_said_for_people_and_in_ucum(client: Client) -> None:
    properties = client.get("/collections/radio_sectors/schema").json()["properties"]
    assert (properties["azimuth_deg"]["x-unit"], properties["azimuth_deg"]["x-ogc-unit"]) == ("°", "deg")
    assert (properties["frequency_mhz"]["x-unit"], properties["frequency_mhz"]["x-ogc-unit"]) == ("MHz", "MHz")


def test_a_schema_names_its_page_in_a_header(client: Client) -> None:
    answer = client.get("/collections/cameras/schema")
    assert answer.headers["link"] == (
        '<http://twin.test/collections/cameras/schema?f=html>; rel="alternate"; type="text/html"'
    )


@pytest.mark.parametrize("path", ["/collections/ufos", "/collections/ufos/schema", "/collections/ufos/tiles"])
def test_an_unknown_layer_is_not_found_also_as_a_page(client: Client, path: str) -> None:
    for f in ("json", "html"):
        answer = client.get(path, params={"f": f})
        assert answer.status_code == 404
        assert answer.headers["content-type"].startswith("text/html" if f == "html" else "application/problem+json")
        assert "cameras" in answer.text


@pytest.mark.parametrize("path", DOCUMENTS)
def test_an_unknown_format_names_the_known_ones(client: Client, path: str) -> None:
    answer = client.get(path, params={"f": "xml"})
    assert answer.status_code == 400
    assert "html" in answer.text
