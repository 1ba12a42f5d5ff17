"""A question to a rule: which rule, area, time and parameters. Read in one place for results, gaps, hexes and tiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Annotated, Any, TypeVar

import orjson
import shapely
from fastapi import Depends, Path, Query, Request
from pydantic import TypeAdapter, ValidationError
from shapely.geometry.base import BaseGeometry

from twin.api.params import Times, bad, declared
from twin.api.values import Setting
from twin.api.wire import BASELINE
from twin.api.world import View, When, view_of
from twin.cells import cell_centres, cell_polygons, cells_over, check_resolution, mean_cell_km2
from twin.coverage import RULES
from twin.coverage.result import CellTable, Evaluation, Gap
from twin.errors import NotFound
from twin.layers import LAYERS
from twin.layers.coarse import RESOLUTION, within
from twin.model import Change
from twin.plan import Clause

T = TypeVar("T")
_SETTING: TypeAdapter[Any] = TypeAdapter(Setting)
MAX_CELLS = 300_000

AreaCode = Annotated[str | None, Query(min_length=1, description="an area's code; default: the clause's own")]

ScenarioName = Annotated[str | None, Query(description=f"{BASELINE}: what is recorded")]


@dataclass(frozen=True)
class Question:
    """``area`` None is the clause's own; ``settings`` override the clause's parameters, as text or JSON values."""

    rule: str
    area: str | None
    when: When
    settings: Mapping[str, Any]

    @cached_property
    def id(self) -> str:
        """What tells it from other questions about the same snapshot."""
        return orjson.dumps([self.rule, self.area, dict(self.settings)], option=orjson.OPT_SORT_KEYS).decode()

    def evaluate(self, world: View, *, detail: bool = True) -> Evaluation:
        """Judge what is recorded; in ``detail`` where it is to be told where something is or lacks.

        Raises:
            Forbidden: the caller may not see that.
        """
        return judge(world, self, detail=detail)

    def cells(self, world: View, resolution: int) -> CellTable:
        """The rule's hexes, computed once.

        Raises:
            BadParameter: the resolution is not 5 to 12, or there would be too many hexes.
        """
        evaluation = self.evaluate(world)
        check_n_cells(evaluation, resolution)
        return self._once(world, evaluation, ("cells", resolution), lambda: evaluation.cells_in_detail(resolution))

    def gaps(self, world: View) -> list[Gap]:
        """All gaps, the largest first, computed once."""
        evaluation = self.evaluate(world)
        return self._once(world, evaluation, ("gaps",), evaluation.gaps)

    def _once(self, world: View, evaluation: Evaluation, what: tuple[Any, ...], make: Callable[[], T]) -> T:
        value: T = world.tables.get((evaluation.result.snapshot, self.id, what), make)
        return value


def check_n_cells(evaluation: Evaluation, resolution: int) -> None:
    """Refuse more hexes than are answered.

    Raises:
        BadParameter: the resolution is not 5 to 12, or there would be too many.
    """
    expected = evaluation.result.area_km2 / mean_cell_km2(check_resolution(resolution))
    if expected > MAX_CELLS:
        zh = (
            f"该范围在 {resolution} 级约有 {expected:,.0f} 个单元，最多 {MAX_CELLS:,} 个：请降低 resolution 或缩小 area"
        )
        en = f"some {expected:,.0f} cells, at most {MAX_CELLS:,}: take a lower resolution or a smaller area"
        raise bad("query", "resolution", str(resolution), zh, en)


def judge(
    world: View,
    question: Question,
    polygon: BaseGeometry | None = None,
    changes: Sequence[Change] = (),
    *,
    detail: bool = True,
) -> Evaluation:
    """Evaluate a question on what the caller sees, over a polygon instead of its area and after changes if given.

    Where the rule is about things whose exact places the caller may not see, a polygon is taken as the cells whose centres
    it holds, and ``detail`` (or anything but the plain question about a district or town) may be refused.

    Raises:
        NotFound: the area named, or the rule.
        BadParameter: parameters or changes are wrong.
        RuleUnready: the clause's own area, or something else it needs, is not loaded.
        Forbidden: the caller may not see that.
    """
    clause, seen = world.twin.plan.clause(question.rule), world.seen(question.when)
    layers = layers_of(clause, question.settings) | {change.layer for change in changes}
    is_plain = not (detail or question.settings or changes)
    snapshot = seen.judged if is_plain else seen.reached
    if seen.is_sensitive(layers):
        if polygon is not None:
            polygon = snapped(polygon)
        area = world.twin.area(snapshot, question.area or world.twin.default_area(clause, snapshot))
        shape, level = (area.geometry, area.level) if polygon is None else (polygon, "")
        seen.refuse_count(layers, level, shape, is_plain=is_plain)
    if not is_plain:
        for name in sorted(layers & LAYERS.keys()):
            world.read(name, question.rule, len(snapshot.layers[name]))
    return world.twin.cover(
        question.rule,
        area=question.area,
        polygon=polygon,
        parameters=question.settings,
        changes=changes,
        snapshot=snapshot,
    )


def layers_of(clause: Clause, settings: Mapping[str, Any]) -> frozenset[str]:
    """The layers that a clause's rule judges, and those that its parameters name."""
    parameters = {**clause.parameters, **settings}
    own, named = RULES[clause.rule].layers_of(parameters), str(parameters.get("denominator", "")).partition(":")[0]
    return frozenset((*own, named))


def snapped(polygon: BaseGeometry) -> BaseGeometry:
    """The cells of ``coarse.RESOLUTION`` whose centres a polygon holds, as one shape.

    Raises:
        BadParameter: there is none.
    """
    cells = cells_over(polygon, RESOLUTION)
    cells = cells[within(cell_centres(cells), [polygon])]
    if len(cells) == 0:
        zh, en = (
            "多边形太小：按权限以 9 级六边形为单位，其中没有一个单元的中心",
            "is too small: by permission it is taken as whole res-9 hexes, and holds the centre of none",
        )
        raise bad("body", "polygon", "", zh, en)
    return shapely.union_all(cell_polygons(cells))


def rule_parameters(world: View, rule: str) -> list[str]:
    """The names of a rule's parameters; none if there is no such rule."""
    clause = next((c for c in world.twin.plan.clauses if c.id == rule), None)
    return [] if clause is None else [f.name for f in fields(RULES[clause.rule].parameters)]


def check_scenario(scenario: str | None) -> None:
    """Only what is recorded, so far.

    Raises:
        NotFound: naming what there is.
    """
    if scenario not in (None, BASELINE):
        raise NotFound(f"没有方案“{scenario}”，现有：{BASELINE}", f"no scenario {scenario!r}; there are: {BASELINE}")


async def _scenario(scenario: ScenarioName = None) -> None:
    check_scenario(scenario)


Scenario = Depends(_scenario)


class Asking:
    """Reads a question; takes the parameters of the rule in the path as query parameters too."""

    def also_known(self, request: Request) -> list[str]:
        return rule_parameters(view_of(request), request.path_params["rule"])

    async def __call__(
        self,
        request: Request,
        when: Times,
        rule: Annotated[
            str, Path(description="a clause's id", examples=[name for name, rule in RULES.items() if rule.layers])
        ],
        area: AreaCode = None,
        scenario: ScenarioName = None,
    ) -> Question:
        check_scenario(scenario)
        own, given = declared(request), request.query_params
        names = [name for name in self.also_known(request) if name in given and name not in own]
        return Question(rule, area, when, {name: _value(name, ",".join(given.getlist(name))) for name in names})


Asked = Annotated[Question, Depends(Asking())]


def _value(name: str, text: str) -> Any:
    """A parameter's text; what looks like a JSON list or object is read as such."""
    if not text.startswith(("[", "{")):
        return text
    try:
        return _SETTING.validate_python(orjson.loads(text))
    except (orjson.JSONDecodeError, ValidationError):
        raise bad("query", name, text, "不是可用的 JSON 值", "is not a JSON value that a parameter may have") from None
