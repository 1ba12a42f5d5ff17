"""The blob and its arrays, the tiles' arithmetic and the cache, without HTTP."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import orjson
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from twin.api.encoded import Encoded, encode
from twin.api.mercator import MAX_LAT, lnglat_to_unit, morton, tile_codes, unit_to_lnglat
from twin.api.wire import plain
from twin.kept import Kept

places = st.lists(st.tuples(st.floats(-180, 179.999), st.floats(-85, 85)), min_size=1, max_size=30)


def features(content: bytes) -> list[dict[str, Any]]:
    return list(orjson.loads(b"[" + content + b"]"))


def points(lnglat: list[tuple[float, float]]) -> Encoded:
    ids = [f"p{i}" for i in range(len(lnglat))]
    return encode(ids, {"key": ids}, np.array(lnglat, float).reshape(-1, 2))


@given(places, st.integers(0, 22))
def test_every_point_is_in_exactly_one_tile_of_a_zoom(lnglat: list[tuple[float, float]], z: int) -> None:
    encoded = points(lnglat)
    grid = np.floor(encoded.unit * 2**z).astype(int)
    found = [
        f["id"] for x, y in {tuple(t) for t in grid.tolist()} for f in features(encoded.run(encoded.in_tile(z, x, y)))
    ]
    assert sorted(found) == sorted(f"p{i}" for i in range(len(lnglat)))


@given(places)
def test_what_is_picked_is_what_was_encoded(lnglat: list[tuple[float, float]]) -> None:
    encoded = points(lnglat)
    assert {f["id"] for f in features(encoded.pick(np.arange(len(encoded))))} == {f"p{i}" for i in range(len(lnglat))}
    every_second = np.arange(0, len(encoded), 2)
    assert features(encoded.pick(every_second)) == [
        f for i in every_second for f in features(encoded.run(slice(i, i + 1)))
    ]
    for i, (lng, lat) in enumerate(lnglat):
        place = encoded.find(f"p{i}")
        assert place is not None
        found = features(encoded.run(slice(place, place + 1)))[0]
        assert found["geometry"]["coordinates"] == pytest.approx([lng, lat], abs=1e-7)
    assert encoded.find("q") is None


@given(places)
def test_the_unit_square_and_back(lnglat: list[tuple[float, float]]) -> None:
    array = np.array(lnglat)
    assert unit_to_lnglat(lnglat_to_unit(array)) == pytest.approx(array, abs=1e-9)


def test_the_codes_of_a_tiles_quarters_follow_each_other() -> None:
    first, last = tile_codes(3, 5, 6)
    quarters = sorted(tile_codes(4, x, y) for x in (10, 11) for y in (12, 13))
    assert [q[0] for q in quarters] == [first, *(q[1] for q in quarters[:-1])]
    assert quarters[-1][1] == last


def test_points_off_the_map_have_no_tile_but_are_kept() -> None:
    encoded = points([(0, MAX_LAT + 0.1), (float("nan"), float("nan")), (180.0, 0.0), (0, 0)])
    assert len(features(encoded.run(encoded.in_tile(0, 0, 0)))) == 1
    assert len(features(encoded.pick(np.arange(4)))) == 4
    assert (morton(encoded.unit)[1:] == morton(encoded.unit)[-1]).all()


def test_no_features_and_no_geometry_are_no_trouble() -> None:
    empty = points([])
    assert (len(empty), empty.pick(np.arange(0)), empty.find("x"), empty.within((-180, -90, 180, 90)).tolist()) == (
        0,
        b"",
        None,
        [],
    )
    shapes = encode(["a", "b"], {"v": [1, None]}, np.array([None, shapely.box(0, 0, 1, 1)], object))
    assert [f["geometry"] is None for f in features(shapes.pick(np.arange(2)))] == [False, True]
    assert shapes.within((0.5, 0.5, 0.6, 0.6)).tolist() == [0]
    assert features(b",".join(h + b"}" for h in shapes.heads(np.arange(2))))[0]["properties"] == {"v": None}


def test_plain_values_are_what_json_has() -> None:
    value = {
        "a": np.float64(1.5),
        "b": float("nan"),
        3: (np.int64(1), np.bool_(True)),
        "z": -0.0,
        "i": np.float32("inf"),
    }
    assert plain(value) == {"a": 1.5, "b": None, "3": [1, True], "z": 0.0, "i": None}
    assert str(plain(value)["z"]) == "0.0"


def test_a_value_is_made_once_however_many_ask_and_an_error_is_not_kept() -> None:
    kept: Kept[int] = Kept(2)
    made: list[int] = []
    barrier = threading.Barrier(8)

    def make() -> int:
        made.append(1)
        return 7

    def ask(_: int) -> int:
        barrier.wait()
        return kept.get("k", make)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [7] * 8
    assert len(made) == 1
    with pytest.raises(ZeroDivisionError):
        kept.get("e", lambda: 1 // 0)
    assert kept.get("e", lambda: 5) == 5
    for i in range(10):
        assert kept.get(i, lambda i=i: i) == i  # type: ignore[misc]
    assert len(kept) == 2
