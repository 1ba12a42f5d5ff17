"""The planners' map, authored in pydeck: what is drawn, in which order and in which colour. Computes nothing.

No data lies in a deck: a layer names a tile address or a function of the page (``twin/api/static/catalogue.js``), which
answers with what the page fetched. Props that deck.gl does not know speak to the page: ``toggle`` is the switch that
governs a layer, ``fromZoom`` and ``toZoom`` bound where it shows.
"""

from __future__ import annotations

import json
from typing import Any

import pydeck as pdk
from pydeck.types import Function

PALETTE = {
    "ground": "#F4F6F8",
    "outside": "#FFFFFF",
    "water": "#CFD6DB",
    "road": "#D5DAE0",
    "ink": "#1C2530",
    "second": "#56616E",
    "town-line": "#6B7682",
    "met-text": "#0B5394",
    "met-tint": "#E3EEF6",
    "unmet-text": "#A63A00",
    "unmet-tint": "#FBE9DD",
    "open-text": "#56616E",
    "open-tint": "#EEF0F2",
    "scenario": "#FFD83D",
    "focus": "#0B5394",
    "gap-line": "#7A2A00",
    "gap-fill": "#C9540A",
    "hatch": "#8A94A0",
    "managed": "#8A94A0",
    "offline": "#A63A00",
    "unknown": "#6B7682",
}
"""Every colour of the page but those of classes; the page reads them as CSS variables of the same names."""

TARGET_FAILING = ("#7A2A00", "#C9540A", "#E98F38")
TARGET_PASSING = ("#E3EEF6", "#B3D0E6")
SERVICE_FAILING = ("#C9540A", "#F2C078")
SERVICE_PASSING = ("#E3EEF6",)
NEUTRAL = ("#DDE1E6", "#B7BEC7", "#919AA5", "#6C7683", "#485361")

SCALES: dict[str, dict[str, Any]] = {
    "target": {"breaks": (1 / 3, 2 / 3, 1, 2), "colours": TARGET_FAILING + TARGET_PASSING},
    "service": {"status": ("none", "part", "all"), "colours": SERVICE_FAILING + SERVICE_PASSING},
    "share": {"breaks": (1 / 3, 2 / 3, 1), "colours": TARGET_FAILING + TARGET_PASSING[:1]},
    "count": {"colours": NEUTRAL},
    "portion": {"breaks": (0.2, 0.4, 0.6, 0.8), "colours": NEUTRAL},
}
"""Classes, worst first (counts and portions: fewest first), closed below. ``breaks`` are multiples of the target; of
portions, which have none to reach, they are the shares themselves."""

HEX_ALPHA, FADED_HEX_ALPHA, GAP_ALPHA, OUTSIDE_ALPHA = 0.8, 0.2, 0.35, 0.6
POINT_ZOOM, GAP_ZOOM = 13, 11.8
POINT_LAYERS = ("chargers", "radio_sites", "cameras", "sensors")
FONT = '"Noto Sans CJK SC, Microsoft YaHei, PingFang SC, sans-serif"'
MAX_TILE_ZOOM = 16
SENT = ("initialViewState", "layers", "parameters", "views")

Colour = list[int]


def rgb(name: str, alpha: float = 1.0) -> Colour:
    """A colour of the palette (or ``#RRGGBB``) as deck.gl takes it."""
    text = PALETTE.get(name, name).lstrip("#")
    return [*(int(text[i : i + 2], 16) for i in (0, 2, 4)), round(255 * alpha)]


def planners_map() -> pdk.Deck:
    """The map of ``/map``: bottom layer first."""
    layers = [*context(), *coverage(), *boundaries(), *assets(), *names(), *scenario()]
    return pdk.Deck(
        layers=layers,
        initial_view_state=pdk.ViewState(
            longitude=121.4, latitude=31.12, zoom=10, min_zoom=8, max_zoom=18, max_pitch=60
        ),
        views=[pdk.View(type="MapView", controller={"inertia": 200, "keyboard": True})],
        map_provider=None,
        map_style=None,
        parameters={"clearColor": [c / 255 for c in rgb("ground")]},
    )


def deck_json(deck: pdk.Deck) -> bytes:
    """The deck as the page takes it: compact, where pydeck's ``to_json()`` is indented and escaped, and without the keys
    of map services that pydeck reads from the environment."""
    told = json.loads(deck.to_json())
    return json.dumps({name: told[name] for name in SENT}, ensure_ascii=False, separators=(",", ":")).encode()


def page_settings() -> dict[str, Any]:
    """What the page must know of colours and classes to draw legends and marks."""
    alphas = {"hex": HEX_ALPHA, "faded": FADED_HEX_ALPHA, "gap": GAP_ALPHA}
    return {"palette": PALETTE, "scales": SCALES, "alphas": alphas, "pointZoom": POINT_ZOOM, "gapZoom": GAP_ZOOM}


def context() -> list[pdk.Layer]:
    """Water and roads, from GeoJSON tiles."""
    return [
        tiles("water", call("contextTile", fill=rgb("water"), line=rgb("water"), widthMetres=60), toggle="context"),
        tiles("roads", call("contextTile", line=rgb("road"), widthMetres=24), toggle="context"),
    ]


def coverage() -> list[pdk.Layer]:
    """Hexes of the chosen rule (towns where a role sees no more), hatching where there is no value, the veil over what lies outside, and gaps."""
    return [
        layer(
            "H3HexagonLayer", "cells", call("cells"), get_hexagon=call("cellId"), get_fill_color=call("cellColour"),
            update_triggers=call("cellTriggers"), extruded=False, stroked=False, filled=True, high_precision=True,
            pickable=True, auto_highlight=True, highlight_color=rgb("focus", 0.35), toggle="cells",
        ),
        layer(
            "H3HexagonLayer", "hatch", call("cellsWithout"), get_hexagon=call("itself"), high_precision=True,
            _sub_layer_props=call("hatchLayer"), toggle="cells",
        ),
        layer(
            "GeoJsonLayer", "town-values", call("towns"), stroked=False, get_fill_color=call("townColour"),
            update_triggers=call("townTriggers"), pickable=True, auto_highlight=True,
            highlight_color=rgb("focus", 0.35), toggle="cells",
        ),
        layer(
            "SolidPolygonLayer", "outside", call("outside"), get_polygon=call("itself"),
            get_fill_color=rgb("outside", OUTSIDE_ALPHA),
        ),
        layer(
            "GeoJsonLayer", "gap-areas", call("gaps"), stroked=False, get_fill_color=rgb("gap-fill", GAP_ALPHA),
            toggle="gaps", from_zoom=POINT_ZOOM,
        ),
        lines("gap-casings", call("gapRings"), rgb("outside"), 4, toggle="gaps", from_zoom=GAP_ZOOM),
        lines("gap-outlines", call("gapRings"), rgb("gap-line"), 2, toggle="gaps", from_zoom=GAP_ZOOM),
        layer(
            "SolidPolygonLayer", "beyond-data", call("beyond", part="sheet"), get_polygon=call("itself"),
            get_fill_color=rgb("outside"),
        ),
        lines("beyond-data-hatch", call("beyond", part="strokes"), rgb("hatch"), 1),
    ]  # fmt: skip


def boundaries() -> list[pdk.Layer]:
    """Towns, the business district, the outer ring, the district: thin below thick."""
    return [
        lines("towns", call("rings", of="town"), rgb("town-line"), 1, toggle="towns"),
        lines("cbd", call("rings", of="cbd", dashed=True), rgb("ink"), 1.5, toggle="cbd"),
        lines("ring-casing", call("rings", of="ring"), rgb("outside"), 5, toggle="ring"),
        lines("ring", call("rings", of="ring"), rgb("ink"), 2, toggle="ring"),
        lines("district", call("rings", of="district"), rgb("ink"), 2.5),
        lines("chosen-area", call("rings", of="chosen"), rgb("focus"), 3),
    ]


def assets() -> list[pdk.Layer]:
    """Things on the ground from zoom 13, one mark a layer, a style for each state."""
    return [tiles(name, call("assetTile", layer=name), toggle=name, from_zoom=POINT_ZOOM) for name in POINT_LAYERS]


def scenario() -> list[pdk.Layer]:
    """The place asked about with lines to the nearest stations; what is only a plan: stations tried and their reach."""
    return [
        lines("tried-reach-edge", call("reaches"), rgb("ink"), 4),
        lines("tried-reach", call("reaches"), rgb("scenario"), 2),
        layer(
            "LineLayer", "nearest-casing", call("nearest"), get_source_position=call("field", key="from"),
            get_target_position=call("field", key="to"), get_color=rgb("outside"), get_width=5,
        ),
        layer(
            "LineLayer", "nearest", call("nearest"), get_source_position=call("field", key="from"),
            get_target_position=call("field", key="to"), get_color=call("nearestColour"), get_width=2,
        ),
        marks("nearest-ends", call("nearestEnds"), size=16),
        marks("place", call("place"), size=38),
        marks("tried", call("tried"), size=30, pickable=True),
        words("distances", call("distances"), rgb("ink")),
    ]  # fmt: skip


def names() -> list[pdk.Layer]:
    """Names of areas and numbers of the largest gaps."""
    return [
        words("labels", call("labels"), rgb("ink"), toggle="labels"),
        marks("gap-marks", call("gapMarks"), size=26, pickable=True, toggle="gaps"),
        layer(
            "TextLayer", "gap-numbers", call("gapMarks"), get_position=call("field", key="at"),
            get_text=call("field", key="number"), get_color=rgb("outside"), get_size=14, font_family=FONT,
            font_weight=700, character_set=text("auto"), get_pixel_offset=[0, 1], toggle="gaps",
        ),
    ]  # fmt: skip


def call(name: str, **arguments: Any) -> dict[str, Any]:
    """A named function of the page, called when the deck is converted."""
    serialized: dict[str, Any] = Function(name, **arguments).serialize()
    return serialized


def text(value: str) -> str:
    """A plain string: pydeck takes an unquoted one for an expression over the data."""
    return f'"{value}"'


def layer(kind: str, name: str, data: Any, *, toggle: str = "", **props: Any) -> pdk.Layer:
    if toggle:
        props["toggle"] = text(toggle)
    return pdk.Layer(kind, data, id=name, **props)


def lines(name: str, data: Any, colour: Colour, width: float, **props: Any) -> pdk.Layer:
    """Paths of one colour, as wide in pixels at every zoom."""
    return layer(
        "PathLayer", name, data, get_path=call("itself"), get_color=colour, get_width=width, width_units=text("pixels"),
        cap_rounded=True, joint_rounded=True, **props,
    )  # fmt: skip


def tiles(name: str, draw: Any, **props: Any) -> pdk.Layer:
    """A layer of GeoJSON tiles; ``draw`` makes the sub-layer of one tile."""
    return layer(
        "TileLayer", name, f"/tiles/{name}/{{z}}/{{x}}/{{y}}.geojson", render_sub_layers=draw,
        update_triggers=call("tileTriggers"), min_zoom=int(props.get("from_zoom", 8)), max_zoom=MAX_TILE_ZOOM,
        max_requests=4, pickable="from_zoom" in props, **props,
    )  # fmt: skip


def marks(name: str, data: Any, *, size: int, **props: Any) -> pdk.Layer:
    """Symbols from the page's own atlas, of one size in pixels."""
    return layer(
        "IconLayer", name, data, icon_atlas=call("atlas"), icon_mapping=call("atlasPlaces"), get_size=size,
        get_position=call("field", key="at"), get_icon=call("field", key="mark"), **props,
    )  # fmt: skip


def words(name: str, data: Any, colour: Colour, **props: Any) -> pdk.Layer:
    """Text with a white halo. ``auto`` makes the glyphs of whatever characters come; the default drops Chinese."""
    return layer(
        "TextLayer", name, data, get_position=call("field", key="at"), get_text=call("field", key="text"),
        get_size=call("field", key="size"), get_color=colour, character_set=text("auto"), font_family=FONT, font_weight=700,
        outline_width=12, outline_color=rgb("outside"), font_settings={"sdf": True, "fontSize": 64, "buffer": 18, "radius": 20}, **props,
    )  # fmt: skip
