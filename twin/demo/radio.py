"""Synthetic 5G: masts, the operators' stations on them, indoor systems, and three sectors to an outdoor station."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from scipy.spatial import cKDTree

from twin.demo.city import City
from twin.demo.plane import XY, Floats, Ints
from twin.demo.rows import Batch, dates_of, draw_index, keys_of, online_of, states_of
from twin.demo.streets import Network

N_OUTDOOR, N_HALO, N_INDOOR = 5_390, 190, 600
STATES = {"managed": 170, "building": 130, "planned": 110, "retired": 20}
MAST_SPACING_M = (110.0, 235.0)
"""Least distance between masts, where urbanity is 1 and where it is 0."""
N_TRIES = 14_000
STATIONS_A_MAST = 1.6
N_SECTORS = 3
FIRST_5G_DAY = 1_760
"""Since ``rows.FIRST_DAY``: late in 2019, when 5G opened to the public."""


@dataclass(frozen=True, slots=True)
class Operator:
    """``share`` of a mast's places; its carrier at centre frequency."""

    name: str
    share: float
    frequency_mhz: float
    bandwidth_mhz: float
    tx_power_dbm: float
    antenna_gain_dbi: float


OPERATORS = (
    Operator("移动", 0.36, 2565.0, 100.0, 53.0, 24.5),
    Operator("电信", 0.27, 3450.0, 100.0, 53.0, 25.0),
    Operator("联通", 0.25, 3550.0, 100.0, 53.0, 25.0),
    Operator("广电", 0.12, 773.0, 30.0, 49.0, 15.0),
)
HIGH_BAND_MHZ = 4850.0
"""What every eighth station of the first operator uses instead."""


def draw_radio(rng: np.random.Generator, now: datetime, city: City, network: Network) -> tuple[Batch, Batch]:
    """The ``radio_sites`` and their ``radio_sectors``."""
    slots = network.slots
    mast_slot, mast, operator = _outdoor(rng, network)
    indoor_slot = draw_index(rng, slots.urbanity**2 * (slots.town >= 0), N_INDOOR)
    slot = np.concatenate([mast_slot[mast], indoor_slot])
    mast = np.concatenate([mast, mast.max() + 1 + np.arange(N_INDOOR)])
    operator = np.concatenate([operator, draw_index(rng, _shares(), N_INDOOR)])
    outdoor = np.arange(len(mast)) < len(mast) - N_INDOOR
    offset = (rng.choice([-1.0, 1.0], mast.max() + 1) * rng.uniform(12, 45, mast.max() + 1))[mast]
    lnglat = city.plane.inverse(slots.beside(slot, offset))
    inside = city.inside(city.facts.district.code, lnglat)
    states = states_of(rng, np.flatnonzero(inside & outdoor), len(mast), STATES)
    sites = Batch(
        "radio_sites",
        keys_of("SH5G-", len(mast), 5),
        _names(network, slot, operator, outdoor.tolist()),
        lnglat,
        {
            "site_kind": np.where(outdoor, "outdoor", "indoor").tolist(),
            "operator": [OPERATORS[i].name for i in operator],
            "mast": [f"M-{m + 1:05d}" for m in mast.tolist()],
        },
        dates_of(rng, states, now, FIRST_5G_DAY),
        states.tolist(),
        online_of(rng, states),
        [f"上海{OPERATORS[i].name}（模拟）" for i in operator],
    )
    return sites, _sectors(rng, sites, np.flatnonzero(outdoor), operator, slots.urbanity[slot])


def _shares() -> Floats:
    return np.array([o.share for o in OPERATORS])


def _outdoor(rng: np.random.Generator, network: Network) -> tuple[Ints, Ints, Ints]:
    """The masts' slots, and of each station its mast and operator; no operator twice on a mast."""
    slots = network.slots
    tries = draw_index(rng, slots.urbanity**0.3, N_TRIES)
    low, high = MAST_SPACING_M
    masts = tries[_spaced(slots.xy[tries], low + (high - low) * (1 - slots.urbanity[tries]))]
    inside = slots.town[masts] >= 0
    mast, operator = _stations(rng, np.flatnonzero(inside), N_OUTDOOR)
    halo_mast, halo_operator = _stations(rng, np.flatnonzero(~inside), N_HALO)
    used, mast = np.unique(np.concatenate([mast, halo_mast]), return_inverse=True)
    return masts[used], mast, np.concatenate([operator, halo_operator])


def _spaced(xy: XY, spacing_m: Floats) -> Ints:
    """Positions of points, in their order, that keep their own distance from all that were kept before."""
    near = cKDTree(xy).query_ball_point(xy, spacing_m)
    free = np.ones(len(xy), bool)
    for i, others in enumerate(near):
        if free[i]:
            free[[j for j in others if j > i]] = False
    return np.flatnonzero(free)


def _stations(rng: np.random.Generator, masts: Ints, n: int) -> tuple[Ints, Ints]:
    """``n`` pairs of a mast and an operator: every mast has one, some have more, by the operators' shares."""
    masts = rng.permutation(masts)[: int(n / STATIONS_A_MAST)]
    order = np.argsort(rng.exponential(size=(len(masts), len(OPERATORS))) / _shares(), axis=1)
    places = rng.exponential(size=order.shape) * (1 + 0.5 * np.arange(len(OPERATORS)))
    places[:, 0] = -1
    chosen = np.sort(np.argsort(places, axis=None, kind="stable")[:n])
    return masts[chosen // len(OPERATORS)], order.ravel()[chosen]


def _names(network: Network, slot: Ints, operator: Ints, outdoor: list[bool]) -> list[str]:
    street, slots = network.names, network.slots
    rows = zip(slots.street[slot].tolist(), slots.house[slot].tolist(), operator.tolist(), outdoor, strict=True)
    return [f"{street[s]}{h}号{OPERATORS[o].name}{'5G基站' if out else '5G室分'}" for s, h, o, out in rows]


def _sectors(rng: np.random.Generator, sites: Batch, outdoor: Ints, operator: Ints, urbanity: Floats) -> Batch:
    """Three sectors a third of a turn apart (give or take), with the station's state and place."""
    site = np.repeat(outdoor, N_SECTORS)
    number = np.tile(np.arange(N_SECTORS), len(outdoor))
    first = np.repeat(rng.uniform(0, 120, len(outdoor)), N_SECTORS)
    azimuth = np.floor((first + number * 120 + rng.normal(0, 8, len(site))) % 360)
    height = np.repeat(np.round(rng.uniform(22, 38, len(outdoor)) + 6 * urbanity[outdoor], 1), N_SECTORS)
    frequency = np.array([o.frequency_mhz for o in OPERATORS])[operator]
    frequency[(operator == 0) & (rng.random(len(operator)) < 1 / 8)] = HIGH_BAND_MHZ
    where, carrier = site.tolist(), [OPERATORS[i] for i in operator[site]]
    return Batch(
        "radio_sectors",
        [f"{sites.keys[i]}-{k + 1}" for i, k in zip(where, number.tolist(), strict=True)],
        [f"{sites.names[i]}{k + 1}扇区" for i, k in zip(where, number.tolist(), strict=True)],
        sites.lnglat[site],
        {
            "site": [sites.keys[i] for i in where],
            "azimuth_deg": azimuth.tolist(),
            "frequency_mhz": frequency[site].tolist(),
            "bandwidth_mhz": [o.bandwidth_mhz for o in carrier],
            "tx_power_dbm": [o.tx_power_dbm for o in carrier],
            "antenna_gain_dbi": [o.antenna_gain_dbi for o in carrier],
            "height_m": height.tolist(),
            "downtilt_deg": rng.integers(4, 11, len(site)).astype(float).tolist(),
        },
        [sites.valid_from[i] for i in where],
        [sites.lifecycle[i] for i in where],
        [sites.online[i] for i in where],
        [sites.owners[i] for i in where],
    )
