"""For notebooks: results as GeoDataFrames, and maps that work without the internet."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import geopandas as gpd
import pandas as pd
import pydeck as pdk

from twin.cells import cell_polygons, cells_to_text
from twin.coverage.result import Evaluation
from twin.maps import HEX_ALPHA, SCALES, rgb

CSP = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; connect-src data: blob:; "
    "worker-src blob:"
)


def gaps_frame(evaluation: Evaluation, min_area_km2: float = 0.0) -> gpd.GeoDataFrame:
    """The gaps, largest first, in EPSG:4326."""
    gaps = evaluation.gaps(min_area_km2)
    names = (
        "id",
        "area_km2",
        "zone",
        "limit_m",
        "deepest_lnglat",
        "nearest",
        "nearest_distance_m",
        "missing_m",
        "n_missing",
        "demand",
    )
    columns = {name: [getattr(gap, name) for gap in gaps] for name in names}
    return gpd.GeoDataFrame(columns, geometry=[gap.geometry for gap in gaps], crs=4326)


def cells_frame(evaluation: Evaluation, resolution: int = 9) -> gpd.GeoDataFrame:
    """The hexes of a result, in EPSG:4326."""
    table = evaluation.cells(resolution)
    columns = {
        "cell": cells_to_text(table.cells), "value": table.value, "share": table.share, "status": table.status,
        "area_km2": table.area_km2,
    }  # fmt: skip
    return gpd.GeoDataFrame(columns, geometry=cell_polygons(table.cells), crs=4326)


def areas_frame(evaluation: Evaluation, level: str = "town") -> pd.DataFrame:
    """The rows by area."""
    rows = evaluation.area_rows(level)
    return pd.DataFrame([{name: getattr(row, name) for name in row.__dataclass_fields__} for row in rows])


def service_deck(evaluation: Evaluation, pins: Sequence[tuple[float, float]] = (), resolution: int = 9) -> pdk.Deck:
    """A map of a service rule: hexes by status, open places outlined, pins of a plan of yours in yellow."""
    scale = SCALES["service"]
    colours = {status: rgb(colour, HEX_ALPHA) for status, colour in zip(scale["status"], scale["colours"], strict=True)}
    table = evaluation.cells(resolution)
    hexes = [
        {"cell": cell, "colour": colours[status]}
        for cell, status in zip(cells_to_text(table.cells), table.status, strict=True)
    ]
    gaps = (
        json.loads(gpd.GeoSeries([g.geometry for g in evaluation.gaps()], crs=4326).to_json())
        if evaluation.gaps()
        else []
    )
    layers = [
        pdk.Layer("H3HexagonLayer", hexes, get_hexagon="cell", get_fill_color="colour", stroked=False, extruded=False),
        pdk.Layer("GeoJsonLayer", gaps, filled=False, get_line_color=rgb("gap-line"), line_width_min_pixels=2),
        pdk.Layer("ScatterplotLayer", [{"at": list(pin)} for pin in pins], get_position="at", get_fill_color=rgb("scenario"),
                  get_line_color=rgb("ink"), stroked=True, radius_min_pixels=8, line_width_min_pixels=2),
    ]  # fmt: skip
    west, south, east, north = evaluation.result.area.geometry.bounds
    view = pdk.ViewState(longitude=(west + east) / 2, latitude=(south + north) / 2, zoom=9.6)
    return pdk.Deck(layers=layers, initial_view_state=view, map_provider=None, map_style=None)


def standalone_page(deck: pdk.Deck, caption: str) -> str:
    """A deck as one HTML page with the bundle of the installed pydeck in it: no foreign address, data escaped."""
    bundle = files("pydeck").joinpath("nbextension/static/index.js").read_text("utf-8")
    bundle = bundle.replace("//# sourceMappingURL=index.js.map", "").replace("</script", "<\\/script")
    spec = json.dumps(json.loads(deck.to_json()), ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    return (
        f'<!doctype html><html lang="zh-CN"><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{CSP}">'
        "<style>html,body{margin:0;height:100%;font:12px/18px sans-serif}#map{position:absolute;inset:0 0 24px 0}"
        "p{position:absolute;bottom:0;margin:3px 8px}</style>"
        f'<div id="map"></div><p>{html.escape(caption)}</p><script>{bundle}</script>'
        f"<script>createDeck({{container:document.getElementById('map'),jsonInput:{spec},tooltip:false}});</script></html>"
    )


def show(evaluation: Evaluation, pins: Sequence[tuple[float, float]] = (), height_px: int = 480) -> Any:
    """The map of a service rule below a notebook's cell, with the labels its data ask for."""
    from IPython.display import HTML

    result = evaluation.result
    labels = " · ".join(result.words_of(label).zh for label in result.labels)
    page = standalone_page(service_deck(evaluation, pins), f"{result.clause.title} · {labels}")
    return HTML(f'<iframe srcdoc="{html.escape(page)}" width="100%" height="{height_px}" style="border:0"></iframe>')
