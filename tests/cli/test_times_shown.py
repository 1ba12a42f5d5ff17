"""Times: people read Shanghai's, with +08:00; machines get UTC, with a Z."""

from __future__ import annotations

import json
import re

import pytest

MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T[\d:.]+(Z|[+-]\d{2}:\d{2})")
CALLS = [
    "cover charger-service", "history chargers A", "audit", "keys list", "export chargers -o c.csv --force",
    "transition chargers A managed --at 2026-03-01",
]  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_people_read_the_time_of_shanghai_and_machines_utc(loaded, call: str) -> None:
    assert loaded("keys", "create", "--role", "planner", "--name", "Li", "--expires", "2099-12-31").exit_code == 0
    shown = loaded(*call.split())
    assert {m[1] for m in MOMENT.finditer(shown.stdout + shown.stderr)} == {"+08:00"}, shown.output
    told = loaded(*call.split(), "--json").stdout
    assert {m[1] for m in MOMENT.finditer(told)} == {"Z"}, told


def test_a_date_is_the_end_of_that_day_in_shanghai_in_both(loaded) -> None:
    call = ("cover", "charger-service", "--as-of", "2026-03-01")
    assert "as_of 2026-03-01T23:59:59+08:00" in loaded(*call).stdout
    assert json.loads(loaded(*call, "--json").stdout)["result"]["as_of"] == "2026-03-01T15:59:59Z"


def test_the_time_of_a_record_leads_back_to_it(loaded) -> None:
    """To the last microsecond: asked a little earlier, it was not known yet."""
    at = json.loads(loaded("history", "chargers", "A", "--json").stdout)[0]["recorded_at"]
    told = json.loads(loaded("cover", "charger-service", "--known-at", at, "--json").stdout)
    assert told["result"]["by_state"]["operating"] > 0
