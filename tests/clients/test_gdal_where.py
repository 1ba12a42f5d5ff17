"""What ``-where`` says GDAL asks the server for, and gets what is stored: Debian's (3.6) and the one in pyogrio's wheel (3.12)."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest

from tests.clients.live import DEBIAN, Live, run

pytestmark = pytest.mark.client
ASKED = re.compile(r"^HTTP: Fetch\((.*/items\?.*)\)$", re.MULTILINE)
DEBUG = {"CPL_DEBUG": "ON"}
PYOGRIO = """
import sys, pyogrio
frame = pyogrio.read_dataframe("OAPIF:" + sys.argv[1], layer=sys.argv[2], where=sys.argv[3], read_geometry=False)
print("\\n".join(["key", *frame["key"]]))
"""
Rows = Callable[[pd.DataFrame], "pd.Series[bool]"]


@dataclass(frozen=True)
class Answer:
    keys: set[str]
    queries: list[dict[str, list[str]]]
    """Of each request for features; the first is GDAL's own, to see what there is."""


def debian(live: Live, layer: str, where: str) -> Answer:
    words = ("-f", "CSV", "/vsistdout/", f"OAPIF:{live.url}", layer, "-select", "key", "-oo", "PAGE_SIZE=10000")
    return answer_of(run(DEBIAN / "ogr2ogr", *words, "-where", where, env=DEBUG))


def wheel(live: Live, layer: str, where: str) -> Answer:
    return answer_of(run(Path(sys.executable), "-c", PYOGRIO, live.url, layer, where, env=DEBUG))


def answer_of(done: CompletedProcess[str]) -> Answer:
    assert done.returncode == 0, done.stderr[-4000:]
    assert "ERROR" not in done.stderr
    keys = [line.strip('"') for line in done.stdout.split()[1:]]
    assert len(set(keys)) == len(keys)
    return Answer(set(keys), [parse_qs(urlsplit(address).query) for address in ASKED.findall(done.stderr)])


@pytest.fixture(params=[debian, wheel], ids=["3.6", "3.12"])
def gdal(request: pytest.FixtureRequest) -> Callable[[Live, str, str], Answer]:
    return request.param


def since(text: str) -> Rows:
    return lambda rows: moments(rows) >= pd.Timestamp(text)


def moments(rows: pd.DataFrame) -> pd.Series[pd.Timestamp]:
    return pd.to_datetime(rows["valid_from"], format="ISO8601", utc=True)


CASES: dict[str, tuple[str, Rows]] = {
    "an enum and a number": (
        "station_type = 'bus' AND n_connectors > 10", lambda r: (r.station_type == "bus") & (r.n_connectors > 10)),
    "an enum or another": (
        "station_type = 'bus' OR station_type = 'taxi'", lambda r: r.station_type.isin(["bus", "taxi"])),
    "all but an enum": ("NOT (station_type = 'public')", lambda r: r.station_type != "public"),
    "a range of numbers": ("n_connectors BETWEEN 5 AND 8", lambda r: r.n_connectors.between(5, 8)),
    "a number with decimals": ("max_power_kw > 60.5", lambda r: r.max_power_kw > 60.5),
    "a text": ("name = '沪闵路科技园充电站'", lambda r: r.name_ == "沪闵路科技园充电站"),
    "a part of a text": ("name LIKE '%公交%'", lambda r: r.name_.str.contains("公交")),
    "a part of a text in any case": ("key ILIKE 'cs-00%'", lambda r: r.key.str.startswith("CS-00")),
    "yes": ("online = 1", lambda r: r.online.astype("boolean").fillna(False)),
    "nothing known": ("online IS NULL", lambda r: r.online.isna()),
    "from a moment": ("valid_from >= '2025/01/01 00:00:00+00'", since("2025-01-01T00:00:00Z")),
    "from a moment as ISO writes it": ("valid_from >= '2025-01-01T00:00:00Z'", since("2025-01-01T00:00:00Z")),
    "to a moment": ("valid_from <= '2019/01/01 00:00:00+00'", lambda r: moments(r) <= pd.Timestamp("2019-01-01T00:00Z")),
    "at a moment": ("valid_from = '2025/04/12 16:00:00+00'", lambda r: moments(r) == pd.Timestamp("2025-04-12T16:00Z")),
    "between moments": (
        "valid_from >= '2019/01/01 00:00:00+00' AND valid_from <= '2020/01/01 00:00:00+00'",
        lambda r: moments(r).between(pd.Timestamp("2019-01-01T00:00Z"), pd.Timestamp("2020-01-01T00:00Z"))),
    "from a day of Shanghai": ("valid_from >= '2025-01-01'", since("2025-01-01T00:00:00+08:00")),
    "a day of Shanghai": (
        "valid_from = '2025/04/13'",
        lambda r: moments(r).between(pd.Timestamp("2025-04-13T00:00+08:00"), pd.Timestamp("2025-04-13T23:59:59+08:00"))),
}  # fmt: skip


def stored(live: Live, layer: str, rows: Rows) -> set[str]:
    frame = live.table(layer).frame.rename(columns={"name": "name_"})
    return set(frame["key"][rows(frame)])


@pytest.mark.parametrize("case", CASES)
def test_a_condition_is_sent_whole_and_finds_what_is_stored(live, gdal, case):
    where, rows = CASES[case]
    found, wanted = gdal(live, "chargers", where), stored(live, "chargers", rows)
    assert found.keys == wanted
    assert 0 < len(wanted) < len(live.table("chargers"))
    (query,) = found.queries[1:]
    assert query["filter-lang"] == ["cql-text"]
    assert "datetime" not in query


@pytest.mark.parametrize("where", ["max_power_kw > 1e20", "valid_to <= '2025/01/01 00:00:00+00'"])
def test_a_condition_may_have_an_exponent_or_a_time_where_gdal_has_seen_none(live, gdal, where):
    """GDAL writes ``1e+20`` without escaping the plus, and takes for text what it has only seen as null."""
    found = gdal(live, "chargers", where)
    assert found.keys == set()
    assert len(found.queries) == 2


def test_of_a_condition_what_gdal_cannot_say_it_sees_to_itself(live, gdal):
    found = gdal(live, "chargers", "station_type IN ('bus', 'taxi') AND n_connectors > 10")
    wanted = stored(live, "chargers", lambda r: r.station_type.isin(["bus", "taxi"]) & (r.n_connectors > 10))
    assert found.keys == wanted != set()
    assert found.queries[1]["filter"] == ["n_connectors > 10"]


def test_few_of_many_are_asked_for_in_one_page(live, gdal):
    """Not all of the layer's 70,000 and more."""
    key = str(live.table("cameras").frame["key"].iloc[7])
    found = gdal(live, "cameras", f"key = '{key}'")
    assert found.keys == {key}
    assert len(found.queries) == 2


def test_gdal_drops_the_zone_of_a_time(live, gdal):
    """Pinned, for docs/api.md warns of it: a time in ``-where`` is to be one of UTC."""
    (query,) = gdal(live, "chargers", "valid_from >= '2025/01/01 00:00:00+08'").queries[1:]
    assert query["filter"] == ["valid_from >= '2025-01-01T00:00:00Z'"]
