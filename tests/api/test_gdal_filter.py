"""``filter-lang=cql-text``, as GDAL writes it: what it means there it means here. tests/clients has GDAL itself send it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.conftest import Client, Make, record, store_of
from tests.layers.filtered import BORN, CAMERAS, camera, table_with
from twin.api.cql import MAX_TEXT, parse_filter
from twin.api.gdal_filter import to_cql2
from twin.errors import BadParameter
from twin.layers.filter_columns import queryables

KINDS = queryables(CAMERAS)
NAMES = ["", "沪闵路", "it's", "a+b", "A+B", "50%", "a_b", "C:\\x", "name = 'a'", "online = 1"]
ROWS = [camera(f"{i}", name=name, online=[True, False, None][i % 3]) for i, name in enumerate(NAMES)]
ROWS += [camera(f"t{i}", name="t", valid_from=BORN + timedelta(hours=i - 24)) for i in range(72)]
TABLE = table_with(*ROWS)


def chosen(text: str) -> set[str]:
    mask = parse_filter(text, "cql-text", kinds=KINDS).mask(CAMERAS, TABLE)
    return set(TABLE.frame["key"][mask])


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("name = 'a'", "name = 'a'"),
        ("(name = 'a') AND (range_m > 10)", "(name = 'a') AND (range_m > 10)"),
        ("NOT ((name IS NULL))", "NOT ((name IS NULL))"),
        ("online = 1", "online = true"),
        ("online <> 0", "online <> false"),
        ("n_devices = 1", "n_devices = 1"),
        ("name ILIKE 'A%'", "CASEI(name) LIKE CASEI('A%')"),
        ("name LIKE 'C:\\%'", "name LIKE 'C:\\\\%'"),
        ("valid_from >= '2025-01-01T'", "valid_from >= '2025-01-01'"),
        ("valid_from >= '2025-01-01T10Z'", "valid_from >= '2025-01-01T10Z'"),
        ("valid_to < '2025/01/01 00:00:00+00'", "valid_to < '2025-01-01 00:00:00+00'"),
        ("valid_to < '2025/01/01'", "valid_to < '2025-01-01'"),
        ("name = '2025/01/01'", "name = '2025/01/01'"),
        ("name = '2025-01-01T'", "name = '2025-01-01T'"),
        ("name = 'online = 1'", "name = 'online = 1'"),
        ("name = 'x'' AND online = 1'", "name = 'x'' AND online = 1'"),
        ("'online = 1' = name", "'online = 1' = name"),
    ],
)
def test_what_gdal_writes_is_cql2_text_when_read(written: str, read: str) -> None:
    assert to_cql2(written, KINDS) == read


@given(st.one_of(st.sampled_from(NAMES), st.text("a'+%_\\= 1online", max_size=12)))
def test_a_text_is_compared_as_it_stands(text: str) -> None:
    if "\\'" not in quoted(text):
        assert chosen(f"name = {quoted(text)}") == {r.key for r in ROWS if r.name == text}


@given(st.text("aAB+沪%_\\:x50", max_size=5))
def test_a_pattern_has_no_sign_but_percent_and_underscore(pattern: str) -> None:
    assert chosen(f"name LIKE {quoted(pattern)}") == {r.key for r in ROWS if fits(pattern, r.name)}


@given(st.text("aAB+沪%_\\:x50", max_size=5))
def test_ilike_knows_no_case(pattern: str) -> None:
    assert chosen(f"name ILIKE {quoted(pattern)}") == {r.key for r in ROWS if fits(pattern.lower(), r.name.lower())}


def fits(pattern: str, text: str) -> bool:
    """By trying every length for ``%``."""
    if not pattern:
        return not text
    if pattern[0] == "%":
        return any(fits(pattern[1:], text[i:]) for i in range(len(text) + 1))
    return bool(text) and pattern[0] in ("_", text[0]) and fits(pattern[1:], text[1:])


def test_yes_and_no_are_one_and_zero() -> None:
    for number, value in (("1", True), ("0", False)):
        assert chosen(f"online = {number}") == {r.key for r in ROWS if r.online is value}


def test_a_time_is_utc_and_a_day_is_the_day_in_shanghai() -> None:
    """``BORN`` is the first of May there, at midnight."""
    assert chosen("valid_from = '2024-04-30T16:00:00Z'") >= {"t24"}
    assert chosen("valid_from < '2024-04-30T16:00:00Z'") == {f"t{i}" for i in range(24)}
    assert chosen("valid_from < '2024-05-01T'") == {f"t{i}" for i in range(24)}
    assert chosen("valid_from > '2024-05-01T'") == {f"t{i}" for i in range(48, 72)}


@pytest.mark.parametrize(
    "text", ["name = " * 1_000, "'" * 7_999, "a" * MAX_TEXT, "a " * 3_999, "name LIKE '" + "\\" * 7_000 + "'"]
)
def test_what_is_no_condition_is_refused_and_not_for_ever_looked_at(text: str) -> None:
    if "LIKE" in text:
        assert chosen(text) == set()
    else:
        with pytest.raises(BadParameter):
            chosen(text)


@pytest.fixture(scope="module")
def named(make: Make) -> Client:
    """Names with a plus and with a blank in its place, three of each."""
    rows = [record("chargers", f"{sign}{i}", (121.28, 31.01), name=f"A{sign}B") for sign in "+ " for i in range(3)]
    return make(store_of(rows))


def test_the_plus_that_gdal_leaves_in_an_address_is_a_plus_on_every_page(named: Client) -> None:
    page = named.get("/collections/chargers/items?limit=2&filter=name%20=%20%27A+B%27&filter-lang=cql-text").json()
    assert (page["numberMatched"], page["numberReturned"]) == (3, 2)
    (following,) = [link["href"] for link in page["links"] if link["rel"] == "next"]
    more = named.get(following).json()
    assert [f["properties"]["name"] for f in (*page["features"], *more["features"])] == ["A+B"] * 3


def test_a_plus_is_a_blank_where_a_client_writes_blanks_so(named: Client) -> None:
    for lang in ("cql-text", "cql2-text"):
        page = named.get(f"/collections/chargers/items?filter=name+=+%27A+B%27&filter-lang={lang}").json()
        assert {f["properties"]["name"] for f in page["features"]} == {"A B"}
