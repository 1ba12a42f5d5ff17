"""An OpenAPI 3.1 document as FastAPI makes it, said in OpenAPI 3.0.3. Values only; what 3.0 cannot say is left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Schema = dict[str, Any]
VERSION = "3.0.3"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
NULL: Schema = {"nullable": True, "enum": [None]}
LISTS = ("allOf", "anyOf", "oneOf")
UNSAID = frozenset({
    "$schema", "$id", "$anchor", "$comment", "$dynamicRef", "$vocabulary", "contains", "contentSchema", "dependentRequired",
    "dependentSchemas", "else", "if", "maxContains", "minContains", "propertyNames", "then", "unevaluatedItems",
    "unevaluatedProperties",
})  # fmt: skip
"""Keywords that 3.0 does not have and that only narrow what is allowed."""


def to_30(document: Mapping[str, Any]) -> dict[str, Any]:
    """The whole document; the one given stays as it is."""
    parts = {name: value for name, value in document.items() if name not in ("webhooks", "jsonSchemaDialect")}
    components = {**parts.get("components", {})}
    schemas = components.get("schemas", {})
    components["schemas"] = {name: schema_30(schema) for name, schema in schemas.items()}
    paths = {path: _path(item) for path, item in parts["paths"].items()}
    return {**parts, "openapi": VERSION, "paths": paths, "components": components}


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation, one after the other."""
    for path, item in document["paths"].items():
        yield from ((path, method, item[method]) for method in METHODS if method in item)


def _path(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _operation(value) if name in METHODS else value for name, value in item.items()}


def _operation(operation: Mapping[str, Any]) -> dict[str, Any]:
    said = {**operation}
    if "parameters" in said:
        said["parameters"] = [_parameter(parameter) for parameter in said["parameters"]]
    if "requestBody" in said:
        said["requestBody"] = _with_content(said["requestBody"])
    said["responses"] = {status: _with_content(answer) for status, answer in said["responses"].items()}
    return said


def _with_content(holder: Mapping[str, Any]) -> dict[str, Any]:
    """A request body, a response or a header with its schemas."""
    said = {**holder}
    if "schema" in said:
        said["schema"] = schema_30(said["schema"])
    if "headers" in said:
        said["headers"] = {name: _with_content(header) for name, header in said["headers"].items()}
    if "content" in said:
        said["content"] = {
            media: {**entry, "schema": schema_30(entry["schema"])} if "schema" in entry else entry
            for media, entry in said["content"].items()
        }
    return said


def _parameter(parameter: Mapping[str, Any]) -> dict[str, Any]:
    """A parameter that is not sent has no value at all, so none may be null. Lists are written with commas."""
    said = {**parameter}
    if "schema" in said:
        said["schema"] = {name: value for name, value in schema_30(said["schema"]).items() if name != "nullable"}
        if said["in"] == "query":
            said = {"style": "form", "explode": False, **said}
    return said


def schema_30(schema: Any) -> Schema:
    """A JSON Schema of draft 2020-12 as OpenAPI 3.0 writes it."""
    if isinstance(schema, bool):
        return {} if schema else {"not": {}}
    said: Schema = {name: _keyword(name, value) for name, value in schema.items() if name not in UNSAID}
    for mend in (_const, _examples, _bounds, _tuple, _patterns, _content, _null, _types, _reference):
        mend(said)
    return said


def _keyword(name: str, value: Any) -> Any:
    if name == "properties":
        return {key: schema_30(entry) for key, entry in value.items()}
    if name in LISTS:
        return [schema_30(entry) for entry in value]
    if name in ("items", "not"):
        return schema_30(value)
    if name == "additionalProperties" and not isinstance(value, bool):
        return schema_30(value)
    return value


def _const(said: Schema) -> None:
    if "const" in said:
        said["enum"] = [said.pop("const")]


def _examples(said: Schema) -> None:
    examples = said.pop("examples", None)
    if examples:
        said.setdefault("example", examples[0])


def _bounds(said: Schema) -> None:
    for exclusive, bound, tighter in (("exclusiveMinimum", "minimum", max), ("exclusiveMaximum", "maximum", min)):
        value = said.get(exclusive)
        if value is None or isinstance(value, bool):
            continue
        said[bound] = tighter(value, said.get(bound, value))
        if said[bound] == value:
            said[exclusive] = True
        else:
            said.pop(exclusive)


def _tuple(said: Schema) -> None:
    if "prefixItems" in said:
        entries = said.pop("prefixItems")
        said["items"] = {"anyOf": [schema_30(entry) for entry in entries]} if entries else {}


def _patterns(said: Schema) -> None:
    patterns = said.pop("patternProperties", None)
    if patterns:
        said["additionalProperties"] = {"anyOf": [schema_30(entry) for entry in patterns.values()]}


def _content(said: Schema) -> None:
    if said.pop("contentMediaType", None):
        said.setdefault("format", "binary")
    if said.pop("contentEncoding", None):
        said["format"] = "byte"


def _null(said: Schema) -> None:
    """``anyOf`` with null becomes ``nullable``; what stands alone then needs no ``anyOf``."""
    for name in ("anyOf", "oneOf"):
        if NULL in said.get(name, ()):
            left = [entry for entry in said.pop(name) if entry != NULL]
            said |= {"nullable": True} if left else NULL
            said |= (
                {name: left} if len(left) > 1 else {k: v for entry in left for k, v in entry.items() if k not in said}
            )


def _types(said: Schema) -> None:
    """A list of types becomes ``nullable`` and ``anyOf``."""
    if "type" not in said:
        return
    types = said.pop("type")
    types = [types] if isinstance(types, str) else types
    named = [kind for kind in types if kind != "null"]
    if not named:
        said |= NULL
        return
    if "null" in types:
        said["nullable"] = True
    if len(named) == 1:
        said["type"] = named[0]
    else:
        said["anyOf"] = [{"type": kind, "items": {}} if kind == "array" else {"type": kind} for kind in named]


def _reference(said: Schema) -> None:
    """Beside ``$ref`` nothing else counts in 3.0: it goes into an ``allOf``."""
    if "$ref" in said and len(said) > 1:
        said["allOf"] = [*said.get("allOf", []), {"$ref": said.pop("$ref")}]
