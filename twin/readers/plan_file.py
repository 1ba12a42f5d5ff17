"""The plan's files (TOML): the plan itself, and further clauses from a folder of rules."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from twin.coverage import clause_faults
from twin.errors import Fault, NotFound, PlanInvalid
from twin.plan import Clause, ClauseFault, Plan, PlanFile, plan_from_files, plan_invalid
from twin.readers.toml_file import TomlFault, read_toml


def read_plan(path: Path, more: Iterable[Path] = ()) -> Plan:
    """Read and check the plan, and further rule files after it.

    Raises:
        NotFound: one of the files is not there.
        PlanInvalid: a file is no TOML, or clauses have faults. All of them are listed, each with its line; nothing is
            half-loaded.
    """
    plan, *rest = [_parsed(file) for file in (path, *more)]
    unread: list[Fault] = [file for file in (plan, *rest) if isinstance(file, ClauseFault)]
    if isinstance(plan, ClauseFault):
        raise plan_invalid(unread)
    try:
        read = plan_from_files([plan, *(file for file in rest if isinstance(file, PlanFile))], clause_faults)
    except PlanInvalid as error:
        raise plan_invalid([*unread, *error.faults]) from None
    if unread:
        raise plan_invalid(unread)
    return read


def rule_files(folder: Path, *, required: bool = False) -> list[Path]:
    """The rule files of a folder, by name; none where there is no such folder.

    Raises:
        NotFound: there is no such folder, and it is ``required``.
    """
    if required and not folder.is_dir():
        raise NotFound(f"没有规则文件夹 {folder}", f"no folder of rules {folder}")
    return sorted(folder.glob("*.toml"))


def check_rule_file(plan: Path, others: Iterable[Path], file: Path) -> tuple[Clause, ...]:
    """The clauses that a rule file would add to the plan and the other rule files. One of its name is replaced by it.

    Raises:
        NotFound: one of the files is not there.
        PlanInvalid: as ``read_plan``.
    """
    before = [other for other in others if other.name != file.name]
    clauses = read_plan(plan, [*before, file]).clauses
    return clauses[len(read_plan(plan, before).clauses) :]


def _parsed(path: Path) -> PlanFile | ClauseFault:
    """A file's tables and lines, or why it cannot be read."""
    try:
        return PlanFile(str(path), *read_toml(path))
    except FileNotFoundError:
        raise NotFound(f"没有规则文件 {path}", f"no plan file {path}") from None
    except TomlFault as reason:
        return ClauseFault(f"{path}:{reason.line}", "", "", reason.words, (), str(path), reason.line, "")
