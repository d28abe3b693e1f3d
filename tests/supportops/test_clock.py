"""The time is the database's, in the test's hand, and deaf to jumps of the machine's clock."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from supportops import clock

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_anchor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_anchor", None)


def test_it_is_aware_and_in_utc() -> None:
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=1)
    assert clock.now().tzinfo is UTC


def test_it_can_be_frozen_and_moved() -> None:
    with clock.frozen(AT):
        assert clock.now() == AT
        with clock.frozen(AT + timedelta(days=1)):
            assert clock.now() == AT + timedelta(days=1)
        assert clock.now() == AT
    with clock.moved(timedelta(hours=2)), clock.moved(timedelta(hours=1)):
        assert timedelta(hours=2, minutes=59) < clock.now() - datetime.now(UTC) < timedelta(hours=3, minutes=1)
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=1)


def test_once_synced_the_machines_clock_may_jump(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_anchor", (AT, 1000.0))
    monkeypatch.setattr(clock.time, "monotonic", lambda: 1007.5)
    assert clock.now() == AT + timedelta(seconds=7.5)


@pytest.mark.django_db
def test_sync_takes_the_databases_time() -> None:
    clock.sync()
    if connection.vendor == "postgresql":
        assert clock._anchor is not None
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            assert abs(cursor.fetchone()[0] - clock.now()) < timedelta(seconds=1)
    else:
        assert clock._anchor is None
