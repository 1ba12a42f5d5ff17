"""How a transaction is undone, the same on every store: by a new one that records again what it closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from twin.errors import Conflict, NotFound
from twin.model import Record, Source
from twin.ports import GridFile
from twin.store.versions import Step, overlap

N_NAMED = 10


class Version(NamedTuple):
    """A version of a key as it is kept."""

    version: int
    tx: int
    tx_to: int | None
    record: Record


class KeptGrid(NamedTuple):
    tx: int
    tx_to: int | None
    grid: GridFile


@dataclass(frozen=True, slots=True)
class Undo:
    """What undoes a transaction: a step for every key, sources and grids to record again, grids to close."""

    keys: Mapping[tuple[str, str], Step]
    sources: tuple[Source, ...]
    closed_grids: tuple[str, ...]
    grids: tuple[GridFile, ...]


def undo(
    tx: int,
    keys: Mapping[tuple[str, str], tuple[Sequence[Version], int]],
    sources: Sequence[tuple[int, Source]],
    grids: Sequence[KeptGrid],
) -> Undo:
    """What undoes transaction ``tx``.

    Args:
        tx: its number.
        keys: for every key that it touched, the versions that it recorded or closed and those recorded since that are open,
            and the highest version number.
        sources: every recorded value of a source, with its transaction.
        grids: those that it recorded or closed, and all that are open.

    Raises:
        Conflict: something of it has been changed since; the keys are named.
    """
    moved_on = [f"{layer} {key}" for (layer, key), (versions, _) in sorted(keys.items()) if _moved_on(tx, versions)]
    moved_on += sorted({f"grid {g.grid.name}" for g in grids if g.tx == tx and g.tx_to is not None})
    back = [g.grid for g in grids if g.tx_to == tx]
    newer = {g.grid.name for g in grids if g.tx > tx and g.tx_to is None}
    moved_on += sorted(f"grid {g.name}" for g in back if g.name in newer and f"grid {g.name}" not in moved_on)
    if moved_on:
        raise _conflict(tx, moved_on)
    steps = {key: _undone(tx, versions, last) for key, (versions, last) in keys.items()}
    closed = tuple(g.grid.name for g in grids if g.tx == tx)
    return Undo(steps, tuple(_former(tx, sources)), closed, tuple(back))


def no_such_transaction(tx: int, head: int) -> NotFound:
    return NotFound(
        f"没有事务 {tx}；最后一个是 {head}（twin audit 列出全部）",
        f"there is no transaction {tx}; the last one is {head} (twin audit lists them)",
    )


def _moved_on(tx: int, versions: Sequence[Version]) -> bool:
    """Whether what it recorded is closed, or what it closed would lie over something recorded since."""
    if any(v.tx == tx and v.tx_to is not None for v in versions):
        return True
    since = [v.record for v in versions if v.tx > tx and v.tx_to is None]
    return any(overlap(r, v.record.valid_from, v.record.valid_to) for v in versions if v.tx_to == tx for r in since)


def _undone(tx: int, versions: Iterable[Version], last: int) -> Step:
    closed = [v for v in versions if v.tx_to == tx]
    again = tuple((last + n, v.record) for n, v in enumerate(closed, 1))
    return Step(tuple(v.version for v in versions if v.tx == tx), again)


def _former(tx: int, sources: Sequence[tuple[int, Source]]) -> list[Source]:
    """What the sources that it changed were before; not of those that changed again since, nor of new ones."""
    former = []
    for source in (source for number, source in sources if number == tx):
        said = [(number, s) for number, s in sources if s.id == source.id]
        before = [(number, s) for number, s in said if number < tx]
        if before and not any(number > tx for number, _ in said):
            former.append(max(before, key=lambda pair: pair[0])[1])
    return former


def _conflict(tx: int, keys: Sequence[str]) -> Conflict:
    said = ", ".join(keys[:N_NAMED])
    more, more_en = (f" 等 {len(keys)} 项", f" and {len(keys) - N_NAMED} more") if len(keys) > N_NAMED else ("", "")
    return Conflict(
        f"事务 {tx} 写入的内容此后又有改动，无法撤销：{said}{more}。请先撤销后来的事务",
        f"transaction {tx} cannot be undone: changed since: {said}{more_en}. Undo the later transactions first",
    )
