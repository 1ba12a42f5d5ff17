"""Plan clauses: from parsed files to frozen dataclasses, all faults at once. Who reads the files stands at the rim."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
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

    def is_met_by(self, value: float | None) -> bool | None:
        """Whether a value meets the target; None where there is no value, no target, or the clause is a direction."""
        if value is None or self.value is None or self.strength == "direction":
            return None
        if self.operator == "more-than":
            return value > self.value
        if self.operator == "at-most":
            return value <= self.value
        return value >= self.value


@dataclass(frozen=True, slots=True)
class Plan:
    """All documents and clauses, in the order of their files."""

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


KeyPath = tuple[str | int, ...]
"""Names of keys, numbers in arrays from 0: ``("clauses", 0, "parameters", "radius_m")``."""
ClauseCheck = Callable[[Mapping[str, Any]], Sequence[Fault]]
"""What is wrong with a clause's rule and its parameters; the faults' paths begin at the clause."""


@dataclass(frozen=True, slots=True)
class ClauseFault(Fault):
    """A fault with its file, line (from 1) and the clause's id ("" where it has none)."""

    file: str = ""
    line: int = 1
    clause: str = ""


@dataclass(frozen=True)
class PlanFile:
    """A parsed file: ``tables`` as a TOML reader gives them, and the line (from 1) of each key by its path."""

    name: str
    tables: Mapping[str, Any]
    lines: Mapping[KeyPath, int]

    def line(self, path: KeyPath) -> int:
        """The line of the key, or of the table round it where the key is not there."""
        return next((self.lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.lines), 1)

    def rows(self, name: str) -> list[Any]:
        """The tables of an array of tables; none if it is something else."""
        rows = self.tables.get(name, [])
        return rows if isinstance(rows, list) else []

    def fault(self, path: KeyPath, value: Any, zh: str, en: str) -> ClauseFault:
        """A fault at a path."""
        line, clause = self.line(path), self._id(path)
        where = f"{self.name}:{line} {clause}".rstrip()
        own = path[2:] if len(path) > 2 else path
        said = "" if value is None else str(value)
        return ClauseFault(where, column_of(own), said, Words(zh, en), path, self.name, line, clause)

    def _id(self, path: KeyPath) -> str:
        match path:
            case (str(name), int(number), *_):
                row = self.rows(name)[number]
                return str(row.get("id", "")) if isinstance(row, Mapping) else ""
        return ""


def column_of(path: KeyPath) -> str:
    """``parameters.zones[1].radius_m``, counted from 1."""
    return "".join(f"[{key + 1}]" if isinstance(key, int) else f".{key}" for key in path).lstrip(".")


_TABLES = ("documents", "clauses")
_TEXT = {"id", "title", "title_en", "quote", "quote_en", "document", "scope", "period", "unit", "spatial_unit", "rule"}
_OPTIONAL: dict[str, tuple[type[Any], Words]] = {
    "parameters": (Mapping, Words("应为表", "must be a table")),
    "ours": (list, Words("应为列表", "must be a list")),
    "declared": (str, Words("应为文本", "must be text")),
    "baseline": (str, Words("应为文本", "must be text")),
    "value": (object, Words("", "")),
}
_CHOICES = {"operator": get_args(Operator), "strength": get_args(Strength)}
_ID = re.compile(r"[a-z0-9][a-z0-9_-]*")


def plan_from_files(files: Sequence[PlanFile], check: ClauseCheck) -> Plan:
    """All clauses of some files, in their order; nothing if there is a fault anywhere.

    A clause cites a document of its own file or of the first one. Where it names none, it cites its file's only one.

    Raises:
        PlanInvalid: with every fault of every file (``ClauseFault``).
    """
    plan = _Reading(check)
    for file in files:
        plan.read(file)
    if not files or not files[0].rows("clauses"):
        name = files[0].name if files else ""
        plan.faults.append(PlanFile(name, {}, {}).fault(("clauses",), None, "没有任何条款", "there is no clause"))
    if plan.faults:
        raise plan_invalid(plan.faults)
    return Plan(plan.documents, tuple(plan.clauses))


def plan_invalid(faults: Sequence[Fault]) -> PlanInvalid:
    """One error for all of them."""
    first = faults[0]
    return PlanInvalid(
        f"规则文件有 {len(faults)} 处错误，第一处：{first.where} {first.column}：{first.words.zh}",
        f"the plan's clauses have {len(faults)} fault(s), first: {first}",
        faults,
    )


class _Reading:
    """What has been read so far, and every fault."""

    def __init__(self, check: ClauseCheck) -> None:
        self.check = check
        self.documents: dict[str, Document] = {}
        self.citable: list[str] | None = None
        """The documents of the first file."""
        self.clauses: list[Clause] = []
        self.faults: list[Fault] = []
        self.taken: dict[tuple[str, str], str] = {}
        """Where each id of a document or a clause stands."""

    def read(self, file: PlanFile) -> None:
        found = [*_table_faults(file), *self._documents(file), *self._clauses(file)]
        found.sort(key=lambda fault: fault.line)
        self.faults += found

    def _documents(self, file: PlanFile) -> Iterator[ClauseFault]:
        names = {f.name for f in fields(Document)}
        for number, row in _numbered(file, "documents"):
            at: KeyPath = ("documents", number)
            wrong = [file.fault((*at, k), row[k], "不认识的字段", "unknown field") for k in row if k not in names]
            wrong += [fault for name in sorted(names) for fault in _text_faults(file, at, row, name)]
            wrong += self._taken(file, at, row)
            yield from wrong
            if not wrong:
                self.documents[row["id"]] = Document(**row)

    def _clauses(self, file: PlanFile) -> Iterator[ClauseFault]:
        own = [row["id"] for _, row in _numbered(file, "documents") if isinstance(row.get("id"), str)]
        self.citable = own if self.citable is None else self.citable
        known = tuple(dict.fromkeys([*self.citable, *own]))
        for number, table in _numbered(file, "clauses"):
            at: KeyPath = ("clauses", number)
            row = {"document": own[0], **table} if len(own) == 1 else dict(table)
            wrong = [*_clause_faults(file, at, row, known), *self._taken(file, at, row)]
            wrong += [file.fault((*at, *f.path), f.value, f.words.zh, f.words.en) for f in self.check(row)]
            yield from wrong
            if not wrong:
                self.clauses.append(Clause(**{**row, "ours": tuple(row.get("ours", ())), "value": row.get("value")}))

    def _taken(self, file: PlanFile, at: KeyPath, row: Mapping[str, Any]) -> Iterator[ClauseFault]:
        key, path = (str(at[0]), str(row.get("id", ""))), (*at, "id")
        if key[1] and key in self.taken:
            there = self.taken[key]
            yield file.fault(path, key[1], f"编号重复，已用于 {there}", f"the id is taken already, at {there}")
        self.taken.setdefault(key, f"{file.name}:{file.line(path)}")


def _numbered(file: PlanFile, name: str) -> list[tuple[int, Mapping[str, Any]]]:
    return [(number, row) for number, row in enumerate(file.rows(name)) if isinstance(row, Mapping)]


def _table_faults(file: PlanFile) -> Iterator[ClauseFault]:
    said = ", ".join(f"[[{name}]]" for name in _TABLES)
    for name, value in file.tables.items():
        if name not in _TABLES:
            yield file.fault((name,), None, f"不认识的表，已知：{said}", f"unknown table; known: {said}")
        elif not isinstance(value, list) or not all(isinstance(row, Mapping) for row in value):
            yield file.fault((name,), None, f"应写作 [[{name}]]", f"must be written as [[{name}]]")


def _text_faults(file: PlanFile, at: KeyPath, row: Mapping[str, Any], name: str) -> Iterator[ClauseFault]:
    if name not in row:
        yield file.fault((*at, name), None, "缺少该字段", "missing")
    elif not isinstance(row[name], str) or not row[name].strip():
        yield file.fault((*at, name), row[name], "应为非空文本", "must be text, not empty")
    elif name == "id" and not _ID.fullmatch(row[name]):
        zh = "应为小写字母、数字和连字符（它会出现在网址中）"
        yield file.fault(
            (*at, name), row[name], zh, "must be lower-case letters, digits and hyphens: it stands in addresses"
        )


def _clause_faults(
    file: PlanFile, at: KeyPath, table: Mapping[str, Any], documents: tuple[str, ...]
) -> Iterator[ClauseFault]:
    known = {*_TEXT, *_CHOICES, *_OPTIONAL}
    for name in table:
        if name not in known:
            said = ", ".join(sorted(known))
            yield file.fault((*at, name), table[name], f"不认识的字段，已知：{said}", f"unknown field; known: {said}")
    for name in sorted({*_TEXT, *_CHOICES}):
        yield from _text_faults(file, at, table, name)
    for name, choices in {**_CHOICES, "document": documents}.items():
        if isinstance(table.get(name), str) and table[name].strip() and table[name] not in choices:
            said = ", ".join(choices) or "—"
            yield file.fault((*at, name), table[name], f"应为其中之一：{said}", f"must be one of {said}")
    for name, (kind, words) in _OPTIONAL.items():
        if name in table and not isinstance(table[name], kind):
            yield file.fault((*at, name), table[name], words.zh, words.en)
    yield from _value_faults(file, at, table)


def _value_faults(file: PlanFile, at: KeyPath, table: Mapping[str, Any]) -> Iterator[ClauseFault]:
    value, path = table.get("value"), (*at, "value")
    if value is None and table.get("operator") not in ("every", "indicator"):
        yield file.fault(path, None, "缺少目标值", "the target value is missing")
    if value is not None and (
        isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value)
    ):
        yield file.fault(path, value, "应为数字", "must be a number")
