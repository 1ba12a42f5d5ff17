"""Use cases of the engine over a memory store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import shapely

from tests.world import (
    CENTRE,
    HAND,
    LONG_AGO,
    NOW,
    PLAN,
    area,
    camera,
    charger,
    district,
    offset,
    radio_site,
    square,
    twin_with,
)
from twin.engine import N_TRIED, Twin
from twin.errors import BadParameter, NotFound, RuleUnready
from twin.model import Change, Edit, Source
from twin.readers.raster import read_grid
from twin.store import MemoryStore
from twin.times import parse_moment


def test_the_present_snapshot_is_kept_until_something_changes():
    twin = twin_with([*district(), charger("a", CENTRE)])
    first = twin.snapshot()
    assert twin.snapshot() is first
    twin.commit([Edit("add", charger("b", offset(CENTRE, 2000, 0)))], author="x", reason="y")
    assert twin.snapshot().id != first.id
    assert len(twin.snapshot().layers["chargers"]) == 2


def test_the_present_snapshot_is_read_again_when_a_recorded_validity_begins():
    now = [NOW]
    twin = Twin(MemoryStore(), PLAN, read_grid, lambda: now[0])
    future = replace(charger("a", CENTRE), valid_from=NOW + timedelta(days=1))
    twin.commit([Edit("add", future)], author="x", reason="y")
    assert len(twin.snapshot().layers["chargers"]) == 0
    now[0] = NOW + timedelta(days=2)
    assert len(twin.snapshot().layers["chargers"]) == 1


def test_the_same_content_has_the_same_id_whatever_the_store_did_before():
    records = [*district(), charger("a", CENTRE)]
    one, two = twin_with(records), twin_with(records)
    two.commit([Edit("add", charger("b", CENTRE))], author="x", reason="y")
    two.commit(
        [Edit("remove", replace(charger("b", CENTRE), valid_to=LONG_AGO), expected_version=1)], author="x", reason="y"
    )
    assert one.snapshot().id == two.snapshot().id


def test_as_of_reaches_results():
    old = replace(charger("a", CENTRE), valid_to=datetime(2025, 1, 1, tzinfo=UTC))
    twin = twin_with([*district(), old, charger("b", offset(CENTRE, 3500, 0))])
    then = twin.cover("charger-service", snapshot=twin.snapshot(as_of=datetime(2024, 1, 1, tzinfo=UTC))).result
    assert then.share == pytest.approx(2 * twin.cover("charger-service").result.share, rel=1e-6)
    assert then.as_of.year == 2024


def test_an_evaluation_is_kept_and_parameters_make_another():
    twin = twin_with([*district(), charger("a", CENTRE, station_type="taxi")])
    assert twin.cover("charger-service") is twin.cover("charger-service")
    assert twin.cover("charger-service", parameters={"public_only": "false"}).result.share > 0
    assert twin.cover("charger-service").result.share == 0


def test_of_evaluations_that_are_tried_only_the_last_ones_are_kept():
    twin = twin_with([*district(), charger("a", CENTRE)])
    recorded, first = twin.cover("charger-service"), twin.cover("charger-service", parameters={"radius_m": 500})
    assert twin.cover("charger-service", parameters={"radius_m": 500}) is first
    for n in range(N_TRIED):
        twin.cover("charger-service", polygon=square(500 + n))
    assert twin.cover("charger-service", parameters={"radius_m": 500}) is not first
    assert twin.cover("charger-service") is recorded


def test_labels_come_from_the_sources_that_were_used():
    made_up = Source(HAND.id, "made up", "wgs84", synthetic=True, schematic=True)
    twin = twin_with([*district(), charger("a", CENTRE)], [made_up])
    assert {"synthetic", "schematic"} <= set(twin.cover("charger-service").result.labels)


def test_an_unknown_area_names_the_known_ones():
    with pytest.raises(NotFound, match="310112"):
        twin_with(district()).cover("camera-count", area="999")


@pytest.mark.parametrize(
    ("change", "column"),
    [
        (Change("add", "chargers", "a", {"lng": 121.4, "lat": 31.1}), "key"),
        (Change("remove", "chargers", "ghost"), "key"),
        (Change("add", "trams", "n", {"lng": 121.4, "lat": 31.1}), "layer"),
        (Change("add", "chargers", "n", {"lat": 31.1}), "lng"),
        (Change("add", "chargers", "n", {"lng": float("nan"), "lat": 31.1}), "lng"),
        (Change("add", "chargers", "n", {"lng": 121.4, "lat": 131.1}), "lat"),
        (Change("add", "chargers", "n", {"lng": 121.4, "lat": 31.1, "colour": "red"}), "colour"),
        (Change("add", "chargers", "n", {"lng": 121.4, "lat": 31.1, "station_type": "secret"}), "station_type"),
        (Change("add", "chargers", "n", {"lng": 121.4, "lat": 31.1, "n_devices": None}), "n_devices"),
        (Change("change", "chargers", "a", {"lifecycle": None}), "lifecycle"),
        (Change("change", "chargers", "a", {"lng": 121.4}), "lat"),
    ],
    ids=[
        "exists",
        "no such key",
        "no such layer",
        "no longitude",
        "NaN",
        "latitude 131",
        "unknown field",
        "unknown type",
        "no devices",
        "no lifecycle",
        "half a place",
    ],
)
def test_a_change_that_cannot_be_tried_says_what_is_wrong(change, column):
    twin = twin_with([*district(), charger("a", CENTRE)])
    with pytest.raises(BadParameter) as error:
        twin.cover("charger-service", changes=[change])
    assert column in {f.column for f in error.value.faults}


def test_a_key_is_changed_once_in_a_trial():
    twin = twin_with([*district(), charger("a", CENTRE)])
    with pytest.raises(BadParameter, match="once"):
        twin.cover(
            "charger-service", changes=[Change("change", "chargers", "a", {}), Change("remove", "chargers", "a")]
        )


def test_changes_add_change_and_remove():
    twin = twin_with([*district(), charger("a", CENTRE), charger("b", offset(CENTRE, 3500, 0), lifecycle="planned")])
    one_disc = twin.cover("charger-service").result.share

    def share(*changes: Change) -> float:
        return twin.cover("charger-service", changes=changes).result.share

    lng, lat = offset(CENTRE, -3500, 0)
    assert share(Change("add", "chargers", "c", {"lng": lng, "lat": lat})) == pytest.approx(2 * one_disc, rel=1e-5)
    assert share(Change("change", "chargers", "b", {"lifecycle": "operating"})) == pytest.approx(2 * one_disc, rel=1e-5)
    assert share(Change("remove", "chargers", "a")) == 0
    assert share(Change("change", "chargers", "a", {"lng": lng, "lat": lat})) == pytest.approx(one_disc, rel=1e-5)


@pytest.mark.parametrize(
    "polygon",
    [shapely.box(-180, -90, 180, 90), shapely.Point(*CENTRE), shapely.Polygon([(0, 0), (1, 1), (2, 2)])],
    ids=["the whole world", "a point", "without an area"],
)
def test_a_drawn_polygon_must_be_one_and_of_a_size_that_a_plane_can_hold(polygon):
    with pytest.raises(BadParameter):
        twin_with(district()).cover("camera-count", polygon=polygon)


@pytest.mark.parametrize(
    ("text", "utc"),
    [("2025-12-31", "2025-12-31T15:59:59.999999+00:00"), ("2025-12-31T08:00:00+08:00", "2025-12-31T00:00:00+00:00"),
     ("2025-12-31T08:00:00", "2025-12-31T00:00:00+00:00"), ("2025-12-31T00:00:00Z", "2025-12-31T00:00:00+00:00")],
)  # fmt: skip
def test_a_date_is_the_end_of_that_day_in_shanghai(text, utc):
    assert parse_moment(text).isoformat() == utc


@pytest.mark.parametrize("text", ["", "yesterday", "2025-13-01", "2025-12-31T25:00", "2025-1-1x"])
def test_what_is_no_time_says_how_to_write_one(text):
    with pytest.raises(BadParameter, match="2025-12-31"):
        parse_moment(text)


def test_many_threads_may_ask_at_once():
    """Evaluations share prepared geometries, which GEOS does not let two threads use."""
    rng = np.random.default_rng(1)
    stations = [charger(f"c{i}", offset(CENTRE, *rng.uniform(-5000, 5000, 2))) for i in range(60)]
    twin = twin_with([*district(), *stations])

    def ask(i: int) -> tuple[float | None, int, bool | None]:
        evaluation = twin.cover("charger-service", parameters={"min_connectors": i % 5})
        place = offset(CENTRE, 100 * i, 0)
        return evaluation.result.share, len(evaluation.cells(8 + i % 2).cells), evaluation.explain(*place).served

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(ask, range(40)))
    assert together == [ask(i) for i in range(40)]


def test_a_clause_whose_area_is_not_loaded_judges_nothing_else_in_its_place():
    twin = twin_with(
        [area("310104", "district", square(1000)), area("outer-ring", "zone", square(500)), charger("a", CENTRE)]
    )
    with pytest.raises(RuleUnready, match="310112"):
        twin.cover("charger-service")
    assert twin.cover("charger-service", area="310104").result.share == 1.0


def test_evaluations_at_other_times_are_few():
    twin = twin_with([*district(), charger("a", CENTRE)])
    for day in range(1, 20):
        twin.cover("camera-count", snapshot=twin.snapshot(as_of=datetime(2025, 1, day, tzinfo=UTC)))
    assert len(twin._others) <= 4


@pytest.mark.parametrize("rule", ["charger-service", "radio-coverage"])
def test_nobody_is_served_by_at_least_none(rule):
    twin = twin_with([*district(500), charger("a", CENTRE), radio_site("r", CENTRE)])
    with pytest.raises(BadParameter, match="at_least"):
        twin.cover(rule, parameters={"at_least": 0})


@pytest.mark.parametrize(
    ("rule", "asset", "value"),
    [("charger-service", charger, 0.0), ("camera-density", camera, 0.0), ("camera-count", camera, 0),
     ("radio-coverage", radio_site, 0.0), ("radio-site-count", radio_site, 0)],
)  # fmt: skip
def test_a_layer_that_a_trial_empties_is_an_inventory_of_none(rule, asset, value):
    record = asset("a", CENTRE)
    twin = twin_with([*district(500), record])
    result = twin.cover(rule, changes=[Change("remove", record.layer, "a")]).result
    assert (result.value, result.met, result.status) == (value, False, "ok")


def test_a_small_area_that_is_all_open_is_not_met():
    """Less is open than the 100 m² below which a whole district would be."""
    twin = twin_with([*district(4000), charger("a", CENTRE)])
    result = twin.cover("charger-service", polygon=square(4, offset(CENTRE, 3000, 3000))).result
    assert (result.share, result.met) == (0.0, False)


def test_a_polygon_of_less_than_a_square_metre_is_refused():
    with pytest.raises(BadParameter, match="1 m²"):
        twin_with([*district(4000), charger("a", CENTRE)]).cover("charger-service", polygon=square(0.3))


def test_a_direction_has_no_verdict():
    clauses = tuple(replace(c, strength="direction") for c in PLAN.clauses)
    world = twin_with([*district(500), charger("a", CENTRE), camera("c", CENTRE)])
    twin = Twin(world.store, replace(PLAN, clauses=clauses), lambda grid: grid, world.now)
    for rule in ("charger-service", "camera-count", "camera-density"):
        assert twin.cover(rule).result.met is None
        assert {row.met for row in twin.cover(rule).area_rows("district")} <= {None}


def test_nothing_is_said_of_a_place_outside_the_loaded_data():
    twin = twin_with([*district(2000), charger("a", CENTRE), area("data-extent", "aoi", square(2500))])
    found = twin.cover("charger-service").explain(*offset(CENTRE, 9000, 0))
    assert (found.served, found.inside, found.zone_reason.en) == (None, False, "outside the loaded data")
    assert twin.cover("charger-service").explain(*offset(CENTRE, 2200, 0)).served is False


def test_a_reader_whose_clock_is_behind_sees_what_was_recorded():
    ahead = twin_with(district())
    behind = Twin(ahead.store, PLAN, read_grid, lambda: NOW - timedelta(hours=1))
    behind.commit([Edit("add", charger("late", CENTRE))], author="t", reason="r")
    assert "late" in set(behind.snapshot().layers["chargers"].frame["key"])
    assert "310112" in behind.snapshot().areas
