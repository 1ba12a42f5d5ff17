"""All profiles that ship: no sample fits two, and codes come back as the words they were."""

from __future__ import annotations

from typing import Any

import pytest

from tests.layers.profile_samples import catalogue, item, ledger, location, poi, station
from tests.layers.profiled import built_in, document, shipped, tagged
from twin.layers import LAYERS
from twin.layers.profile import choose_profile, words_of


def test_no_sample_fits_two_profiles_of_a_layer() -> None:
    samples = {
        "camera-ledger": ("cameras", ledger().table), "gb28181": ("cameras", document(catalogue(item()))),
        "t-cec": ("chargers", document([station()])), "ocpi": ("chargers", document([location()])),
        "openchargemap": ("chargers", document([poi()])), "osm": ("chargers", tagged({})),
    }  # fmt: skip
    for name, (layer, table) in samples.items():
        chosen = choose_profile(built_in(), layer, table, None)
        assert chosen is not None
        assert chosen.id == name


@pytest.mark.parametrize("profile", built_in(), ids=lambda p: f"{p.id} {p.layer}")
def test_codes_come_back_as_the_words_they_were(profile: Any) -> None:
    kinds = {f.name: f for f in LAYERS[profile.layer].fields}
    for name, said in profile.fields.items():
        for value, word in said.written.items():
            typed = float(value) if name in kinds and kinds[name].kind == "float" else value
            assert words_of(name, typed, profile) == word
            assert said.codes[word.casefold()] == value


def test_words_are_written_back_only_where_one_stands_for_the_value() -> None:
    t_cec, ledger_profile = shipped("t-cec", "chargers"), shipped("camera-ledger", "cameras")
    assert words_of("station_type", "bus", t_cec) == "100"
    assert words_of("lifecycle", "building", t_cec) == "1"
    assert words_of("lifecycle", "managed", t_cec) is None
    assert words_of("azimuth_deg", 90.0, ledger_profile) == "东"
    assert words_of("azimuth_deg", 91.0, ledger_profile) is None
    assert words_of("online", True, shipped("gb28181", "cameras")) == "ON"
    assert words_of("name", "x", t_cec) is None
