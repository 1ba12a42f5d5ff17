"""Hexes as Arrow, and gaps and hexes of what is drawn or tried."""

from __future__ import annotations

import io
import json
from typing import Any

import h3.api.basic_int as h3
import numpy as np
import pyarrow as pa
import pytest
import shapely

from tests.api.conftest import EAST, NORTH, SOUTH, WEST, Client

URL = "/coverage/charger-service"
SQUARE = shapely.geometry.mapping(shapely.box(WEST, SOUTH, EAST, NORTH))
NEW = {
    "op": "add",
    "layer": "chargers",
    "key": "new",
    "after": {"lng": 121.275, "lat": 31.036, "station_type": "public"},
}
REMOVED = {"op": "remove", "layer": "chargers", "key": "west"}


def arrow_of(content: bytes) -> pa.Table:
    return pa.ipc.open_stream(io.BytesIO(content)).read_all()


@pytest.mark.parametrize("rule", ["charger-service", "camera-density", "radio-coverage"])
def test_arrow_has_what_the_columns_of_json_have(client: Client, rule: str) -> None:
    said = client.get(f"/coverage/{rule}/cells?resolution=8").json()
    answer = client.get(f"/coverage/{rule}/cells?resolution=8&f=arrow")
    table = arrow_of(answer.content)
    assert answer.headers["content-type"] == "application/vnd.apache.arrow.stream"
    assert table.schema.field("cell").type == pa.uint64()
    assert [h3.int_to_str(cell) for cell in table["cell"].to_pylist()] == said["cells"]
    assert table["status"].to_pylist() == said["status"]
    for name in set(table.column_names) - {"cell", "status"}:
        assert table[name].to_pylist() == said[name], name
    assert {"cell", *said} >= set(table.column_names)
    assert len(table) > 5


def test_arrow_says_what_json_says_beside_the_columns(client: Client) -> None:
    said = client.get("/coverage/camera-density/cells?resolution=9&area=310112101").json()
    metadata = arrow_of(
        client.get("/coverage/camera-density/cells?resolution=9&area=310112101&f=arrow").content
    ).schema.metadata
    told = json.loads(metadata[b"twin"])
    assert told == {name: value for name, value in said.items() if name in told}
    assert (metadata[b"resolution"], metadata[b"rule"], metadata[b"area"]) == (b"9", b"camera-density", b"310112101")
    assert metadata[b"snapshot"].decode() == said["snapshot"]
    assert "synthetic" in {label["id"] for label in told["labels"]}
    assert told.get("note") == said.get("note")


def test_cells_are_what_h3_takes(client: Client) -> None:
    cells = arrow_of(client.get(f"{URL}/cells?f=arrow&resolution=7").content)["cell"].to_numpy()
    assert cells.dtype == np.uint64
    assert all(h3.is_valid_cell(int(cell)) and h3.get_resolution(int(cell)) == 7 for cell in cells)


def test_arrow_is_smaller_than_json(client: Client) -> None:
    wanted = {"accept-encoding": "identity"}
    sizes = [
        len(client.get(f"{URL}/cells?resolution=10&f={f}", headers=wanted).content)
        for f in ("arrow", "json", "geojson")
    ]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("what", ["gaps", "cells", "cells?f=geojson"])
def test_posting_nothing_answers_what_getting_does(client: Client, what: str) -> None:
    assert client.post(f"{URL}/{what}", json={}).json() == client.get(f"{URL}/{what}").json()


def test_parameters_and_area_are_those_of_the_query(client: Client) -> None:
    asked: dict[str, Any] = {
        "parameters": {"radius_m": 900, "states": ["operating"]},
        "area": "310112101",
        "resolution": 8,
    }
    query = "radius_m=900&states=operating&area=310112101"
    assert client.post(f"{URL}/gaps", json=asked).json() == client.get(f"{URL}/gaps?{query}").json()
    assert client.post(f"{URL}/cells", json=asked).json() == client.get(f"{URL}/cells?{query}&resolution=8").json()


def test_a_drawn_polygon_has_the_gaps_and_hexes_of_the_area_of_that_shape(client: Client) -> None:
    drawn, area = client.post(f"{URL}/gaps", json={"polygon": SQUARE}).json(), client.get(f"{URL}/gaps").json()
    assert drawn["area"] == "drawn"
    assert [f["id"] for f in drawn["features"]] == [f["id"] for f in area["features"]]
    assert drawn["open_km2"] == pytest.approx(area["open_km2"], abs=1e-9)
    cells = client.post(f"{URL}/cells", json={"polygon": SQUARE, "resolution": 8}).json()
    assert cells["cells"] == client.get(f"{URL}/cells?resolution=8").json()["cells"]
    assert sum(cells["area_km2"]) == pytest.approx(client.get(URL).json()["area_km2"], rel=1e-6)


def test_gaps_posted_are_chosen_by_box_size_and_number_as_those_got(client: Client) -> None:
    query = "bbox=121.27,31.03,121.28,31.04&min_area_km2=0.1&limit=1"
    assert client.post(f"{URL}/gaps?{query}", json={}).json() == client.get(f"{URL}/gaps?{query}").json()


def test_changes_are_tried_on_gaps_and_hexes_without_saving(client: Client) -> None:
    before = client.get(f"{URL}/gaps").json()
    better = client.post(f"{URL}/gaps", json={"changes": [NEW]}).json()
    worse = client.post(f"{URL}/gaps", json={"changes": [REMOVED]}).json()
    assert better["open_km2"] < before["open_km2"] < worse["open_km2"]
    assert (better["scenario"], before["scenario"]) == ("what-if", "baseline")
    cells = client.post(f"{URL}/cells?f=arrow", json={"changes": [REMOVED]})
    served = np.nansum(arrow_of(cells.content)["share"].to_numpy())
    assert served < np.nansum(arrow_of(client.get(f"{URL}/cells?f=arrow").content)["share"].to_numpy())
    assert client.get(f"{URL}/gaps").json() == before


@pytest.mark.parametrize("what", ["gaps", "cells"])
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"polygon": SQUARE, "area": "310112"}, 400),
        ({"polygon": {"type": "Point", "coordinates": [121.3, 31.0]}}, 400),
        ({"polygon": shapely.geometry.mapping(shapely.Point(121.3, 31.0).buffer(0.01, quad_segs=6000))}, 400),
        ({"polygon": shapely.geometry.mapping(shapely.box(110, 20, 122, 32))}, 400),
        ({"resolution": 13}, 400),
        ({"as_of": "yesterday"}, 400),
        ({"scenario": "mine"}, 404),
        ({"colour": "red"}, 400),
    ],
)
def test_what_cannot_be_asked_is_refused(client: Client, what: str, body: dict[str, Any], status: int) -> None:
    answer = client.post(f"{URL}/{what}", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_an_unknown_rule_or_too_many_hexes_are_refused(client: Client) -> None:
    assert client.post("/coverage/nothing/gaps", json={}).status_code == 404
    large = shapely.geometry.mapping(shapely.box(121.25, 31.0, 121.37, 31.1))
    answer = client.post(f"{URL}/cells", json={"polygon": large, "resolution": 12})
    assert (answer.status_code, "300,000" in answer.json()["detail"]) == (400, True)
