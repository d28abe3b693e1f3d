"""A rule's page tries it on past events, shows how far that is, and what came of it in words."""

import uuid
from typing import Any

import pytest
from django.urls import reverse

from rules.models import EventContent
from supportops.jobs import running
from supportops.jobs.models import Job
from supportops.tenancy.scope import working_for
from tests import builders
from tests.admin_world import History, make_history
from tests.builders import World, browser
from tests.forms import errors_of, fields_of

pytestmark = pytest.mark.django_db(transaction=True)
PROGRESS = "/admin/rules/rule/backtest-progress/"


@pytest.fixture
def ada() -> History:
    return make_history(builders.make_world().ada)


def start(client: Any, history: History, **changes: str) -> Any:
    fields = fields_of(client.get(reverse("admin:rules_rule_change", args=[history.rule.pk])), "rule_form")
    address = reverse("admin:rules_rule_backtest_view", args=[history.rule.pk])
    return client.post(address, {**fields, **changes}, format="multipart")


def test_a_draft_is_held_against_what_came(ada: History) -> None:
    client = browser(ada.tenant.owner)
    page = start(client, ada, **{"step-0-p-channel": "#other", "backtest-days": "1"}).content.decode()
    with working_for(ada.tenant.organization):
        job = Job.objects.filter(kind="rules.backtest").latest("id")
    assert f"job={job.pk}" in page and "events tried so far" in page
    running.work_due()
    page = client.get(PROGRESS, {"job": str(job.pk)}).content.decode()
    assert "it would have fired for 1" in page and "hx-get" not in page
    assert "No difference" in page and "Slack" in page and "send message: 1" in page
    assert reverse("admin:webhooks_delivery_change", args=[ada.delivery.pk]) in page


def test_differences_are_told_with_their_deliveries(ada: History) -> None:
    client = browser(ada.tenant.owner)
    start(client, ada, **{"trigger-conditions": '{"priority": 1}'})
    running.work_due()
    with working_for(ada.tenant.organization):
        job = Job.objects.filter(kind="rules.backtest").latest("id")
    page = client.get(PROGRESS, {"job": str(job.pk)}).content.decode()
    assert "It fired then, and would not now: 1" in page


def test_it_is_stopped(ada: History) -> None:
    client = browser(ada.tenant.owner)
    start(client, ada)
    with working_for(ada.tenant.organization):
        job = Job.objects.filter(kind="rules.backtest").latest("id")
    page = client.post(f"{PROGRESS}?job={job.pk}", format="multipart").content.decode()
    assert "Stopped." in page
    with working_for(ada.tenant.organization):
        assert Job.objects.get(pk=job.pk).status == "cancelled"


def test_what_is_wrong_is_said_instead(ada: History) -> None:
    client = browser(ada.tenant.owner)
    with working_for(ada.tenant.organization):
        before = Job.objects.count()
    page = start(client, ada, **{"trigger-conditions": '{"priority": {"gt": "many"}}'})
    assert any("many" in text for text in errors_of(page))
    for odd in ("", "x", str(uuid.uuid4())):
        assert any("no such backtest" in text for text in errors_of(client.get(PROGRESS, {"job": odd})))
    with working_for(ada.tenant.organization):
        assert Job.objects.count() == before


def test_who_may_only_run_tests_the_saved_rule(ada: History) -> None:
    client = browser(builders.make_member(ada.tenant.organization, "operator"))
    address = reverse("admin:rules_rule_backtest_view", args=[ada.rule.pk])
    assert "tried so far" in client.post(address, {}, format="multipart").content.decode()
    assert client.post(address, {"base": "{}"}, format="multipart").status_code == 403
    viewer = browser(builders.make_member(ada.tenant.organization, "viewer"))
    assert viewer.post(address, {}, format="multipart").status_code == 403


def test_nobody_sees_anothers_backtest(world: World) -> None:
    ada, bo = make_history(world.ada), make_history(world.bo)
    start(browser(bo.tenant.owner), bo)
    with working_for(bo.tenant.organization):
        job = Job.objects.filter(kind="rules.backtest").latest("id")
    client = browser(ada.tenant.owner)
    assert any("no such backtest" in text for text in errors_of(client.get(PROGRESS, {"job": str(job.pk)})))


def test_conditions_are_drawn_as_their_tree(ada: History) -> None:
    client = browser(ada.tenant.owner)
    with working_for(ada.tenant.organization):
        content = EventContent.objects.get(event=ada.event)
    assert content.payload["ticket"]["priority"] == 4
    fields = fields_of(client.get(reverse("admin:rules_rule_change", args=[ada.rule.pk])), "rule_form")
    conditions = '{"any": [{"priority": 1}, {"not": {"priority": [4, 5]}}, {"priority": {"gte": 4}}]}'
    sent = {**fields, "trigger-conditions": conditions, "try-on": str(ada.event.pk)}
    address = reverse("admin:rules_rule_test_view", args=[ada.rule.pk])
    page = client.post(address, sent, format="multipart").content.decode()
    words = ("It would run.", "Any of these", "None of these", "is one of 4 or 5", "is at least 4", "In this event: 4")
    assert [word for word in words if word not in page] == []
    assert page.index("Any of these") < page.index("None of these") < page.index("is at least 4")
    assert "Send a message" in page and f"#{ada.mark}" in page
