"""A long random log of transactions, and what must hold after each of them, found by painting single moments.

The oracle knows no versions and no intervals of them: for one moment it replays who laid what over it. Only what a
correction takes back is asked of the store that the log was drawn with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import shapely

from tests.world import CENTRE
from twin.errors import TwinError
from twin.layers.tabulate import digest_of, marks_of
from twin.model import Edit, Record, Source
from twin.ports import GridFile, Store, StoredState
from twin.snapshots import grids_id_of
from twin.store import MemoryStore

DAY0 = datetime(2026, 1, 1, tzinfo=UTC)
RECORDED = datetime(2027, 1, 1, tzinfo=UTC)
MOMENTS = [DAY0 + timedelta(days=d) for d in (0.5, 3.5, 6, 8.5, 40)]
NASTY = [
    "", " ", "a'b\"c", "\\N", "\\.", "\\", "tab\there", "line\nbreak\r\n", "中文，名称", "𠮷野家 🗺️", "é é", "\u200f\u202eעברית", "\u2028",
    "'; drop table asset; --", "%s %(x)s :x ?", "null", "\x01\x7f\ufeff", "ı İ ß ſ", "x" * 5000,
]  # fmt: skip
KEYS = [
    *(f"k{i}" for i in range(9)), "K1", "k 1", "k\t1", "编号", "编号\\", "𠮷", "é", "é", "'", "9" * 512, "z|%", "�", "a/b?c#d",
]  # fmt: skip
Content = tuple[Any, ...]


def content_id(state: StoredState) -> str:
    """One hash of all that a state holds."""
    layers = [digest_of(layer, marks_of(rows)) for layer, rows in sorted(state.rows.items())]
    return repr((layers, sorted(map(repr, state.sources.values())), grids_id_of(state.grids)))


@dataclass(frozen=True)
class Step:
    """One call of a store: a commit, or the number of the transaction to revert."""

    edits: tuple[Edit, ...] = ()
    sources: tuple[Source, ...] = ()
    grids: tuple[GridFile, ...] = ()
    replace_all: bool = False
    reverts: int | None = None
    takes_back: Mapping[tuple[str, str], tuple[datetime, datetime | None]] = field(default_factory=dict)


def play(store: Store, steps: list[Step], first: int = 1) -> list[str]:
    """What the store said to every step: the transaction's number, or the error's kind and words."""
    said = []
    for n, one in enumerate(steps, first):
        about: dict[str, Any] = {
            "author": f"人{n % 3}",
            "reason": NASTY[n % len(NASTY)],
            "at": RECORDED + timedelta(minutes=n),
        }
        try:
            if one.reverts is not None:
                done = store.revert(one.reverts, **about)
            else:
                more = {"sources": one.sources, "grids": one.grids, "replace_all": one.replace_all}
                done = store.commit(one.edits, **about, **more)
            said.append(str(done))
        except TwinError as error:
            said.append(f"{type(error).__name__}: {error.words}")
    return said


def digests(store: Store) -> list[str]:
    """Of what held at every moment after every transaction."""
    times = [t.at for t in store.transactions()]
    return [content_id(store.state(moment, at)) for at in times for moment in MOMENTS]


def drawn(n: int, seed: int) -> tuple[list[Step], MemoryStore]:
    """That many steps, of which some are refused, and the store that they were drawn with."""
    rng, store, steps = Random(seed), MemoryStore(), []
    for at in range(1, n + 1):
        steps.append(_step(rng, store))
        play(store, steps[-1:], at)
    return steps, store


def _step(rng: Random, store: MemoryStore) -> Step:
    head = store.head()
    if head and rng.random() < 0.15:
        return Step(reverts=rng.randint(max(1, head - 4), head + (rng.random() < 0.2)))
    keys = {(rng.choice(["chargers", "cameras", "roads", "areas"]), rng.choice(KEYS)) for _ in range(rng.randint(0, 4))}
    pairs = [_edit(rng, store, layer, key) for layer, key in sorted(keys)]
    grids = [GridFile(rng.choice("ab"), "人", "hand", rng.randbytes(20))] if rng.random() < 0.1 else []
    sources = (
        [Source(rng.choice(["s1", "s2"]), rng.choice(NASTY), "wgs84", rng.random() < 0.5)] if rng.random() < 0.2 else []
    )
    back = {(e.record.layer, e.record.key): stretch for e, stretch in pairs if stretch is not None}
    every = rng.random() < 0.01
    return Step(tuple(e for e, _ in pairs), tuple(sources), tuple(grids), every, takes_back=back)


def _edit(
    rng: Random, store: MemoryStore, layer: str, key: str
) -> tuple[Edit, tuple[datetime, datetime | None] | None]:
    open_ = [(version, r) for version, _, tx_to, r in store.versions(layer, key) if tx_to is None]
    new = _record(rng, layer, key)
    if not open_ or rng.random() < 0.1:
        return Edit("add", new), None
    version, base = rng.choice(open_)
    version += rng.random() < 0.03
    if rng.random() < 0.2:
        return Edit("remove", replace(base, valid_to=new.valid_from), version), None
    correction, final = rng.random() < 0.3, rng.random() < 0.1
    return Edit("change", new, version, correction, final), (base.valid_from, base.valid_to) if correction else None


def _record(rng: Random, layer: str, key: str) -> Record:
    start = rng.randint(0, 10)
    end = None if rng.random() < 0.5 else start + rng.randint(1, 4)
    lng, lat = CENTRE[0] + rng.gauss(0, 0.1), CENTRE[1] + rng.gauss(0, 0.1)
    shape = None
    if layer == "areas":
        shape = shapely.Point(lng, lat).buffer(rng.random() / 50 + 1e-3, quad_segs=3)
        if rng.random() < 0.5:
            shape = shapely.MultiPolygon(
                [shape.difference(shape.buffer(-5e-4)), shapely.box(0, 0, rng.random() + 0.1, 1)]
            )
    elif layer == "roads":
        shape = shapely.LineString([(lng, lat), (lng + rng.random(), lat), (lng, lat + rng.random())])
    located = shape is not None or rng.random() < 0.9
    attributes = {
        "n": rng.choice([None, 0, -1, 2**53, 0.1, 1e-300, True]),
        rng.choice(NASTY): [rng.choice(NASTY)],
        "b": {"a": {}},
    }
    return Record(
        layer, key, rng.choice(NASTY), rng.choice(["planned", "building", "operating"]), DAY0 + timedelta(days=start),
        None if end is None else DAY0 + timedelta(days=end), rng.choice([True, False, None]), rng.randint(0, 2**31 - 1),
        rng.choice(NASTY), rng.choice(["s1", "s2", ""]), lng if located else None, lat if located else None,
        None if shape is None else shapely.to_wkb(shape), attributes,
        rng.choice([None, {"frame": "gcj02", "x": lng, "y": 0.1}]),
    )  # fmt: skip


def content(state: StoredState) -> dict[tuple[str, str], Content]:
    """What holds by layer and key, without versions and validities."""
    return {(layer, row[0]): (row[1:3], row[5:9], row[10:]) for layer, rows in state.rows.items() for row in rows}


def content_of(record: Record) -> Content:
    one = MemoryStore()
    whole = replace(record, valid_from=DAY0, valid_to=None)
    one.commit([Edit("add", whole)], author="", reason="", at=RECORDED)
    return content(one.state(DAY0, RECORDED))[record.layer, record.key]


@dataclass
class Painted:
    """What holds at one moment after each transaction."""

    moment: datetime
    after: list[dict[tuple[str, str], Content]] = field(default_factory=lambda: [{}])

    def paint(self, one: Step) -> None:
        now = {} if one.replace_all else dict(self.after[-1])
        if one.reverts is not None:
            before, then = self.after[one.reverts - 1], self.after[one.reverts]
            for key in {k for k in before.keys() | then.keys() if before.get(k) != then.get(k)}:
                now.pop(key, None)
                if key in before:
                    now[key] = before[key]
        for edit in one.edits:
            self._lay(now, edit, one)
        self.after.append(now)

    def _lay(self, now: dict[tuple[str, str], Content], edit: Edit, one: Step) -> None:
        key, r = (edit.record.layer, edit.record.key), edit.record
        taken_back = one.takes_back.get(key) if edit.correction else None
        gone = taken_back is not None and self._within(*taken_back)
        gone = gone or (edit.op == "remove" and r.valid_to is not None and self.moment >= r.valid_to)
        gone = gone or (edit.final and r.valid_to is not None and self.moment >= r.valid_to)
        if gone:
            now.pop(key, None)
        if edit.op != "remove" and self._within(r.valid_from, r.valid_to):
            now[key] = content_of(r)

    def _within(self, start: datetime, end: datetime | None) -> bool:
        return start <= self.moment and (end is None or self.moment < end)
