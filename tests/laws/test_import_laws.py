"""Laws of imports: twice is once; a changed file changes just the difference; revert is the way back."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.world import CENTRE, NOW, PLAN, district
from twin.engine import Twin
from twin.ingest import ImportReport, ImportRequest, apply, examine
from twin.model import Edit
from twin.readers import read_table
from twin.readers.raster import read_grid
from twin.store import MemoryStore

COLUMNS = (
    "id",
    "name",
    "lon",
    "lat",
    "station_type",
    "n_connectors",
    "lifecycle",
    "online",
    "valid_from",
    "valid_to",
    "备注",
)
DAYS = st.integers(2019, 2032).map(lambda year: f"{year}-06-15")

cells = st.fixed_dictionaries({
    "name": st.sampled_from(["", "甲站", '乙,"站"', "=1+1", "  "]),
    "lon": st.sampled_from(["", f"{CENTRE[0]}", f"{CENTRE[0] + 0.01}", "0"]),
    "station_type": st.sampled_from(["", "public", "公共", "50", "不明"]),
    "n_connectors": st.sampled_from(["", "0", "4", "４"]),
    "lifecycle": st.sampled_from(["", "运营", "operating"]),
    "online": st.sampled_from(["", "在线", "离线"]),
    "valid_from": st.one_of(st.just(""), DAYS),
    "valid_to": st.sampled_from(["", "", "2040-01-01"]),
    "备注": st.sampled_from(["", "x", "y"]),
})  # fmt: skip
files = st.dictionaries(st.sampled_from("abcdef"), cells, min_size=1, max_size=6)


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


def sheet(rows: dict[str, dict[str, str]]) -> bytes:
    lines = [",".join(COLUMNS)]
    for key, row in rows.items():
        lat = "" if row["lon"] == "" else "0" if row["lon"] == "0" else f"{CENTRE[1]}"
        quoted = ['"' + {**row, "id": key, "lat": lat}.get(c, "").replace('"', '""') + '"' for c in COLUMNS]
        lines.append(",".join(quoted))
    return "\n".join(lines).encode()


def bring_in(twin: Twin, rows: dict[str, dict[str, str]]) -> ImportReport:
    report = examine(
        twin, read_table(sheet(rows), "s.csv"), ImportRequest("chargers", "wgs84"), allow_datum_inverse=False
    )
    apply(twin, report, author="t", reason="r")
    return report


def changed(report: ImportReport) -> int:
    return sum(n for name, n in report.difference.counts().items() if name != "unchanged")


@given(first=files, second=files)
@settings(max_examples=60)
def test_importing_twice_changes_nothing_and_a_changed_file_just_the_difference(first, second):
    clock = Clock()
    twin = Twin(MemoryStore(), PLAN, read_grid, clock)
    twin.commit([Edit("add", r) for r in district()], author="t", reason="r")
    for rows in (first, second):
        clock.now += timedelta(days=1)
        bring_in(twin, rows)
        head = twin.store.head()
        clock.now += timedelta(days=1)
        again = bring_in(twin, rows)
        assert changed(again) == 0, again.difference
        assert twin.store.head() == head
        assert set(again.difference.unchanged) == rows.keys()


@given(first=files, second=files)
@settings(max_examples=30)
def test_reverting_an_import_restores_every_day_of_what_was_before(first, second):
    clock = Clock()
    twin = Twin(MemoryStore(), PLAN, read_grid, clock)
    bring_in(twin, first)
    clock.now += timedelta(days=1)

    def without_versions() -> list[object]:
        state = [twin.store.state(datetime.fromisoformat(f"{y}-07-01T00:00:00Z"), clock.now) for y in range(2018, 2034)]
        return [[(*row[:9], *row[10:]) for row in s.rows.get("chargers", [])] for s in state]

    before, head = without_versions(), twin.store.head()
    clock.now += timedelta(days=1)
    bring_in(twin, second)
    clock.now += timedelta(days=1)
    if twin.store.head() > head:
        twin.revert(twin.store.head(), author="t", reason="r")
    assert without_versions() == before
