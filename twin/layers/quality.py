"""How good a layer's data are (评价): five shares with their rules, thresholds of ours, and whether one of them fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from twin.errors import Words
from twin.layers import LAYERS
from twin.layers.base import Field, LayerType
from twin.layers.diff import ASSUMED_SUFFIX
from twin.layers.duplicates import Duplicates, find_duplicates
from twin.layers.halo import halo
from twin.model import LayerTable, Snapshot, Source
from twin.times import stored_time

Mask = NDArray[np.bool_]
ComponentId = Literal["completeness", "position", "frame", "timeliness", "duplicates"]

DAYS_A_YEAR = 365.25
CHINA = (73.0, 3.0, 136.0, 54.0)
"""West, south, east, north, in degrees."""
NOT_RECORDED = ("", "unknown")
TITLES: dict[ComponentId, Words] = {
    "completeness": Words("完整性", "Completeness"),
    "position": Words("位置有效", "Valid position"),
    "frame": Words("坐标系已声明", "Declared frame"),
    "timeliness": Words("时效性", "Timeliness"),
    "duplicates": Words("无重复", "No duplicates"),
}
THRESHOLDS: dict[ComponentId, float] = {
    "completeness": 0.8, "position": 0.95, "frame": 0.95, "timeliness": 0.75, "duplicates": 0.98,
}  # fmt: skip
"""The least share that passes (inclusive). Ours: no plan states any."""


@dataclass(frozen=True, slots=True)
class Component:
    """One of the five: ``n`` of ``of`` are good. ``share`` and ``passed`` are None where there is nothing to judge.

    ``lacks`` counts what is not good by what is wrong with it, and what is only worth knowing (``undated``, ``possible``).
    """

    id: ComponentId
    rule: Words
    n: int
    of: int
    lacks: Mapping[str, int] = field(default_factory=dict)

    @property
    def title(self) -> Words:
        return TITLES[self.id]

    @property
    def threshold(self) -> float:
        return THRESHOLDS[self.id]

    @property
    def share(self) -> float | None:
        return self.n / self.of if self.of else None

    @property
    def passed(self) -> bool | None:
        return None if self.share is None else self.share >= self.threshold


@dataclass(frozen=True)
class Quality:
    """A layer's quality: it fails if any component does; ``score`` is the mean of the shares that could be judged."""

    layer: str
    n: int
    components: tuple[Component, ...]

    @property
    def score(self) -> float:
        shares = [c.share for c in self.components if c.share is not None]
        return sum(shares) / len(shares)

    @property
    def failed(self) -> tuple[Component, ...]:
        return tuple(c for c in self.components if c.passed is False)

    @property
    def failing(self) -> bool:
        return bool(self.failed)

    @property
    def doubt(self) -> Words | None:
        """What a result built on the layer must say; None if nothing fails."""
        if not self.failing:
            return None
        layer, titles = LAYERS[self.layer].title, [c.title for c in self.failed]
        zh, en = "、".join(t.zh for t in titles), ", ".join(t.en.lower() for t in titles)
        return Words(f"{layer.zh}（{zh}）", f"{layer.en} ({en})")


def quality_in(snapshot: Snapshot, name: str) -> Quality | None:
    """The quality of a snapshot's layer, reckoned once for each table; None if the layer holds nothing.

    Assets belong in the loaded districts (or cities; where there are none, in any loaded area) and their halo, boundaries
    and context in China. Where changes were tried on the layer it is the quality of what is recorded.
    """
    table = snapshot.layers.get(name)
    if table is None:
        return None
    table = table.recorded or table
    areas = snapshot.areas_at("district") + snapshot.areas_at("city") or list(snapshot.areas.values())
    sources = tuple((s.id, s.frame) for s in snapshot.sources.values())
    key = ("quality", snapshot.as_of, tuple((a.code, a.digest) for a in areas), sources)
    kind = LAYERS[name]
    outlines = [] if kind.context or name == "areas" else [a.geometry for a in areas]
    return table.keep(key, lambda: quality_of(kind, table, snapshot.sources, snapshot.as_of, outlines))


def quality_of(
    layer: LayerType,
    table: LayerTable,
    sources: Mapping[str, Source],
    at: datetime,
    outlines: Sequence[BaseGeometry] = (),
) -> Quality | None:
    """Judge a layer's features but the retired ones; None if there are none.

    Args:
        layer: says which fields are important, which records are one thing, when a state should be looked at again.
        table: its features.
        sources: by id; one without a declared frame, or not there, declares none.
        at: the moment that ages are counted to, aware.
        outlines: of the loaded districts (EPSG:4326); places belong in them or in their halo. Without any: in China.
    """
    frame = table.frame[(table.frame["lifecycle"].astype(object) != "retired").to_numpy(bool)]
    if frame.empty:
        return None
    components = (
        _completeness(layer, frame),
        _position(frame, outlines),
        _declared_frame(frame, sources),
        _timeliness(layer, frame, at),
        _distinct(layer, find_duplicates(layer, frame)),
    )
    return Quality(layer.name, len(frame), components)


def _completeness(layer: LayerType, frame: pd.DataFrame) -> Component:
    fields = [f for f in layer.all_fields() if f.name in layer.important]
    missing = {f.name: int((~_recorded(frame, f)).sum()) for f in fields}
    zh, en = "、".join(f.title.zh for f in fields), ", ".join(f.title.en.lower() for f in fields)
    rule = Words(
        f"重要字段（{zh}）中已填写的比例；“未知”和导入时代填的值不算填写",
        f"share of the important fields ({en}) that are filled; “unknown” and what the import assumed are not",
    )
    of = len(fields) * len(frame)
    return Component("completeness", rule, of - sum(missing.values()), of, _counted(missing))


def _recorded(frame: pd.DataFrame, field: Field) -> Mask:
    """Which rows have a value of their own in a field."""
    column = frame[field.name]
    if isinstance(column.dtype, pd.CategoricalDtype):
        said = [c not in NOT_RECORDED for c in column.cat.categories]
        there = np.array([*said, False])[column.cat.codes.to_numpy()]
    elif field.kind in ("text", "enum"):
        there = (column.notna() & (column != "") & (column != "unknown")).to_numpy(bool)
    else:
        there = column.notna().to_numpy(bool)
    assumed = frame.get(f"{field.name}{ASSUMED_SUFFIX}")
    return there if assumed is None else there & ~(assumed.astype(object) == True).to_numpy(bool)  # noqa: E712  (objects)


def _position(frame: pd.DataFrame, outlines: Sequence[BaseGeometry]) -> Component:
    lnglat = frame[["lng", "lat"]].to_numpy(np.float64)
    if outlines:
        beyond = halo(lnglat, outlines)[2]
        rule = Words(
            "有坐标，且位于已加载的区内或区外 1.5 km 以内",
            "has a location, in the loaded areas or within 1.5 km of them",
        )
    else:
        west, south, east, north = CHINA
        lng, lat = lnglat.T
        beyond = (lng < west) | (lng > east) | (lat < south) | (lat > north)
        rule = Words("有坐标，且位于中国范围内", "has a location, in China")
    nowhere = np.isnan(lnglat).any(axis=1)
    lacks = {"no_location": int(nowhere.sum()), "beyond": int(beyond.sum())}
    return Component("position", rule, int((~nowhere & ~beyond).sum()), len(frame), _counted(lacks))


def _declared_frame(frame: pd.DataFrame, sources: Mapping[str, Source]) -> Component:
    counts = Counter(frame["source"].astype(object))
    lacking = {str(name): n for name, n in counts.items() if name not in sources or not sources[name].frame}
    rule = Words("来源声明了坐标系的设施比例", "share of features whose source declares a frame")
    return Component("frame", rule, len(frame) - sum(lacking.values()), len(frame), lacking)


def _timeliness(layer: LayerType, frame: pd.DataFrame, at: datetime) -> Component:
    years = layer.review_years
    if years is None:
        rule = Words("该图层不设复核期限", "this layer has no period of review")
        return Component("timeliness", rule, 0, 0)
    rule = Words(
        f"状态日期在 {years:g} 年以内（本系统设定）；日期未知的不计入",
        f"its state is dated within the last {years:g} years (our setting); those of unknown date are left out",
    )
    field = next(f for f in layer.all_fields() if f.name == "valid_from")
    dated = _recorded(frame, field)
    since = stored_time(at - timedelta(days=DAYS_A_YEAR * years))
    codes, dates = pd.factorize(frame["valid_from"].astype(object))
    fresh = np.append(np.array([_text(d) >= since for d in dates], bool), False)[codes]
    lacks = {"older": int((dated & ~fresh).sum()), "undated": int((~dated).sum())}
    return Component("timeliness", rule, int((dated & fresh).sum()), int(dated.sum()), _counted(lacks))


def _text(moment: Any) -> str:
    return moment if isinstance(moment, str) else stored_time(moment)


def _distinct(layer: LayerType, found: Duplicates) -> Component:
    zh, en = "；".join(r.words.zh for r in layer.same), "; ".join(r.words.en for r in layer.same)
    rule = Words(f"未重复登记的比例。视为重复：{zh}", f"share not recorded twice. Twice is: {en}")
    lacks = {"twice": found.n_twice, "possible": found.n_possible, "crowded": found.n_crowded}
    return Component("duplicates", rule, found.n - found.n_twice, found.n, _counted(lacks))


def _counted(lacks: Mapping[str, int]) -> dict[str, int]:
    return {name: n for name, n in lacks.items() if n}
