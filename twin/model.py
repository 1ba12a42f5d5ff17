"""The values everything else passes around. Frozen, no behaviour beyond invariants and look-ups.

Coordinates are longitude, latitude in degrees, WGS-84 (EPSG:4326) everywhere in the model; the frame a file came in
is kept per asset in ``original``. Times are timezone-aware and in UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from hashlib import blake2b
from typing import Any, Literal, TypeVar

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

LngLat = NDArray[np.float64]
"""(n, 2) degrees, longitude first, EPSG:4326."""
Cells = NDArray[np.uint64]
"""(n,) H3 cell ids."""
Geometries = NDArray[np.object_]
"""(n,) shapely geometries."""

Lifecycle = Literal["planned", "building", "managed", "operating", "retired"]
LIFECYCLES: tuple[Lifecycle, ...] = ("planned", "building", "managed", "operating", "retired")
BUILT: tuple[Lifecycle, ...] = ("managed", "operating")
"""What 累计建设 / 部署 counts."""

ChangeOp = Literal["add", "change", "remove"]

MAX_KEY = 512
"""Characters of a key, a layer's name or a source's id: what a page of a PostgreSQL index holds, in any script."""
V = TypeVar("V")
N_KEPT = 64
"""Derived values that a table keeps."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a set of records came from, and what must be said of it wherever it is shown."""

    id: str
    title: str
    frame: str
    synthetic: bool = False
    schematic: bool = False
    derived: bool = False
    licence: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One version of one asset or area as it is kept: what is true of ``key`` from ``valid_from`` to ``valid_to``.

    ``lng``/``lat`` are a point's place (for lines and polygons a point on it); None = no location. ``geometry`` is
    WKB in EPSG:4326, None for points. ``original`` keeps the frame and coordinates the source had.
    """

    layer: str
    key: str
    name: str
    lifecycle: str
    valid_from: datetime
    valid_to: datetime | None
    online: bool | None
    n_devices: int
    owner: str
    source: str
    lng: float | None
    lat: float | None
    geometry: bytes | None
    attributes: Mapping[str, Any]
    original: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """One step of a transaction. ``expected_version`` None: the key must be new; else that version must still be open.

    A change holds from ``record.valid_from`` to ``record.valid_to``, after which what was recorded before goes on, or
    nothing where it is ``final``; ``correction`` also takes back all of the version it is based on. ``remove`` ends the asset's validity at ``record.valid_to``. Nothing is ever overwritten.
    """

    op: ChangeOp
    record: Record
    expected_version: int | None = None
    correction: bool = False
    final: bool = False


@dataclass(frozen=True, slots=True)
class Transaction:
    """Who changed what, when (record time) and why."""

    tx: int
    at: datetime
    author: str
    reason: str
    source: str
    n_edits: int


@dataclass(frozen=True)
class LayerTable:
    """All features of a layer that hold at the snapshot's time, sorted by ``key``.

    ``frame`` has one row a feature with the columns of CONTRACT ("Fields of features"): ``key, name, lifecycle,
    valid_from, valid_to, online, n_devices, owner, source, version, cell`` and the layer's own, plus ``lng, lat``
    (NaN = no location). ``geometry`` is aligned with it; None for point layers.
    """

    layer: str
    frame: pd.DataFrame
    geometry: Geometries | None = None
    emptied: bool = False
    """Whether it holds nothing because all was taken out of it: an inventory of none, not a lack of data."""
    marks: NDArray[np.uint64] | None = field(default=None, compare=False, repr=False)
    """(n, 2) a hash of each stored row; None where the rows are not as stored."""
    digest: str = field(default="", compare=False)
    """A hash of the content, whatever the order in which it came to be; empty where the rows are not as stored."""
    recorded: LayerTable | None = field(default=None, compare=False, repr=False)
    """What changes were tried on to make it; None of what is recorded itself."""
    _kept: dict[Hashable, Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    def keep(self, key: Hashable, make: Callable[[], V]) -> V:
        """What follows from the features alone, made once: the latest ``N_KEPT`` are kept. Not to be written to."""
        if key in self._kept:
            kept: V = self._kept[key]
            return kept
        made = make()
        while len(self._kept) >= N_KEPT:
            self._kept.pop(next(iter(self._kept)), None)
        self._kept[key] = made
        return made

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def lnglat(self) -> LngLat:
        return self.frame[["lng", "lat"]].to_numpy(np.float64)


@dataclass(frozen=True)
class Area:
    """A boundary or zone. ``geometry`` is a valid (multi)polygon in EPSG:4326."""

    code: str
    name: str
    name_en: str
    level: str
    geometry: BaseGeometry
    area_km2_published: float | None = None
    source: str = ""

    @cached_property
    def digest(self) -> bytes:
        """A hash of the outline."""
        return blake2b(shapely.to_wkb(self.geometry), digest_size=12).digest()


@dataclass(frozen=True)
class DemandGrid:
    """Demand that sits at points (the pixel centres of a raster): ``values`` in ``unit`` at ``lnglat``."""

    name: str
    unit: str
    lnglat: LngLat
    values: NDArray[np.float64]
    source: str

    @cached_property
    def digest(self) -> bytes:
        """A hash of places and values."""
        return blake2b(self.lnglat.tobytes() + self.values.tobytes(), digest_size=12).digest()


@dataclass(frozen=True)
class Snapshot:
    """Everything that holds at one time, as known at one time. ``id`` is a hash of the content.

    ``as_of`` is when it is true in the world, ``known_at`` when it had been recorded.
    """

    id: str
    layers: Mapping[str, LayerTable]
    areas: Mapping[str, Area]
    grids: Mapping[str, DemandGrid]
    sources: Mapping[str, Source]
    as_of: datetime
    known_at: datetime
    tx: int = 0
    """The last transaction in it."""
    coarse: frozenset[str] = frozenset()
    """Layers whose sensitive things stand at the centres of cells, because whoever asks may not see more."""
    cut: frozenset[str] = frozenset()
    """Layers of which whoever asks sees a part only, or counts."""
    way: str = ""
    """A name for the way of looking that leaves something out; empty where all is there."""
    is_present: bool = True
    """Whether it was read for now: only then does the assets' ``online`` say anything about its time."""

    def areas_at(self, level: str) -> list[Area]:
        """The areas of one level, by code."""
        return sorted((a for a in self.areas.values() if a.level == level), key=lambda a: a.code)


@dataclass(frozen=True, slots=True)
class Change:
    """A what-if change in the shape that scenarios use: ``after`` is a feature's properties with ``lng`` and ``lat``."""

    op: ChangeOp
    layer: str
    key: str
    after: Mapping[str, Any] = field(default_factory=dict)
