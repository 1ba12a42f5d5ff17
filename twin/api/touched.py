"""What a transaction touched, and how much of that a caller may be told: never the exact place of a sensitive thing, where
not everything is open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from twin.access import Caller
from twin.cells import NO_CELL, cell_polygons, points_to_cells
from twin.layers.coarse import RESOLUTION, coarse_places, within
from twin.model import Area, LngLat, Transaction
from twin.ports import PlaceTouched
from twin.sensitive import is_sensitive

N_KEYS = 20
"""More keys than that are counted, not named."""

Boxes = NDArray[np.float64]
"""(n, 4) west, south, east, north in degrees, EPSG:4326; NaN = no place."""
Level = Literal["open", "cleared", "planner", "public"]


@dataclass(frozen=True, slots=True)
class Sight:
    """Of sensitive things: ``open`` sees the places, ``cleared`` the cells they lie in, ``planner`` these cells' centres,
    ``public`` nothing. With ``areas`` (codes) that holds within them, beyond is ``public``."""

    level: Level
    areas: tuple[str, ...] = ()

    @property
    def is_all(self) -> bool:
        """Whether nothing is kept from who sees so."""
        return self.level in ("open", "cleared") and not self.areas


def sight_of(caller: Caller) -> Sight:
    if caller.is_open:
        return Sight("open")
    if not caller.may("planner"):
        return Sight("public")
    return Sight("cleared" if caller.may("cleared") else "planner", tuple(sorted(caller.areas)))


@dataclass(frozen=True)
class Touched:
    """What a transaction touched of a layer. Of its ``n`` keys ``is_sensitive`` says which are; ``keys`` names them if they are
    few. Each place, before or after, belongs to the key at ``owners``."""

    layer: str
    n: int
    keys: tuple[str, ...]
    is_sensitive: NDArray[np.bool_]
    owners: NDArray[np.int64]
    places: LngLat
    boxes: Boxes

    def seen(self, sight: Sight, areas: Mapping[str, Area]) -> dict[str, Any]:
        """``n``, ``bbox`` and ``keys`` as far as the sight goes: ``n`` None where something is not seen."""
        hidden_place, shown = self._places_in(sight, areas)
        is_seen = ~self.is_sensitive
        is_seen[self.owners[~hidden_place & self.is_sensitive[self.owners]]] = True
        if not sight.areas and sight.level != "public":
            is_seen[:] = True
        told: dict[str, Any] = {"bbox": box_of(shown), "n": self.n if is_seen.all() else None}
        if self.keys and is_seen.any():
            told["keys"] = [key for key, seen in zip(self.keys, is_seen.tolist(), strict=True) if seen]
        return told

    def _places_in(self, sight: Sight, areas: Mapping[str, Area]) -> tuple[NDArray[np.bool_], Boxes]:
        """Which places are not seen, and the boxes of those that are."""
        sensitive = self.is_sensitive[self.owners]
        if sight.level == "open" or not sensitive.any():
            return np.zeros(len(sensitive), bool), self.boxes
        if sight.level == "public":
            return sensitive, self.boxes[~sensitive]
        points = self.places[sensitive]
        if sight.level == "cleared":
            boxes = _cell_boxes(points)
        else:
            points = coarse_places(points)
            boxes = np.hstack([points, points])
        shapes = [areas[code].geometry for code in sight.areas if code in areas]
        outside = ~within(points, shapes) if sight.areas else np.zeros(len(points), bool)
        hidden = np.zeros(len(sensitive), bool)
        hidden[sensitive] = outside
        return hidden, np.vstack([self.boxes[~sensitive], boxes[~outside]])


def _cell_boxes(places: LngLat) -> Boxes:
    """The boxes round the cells that the places lie in."""
    cells, owner = np.unique(points_to_cells(places, RESOLUTION), return_inverse=True)
    boxes = np.full((len(cells), 4), np.nan)
    there = cells != NO_CELL
    boxes[there] = shapely.bounds(cell_polygons(cells[there]))
    return boxes[owner]


def box_of(boxes: Boxes) -> list[float] | None:
    """The box round them; None if there is no place among them."""
    there = boxes[~np.isnan(boxes).any(axis=1)]
    return [*there[:, :2].min(axis=0).tolist(), *there[:, 2:].max(axis=0).tolist()] if len(there) else None


@dataclass(frozen=True)
class News:
    """One transaction. ``layers`` are sorted by name; none where it touched no feature (a raster, say)."""

    tx: int
    at: datetime
    layers: tuple[Touched, ...]


def news_of(found: tuple[Transaction, Iterable[PlaceTouched]], ever: Mapping[str, frozenset[str]]) -> News:
    """From what ``Store.places`` says, and the keys of what was ever sensitive, by layer."""
    transaction, rows = found
    layers = (
        touched(layer, list(group), ever.get(layer, frozenset())) for layer, group in groupby(rows, itemgetter(0))
    )
    return News(transaction.tx, transaction.at, tuple(layers))


def touched(layer: str, rows: list[PlaceTouched], ever: frozenset[str] = frozenset()) -> Touched:
    """What rows of one layer, sorted by key, say. A key is sensitive if one of its versions is, here or ``ever``."""
    owners = np.cumsum([i > 0 and row[1] != rows[i - 1][1] for i, row in enumerate(rows)])
    keys = tuple(dict.fromkeys(row[1] for row in rows))
    sensitive = np.zeros(len(keys), bool)
    sensitive[owners[[row[1] in ever or is_sensitive(layer, row[5]) for row in rows]]] = True
    places = np.array([(row[2], row[3]) for row in rows], np.float64).reshape(-1, 2)
    boxes = np.hstack([places, places])
    shaped = [i for i, row in enumerate(rows) if row[4] is not None]
    if shaped:
        boxes[shaped] = shapely.bounds(shapely.from_wkb([rows[i][4] for i in shaped]))
    return Touched(layer, len(keys), keys if len(keys) <= N_KEYS else (), sensitive, owners, places, boxes)
