"""Ground that a rule leaves out: its area and what stands there go together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.coverage.density_worlds import evaluate, half, polygon
from tests.world import CENTRE, HAND, area, camera, district, offset, snapshot
from twin.errors import BadParameter
from twin.model import Snapshot


def lake_world() -> Snapshot:
    """The east half of 4 km² is water; 100 cameras on land, 50 on a bridge."""
    land = [camera(f"l{i}", offset(CENTRE, -500, i)) for i in range(100)]
    bridge = [camera(f"b{i}", offset(CENTRE, 500, i)) for i in range(50)]
    dried_up = polygon("water", "old", half(east=False), lifecycle="retired")
    return snapshot([*district(1000), *land, *bridge, polygon("water", "lake", half(east=True)), dried_up,
                     area("east", "aoi", half(east=True))])  # fmt: skip


@pytest.mark.parametrize("name", ["water", "east"], ids=["a layer", "an area"])
def test_left_out_ground_takes_its_area_and_its_cameras_with_it(name: str):
    whole, land = evaluate(lake_world()), evaluate(lake_world(), exclude=name)
    assert (whole.result.facts["n"], land.result.facts["n"], land.result.facts["n_excluded"]) == (150, 100, 50)
    assert land.result.facts["judged_km2"] == pytest.approx(whole.result.area_km2 / 2, rel=1e-6)
    assert land.result.value == pytest.approx(100 / land.result.facts["judged_km2"])
    assert land.result.facts["excluded_km2"] == pytest.approx(2.0, rel=1e-3)
    assert [r.facts["water_km2"] for r in (whole.result, land.result)] == [pytest.approx(2.0, rel=1e-3)] * 2
    assert (whole.result.facts["excluded_km2"], whole.result.facts["n_excluded"]) == (0.0, 0)
    assert land.explain(*CENTRE).window_km2 == pytest.approx(0.5, rel=1e-3)
    assert land.cells(9).area_km2.sum() == pytest.approx(2.0, rel=1e-3)
    (rows,) = land.area_rows("district")
    assert (rows.value, rows.area_km2) == (pytest.approx(land.result.value), pytest.approx(2.0, rel=1e-3))


def test_layers_that_overlap_are_left_out_once():
    both = evaluate(lake_world(), exclude=("water", "east")).result
    assert both.facts["excluded_km2"] == pytest.approx(2.0, rel=1e-3)


def test_what_to_leave_out_must_be_a_loaded_polygon_layer_or_an_area():
    with pytest.raises(BadParameter, match=r"'cameras'.*there are: water.*east"):
        evaluate(lake_world(), exclude="cameras")
    with pytest.raises(BadParameter, match="nothing is left"):
        evaluate(lake_world(), exclude="310112")
    with pytest.raises(BadParameter, match="no polygon layer or area 'water'"):
        evaluate(snapshot([*district(1000), camera("a", CENTRE)]), exclude="water")
    assert evaluate(snapshot([*district(1000), camera("a", CENTRE)])).result.facts["water_km2"] is None


def test_the_labels_are_also_those_of_what_is_left_out():
    drawn = replace(HAND, id="drawn", synthetic=True)
    lake = replace(polygon("water", "lake", half(east=True)), source="drawn")
    world = replace(snapshot([*district(1000), camera("a", CENTRE), lake]), sources={HAND.id: HAND, "drawn": drawn})
    assert "synthetic" not in evaluate(world).result.labels
    assert "synthetic" in evaluate(world, exclude="water").result.labels
