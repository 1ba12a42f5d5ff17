"""The plan's files (TOML): the plan itself, and further clauses from a folder of rules."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

from twin.coverage import clause_faults
from twin.errors import Fault, NotFound, PlanInvalid, Words
from twin.plan import Clause, ClauseFault, Plan, PlanFile, plan_from_files, plan_invalid
from twin.readers.toml_lines import key_lines

_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)")


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
        text = path.read_text("utf-8-sig")
        return PlanFile(str(path), tomllib.loads(text), key_lines(text))
    except FileNotFoundError:
        raise NotFound(f"没有规则文件 {path}", f"no plan file {path}") from None
    except UnicodeDecodeError as reason:
        line = reason.object[: reason.start].count(b"\n") + 1
        words = Words("不是 UTF-8 文本：请以 UTF-8 编码另存", "is not UTF-8 text: save it as UTF-8")
    except (tomllib.TOMLDecodeError, RecursionError) as reason:
        found = _AT_LINE.search(str(reason))
        line = int(found[1]) if found else len(text.splitlines())
        said = _AT_LINE.sub("", str(reason)).strip()
        words = Words(f"不是有效的 TOML：{said}", f"is not valid TOML: {said}")
    except OSError as reason:
        line, words = 1, Words(f"无法读取：{reason.strerror}", f"cannot be read: {reason.strerror}")
    return ClauseFault(f"{path}:{line}", "", "", words, (), str(path), line, "")
