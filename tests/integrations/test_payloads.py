"""What is read from strangers' payloads, and that nothing odd breaks the reading."""

from datetime import UTC, datetime
from typing import Any

import pytest

from integrations import payloads


def test_values_of_the_expected_form_are_returned() -> None:
    assert payloads.mapping({"a": 1}) == {"a": 1} and payloads.items([1]) == [1]
    assert payloads.text("a") == "a"
    assert payloads.identifier(7) == "7" and payloads.identifier("a7") == "a7"
    assert payloads.moment("2026-11-20T10:00:00.5Z") == datetime(2026, 11, 20, 10, 0, 0, 500_000, tzinfo=UTC)
    for value in (1795168800, 1795168800.0, "1795168800"):
        assert payloads.unix_moment(value) == datetime(2026, 11, 20, 10, tzinfo=UTC)


@pytest.mark.parametrize("odd", [None, True, 0, -1, 10**30, float("nan"), "", "x", "٣", "9" * 13, [], {}, [{}]])
def test_odd_values_are_nothing(odd: Any) -> None:
    assert payloads.unix_moment(odd) is None and payloads.moment(odd) is None
    for reading, empty in ((payloads.mapping, {}), (payloads.items, []), (payloads.text, None)):
        assert reading(odd) in (empty, odd)


def test_a_time_without_zone_is_none() -> None:
    assert payloads.moment("2026-11-20T10:00:00") is None
    assert payloads.identifier(True) is None and payloads.identifier(7.5) is None
