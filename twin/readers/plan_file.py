"""The plan's file (TOML)."""

from __future__ import annotations

import tomllib
from pathlib import Path

from twin.coverage import RULES
from twin.errors import NotFound, PlanInvalid
from twin.plan import Plan, plan_from_mapping


def read_plan(path: Path) -> Plan:
    """Read and check a plan file.

    Raises:
        NotFound: there is no such file.
        PlanInvalid: it is no TOML, or its clauses have faults (all of them are listed).
    """
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise NotFound(f"没有规划文件 {path}", f"no plan file {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as reason:
        raise PlanInvalid(f"{path} 不是有效的 TOML：{reason}", f"{path} is not valid TOML: {reason}") from None
    return plan_from_mapping(raw, list(RULES))
