"""What everybody is told of a rule about sensitive things: of every member that is not known to hold no count, no exact number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal
from hypothesis import given
from hypothesis import strategies as st

from tests.api.conftest import record
from tests.api.withheld import GAS, As, Asked, gate_over, rows
from twin.api.told import PLAIN, PLAIN_FACTS, _count
from twin.api.wire import area_row_to_json
from twin.coverage.result import AreaRow
from twin.layers.coarse import public_count


@pytest.fixture(scope="module")
def doubtful(portal: BlockingPortal) -> As:
    """Some of the cameras are of doubtful state, some are not linked, some sites of unknown state."""
    odd = [
        *(record("cameras", f"loose-{i}", (121.28 + i / 1000, 31.005), access="unlinked") for i in range(4)),
        *(record("cameras", f"dark-{i}", (121.28 + i / 1000, 31.006), access="own", online=None) for i in range(5)),
        record("cameras", "nowhere", None, access="own"),
        *(record("radio_sites", f"mute-{i}", (121.28 + i / 1000, 31.008), site_kind="outdoor", operator="乙", mast="n",
                 online=None) for i in range(5)),
    ]  # fmt: skip
    return gate_over([*rows(), *odd])


def test_ground_and_towns_are_told_as_they_are(portal: BlockingPortal, doubtful: As) -> None:
    for path in ("camera-density", "camera-density?area=310112101"):
        told, exact = (
            Asked(portal, doubtful, name)(f"/coverage/{path}").json()["facts"] for name in ("public", "admin")
        )
        assert set(told) == set(exact)
        for name in PLAIN_FACTS:
            assert told[name] == exact[name], name
        assert told["window_share"] == pytest.approx(exact["window_share"], abs=5e-4)


def numbers(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Every number in an answer, but those of members that hold no counts."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in PLAIN | PLAIN_FACTS | {"rounded"}:
                yield from numbers(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from numbers(inner, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, value


@pytest.mark.parametrize("path", ["camera-density", "camera-count"])
def test_no_number_is_an_exact_count(portal: BlockingPortal, doubtful: As, path: str) -> None:
    public = Asked(portal, doubtful, "public")
    result, table = public(f"/coverage/{path}").json(), public(f"/coverage/{path}/areas").json()
    said = [(result["area_with_data_km2"], result), *((row["area_km2"], row) for row in table["rows"])]
    n_seen = 0
    for km2, body in said:
        for name, number in numbers(body):
            of_density = "/km²" in result["unit"] and isinstance(number, float)
            count = number * km2 if of_density else number
            if name.endswith("share"):
                continue
            assert count == pytest.approx(3 * round(count / 3), abs=0.02), (path, name, number)
            n_seen += 1
    assert n_seen > 8


@pytest.mark.parametrize("path", ["radio-coverage", "radio-coverage?area=310112101", "lifecycle?area=310112"])
def test_a_share_comes_without_any_count(portal: BlockingPortal, doubtful: As, path: str) -> None:
    body = Asked(portal, doubtful, "public")(f"/coverage/{path}").json()
    assert body["rounded"] is True
    for name, number in numbers(body):
        assert number % 3 == 0 if isinstance(number, int) else number == round(number, 3), (name, number)


def test_of_sensors_those_that_are_no_secret_are_counted_exactly(portal: BlockingPortal, doubtful: As) -> None:
    """The one of the air is known to everybody: taken off, what is left is rounded as everywhere."""
    for name in ("public", "south"):
        ask = Asked(portal, doubtful, name)
        result, rows = ask("/coverage/sensor-count").json(), ask("/coverage/sensor-count/areas").json()["rows"]
        assert result["facts"]["by_domain"]["environment"] == 1
        assert result["facts"]["by_domain"]["gas"] == public_count(len(GAS))
        assert result["value"] == 1 + public_count(len(GAS))
        here = next(row for row in rows if row["code"] == "310112102")
        assert (here["value"] - 1) % 3 == 0


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_a_sum_with_what_is_known_tells_no_more_than_the_count_itself(plain: int, one: int, other: int) -> None:
    if public_count(one) == public_count(other):
        assert _count(plain + one, plain) == _count(plain + other, plain)
    assert _count(plain, plain) == (plain or 0)
    assert _count(one, 0) == public_count(one)


def test_a_new_member_of_a_row_is_withheld_unless_it_is_said_to_hold_no_count() -> None:
    row = AreaRow("c", "n", "e", "town", 1.0, 1.0, True, 1.0, 0.0, 1.0, 1.0, 1.0, "ok")
    assert set(area_row_to_json(row)) == {field.name for field in fields(AreaRow)}
    counts = {"value", "share", "shortfall", "value_low", "value_high", "n_unlinked", "n_missing_after_unlinked"}
    assert set(area_row_to_json(row)) - PLAIN == counts
