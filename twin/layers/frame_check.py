"""Which frame do points look like they are in? They are compared with the loaded areas, and streets, under every candidate.

No file says of itself that it is GCJ-02, and counting alone misleads: what lies beyond a border is as real as what lies
within. So a frame has to lead, and a wrong doubt is worse than none:

- at least ``SHARE`` of the distinct positions lie in the union of the areas, ``OUTLINE_M`` around it included (outlines are
  drawn no better); where no frame comes to that, the areas with their halo are asked in its place;
- only positions speak that are inside under one frame and outside under the other. Neighbours tell one story, so each
  block of ``BLOCK_M`` has one vote; a sign test is beyond ``CHANCE``, and ``AGAINST`` blocks speak for each against;
- the declared frame ``fits`` if it so leads every other. It is doubted only if the leader is a peak besides: moved as far
  in any direction, the points lose there too. A crowd beyond a border is won by many shifts and makes no peak.

Streets (``twin.layers.frame_roads``) decide where areas do not. Where the two contradict each other nothing is decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from twin.errors import Words
from twin.frames import Frame
from twin.layers.frame_readings import (
    Floats,
    Reading,
    beyond_chance,
    candidates,
    distinct_positions,
    read_positions,
    shift_m,
    shifts_around,
    votes,
)
from twin.layers.frame_roads import road_leader
from twin.model import Geometries

Verdict = Literal["fits", "fits worse", "undecidable"]
Basis = Literal["areas", "roads"]

SHARE = 0.95
OUTLINE_M = 100.0
CHANCE = 1e-3
PEAK_CHANCE = 0.05
AGAINST = 5
BLOCK_M = 1000.0
FAR_M = 20_000.0
"""Frames further apart than this are told apart by where a crowd is, not by its rim: every position has a vote, and any
lead is a peak."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How the positions stand under one frame: so many of them are inside."""

    frame: str
    n_inside: int
    share: float


@dataclass(frozen=True, slots=True)
class FrameCheck:
    """The answer. ``fits worse`` should need ``--force``; ``undecidable`` is a warning.

    ``best`` is the frame that leads, or has the most positions inside (the declared on a tie); None where nothing could be
    compared. ``n_points`` counts distinct positions, ``standings`` begin with the declared frame, ``basis`` is what decided.
    """

    verdict: Verdict
    declared: str
    best: str | None
    n_points: int
    standings: tuple[Standing, ...]
    basis: tuple[Basis, ...]
    words: Words


def check_frame(
    xy: Floats, declared: Frame, areas: Sequence[BaseGeometry], roads: Geometries | None = None, *, halo_m: float = 0.0
) -> FrameCheck:
    """Compare points with what is loaded, under the declared frame and every other that the numbers allow.

    Args:
        xy: (n, 2) as the file has them, in the unit of ``declared``; rows with NaN say nothing.
        declared: what the file was declared in.
        areas: loaded outlines, EPSG:4326; what is no polygon is passed over.
        roads: centre lines, EPSG:4326; what is no line is passed over.
        halo_m: how far outside the areas points are normal (1500 where a halo is kept).
    """
    positions = distinct_positions(np.asarray(xy, np.float64).reshape(-1, 2))
    outlines = [a for a in areas if shapely.get_dimensions(a) == 2 and not a.is_empty]
    if not len(positions) or not outlines:
        return _answer([], declared, len(positions), {}, NO_POINTS if outlines else NO_AREAS)
    frames = candidates(positions, declared)
    readings: list[Reading] = []
    for margin_m in (OUTLINE_M, halo_m) if halo_m > OUTLINE_M else (OUTLINE_M,):
        readings = read_positions(positions, frames, outlines, margin_m)
        if _best(readings).share >= SHARE:
            break
    else:
        return _answer(readings, declared, len(positions), {}, FEW_INSIDE)
    if len(readings) == 1 and declared.pipeline is not None:
        return _answer(readings, declared, len(positions), {}, NO_RIVAL)
    leaders: dict[Basis, Reading] = {}
    if leader := _area_leader(readings):
        leaders["areas"] = leader
    if roads is not None and (leader := road_leader(readings, roads, FAR_M)) and leader.share >= SHARE:
        leaders["roads"] = leader
    return _answer(readings, declared, len(positions), leaders, NO_LEAD)


def _best(readings: Sequence[Reading]) -> Reading:
    return max(readings, key=lambda r: (int(r.inside.sum()), r is readings[0]))


def _area_leader(readings: Sequence[Reading]) -> Reading | None:
    """The declared reading (the first) if it leads all others, or the best one if it leads that and is a peak."""
    mine, best = readings[0], _best(readings)
    if best is mine:
        return mine if all(_leads(mine, other) for other in readings[1:]) else None
    return best if _leads(best, mine) and _is_peak(best, mine) else None


def _apart_m(one: Reading, other: Reading) -> float:
    return float(np.hypot(*shift_m(one, other)))


def _leads(one: Reading, other: Reading) -> bool:
    pro, con = one.inside & ~other.inside, other.inside & ~one.inside
    if _apart_m(one, other) > FAR_M:
        n_pro, n_con = int(pro.sum()), int(con.sum())
    else:
        n_pro, n_con = votes(one.xy_m, pro, con, BLOCK_M)
    return n_pro >= AGAINST * n_con and beyond_chance(n_pro, n_con, CHANCE)


def _is_peak(best: Reading, mine: Reading) -> bool:
    length_m = _apart_m(best, mine)
    return length_m > FAR_M or all(_loses(best, shift) for shift in shifts_around(length_m))


def _loses(best: Reading, shift: Floats) -> bool:
    moved = best.holds(best.xy_m + shift)
    n_pro, n_con = votes(best.xy_m, best.inside & ~moved, moved & ~best.inside, BLOCK_M)
    return n_pro >= AGAINST * n_con and beyond_chance(n_pro, n_con, PEAK_CHANCE)


# Words ----------------------------------------------------------------------------------------------------------------

NO_AREAS = Words("尚未加载任何区域，无从比较", "no areas are loaded to compare with")
NO_POINTS = Words("没有带坐标的点，无从比较", "there are no points with coordinates to compare")
FEW_INSIDE = Words(
    f"在任何坐标系下，落在已加载区域内的点都不足 {SHARE:.0%}（可能是别的城市，或区域尚未加载齐全）",
    f"under no frame do {SHARE:.0%} of the points lie in the loaded areas (another city, or not all areas are loaded)",
)
NO_LEAD = Words(
    "各坐标系之间的差别不超出偶然（例如点都远离边界）",
    "the frames differ no more than by chance (for instance, all points lie well inside)",
)
NO_RIVAL = Words("没有其他坐标系可供比较", "there is no other frame to compare with")
CONTRADICTION = Words("区域与道路的指向互相矛盾", "areas and streets contradict each other")
BASIS_WORDS: dict[Basis, Words] = {"areas": Words("区域", "areas"), "roads": Words("道路", "streets")}


def _answer(
    readings: Sequence[Reading], declared: Frame, n: int, leaders: dict[Basis, Reading], reason: Words
) -> FrameCheck:
    """The verdict of the leaders, which have to agree; ``reason`` is why there is none where there is none."""
    standings = tuple(Standing(r.frame.name, int(r.inside.sum()), r.share) for r in readings)
    names = {leader.frame.name for leader in leaders.values()}
    best = _best(readings).frame.name if readings else None
    if len(names) != 1:
        words = _undecided(standings, declared, n, CONTRADICTION if names else reason)
        return FrameCheck("undecidable", declared.name, best, n, standings, (), words)
    (name,), basis = names, tuple(leaders)
    if name == declared.name:
        return FrameCheck("fits", name, name, n, standings, basis, _fitting(standings, declared, n, basis))
    leader = next(iter(leaders.values()))
    equals = [r.frame.name for r in readings[1:] if r.frame.name != name and not _leads(leader, r)]
    words = _doubt(standings, declared, n, [name, *equals], basis)
    return FrameCheck("fits worse", declared.name, name, n, standings, basis, words)


def _said(standings: Sequence[Standing]) -> Words:
    shares = [(s.frame, f"{s.share:.1%}") for s in standings]
    return Words("，".join(f"{f} {share}" for f, share in shares), ", ".join(f"{f} {share}" for f, share in shares))


def _undecided(standings: Sequence[Standing], declared: Frame, n: int, reason: Words) -> Words:
    said = _said(standings)
    zh, en = (
        (f"。{n} 个不同位置落在区域内的比例：{said.zh}", f". Of {n} positions inside: {said.en}")
        if standings
        else ("", "")
    )
    return Words(
        f"无法判断坐标系 {declared.name} 是否正确：{reason.zh}{zh}。请在地图上核对几个熟悉的地点",
        f"whether the frame {declared.name} is right cannot be decided: {reason.en}{en}. "
        "Check a few places that you know on the map",
    )


def _fitting(standings: Sequence[Standing], declared: Frame, n: int, basis: Sequence[Basis]) -> Words:
    said, by = _said(standings), _basis(basis)
    return Words(
        f"坐标系 {declared.name} 与已加载的{by.zh}相符。{n} 个不同位置落在区域内的比例：{said.zh}",
        f"the frame {declared.name} fits the loaded {by.en}. Of {n} positions inside: {said.en}",
    )


def _doubt(
    standings: Sequence[Standing], declared: Frame, n: int, best: Sequence[str], basis: Sequence[Basis]
) -> Words:
    """``best`` and those as good as it."""
    said, by = _said(standings), _basis(basis)
    zh, en = " 或 ".join(best), " or ".join(best)
    ways = [f"--frame {name}" for name in best]
    return Words(
        f"声明的坐标系是 {declared.name}，但按已加载的{by.zh}，这些点更像是 {zh}。{n} 个不同位置落在区域内的比例：{said.zh}。"
        f"请改用 {' 或 '.join(ways)}；确认 {declared.name} 无误，用 --force 继续（也可能是已加载的{by.zh}自身坐标系有误）",
        f"the declared frame is {declared.name}, but by the loaded {by.en} these points are rather {en}. "
        f"Of {n} positions inside: {said.en}. Say {' or '.join(ways)}; or --force if {declared.name} is certain "
        f"(the loaded {by.en} may be in a wrong frame themselves)",
    )


def _basis(basis: Sequence[Basis]) -> Words:
    return Words("和".join(BASIS_WORDS[b].zh for b in basis), " and ".join(BASIS_WORDS[b].en for b in basis))
