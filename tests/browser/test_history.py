"""What people do with what happened: find out about a ticket, replay it, retry what failed, follow a run."""

from typing import Any

import pytest

from rules.models import Run, RunStatus, Step, StepStatus
from supportops import clock
from supportops.jobs.models import Job
from supportops.jobs.running import work_due
from supportops.tenancy.roles import Role
from supportops.tenancy.scope import working_for
from tests import builders
from tests.admin_world import History
from tests.browser.person import Person

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]
DELIVERIES = "/admin/webhooks/delivery/"


def test_somebody_finds_out_why_a_ticket_was_not_handled(ada: History, browser: Any, live_server: Any) -> None:
    person = Person(browser, live_server.url, ada.tenant.owner.email)
    page = person.open("/admin/")
    page.click("text=Find a ticket")
    page.fill("#story-q", f"#{ada.mark}-42")
    page.click("text=Tell its story")
    page.wait_for_selector(".so-chapter")
    said = page.text_content(".so-verdict")
    assert f"{ada.mark} urgent” matched, but its run failed" in said and "no such channel" in said
    page.click("text=What 1 rule said")
    page.click(".so-verdicts summary .so-badge")
    assert page.is_visible("text=priority")
    # A number that nobody knows leads to the reasons why.
    page.fill("#story-q", "4711")
    page.press("#story-q", "Enter")
    page.wait_for_selector("text=No event about 4711 was ever read")
    assert page.is_visible(f"text={ada.mark} Freshdesk")
    assert person.complaints == []


def test_deliveries_are_replayed_with_progress(ada: History, browser: Any, live_server: Any) -> None:
    person = Person(browser, live_server.url, ada.tenant.owner.email)
    page = person.open(DELIVERIES)
    replay = page.locator("[data-actions] button")
    assert replay.is_disabled()
    page.check("[data-ticks-all]")
    assert "2 selected" in page.text_content("[data-ticked]")
    replay.click()
    page.wait_for_selector("text=Replay these deliveries?")
    assert page.is_visible("text=done again at the platforms")
    page.click("button[name=confirmed]")
    page.wait_for_selector("progress")
    assert work_due() > 0
    page.wait_for_selector(".so-badge:has-text('succeeded')")
    assert page.locator("[data-poll]").count() == 0
    with working_for(ada.tenant.organization):
        assert Job.objects.get(kind="deliveries.replay").result["replayed"] == 2
        assert Run.objects.filter(cause="replay").count() == 1
    assert person.complaints == []


def test_dead_letters_of_one_cause_are_retried(ada: History, browser: Any, live_server: Any) -> None:
    person = Person(browser, live_server.url, ada.tenant.owner.email)
    page = person.open(f"{DELIVERIES}dead-letters/")
    cause = page.locator(".so-cause", has_text="NotFound")
    cause.locator("summary").click()
    assert "goes on with send_message" in cause.text_content()
    cause.locator("button:has-text('Retry 1')").click()
    page.wait_for_selector("text=They are retried")
    assert work_due() > 0
    page.wait_for_selector(".so-badge:has-text('succeeded')")
    with working_for(ada.tenant.organization):
        assert ada.failed_run.steps.get().status == StepStatus.PENDING
    page = person.open(f"{DELIVERIES}dead-letters/")
    assert page.locator(".so-cause", has_text="NotFound").count() == 0
    assert person.complaints == []


def test_a_run_is_followed_to_its_end(ada: History, browser: Any, live_server: Any) -> None:
    person = Person(browser, live_server.url, ada.tenant.owner.email)
    page = person.open(f"/admin/rules/run/{ada.uncertain_run.pk}/change/")
    page.click("#run-steps summary:has-text('Request')")
    with working_for(ada.tenant.organization):
        Step.objects.filter(run=ada.uncertain_run).update(status=StepStatus.SUCCEEDED, waits_for="")
        Run.objects.filter(pk=ada.uncertain_run.pk).update(status=RunStatus.SUCCEEDED, finished_at=clock.now())
    page.wait_for_selector("#run-live .so-badge:has-text('succeeded')")
    # What was unfolded stays so, and nobody is asked any more.
    assert page.locator("#run-steps details[open] summary:has-text('Request')").count() == 1
    assert page.locator("[data-poll]").count() == 0
    assert person.complaints == []


def test_the_log_is_verified_and_exported(ada: History, browser: Any, live_server: Any) -> None:
    person = Person(browser, live_server.url, ada.tenant.owner.email)
    page = person.open("/admin/audit/auditentry/")
    with page.expect_download() as download:
        page.click("text=Export (JSON Lines)")
    assert download.value.suggested_filename.startswith("audit-ada-")
    page.click("text=Verify")
    page.wait_for_selector("text=The log is as it was written.")
    assert person.complaints == []


def test_filters_apply_when_they_are_chosen(ada: History, browser: Any, live_server: Any) -> None:
    person = Person(browser, live_server.url, ada.tenant.owner.email)
    page = person.open("/admin/rules/run/")
    assert page.locator("#result_list tbody tr").count() == 3
    page.select_option("#filter-status__exact", "failed")
    page.wait_for_url("**status__exact=failed")
    assert page.url.endswith("/admin/rules/run/?status__exact=failed")
    assert page.locator("#result_list tbody tr").count() == 1
    page.select_option("#filter-status__exact", "cancelled")
    page.wait_for_selector("text=Nothing fits these filters")
    assert person.complaints == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light")])
def test_pages_of_what_happened_fit(ada: History, browser: Any, live_server: Any, width: int, scheme: str) -> None:
    person = Person(browser, live_server.url, ada.tenant.owner.email, width=width, scheme=scheme)
    for path in (
        "/admin/?window=30d",
        f"{DELIVERIES}story/?q={ada.mark}-42",
        f"{DELIVERIES}story/?q=4711",
        f"{DELIVERIES}?status__exact=ignored",
        f"/admin/rules/run/{ada.uncertain_run.pk}/change/",
        "/admin/jobs/job/",
        f"/admin/jobs/job/{ada.job.pk}/change/",
        "/admin/audit/auditentry/verify/",
    ):
        person.open(path)
        assert person.complaints == [], path


def test_a_viewer_sees_what_happened_and_cannot_do_anything(ada: History, browser: Any, live_server: Any) -> None:
    viewer = builders.make_member(ada.tenant.organization, Role.VIEWER)
    person = Person(browser, live_server.url, viewer.email)
    for path in (
        DELIVERIES,
        f"{DELIVERIES}{ada.delivery.pk}/change/",
        f"{DELIVERIES}dead-letters/",
        "/admin/rules/run/",
        f"/admin/rules/run/{ada.failed_run.pk}/change/",
        f"/admin/jobs/job/{ada.job.pk}/change/",
    ):
        page = person.open(path)
        buttons = page.locator("#content form[method=post] button, #content-main form[method=post] button").count()
        assert buttons == 0, path
        assert page.locator("input[name=_selected_action]").count() == 0
    assert person.complaints == []
