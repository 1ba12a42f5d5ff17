"""Times as RFC 3339 lets them be written."""

from __future__ import annotations

import pytest

from twin.errors import BadParameter
from twin.times import parse_moment


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2020-01-01t00:00:00z", "2020-01-01T00:00:00Z"),
        ("2020-01-01T08:00:00.25z", "2020-01-01T08:00:00.250Z"),
        ("2020-01-01t08:00:00+08:00", "2020-01-01T00:00:00Z"),
        ("2020-01-01t08:00:00 08:00", "2020-01-01T00:00:00Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2016-12-31t23:59:60z", "2017-01-01T00:00:00Z"),
        ("2016-12-31T23:59:60.75Z", "2017-01-01T00:00:00Z"),
        ("2017-01-01T07:59:60+08:00", "2017-01-01T00:00:00Z"),
        ("2017-01-01T07:59:60", "2017-01-01T00:00:00Z"),
        ("1990-12-31T15:59:60-08:00", "1991-01-01T00:00:00Z"),
    ],
)
def test_letters_may_be_small_and_a_leap_second_is_the_start_of_the_next_day(text: str, same: str) -> None:
    assert parse_moment(text) == parse_moment(same)


@pytest.mark.parametrize(
    "text",
    ["2016-12-31T12:34:60Z", "2016-12-31T23:59:61Z", "2016-12-31T23:60:00Z", "9999-12-31T23:59:60Z", "2016-12-31T23:59:60+08:00"],
)  # fmt: skip
def test_second_60_is_only_the_last_of_a_day_of_utc(text: str) -> None:
    with pytest.raises(BadParameter):
        parse_moment(text)
