"""Every conformance class that is claimed is probed here: a class without a probe, or one that fails, cannot be claimed."""

from __future__ import annotations

from collections.abc import Callable

import orjson
import pytest

from tests.api.conftest import Client, Make, record, records, store_of
from tests.api.test_tilesets import COLUMN, ROW
from twin.api.conformance import CONFORMANCE, OGC

Probe = Callable[[Client], None]
PROBES: dict[str, Probe] = {}
ITEMS = "/collections/chargers/items"
GRID = "/collections/cameras/tiles/WebMercatorQuad"
REL = "http://www.opengis.net/def/rel/ogc/1.0/"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
PAGE = {"accept": "text/html"}


def proves(*classes: str) -> Callable[[Probe], Probe]:
    def kept(probe: Probe) -> Probe:
        PROBES.update({OGC + name: probe for name in classes})
        return probe

    return kept


def found(client: Client, text: str, lang: str = "cql2-text", path: str = ITEMS) -> list[str]:
    """The keys of the features that a filter finds."""
    answer = client.get(path, params={"filter": text, "filter-lang": lang, "limit": 100})
    assert answer.status_code == 200, answer.text
    return sorted(feature["id"] for feature in answer.json()["features"])


def rels(client: Client, path: str) -> set[str]:
    return {link["rel"] for link in client.get(path).json()["links"]}


@proves("ogcapi-common-1/1.0/conf/core", "ogcapi-common-1/1.0/conf/landingPage", "ogcapi-features-1/1.0/conf/core")
def landing_page_leads_to_everything(client: Client) -> None:
    assert {"service-desc", "conformance", "data"} <= rels(client, "/")
    page = client.get(ITEMS, params={"limit": 2, "bbox": "121,30,122,32", "datetime": "2025-01-01/.."}).json()
    assert (page["numberReturned"], page["numberMatched"]) == (2, 4)
    assert "next" in {link["rel"] for link in page["links"]}
    assert client.get(ITEMS, params={"ooga": "booga"}).status_code == 400
    assert client.get(ITEMS, params={"limit": "many"}).status_code == 400


@proves("ogcapi-common-1/1.0/conf/json")
def documents_are_json(client: Client) -> None:
    assert client.get("/", headers={"accept": "application/json"}).headers["content-type"] == "application/json"


@proves("ogcapi-common-1/1.0/conf/html", "ogcapi-features-1/1.0/conf/html")
def documents_are_pages(client: Client) -> None:
    for path in ("/", "/conformance", "/collections", "/collections/chargers", ITEMS, f"{ITEMS}/west"):
        answer = client.get(path, headers=PAGE)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8"), path
        assert "text/html" in {link["type"] for link in client.get(path).json()["links"]}, path


@proves("ogcapi-common-1/1.0/conf/oas30", "ogcapi-features-1/1.0/conf/oas30", "ogcapi-tiles-1/1.0/conf/oas30")
def the_api_is_described_in_openapi_3_0(client: Client) -> None:
    (link,) = (link for link in client.get("/").json()["links"] if link["rel"] == "service-desc")
    answer = client.get(link["href"])
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    assert {"/collections/{layer}/items", f"{GRID.replace('cameras', '{layer}')}/{{z}}/{{y}}/{{x}}"} <= set(
        answer.json()["paths"]
    )


@proves("ogcapi-common-2/1.0/conf/collections")
def collections_have_links_and_extents(client: Client) -> None:
    for entry in client.get("/collections").json()["collections"]:
        assert entry["links"]
    assert client.get("/collections/chargers").json()["extent"]["spatial"]


@proves("ogcapi-features-1/1.0/conf/geojson", "ogcapi-tiles-1/1.0/conf/geojson")
def features_are_geojson(client: Client) -> None:
    for path in (ITEMS, f"{ITEMS}/west", f"{GRID}/10/{ROW}/{COLUMN}?f=geojson"):
        answer = client.get(path)
        assert answer.headers["content-type"] == "application/geo+json"
        assert answer.json()["type"] in ("Feature", "FeatureCollection")


@proves("ogcapi-features-2/1.0/conf/crs")
def features_can_be_had_and_asked_for_in_other_systems(client: Client) -> None:
    assert EPSG + "4549" in client.get("/collections/chargers").json()["crs"]
    for path in (ITEMS, f"{ITEMS}/west"):
        answer = client.get(path, params={"crs": EPSG + "4326"})
        assert answer.headers["content-crs"] == f"<{EPSG}4326>"
    assert answer.json()["geometry"]["coordinates"] == [31.01, 121.28]
    boxed = client.get(ITEMS, params={"bbox": "31.005,121.275,31.015,121.285", "bbox-crs": EPSG + "4326"})
    assert [feature["id"] for feature in boxed.json()["features"]] == ["west"]
    for name in ("crs", "bbox-crs"):
        assert client.get(ITEMS, params={name: EPSG + "2154", "bbox": "1,2,3,4"}).status_code == 400


@proves("ogcapi-features-3/1.0/conf/queryables")
def queryables_are_a_schema(client: Client) -> None:
    assert REL + "queryables" in rels(client, "/collections/chargers")
    body = client.get("/collections/chargers/queryables").json()
    assert (body["type"], body["additionalProperties"]) == ("object", False)
    assert client.get(ITEMS, params={"filter": "no_such_thing = 1"}).status_code == 400


@proves("ogcapi-features-3/1.0/conf/queryables-query-parameters")
def queryables_are_parameters(client: Client) -> None:
    answer = client.get(ITEMS, params={"station_type": "private"})
    assert [feature["id"] for feature in answer.json()["features"]] == ["private"]


@proves("ogcapi-features-3/1.0/conf/filter", "ogcapi-features-3/1.0/conf/features-filter")
def a_filter_is_taken(client: Client) -> None:
    assert found(client, "station_type = 'private'") == ["private"]
    assert client.get(ITEMS, params={"filter": "station_type ="}).status_code == 400
    assert client.get(ITEMS, params={"filter": "true", "filter-lang": "sql"}).status_code == 400
    boxed = {"filter": "S_INTERSECTS(geometry, BBOX(31.005,121.275,31.015,121.285))", "filter-crs": EPSG + "4326"}
    assert [f["id"] for f in client.get(ITEMS, params=boxed).json()["features"]] == ["west"]


@proves("cql2/1.0/conf/cql2-text", "cql2/1.0/conf/basic-cql2")
def comparisons_and_logic(client: Client) -> None:
    assert found(client, "n_connectors >= 4 AND station_type = 'public'") == ["east", "west"]
    assert found(client, "NOT (station_type = 'public') OR lifecycle = 'planned'") == ["private", "soon"]
    assert found(client, "station_type <> 'public'") == ["private"]
    assert found(client, "n_connectors IS NULL") == ["private", "soon"]
    assert found(client, "online = true AND n_connectors < 12") == ["west"]


@proves("cql2/1.0/conf/cql2-json")
def filters_in_json(client: Client) -> None:
    tree = {"op": "=", "args": [{"property": "station_type"}, "private"]}
    assert found(client, orjson.dumps(tree).decode(), "cql2-json") == ["private"]


@proves("cql2/1.0/conf/advanced-comparison-operators")
def like_between_and_in(client: Client) -> None:
    assert found(client, "name LIKE 'chargers _ast'") == ["east"]
    assert found(client, "name LIKE '%st'") == ["east", "west"]
    assert found(client, "n_connectors BETWEEN 4 AND 5") == ["west"]
    assert found(client, "key IN ('east', 'soon')") == ["east", "soon"]
    assert found(client, "key NOT IN ('east', 'soon')") == ["private", "west"]


@proves("cql2/1.0/conf/case-insensitive-comparison")
def without_regard_to_case(client: Client) -> None:
    assert found(client, "CASEI(name) = CASEI('CHARGERS West')") == ["west"]


@proves("cql2/1.0/conf/accent-insensitive-comparison")
def without_regard_to_accents(client: Client) -> None:
    assert found(client, "ACCENTI(name) = ACCENTI('chärgers wést')") == ["west"]


@proves("cql2/1.0/conf/basic-spatial-functions")
def points_and_boxes(client: Client) -> None:
    assert found(client, "S_INTERSECTS(geometry, BBOX(121.275,31.005,121.285,31.015))") == ["west"]
    assert found(client, "S_INTERSECTS(geometry, POINT(121.3 31.03))") == ["east"]


@proves("cql2/1.0/conf/basic-spatial-functions-plus")
def any_geometry(client: Client) -> None:
    assert found(
        client, "S_INTERSECTS(geometry, POLYGON((121.29 31.02,121.31 31.02,121.31 31.04,121.29 31.04,121.29 31.02)))"
    ) == ["east"]
    assert found(client, "S_INTERSECTS(geometry, LINESTRING(121.28 31.01,121.30 31.03))") == ["east", "west"]


@proves("cql2/1.0/conf/spatial-functions")
def every_spatial_relation(client: Client) -> None:
    square = "POLYGON((121.27 31,121.29 31,121.29 31.02,121.27 31.02,121.27 31))"
    assert found(client, f"S_WITHIN(geometry, {square})") == ["west"]
    assert found(client, f"S_DISJOINT(geometry, {square})") == ["east", "private", "soon"]
    assert found(client, "S_EQUALS(geometry, POINT(121.28 31.01))") == ["west"]
    areas = "/collections/areas/items"
    assert found(client, "S_CONTAINS(geometry, POINT(121.28 31.01))", path=areas) == ["310112", "310112101"]
    assert found(
        client,
        "S_TOUCHES(geometry, POLYGON((121.27 31.02,121.31 31.02,121.31 31.04,121.27 31.04,121.27 31.02)))",
        path=areas,
    ) == ["310112101"]
    assert found(client, "S_OVERLAPS(geometry, POLYGON((121.28 31.01,121.30 31.01,121.30 31.03,121.28 31.03,121.28 31.01)))", path=areas) == [
        "310112101", "310112102", "outer-ring",
    ]  # fmt: skip
    assert "310112101" in found(client, "S_CROSSES(geometry, LINESTRING(121.28 30.9,121.28 31.01))", path=areas)


@proves("cql2/1.0/conf/temporal-functions")
def moments_and_intervals(client: Client) -> None:
    assert len(found(client, "T_AFTER(valid_from, DATE('2024-01-01'))")) == 4
    assert found(client, "T_BEFORE(valid_from, TIMESTAMP('2024-05-01T00:00:00Z'))") == []
    assert len(found(client, "T_DURING(valid_from, INTERVAL('2024-04-01','2024-06-01'))")) == 4
    assert len(found(client, "T_INTERSECTS(INTERVAL(valid_from, valid_to), INTERVAL('2025-01-01','2025-02-01'))")) == 4


@proves("cql2/1.0/conf/property-property")
def properties_with_properties(client: Client) -> None:
    assert found(client, "n_connectors > n_devices") == ["east", "west"]


@proves("cql2/1.0/conf/arithmetic")
def sums_and_products(client: Client) -> None:
    assert found(client, "n_connectors * 2 = 8") == ["west"]
    assert found(client, "max_power_kw / n_connectors > 20 + 5") == ["west"]


@proves("ogcapi-features-5/1.0/conf/schemas", "ogcapi-features-5/1.0/conf/core-roles-features")
def schemas_are_as_part_5_has_them(client: Client) -> None:
    assert REL + "schema" in rels(client, "/collections/chargers")
    answer = client.get("/collections/chargers/schema", headers={"accept": "application/schema+json"})
    assert answer.headers["content-type"] == "application/schema+json"
    properties = answer.json()["properties"]
    assert properties["geometry"].items() >= {"format": "geometry-point", "x-ogc-role": "primary-geometry"}.items()
    assert properties["key"]["x-ogc-role"] == "id"


@proves("ogcapi-tiles-1/1.0/conf/core", "ogcapi-tiles-1/1.0/conf/mvt")
def tiles_are_served(client: Client) -> None:
    answer = client.get(f"{GRID}/10/{ROW}/{COLUMN}")
    assert answer.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    assert answer.content


@proves(
    "ogcapi-tiles-1/1.0/conf/tileset",
    "ogcapi-tiles-1/1.0/conf/tilesets-list",
    "ogcapi-tiles-1/1.0/conf/geodata-tilesets",
)
def tilesets_are_described(client: Client) -> None:
    assert REL + "tilesets-vector" in rels(client, "/collections/cameras")
    (entry,) = client.get("/collections/cameras/tiles").json()["tilesets"]
    assert {link["rel"] for link in entry["links"]} == {"self", REL + "tiling-scheme"}
    assert {"item", REL + "tiling-scheme", "self"} <= rels(client, GRID)


@proves("tms/2.0/conf/tilematrixset", "tms/2.0/conf/json-tilematrixset")
def the_tile_matrix_set_is_described(client: Client) -> None:
    body = client.get("/tileMatrixSets/WebMercatorQuad").json()
    assert (body["id"], len(body["tileMatrices"])) == ("WebMercatorQuad", 25)


@pytest.mark.parametrize("uri", [uri for uri in CONFORMANCE if "features-4" not in uri])
def test_what_is_claimed_is_so(client: Client, uri: str) -> None:
    PROBES[uri](client)


def test_features_are_made_replaced_changed_and_ended(make: Make) -> None:
    for name in ("create-replace-delete", "update", "optimistic-locking-etags"):
        assert f"{OGC}ogcapi-features-4/1.0/conf/{name}" in CONFORMANCE
    client = make(store_of([*records(), record("chargers", "old", (121.28, 31.02), station_type="public")]))
    body = {
        "type": "Feature", "id": "new", "properties": {"name": "新站", "station_type": "public"},
        "geometry": {"type": "Point", "coordinates": [121.29, 31.01]},
    }  # fmt: skip
    geojson = {"content-type": "application/geo+json"}
    made = client.post(ITEMS, content=orjson.dumps(body), headers=geojson)
    assert made.status_code == 201
    path = made.headers["location"].removeprefix("http://twin.test")
    seen = client.get(path)
    etag = seen.headers["etag"]
    renamed = {**body, "properties": {"name": "改名", "station_type": "public"}}
    replaced = client.put(path, content=orjson.dumps(renamed), headers={**geojson, "if-match": etag})
    assert replaced.status_code in (200, 204)
    assert client.get(path).json()["properties"]["name"] == "改名"
    patch = orjson.dumps({"properties": {"station_type": "private"}})
    stale = client.patch(
        path, content=patch, headers={"content-type": "application/merge-patch+json", "if-match": etag}
    )
    assert stale.status_code == 412
    now = client.get(path).headers["etag"]
    changed = client.patch(
        path, content=patch, headers={"content-type": "application/merge-patch+json", "if-match": now}
    )
    assert changed.status_code in (200, 204)
    assert client.delete(path, params={"reason": "test"}).status_code in (200, 204)
    assert client.get(path).status_code == 404


def test_unprobed_classes_are_not_claimed() -> None:
    assert [uri for uri in CONFORMANCE if "features-4" not in uri and uri not in PROBES] == []
    assert [uri for uri in PROBES if uri not in CONFORMANCE] == [], "what is proved can be claimed"
