"""Verdicts that doubtful records decide: without a place, twice from two sources, of unknown access."""

from __future__ import annotations

import dataclasses
import math

import pytest

from tests.coverage.density_worlds import evaluate, half, in_a_row
from tests.world import CENTRE, HAND, area, camera, district, offset, snapshot, square
from twin.api.wire import area_row_to_json
from twin.frames import geodesic_area_km2
from twin.model import Record

SQUARE_KM2 = geodesic_area_km2(square(1000))
ENOUGH = math.ceil(180 * SQUARE_KM2)
"""Cameras that a square of some 4 km² needs."""


def twin_of(i: int, **values: object) -> Record:
    """The camera number i of the row, once more."""
    return camera(
        f"twin{i}", offset(CENTRE, 2.0 * i - 900, 0), **{"azimuth_deg": float(i), "source": "other", **values}
    )


def other_source(record: Record) -> Record:
    """``source`` is no attribute: it is a column of its own."""
    attributes = dict(record.attributes)
    return dataclasses.replace(record, source=attributes.pop("source", record.source), attributes=attributes)


@pytest.mark.parametrize(
    ("more", "n_sure", "doubtful", "met"),
    [([], ENOUGH, {}, True),
     ([], ENOUGH - 1, {}, False),
     ([camera("nowhere", None)], ENOUGH - 1, {"unlocated": 1}, None),
     ([camera("nowhere", None)], ENOUGH, {"unlocated": 1}, True),
     ([camera("nowhere", None, access="unlinked")], ENOUGH - 1, {}, False),
     ([camera("open", CENTRE, access=None)], ENOUGH - 1, {"unknown_access": 1}, None),
     ([camera("open", CENTRE, access=None, lifecycle="planned")], ENOUGH - 1, {}, False),
     ([camera("open", None, access=None, n_devices=3)], ENOUGH - 3, {"unknown_access": 3}, None),
     ([other_source(twin_of(5))], ENOUGH - 1, {"duplicate": 1}, None),
     ([other_source(twin_of(5))], ENOUGH - 2, {"duplicate": 1}, False),
     ([other_source(twin_of(5, access="unlinked"))], ENOUGH, {}, True),
     ([other_source(twin_of(5, source=HAND.id))], ENOUGH - 1, {}, True),
     ([other_source(twin_of(5, azimuth_deg=6.5))], ENOUGH - 1, {}, True),
     ([other_source(twin_of(5, azimuth_deg=None))], ENOUGH - 1, {}, True)],
    ids=["enough", "one short", "one nowhere decides", "one nowhere does not", "nowhere and unlinked", "access not known",
         "access not known, planned", "three not known and nowhere", "the same from two sources decides",
         "the same from two sources does not", "the same, unlinked", "two of one source", "another azimuth", "no azimuth"],
)  # fmt: skip
def test_there_is_no_verdict_where_doubtful_records_decide_it(more, n_sure, doubtful, met):
    result = evaluate(snapshot([*district(1000), *in_a_row(n_sure), *more])).result
    causes = dict.fromkeys(("unlocated", "duplicate", "unknown_state", "unknown_access"), 0)
    assert result.facts["n_doubtful"] == {**causes, **doubtful}
    assert (result.met, result.facts["undecided"]) == (met, met is None)
    low = result.facts["n"] - doubtful.get("duplicate", 0)
    assert result.facts["value_low"] == pytest.approx(low / result.area_km2)
    high = result.facts["n"] + sum(n for cause, n in doubtful.items() if cause != "duplicate")
    assert result.facts["value_high"] == pytest.approx(high / result.area_km2)
    assert result.value == pytest.approx(result.facts["n"] / result.area_km2)


def test_of_two_sources_that_differ_in_number_the_larger_counts_surely():
    """Three of one source and two of another at one spot: surely three, wherever they stand in the table."""
    here = {"azimuth_deg": 10.0}
    ours = [camera(k, CENTRE, **here) for k in ("a", "z")] + [camera("m", CENTRE, **here)]
    theirs = [other_source(camera(k, CENTRE, source="other", **here)) for k in ("b", "y")]
    result = evaluate(snapshot([*district(1000), *ours, *theirs])).result
    assert (result.facts["n"], result.facts["n_doubtful"]["duplicate"]) == (5, 2)


def test_a_conversions_last_digit_does_not_make_two_spots_of_one():
    lng, lat = 121.4000005, 31.1000005
    pair = [
        camera("a", (lng, lat), azimuth_deg=1.0),
        other_source(camera("b", (lng + 1e-11, lat - 1e-11), azimuth_deg=1.0, source="other")),
    ]
    assert evaluate(snapshot([*district(1000), *pair])).result.facts["n_doubtful"]["duplicate"] == 1


def test_an_area_row_has_no_verdict_where_what_stands_in_it_decides():
    """One town of 2 km² is one duplicate short; the other has it all; nobody can say that what is nowhere is in a town."""
    towns = [area("310112001", "town", half(east=False)), area("310112002", "town", half(east=True))]
    need = math.ceil(180 * geodesic_area_km2(half(east=True)))
    cameras = [camera(f"e{i}", offset(CENTRE, 10 + 2.0 * i, 0), azimuth_deg=1.0) for i in range(need - 1)]
    again = other_source(camera("again", offset(CENTRE, 10, 0), azimuth_deg=1.0, source="other"))
    world = snapshot([*district(1000), *towns, *cameras, again, camera("nowhere", None)])
    west, east = evaluate(world).area_rows("town")
    assert (east.met, east.shortfall, west.met) == (None, 0, False)
    assert (east.value_low, east.value_high) == (pytest.approx((need - 1) / east.area_km2), pytest.approx(east.value))
    assert area_row_to_json(east)["met"] is None
    facts = evaluate(world).result.facts
    assert (facts["n_towns"], facts["n_towns_met"], facts["n_towns_undecided"]) == (2, 0, 1)
    assert evaluate(world, where="310112002").result.facts["n_doubtful"]["unlocated"] == 0
