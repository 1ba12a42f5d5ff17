"""The five shares of a layer's quality, counted by hand, and what a result says of a layer that fails."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.world import CENTRE, HAND, LONG_AGO, NOW, asset, district, offset, snapshot, twin_with
from twin.coverage.result import LABELS
from twin.demo.build import build_reference_twin
from twin.engine import Twin
from twin.layers import LAYERS
from twin.layers.quality import DAYS_A_YEAR, THRESHOLDS, Component, Quality, quality_in, quality_of
from twin.model import Change, Edit, Record, Source
from twin.readers.plan_file import read_plan
from twin.readers.raster import read_grid
from twin.store import MemoryStore, open_store

CHARGERS = LAYERS["chargers"]
GEODATA = Path(__file__).parent.parent.parent / "geodata"
IMPORTANT = ("name", "lifecycle", "valid_from", "owner", "station_type", "n_connectors", "max_power_kw")
FRESH = NOW - timedelta(days=100)


def station(key: str, east_m: float | None = 0.0, **values: Any) -> Record:
    """A station without a fault; places a kilometre apart are not the same."""
    source = values.pop("source", HAND.id)
    place = None if east_m is None else offset(CENTRE, east_m, 0)
    full = {"station_type": "public", "n_connectors": 4, "max_power_kw": 60.0, "valid_from": FRESH}
    return replace(asset("chargers", key, place, **{**full, **values}), owner="某公司", source=source)


def quality(*stations: Record, areas: list[Record] | None = None, sources: tuple[Source, ...] = (HAND,)) -> Quality:
    world = replace(snapshot([*stations, *(areas or [])]), sources={s.id: s for s in sources})
    found = quality_in(world, "chargers")
    assert found is not None
    return found


def part(found: Quality, name: str) -> Component:
    return next(c for c in found.components if c.id == name)


# --- the five --------------------------------------------------------------------------------------------------------


def test_a_faultless_layer_scores_one_and_passes() -> None:
    found = quality(station("a"), station("b", 1000), areas=district())
    assert [(c.id, c.share, c.passed) for c in found.components] == [(name, 1.0, True) for name in THRESHOLDS]
    assert (found.score, found.failing, found.doubt, found.n) == (1.0, False, None, 2)


def test_completeness_counts_important_fields_and_takes_unknown_for_missing() -> None:
    found = part(
        quality(station("a", station_type="unknown", n_connectors=None, name=""), station("b", 1000)), "completeness"
    )
    assert (found.n, found.of) == (2 * len(IMPORTANT) - 3, 2 * len(IMPORTANT))
    assert found.lacks == {"name": 1, "station_type": 1, "n_connectors": 1}


def test_what_the_import_assumed_is_not_filled() -> None:
    found = part(quality(station("a", lifecycle_assumed=True), station("b", 1000)), "completeness")
    assert found.lacks == {"lifecycle": 1}


def test_a_place_is_valid_in_the_loaded_districts_and_1500_m_round_them() -> None:
    stations = [station("in"), station("halo", 6400), station("far", 6600), station("none", None)]
    found = part(quality(*stations, areas=district(half_m=5000)), "position")
    assert (found.n, found.of, found.lacks) == (2, 4, {"no_location": 1, "beyond": 1})


def test_without_areas_a_place_is_valid_in_china() -> None:
    there = [station("a"), replace(station("b"), lng=0.0, lat=0.0), replace(station("c"), lng=31.1, lat=121.4)]
    assert part(quality(*there), "position").lacks == {"beyond": 2}


def test_context_and_boundaries_may_reach_beyond_the_districts() -> None:
    tree = asset("candidates", "far", offset(CENTRE, 40_000, 0), candidate_kind="pole")
    world = snapshot([tree, *district()])
    for layer in ("candidates", "areas"):
        found = quality_in(world, layer)
        assert found is not None
        assert part(found, "position").share == 1.0


def test_a_source_without_a_frame_or_unknown_declares_none() -> None:
    bare = Source("bare", "no frame", "")
    stations = [station("a"), station("b", 1000, source="bare"), station("c", 2000, source="gone")]
    found = part(quality(*stations, sources=(HAND, bare)), "frame")
    assert (found.n, found.of, found.lacks) == (1, 3, {"bare": 1, "gone": 1})


def test_timeliness_counts_what_is_dated_within_the_layers_period() -> None:
    edge = NOW - timedelta(days=DAYS_A_YEAR * 8)
    second = timedelta(seconds=1)
    stations = [station("on", valid_from=edge), station("old", 1000, valid_from=edge - second),
                station("undated", 2000, valid_from=LONG_AGO, valid_from_assumed=True)]  # fmt: skip
    found = part(quality(*stations), "timeliness")
    assert (found.n, found.of, found.lacks) == (1, 2, {"older": 1, "undated": 1})


def test_a_layer_without_a_period_is_not_judged_by_age() -> None:
    found = quality_in(snapshot(district()), "areas")
    assert found is not None
    assert (part(found, "timeliness").share, part(found, "timeliness").passed) == (None, None)
    assert found.score == pytest.approx(1.0)


def test_a_station_of_two_sources_is_one_too_many() -> None:
    other = Source("other", "another file", "wgs84")
    found = part(
        quality(station("a"), station("b", source="other"), station("c", 1000), sources=(HAND, other)), "duplicates"
    )
    assert (found.n, found.of, found.lacks) == (2, 3, {"twice": 1})


def test_what_is_retired_is_not_judged_and_an_empty_layer_has_no_quality() -> None:
    gone = station("gone", None, lifecycle="retired")
    assert quality(station("a"), gone).n == 1
    assert quality_in(snapshot([gone]), "chargers") is None
    assert quality_in(snapshot([]), "chargers") is None


# --- score and verdict -----------------------------------------------------------------------------------------------


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_it_fails_where_one_share_is_below_its_threshold_and_scores_their_mean(located: list[bool]) -> None:
    found = quality(*(station(f"s{i}", 1000.0 * i if there else None) for i, there in enumerate(located)))
    share = sum(located) / len(located)
    assert found.failing == (share < THRESHOLDS["position"])
    assert found.score == pytest.approx((4 + share) / 5)
    assert [c.id for c in found.failed] == (["position"] if found.failing else [])


@pytest.mark.parametrize(("n_lost", "passed"), [(1, True), (2, False)])
def test_a_share_at_its_threshold_passes(n_lost: int, passed: bool) -> None:
    found = quality(*(station(f"s{i}", None if i < n_lost else 1000.0 * i) for i in range(20)))
    assert part(found, "position").passed is passed


def test_every_part_explains_itself_in_both_languages() -> None:
    for c in quality(station("a")).components:
        assert all((c.title.zh, c.title.en, c.rule.zh, c.rule.en))


def test_importance_names_fields_that_there_are() -> None:
    for layer in LAYERS.values():
        names = {f.name for f in layer.all_fields()}
        assert layer.important
        assert set(layer.important) <= names
        assert {n for rule in layer.same for n in (*rule.equal, *rule.told_apart_by)} <= names


# --- where it is used ------------------------------------------------------------------------------------------------


def test_a_result_built_on_a_failing_layer_says_which_and_in_what() -> None:
    lost = [station("a"), station("b", None)]
    result = twin_with([*lost, *district()]).cover("charger-service").result
    assert "quality" in result.labels
    assert result.words_of("quality").zh == "数据质量未达标：充电站（位置有效）"
    assert result.words_of("quality").en == "Data quality below the threshold: Charging stations (valid position)"
    assert result.words_of("ours") == LABELS["ours"]
    good = twin_with([station("a"), *district()]).cover("charger-service").result
    assert "quality" not in good.labels
    assert good.doubts == ()


def test_what_is_tried_leaves_the_quality_of_what_is_recorded() -> None:
    twin = twin_with([*(station(f"s{i}", 1000.0 * i) for i in range(3)), *district()])
    lng, lat = offset(CENTRE, 500, 500)
    tried = Change("add", "chargers", "new", {"lng": lng, "lat": lat})
    assert "quality" not in twin.cover("charger-service", changes=[tried, replace(tried, key="more")]).result.labels


def test_it_is_reckoned_once_for_each_table() -> None:
    world = snapshot([station("a"), *district()])
    assert quality_in(world, "chargers") is quality_in(world, "chargers")


def test_the_numbers_are_the_same_on_every_store(tmp_path: Path) -> None:
    records = [station("a"), station("b", None, name=""), station("c", 7000, n_connectors=None), *district()]
    found = []
    for store in (MemoryStore(), open_store(f"sqlite:///{tmp_path / 'twin.sqlite'}")):
        twin = Twin(store, read_plan(GEODATA / "plan.toml"), read_grid, lambda: NOW)
        twin_edits(twin, records)
        found.append(quality_in(twin.snapshot(), "chargers"))
    assert found[0] == found[1]
    assert found[0] is not None


def twin_edits(twin: Twin, records: list[Record]) -> None:
    twin.commit([Edit("add", r) for r in records], author="test", reason="test", sources=[HAND])


def test_the_reference_twin_passes_with_honest_ages() -> None:
    now = datetime(2026, 6, 30, 16, tzinfo=UTC)
    made = build_reference_twin(1, now, GEODATA)
    kept = [r for i, r in enumerate(made.records) if r.layer not in ("sensors", "cameras") or i % 20 == 0]
    world = replace(snapshot(kept), sources={s.id: s for s in made.sources}, as_of=now)
    ages = {}
    for layer in LAYERS:
        found = quality_in(world, layer)
        assert found is None or not found.failing, layer
        ages[layer] = None if found is None else part(found, "timeliness").share
    for layer in ("cameras", "sensors", "chargers"):
        share = ages[layer]
        assert share is not None
        assert 0.78 < share < 0.9


def test_quality_of_takes_the_moment_it_is_told() -> None:
    table = snapshot([station("a", valid_from=FRESH)]).layers["chargers"]
    later = quality_of(CHARGERS, table, {HAND.id: HAND}, NOW + timedelta(days=DAYS_A_YEAR * 9))
    assert later is not None
    assert part(later, "timeliness").share == 0.0
    assert np.isclose(later.score, 0.8)
