"""A snapshot kept as files: what is opened equals what was baked, and belongs to its store or is not opened."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.store.log import DAY0, drawn, play
from tests.store.test_news import assert_equal, decoded
from tests.world import PLAN, asset, charger
from twin.api.baked import bake, open_baked
from twin.api.encoded import encode_layer
from twin.api.tile_columns import kept_as, layer_tiles
from twin.engine import Twin
from twin.layers import LAYERS
from twin.model import Edit
from twin.snapshots import brought_up_to_date, read
from twin.store import MemoryStore

LATER = DAY0 + timedelta(days=40)


@pytest.fixture
def store() -> MemoryStore:
    return drawn(120, seed=3)[1]


def test_what_is_opened_is_what_was_baked(store: MemoryStore, tmp_path: Path) -> None:
    now = read(store, decoded, LATER, None, LATER)
    bake(now, store, tmp_path)
    opened, encoded = open_baked(store, tmp_path)
    assert_equal(opened.snapshot, now.snapshot)
    assert (opened.head, opened.next_change, opened.grids_id) == (now.head, now.next_change, now.grids_id)
    for name, table in now.snapshot.layers.items():
        fresh = encode_layer(LAYERS[name], table)
        assert bytes(encoded[name].blob) == fresh.blob
        for each in ("offsets", "cuts", "bounds", "codes", "valid", "places"):
            np.testing.assert_array_equal(getattr(encoded[name], each), getattr(fresh, each))
        assert list(encoded[name].ids) == list(fresh.ids)


def test_the_columns_of_tiles_are_baked_too(store: MemoryStore, tmp_path: Path) -> None:
    now = read(store, decoded, LATER, None, LATER)
    bake(now, store, tmp_path)
    opened, _ = open_baked(store, tmp_path)
    for name, table in now.snapshot.layers.items():
        if LAYERS[name].geometry == "point":
            fresh = layer_tiles(LAYERS[name], table, encode_layer(LAYERS[name], table))
            kept = opened.snapshot.layers[name].keep(kept_as(), lambda: pytest.fail("made anew"))
            assert kept.keys == fresh.keys
            assert bytes(kept.blob) == fresh.blob
            for each in ("unit", "order", "codes", "begins", "offsets"):
                np.testing.assert_array_equal(getattr(kept, each), getattr(fresh, each))
            world = slice(0, len(table))
            assert kept.tile((0, 0, 0), world) == fresh.tile((0, 0, 0), world)


def test_odd_values_come_back(tmp_path: Path) -> None:
    store, now = MemoryStore(), LATER
    odd = {"note": [1, {"a": None}], "mixed": "文", "empty": ""}
    rows = [asset("cameras", "a", (121.4, 31.1), **odd), asset("cameras", "b", None, mixed=3, online=None)]
    store.commit([Edit("add", r) for r in rows], author="", reason="", at=now)
    whole = read(store, decoded, now, None, now)
    bake(whole, store, tmp_path)
    opened, _ = open_baked(store, tmp_path)
    pd.testing.assert_frame_equal(opened.snapshot.layers["cameras"].frame, whole.snapshot.layers["cameras"].frame)


def test_what_was_recorded_since_is_added(store: MemoryStore, tmp_path: Path) -> None:
    bake(read(store, decoded, LATER, None, LATER), store, tmp_path)
    store.commit([Edit("add", charger("new", (121.4, 31.1)))], author="", reason="", at=LATER)
    opened, _ = open_baked(store, tmp_path)
    assert_equal(
        brought_up_to_date(opened, store, decoded, LATER).snapshot, read(store, decoded, LATER, None, LATER).snapshot
    )


def test_a_bake_of_another_store_is_not_opened(store: MemoryStore, tmp_path: Path) -> None:
    bake(read(store, decoded, LATER, None, LATER), store, tmp_path)
    other, steps = MemoryStore(), drawn(120, seed=4)[0]
    play(other, steps)
    assert other.head() >= 1
    assert open_baked(other, tmp_path) is None
    assert open_baked(MemoryStore(), tmp_path) is None


def test_a_damaged_bake_is_as_good_as_none(store: MemoryStore, tmp_path: Path) -> None:
    home = bake(read(store, decoded, LATER, None, LATER), store, tmp_path)
    (home / "cameras.marks.npy").write_bytes(b"rubbish")
    assert open_baked(store, tmp_path) is None


def test_the_last_bake_replaces_the_one_before(store: MemoryStore, tmp_path: Path) -> None:
    one = bake(read(store, decoded, LATER, None, LATER), store, tmp_path)
    two = bake(read(store, decoded, LATER, None, LATER), store, tmp_path)
    assert [path.name for path in two.parent.iterdir()] == [two.name] != [one.name]


def test_an_adopted_snapshot_is_brought_up_to_date_at_the_first_look(store: MemoryStore, tmp_path: Path) -> None:
    bake(read(store, decoded, LATER, None, LATER), store, tmp_path)
    store.commit([Edit("add", charger("new", (121.4, 31.1)))], author="", reason="", at=LATER)
    twin = Twin(store, PLAN, decoded, lambda: LATER)
    twin.adopt(open_baked(store, tmp_path)[0])
    assert "new" in set(twin.snapshot().layers["chargers"].frame["key"])
