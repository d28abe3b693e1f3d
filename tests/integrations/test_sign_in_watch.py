"""Sign-ins that keep failing are told to the organizations of the person, once."""

from datetime import timedelta

import pytest
from django.test import Client

from integrations.models import Notice
from integrations.sign_in_watch import EVENT, FAILURES
from supportops import clock
from supportops.tenancy.models import Organization
from supportops.tenancy.scope import working_for
from tests.builders import World

pytestmark = pytest.mark.django_db


def fail(email: str, times: int) -> None:
    for number in range(times):
        # From a different place each time, so that no lock-out helps.
        place = f"203.0.113.{number + 1}"
        Client(REMOTE_ADDR=place).post("/admin/login/", {"username": email, "password": "wrong"})


def told(organization: Organization) -> list[str]:
    with working_for(organization):
        return list(Notice.objects.filter(event=EVENT).values_list("subject", flat=True))


def test_ten_failures_within_ten_minutes_are_told_once(world: World) -> None:
    fail("Ada@example.com", FAILURES - 1)
    assert told(world.ada.organization) == []
    fail("ada@example.com", 4)
    assert told(world.ada.organization) == ["Sign-ins of ada@example.com keep failing"]
    assert told(world.bo.organization) == []
    with clock.moved(timedelta(minutes=11)):
        fail("ada@example.com", FAILURES)
    assert len(told(world.ada.organization)) == 2


def test_failures_far_apart_and_of_strangers_are_not(world: World) -> None:
    fail("nobody@example.com", FAILURES + 2)
    for hours in range(FAILURES + 2):
        with clock.moved(timedelta(hours=hours)):
            fail("ada@example.com", 1)
    assert told(world.ada.organization) == told(world.bo.organization) == []
