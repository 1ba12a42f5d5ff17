"""A filter on a layer's features: checked against what the layer has, then evaluated on columns with SQL's three values.

A moment is compared with a day as with the whole of it (Asia/Shanghai). An interval of a feature's own times ends before its
``valid_to``, as validity does, and is open where that is unknown. Places are those that callers see.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from hashlib import blake2b
from typing import Any

import numpy as np
import orjson

from twin.errors import BadParameter, Fault, Words
from twin.layers.base import LayerType
from twin.layers.filter_check import KIND_WORDS, Checker
from twin.layers.filter_columns import Columns, Value, queryables
from twin.layers.filter_tree import (
    ARITHMETIC,
    COMPARISONS,
    SPATIAL,
    Call,
    Const,
    Kind,
    Node,
    Property,
    ToDegrees,
    plain_tree,
    refusal,
    span_of,
    tree_of,
)
from twin.layers.filter_values import (
    Bools,
    Shapes,
    Texts,
    Times,
    Truth,
    accenti,
    calculate,
    casei,
    compare_numbers,
    compare_texts,
    compare_times,
    interval,
    like,
    relate_shapes,
    relate_times,
    texts_among,
    truth,
)
from twin.model import LayerTable


@dataclass(frozen=True)
class Filter:
    """A condition on features. Made by ``filter_of``."""

    tree: Node

    @cached_property
    def key(self) -> str:
        """The same for filters that say the same: what caches go by."""
        return blake2b(orjson.dumps(plain_tree(self.tree)), digest_size=16).hexdigest()

    def check(self, kind: LayerType, table: LayerTable | None = None) -> Node:
        """The tree, with texts that stand for times read as such.

        Raises:
            BadParameter: it names what the layer has not, or compares what cannot be compared; all of it in ``faults``.
        """
        checker = Checker(queryables(kind, table))
        tree, found = checker.check(self.tree)
        checker.expect(("bool",), found, self.tree, "条件", "the filter")
        if checker.faults:
            raise refusal(checker.faults)
        return tree

    def mask(self, kind: LayerType, table: LayerTable) -> Bools:
        """(n,) which rows of the table it is true of: neither false nor unknown.

        Raises:
            BadParameter: as ``check``.
        """
        verdict = evaluate(self.check(kind, table), Columns(kind, table), {})
        assert isinstance(verdict, Truth)
        return np.array(np.broadcast_to(verdict.yes, len(table)))


def filter_of(value: Any, to_degrees: ToDegrees | None = None) -> Filter:
    """The filter that a CQL2-JSON value is; see ``tree_of``."""
    return Filter(tree_of(value, to_degrees))


def property_filters(kind: LayerType, query: Iterable[tuple[str, str]]) -> Filter | None:
    """``name=value`` of queryables as a filter: equal, of one name several values any of them; None if none is named.

    Raises:
        BadParameter: a value is not of its property's kind.
    """
    known = {name: what for name, what in queryables(kind).items() if what != "shape"}
    asked: dict[str, list[Node]] = {}
    faults: list[Fault] = []
    for name, text in query:
        if name in known:
            try:
                asked.setdefault(name, []).append(_constant(known[name], text))
            except ValueError:
                zh, en = KIND_WORDS[known[name]]
                words = Words(f"{name} 应为{zh}：“{text[:60]}”", f"{name} must be {en}: {text[:60]!r}")
                faults.append(Fault("query", name, text, words))
    if faults:
        zh, en = "；".join(f.words.zh for f in faults), "; ".join(f.words.en for f in faults)
        raise BadParameter(f"参数有误：{zh}", f"bad parameters: {en}", faults)
    parts = [Call("in", (Property(name), *values)) for name, values in asked.items()]
    return Filter(parts[0] if len(parts) == 1 else Call("and", tuple(parts))) if parts else None


def _constant(kind: Kind, text: str) -> Const:
    """Raises ValueError: the text is not of that kind."""
    match kind:
        case "number":
            number = float(text)
            if not np.isfinite(number):
                raise ValueError(text)
            return Const("number", number)
        case "bool":
            if text not in ("true", "false"):
                raise ValueError(text)
            return Const("bool", text == "true")
        case "time":
            return Const("time", span_of(text))
    return Const("text", text)


# Values ----------------------------------------------------------------------------------------------------------------


def evaluate(node: Node, columns: Columns, made: dict[Node, Value]) -> Value:
    """What a checked node is for every row, or for all of them. What is ``made`` is not made again."""
    if node not in made:
        match node:
            case Property(name):
                made[node] = columns[name]
            case Const(kind, value):
                made[node] = _literal(kind, value)
            case Call(op, args):
                made[node] = _apply(op, args, [evaluate(arg, columns, made) for arg in args])
    return made[node]


def _literal(kind: Kind, value: Any) -> Value:
    match kind:
        case "text":
            return Texts.literal(value)
        case "number":
            return np.array(value, np.float64)
        case "bool":
            return Truth(np.array(value), np.array(not value))
        case "shape":
            return Shapes.of(value)
    return Times.literal(value)


def _apply(op: str, args: tuple[Node, ...], values: list[Any]) -> Value:
    if op in PLAIN:
        return PLAIN[op](*values)
    if op == "interval":
        return interval(*values, end_is_property=isinstance(args[1], Property))
    if op in ARITHMETIC:
        return calculate(op, *values)
    if op in SPATIAL:
        return relate_shapes(op, *values)
    return _compare(op, *values) if op in COMPARISONS else _relate_times(op, args, *values)


def _compare(op: str, a: Any, b: Any) -> Truth:
    if isinstance(a, Truth):
        return a.same(b) if op == "=" else a.same(b).negated()
    if isinstance(a, Texts):
        return compare_texts(op, a, b)
    return compare_times(op, a, b) if isinstance(a, Times) else compare_numbers(op, a, b)


def _relate_times(op: str, args: tuple[Node, ...], a: Times, b: Times) -> Truth:
    """A moment equals the day that it is in, unless one of the two is an interval."""
    spans = (isinstance(arg, Call) or (isinstance(arg, Const) and arg.kind == "span") for arg in args)
    return compare_times("=", a, b) if op == "t_equals" and not any(spans) else relate_times(op, a, b)


def _among(value: Any, choices: Sequence[Any]) -> Truth:
    if isinstance(value, Texts) and all(choice.only is not None for choice in choices):
        return texts_among(value, [choice.only for choice in choices])
    if isinstance(value, np.ndarray) and all(choice.ndim == 0 for choice in choices):
        return truth(np.isin(value, np.array(choices)), ~np.isnan(value))
    found = _compare("=", value, choices[0])
    for choice in choices[1:]:
        found |= _compare("=", value, choice)
    return found


def _is_null(value: Any) -> Truth:
    missing = np.isnan(value) if isinstance(value, np.ndarray) else value.missing
    return Truth(np.asarray(missing), np.asarray(~missing))


PLAIN: dict[str, Callable[..., Value]] = {
    "and": lambda *truths: reduce(operator.and_, truths),
    "or": lambda *truths: reduce(operator.or_, truths),
    "not": Truth.negated,
    "isnull": _is_null,
    "between": lambda value, low, high: _compare(">=", value, low) & _compare("<=", value, high),
    "in": lambda value, *choices: _among(value, choices),
    "like": lambda value, pattern: like(value, pattern.only),
    "casei": lambda texts: texts.each(casei),
    "accenti": lambda texts: texts.each(accenti),
}
