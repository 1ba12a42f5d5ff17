"""What a planner sees: the centres of cells, whatever is asked; attacks on what is withheld."""

from __future__ import annotations

from typing import Any

import pytest
import shapely
from anyio.from_thread import BlockingPortal
from h3.api import basic_str as h3

from tests.api.withheld import BELOW, CENTRES, HARMLESS, SECRET, As, Asked, leaked


def test_a_planner_sees_each_camera_at_the_centre_of_its_cell(portal: BlockingPortal, gate: As) -> None:
    body = Asked(portal, gate, "planner")("/collections/cameras/items?limit=100").json()
    assert body["numberMatched"] == len(SECRET)
    for feature in body["features"]:
        lng, lat = SECRET[int(feature["id"].removeprefix("cam-"))]
        cell = h3.latlng_to_cell(lat, lng, 9)
        there = h3.cell_to_latlng(cell)
        assert feature["geometry"]["coordinates"] == pytest.approx([there[1], there[0]], abs=1e-7)
        assert feature["properties"]["cell"] == cell
        assert feature["properties"]["azimuth_deg"] is None
        assert not feature["properties"]["name"]


def test_what_is_not_sensitive_stays_exact_in_the_same_layer(portal: BlockingPortal, gate: As) -> None:
    for name in BELOW:
        air = Asked(portal, gate, name)("/collections/sensors/items/air").json()
        assert air["geometry"]["coordinates"] == list(HARMLESS)


def test_boxes_are_answered_by_the_centres(portal: BlockingPortal, gate: As) -> None:
    ask = Asked(portal, gate, "planner")
    lng, lat = SECRET[7]
    assert (
        ask(f"/collections/cameras/items?bbox={lng - 1e-6},{lat - 1e-6},{lng + 1e-6},{lat + 1e-6}").json()[
            "numberMatched"
        ]
        == 0
    )
    centre = h3.cell_to_latlng(h3.latlng_to_cell(lat, lng, 9))
    near = ask(
        f"/collections/cameras/items?bbox={centre[1] - 1e-6},{centre[0] - 1e-6},{centre[1] + 1e-6},{centre[0] + 1e-6}"
    ).json()
    assert "cam-07" in [f["id"] for f in near["features"]]


def bisect(ask: Asked, where: str) -> tuple[float, float]:
    """The attack: halve a box by counts until nothing is left to halve."""
    west, south, east, north = 121.27, 31.0, 121.31, 31.04
    for _ in range(40):
        wide = east - west > north - south
        half = (west, south, (west + east) / 2, north) if wide else (west, south, east, (south + north) / 2)
        n = ask(where.format(",".join(map(repr, half)))).json()["numberMatched"]
        if wide:
            west, east = (west, half[2]) if n else (half[2], east)
        else:
            south, north = (south, half[3]) if n else (half[3], north)
    return (west + east) / 2, (south + north) / 2


@pytest.mark.parametrize("where", [
    "/collections/cameras/items?key=cam-07&limit=1&bbox={}",
    "/collections/cameras/items?limit=1&filter=key='cam-07' AND S_INTERSECTS(geometry,BBOX({}))",
])  # fmt: skip
def test_bisecting_by_counts_finds_the_centre_of_the_cell_and_no_more(
    portal: BlockingPortal, gate: As, where: str
) -> None:
    lng, lat = bisect(Asked(portal, gate, "planner"), where)
    there = h3.cell_to_latlng(h3.latlng_to_cell(SECRET[7][1], SECRET[7][0], 9))
    assert (lng, lat) == pytest.approx((there[1], there[0]), abs=1e-6)
    exact = bisect(Asked(portal, gate, "cleared"), where)
    assert exact == pytest.approx(tuple(SECRET[7]), abs=1e-6)


def test_distances_are_those_from_the_centres_and_bearings_are_not_given(portal: BlockingPortal, gate: As) -> None:
    lng, lat = SECRET[7]
    answer = Asked(portal, gate, "planner")(f"/coverage/camera-density/at?lng={lng}&lat={lat}&nearest=50").json()
    centres = {h3.cell_to_latlng(h3.latlng_to_cell(b, a, 9)) for a, b in SECRET.tolist()}
    for near in answer["nearest"]:
        assert near["bearing_deg"] is None
        assert any(abs(near["lng"] - c[1]) + abs(near["lat"] - c[0]) < 1e-9 for c in centres)
    assert "coarse" in [label["id"] for label in answer["labels"]]


def test_a_drawn_polygon_is_taken_as_whole_cells(portal: BlockingPortal, gate: As) -> None:
    ask = Asked(portal, gate, "planner")
    cell = h3.latlng_to_cell(SECRET[7][1], SECRET[7][0], 9)
    lat, lng = h3.cell_to_latlng(cell)

    def count(half: float) -> Any:
        polygon = shapely.geometry.mapping(shapely.box(lng - half, lat - half, lng + half, lat + half))
        return ask("/coverage/camera-count", "POST", json={"polygon": polygon}).json()["value"]

    assert count(1e-5) == count(3e-4) == sum(h3.latlng_to_cell(b, a, 9) == cell for a, b in SECRET.tolist())
    off = shapely.geometry.mapping(shapely.box(lng + 1e-4, lat + 1e-4, lng + 2e-4, lat + 2e-4))
    assert ask("/coverage/camera-count", "POST", json={"polygon": off}).status_code == 400


def test_fine_hexes_tell_of_the_centres_only(portal: BlockingPortal, gate: As) -> None:
    path = "/coverage/camera-density/cells?resolution=12&spatial_unit=cell"
    table = Asked(portal, gate, "planner")(path).json()
    filled = {cell for cell, n in zip(table["cells"], table["n"], strict=True) if n}
    assert filled == {h3.latlng_to_cell(lat, lng, 12) for lng, lat in CENTRES[: len(SECRET)].tolist()}


def test_the_history_of_a_camera_is_coarse_too(portal: BlockingPortal, gate: As) -> None:
    answer = Asked(portal, gate, "planner")("/collections/cameras/items/cam-07/versions")
    assert answer.status_code == 200
    assert leaked(answer) == []
