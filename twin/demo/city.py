"""The stage of the demo: areas, how urban each place is, which town a point lies in. Pure once it is built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from twin.demo.facts import Facts
from twin.demo.geography import ReferenceArea, plane_of
from twin.demo.plane import XY, Bools, Floats, Ints, Plane
from twin.demo.profiles import PROFILES, Profile
from twin.model import LngLat

LANDMARK_SPREAD_M = 1300.0
RURAL = 0.08
OUTSIDE = -1
"""The town index of a point in no town."""


@dataclass(frozen=True)
class City:
    """``areas`` by code in EPSG:4326; ``towns`` are the codes a town index points to."""

    facts: Facts
    plane: Plane
    areas: dict[str, ReferenceArea]
    towns: tuple[str, ...]

    @cached_property
    def profiles(self) -> list[Profile]:
        return [PROFILES[code] for code in self.towns]

    @cached_property
    def district(self) -> BaseGeometry:
        """In metres, prepared."""
        return self._drawn(self.facts.district.code)

    @cached_property
    def extent(self) -> BaseGeometry:
        """The district and its halo in metres, prepared."""
        return self._drawn("data-extent")

    def _drawn(self, code: str) -> BaseGeometry:
        shape: BaseGeometry = self.plane.project(self.areas[code].geometry)
        shapely.prepare(shape)
        return shape

    def inside(self, code: str, lnglat: LngLat) -> Bools:
        """Which of (n, 2) degrees lie in an area, its border included."""
        shape = self.areas[code].geometry
        shapely.prepare(shape)
        return np.asarray(shapely.intersects_xy(shape, lnglat[:, 0], lnglat[:, 1]))

    def town_of(self, lnglat: LngLat) -> Ints:
        """(n,) index into ``towns``; on a border the lower code, ``OUTSIDE`` where none."""
        owner = np.full(len(lnglat), OUTSIDE, np.int64)
        for index, code in enumerate(self.towns):
            free = np.flatnonzero(owner == OUTSIDE)
            owner[free[self.inside(code, lnglat[free])]] = index
        return owner

    def urbanity(self, xy: XY) -> Floats:
        """How urban (n, 2) metres are, in [RURAL, 1]: high at the centres, falling off over their spread."""
        centres, peaks, spreads_m = self._centres
        calm = np.ones(len(xy))
        for centre, peak, spread_m in zip(centres, peaks, spreads_m, strict=True):
            away = ((xy - centre) ** 2).sum(axis=1) / (2 * spread_m**2)
            calm *= 1 - (1 - RURAL) * peak * np.exp(-away)
        return 1 - (1 - RURAL) * calm

    @cached_property
    def _centres(self) -> tuple[XY, Floats, Floats]:
        landmarks = self.plane.forward(self.facts.landmarks_lnglat)
        centres = self.plane.forward(np.array([t.centre_lnglat for t in self.facts.towns]))
        peaks = [p.urbanity for p in self.profiles] + [1.0] * len(landmarks)
        spreads_m = [p.spread_m for p in self.profiles] + [LANDMARK_SPREAD_M] * len(landmarks)
        return np.concatenate([centres, landmarks]), np.array(peaks), np.array(spreads_m)

    def areas_km2(self) -> Floats:
        """(n,) areas of the towns as drawn."""
        shapes = [self.plane.project(self.areas[code].geometry) for code in self.towns]
        return np.asarray(shapely.area(shapes)) / 1e6


def city_of(facts: Facts, areas: Sequence[ReferenceArea]) -> City:
    towns = tuple(t.code for t in facts.towns)
    return City(facts, plane_of(facts), {area.code: area for area in areas}, towns)
