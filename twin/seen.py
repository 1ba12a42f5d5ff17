"""What of a snapshot a caller sees: exact, coarse, or counted per town. The one place where roles turn into data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from typing import Literal

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from twin.access import Caller
from twin.errors import Forbidden
from twin.layers import LAYERS, LayerType
from twin.layers.coarse import Mask, by_town, coarse, coarse_places, sensitive_rows, within, without
from twin.model import LayerTable, LngLat, Snapshot

PUBLIC_LEVELS = frozenset({"city", "district", "town"})
"""Levels of areas over which anybody may have sensitive things counted: they do not overlap but to contain each other."""
SLACK_DEG = 1e-7
"""1 cm: how far an area may stick out of those that a role is good for."""
Sight = Literal["exact", "coarse", "public"]


@dataclass(frozen=True)
class Seen:
    """A snapshot and the caller who looks at it.

    ``shown``, ``judged`` and ``reached`` are the snapshot itself for those who may see everything.
    """

    caller: Caller
    whole: Snapshot
    elsewhere: Mapping[str, frozenset[str]] = field(default_factory=dict, compare=False)
    """Of a snapshot of the past: keys, by layer, of what was ever sensitive."""
    secret: bytes = field(default=b"", compare=False, repr=False)
    """Keys the names of what is shown, which are hashes of what is not: who knows the rest could try what is missing."""

    @property
    def sight(self) -> Sight:
        """How the caller sees sensitive things inside the areas that the role is good for."""
        if self.caller.may("cleared"):
            return "exact"
        return "coarse" if self.caller.may("planner") else "public"

    @property
    def is_whole(self) -> bool:
        """Whether the caller may see everything."""
        return self.sight == "exact" and not self.caller.areas

    @property
    def is_shown(self) -> bool:
        """Whether ``shown`` has been made."""
        return self.is_whole or "shown" in self.__dict__

    @cached_property
    def _reach(self) -> list[BaseGeometry]:
        return [self.whole.areas[code].geometry for code in self.caller.areas if code in self.whole.areas]

    @cached_property
    def shown(self) -> Snapshot:
        """What features, tiles and files are made of: beyond the role's areas counts per town."""
        return self._snapshot("shown", self._shown, is_cut=bool(self.caller.areas) or self.sight == "public")

    @cached_property
    def judged(self) -> Snapshot:
        """What results for districts and towns are made of: all there is, coarse where the role is not good for more."""
        return self._snapshot("judged", self._judged, is_cut=False)

    @cached_property
    def reached(self) -> Snapshot:
        """What gaps, hexes and reasons at a point are made of: nothing sensitive beyond the role's areas."""
        return self._snapshot("reached", self._reached, is_cut=True) if self.caller.areas else self.judged

    @cached_property
    def plain(self) -> Snapshot:
        """What everybody sees exactly: nothing sensitive."""
        return self._snapshot("plain", lambda kind, table: without(table, self._rows(kind, table)), is_cut=True)

    def _snapshot(
        self, what: str, table_of: Callable[[LayerType, LayerTable], LayerTable], *, is_cut: bool
    ) -> Snapshot:
        if self.is_whole:
            return self.whole
        layers = dict(self.whole.layers)
        sensitive = frozenset(name for name, kind in LAYERS.items() if kind.sensitive and len(layers[name]))
        for name in sensitive:
            made = table_of(LAYERS[name], layers[name])
            if made is not layers[name]:
                layers[name] = replace(made, digest=made.digest and masked(made.digest, self.secret))
        way = way_name(what, self.sight, *self.caller.areas)
        return replace(
            self.whole,
            id=f"{masked(self.whole.id, self.secret)}-{way}",
            way=way,
            layers=layers,
            coarse=sensitive,
            cut=sensitive if is_cut else frozenset(),
        )

    def _rows(self, kind: LayerType, table: LayerTable) -> Mask:
        """(n) which rows are sensitive; also those of things that ever were, whatever they were at the time."""
        known = self.elsewhere.get(kind.name)
        rows = sensitive_rows(kind, table)
        return rows if known is None else rows | table.frame["key"].isin(known).to_numpy(bool)

    def _shown(self, kind: LayerType, table: LayerTable) -> LayerTable:
        rows = self._rows(kind, table)
        beyond = rows & ~self._inside(table)
        seen = coarse(kind, table, rows) if self.sight == "coarse" else table
        return by_town(kind, seen, beyond, self.whole.areas_at("town")) if beyond.any() else seen

    def _judged(self, kind: LayerType, table: LayerTable) -> LayerTable:
        rows = self._rows(kind, table)
        return coarse(kind, table, rows & ~self._inside(table) if self.sight == "exact" else rows)

    def _reached(self, kind: LayerType, table: LayerTable) -> LayerTable:
        beyond = self._rows(kind, table) & ~self._inside(table)
        return without(self._judged(kind, table), beyond)

    def _inside(self, table: LayerTable) -> Mask:
        """(n) which sensitive things the caller's role reaches; by the places that it may see."""
        if self.sight == "public":
            return np.zeros(len(table), bool)
        if not self.caller.areas:
            return np.ones(len(table), bool)
        return self.reaches(table.lnglat if self.sight == "exact" else coarse_places(table.lnglat))

    def versions(self, kind: LayerType, table: LayerTable) -> LayerTable:
        """Recorded versions of one thing, as the caller sees them: sensitive if one of them is.

        Raises:
            Forbidden: it stands, or stood, beyond the areas that the role is good for.
        """
        if self.is_whole or not self._rows(kind, table).any():
            return table
        if not self._inside(table).all():
            raise Forbidden(
                "按权限显示为汇总值：它不在当前角色的范围内", "shown in sum only: it stands beyond the role's areas"
            )
        return table if self.sight == "exact" else coarse(kind, table, np.ones(len(table), bool))

    def n_devices(self, layers: frozenset[str], shape: BaseGeometry) -> int:
        """How many devices of some layers stand in a shape, by the places that results are made of."""
        tables = [table for name, table in self.judged.layers.items() if name in layers]
        return sum(int(t.frame["n_devices"].to_numpy()[within(t.lnglat, [shape])].sum()) for t in tables)

    def refuse_edit(self, shapes: Sequence[BaseGeometry]) -> None:
        """Refuse to change what stands, or would stand, beyond the areas that the role is good for.

        Raises:
            Forbidden: naming the areas.
        """
        if self.caller.areas and not (shapes and all(self.covers(shape) for shape in shapes)):
            said = ", ".join(self.caller.areas)
            raise Forbidden(
                f"只能修改以下区域内的内容：{said}", f"only what stands in these areas may be changed: {said}"
            )

    def reaches(self, lnglat: LngLat) -> Mask:
        """(n) which points lie in the areas that the role is good for."""
        return within(lnglat, self._reach) if self.caller.areas else np.ones(len(lnglat), bool)

    def covers(self, shape: BaseGeometry) -> bool:
        """Whether a whole shape does."""
        if not self.caller.areas:
            return True
        return bool(shapely.covers(shapely.union_all(self._reach).buffer(SLACK_DEG), shape))

    def refuse_detail(self, layers: frozenset[str], shape: BaseGeometry) -> None:
        """Refuse to tell where in an area sensitive things are or lack, if the role is not good for that.

        Raises:
            Forbidden: saying so.
        """
        if self.is_sensitive(layers) and not (self.sight != "public" and self.covers(shape)):
            raise Forbidden(
                "按权限显示为汇总值：当前角色只能查看该规则在区和街镇的结果",
                "shown in sum only: this role sees the rule's results for districts and towns, no more",
            )

    def refuse_count(self, layers: frozenset[str], level: str, shape: BaseGeometry, *, is_plain: bool) -> None:
        """Refuse to count sensitive things over an area, or in a way, that could single some out.

        Raises:
            Forbidden: saying so.
        """
        if level not in PUBLIC_LEVELS or not is_plain:
            self.refuse_detail(layers, shape)

    def is_sensitive(self, layers: frozenset[str]) -> bool:
        """Whether the caller sees less of one of these layers than there is."""
        return not self.is_whole and any(LAYERS[name].sensitive for name in layers if name in LAYERS)

    def is_rounded(self, layers: frozenset[str], shape: BaseGeometry) -> bool:
        """Whether counts over an area are given as everybody may know them."""
        return self.is_sensitive(layers) and (self.sight == "public" or not self.covers(shape))


def masked(name: str, secret: bytes) -> str:
    """A name in place of a hash, told to those who do not see all that it is a hash of."""
    return blake2b(name.encode(), digest_size=8, key=secret).hexdigest()


def way_name(*parts: str) -> str:
    """A short name for a way of looking."""
    return blake2b("|".join(parts).encode(), digest_size=3).hexdigest()
