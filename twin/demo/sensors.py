"""Synthetic sensing nodes (城市神经元感知节点) of seven domains; cameras are not among them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import shapely

from twin.demo.city import City
from twin.demo.plane import XY, Floats, Ints
from twin.demo.rows import Batch, dates_of, draw_index, keys_of, online_of, pick, states_of
from twin.demo.streets import Network
from twin.demo.water import Waters

N_DISTRICT = 99_700
N_HALO = 1_300
STATES = {"managed": 2_600, "building": 1_150, "planned": 900, "retired": 350}


@dataclass(frozen=True, slots=True)
class Domain:
    """``share`` of all sensors; ``setback_m`` from the street's middle; ``types`` by their shares."""

    name: str
    share: float
    setback_m: tuple[float, float]
    types: dict[str, float]
    owner: str


DOMAINS = (
    Domain("building", 0.40, (22, 90), {"烟感": 0.5, "电梯运行监测": 0.2, "消防水压": 0.2, "房屋倾斜监测": 0.1},
           "闵行房管局（模拟）"),
    Domain("road", 0.21, (1, 9), {"井盖监测": 0.55, "车流量检测": 0.2, "路灯监控": 0.2, "桥梁振动监测": 0.05}, "闵行建管委（模拟）"),
    Domain("water", 0.11, (3, 12), {"积水监测": 0.35, "雨水管液位": 0.35, "河道水位": 0.15, "水质监测": 0.15},
           "闵行水务局（模拟）"),
    Domain("power", 0.12, (10, 60), {"电气火灾监测": 0.7, "配电房监测": 0.3}, "闵行供电公司（模拟）"),
    Domain("gas", 0.08, (6, 40), {"燃气泄漏监测": 0.75, "调压箱监测": 0.25}, "闵行燃气公司（模拟）"),
    Domain("environment", 0.05, (8, 40), {"空气质量监测": 0.35, "噪声监测": 0.35, "扬尘监测": 0.3}, "闵行生态环境局（模拟）"),
    Domain("other", 0.03, (8, 60), {"垃圾满溢监测": 0.6, "智能门磁": 0.4}, "街镇城运中心（模拟）"),
)  # fmt: skip
ON_WATER = ("河道水位", "水质监测")


def draw_sensors(rng: np.random.Generator, now: datetime, city: City, network: Network, waters: Waters) -> Batch:
    """All sensors; those that measure rivers stand at the water's edge."""
    slots, n = network.slots, N_DISTRICT + N_HALO
    slot = rng.permutation(_chosen_slots(rng, slots.town, slots.urbanity * slots.appeal))
    domain = rng.choice(len(DOMAINS), n, p=[d.share for d in DOMAINS])
    low, high = np.array([d.setback_m for d in DOMAINS]).T
    offset = rng.uniform(low[domain], high[domain]) * np.where(rng.random(n) < 0.5, -1, 1)
    xy = slots.beside(slot, offset, rng.uniform(-4, 4, n))
    types = np.empty(n, "U10")
    for i, kind in enumerate(DOMAINS):
        own = np.flatnonzero(domain == i)
        types[own] = pick(rng, len(own), kind.types)
    wet = np.flatnonzero(np.isin(types, ON_WATER))
    xy[wet] = _shore(rng, city, waters, len(wet))
    lnglat = city.plane.inverse(xy)
    inside = np.flatnonzero(city.inside(city.facts.district.code, lnglat))
    states = states_of(rng, inside, n, STATES)
    rows = zip(slots.street[slot].tolist(), slots.house[slot].tolist(), strict=True)
    places = [f"{network.names[street]}{house}号" for street, house in rows]
    for i in wet.tolist():
        places[i] = "河道岸边"
    return Batch(
        "sensors",
        keys_of("SN-", n, 6),
        [f"{place}{kind}{i:06d}" for i, (place, kind) in enumerate(zip(places, types.tolist(), strict=True), start=1)],
        lnglat,
        {"domain": [DOMAINS[i].name for i in domain], "sensor_type": types.tolist()},
        dates_of(rng, states, now),
        states.tolist(),
        online_of(rng, states),
        [DOMAINS[i].owner for i in domain],
    )


def _chosen_slots(rng: np.random.Generator, town: Ints, weights: Floats) -> Ints:
    inner, halo = np.flatnonzero(town >= 0), np.flatnonzero(town < 0)
    return np.concatenate([
        inner[draw_index(rng, weights[inner], N_DISTRICT)],
        halo[draw_index(rng, weights[halo], N_HALO)],
    ])  # fmt: skip


def _shore(rng: np.random.Generator, city: City, waters: Waters, n: int) -> XY:
    """Points on the water's edge within the district."""
    edges = shapely.get_parts(waters.all.boundary.intersection(city.district))
    length_m = shapely.length(edges)
    edge = draw_index(rng, length_m, n)
    points = shapely.line_interpolate_point(edges[edge], rng.uniform(0, length_m[edge]))
    return np.asarray(shapely.get_coordinates(points))
