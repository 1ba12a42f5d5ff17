"""Map styles (Mapbox GL JSON, version 8) for every layer and every rule with hexes. No glyphs, sprites or foreign addresses.

A layer's style is derived from its type: a new layer needs no line here. Colours are those of the planners' map.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from twin.api.html import AS_DOCUMENT, PageLanguage, document, self_links
from twin.api.landing import STYLE
from twin.api.replies import json_reply, link, url
from twin.api.tiles import FEATURES_FROM
from twin.api.world import Served
from twin.coverage import RULES
from twin.errors import NotFound
from twin.layers import LAYERS, LayerType
from twin.maps import FADED_HEX_ALPHA, HEX_ALPHA, NEUTRAL, PALETTE, SCALES
from twin.plan import Clause

router = APIRouter(tags=["styles"])
SOURCE = "twin"
Layer = dict[str, Any]
Expression = list[Any]
COUNTS = (10, 100, 1000, 10_000)
"""Classes of counts in a hex or an aggregate, closed below; the map's own follow the data, a style cannot."""
CONTEXT = {"water": "water", "roads": "road"}
"""Colours of context layers that the palette names; the others are drawn as town lines are."""


@router.get("/styles", dependencies=AS_DOCUMENT)
def styles(request: Request, world: Served, lang: PageLanguage) -> Response:
    """The styles: one a layer, one a rule that has hexes."""
    titles = {name: kind.title.in_language(lang) for name, kind in LAYERS.items()}
    titles |= {c.id: c.title if lang == "zh" else c.title_en for c in world.twin.plan.clauses if _scale(c)}
    entries = [
        {"id": name, "title": title, "links": [link(request, "stylesheet", f"/styles/{name}", title, STYLE)]}
        for name, title in titles.items()
    ]
    return document(request, {"styles": entries, "links": self_links(request)}, "styles")


@router.get("/styles/{style}")
def style(request: Request, world: Served, style: str, lang: PageLanguage) -> Response:
    """A Mapbox GL style: of a layer by its name, of a rule's hexes by its clause."""
    clauses = {c.id: c for c in world.twin.plan.clauses if _scale(c)}
    if style in LAYERS:
        kind = LAYERS[style]
        tilejson = url(request, f"/tiles/{style}/tilejson.json")
        return json_reply(request, _style(kind.title.in_language(lang), tilejson, _layers(kind)), STYLE)
    if style in clauses:
        clause = clauses[style]
        tilejson = url(request, f"/tiles/coverage/{style}/tilejson.json")
        title = clause.title if lang == "zh" else clause.title_en
        return json_reply(request, _style(title, tilejson, [_hexes(clause)]), STYLE)
    known = ", ".join([*LAYERS, *clauses])
    raise NotFound(f"没有样式“{style[:80]}”。现有：{known}", f"no style {style[:80]!r}; there are: {known}")


def _style(title: str, tilejson: str, layers: list[Layer]) -> dict[str, Any]:
    source = {"type": "vector", "url": tilejson}
    ground: Layer = {"id": "ground", "type": "background", "paint": {"background-color": PALETTE["ground"]}}
    return {"version": 8, "name": title, "sources": {SOURCE: source}, "layers": [ground, *layers]}


def _layer(name: str, kind: str, of: str, paint: dict[str, Any], **more: Any) -> Layer:
    return {"id": name, "type": kind, "source": SOURCE, "source-layer": of, "paint": paint, **more}


def _layers(kind: LayerType) -> list[Layer]:
    """How a layer is drawn, bottom layer first."""
    if kind.geometry == "point":
        return [_aggregates(kind.name), _points(kind.name)]
    if not kind.context:
        return [_layer("outline", "line", kind.name, {"line-color": PALETTE["town-line"], "line-width": 1})]
    colour = PALETTE[CONTEXT.get(kind.name, "town-line")]
    line = _layer("line", "line", kind.name, {"line-color": colour, "line-width": 1})
    if kind.geometry == "line":
        return [line]
    is_area: Expression = ["==", ["geometry-type"], "Polygon"]
    opacity = 1 if kind.name in CONTEXT else FADED_HEX_ALPHA
    return [_layer("area", "fill", kind.name, {"fill-color": colour, "fill-opacity": opacity}, filter=is_area), line]


def _aggregates(name: str) -> Layer:
    """Counts per cell, larger and darker with the number of points."""
    count: Expression = ["get", "point_count"]
    paint = {
        "circle-color": _step(count, COUNTS, NEUTRAL),
        "circle-radius": ["interpolate", ["linear"], ["log10", count], 0, 4, 4, 28],
        "circle-opacity": HEX_ALPHA,
        "circle-stroke-color": PALETTE["outside"],
        "circle-stroke-width": 1,
    }
    return _layer("aggregates", "circle", name, paint, maxzoom=FEATURES_FROM, filter=["has", "point_count"])


def _points(name: str) -> Layer:
    """Each thing by its state: operating filled, managed grey, being built a thick ring, planned a thin one."""
    state: Expression = ["get", "lifecycle"]
    ink, white = PALETTE["ink"], PALETTE["outside"]
    offline: Expression = ["==", ["get", "online"], False]
    paint = {
        "circle-radius": ["interpolate", ["linear"], ["zoom"], FEATURES_FROM, 3, 18, 8],
        "circle-color": ["match", state, ["planned", "building"], white, "managed", PALETTE["managed"], ink],
        "circle-stroke-width": ["match", state, "building", 3, 1.5],
        "circle-stroke-color": [
            "case",
            ["in", state, ["literal", ["planned", "building", "managed"]]], ink,
            ["!", ["has", "online"]], PALETTE["unknown"],
            offline, PALETTE["offline"],
            white,
        ],
    }  # fmt: skip
    return _layer("points", "circle", name, paint, minzoom=FEATURES_FROM, filter=["!=", state, "retired"])


def _scale(clause: Clause) -> str | None:
    """How the hexes of a clause are classed, a name of ``SCALES``; None: it has none."""
    rule = RULES[clause.rule]
    kind = rule.kind if rule.needs is None else RULES[rule.needs].kind
    if kind == "share":
        return "share" if clause.value and clause.operator != "at-most" else "portion"
    return {"service": "service", "density": "target" if clause.value else None, "count": "count"}.get(kind)


def _hexes(clause: Clause) -> Layer:
    """The hexes of a rule, worst class darkest."""
    name = _scale(clause)
    assert name is not None
    scale, value = SCALES[name], ["get", "value"]
    is_valued: Expression = ["has", "status" if name == "service" else "value"]
    if name == "service":
        pairs = [part for pair in zip(scale["status"], scale["colours"], strict=True) for part in pair]
        colour: Expression = ["match", ["get", "status"], *pairs, PALETTE["hatch"]]
    else:
        factor = 1.0 if name == "portion" else clause.value or 1.0
        breaks = COUNTS if name == "count" else [b * factor for b in scale["breaks"]]
        colour = _step(value, breaks, scale["colours"])
    paint = {
        "fill-color": colour,
        "fill-opacity": ["step", ["zoom"], HEX_ALPHA, FEATURES_FROM, FADED_HEX_ALPHA],
        "fill-antialias": False,
    }
    return _layer("hexes", "fill", clause.id, paint, filter=is_valued)


def _step(value: Expression, breaks: Sequence[float], colours: Sequence[str]) -> Expression:
    """Classes closed below: one colour more than breaks."""
    pairs = [part for pair in zip(breaks, colours[1:], strict=True) for part in pair]
    return ["step", value, colours[0], *pairs]
