"""The order in which runs are planned."""

import pytest
from django.db import transaction

from rules import sequence

pytestmark = pytest.mark.django_db


def test_each_number_is_greater_than_all_before() -> None:
    with transaction.atomic():
        taken = [number for count in (3, 1, 0, 40) for number in sequence.take(count)]
    assert len(taken) == 44
    assert taken == sorted(set(taken))


def test_nothing_is_taken_for_nothing() -> None:
    assert sequence.take(0) == []
