"""Which reads are noted as exact ones."""

from __future__ import annotations

import pytest
from anyio.from_thread import BlockingPortal

from tests.api.withheld import SECRET, As, Asked, tile_of


def test_a_role_with_areas_reads_exactly_only_with_a_note(portal: BlockingPortal, gate: As) -> None:
    ask = Asked(portal, gate, "cleared-south")
    for path in (
        "at?lng=121.28&lat=31.01&area=310112101",
        "gaps?area=310112101",
        "cells?area=310112101",
        "readings?area=310112101",
    ):
        gate.reads.clear()
        assert ask(f"/coverage/camera-density/{path}").status_code == 200
        assert [read.layer for read in gate.reads] == ["cameras"], path


def test_an_editor_reads_what_it_edits(portal: BlockingPortal, gate: As) -> None:
    gate.reads.clear()
    assert (
        Asked(portal, gate, "editor")(
            "/collections/cameras/items/cam-07", "PATCH", json={"type": "Feature"}
        ).status_code
        == 200
    )
    assert [(read.layer, read.where) for read in gate.reads] == [("cameras", "cam-07")]


@pytest.mark.parametrize("path", [
    "/collections/cameras/items?limit=5", "/collections/cameras/items/cam-07", "/collections/cameras/items/cam-07/versions",
    "/coverage/camera-density/gaps", "/coverage/camera-density/cells", "/coverage/camera-density/at?lng=121.28&lat=31.01",
])  # fmt: skip
def test_exact_reads_are_noted_and_coarse_ones_are_not(portal: BlockingPortal, gate: As, path: str) -> None:
    gate.reads.clear()
    Asked(portal, gate, "planner")(path)
    Asked(portal, gate, "public")(path)
    assert gate.reads == []
    assert Asked(portal, gate, "cleared")(path).status_code == 200
    assert [read.layer for read in gate.reads] == ["cameras"]
    assert gate.reads[0].n >= 1


def test_an_exact_tile_is_noted_with_how_many_it_holds(portal: BlockingPortal, gate: As) -> None:
    x, y = tile_of(*SECRET[7], 16)
    for _ in range(2):
        gate.reads.clear()
        assert Asked(portal, gate, "cleared")(f"/tiles/cameras/16/{x}/{y}.geojson").status_code == 200
        assert [(read.layer, read.n >= 1, read.n < 30) for read in gate.reads] == [("cameras", True, True)]
