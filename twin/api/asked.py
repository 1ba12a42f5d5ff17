"""A question to a rule: which rule, area, time and parameters. Read in one place for results, gaps, hexes and tiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import Depends, Path, Query, Request
from pydantic import TypeAdapter, ValidationError
from shapely.geometry.base import BaseGeometry

from twin.api.params import Times, bad, declared
from twin.api.values import Setting
from twin.api.wire import BASELINE
from twin.api.world import When, World
from twin.cells import check_resolution, mean_cell_km2
from twin.coverage import RULES
from twin.coverage.result import CellTable, Evaluation, Gap
from twin.errors import NotFound
from twin.model import Change, Snapshot

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

    def evaluate(self, world: World) -> Evaluation:
        """Judge what is recorded."""
        return judge(world, self, world.snapshot(self.when))

    def cells(self, world: World, resolution: int) -> CellTable:
        """The rule's hexes, computed once.

        Raises:
            BadParameter: the resolution is not 5 to 12, or there would be too many hexes.
        """
        check_resolution(resolution)
        evaluation = self.evaluate(world)
        expected = evaluation.result.area_km2 / mean_cell_km2(resolution)
        if expected > MAX_CELLS:
            zh = f"该范围在 {resolution} 级约有 {expected:,.0f} 个单元，最多 {MAX_CELLS:,} 个：请降低 resolution 或缩小 area"
            en = f"some {expected:,.0f} cells, at most {MAX_CELLS:,}: take a lower resolution or a smaller area"
            raise bad("query", "resolution", str(resolution), zh, en)
        return self._once(world, evaluation, ("cells", resolution), lambda: evaluation.cells_in_detail(resolution))

    def gaps(self, world: World) -> list[Gap]:
        """All gaps, the largest first, computed once."""
        evaluation = self.evaluate(world)
        return self._once(world, evaluation, ("gaps",), evaluation.gaps)

    def _once(self, world: World, evaluation: Evaluation, what: tuple[Any, ...], make: Callable[[], T]) -> T:
        value: T = world.tables.get((evaluation.result.snapshot, self.id, what), make)
        return value


def judge(
    world: World,
    question: Question,
    snapshot: Snapshot,
    polygon: BaseGeometry | None = None,
    changes: Sequence[Change] = (),
) -> Evaluation:
    """Evaluate a question on a snapshot, over a polygon instead of its area and after changes if given.

    Raises:
        NotFound: the area named, or the rule.
        BadParameter: parameters or changes are wrong.
        RuleUnready: the clause's own area, or something else it needs, is not loaded.
    """
    return world.twin.cover(
        question.rule,
        area=question.area,
        polygon=polygon,
        parameters=question.settings,
        changes=changes,
        snapshot=snapshot,
    )


def rule_parameters(world: World, rule: str) -> list[str]:
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
        return rule_parameters(request.app.state.world, request.path_params["rule"])

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
