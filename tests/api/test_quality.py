"""The quality of layers over HTTP: what a collection says, and what a result built on a failing layer says."""

from __future__ import annotations

import pytest

from tests.api.conftest import N_CAMERAS, N_LOCATED, Client

SHARES = {
    "completeness": (4 * N_CAMERAS, 8 * N_CAMERAS, False),  # no owner, type, azimuth, indoor
    "position": (N_LOCATED, N_CAMERAS, True),
    "frame": (N_CAMERAS, N_CAMERAS, True),
    "timeliness": (N_CAMERAS, N_CAMERAS, True),
    "duplicates": (N_CAMERAS, N_CAMERAS, True),
}


def test_a_collection_says_the_five_shares_of_its_quality_with_their_rules(client: Client) -> None:
    quality = client.get("/collections/cameras").json()["quality"]
    assert {c["id"]: (c["n"], c["of"], c["passed"]) for c in quality["components"]} == SHARES
    for c in quality["components"]:
        assert c["share"] == pytest.approx(c["n"] / c["of"])
        assert c["passed"] == (c["share"] >= c["threshold"])
        assert all((c["zh"], c["en"], c["rule"]["zh"], c["rule"]["en"]))
    assert quality["score"] == pytest.approx((0.5 + 48 / 49 + 3) / 5)
    assert quality["failing"] is True
    assert quality["components"][0]["lacks"] == {"owner": 49, "camera_type": 49, "indoor": 49, "azimuth_deg": 49}


def test_a_collection_without_features_has_no_quality(client: Client) -> None:
    assert client.get("/collections/sensors").json()["quality"] is None


def test_a_result_built_on_a_failing_layer_says_which_and_in_what(client: Client) -> None:
    labels = {label["id"]: label for label in client.get("/coverage/camera-count").json()["labels"]}
    assert labels["quality"]["zh"] == "数据质量未达标：视频监控（完整性）"
    assert labels["quality"]["en"] == "Data quality below the threshold: Cameras (completeness)"
    radio = client.get("/coverage/radio-site-count").json()["labels"]
    assert "quality" not in {label["id"] for label in radio}
