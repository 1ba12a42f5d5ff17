"""Worlds for the density rule: cameras in a square district, and the rule on them."""

from __future__ import annotations

import dataclasses

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from tests.world import CENTRE, PLAN, asset, camera, offset, square
from twin.coverage import RULES
from twin.coverage.result import Evaluation, Scene
from twin.coverage.scope import Scope
from twin.model import Record, Snapshot


def evaluate(world: Snapshot, where: str = "310112", **parameters: object) -> Evaluation:
    clause, rule = PLAN.clause("camera-density"), RULES["camera-density"]
    return rule.evaluate(Scene(world, Scope(world.areas[where]), clause), rule.read(clause.parameters, parameters))


def scattered(n: int, half_m: float, seed: int = 6, prefix: str = "c", **values: object) -> list[Record]:
    rng = np.random.default_rng(seed)
    return [camera(f"{prefix}{i:04d}", offset(CENTRE, *rng.uniform(-half_m, half_m, 2)), **values) for i in range(n)]


def in_a_row(n: int, **values: object) -> list[Record]:
    """Counting cameras through the middle, 2 m apart, each of its own azimuth."""
    return [camera(f"row{i:03d}", offset(CENTRE, 2.0 * i - 900, 0), azimuth_deg=float(i), **values) for i in range(n)]


def half(east: bool, half_m: float = 1000) -> BaseGeometry:
    west, south, far_east, north = square(half_m).bounds
    return shapely.box(CENTRE[0], south, far_east, north) if east else shapely.box(west, south, CENTRE[0], north)


def polygon(layer: str, key: str, shape: BaseGeometry, **values: object) -> Record:
    return dataclasses.replace(asset(layer, key, None, **values), geometry=shapely.to_wkb(shape))
