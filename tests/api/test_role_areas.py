"""A role with areas: beyond them one is the public, and changes nothing."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal

from tests.api.conftest import NOW, record
from tests.api.withheld import BELOW, SECRET, SITES, As, Asked, gate_over, rows
from twin.access import Caller


def test_beyond_its_areas_a_role_is_public(portal: BlockingPortal, gate: As) -> None:
    for name in ("south", "cleared-south"):
        body = Asked(portal, gate, name)("/collections/cameras/items?limit=100").json()
        keys = {f["id"] for f in body["features"]}
        inside = {f"cam-{i:02d}" for i, p in enumerate(SECRET) if 31.0 <= p[1] <= 31.02}
        towns = {key for key in keys if key.startswith("town:")}
        assert towns <= {"town:310112102", "town:310112101"}
        if name == "cleared-south":
            assert keys - towns == inside
    north = Asked(portal, gate, "cleared-south")("/coverage/camera-density/gaps?area=310112102")
    assert north.status_code == 403
    assert Asked(portal, gate, "cleared-south")("/coverage/camera-density/gaps?area=310112101").status_code == 200


def test_an_editor_edits_in_its_areas_only(portal: BlockingPortal) -> None:
    gate = gate_over(rows(), {"south": Caller("s", "editor", ("310112101",))})
    ask = Asked(portal, gate, "south")

    def add(key: str, lng: float, lat: float) -> int:
        feature = {
            "type": "Feature",
            "properties": {"key": key},
            "geometry": {"type": "Point", "coordinates": [lng, lat]},
        }
        return ask("/collections/chargers/items", "POST", json=feature).status_code

    def move(key: str, lng: float, lat: float) -> int:
        patch = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [lng, lat]}}
        return ask(f"/collections/chargers/items/{key}", "PATCH", json=patch).status_code

    assert add("in", 121.29, 31.01) == 201
    assert add("out", 121.29, 31.03) == 403
    assert move("in", 121.3, 31.011) == 200
    assert move("in", 121.3, 31.03) == 403
    assert ask("/collections/cameras/items/cam-07?reason=x", "DELETE").status_code == (
        200 if SECRET[7][1] <= 31.02 else 403
    )


def test_beyond_its_areas_a_role_is_told_of_no_single_thing(portal: BlockingPortal, gate: As) -> None:
    foreign = [f"cam-{i:02d}" for i, p in enumerate(SECRET) if p[1] > 31.025]
    lng, lat = SECRET[int(foreign[0].removeprefix("cam-"))]
    for name in ("south", "cleared-south"):
        ask = Asked(portal, gate, name)
        for rule in ("camera-density", "radio-coverage"):
            answer = ask(f"/coverage/{rule}/at?area=310112101&lng={lng}&lat={lat}&nearest=50").json()
            assert {near["key"] for near in answer["nearest"]} & {
                *foreign,
                *(f"site-{i}" for i, p in enumerate(SITES) if p[1] > 31.025),
            } == set()
            assert "cut" in [label["id"] for label in answer["labels"]]
        assert ask(f"/collections/cameras/items/{foreign[0]}/versions").status_code == 403


def test_areas_are_changed_by_administrators_only(portal: BlockingPortal) -> None:
    gate = gate_over(rows())
    patch = {"type": "Feature", "properties": {"level": "zone"}}
    for name, status in (("editor", 403), ("admin", 200)):
        assert (
            Asked(portal, gate, name)("/collections/areas/items/310112101", "PATCH", json=patch).status_code == status
        )
    sent = {"files": {"file": ("areas.geojson", b"{}")}, "data": {"layer": "areas"}}
    assert Asked(portal, gate, "editor")("/imports", "POST", **sent).status_code == 403


AREAS = b"""{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"code":"310112101","name":"x","level":"town"},
"geometry":{"type":"Polygon","coordinates":[[[121.36,31.11],[121.38,31.11],[121.38,31.12],[121.36,31.11]]]}}]}"""
CAMERAS = "id,name,lon,lat\ncam-00,改名,121.28,31.01\n".encode()


@pytest.mark.parametrize(("name", "status"), [("editor", 403), ("admin", 200)])
def test_a_file_that_turns_out_to_be_of_areas_is_recorded_by_administrators_only(
    portal: BlockingPortal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, status: int
) -> None:
    monkeypatch.setenv("TWIN_DATA", str(tmp_path))
    monkeypatch.setattr("twin.api.examining.guessed_layer", lambda *_: "areas")
    ask = Asked(portal, gate_over(rows()), name)
    sent = ask("/imports", "POST", files={"file": ("a.geojson", AREAS)}, data={"frame": "wgs84"})
    assert sent.status_code == 201, sent.text
    assert ask(f"/imports/{sent.json()['id']}/apply", "POST", json={}).status_code == status
    assert ask("/collections/areas/items/310112101").json()["properties"]["name"] == ("x" if status == 200 else "南镇")


def test_a_file_that_turns_out_to_be_of_cameras_is_an_exact_read(
    portal: BlockingPortal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TWIN_DATA", str(tmp_path))
    monkeypatch.setattr("twin.api.examining.guessed_layer", lambda *_: "cameras")
    gate = gate_over(rows())
    sent = Asked(portal, gate, "editor")(
        "/imports", "POST", files={"file": ("a.csv", CAMERAS)}, data={"frame": "wgs84"}
    )
    assert sent.status_code == 201, sent.text
    assert [read.layer for read in gate.reads] == ["cameras"]


def test_what_has_become_sensitive_was_never_exact(portal: BlockingPortal) -> None:
    """A sensor of roads that is one of gas now: neither its past nor its history tells where it is."""
    clock = [NOW]
    made = [*rows(), record("sensors", "turned", (121.2812345, 31.0154321), domain="road")]
    gate = gate_over(made, clock=lambda: clock[0])
    known = NOW.isoformat().replace("+00:00", "Z")
    clock[0] += timedelta(days=1)
    patch = {"type": "Feature", "properties": {"domain": "gas"}}
    assert Asked(portal, gate, "admin")("/collections/sensors/items/turned", "PATCH", json=patch).status_code == 200
    for name in BELOW:
        for path in (
            f"items?limit=100&known_at={known}",
            f"items/turned?known_at={known}",
            "items/turned/versions",
            "items?as_of=2025-06-01&limit=100",
        ):
            assert "31.0154321" not in Asked(portal, gate, name)(f"/collections/sensors/{path}").text
