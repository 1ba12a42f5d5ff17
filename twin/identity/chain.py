"""The audit of exact reads as a chain: each row's hash covers the row and the hash before it.

``hash = SHA-256(previous hash in hexadecimal + the row as JSON)``: sorted names, no blanks, UTF-8, without ``previous`` and
``hash`` themselves. Whoever changes, removes, adds or reorders a row breaks every hash after it; whoever cuts off the end, or makes
the whole chain anew, is found by a head that was kept elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from unicodedata import category

import orjson

from twin.access import ExactRead
from twin.errors import Words

GENESIS = "0" * 64
"""What stands for the hash before the first row."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One answer made from exact places: who asked what, why, when. ``reads`` is JSON: ``[{"layer", "n", "where"}]``."""

    at: str
    caller: str
    role: str
    purpose: str
    method: str
    path: str
    query: str
    reads: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Row:
    """An entry with its place in the chain, numbered from 1."""

    n: int
    entry: Entry
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """``n_rows`` are sound up to the first bad one; ``head`` is the last sound hash. ``fault`` is None where all is sound."""

    n_rows: int
    head: str
    fault: Words | None


FIELDS = tuple(f.name for f in fields(Entry))


def reads_text(reads: Iterable[ExactRead]) -> str:
    """The reads of one answer, those of one layer and place as one."""
    counts: dict[tuple[str, str], int] = {}
    for read in reads:
        place = (read.layer, plain(read.where))
        counts[place] = counts.get(place, 0) + read.n
    told = [{"layer": layer, "n": n, "where": where} for (layer, where), n in counts.items()]
    return orjson.dumps(told).decode()


def plain(text: str, longest: int = 4000) -> str:
    """Text that every database keeps as it is: no lone surrogates, no control characters, not without end."""
    sound = text[:longest].encode("utf-8", "replace").decode()
    return "".join("?" if category(c) == "Cc" else c for c in sound)


def chained(entries: Sequence[Entry], last_n: int, last_hash: str) -> Iterator[Row]:
    """Rows that continue a chain after its row ``last_n``."""
    for n, entry in enumerate(entries, last_n + 1):
        digest = hash_of(n, entry, last_hash)
        yield Row(n, entry, last_hash, digest)
        last_hash = digest


def hash_of(n: int, entry: Entry, previous: str) -> str:
    told = orjson.dumps({"n": n, **asdict(entry)}, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(previous.encode() + told).hexdigest()


def verify(rows: Iterable[Row], head: str | None = None) -> Verdict:
    """Whether rows, in the order of their numbers, are an unbroken chain that ``head`` (a hash kept elsewhere) belongs to."""
    n, last, is_known = 0, GENESIS, head in (None, GENESIS)
    for row in rows:
        if fault := _fault(row, n, last):
            return Verdict(n, last, fault)
        n, last = row.n, row.hash
        is_known = is_known or row.hash == head
    if is_known:
        return Verdict(n, last, None)
    return Verdict(n, last, Words(
        f"链条止于第 {n} 行，其中没有所给的链头 {head}：末尾被删，或整条链被重写",
        f"the chain ends at row {n} and does not hold the head {head}: its end was cut off, or all of it was made anew",
    ))  # fmt: skip


def _fault(row: Row, n: int, last: str) -> Words | None:
    if row.n != n + 1:
        return Words(
            f"第 {n + 1} 行缺失（其后是第 {row.n} 行）", f"row {n + 1} is missing (row {row.n} comes after row {n})"
        )
    if row.previous != last:
        return Words(
            f"第 {row.n} 行没有接上第 {n} 行：有行被改动、插入或调换",
            f"row {row.n} does not follow row {n}: a row was changed, put in or moved",
        )
    if row.hash != hash_of(row.n, row.entry, row.previous):
        return Words(
            f"第 {row.n} 行的内容与其哈希不符：该行被改动", f"row {row.n} does not have its hash: it was changed"
        )
    return None
