"""QGIS (Debian's 3.22, without a screen) loads what the server offers and draws every feature of it, and nothing else."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from PIL import Image
from scipy.ndimage import binary_dilation

from tests.clients.live import DEBIAN, Live, environment, names_of, shapes_of
from tests.clients.test_gdal import flatgeobuf
from twin.layers import LAYERS

pytestmark = pytest.mark.client
SIZE_PX = (900, 900)
DISTRICT = (121.23, 30.97, 121.58, 31.27)
CLOSE = (121.395, 31.095, 121.435, 31.130)
"""Some 4 km, which QGIS draws of tiles that show features themselves."""
MARK_PX = 5
PATIENCE_S = 300
STYLED_PX = 9
"""No circle of the style is larger, in either direction, where it shows features themselves."""
Mask = np.ndarray[tuple[int, int], np.dtype[np.bool_]]


@dataclass(frozen=True)
class Drawn:
    """What QGIS said, and its picture: (height, width, 3)."""

    said: dict[str, Any]
    picture: np.ndarray[tuple[int, int, int], np.dtype[np.int64]]

    @property
    def red(self) -> Mask:
        red, green, blue = np.moveaxis(self.picture, 2, 0)
        return (red > 200) & (green < 60) & (blue < 60)

    def pixels(self, shapes: gpd.GeoSeries) -> gpd.GeoSeries:
        """Shapes in EPSG:4326 as the picture has them: x to the right, y downwards, in pixels."""
        west, south, east, north = self.said["extent"]
        wide, high = SIZE_PX
        across, down = wide / (east - west), high / (north - south)
        return shapes.to_crs(3857).affine_transform([across, 0, 0, -down, -west * across, north * down])


def draw(layer: str, folder: Path, kind: str, provider: str, uri: str, box: tuple[float, ...] = DISTRICT) -> Drawn:
    """One layer drawn by QGIS in a process of its own, with no settings but its own."""
    extent = gpd.GeoSeries([shapely.box(*box)], crs=4326).to_crs(3857).total_bounds.tolist()
    asked = {"kind": kind, "provider": provider, "uri": uri, "geometry": LAYERS[layer].geometry, "extent": extent,
             "size_px": SIZE_PX}  # fmt: skip
    script, picture = Path(__file__).with_name("draw_in_qgis.py"), folder / "drawn.png"
    settings = {"QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": str(folder), "NO_PROXY": "*"}
    done = subprocess.run(
        [DEBIAN / "python3", script, picture], input=json.dumps(asked), env=environment(folder, **settings),
        capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["valid"], done.stderr[-4000:]
    assert said["errors"] == []
    return Drawn(said, np.asarray(Image.open(picture).convert("RGB")).astype(np.int64))


def assert_every_point_is_drawn_and_nothing_else(drawn: Drawn, stored: dict[str, Any]) -> None:
    assert_marked(drawn, drawn.red, stored, MARK_PX)


def assert_marked(drawn: Drawn, marks: Mask, stored: dict[str, Any], reach_px: int) -> None:
    """A mark at the place of every point in the picture, or a pixel beside it: QGIS cuts marks at the edge of their tile.
    No mark farther than ``reach_px`` from all of them.
    """
    located = {key: shape for key, shape in stored.items() if shape is not None}
    places = drawn.pixels(gpd.GeoSeries(located, crs=4326))
    column, row = np.floor(places.x).astype(int), np.floor(places.y).astype(int)
    wide, high = SIZE_PX
    inside = (column >= 0) & (column < wide) & (row >= 0) & (row < high)
    is_marked = binary_dilation(marks, np.ones((3, 3)))[row[inside], column[inside]]
    assert places.index[inside][~is_marked].tolist() == []
    assert inside.sum() > 50
    expected = np.zeros_like(marks)
    near = (column >= -reach_px) & (column < wide + reach_px) & (row >= -reach_px) & (row < high + reach_px)
    expected[row[near].clip(0, high - 1), column[near].clip(0, wide - 1)] = True
    assert not (marks & ~binary_dilation(expected, np.ones((2 * reach_px + 1, 2 * reach_px + 1)))).any()


def assert_every_outline_is_drawn_and_nothing_else(drawn: Drawn, stored: dict[str, Any]) -> None:
    """Red within a pixel of every line and every outline, white two pixels from all of them."""
    shapes = drawn.pixels(gpd.GeoSeries({key: s for key, s in stored.items() if s is not None}, crs=4326)).to_numpy()
    is_area = shapely.get_dimensions(shapes) == 2
    must = on_outlines(np.where(is_area, shapely.boundary(shapes), shapes))
    assert not (must & ~binary_dilation(drawn.red, np.ones((3, 3)))).any()
    assert not (drawn.red & ~binary_dilation(must, np.ones((5, 5)))).any()
    assert drawn.red.sum() > 1000


def on_outlines(outlines: np.ndarray[Any, Any]) -> Mask:
    """The pixels of the picture that outlines go through, by points half a pixel apart."""
    places = shapely.get_coordinates(shapely.segmentize(outlines, 0.5))
    column, row = np.floor(places).astype(int).T
    inside = (column >= 0) & (column < SIZE_PX[0]) & (row >= 0) & (row < SIZE_PX[1])
    found = np.zeros((SIZE_PX[1], SIZE_PX[0]), bool)
    found[row[inside], column[inside]] = True
    return found


def oapif(live: Live, layer: str) -> str:
    return (
        f" url='{live.url}' typename='{layer}' pagingEnabled='true' pageSize='1000' restrictToRequestBBOX='0'"
        " preferCoordinatesForWfsT11='false' version='OGC_API_FEATURES'"
    )


@pytest.mark.parametrize("layer", ["chargers", "radio_sites"])
def test_points_through_ogc_api_features_are_all_drawn(live, tmp_path, layer):
    drawn, table = draw(layer, tmp_path, "vector", "OAPIF", oapif(live, layer)), live.table(layer)
    assert drawn.said["names"] == names_of(table)
    assert_every_point_is_drawn_and_nothing_else(drawn, shapes_of(table))


@pytest.mark.parametrize(("layer", "box"), [("areas", DISTRICT), ("roads", DISTRICT), ("buildings", CLOSE)])
def test_shapes_through_ogc_api_features_are_all_drawn(live, tmp_path, layer, box):
    drawn, table = draw(layer, tmp_path, "vector", "OAPIF", oapif(live, layer), box), live.table(layer)
    assert drawn.said["names"] == names_of(table)
    assert_every_outline_is_drawn_and_nothing_else(drawn, shapes_of(table))


def test_a_flatgeobuf_link_is_drawn_whole(live, tmp_path):
    """All 71,500 cameras, some without a place."""
    drawn, table = (
        draw("cameras", tmp_path, "vector", "ogr", f"/vsicurl/{flatgeobuf(live, 'cameras')}"),
        live.table("cameras"),
    )
    assert drawn.said["names"] == names_of(table)
    assert_every_point_is_drawn_and_nothing_else(drawn, shapes_of(table))


def tiles(live: Live, layer: str) -> str:
    """What a person would enter in QGIS of the layer's TileJSON."""
    told = live.get(f"/tiles/{layer}/tilejson.json")
    return f"type=xyz&url={told['tiles'][0]}&zmin={told['minzoom']}&zmax={min(told['maxzoom'], 16)}"


@pytest.mark.parametrize("layer", ["cameras", "sensors", "chargers"])
def test_every_point_of_the_vector_tiles_is_drawn_close_by(live, tmp_path, layer):
    box = CLOSE if layer != "chargers" else (121.38, 31.08, 121.47, 31.16)
    drawn = draw(layer, tmp_path, "tiles", "", tiles(live, layer), box)
    assert_every_point_is_drawn_and_nothing_else(drawn, shapes_of(live.table(layer)))


@pytest.mark.parametrize(("layer", "box"), [("areas", DISTRICT), ("roads", CLOSE), ("buildings", CLOSE)])
def test_every_shape_of_the_vector_tiles_is_drawn(live, tmp_path, layer, box):
    drawn = draw(layer, tmp_path, "tiles", "", tiles(live, layer), box)
    assert_every_outline_is_drawn_and_nothing_else(drawn, shapes_of(live.table(layer)))


def test_the_style_of_the_tiles_is_loaded_and_marks_every_camera_that_it_shows(live, tmp_path):
    drawn = draw(
        "cameras", tmp_path, "tiles", "", f"{tiles(live, 'cameras')}&styleUrl={live.url}/styles/cameras", CLOSE
    )
    frame, stored = live.table("cameras").frame, shapes_of(live.table("cameras"))
    shown = {key: stored[key] for key in frame["key"][frame["lifecycle"] != "retired"]}
    colours, n = np.unique(drawn.picture.reshape(-1, 3), axis=0, return_counts=True)
    marks = (drawn.picture != colours[n.argmax()]).any(axis=2)
    assert len(drawn.said["styles"]) > 1
    assert len(shown) < len(stored)
    assert_marked(drawn, marks, shown, STYLED_PX)
