"""The long history that pages are measured with is one that the product could have written."""

import pytest

from audit.models import AuditEntry
from audit.verifying import verify
from rules.models import Attempt, Event, EventContent, Run, Step, Verdict
from supportops.running.bench import history
from supportops.tenancy.scope import working_for
from tests.builders import browser
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db


def test_it_has_as_many_of_everything_and_an_unbroken_chain() -> None:
    made = history.make("long", 200)
    organization = made.organization.organization
    with working_for(organization):
        assert Delivery.objects.count() == 200
        events = Event.objects.count()
        assert 150 < events < 200
        for model in (Verdict, Run, Step, Attempt):
            assert model.objects.count() == events, model
        assert AuditEntry.objects.filter(action="run.finished").count() == events
        assert EventContent.objects.filter(event__in=Event.objects.all()).count() == events
        assert {"processed", "ignored"} <= set(Delivery.objects.values_list("status", flat=True))
    assert verify(organization).valid
    client = browser(made.organization.owner)
    for address in (
        f"/admin/webhooks/delivery/{made.newest['delivery']}/change/",
        f"/admin/rules/run/?q={made.ticket}",
    ):
        answer = client.get(address)
        assert answer.status_code == 200
        assert made.ticket in answer.content.decode(), address
