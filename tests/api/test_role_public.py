"""What everybody sees: rounded counts per town, and nothing that gives away a small one."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from anyio.from_thread import BlockingPortal
from h3.api import basic_str as h3

from tests.api.withheld import NORTH_TOWN, SECRET, SOUTH_TOWN, As, Asked, gate_over, rows
from twin.layers.coarse import public_count


def test_everybody_sees_counts_per_town(portal: BlockingPortal, gate: As) -> None:
    body = Asked(portal, gate, "public")("/collections/cameras/items?limit=100").json()
    counts = {f["id"]: f["properties"]["n_devices"] for f in body["features"]}
    centres = np.array([h3.cell_to_latlng(h3.latlng_to_cell(lat, lng, 9)) for lng, lat in SECRET.tolist()])
    for key, town in (("town:310112101", SOUTH_TOWN), ("town:310112102", NORTH_TOWN)):
        n = sum(bool(town.intersects(shapely.Point(lng, lat))) for lat, lng in centres)
        assert counts[key] == public_count(n)


@pytest.mark.parametrize("path", ["cells", "gaps", "readings", "at?lng=121.28&lat=31.01", "areas?level=aoi"])
def test_everybody_sees_rules_about_cameras_for_districts_and_towns_only(
    portal: BlockingPortal, gate: As, path: str
) -> None:
    ask = Asked(portal, gate, "public")
    assert ask(f"/coverage/camera-density/{path}").status_code == 403
    assert ask(f"/coverage/charger-service/{path}").status_code == 200
    assert ask("/coverage/camera-density?area=small").status_code == 403
    assert ask("/coverage/camera-density?area=310112101").status_code == 200
    assert ask("/coverage/camera-count?access=own").status_code in (400, 403)


def test_counts_for_everybody_are_rounded_wherever_they_stand(portal: BlockingPortal, gate: As) -> None:
    body = Asked(portal, gate, "public")("/coverage/camera-count").json()
    assert body["value"] == public_count(len(SECRET))
    assert body["rounded"] is True
    rows = Asked(portal, gate, "public")("/coverage/camera-count/areas").json()["rows"]
    assert all(row["value"] is None or row["value"] % 3 == 0 for row in rows)


def test_everybody_is_told_no_quality_of_what_is_counted(portal: BlockingPortal, gate: As) -> None:
    for name, told in (("public", False), ("south", False), ("planner", True)):
        body = Asked(portal, gate, name)("/collections/cameras").json()
        assert (body["quality"] is not None) is told


def test_a_share_for_everybody_is_no_count(portal: BlockingPortal, gate: As) -> None:
    exact = Asked(portal, gate, "planner")("/coverage/lifecycle?area=310112").json()
    assert exact["value"] == 1.0
    body = Asked(portal, gate, "public")("/coverage/lifecycle?area=310112").json()
    assert (body["value"], body["met"], body["facts"]) == (1.0, exact["met"], {})


def test_a_share_of_few_things_is_not_told_to_everybody(portal: BlockingPortal) -> None:
    few = [r for r in rows() if r.layer != "radio_sites" or r.key in ("site-0", "site-1")]
    gate = gate_over(few)
    assert Asked(portal, gate, "public")("/coverage/radio-coverage").json()["value"] is None
    assert Asked(portal, gate, "planner")("/coverage/radio-coverage").json()["value"] is not None


def test_counts_of_a_town_have_an_etag_of_their_bytes(portal: BlockingPortal) -> None:
    gate = gate_over(rows())
    path = "/collections/cameras/items/town:310112101"
    before = Asked(portal, gate, "public")(path).headers["etag"]
    for i in range(4):
        sent = {
            "type": "Feature",
            "properties": {"key": f"new-{i}"},
            "geometry": {"type": "Point", "coordinates": [121.28, 31.01]},
        }
        assert Asked(portal, gate, "admin")("/collections/cameras/items", "POST", json=sent).status_code == 201
    after = Asked(portal, gate, "public")(path, headers={"if-none-match": before})
    assert (after.status_code, after.headers["etag"] == before) == (200, False)


def test_a_difference_of_two_counts_does_not_give_away_a_small_one() -> None:
    for small in (1, 2):
        for n in range(60):
            differences = {(public_count(n + k) or 0) - (public_count(n) or 0) for k in range(6)}
            told = (public_count(n + small) or 0) - (public_count(n) or 0)
            same = [k for k in range(6) if (public_count(n + k) or 0) - (public_count(n) or 0) == told]
            assert len(same) > 1, (n, small, differences)
