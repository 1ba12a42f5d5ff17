"""The published facts that the reference geography is drawn from. Knows one file, ``geodata/facts.json``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from twin.model import LngLat

FACTS_FILE = "facts.json"


@dataclass(frozen=True)
class TownFact:
    """A 街镇 as it is published. ``population`` is None where no figure was found; years are mixed."""

    code: str
    name: str
    area_km2: float
    population: int | None
    centre_lnglat: tuple[float, float]


@dataclass(frozen=True)
class OutlineFact:
    """A schematic outline, (n, 2) degrees WGS-84 without the closing point, and the area that is published of it."""

    code: str
    name: str
    area_km2: float
    outline_lnglat: LngLat


@dataclass(frozen=True)
class Facts:
    district: OutlineFact
    district_name_en: str
    population: int
    towns: tuple[TownFact, ...]
    outer_ring: OutlineFact
    hongqiao_cbd: OutlineFact
    landmarks_lnglat: LngLat


def read_facts(geodata: Path) -> Facts:
    """The facts of ``geodata/facts.json``; towns by code."""
    raw = json.loads((geodata / FACTS_FILE).read_text(encoding="utf-8"))
    minhang, ring, cbd = raw["minhang"], raw["outer_ring"], raw["hongqiao_cbd"]
    return Facts(
        district=OutlineFact(minhang["code"], minhang["name"], minhang["area_km2"], _ring(minhang["outline_lnglat"])),
        district_name_en=minhang["name_en"],
        population=minhang["population"],
        towns=tuple(sorted((_town(t) for t in minhang["towns"]), key=lambda t: t.code)),
        outer_ring=OutlineFact("outer-ring", "外环以内", float(ring["area_inside_km2"]), _ring(ring["zone_lnglat"])),
        hongqiao_cbd=OutlineFact("hongqiao-cbd", cbd["name"], cbd["area_km2"], _ring(cbd["outline_lnglat"])),
        landmarks_lnglat=np.array(list(raw["landmarks_wgs84"].values()), np.float64),
    )


def _ring(points: list[list[float]]) -> LngLat:
    return np.array(points[:-1], np.float64)


def _town(raw: dict[str, Any]) -> TownFact:
    lng, lat = raw["centre_lnglat"]
    return TownFact(raw["code"], raw["name"], raw["area_km2"], raw["population"], (lng, lat))
