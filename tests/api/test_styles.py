"""Map styles: every layer and every rule with hexes has one, and all it names is there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.api.conftest import MIDDLE, Client
from twin.api.mercator import lnglat_to_unit
from twin.layers import LAYERS
from twin.maps import SCALES

COLUMN, ROW = (lnglat_to_unit(np.array([[MIDDLE, 31.02]]))[0] * 2**10).astype(int).tolist()
"""The tile of zoom 10 that the small world lies in."""
STYLE = "application/vnd.mapbox.style+json"
PAINT = {
    "background": {"background-color"},
    "circle": {"circle-radius", "circle-color", "circle-opacity", "circle-stroke-color", "circle-stroke-width"},
    "line": {"line-color", "line-width", "line-opacity"},
    "fill": {"fill-color", "fill-opacity", "fill-antialias"},
}
"""Of the Mapbox style specification, version 8: the paint properties that are used here, by type of layer."""
OPERATORS = {
    "get": 1, "has": 1, "!": 1, "zoom": 0, "literal": 1, "log10": 1, "geometry-type": 0, "==": 2, "!=": 2, "in": 2,
}  # fmt: skip
"""Expressions with a fixed number of arguments."""
RULES = ("charger-service", "camera-density", "camera-count", "radio-coverage", "charger-balance")


@pytest.fixture(scope="module")
def styles(client: Client) -> dict[str, dict[str, Any]]:
    entries = client.get("/styles").json()["styles"]
    return {entry["id"]: client.get(entry["links"][0]["href"]).json() for entry in entries}


def expressions(value: Any) -> Iterator[list[Any]]:
    if isinstance(value, list) and value and isinstance(value[0], str):
        yield value
        labels = range(2, len(value) - 1, 2) if value[0] == "match" else ()
        if value[0] != "literal":
            for i, part in enumerate(value[1:], 1):
                if i not in labels:
                    yield from expressions(part)


def test_every_layer_and_every_rule_with_hexes_has_a_style(styles: dict[str, dict[str, Any]]) -> None:
    assert set(LAYERS) <= set(styles)
    assert set(RULES) <= set(styles)
    assert {"vital-signs", "net-access", "lifecycle"}.isdisjoint(styles), "these have no hexes"


def test_styles_are_of_version_8_with_one_vector_source(styles: dict[str, dict[str, Any]]) -> None:
    for name, style in styles.items():
        assert style["version"] == 8
        assert set(style) == {"version", "name", "sources", "layers"}, "no glyphs, no sprites"
        (source,) = style["sources"].values()
        assert source["type"] == "vector", name
        ids = [layer["id"] for layer in style["layers"]]
        assert len(set(ids)) == len(ids)
        for layer in style["layers"]:
            assert set(layer["paint"]) <= PAINT[layer["type"]], (name, layer["id"])
            if layer["type"] != "background":
                assert layer["source"] in style["sources"]


def test_expressions_have_as_many_arguments_as_they_need(styles: dict[str, dict[str, Any]]) -> None:
    for style in styles.values():
        for layer in style["layers"]:
            for value in (*layer["paint"].values(), layer.get("filter")):
                for operator, *rest in expressions(value):
                    if operator in OPERATORS:
                        assert len(rest) == OPERATORS[operator], operator
                    elif operator == "step":
                        stops = rest[2::2]
                        assert len(rest) % 2 == 0
                        assert stops == sorted(set(stops)), "stops ascend"
                    elif operator == "match":
                        assert len(rest) >= 4
                        assert len(rest) % 2 == 0, "pairs and a default"
                    elif operator == "case":
                        assert len(rest) % 2 == 1, "pairs and a default"
                    else:
                        assert operator in ("interpolate", "linear"), operator


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_s_style_draws_its_tiles(client: Client, styles: dict[str, dict[str, Any]], layer: str) -> None:
    (source,) = styles[layer]["sources"].values()
    tilejson = client.get(source["url"]).json()
    drawn = {entry["source-layer"] for entry in styles[layer]["layers"] if "source-layer" in entry}
    assert drawn == {entry["id"] for entry in tilejson["vector_layers"]} == {layer}


def test_points_are_counts_below_zoom_13_and_themselves_from_there_on(styles: dict[str, dict[str, Any]]) -> None:
    _, counts, points = styles["cameras"]["layers"]
    assert (counts["maxzoom"], points["minzoom"]) == (13, 13)
    assert "point_count" in str(counts["filter"])
    assert "lifecycle" in str(points["paint"])


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_s_style_draws_its_hexes(client: Client, styles: dict[str, dict[str, Any]], rule: str) -> None:
    (source,) = styles[rule]["sources"].values()
    tilejson = client.get(source["url"]).json()
    assert client.get(tilejson["tiles"][0].format(z=10, x=COLUMN, y=ROW)).status_code == 200
    assert [entry["id"] for entry in tilejson["vector_layers"]] == [rule]
    assert styles[rule]["layers"][1]["source-layer"] == rule


def test_styles_ask_only_for_fields_that_the_tiles_have(client: Client, styles: dict[str, dict[str, Any]]) -> None:
    n_asked = 0
    for name in (*LAYERS, *RULES):
        (source,) = styles[name]["sources"].values()
        (described,) = client.get(source["url"]).json()["vector_layers"]
        for layer in styles[name]["layers"]:
            values = (*layer["paint"].values(), layer.get("filter"))
            asked = {e[1] for value in values for e in expressions(value) if e[0] in ("get", "has")}
            assert asked <= set(described["fields"]), (name, layer["id"])
            n_asked += len(asked)
    assert n_asked > len(RULES)


def test_a_density_breaks_exactly_at_its_target(styles: dict[str, dict[str, Any]]) -> None:
    colour = styles["camera-density"]["layers"][1]["paint"]["fill-color"]
    assert colour[3::2] == pytest.approx([60, 120, 180, 360])
    assert tuple(colour[2::2]) == SCALES["target"]["colours"]


def test_a_service_is_coloured_by_its_status(styles: dict[str, dict[str, Any]]) -> None:
    colour = styles["charger-service"]["layers"][1]["paint"]["fill-color"]
    assert colour[2:8] == ["none", "#C9540A", "part", "#F2C078", "all", "#E3EEF6"]


def test_a_style_has_its_media_type_and_its_title_in_both_languages(client: Client) -> None:
    for lang, name in (("zh", "视频监控"), ("en", "Cameras")):
        answer = client.get(f"/styles/cameras?lang={lang}")
        assert answer.headers["content-type"] == STYLE
        assert answer.json()["name"] == name


def test_an_unknown_style_names_the_known_ones(client: Client) -> None:
    answer = client.get("/styles/ufos")
    assert answer.status_code == 404
    assert "cameras" in answer.json()["detail"]
