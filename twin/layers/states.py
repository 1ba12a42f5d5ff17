"""Which lifecycle state may follow which: 规划 → 建设 → 管理 ⇄ 运营, any → 退役; steps may be skipped, none goes back."""

from __future__ import annotations

from twin.errors import Words
from twin.model import LIFECYCLES

STATE_WORDS = {
    "planned": Words("规划", "planned"),
    "building": Words("建设", "building"),
    "managed": Words("管理", "managed"),
    "operating": Words("运营", "operating"),
    "retired": Words("退役", "retired"),
}


def may_follow(before: str, after: str) -> bool:
    """Whether ``after`` may come after ``before`` (or be the same). Going back is for corrections only."""
    if {before, after} == {"managed", "operating"}:
        return True
    return LIFECYCLES.index(after) >= LIFECYCLES.index(before)


def refusal(before: str, after: str) -> Words:
    """Why a transition is not allowed, and what to do."""
    was, becomes = STATE_WORDS[before], STATE_WORDS[after]
    return Words(
        f"生命周期不能由“{was.zh}”退回“{becomes.zh}”；如原记录有误，请作为更正提交（--correct、correction=true，或在导入的文件中给出原来的生效时间）",
        f"the lifecycle cannot go back from {was.en} to {becomes.en}; if the record was wrong, submit a correction (--correct, correction=true, or in a file the valid_from it was wrong from)",
    )
