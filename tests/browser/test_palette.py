"""The rules of colour that can be checked: contrast, distance between neighbouring classes, darker is worse."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from twin.maps import (
    HEX_ALPHA,
    PALETTE,
    SCALES,
    SERVICE_FAILING,
    SERVICE_PASSING,
    TARGET_FAILING,
    TARGET_PASSING,
    deck_json,
    planners_map,
)

# Machado, Oliveira, Fernandes 2009, severity 1.0, on linear RGB (doi:10.1109/TVCG.2009.113)
SIGHT = {
    "normal": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = TO_XYZ.sum(axis=1)
Vector = NDArray[np.float64]

TEXT_ON = [
    ("ink", "ground"), ("ink", "outside"), ("second", "outside"), ("second", "ground"), ("met-text", "met-tint"),
    ("unmet-text", "unmet-tint"), ("open-text", "open-tint"), ("ink", "scenario"), ("outside", "gap-line"),
    ("unmet-text", "outside"), ("met-text", "outside"), ("gap-line", "outside"), ("outside", "ink"),
]  # fmt: skip
TEXT_PAIRS = [pytest.param(text, ground, id=f"{text} on {ground}") for text, ground in TEXT_ON]


def rgb(name: str) -> Vector:
    text = PALETTE.get(name, name)
    return np.array([int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)])


def linear(colour: Vector) -> Vector:
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def luminance(colour: Vector) -> float:
    return float(TO_XYZ[1] @ linear(colour))


def lab(lin: Vector) -> Vector:
    t = TO_XYZ @ np.clip(lin, 0, 1) / WHITE
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def on_map(name: str) -> Vector:
    """A class as it is seen: at the hexes' opacity on the ground."""
    return HEX_ALPHA * rgb(name) + (1 - HEX_ALPHA) * rgb("ground")


@pytest.mark.parametrize(("text", "ground"), TEXT_PAIRS)
def test_text_stands_out_by_4_5_to_1(text: str, ground: str) -> None:
    high, low = sorted((luminance(rgb(text)), luminance(rgb(ground))), reverse=True)
    assert (high + 0.05) / (low + 0.05) >= 4.5


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("scale", SCALES)
def test_neighbouring_classes_differ_for_every_eye(scale: str, sight: str) -> None:
    seen = [lab(np.array(SIGHT[sight]) @ linear(on_map(c))) for c in SCALES[scale]["colours"]]
    apart = [float(np.linalg.norm(a - b)) for a, b in pairwise(seen)]
    assert min(apart) >= 10


@pytest.mark.parametrize(
    ("failing", "passing"),
    [(TARGET_FAILING, TARGET_PASSING), (SERVICE_FAILING, SERVICE_PASSING)],
    ids=["target", "service"],
)
def test_every_failing_class_is_darker_than_every_passing_one(
    failing: tuple[str, ...], passing: tuple[str, ...]
) -> None:
    assert max(luminance(on_map(c)) for c in failing) < min(luminance(on_map(c)) for c in passing)


def test_the_deck_holds_no_data_and_no_foreign_address() -> None:
    text = deck_json(planners_map()).decode()
    assert "://" not in text
    for layer in json.loads(text)["layers"]:
        assert isinstance(layer["data"], dict) or layer["data"].startswith("/tiles/"), layer["id"]


def test_no_key_of_a_map_service_goes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CARTO_API_KEY", "MAPBOX_API_KEY", "GOOGLE_MAPS_API_KEY", "MapboxAccessToken", "GoogleMapsAPIKey"):
        monkeypatch.setenv(name, "secret")
    assert b"secret" not in deck_json(planners_map())


def test_the_deck_stays_small() -> None:
    assert len(deck_json(planners_map())) < 16_000
