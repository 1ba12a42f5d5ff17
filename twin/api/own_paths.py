"""The paths of each layer in the OpenAPI document, beside those with ``{layer}``: its items with what may be asked of them.

Clients (GDAL among them) look there for the names that they can send a condition by. What repeats is said once, in the
components.
"""

from __future__ import annotations

from typing import Any

from twin.api.collections import schema
from twin.layers import LAYERS, LayerType
from twin.layers.filter_columns import queryables

Document = dict[str, Any]
TEMPLATE = "/collections/{layer}/items"
TAG = {
    "name": "layers",
    "description": "各图层的要素，与带 {layer} 的路径相同 / each layer's features, as by the path with {layer}",
}
ASKED = ("type", "format", "enum", "minimum", "maximum")
"""Of a property's schema what holds of a value that is asked for."""


def add_own_paths(document: Document) -> None:
    """Of every layer the path of its items, with each of its queryables as a parameter."""
    operations = document["paths"][TEMPLATE]
    taken = {parameter["name"] for parameter in operations["get"]["parameters"]}
    asked = {name: [p for p in _queryables(kind) if p["name"] not in taken] for name, kind in LAYERS.items()}
    everywhere = [p for p in asked[next(iter(asked))] if all(p in others for others in asked.values())]
    document.setdefault("tags", []).append(TAG)
    shared = {method: _shared(document, method, said) for method, said in operations.items()}
    references = {p["name"]: _component(document, "parameters", f"queryable.{p['name']}", p) for p in everywhere}
    for name, kind in LAYERS.items():
        own = [references[p["name"]] if p in everywhere else p for p in asked[name]]
        document["paths"][TEMPLATE.format(layer=name)] = {
            method: _own(said, kind, own if method == "get" else []) for method, said in shared.items()
        }


def _queryables(kind: LayerType) -> list[Document]:
    """Each property that a filter may name, but the geometry, as a parameter: what is equal to it."""
    zh, en = (schema(kind, "", lang, queryables=True)["properties"] for lang in ("zh", "en"))
    return [
        {
            "name": name, "in": "query", "required": False, "description": _description(zh[name], en[name]),
            "schema": {word: zh[name][word] for word in ASKED if word in zh[name]},
        }
        for name, what in queryables(kind).items() if what != "shape"
    ]  # fmt: skip


def _description(zh: Document, en: Document) -> str:
    unit = f" ({zh['x-unit']})" if "x-unit" in zh else ""
    return f"{zh['title']} / {en['title']}{unit}"


def _shared(document: Document, method: str, operation: Document) -> Document:
    """An operation of any layer, its parameters but the layer, its body and its answers as references.

    QGIS looks for the size of its pages at ``#/components/parameters/limit``.
    """
    said = {**operation, "tags": [TAG["name"]]}
    said["parameters"] = [
        _component(document, "parameters", p["name"] if method == "get" else f"{method}.{p['name']}", p)
        for p in operation["parameters"] if p["name"] not in ("layer", "queryables")
    ]  # fmt: skip
    if "requestBody" in operation:
        said["requestBody"] = _component(document, "requestBodies", f"items.{method}", operation["requestBody"])
    said["responses"] = {
        status: answer if "$ref" in answer else _component(document, "responses", f"items.{method}.{status}", answer)
        for status, answer in operation["responses"].items()
    }
    return said


def _own(operation: Document, kind: LayerType, queryable: list[Document]) -> Document:
    return {
        **operation,
        "summary": f"{kind.title.zh} / {kind.title.en}: {operation['summary']}",
        "operationId": f"{operation['operationId']}_{kind.name}",
        "parameters": [*operation["parameters"], *queryable],
    }


def _component(document: Document, section: str, name: str, value: Document) -> Document:
    """The value among the components, and what refers to it there."""
    document["components"].setdefault(section, {})[name] = value
    return {"$ref": f"#/components/{section}/{name}"}
