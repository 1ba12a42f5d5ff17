"""Synthetic cameras: several to a pole, at crossings, along streets and at gates; GB/T 28181 keys."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from twin.demo.city import City
from twin.demo.plane import Bools, Floats, Ints
from twin.demo.rows import Batch, Words, dates_of, draw_index, online_of, pick, shared_out, some_of, states_of
from twin.demo.streets import Network, Slots

N_DISTRICT = 70_480
N_HALO = 1_020
N_UNLINKED = 520
"""待复接 cameras in operation in the district: without them the clause's 70,000 is narrowly missed, with them met."""
STATES = {"managed": 900, "building": 110, "planned": 90, "retired": 50}
CAMERAS_A_POLE = 2.2
GOLDEN_ANGLE_DEG = 137.508
CROSSING_M = 25.0
UNIT_OWN, UNIT_RELAYED = "00", "10"
TYPES = {"dome": 0.30, "half_dome": 0.14, "fixed": 0.48, "remote": 0.08}
TYPE_WORDS = {"dome": "球机", "half_dome": "半球", "fixed": "枪机", "remote": "云台枪机"}
FIELD_DEG = {"dome": 60.0, "half_dome": 90.0, "fixed": 72.0, "remote": 40.0}
RANGE_M = {"dome": 120.0, "half_dome": 30.0, "fixed": 60.0, "remote": 200.0}
OWNERS = {
    "闵行公安分局（模拟）": 0.58,
    "闵行城运中心（模拟）": 0.17,
    "闵行交警支队（模拟）": 0.13,
    "街镇综治中心（模拟）": 0.12,
}
CORNERS = ("西南角", "东南角", "西北角", "东北角")
GATES = ("西门", "东门", "南门", "北门")


def draw_cameras(rng: np.random.Generator, now: datetime, city: City, network: Network) -> Batch:
    """All cameras, keys in random order over the district."""
    slots = network.slots
    slot, pole = _poles(rng, city, slots)
    n = len(slot)
    side = np.where(rng.random(pole.max() + 1) < 0.5, -1.0, 1.0)[pole]
    setback = rng.gamma(1.6, 14.0, pole.max() + 1)[pole]
    crossing = slots.to_cross_m[slot] < CROSSING_M
    offset = side * np.where(crossing, 14.0, 9.0 + np.minimum(setback, 110.0))
    lnglat = city.plane.inverse(slots.beside(slot, offset))
    gate = ~crossing & (setback > 32)
    indoor = gate & (rng.random(n) < 0.3)
    types = pick(rng, n, TYPES)
    types[indoor] = np.where(rng.random(int(indoor.sum())) < 0.8, "half_dome", "fixed")
    inside = np.flatnonzero(city.inside(city.facts.district.code, lnglat))
    states = states_of(rng, inside, n, STATES)
    access = pick(rng, n, {"own": 0.635, "relayed": 0.365}).astype("U8")
    some_of(rng, inside[states[inside] == "operating"], access, {"unlinked": N_UNLINKED})
    return Batch(
        "cameras",
        _keys(access),
        _names(network, slot, crossing, gate, indoor, offset, types),
        lnglat,
        {
            "camera_type": types.tolist(),
            "indoor": indoor.tolist(),
            "access": access.tolist(),
            "azimuth_deg": _azimuths(rng, pole).tolist(),
            "hfov_deg": [FIELD_DEG[t] for t in types.tolist()],
            "range_m": [RANGE_M[t] for t in types.tolist()],
        },
        dates_of(rng, states, now),
        states.tolist(),
        online_of(rng, states),
        pick(rng, n, OWNERS).tolist(),
    )


def _poles(rng: np.random.Generator, city: City, slots: Slots) -> tuple[Ints, Ints]:
    """For each camera its slot and the number of its pole, by the towns' shares of all cameras."""
    density = np.array([p.cameras_per_km2 for p in city.profiles])
    quotas = shared_out(N_DISTRICT, density * city.areas_km2())
    weights = slots.urbanity * slots.appeal * np.where(slots.to_cross_m < CROSSING_M, 4.0, 1.0)
    chosen, poles, n_poles = [], [], 0
    for town, quota in zip(range(-1, len(quotas)), [N_HALO, *quotas], strict=True):
        own = np.flatnonzero(slots.town == town)
        n_own = max(int(quota / CAMERAS_A_POLE), 1)
        pole = np.concatenate([np.arange(n_own), rng.integers(0, n_own, quota - n_own)])
        chosen.append(own[draw_index(rng, weights[own], n_own)][pole])
        poles.append(pole + n_poles)
        n_poles += n_own
    order = rng.permutation(N_DISTRICT + N_HALO)
    return np.concatenate(chosen)[order], np.concatenate(poles)[order]


def _azimuths(rng: np.random.Generator, pole: Ints) -> Floats:
    """Whole degrees; the cameras of one pole look different ways."""
    order = np.argsort(pole, kind="stable")
    starts = np.flatnonzero(np.diff(pole[order], prepend=-1))
    rank = np.empty(len(pole), np.int64)
    rank[order] = np.arange(len(pole)) - np.repeat(starts, np.diff(starts, append=len(pole)))
    first = rng.uniform(0, 360, pole.max() + 1)[pole]
    return np.asarray(np.floor((first + rank * GOLDEN_ANGLE_DEG) % 360))


def _keys(access: Words) -> list[str]:
    """20 digits: division 310112 and unit, industry 00, type 132 (network camera), network 0, serial."""
    return [
        f"310112{UNIT_OWN if a == 'own' else UNIT_RELAYED}001320{i:06d}" for i, a in enumerate(access.tolist(), start=1)
    ]


def _names(
    network: Network, slot: Ints, crossing: Bools, gate: Bools, indoor: Bools, offset_m: Floats, types: Words
) -> list[str]:
    slots, street = network.slots, network.names
    across = slots.left[slot] * offset_m[:, None]
    corner = (across + slots.ahead[slot] * slots.past_cross_m[slot][:, None] > 0) @ np.array([1, 2])
    upright = np.abs(across[:, 1]) > np.abs(across[:, 0])
    which = np.where(crossing, corner, np.where(upright, 2 + (across[:, 1] < 0), across[:, 0] < 0))
    rows = zip(
        slots.street[slot].tolist(), slots.cross[slot].tolist(), slots.house[slot].tolist(), crossing.tolist(),
        gate.tolist(), indoor.tolist(), which.tolist(), types.tolist(), strict=True,
    )  # fmt: skip
    names = []
    for own, cross, house, at_crossing, at_gate, within, at, kind in rows:
        word = TYPE_WORDS[kind]
        if at_crossing:
            names.append(f"{street[own]}与{street[cross]}路口{CORNERS[at]}{word}")
        elif within:
            names.append(f"{street[own]}{house}号大厅{word}")
        elif at_gate:
            names.append(f"{street[own]}{house}弄{GATES[at]}{word}")
        else:
            names.append(f"{street[own]}近{street[cross]}{house}号杆{word}")
    return names
