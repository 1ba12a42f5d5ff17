"""Synthetic charging stations: crowded where the city is, leaving gaps; some gaps hold stations that do not count.

After one at every town's centre, stations are placed one by one. Until ``SHARE`` of the district is served a new one may
open some new ground; after that only those are built that stand where others already serve. So the share is about the
same whatever the seed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from scipy.spatial import cKDTree

from twin.demo.city import City
from twin.demo.plane import XY, Floats, Ints
from twin.demo.rows import Batch, dates_of, draw_index, keys_of, online_of, pick
from twin.demo.streets import Network

SHARE = 0.785
"""Of the district's area that counted stations serve, as measured on the demand points."""
DEMAND_SPACING_M = 150.0
RADIUS_INSIDE_M, RADIUS_ELSEWHERE_M = 900.0, 1500.0
"""The clause's radii: inside the outer ring and elsewhere, by the demand point."""
N_PUBLIC, N_HALO = 322, 26
N_TRIES = 12_000
MOST_OPENED = 240
"""Demand points that a new station may be the first to serve: it stands near others, so that the city fills evenly."""
SETBACK_M = (20.0, 70.0)

Kind = tuple[str, str]
IN_GAPS: dict[Kind, int] = {
    ("public", "building"): 9, ("public", "planned"): 6, ("taxi", "operating"): 6, ("bus", "operating"): 3,
    ("logistics", "operating"): 2,
}  # fmt: skip
"""What stands in the deepest gaps: (station_type, lifecycle)."""
ELSEWHERE: dict[Kind, int] = {
    ("public", "managed"): 8, ("public", "building"): 8, ("public", "planned"): 7, ("public", "retired"): 4,
    ("taxi", "operating"): 6, ("bus", "operating"): 7, ("sanitation", "operating"): 2, ("logistics", "operating"): 4,
    ("private", "operating"): 8, ("other", "operating"): 2,
}  # fmt: skip
GAP_SPACING_M = 1100.0
N_WITHOUT_CONNECTOR = 3
POWERS_KW = {7.0: 0.14, 60.0: 0.24, 120.0: 0.36, 180.0: 0.13, 250.0: 0.08, 480.0: 0.05}
PLACES = {
    "public": (
        "地铁站南广场", "地铁站北广场", "商业广场", "文化公园", "体育中心", "社区医院", "P+R停车场", "邻里中心", "科技园", "公共停车场", "酒店",
        "菜场", "政务中心",
    ),
    "taxi": ("出租车专用",), "bus": ("公交枢纽",), "sanitation": ("环卫停车场",), "logistics": ("物流园",),
    "private": ("企业自用",), "other": ("专用",),
}  # fmt: skip
OWNERS = {"申充能源（模拟）": 0.34, "沪联充（模拟）": 0.28, "闵行城投充电（模拟）": 0.22, "浦江新能源（模拟）": 0.16}


@dataclass(frozen=True)
class Demand:
    """Points of the district and the radius within which each must find a station. Metres."""

    xy: XY
    radius_m: Floats


def demand_of(city: City) -> Demand:
    """A square grid of points over the district."""
    west, south, east, north = city.district.bounds
    steps = (np.arange(low, high, DEMAND_SPACING_M) for low, high in ((west, east), (south, north)))
    xy = np.stack(np.meshgrid(*steps), axis=-1).reshape(-1, 2)
    lnglat = city.plane.inverse(xy)
    inside = city.inside(city.facts.district.code, lnglat)
    in_ring = city.inside(city.facts.outer_ring.code, lnglat[inside])
    return Demand(xy[inside], np.where(in_ring, RADIUS_INSIDE_M, RADIUS_ELSEWHERE_M))


def draw_chargers(rng: np.random.Generator, now: datetime, city: City, network: Network) -> Batch:
    """All stations, inside the district and in its halo."""
    slots, demand = network.slots, demand_of(city)
    halo = draw_index(rng, (slots.town < 0) * (0.1 + slots.urbanity), N_HALO)
    centres = city.plane.forward(np.array([t.centre_lnglat for t in city.facts.towns]))
    tries = draw_index(rng, (slots.town >= 0) * slots.urbanity**0.6, N_TRIES)
    public = _placed(slots.xy, np.concatenate([halo, _nearest(slots.xy, centres)]), tries, demand)
    gaps = _in_gaps(slots.xy, public, demand, sum(IN_GAPS.values()))
    elsewhere = draw_index(rng, (slots.town >= 0) * slots.urbanity, sum(ELSEWHERE.values()))
    slot = np.concatenate([public, gaps, elsewhere])
    kinds = [("public", "operating")] * len(public) + _shuffled(rng, IN_GAPS) + _shuffled(rng, ELSEWHERE)
    order = rng.permutation(len(slot))
    return _batch(rng, now, city, network, slot[order], [kinds[i] for i in order])


def _nearest(xy: XY, places: XY) -> Ints:
    return np.asarray(cKDTree(xy).query(places)[1], np.int64)


def _placed(xy: XY, given: Ints, tries: Ints, demand: Demand) -> Ints:
    """The slots of the counted stations: those given, then of the tries, in their order, up to the number wanted."""
    tree = cKDTree(demand.xy)
    far = max(RADIUS_INSIDE_M, RADIUS_ELSEWHERE_M)
    near = tree.query_ball_point(xy[np.concatenate([given, tries])], far)
    served = np.zeros(len(demand.xy), bool)
    chosen: list[int] = []
    for i, (slot, points) in enumerate(zip(np.concatenate([given, tries]).tolist(), near, strict=True)):
        away = np.hypot(*(demand.xy[points] - xy[slot]).T)
        reached = np.array(points, np.int64)[away <= demand.radius_m[points]]
        opens = np.count_nonzero(~served[reached])
        if i < len(given) or opens <= (MOST_OPENED if served.mean() < SHARE else 0):
            served[reached] = True
            chosen.append(slot)
        if len(chosen) == N_HALO + N_PUBLIC:
            break
    return np.array(chosen)


def _in_gaps(xy: XY, public: Ints, demand: Demand, n: int) -> Ints:
    """The slots nearest to the ``n`` demand points that miss most, apart from each other."""
    missing = cKDTree(xy[public]).query(demand.xy)[0] - demand.radius_m
    chosen: list[int] = []
    for _ in range(n):
        worst = int(np.argmax(missing))
        chosen.append(worst)
        missing[np.hypot(*(demand.xy - demand.xy[worst]).T) < GAP_SPACING_M] = -np.inf
    return _nearest(xy, demand.xy[chosen])


def _shuffled(rng: np.random.Generator, kinds: dict[Kind, int]) -> list[Kind]:
    each = [kind for kind, n in kinds.items() for _ in range(n)]
    return [each[i] for i in rng.permutation(len(each))]


def _batch(
    rng: np.random.Generator, now: datetime, city: City, network: Network, slot: Ints, kinds: list[Kind]
) -> Batch:
    n, types = len(slot), [kind for kind, _ in kinds]
    states = np.array([state for _, state in kinds])
    offset = rng.choice([-1.0, 1.0], n) * rng.uniform(*SETBACK_M, n)
    connectors = np.clip(np.round(rng.lognormal(1.6, 0.7, n)), 1, 60).astype(np.int64)
    public = np.flatnonzero((np.array(types) == "public") & (states == "operating"))
    connectors[rng.permutation(public)[:N_WITHOUT_CONNECTOR]] = 0
    return Batch(
        "chargers",
        keys_of("CS-", n, 4),
        _names(rng, city, network, slot, types),
        city.plane.inverse(network.slots.beside(slot, offset)),
        {
            "station_type": types,
            "n_connectors": connectors.tolist(),
            "max_power_kw": pick(rng, n, {str(kw): share for kw, share in POWERS_KW.items()}).astype(float).tolist(),
        },
        dates_of(rng, states, now),
        states.tolist(),
        online_of(rng, states),
        pick(rng, n, OWNERS).tolist(),
    )


def _names(rng: np.random.Generator, city: City, network: Network, slot: Ints, types: list[str]) -> list[str]:
    """Town (a street, outside the district) and place; the second of a name is its 2号站."""
    seen: Counter[str] = Counter()
    names = []
    for s, kind, luck in zip(slot.tolist(), types, rng.random(len(slot)).tolist(), strict=True):
        town, street = int(network.slots.town[s]), network.names[network.slots.street[s]]
        places = PLACES[kind]
        where = city.profiles[town].short_name if town >= 0 and luck < 0.3 else street
        name = f"{where}{places[int(luck * 1000) % len(places)]}充电站"
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}{seen[name]}号站")
    return names
