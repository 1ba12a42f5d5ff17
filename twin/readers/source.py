"""What a reader is given, and the words for what it cannot read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

from twin.errors import InvalidInput, MappingAmbiguous, TwinError

PANIC = "PanicException"
MAX_BYTES = 1 << 30
"""Of what an archive unpacks to."""
MAX_CELLS = 1 << 25
"""Of one sheet or table: more cannot be held beside everything else."""


@dataclass(frozen=True)
class SourceFile:
    """A file's bytes, its name, and what of it is asked for.

    ``table`` names a sheet or layer of the file where it has several; ``layer`` is the layer of the twin it is for.
    ``siblings`` reads the files beside it by their lower-case ending (``.dbf``), where it came from a folder.
    """

    content: bytes
    name: str
    table: str | None = None
    layer: str | None = None
    siblings: Mapping[str, Callable[[], bytes]] = field(default_factory=dict)

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@contextmanager
def said_in_words(name: str, kind: str) -> Iterator[None]:
    """Whatever a library raises over a file becomes InvalidInput: ``kind`` is the format's name.

    Libraries in Rust raise a BaseException where they panic; others of that kind pass, for they end the program.
    """
    try:
        yield
    except TwinError:
        raise
    except MemoryError:
        raise InvalidInput(
            f"{name} 太大，内存不足；请先裁剪或拆分", f"{name} is too large to be held: cut or split it first"
        ) from None
    except BaseException as problem:
        if not isinstance(problem, Exception) and type(problem).__name__ != PANIC:
            raise
        reason = " ".join(str(problem).split())[:300] or type(problem).__name__
        raise InvalidInput(
            f"{name} 不是可读的 {kind} 文件：{reason}；请用原软件重新导出",
            f"{name} is not a readable {kind} file: {reason}; export it again from the program that made it",
        ) from None


def chosen_table(filled: list[str], known: list[str], file: SourceFile, zh: str, en: str) -> str:
    """Which sheet or layer of a file is meant: the one asked for, else the only one that holds anything.

    Args:
        filled: the names of those that hold anything.
        known: the names of all.
        file: the file and what was asked.
        zh: what the format calls them, in Chinese.
        en: the same in English.

    Raises:
        InvalidInput: the one asked for is not there, or all are empty.
        MappingAmbiguous: several hold data and none was asked for.
    """
    if file.table is not None:
        if file.table in known:
            return file.table
        raise InvalidInput(
            f"{file.name} 没有{zh}“{file.table}”；有：{'、'.join(known)}",
            f"{file.name} has no {en} {file.table!r}; there are: {', '.join(known)}",
        )
    if not filled:
        raise InvalidInput(f"{file.name} 没有数据：每个{zh}都是空的", f"{file.name} has no rows: every {en} is empty")
    if len(filled) > 1:
        several = MappingAmbiguous(
            f"{file.name} 有多个{zh}；请用 --table 指定其一：{'、'.join(filled)}",
            f"{file.name} has several {en}s; name one with --table: {', '.join(filled)}",
        )
        several.tables = tuple(filled)
        raise several
    return filled[0]


def refuse_too_many(name: str, n_rows: int, n_columns: int) -> None:
    """Raises InvalidInput where a table has more than ``MAX_CELLS`` cells."""
    if n_rows * max(n_columns, 1) > MAX_CELLS:
        raise InvalidInput(
            f"{name} 有 {n_rows} 行 × {n_columns} 列，超过 {MAX_CELLS} 格；请删去空白行列或拆分",
            f"{name} spans {n_rows} rows x {n_columns} columns, more than {MAX_CELLS} cells: delete blank ones or split it",
        )
