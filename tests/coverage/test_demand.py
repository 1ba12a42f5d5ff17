"""Shares of people, of land of a kind, of places with a capacity: against areas and sums done by hand."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from tests.world import (
    CENTRE,
    HAND,
    LONG_AGO,
    area,
    asset,
    charger,
    district,
    offset,
    service_of,
    snapshot,
    square,
)
from twin.errors import BadParameter, RuleUnready
from twin.model import DemandGrid, Record, Snapshot


def evaluate(world: Snapshot, **parameters: object):
    return service_of(world, **{"radius_m": 1000, **parameters})


def land(key: str, shape: shapely.Geometry, use: str) -> Record:
    point = shapely.point_on_surface(shape)
    return Record("land_use", key, key, "operating", LONG_AGO, None, None, 1, "", HAND.id, point.x, point.y,
                  shapely.to_wkb(shape), {"use": use})  # fmt: skip


def test_the_share_of_land_of_one_use_is_exact():
    """A square of 200 m inside the disc of the only station, one of the same size far off, and a park."""
    near, far = square(100, offset(CENTRE, 300, 0)), square(100, offset(CENTRE, 3000, 0))
    world = snapshot([
        *district(4000), charger("a", CENTRE), land("near", near, "residential"), land("far", far, "residential"),
        land("park", square(100, offset(CENTRE, -300, 0)), "green"),
    ])  # fmt: skip
    homes = evaluate(world, denominator="land_use:residential").result
    assert homes.share == pytest.approx(0.5, abs=1e-5)
    assert homes.denominator == "land_use:residential"
    assert evaluate(world, denominator="land_use").result.share == pytest.approx(2 / 3, abs=1e-5)
    assert homes.met is False


def test_land_that_a_circle_crosses_is_served_in_part():
    """The disc of 1 km covers the western half of a strip that begins at the station and is 2 km long (but for the sagitta)."""
    strip = shapely.box(CENTRE[0], offset(CENTRE, 0, -10)[1], offset(CENTRE, 2000, 0)[0], offset(CENTRE, 0, 10)[1])
    world = snapshot([*district(4000), charger("a", CENTRE), land("strip", strip, "residential")])
    expected = (1000 - 1000 * (1 - np.sqrt(1 - (10 / 1000) ** 2)) / 3) / 2000
    assert evaluate(world, denominator="land_use:residential").result.share == pytest.approx(expected, abs=1e-6)


def test_land_outside_the_area_does_not_count_and_overlaps_count_once():
    half_out = shapely.box(offset(CENTRE, 3900, 0)[0], CENTRE[1], offset(CENTRE, 4500, 0)[0], offset(CENTRE, 0, 100)[1])
    near = square(100, offset(CENTRE, 300, 0))
    world = snapshot([
        *district(4000), charger("a", CENTRE), land("a", near, "residential"), land("again", near, "residential"),
        land("edge", half_out, "residential"),
    ])  # fmt: skip
    assert evaluate(world, denominator="land_use:residential").result.share == pytest.approx(4 / 5, abs=1e-3)


def test_car_parks_weigh_by_their_capacity():
    world = snapshot([
        *district(4000), charger("a", CENTRE),
        asset("candidates", "p1", offset(CENTRE, 900, 0), candidate_kind="car_park", capacity=300),
        asset("candidates", "p2", offset(CENTRE, 1100, 0), candidate_kind="car_park", capacity=100),
        asset("candidates", "unknown", offset(CENTRE, 1200, 0), candidate_kind="car_park"),
        asset("candidates", "pole", offset(CENTRE, 1300, 0), candidate_kind="pole", capacity=999),
    ])  # fmt: skip
    assert evaluate(world, denominator="candidates:car_park").result.share == 0.75


def test_people_are_conserved_from_pixels_to_the_total():
    rng = np.random.default_rng(3)
    lnglat = np.array([offset(CENTRE, *p) for p in rng.uniform(-5000, 5000, (300, 2))])
    people = rng.uniform(1, 50, 300)
    world = snapshot(
        [*district(4000), charger("a", CENTRE)], [DemandGrid("population", "people", lnglat, people, HAND.id)]
    )
    evaluation = evaluate(world, denominator="population")
    inside = evaluation.scope.contains(lnglat)
    assert evaluation.demand.amount.sum() == people[inside].sum()
    assert evaluation.result.share == pytest.approx(
        people[inside & evaluation.is_served(lnglat)].sum() / people[inside].sum()
    )


@pytest.mark.parametrize("name", ["nobody", "land_use:moon", "chargers:public", "areas:town"])
def test_an_unknown_denominator_names_those_there_are(name):
    world = snapshot([*district(2000), charger("a", CENTRE), land("l", square(50), "green")])
    with pytest.raises(BadParameter, match="there are: "):
        evaluate(world, denominator=name)


def test_people_without_a_raster_are_asked_for():
    with pytest.raises(RuleUnready, match="population"):
        evaluate(snapshot([*district(2000), charger("a", CENTRE)]), denominator="population")


def test_the_rows_of_a_level_are_shares_of_the_same_demand():
    west, south, east, north = square(4000).bounds
    towns = [
        area("310112001", "town", shapely.box(west, south, CENTRE[0], north)),
        area("310112002", "town", shapely.box(CENTRE[0], south, east, north)),
    ]
    near, far = square(100, offset(CENTRE, 300, 0)), square(100, offset(CENTRE, 3000, 0))
    world = snapshot([
        *district(4000), *towns, charger("a", CENTRE), land("near", near, "residential"), land("far", far, "residential"),
    ])  # fmt: skip
    first, second = evaluate(world, denominator="land_use:residential").area_rows("town")
    assert first.share is None
    assert second.share == pytest.approx(0.5, abs=1e-5)
