"""A run with a step that is done for each item of a list, in a real browser."""

from typing import Any

import pytest

from rules import authoring, items
from rules.models import Rule, RuleVersion, Run, RunStatus, Step, StepContent, StepStatus
from supportops import clock
from supportops.ids import new_id
from supportops.tenancy.scope import working_for
from tests.admin_world import History
from tests.browser.person import Person

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]

REASON = "Slack refused: channel_not_found. Invite the bot to the channel, or name another one."
NAMES = ("Printer on fire", "No paper", "The VPN is slow since this morning, and nobody knows why", "Mail bounces")


def amid_its_items(ada: History) -> Run:
    """Make a run amid its items: one done, one refused, one of which nobody knows, one not begun."""
    document = {
        "name": "Tell everybody who waits",
        "trigger": {"platform": "freshdesk", "event": "ticket_created"},
        "steps": [
            {
                "id": "tell-each",
                "for_each": {"items": [{"id": place, "subject": name} for place, name in enumerate(NAMES)]},
                "platform": "slack",
                "action": "send_message",
                "parameters": {"channel": "#desk", "message": "{{ item.subject }}"},
            }
        ],
    }
    with working_for(ada.tenant.organization):
        rule: Rule = authoring.create(document, author="ada")[0]
        now = clock.now()
        run = Run.objects.create(
            rule=rule,
            version=RuleVersion.objects.get(rule=rule),
            key=str(new_id()),
            status=RunStatus.WAITING,
            started_at=now,
        )
        step = Step.objects.create(
            run=run,
            position=0,
            name="tell-each",
            platform="slack",
            action="send_message",
            status=StepStatus.WAITING,
            waits_for=items.ITEMS,
            started_at=now,
        )
        items.create(step, [{"id": place, "subject": name} for place, name in enumerate(NAMES)])
        states = (
            {"status": StepStatus.SUCCEEDED, "attempts_made": 1},
            {"status": StepStatus.FAILED, "attempts_made": 1, "error_class": "NotFound", "error": REASON},
            {"status": StepStatus.UNCERTAIN, "attempts_made": 1, "waits_for": "person", "error": "no answer came"},
            {},
        )
        for place, state in enumerate(states):
            if state:
                Step.objects.filter(parent_step_id=step.pk, position=place).update(**state)
        StepContent.objects.filter(step__parent_step_id=step.pk).update(output=None)
    return run


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_an_uncertain_item_is_decided_on_the_page_of_its_run(
    ada: History, browser: Any, live_server: Any, width: int, scheme: str
) -> None:
    run = amid_its_items(ada)
    person = Person(browser, live_server.url, ada.tenant.owner.email, width=width, scheme=scheme)
    page = person.open(f"/admin/rules/run/{run.pk}/change/")
    person.picture("items-of-a-run")
    assert "2 of 4 items" in page.locator(".react-flow__node").nth(1).text_content()
    table = page.get_by_role("region", name="Items of tell-each")
    # What has not gone well comes first.
    assert [row.split("\t")[0] for row in table.locator("tbody tr").all_inner_texts()] == ["1", "2", "3", "0"]
    page.get_by_role("button", name="It took effect").click()
    page.wait_for_load_state("networkidle")
    assert "Noted: it took effect." in page.content()
    with working_for(ada.tenant.organization):
        assert Step.objects.get(run=run, name="tell-each[2]").status == StepStatus.SUCCEEDED
    assert person.complaints == []
