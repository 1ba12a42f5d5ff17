"""Swapped axes: what the fault offers really mends the file, in degrees and in metres, whole columns and single rows."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.layers.sheets import check, features, sheet, words
from twin.frames import FRAMES, from_wgs84
from twin.layers.check import Checked

PLACES = np.array([[121.38, 31.11], [121.4, 31.2], [121.45, 31.05]])
SHANGHAI_FRAMES = ["wgs84", "cgcs2000", "gcj02", "bd09", "epsg:4549", "epsg:4528", "epsg:32651"]


def swapped(frame: str, head: str = "id,lng,lat") -> str:
    x, y = from_wgs84(PLACES[:, 0], PLACES[:, 1], FRAMES[frame])
    return f"{head}\n" + "".join(f"{n},{north!r},{east!r}\n" for n, (east, north) in enumerate(zip(x.tolist(), y.tolist(), strict=True)))  # fmt: skip


def offered(checked: Checked) -> list[str]:
    """The values of the ``--map`` options in the one fault."""
    (fault,) = checked.faults
    assert "swapped" in fault.words.en
    assert "颠倒" in fault.words.zh
    assert re.findall(r"--map (\S+)", fault.words.zh) == re.findall(r"--map (\S+)", fault.words.en)
    return re.findall(r"--map (\S+)", fault.words.en)


@pytest.mark.parametrize("frame", SHANGHAI_FRAMES)
@pytest.mark.parametrize("head", ["id,lng,lat", "编号,经度,纬度"])
def test_the_offer_mends_whole_columns(frame: str, head: str) -> None:
    table = sheet(swapped(frame, head))
    wrong = check(table, frame=frame, inverse=True)
    assert wrong.records == []
    options = offered(wrong)
    assert len(options) == 2
    mended = check(table, "cameras", *options, frame=frame, inverse=True)
    assert mended.faults == ()
    assert np.array([[r.lng, r.lat] for r in mended.records]) == pytest.approx(PLACES, abs=1e-9)


@pytest.mark.parametrize("frame", ["wgs84", "epsg:4549"])
def test_the_offer_mends_points_of_a_geojson(frame: str) -> None:
    x, y = from_wgs84(PLACES[:, 0], PLACES[:, 1], FRAMES[frame])
    points = [({"type": "Point", "coordinates": [b, a]}, {"id": f"p{n}"}) for n, (a, b) in enumerate(zip(x, y, strict=True))]  # fmt: skip
    table = features(*points)
    mended = check(table, "cameras", *offered(check(table, frame=frame)), frame=frame)
    assert np.array([[r.lng, r.lat] for r in mended.records]) == pytest.approx(PLACES, abs=1e-9)


@pytest.mark.parametrize("frame", ["wgs84", "gcj02", "epsg:4549", "epsg:4528", "epsg:32651"])
def test_a_single_swapped_row_is_a_fault_of_its_own(frame: str) -> None:
    x, y = (axis.tolist() for axis in from_wgs84(PLACES[:, 0], PLACES[:, 1], FRAMES[frame]))
    text = f"id,lng,lat\na,{x[0]!r},{y[0]!r}\nb,{y[1]!r},{x[1]!r}\nc,{x[2]!r},{y[2]!r}\n"
    checked = check(sheet(text), frame=frame, inverse=True)
    assert [r.key for r in checked.records] == ["a", "c"]
    assert len(checked.faults) == 1
    assert words(checked)[0].startswith("row 3, ")
    assert words(checked)[0].endswith("the two coordinates look swapped")


def test_swapped_degrees_declared_as_metres_are_told_to_be_degrees() -> None:
    """The frame is wrong as well: mended one after the other, each offer leading on."""
    table = sheet(swapped("wgs84"))
    first = check(table, frame="epsg:4549")
    assert "--frame wgs84" in first.faults[0].words.en
    options = offered(check(table, frame="wgs84"))
    assert len(check(table, "cameras", *options).records) == len(PLACES)
