"""One thing recorded twice: the rules of each layer, against brute force, whatever the order of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.world import CENTRE, GEOD, HAND, asset, offset, snapshot
from twin.errors import Words
from twin.layers import LAYERS, LayerType
from twin.layers.base import SAME_ANGLE_DEG, SameThing
from twin.layers.duplicates import MOST_AT_A_SPOT, Duplicates, find_duplicates, folded
from twin.layers.file_duplicates import duplicates_of_file
from twin.model import Record

CAMERAS, CHARGERS, RADIO_SITES, SENSORS = (LAYERS[n] for n in ("cameras", "chargers", "radio_sites", "sensors"))
FIELDS = ("name", "owner", "azimuth_deg", "operator", "site_kind", "domain", "sensor_type", "site", "frequency_mhz")


def frame(*rows: dict[str, Any]) -> pd.DataFrame:
    """Rows by hand; what is not said is unknown, the place is ``CENTRE`` plus ``east`` metres."""
    made = []
    for i, row in enumerate(rows):
        place = row.get("place", offset(CENTRE, row.get("east", 0.0), 0))
        lng, lat = place if place is not None else (np.nan, np.nan)
        blank = {"name": "", "owner": "", "operator": "unknown", "domain": "other", "sensor_type": "", "site": ""}
        base = {"key": f"k{i}", "lifecycle": "operating", "source": "a", "azimuth_deg": np.nan, "frequency_mhz": np.nan,
                "site_kind": "outdoor", **blank}  # fmt: skip
        made.append({**base, "lng": lng, "lat": lat, **{k: v for k, v in row.items() if k not in ("place", "east")}})
    return pd.DataFrame(made, columns=["key", "lifecycle", "source", "lng", "lat", *FIELDS])


def pairs(layer: LayerType, *rows: dict[str, Any]) -> list[tuple[int, int, str, bool]]:
    found = find_duplicates(layer, frame(*rows))
    return [
        (int(a), int(b), found.rules[k].id, bool(sure))
        for a, b, k, sure in zip(found.first, found.second, found.rule, found.certain, strict=True)
    ]


# --- the rules -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "first", "second", "expected"),
    [
        (CAMERAS, {"azimuth_deg": 358}, {"source": "b", "azimuth_deg": 3}, "certain"),
        (CAMERAS, {"azimuth_deg": 358}, {"source": "b", "azimuth_deg": 3.1}, "no"),
        (CAMERAS, {"azimuth_deg": 0}, {"source": "b", "azimuth_deg": 360}, "certain"),
        (CAMERAS, {"azimuth_deg": 10}, {"source": "b"}, "possible"),
        (CAMERAS, {"azimuth_deg": 10}, {"source": "b", "azimuth_deg": 10, "east": 0.99}, "certain"),
        (CAMERAS, {"azimuth_deg": 10}, {"source": "b", "azimuth_deg": 10, "east": 1.01}, "no"),
        (CAMERAS, {"azimuth_deg": 10}, {"source": "a", "azimuth_deg": 10}, "no"),
        (CAMERAS, {"azimuth_deg": 10, "name": "门口"}, {"azimuth_deg": 10, "name": "门口"}, "possible"),
        (CAMERAS, {"azimuth_deg": 10}, {"source": "b", "azimuth_deg": 10, "lifecycle": "retired"}, "no"),
        (CAMERAS, {"place": None}, {"source": "b", "place": None}, "no"),
        (CAMERAS, {"key": "AB 12", "place": None}, {"source": "b", "key": "ａb１2", "east": 900}, "certain"),
        (CHARGERS, {}, {"source": "b", "east": 0.5}, "certain"),
        (CHARGERS, {"name": "南站 P1"}, {"source": "b", "name": "南站Ｐ１", "east": 49.9}, "certain"),
        (CHARGERS, {"name": "南站 P1"}, {"source": "b", "name": "南站P1", "east": 50.1}, "no"),
        (CHARGERS, {"name": "南站"}, {"source": "b", "name": "北站", "east": 20}, "no"),
        (CHARGERS, {"name": ""}, {"source": "b", "name": "", "east": 20}, "no"),
        (RADIO_SITES, {"operator": "移动"}, {"source": "b", "operator": "电信"}, "no"),
        (RADIO_SITES, {"operator": "移动"}, {"source": "b", "operator": "移动"}, "certain"),
        (RADIO_SITES, {"operator": "移动"}, {"source": "b", "operator": "移动", "site_kind": "indoor"}, "no"),
        (RADIO_SITES, {"operator": "移动"}, {"source": "b"}, "possible"),
        (RADIO_SITES, {"key": "S1", "operator": "移动"}, {"key": "s1", "source": "b", "operator": "移动", "east": 9e3}, "certain"),
        (RADIO_SITES, {"key": "S1", "operator": "移动"}, {"key": "s1", "source": "b", "operator": "电信"}, "no"),
        (SENSORS, {"domain": "water", "sensor_type": "水位"}, {"source": "b", "domain": "water", "sensor_type": "水位"}, "certain"),
        (SENSORS, {"domain": "water", "sensor_type": "水位"}, {"source": "b", "domain": "gas", "sensor_type": "水位"}, "no"),
        (SENSORS, {"domain": "water", "sensor_type": "水位"}, {"source": "b", "domain": "water"}, "possible"),
        (LAYERS["radio_sectors"], {"site": "S1", "azimuth_deg": 120, "frequency_mhz": 2600},
         {"source": "b", "site": "S1", "azimuth_deg": 121, "frequency_mhz": 2600}, "certain"),
        (LAYERS["radio_sectors"], {"site": "S1", "azimuth_deg": 120, "frequency_mhz": 2600},
         {"source": "b", "site": "S2", "azimuth_deg": 121, "frequency_mhz": 2600}, "no"),
    ],
)  # fmt: skip
def test_two_records_are_one_thing_as_their_layer_says(
    layer: LayerType, first: dict[str, Any], second: dict[str, Any], expected: str
) -> None:
    found = [sure for _, _, _, sure in pairs(layer, first, second)]
    assert found == {"certain": [True], "possible": [False], "no": []}[expected]


def test_the_distance_is_inclusive() -> None:
    there = frame({"azimuth_deg": 1}, {"source": "b", "azimuth_deg": 1, "east": 0.7})
    metres = float(find_duplicates(CAMERAS, there).metres[0])
    assert metres == pytest.approx(0.7, abs=1e-6)
    for within_m, n in ((metres, 1), (np.nextafter(metres, 0), 0)):
        layer = LayerType(
            "cameras", Words("", ""), "point", CAMERAS.fields, same=(SameThing("x", Words("", ""), within_m),)
        )
        assert len(find_duplicates(layer, there).first) == n


def test_every_rule_explains_itself_in_both_languages() -> None:
    for layer in LAYERS.values():
        for rule in find_duplicates(layer, snapshot([]).layers[layer.name].frame).rules:
            assert all((rule.words.zh, rule.words.en))


# --- how many are too many -------------------------------------------------------------------------------------------


def test_what_two_sources_record_of_one_pole_is_too_many_by_the_fullest_sources_less() -> None:
    two_of_a = ({"azimuth_deg": 0}, {"azimuth_deg": 4})
    found = find_duplicates(CAMERAS, frame(*two_of_a, *({**r, "source": "b"} for r in two_of_a)))
    assert (len(found.first), found.n_twice, found.n) == (4, 2, 4)


def test_three_sources_of_one_camera_are_two_too_many() -> None:
    found = find_duplicates(CAMERAS, frame(*({"azimuth_deg": 9, "source": s} for s in "abc")))
    assert (found.n_twice, found.n_possible) == (2, 0)


def test_a_place_that_stands_in_for_hundreds_says_nothing_and_is_counted() -> None:
    many = [{"source": "ab"[i % 2], "azimuth_deg": 7} for i in range(MOST_AT_A_SPOT + 2)]
    found = find_duplicates(CAMERAS, frame(*many))
    assert (len(found.first), found.n_twice, found.n_crowded) == (0, 0, MOST_AT_A_SPOT + 2)


# --- against brute force ---------------------------------------------------------------------------------------------

SPOTS = [offset(CENTRE, east, 0) for east in (0, 0.6, 1.3, 30, 70)]
ROWS = st.lists(
    st.fixed_dictionaries({
        "place": st.sampled_from([*SPOTS, None]), "source": st.sampled_from("abc"), "name": st.sampled_from(["", "甲", "乙 1", "乙1"]),
        "azimuth_deg": st.sampled_from([np.nan, 0.0, 4.0, 8.0, 357.0]), "lifecycle": st.sampled_from(["operating", "retired"]),
        "operator": st.sampled_from(["unknown", "移动", "电信"]), "sensor_type": st.sampled_from(["", "烟感"]),
        "domain": st.sampled_from(["other", "gas"]), "site": st.sampled_from(["", "S"]), "frequency_mhz": st.sampled_from([np.nan, 2600.0]),
    }),
    max_size=12,
)  # fmt: skip


def said(row: Any, name: str) -> Any:
    """A row's value; None where it is not known."""
    raw = getattr(row, name)
    if isinstance(raw, str):
        return None if raw in ("", "unknown") or (name == "domain" and raw == "other") else raw.replace(" ", "")
    return None if np.isnan(raw) else raw


def differ(name: str, a: Any, b: Any) -> bool:
    return min(abs(a - b), 360 - abs(a - b)) > SAME_ANGLE_DEG if name == "azimuth_deg" else a != b


def one(rule: SameThing, x: Any, y: Any) -> bool | None:
    """Whether a place rule joins two rows: True, False, or None for possibly."""
    assert rule.within_m is not None
    if x.source == y.source or "retired" in (x.lifecycle, y.lifecycle) or np.isnan(x.lng + y.lng):
        return False
    equal = all(said(x, n) is not None and said(x, n) == said(y, n) for n in rule.equal)
    if not equal or GEOD.inv(x.lng, x.lat, y.lng, y.lat)[2] > rule.within_m:
        return False
    told = [(n, said(x, n), said(y, n)) for n in rule.told_apart_by]
    known = [(n, a, b) for n, a, b in told if a is not None and b is not None]
    if any(differ(*each) for each in known):
        return False
    return True if len(known) == len(told) else None


def by_brute_force(layer: LayerType, rows: pd.DataFrame) -> set[tuple[str, str, bool]]:
    made = list(rows.itertuples())
    found = set()
    for i, x in enumerate(made):
        for y in made[i + 1 :]:
            answers = [one(rule, x, y) for rule in layer.same if rule.within_m is not None]
            if True in answers or None in answers:
                found.add((*sorted((x.key, y.key)), True in answers))
    return found


def by_key(found: Duplicates, rows: pd.DataFrame) -> set[tuple[str, str, bool]]:
    of_sources = [k for k, rule in enumerate(found.rules) if rule.id != "alike"]
    return {
        (*sorted((rows["key"][a], rows["key"][b])), bool(sure))
        for a, b, k, sure in zip(found.first, found.second, found.rule, found.certain, strict=True)
        if k in of_sources
    }


@pytest.mark.parametrize(
    "layer", [CAMERAS, CHARGERS, RADIO_SITES, SENSORS, LAYERS["radio_sectors"]], ids=lambda x: x.name
)
@given(rows=ROWS)
def test_pairs_are_those_of_brute_force(layer: LayerType, rows: list[dict[str, Any]]) -> None:
    there = frame(*rows)
    assert by_key(find_duplicates(layer, there), there) == by_brute_force(layer, there)


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(rows: list[dict[str, Any]], random: Any) -> None:
    there = frame(*rows)
    order = list(range(len(there)))
    random.shuffle(order)
    turned = there.iloc[order].reset_index(drop=True)
    one_way, other = find_duplicates(CAMERAS, there), find_duplicates(CAMERAS, turned)
    assert by_key(one_way, there) == by_key(other, turned)
    counts = ("n", "n_twice", "n_possible", "n_crowded")
    assert [getattr(one_way, c) for c in counts] == [getattr(other, c) for c in counts]


@given(st.lists(st.text(max_size=4), max_size=8))
def test_folding_many_texts_is_folding_each(texts: list[str]) -> None:
    assert folded(texts) == [folded([t])[0] for t in texts]


# --- a file against what is held -------------------------------------------------------------------------------------


def camera(key: str, source: str, east_m: float = 0.0, **values: Any) -> Record:
    made = asset("cameras", key, offset(CENTRE, east_m, 0), access="own", azimuth_deg=90.0, **values)
    return Record(**{**{f: getattr(made, f) for f in made.__slots__}, "source": source})


def test_a_file_names_what_it_has_twice_and_what_other_sources_have() -> None:
    held = snapshot([camera("old", "police"), camera("same", "police", 500), camera("mine", "file", 900)]).layers[
        "cameras"
    ]
    file = [
        camera("new", "file", 0.4),
        camera("same", "file", 510),
        camera("SAME ", "file", 2000),
        camera("mine", "file", 900),
    ]
    found = [(t.key, t.position, t.other_key, t.other_source, t.other_position, t.certain, t.metres and round(t.metres, 1))
             for t in duplicates_of_file(CAMERAS, file, held, "file")]  # fmt: skip
    assert found == [
        ("new", 0, "old", "police", None, True, 0.4),
        ("same", 1, "SAME ", "file", 2, False, 1490.0),
        ("same", 1, "same", "police", None, True, 10.0),
    ]


def test_a_file_into_an_empty_store_is_compared_with_itself_only() -> None:
    file = [camera("a", HAND.id, name="门口"), camera("b", HAND.id, name="门口"), camera("c", HAND.id, name="后门")]
    found = duplicates_of_file(CAMERAS, file, None, HAND.id)
    assert [(t.key, t.other_key, t.certain) for t in found] == [("a", "b", False)]
    assert duplicates_of_file(CAMERAS, [], None, HAND.id) == []


def test_an_export_of_ours_that_names_the_sources_is_no_duplicate_of_what_is_held() -> None:
    records = [camera("a", "police"), camera("b", "file", 500)]
    held = snapshot(records).layers["cameras"]
    assert duplicates_of_file(CAMERAS, records, held, "export") == []
