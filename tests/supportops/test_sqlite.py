"""Writers of one process wait in line for SQLite, in the order in which they came."""

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, OperationalError, connection, connections, transaction

from supportops.sqlite.base import _WRITES, Line, line_of
from supportops.tenancy.models import Organization

pytestmark = pytest.mark.skipif(connection.vendor != "sqlite", reason="about SQLite")


def test_turns_come_in_order() -> None:
    line = Line()
    assert line.enter(1)
    came: list[int] = []

    def take(number: int) -> None:
        assert line.enter(5)
        came.append(number)
        line.leave()

    threads = []
    for number in range(6):
        threads.append(threading.Thread(target=take, args=(number,)))
        threads[-1].start()
        while len(line._waiting) <= number:
            time.sleep(0.001)
    line.leave()
    for thread in threads:
        thread.join(5)
    assert came == list(range(6))


def test_who_waits_too_long_leaves_the_line() -> None:
    line = Line()
    assert line.enter(1)
    assert not line.enter(0.05)
    line.leave()
    assert line.enter(0)


@pytest.mark.parametrize(
    ("statement", "writes"),
    [
        ("SELECT 1", False),
        ("  insert into t values (1)", True),
        ("WITH RECURSIVE x AS (SELECT 1) SELECT * FROM x", False),
        ("WITH x AS (SELECT 1)\n UPDATE t SET a = 1", True),
        ("PRAGMA foreign_keys=ON", False),
    ],
)
def test_what_needs_a_turn(statement: str, writes: bool) -> None:
    assert (_WRITES.match(statement) is not None) == writes


@pytest.mark.django_db(transaction=True)
def test_many_writers_all_succeed_and_nobody_starves() -> None:
    slowest: list[float] = []

    def write(number: int) -> None:
        try:
            for turn in range(10):
                began = time.monotonic()
                with transaction.atomic():
                    Organization.objects.create(slug=f"o{number}-{turn}", name="x")
                slowest.append(time.monotonic() - began)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert Organization.objects.filter(name="x").count() == 80
    # Without the line, SQLite's own waiting lets some sleep for seconds while others overtake them.
    assert max(slowest) < 2


@pytest.mark.django_db(transaction=True)
def test_the_turn_ends_with_the_transaction_however_it_ends() -> None:
    line = line_of(str(connection.settings_dict["NAME"]))
    with transaction.atomic():
        Organization.objects.create(slug="a", name="x")
        assert line._is_held
    assert not line._is_held
    with pytest.raises(IntegrityError), transaction.atomic():
        Organization.objects.create(slug="a", name="x")
    assert not line._is_held
    Organization.objects.filter(slug="a").update(name="y")
    assert not line._is_held
    with pytest.raises(RuntimeError), transaction.atomic():
        raise RuntimeError
    assert not line._is_held
    transaction.set_autocommit(False)
    transaction.set_autocommit(True)
    with transaction.atomic():
        connection.close()
    assert not line._is_held


@pytest.mark.django_db(transaction=True)
def test_a_turn_that_does_not_come_is_an_error_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "timeout", 0.05)
    line = line_of(str(connection.settings_dict["NAME"]))
    assert line.enter(1)
    try:
        with pytest.raises(OperationalError, match=re.escape("0.05 s in line")):
            Organization.objects.create(slug="b", name="x")
    finally:
        line.leave()
    Organization.objects.create(slug="b", name="x")
