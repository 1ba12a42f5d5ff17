"""Finished tiles: packed once, told apart by the hash of their bytes, bounded by bytes."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from twin.api.gzipped import compress, decompress
from twin.api.mvt import PointTiles
from twin.kept import Kept

MAX_BYTES = 64 << 20
OVERHEAD = 512
"""Bytes that an entry takes besides its content, about."""
N_AT_ONCE = 1024
T = TypeVar("T")


class KeptTile:
    """A tile's bytes, plain until somebody asks for them gzipped, from then on gzipped. ``n`` is how many features it has."""

    __slots__ = ("__weakref__", "_gzipped", "_plain", "etag", "is_empty", "n")

    def __init__(self, content: bytes, n: int) -> None:
        self._plain: bytes | None = content
        self._gzipped: bytes | None = None
        self.etag, self.n, self.is_empty = hashlib.blake2b(content, digest_size=12).hexdigest(), n, not content

    def has(self, *, gzipped: bool) -> bool:
        """Whether that form is at hand."""
        return (self._gzipped if gzipped else self._plain) is not None

    def content(self, *, gzipped: bool) -> bytes:
        plain, packed = self._plain, self._gzipped
        if not gzipped:
            return plain if plain is not None else decompress(packed or b"")
        if packed is None:
            packed = self._gzipped = compress(plain or b"")
            self._plain = None
        return packed

    @property
    def size(self) -> int:
        return len(self._plain or b"") + len(self._gzipped or b"") + OVERHEAD


class TileCache:
    """Keeps the tiles used last. A tile that is made anew with the same bytes, after an edit elsewhere, is not packed again."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes, self._bytes = max_bytes, 0
        self.n_asked = self.n_found = 0
        self._lock = Lock()
        self._tiles: OrderedDict[Hashable, tuple[KeptTile, int]] = OrderedDict()
        self._same: WeakValueDictionary[tuple[str, int], KeptTile] = WeakValueDictionary()
        self.columns: WeakValueDictionary[Hashable, PointTiles] = WeakValueDictionary()
        """What tiles of points are made of, by layer and content, as long as something else keeps it."""
        self._making: Kept[Any] = Kept(N_AT_ONCE)

    def __len__(self) -> int:
        return len(self._tiles)

    @property
    def n_bytes(self) -> int:
        return self._bytes

    def find(self, key: Hashable) -> KeptTile | None:
        """The tile under that key, if it is kept."""
        with self._lock:
            found = self._tiles.get(key)
            if found is None:
                return None
            self._count(key, found[0])
            return found[0]

    def get(self, key: Hashable, make: Callable[[], KeptTile]) -> KeptTile:
        """The tile under that key, made if there is none; once, however many ask."""
        found = self.find(key)
        self.n_asked += 1
        self.n_found += found is not None
        return self.once(key, lambda: self._keep(key, make())) if found is None else found

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` returns, to all who ask while it works. Not kept."""
        made: T = self._making.get(key, make)
        self._making.take(key)
        return made

    def _keep(self, key: Hashable, tile: KeptTile) -> KeptTile:
        with self._lock:
            tile = self._same.setdefault((tile.etag, tile.n), tile)
            self._count(key, tile)
            while self._bytes > self._max_bytes and len(self._tiles) > 1:
                self._bytes -= self._tiles.popitem(last=False)[1][1]
        return tile

    def _count(self, key: Hashable, tile: KeptTile) -> None:
        """Put it last, with the bytes it takes by now."""
        before = self._tiles.pop(key, None)
        size = tile.size
        self._bytes += size - (before[1] if before else 0)
        self._tiles[key] = (tile, size)
