"""The picture of rules and runs, and its editor, in a real browser."""

from typing import Any

import pytest

from rules import authoring
from rules.models import Rule, RuleVersion, Run, RunStatus, Step, StepStatus
from supportops import clock
from supportops.ids import new_id
from supportops.tenancy.scope import working_for
from tests.admin_world import History
from tests.browser.person import Person

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]

BRANCHED = {
    "name": "Refund desk",
    "trigger": {"platform": "freshdesk", "event": "ticket_created", "conditions": {"priority": 4, "tags": "refund"}},
    "steps": [
        {"id": "look-up", "action": "http_request", "parameters": {"url": "https://crm.example.com/{{ ticket.id }}"}},
        {
            "id": "ask",
            "approval": {"message": "Pay back {{ ticket.subject }}?", "roles": ["admin"]},
            "needs": ["look-up"],
        },
        {
            "id": "tell",
            "platform": "slack",
            "action": "send_message",
            "needs": ["look-up"],
            "condition": "{{ steps.look-up.succeeded }}",
            "on_failure": "continue",
            "parameters": {"channel": "#refunds", "message": "A refund is asked for."},
        },
        {
            "id": "close",
            "platform": "freshdesk",
            "action": "change_status",
            "needs": ["ask", "tell"],
            "parameters": {"ticket_id": "{{ ticket.id }}", "status": "resolved"},
        },
    ],
}


def branched(ada: History) -> Rule:
    """Make a rule whose steps part and join."""
    with working_for(ada.tenant.organization):
        return authoring.create(BRANCHED, author="ada")[0]


def half_way(rule: Rule) -> Run:
    """Make a run of it: one step done, one waiting, one in its second attempt, one not begun."""
    with working_for(rule.organization):
        now = clock.now()
        run = Run.objects.create(
            rule=rule,
            version=RuleVersion.objects.get(rule=rule),
            key=str(new_id()),
            status=RunStatus.RUNNING,
            started_at=now,
        )
        states = [
            ("look-up", StepStatus.SUCCEEDED, {"finished_at": now, "attempts_made": 1}),
            ("ask", StepStatus.WAITING, {"waits_for": "approval"}),
            ("tell", StepStatus.RUNNING, {"attempts_made": 2}),
            ("close", StepStatus.PENDING, {}),
        ]
        for place, (name, status, more) in enumerate(states):
            started = None if status == StepStatus.PENDING else now
            Step.objects.create(
                run=run, position=place, name=name, action="x", status=status, **{"started_at": started, **more}
            )
    return run


def node(page: Any, key: str) -> Any:
    """Return a node of the picture; steps as read are n0, n1, ..."""
    return page.locator(f".react-flow__node[data-id='{key}']")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_a_rule_with_a_join_is_drawn(ada: History, browser: Any, live_server: Any, width: int, scheme: str) -> None:
    rule = branched(ada)
    person = Person(browser, live_server.url, ada.tenant.owner.email, width=width, scheme=scheme)
    page = person.open(f"/admin/rules/rule/{rule.pk}/workflow/")
    assert page.locator(".react-flow__node").count() == 5
    assert page.locator(".react-flow__edge").count() == 5
    assert "Pay back" in node(page, "n1").text_content()
    for below, above in (("n1", "n0"), ("n2", "n0"), ("n3", "n1"), ("n3", "n2")):
        box, other = node(page, below).bounding_box(), node(page, above).bounding_box()
        assert box["y"] > other["y"] or box["x"] > other["x"]
    assert person.complaints == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_a_run_is_drawn_with_how_far_it_is_and_followed(
    ada: History, browser: Any, live_server: Any, width: int, scheme: str
) -> None:
    run = half_way(branched(ada))
    person = Person(browser, live_server.url, ada.tenant.owner.email, width=width, scheme=scheme)
    page = person.open(f"/admin/rules/run/{run.pk}/change/")
    assert "succeeded" in node(page, "n0").text_content()
    assert "for approval" in node(page, "n1").text_content()
    assert "2 attempts" in node(page, "n2").text_content()
    assert "pending" in node(page, "n3").text_content()
    # A click leads to what became of the step.
    node(page, "n2").click()
    assert page.evaluate("document.activeElement.id") == "step-tell"
    with working_for(ada.tenant.organization):
        Step.objects.filter(run=run).update(status=StepStatus.SUCCEEDED, waits_for="", finished_at=clock.now())
        Run.objects.filter(pk=run.pk).update(status=RunStatus.SUCCEEDED, finished_at=clock.now())
    page.wait_for_selector("text=The run has ended")
    assert "succeeded" in node(page, "n3").text_content()
    assert person.complaints == []
