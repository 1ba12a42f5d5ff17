"""Plan clauses: from a parsed table to frozen dataclasses, all faults at once. Who reads the file stands at the rim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from twin.errors import Fault, NotFound, PlanInvalid, Words

Operator = Literal["at-least", "more-than", "at-most", "equal", "every", "indicator"]
"""以上 / 不少于 include the number (at-least); 超过 / 多 do not (more-than)."""
Strength = Literal["stated", "aspired", "direction"]

STRENGTH_WORDS = {
    "stated": Words("明确目标", "stated target"),
    "aspired": Words("争取目标", "aspired target"),
    "direction": Words("导向要求", "direction"),
}


@dataclass(frozen=True, slots=True)
class Document:
    """A plan document and how to cite it."""

    id: str
    title: str
    title_en: str
    citation: str
    period: str


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause as data.

    ``value`` is the target in ``unit`` (None for directions). ``parameters`` feed the rule; the names in ``ours`` were
    set by us and are not the plan's text. ``scope`` is the code of the area the clause binds.
    """

    id: str
    title: str
    title_en: str
    quote: str
    quote_en: str
    document: str
    scope: str
    period: str
    operator: Operator
    value: float | None
    unit: str
    spatial_unit: str
    strength: Strength
    rule: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    ours: tuple[str, ...] = ()
    declared: str = ""
    baseline: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """All documents and clauses of a plan file, in its order."""

    documents: Mapping[str, Document]
    clauses: tuple[Clause, ...]

    def clause(self, clause_id: str) -> Clause:
        """The clause of that id.

        Raises:
            NotFound: there is none; the message names those there are.
        """
        for clause in self.clauses:
            if clause.id == clause_id:
                return clause
        known = ", ".join(c.id for c in self.clauses)
        raise NotFound(f"没有规则“{clause_id}”。现有：{known}", f"no rule {clause_id!r}; there are: {known}")


_TEXT = {"id", "title", "title_en", "quote", "quote_en", "document", "scope", "period", "unit", "spatial_unit", "rule"}
_OPTIONAL = {"parameters", "ours", "declared", "baseline", "value"}
_CHOICES = {"operator": get_args(Operator), "strength": get_args(Strength)}


def plan_from_mapping(raw: Mapping[str, Any], rules: Sequence[str]) -> Plan:
    """Read a parsed plan file (``documents`` and ``clauses``: arrays of tables).

    Args:
        raw: what a TOML reader gives.
        rules: the names a clause's ``rule`` may have.

    Raises:
        PlanInvalid: with every fault found.
    """
    faults: list[Fault] = []
    documents = _documents(raw.get("documents", []), faults)
    clauses: list[Clause] = []
    for number, table in enumerate(raw.get("clauses", []), 1):
        where = f"clauses[{number}] {table.get('id', '')}".strip()
        found = _clause_faults(where, table, documents, rules)
        if any(c.id == table.get("id") for c in clauses):
            found.append(_fault(where, "id", table.get("id"), "编号重复", "the id is taken already"))
        faults += found
        if not found:
            clauses.append(Clause(**{**table, "ours": tuple(table.get("ours", ())), "value": table.get("value")}))
    if not raw.get("clauses"):
        faults.append(_fault("clauses", "", "", "没有任何条款", "there is no clause"))
    if faults:
        raise PlanInvalid(
            f"规划文件有 {len(faults)} 处错误，第一处：{faults[0].where} {faults[0].words.zh}",
            f"the plan has {len(faults)} fault(s), first: {faults[0]}",
            faults,
        )
    return Plan(documents, tuple(clauses))


def _fault(where: str, column: str, value: Any, zh: str, en: str) -> Fault:
    return Fault(where, column, "" if value is None else str(value), Words(zh, en))


def _documents(rows: Sequence[Mapping[str, Any]], faults: list[Fault]) -> dict[str, Document]:
    names = {f.name for f in fields(Document)}
    documents = {}
    for number, row in enumerate(rows, 1):
        where = f"documents[{number}]"
        wrong = [(k, "不认识的字段", "unknown field") for k in row if k not in names]
        wrong += [(k, "缺少该字段", "missing") for k in sorted(names - set(row))]
        faults += [_fault(where, k, row.get(k), zh, en) for k, zh, en in wrong]
        if not wrong:
            documents[row["id"]] = Document(**row)
    return documents


def _clause_faults(
    where: str, table: Mapping[str, Any], documents: Mapping[str, Document], rules: Sequence[str]
) -> list[Fault]:
    known = _TEXT | _OPTIONAL | set(_CHOICES)
    faults = [_fault(where, k, table[k], "不认识的字段", "unknown field") for k in table if k not in known]
    for name in sorted(known - _OPTIONAL):
        if name not in table:
            faults.append(_fault(where, name, None, "缺少该字段", "missing"))
        elif not isinstance(table[name], str) or not table[name].strip():
            faults.append(_fault(where, name, table[name], "应为非空文本", "must be text, not empty"))
    for name, choices in {**_CHOICES, "document": tuple(documents), "rule": tuple(rules)}.items():
        if name in table and table[name] not in choices:
            said = ", ".join(choices)
            faults.append(_fault(where, name, table[name], f"应为其中之一：{said}", f"must be one of {said}"))
    return faults + _target_faults(where, table)


def _target_faults(where: str, table: Mapping[str, Any]) -> list[Fault]:
    faults = []
    value = table.get("value")
    if value is None and table.get("operator") not in ("every", "indicator"):
        faults.append(_fault(where, "value", None, "缺少目标值", "the target value is missing"))
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        faults.append(_fault(where, "value", value, "应为数字", "must be a number"))
    if not isinstance(table.get("parameters", {}), Mapping):
        faults.append(_fault(where, "parameters", table["parameters"], "应为表", "must be a table"))
    return faults
