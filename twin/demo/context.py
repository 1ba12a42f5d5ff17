"""Context layers: roads, water and buildings to draw, candidates to site on. Synthetic, like the assets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import shapely

from twin.demo.city import City
from twin.demo.plane import DECIMALS, XY, Bools, Floats
from twin.demo.rows import FIRST_DAY, Batch, draw_index, keys_of, pick
from twin.demo.streets import WIDTHS_M, Network
from twin.demo.water import Waters
from twin.model import Geometries, LngLat

N_BUILDINGS = 7_200
LOT_SLOTS = 6
"""Slots of street front to a lot; no building is longer."""
LOT_LENGTH_M, LOT_DEPTH_M = (18.0, 50.0), (12.0, 24.0)
LOT_OFFSET_M = 42.0
CLEAR_OF_CROSSING_M = 80.0
USES = {"residential": 0.62, "office": 0.12, "commercial": 0.12, "public": 0.08, "industrial": 0.06}
USES_INDUSTRIAL = {"residential": 0.25, "office": 0.12, "commercial": 0.06, "public": 0.05, "industrial": 0.52}
N_CAR_PARKS, N_POLES = 1_500, 1_500


def draw_context(rng: np.random.Generator, now: datetime, city: City, network: Network, waters: Waters) -> list[Batch]:
    """Roads, water, buildings and candidates."""
    since = min(FIRST_DAY, now)
    return [
        _roads(since, city, network),
        _water(since, city, waters),
        _buildings(rng, since, city, network, waters),
        _candidates(rng, since, city, network),
    ]


def _roads(since: datetime, city: City, network: Network) -> Batch:
    pieces = [(street, piece) for street in network.streets for piece in street.pieces]
    lines = np.array([shapely.LineString(xy) for _, xy in pieces], object)
    attributes: dict[str, list[Any]] = {
        "road_class": [street.road_class for street, _ in pieces],
        "width_m": [WIDTHS_M[street.road_class] for street, _ in pieces],
    }
    return _shapes("roads", "R-", [street.name for street, _ in pieces], city.plane.unproject(lines), attributes, since)


def _water(since: datetime, city: City, waters: Waters) -> Batch:
    shapes = shapely.orient_polygons(city.plane.unproject(np.array(waters.shapes, object)))
    return _shapes("water", "W-", waters.names, shapes, {}, since)


def _buildings(rng: np.random.Generator, since: datetime, city: City, network: Network, waters: Waters) -> Batch:
    slots = network.slots
    first = np.arange(len(slots)) % LOT_SLOTS == 0
    lots = np.flatnonzero(first & (slots.to_cross_m > CLEAR_OF_CROSSING_M) & (slots.town >= 0))
    weights = np.tile(slots.urbanity[lots], 2)
    places = np.sort(np.argsort(rng.exponential(size=len(weights)) / weights)[:N_BUILDINGS])
    slot, side = np.tile(lots, 2)[places], np.where(places < len(lots), 1.0, -1.0)
    rectangles = _rectangles(rng, slots.beside(slot, side * LOT_OFFSET_M), slots.ahead[slot])
    dry = ~shapely.intersects(waters.all, rectangles)
    slot, rectangles = slot[dry], rectangles[dry]
    uses = np.where(
        np.array([p.industrial for p in city.profiles])[slots.town[slot]],
        pick(rng, len(slot), USES_INDUSTRIAL),
        pick(rng, len(slot), USES),
    )
    heights_m = _heights_m(rng, slots.urbanity[slot], uses == "industrial")
    attributes = {"height_m": heights_m.tolist(), "use": uses.tolist()}
    shapes = shapely.orient_polygons(city.plane.unproject(rectangles))
    return _shapes("buildings", "B-", [""] * len(slot), shapes, attributes, since)


def _rectangles(rng: np.random.Generator, middle: XY, ahead: XY) -> Geometries:
    """(n,) polygons in metres, their long side along the street."""
    left = np.column_stack([-ahead[:, 1], ahead[:, 0]])
    half_length = ahead * rng.uniform(*LOT_LENGTH_M, len(middle))[:, None] / 2
    half_depth = left * rng.uniform(*LOT_DEPTH_M, len(middle))[:, None] / 2
    corners = [middle + a * half_length + b * half_depth for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    return np.asarray(shapely.polygons(np.stack(corners, axis=1)), object)


def _heights_m(rng: np.random.Generator, urbanity: Floats, low: Bools) -> Floats:
    """Storeys of 3 m: more where it is urban, few for industry."""
    storeys = np.round(rng.gamma(2.2, 1.6 + 5.5 * urbanity)).clip(1, 60)
    return np.where(low, np.minimum(storeys, 4), storeys) * 3.0


def _candidates(rng: np.random.Generator, since: datetime, city: City, network: Network) -> Batch:
    slots, names = network.slots, network.names
    weights = (slots.town >= 0) * (0.15 + slots.urbanity)
    slot = draw_index(rng, weights, N_CAR_PARKS + N_POLES)
    parks = np.arange(len(slot)) < N_CAR_PARKS
    offset = rng.choice([-1.0, 1.0], len(slot)) * np.where(parks, rng.uniform(30, 80, len(slot)), 10.0)
    capacity = np.round(rng.lognormal(4.6, 0.7, N_CAR_PARKS)).clip(20, 900).astype(int).tolist()
    lnglat = city.plane.inverse(slots.beside(slot, offset))
    rows = zip(slots.street[slot].tolist(), slots.house[slot].tolist(), parks.tolist(), strict=True)
    titles = [f"{names[street]}{house}号{'停车场' if park else '灯杆'}" for street, house, park in rows]
    return _batch(
        "candidates", "CD-", titles, lnglat,
        {"candidate_kind": np.where(parks, "car_park", "pole").tolist(), "capacity": [*capacity, *[None] * N_POLES]},
        since,
    )  # fmt: skip


def _shapes(
    layer: str, prefix: str, names: Sequence[str], shapes: Geometries, attributes: Mapping[str, Sequence[Any]],
    since: datetime,
) -> Batch:  # fmt: skip
    on = shapely.get_coordinates(shapely.point_on_surface(shapes))
    return _batch(layer, prefix, names, np.round(on, DECIMALS), attributes, since, shapely.to_wkb(shapes).tolist())


def _batch(
    layer: str, prefix: str, names: Sequence[str], lnglat: LngLat, attributes: Mapping[str, Sequence[Any]], since: datetime,
    geometry: Sequence[bytes] | None = None,
) -> Batch:  # fmt: skip
    n = len(names)
    return Batch(
        layer, keys_of(prefix, n, 5), names, lnglat, attributes, [since] * n, ["operating"] * n, [None] * n, [""] * n,
        geometry,
    )  # fmt: skip
