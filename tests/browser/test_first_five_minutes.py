"""Somebody who has never seen the product: from signing in to a rule that works, and why one ticket was not handled."""

from typing import Any

import pytest

from rules.models import EventContent
from supportops.jobs.models import Job, JobStatus
from supportops.jobs.running import work_due
from supportops.tenancy.models import Organization
from supportops.tenancy.scope import working_for
from tests import builders
from tests.browser.person import Person
from webhooks.demo import history
from webhooks.tasks import plan

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]
ARRIVALS = "/admin/integrations/sandboxarrival/"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.DEMO = True
    settings.PLATFORM_LIMITS = {"slack": None, "trello": None, "freshdesk": None, "zendesk": None}
    monkeypatch.setattr(history, "TICKETS", 16)


def work_off(organization: Organization) -> None:
    """Do what workers would do meanwhile."""
    with working_for(organization):
        for _ in range(4):
            work_due()
            plan()
            Job.objects.filter(status=JobStatus.PENDING).update(due_at=history.clock.now())


def write_ticket(page: Any, subject: str, tags: str, priority: str = "urgent") -> None:
    page.select_option("#id_integration", label="Demo Freshdesk")
    page.fill("#id_subject", subject)
    page.fill("#id_tags", tags)
    page.select_option("#id_priority", priority)
    page.click("form[action$='send/'] button")
    page.wait_for_selector("text=See what became of it")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_from_signing_in_to_a_rule_that_works(browser: Any, live_server: Any, scheme: str) -> None:
    owner = builders.make_world().ada.owner
    person = Person(browser, live_server.url, owner.email, scheme=scheme)
    page = person.page
    page.click("text=Open a demo organization")
    page.wait_for_selector("text=This is your demo organization")
    demo = Organization.objects.get(works_in_sandbox=True)
    work_off(demo)
    person.open("/admin/?window=7d")
    # The README's picture.
    person.picture("demo-overview", is_whole=False)
    page.click("text=Rules >> nth=0")
    page.wait_for_load_state("networkidle")
    page.goto(f"{live_server.url}/admin/rules/rule/add/")
    page.fill("#id_rule-name", "VIP tickets")
    page.select_option("#id_trigger-platform", "freshdesk")
    page.wait_for_selector("input[name=trigger-event][value=ticket_created]")
    page.check("input[name=trigger-event][value=ticket_created]")
    page.wait_for_function("!document.querySelector('#rule-page[aria-busy]')")
    page.click("#conditions button[value='add:0']")
    page.fill("#c-1-field", "ticket.tags")
    page.press("#c-1-field", "Tab")
    page.select_option("#c-1-op", "contains")
    page.fill("#c-1-value", "vip")
    page.fill("#add-step [data-search]", "message slack")
    page.press("#add-step [data-search]", "Enter")
    page.fill("#id_step-0-p-channel", "#support")
    page.fill("#id_step-0-p-message", "VIP: {{ ticket.subject }}")
    page.click("#try button:has-text('Try')")
    page.wait_for_selector("#trial .so-answer, #trial .so-yes, #trial .so-no")
    person.picture("demo-new-rule")
    page.click("button[name=_save]")
    page.wait_for_url("**/change/")
    # A ticket that fits, and one that does not.
    person.open(ARRIVALS)
    write_ticket(page, "Our director waits", "vip")
    write_ticket(page, "What are your hours?", "question", "low")
    work_off(demo)
    person.open(ARRIVALS)
    assert "VIP: Our director waits" in page.text_content("body")
    assert "What are your hours?" not in page.text_content(".so-arrivals")
    person.picture("demo-sandbox")
    # Why was the other one not handled?
    number = _number_of(demo, "What are your hours?")
    person.open(f"/admin/webhooks/delivery/story/?q={number}")
    story = page.text_content("body")
    assert "What are your hours?" in story and "VIP tickets" in story
    person.picture("demo-story")
    assert person.complaints == []


def _number_of(demo: Organization, subject: str) -> str:
    with working_for(demo):
        contents = EventContent.objects.filter(event__organization=demo).select_related("event")
        return next(str(row.event.external_id) for row in contents if row.payload["ticket"]["subject"] == subject)
