"""The OpenAPI document is 3.0.3: no keyword of 3.1 anywhere, every answer declared, parameters as OGC wants them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.conftest import Client
from tests.api.test_tilesets import COLUMN, ROW
from twin.api.crs import URIS
from twin.api.openapi30 import LISTS, METHODS, operations, schema_30, to_30
from twin.api.problems import STATUS
from twin.layers import LAYERS

SCHEMA_WORDS = frozenset({
    "title", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength", "minLength", "pattern",
    "maxItems", "minItems", "uniqueItems", "maxProperties", "minProperties", "required", "enum", "type", "not", "allOf", "oneOf",
    "anyOf", "items", "properties", "additionalProperties", "description", "format", "default", "nullable", "discriminator",
    "readOnly", "writeOnly", "example", "externalDocs", "deprecated", "xml",
})  # fmt: skip
"""Every fixed field of a Schema Object, OpenAPI 3.0.3 section 4.7.24."""
TYPES = {"array", "boolean", "integer", "number", "object", "string"}
PARAMETER_WORDS = {
    "name", "in", "description", "required", "deprecated", "allowEmptyValue", "style", "explode", "allowReserved", "schema",
    "example", "examples", "content",
}  # fmt: skip
OPERATION_WORDS = {
    "tags", "summary", "description", "externalDocs", "operationId", "parameters", "requestBody", "responses", "callbacks",
    "deprecated", "security", "servers",
}  # fmt: skip
RESPONSE_WORDS = {"description", "headers", "content", "links"}
MEDIA_WORDS = {"schema", "example", "examples", "encoding"}


@pytest.fixture(scope="module")
def document(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def said_of(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every operation, with what its references name in their place."""

    def named(value: Any) -> Any:
        section, _, name = value.get("$ref", "").removeprefix("#/components/").partition("/")
        return document["components"][section][name] if section else value

    for path, method, said in operations(document):
        full = {**said, "parameters": [named(parameter) for parameter in said.get("parameters", ())]}
        full["responses"] = {status: named(answer) for status, answer in said["responses"].items()}
        if "requestBody" in said:
            full["requestBody"] = named(said["requestBody"])
        yield path, method, full


def schema_faults(schema: Any, where: str) -> Iterator[str]:
    """What a Schema Object of 3.0 may not be."""
    if not isinstance(schema, dict):
        yield f"{where}: {schema!r} is no schema"
    elif "$ref" in schema:
        if set(schema) != {"$ref"}:
            yield f"{where}: something stands beside $ref"
    else:
        yield from keyword_faults(schema, where)
        for place, entry in inner_schemas(schema):
            yield from schema_faults(entry, f"{where}/{place}")


def keyword_faults(schema: dict[str, Any], where: str) -> Iterator[str]:
    yield from (f"{where}: {word}" for word in set(schema) - SCHEMA_WORDS if not word.startswith("x-"))
    if "type" in schema and (not isinstance(schema["type"], str) or schema["type"] not in TYPES):
        yield f"{where}: type {schema['type']!r}"
    if schema.get("type") == "array" and "items" not in schema:
        yield f"{where}: an array of what?"
    for word in ("exclusiveMinimum", "exclusiveMaximum", "nullable"):
        if not isinstance(schema.get(word, True), bool):
            yield f"{where}: {word} {schema[word]!r}"
    yield from (f"{where}: empty {word}" for word in LISTS if schema.get(word) == [])


def inner_schemas(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for word in LISTS:
        yield from ((f"{word}/{i}", entry) for i, entry in enumerate(schema.get(word, ())))
    yield from ((word, schema[word]) for word in ("items", "not") if word in schema)
    yield from schema.get("properties", {}).items()
    if not isinstance(schema.get("additionalProperties", True), bool):
        yield "*", schema["additionalProperties"]


def content_faults(content: dict[str, Any], where: str) -> Iterator[str]:
    for media, entry in content.items():
        yield from (f"{where} {media}: {word}" for word in set(entry) - MEDIA_WORDS)
        if "schema" in entry:
            yield from schema_faults(entry["schema"], f"{where} {media}")


def operation_faults(operation: dict[str, Any], where: str) -> Iterator[str]:
    yield from (f"{where}: {word}" for word in set(operation) - OPERATION_WORDS)
    for parameter in operation.get("parameters", ()):
        here = f"{where} {parameter['name']}"
        yield from (f"{here}: {word}" for word in set(parameter) - PARAMETER_WORDS)
        yield from schema_faults(parameter["schema"], here)
        if "nullable" in parameter["schema"]:
            yield f"{here}: what is not sent cannot be null"
        if parameter["in"] == "path" and not parameter["required"]:
            yield f"{here}: a part of the path is always there"
    body = operation.get("requestBody", {})
    yield from content_faults(body.get("content", {}), f"{where} body")
    for status, answer in operation["responses"].items():
        yield from (f"{where} {status}: {word}" for word in set(answer) - RESPONSE_WORDS)
        yield from content_faults(answer.get("content", {}), f"{where} {status}")
        if not answer.get("description"):
            yield f"{where} {status}: no description"


def test_the_document_is_of_version_3_0_and_of_its_media_type(client: Client, document: dict[str, Any]) -> None:
    answer = client.get("/openapi.json")
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    assert document["openapi"] == "3.0.3"
    assert set(document) <= {"openapi", "info", "servers", "paths", "components", "security", "tags", "externalDocs"}
    assert set(document["info"]) <= {"title", "description", "termsOfService", "contact", "license", "version"}


def test_no_keyword_is_unknown_to_version_3_0(document: dict[str, Any]) -> None:
    faults = [fault for path, method, said in said_of(document) for fault in operation_faults(said, f"{method} {path}")]
    for name, schema in document["components"]["schemas"].items():
        faults += schema_faults(schema, name)
    assert faults == []


def test_the_checker_of_this_test_finds_what_is_wrong() -> None:
    wrong = {
        "type": ["string", "null"],
        "examples": [1],
        "exclusiveMinimum": 1,
        "const": 3,
        "anyOf": [{"type": "null"}],
    }
    said = list(schema_faults(wrong, "here"))
    assert len(said) == 5, said


def test_every_reference_leads_somewhere_and_every_id_is_distinct(document: dict[str, Any]) -> None:
    for reference in references(document):
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step.replace("~1", "/").replace("~0", "~")]
    ids = [said["operationId"] for _, _, said in operations(document)]
    assert len(set(ids)) == len(ids)


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for entry in value.values():
            yield from references(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from references(entry)


def test_every_part_of_a_path_in_braces_is_a_parameter(document: dict[str, Any]) -> None:
    for path, _, said in said_of(document):
        named = {part.partition("}")[0] for part in path.split("{")[1:]}
        assert {p["name"] for p in said.get("parameters", ()) if p["in"] == "path"} == named, path


def test_every_operation_declares_its_answer_and_every_problem(document: dict[str, Any]) -> None:
    for path, method, said in said_of(document):
        assert {str(status) for _, status in STATUS} <= set(said["responses"]), path
        assert any(status.startswith("2") for status in said["responses"]), (method, path)
        assert "422" not in said["responses"] or "Problem" in str(said["responses"]["422"])
        assert said["responses"]["default"]["content"].keys() == {"application/problem+json", "text/html"}


@pytest.mark.parametrize(
    "path",
    ["/", "/conformance", "/collections", "/collections/{layer}", "/collections/{layer}/items", "/collections/{layer}/schema",
     "/collections/{layer}/tiles", "/tileMatrixSets", "/styles", "/styles/{style}", "/coverage/{rule}/gaps", "/tiles/{layer}/{z}/{x}/{y}.{ending}"],
)  # fmt: skip
def test_what_is_answered_is_of_a_declared_media_type(client: Client, document: dict[str, Any], path: str) -> None:
    declared = document["paths"][path]["get"]["responses"]["200"]["content"]
    values = {"layer": "cameras", "rule": "charger-service", "style": "cameras", "z": 10, "x": COLUMN, "y": ROW}
    for ending in ("mvt", "geojson"):
        address = path.format(**values, ending=ending)
        for accept in ("*/*", "text/html"):
            answer = client.get(address, headers={"accept": accept})
            assert answer.status_code in (200, 204)
            if answer.status_code == 200:
                assert answer.headers["content-type"].partition(";")[0] in declared, address


def test_pages_are_declared_where_f_has_html(document: dict[str, Any]) -> None:
    pages = {
        path
        for path, method, said in said_of(document)
        if "text/html" in said["responses"].get("200", {}).get("content", {})
    }
    assert {
        "/",
        "/conformance",
        "/collections",
        "/collections/{layer}",
        "/collections/{layer}/items",
        "/coverage",
    } <= pages
    assert "/healthz" not in pages


@pytest.fixture(scope="module")
def items(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {p["name"]: p for p in document["paths"]["/collections/{layer}/items"]["get"]["parameters"]}


def test_the_limit_is_declared_as_ogc_wants_it(items: dict[str, dict[str, Any]]) -> None:
    limit = items["limit"]
    assert (limit["in"], limit["style"], limit["explode"], limit["required"]) == ("query", "form", False, False)
    assert limit["schema"].items() >= {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 10}.items()


def test_the_box_is_declared_as_ogc_wants_it(items: dict[str, dict[str, Any]]) -> None:
    bbox = items["bbox"]
    assert (bbox["in"], bbox["style"], bbox["explode"], bbox["required"]) == ("query", "form", False, False)
    assert bbox["schema"] == {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 6}


def test_the_time_is_declared_as_ogc_wants_it(items: dict[str, dict[str, Any]]) -> None:
    datetime = items["datetime"]
    assert (datetime["in"], datetime["style"], datetime["explode"]) == ("query", "form", False)
    assert datetime["schema"]["type"] == "string"


def test_the_systems_of_coordinates_are_listed(items: dict[str, dict[str, Any]]) -> None:
    for name in ("crs", "bbox-crs", "filter-crs"):
        assert items[name]["schema"]["enum"] == URIS


def test_layers_and_rules_are_listed_where_one_is_asked_for(client: Client, document: dict[str, Any]) -> None:
    for path, _, said in said_of(document):
        for parameter in said.get("parameters", ()):
            if parameter["in"] == "path" and parameter["name"] == "layer":
                assert parameter["schema"]["enum"] == list(LAYERS), path
            if parameter["in"] == "path" and parameter["name"] == "rule":
                assert "charger-service" in parameter["schema"]["enum"]


def test_it_says_how_to_say_who_asks(document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    assert {(s["type"], s.get("in"), s.get("name")) for s in schemes.values()} == {
        ("http", None, None), ("apiKey", "header", "X-API-Key"), ("apiKey", "cookie", "twin_session"),
    }  # fmt: skip
    assert {} in document["security"], "some things are for everybody"


def test_the_server_is_where_the_caller_found_it(client: Client) -> None:
    answer = client.get("/openapi.json", headers={"host": "gis.example:8443"})
    assert answer.json()["servers"] == [{"url": "http://gis.example:8443"}]


def test_the_tiles_have_the_operation_ids_that_ogc_prescribes(document: dict[str, Any]) -> None:
    ids = {path: item["get"]["operationId"] for path, item in document["paths"].items() if "get" in item}
    grid = "/collections/{layer}/tiles/WebMercatorQuad"
    assert ids["/collections/{layer}/tiles"].endswith(".collection.vector.getTileSetsList")
    assert ids[grid].endswith(".collection.vector.getTileSet")
    assert ids[grid + "/{z}/{y}/{x}"].endswith(".collection.vector.getTile")
    assert ids["/tileMatrixSets"] == "getTileMatrixSetsList"
    assert ids["/tileMatrixSets/WebMercatorQuad"] == "getTileMatrixSet"


@pytest.mark.parametrize(
    ("new", "old"),
    [
        pytest.param({"type": ["string", "null"]}, {"type": "string", "nullable": True}, id="a type or null"),
        pytest.param({"anyOf": [{"type": "string", "maxLength": 5}, {"type": "null"}], "title": "T"},
                     {"type": "string", "maxLength": 5, "nullable": True, "title": "T"}, id="something or null"),
        pytest.param({"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]},
                     {"anyOf": [{"type": "string"}, {"type": "integer"}], "nullable": True}, id="two things or null"),
        pytest.param({"anyOf": [{"$ref": "#/x"}, {"type": "null"}], "title": "T"},
                     {"allOf": [{"$ref": "#/x"}], "nullable": True, "title": "T"}, id="a reference or null"),
        pytest.param({"type": ["string", "number"]}, {"anyOf": [{"type": "string"}, {"type": "number"}]}, id="two types"),
        pytest.param({"type": ["array", "string"]}, {"anyOf": [{"type": "array", "items": {}}, {"type": "string"}]}, id="a list of anything"),
        pytest.param({"type": "null"}, {"nullable": True, "enum": [None]}, id="only null"),
        pytest.param({"const": 3}, {"enum": [3]}, id="a constant"),
        pytest.param({"examples": ["a", "b"]}, {"example": "a"}, id="examples"),
        pytest.param({"exclusiveMinimum": 0}, {"minimum": 0, "exclusiveMinimum": True}, id="above"),
        pytest.param({"exclusiveMinimum": 0, "minimum": 5}, {"minimum": 5}, id="above, and at least more"),
        pytest.param({"exclusiveMaximum": 9, "maximum": 12}, {"maximum": 9, "exclusiveMaximum": True}, id="below"),
        pytest.param({"prefixItems": [{"type": "number"}], "maxItems": 1}, {"items": {"anyOf": [{"type": "number"}]}, "maxItems": 1}, id="a tuple"),
        pytest.param({"type": "string", "contentMediaType": "application/octet-stream"}, {"type": "string", "format": "binary"}, id="a file"),
        pytest.param({"propertyNames": {"maxLength": 5}, "type": "object"}, {"type": "object"}, id="names of properties"),
        pytest.param({"properties": {"examples": {"const": 1}}}, {"properties": {"examples": {"enum": [1]}}}, id="a property called so"),
        pytest.param({"additionalProperties": {"type": ["string", "null"]}}, {"additionalProperties": {"type": "string", "nullable": True}}, id="other properties"),
        pytest.param(True, {}, id="anything"),
        pytest.param(False, {"not": {}}, id="nothing"),
    ],
)  # fmt: skip
def test_a_schema_of_3_1_is_said_in_3_0(new: Any, old: dict[str, Any]) -> None:
    assert schema_30(new) == old
    assert list(schema_faults(old, "here")) == []


kinds = st.sampled_from(["string", "integer", "boolean", "null"])
schemas = st.recursive(
    st.one_of(
        st.builds(lambda kind: {"type": kind}, kinds),
        st.builds(lambda found: {"type": found}, st.lists(kinds, min_size=1, max_size=3, unique=True)),
        st.builds(lambda low: {"type": "integer", "exclusiveMinimum": low}, st.integers(-3, 3)),
        st.builds(lambda low, above: {"type": "integer", "minimum": low, "exclusiveMinimum": above}, st.integers(-3, 3), st.integers(-3, 3)),
        st.builds(lambda value: {"const": value}, st.sampled_from(["a", 1])),
    ),
    lambda inner: st.one_of(
        st.builds(lambda found: {"anyOf": found}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda entry: {"type": "object", "properties": {"p": entry}}, inner),
        st.builds(lambda entry: {"type": "array", "items": entry}, inner),
    ),
    max_leaves=6,
)  # fmt: skip
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-4, 4), st.sampled_from(["", "a"])),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.fixed_dictionaries({}, optional={"p": inner})),
    max_leaves=4,
)


def is_valid_30(value: Any, schema: dict[str, Any]) -> bool:
    """Validation as OpenAPI 3.0 means it: ``nullable`` lets null through; booleans at ``exclusiveMinimum``."""
    if value is None and schema.get("nullable"):
        return True
    if value is None and "type" in schema:
        return False
    if "anyOf" in schema and not any(is_valid_30(value, entry) for entry in schema["anyOf"]):
        return False
    if isinstance(value, dict) and not all(
        is_valid_30(value[k], v) for k, v in schema.get("properties", {}).items() if k in value
    ):
        return False
    if isinstance(value, list) and "items" in schema and not all(is_valid_30(v, schema["items"]) for v in value):
        return False
    plain = {k: v for k, v in schema.items() if k in ("type", "enum")}
    if schema.get("exclusiveMinimum"):
        plain["exclusiveMinimum"] = schema["minimum"]
    elif "minimum" in schema:
        plain["minimum"] = schema["minimum"]
    return bool(jsonschema.Draft202012Validator(plain).is_valid(value))


@given(schemas, values)
def test_what_is_valid_before_is_valid_after_and_nothing_else(schema: dict[str, Any], value: Any) -> None:
    mended = schema_30(schema)
    assert list(schema_faults(mended, "here")) == []
    assert is_valid_30(value, mended) == jsonschema.Draft202012Validator(schema).is_valid(value)


def test_the_document_given_stays_as_it_is() -> None:
    before: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "paths": {
            "/": {"get": {"responses": {"200": {"description": "x", "content": {"a/b": {"schema": {"const": 1}}}}}}}
        },
    }
    after = to_30(before)
    assert before["openapi"] == "3.1.0"
    assert before["paths"]["/"]["get"]["responses"]["200"]["content"]["a/b"]["schema"] == {"const": 1}
    assert after["paths"]["/"]["get"]["responses"]["200"]["content"]["a/b"]["schema"] == {"enum": [1]}
    assert "get" in METHODS
