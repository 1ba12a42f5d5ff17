"""The tiles that are kept: so many bytes, packed once, made once."""

from __future__ import annotations

import gzip
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from twin.api.tile_cache import OVERHEAD, KeptTile, TileCache


def test_tiles_are_kept_up_to_so_many_bytes_those_used_last_stay() -> None:
    cache = TileCache(max_bytes=10 * (1000 + OVERHEAD))
    for i in range(30):
        cache.get(i, lambda i=i: KeptTile(bytes([i]) * 1000, 1))
        cache.get(0, lambda: KeptTile(b"", 0))
    assert cache.n_bytes <= 10 * (1000 + OVERHEAD)
    assert len(cache) == 10
    assert (cache.find(0) is None, cache.find(29) is None, cache.find(1) is None) == (False, False, True)


def test_a_kept_tile_counts_with_the_bytes_it_takes_when_packed() -> None:
    cache = TileCache()
    tile = cache.get("a", lambda: KeptTile(b"a" * 10_000, 1))
    assert cache.n_bytes == 10_000 + OVERHEAD
    assert gzip.decompress(tile.content(gzipped=True)) == tile.content(gzipped=False) == b"a" * 10_000
    cache.find("a")
    assert cache.n_bytes == tile.size < 1000 + OVERHEAD


def test_a_tile_made_anew_with_the_same_bytes_is_the_same_packed_tile() -> None:
    cache = TileCache()
    before = cache.get("before", lambda: KeptTile(b"tile" * 100, 4))
    packed = before.content(gzipped=True)
    assert cache.get("after", lambda: KeptTile(b"tile" * 100, 4)).content(gzipped=True) is packed
    assert cache.get("another", lambda: KeptTile(b"tile" * 100, 5)).n == 5


def test_many_who_ask_for_one_tile_at_once_have_it_made_once() -> None:
    cache, made, begun = TileCache(), [], threading.Barrier(8)

    def make_it() -> KeptTile:
        made.append(1)
        time.sleep(0.05)
        return KeptTile(b"x", 1)

    def ask() -> KeptTile:
        begun.wait()
        return cache.get("key", make_it)

    with ThreadPoolExecutor(8) as pool:
        tiles = {id(future.result()) for future in [pool.submit(ask) for _ in range(8)]}
    assert (len(made), len(tiles)) == (1, 1)
