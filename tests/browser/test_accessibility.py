"""Every main page of the admin, held against WCAG 2.1 AA by axe: in light and dark, wide and narrow."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.core import mail

from integrations import notices
from supportops.tenancy.models import Organization
from supportops.tenancy.scope import working_for
from tests.admin_world import History
from tests.browser.person import Person
from tests.fake_platform import in_place_of_the_network
from tests.rules.engine import Desk, request_to

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]
LOOKS = [(1280, "light"), (1280, "dark"), (390, "light")]

# Where axe is not sure, and we are: a field must not refer to what is not on the page.
DOUBTS = {"aria-valid-attr-value"}
# What is unfolded is checked too; menus stay shut, for they lie over other texts.
UNFOLD = "document.querySelectorAll('#content details:not(.so-more)').forEach((one) => { one.open = true; })"


@pytest.fixture
def axe() -> Any:
    driver = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs requirements/dev.txt")
    return driver.Axe()


def violations(axe: Any, page: Any) -> list[str]:
    """Return what the page breaks of WCAG 2.1 AA, a line for each element and criterion."""
    options = {
        "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]},
        "resultTypes": ["violations", "incomplete"],
        "preload": False,
    }
    page.evaluate(UNFOLD)
    answer = axe.run(page, options=options).response
    doubts = [rule for rule in answer["incomplete"] if rule["id"] in DOUBTS]
    return [
        f"{rule['id']} at {node['target']}: {node['html'][:160]}: {' '.join(node['failureSummary'].split())}"
        for rule in answer["violations"] + doubts
        for node in rule["nodes"]
    ]


def an_approval(ada: History) -> str:
    """Let a run ask for an approval, and return the address of the page where it is decided."""
    with in_place_of_the_network() as platform:
        desk = Desk(ada.tenant.organization, platform)
        desk.rule(
            {"id": "ask", "approval": {"message": "Pay it back?", "roles": ["owner"]}}, request_to(), name="Refunds"
        )
        desk.ticket(priority=1)
        desk.perform()
    notices.send_due()
    return link_in_mails(r"/approvals/[\w-]+/")


def link_in_mails(pattern: str) -> str:
    """Return the path of the only link of a kind in the mails sent."""
    (found,) = {link for message in mail.outbox for link in re.findall(pattern, str(message.body))}
    return str(found)


def pages_without_sign_in(ada: History) -> Iterator[str]:
    yield from ("/admin/login/", "/people/password/", an_approval(ada), link_in_mails(r"/people/invitation/[^\s/]+/"))


def pages_of_history(ada: History) -> Iterator[str]:
    """Yield what tells of what happened; to be asked for after a run waits for an approval."""
    with working_for(ada.tenant.organization):
        waiting = apps.get_model("rules", "Run").objects.order_by("-pk")[0]
    for run in (waiting, ada.failed_run, ada.uncertain_run, ada.done_run):
        yield f"/admin/rules/run/{run.pk}/change/"
    yield "/admin/rules/run/"
    yield from (f"/admin/webhooks/delivery/{place}" for place in ("", "dead-letters/", f"story/?q={ada.mark}-42"))
    yield f"/admin/webhooks/delivery/{ada.failed_delivery.pk}/change/"
    yield from ("/admin/audit/auditentry/", "/admin/audit/auditentry/verify/")
    yield from ("/admin/jobs/job/", f"/admin/jobs/job/{ada.job.pk}/change/")
    yield "/admin/integrations/sandboxarrival/"


def pages_of_rules(ada: History) -> Iterator[str]:
    yield "/admin/"
    rules = "/admin/rules/rule/"
    yield from (rules, f"{rules}add/", f"{rules}templates/", f"{rules}workflow/")
    yield from (f"{rules}{ada.rule.pk}/{page}/" for page in ("change", "workflow", "versions", "execute", "delete"))


def pages_of_settings(ada: History) -> Iterator[str]:
    integrations = "/admin/integrations/integration/"
    yield from (integrations, f"{integrations}add/", f"{integrations}add/?platform=zendesk")
    yield f"{integrations}{ada.freshdesk.pk}/change/"
    for label in ("rules.Variable", "rules.LookupTable", "rules.Calendar", "integrations.IntegrationType"):
        model = apps.get_model(label)
        with working_for(ada.tenant.organization):
            row = model.objects.order_by("pk")[0]
        yield f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        yield f"/admin/{model._meta.app_label}/{model._meta.model_name}/{row.pk}/change/"
    yield from ("/admin/rules/variable/import/", "/admin/rules/recipientlist/")
    yield from ("/admin/tenancy/membership/", "/admin/people/invitation/add/", "/admin/tenancy/environment/")
    yield from ("/admin/people/apitoken/", "/admin/people/apitoken/add/", "/admin/integrations/notificationtarget/")
    yield from ("/admin/account/", "/admin/account/second-factor/", "/admin/password_change/", "/admin/organization/")


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_pages_are_accessible(ada: History, axe: Any, browser: Any, live_server: Any, width: int, scheme: str) -> None:
    Organization.objects.filter(pk=ada.tenant.organization.pk).update(works_in_sandbox=True)
    person = Person(browser, live_server.url, width=width, scheme=scheme)
    person.page.emulate_media(reduced_motion="reduce")
    found = {path: violations(axe, person.open(path)) for path in pages_without_sign_in(ada)}
    person.sign_in(ada.tenant.owner.email)
    for pages in (pages_of_history, pages_of_rules, pages_of_settings):
        for path in pages(ada):
            found[path] = violations(axe, person.open(path))
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light")])
def test_what_opens_and_what_is_refused_is_accessible(
    ada: History, axe: Any, browser: Any, live_server: Any, width: int, scheme: str
) -> None:
    person = Person(browser, live_server.url, ada.tenant.owner.email, width=width, scheme=scheme)
    person.page.emulate_media(reduced_motion="reduce")
    rule = f"/admin/rules/rule/{ada.rule.pk}"
    found = {}
    page = person.open(f"{rule}/change/")
    page.click("#try button")
    page.wait_for_selector("#trial .so-yes")
    found["what trying brought"] = violations(axe, page)
    page.click("#step-0 .so-more > summary")
    found["a step's menu"] = violations(axe, page)
    page = person.open(f"{rule}/workflow/")
    page.click(".react-flow__node[data-id='n0']")
    page.wait_for_selector("#id_step-0-p-channel")
    found["a step's panel"] = violations(axe, page)
    for form in ("/admin/rules/rule/add/", "/admin/rules/variable/add/", "/admin/people/apitoken/add/"):
        page = person.open(form)
        page.evaluate("document.querySelectorAll('form').forEach((one) => { one.noValidate = true; })")
        page.click("button[name=_save]")
        page.wait_for_selector("#error-summary:visible, .errorlist:visible")
        person.picture(f"{form.strip('/').replace('/', '-')}-refused")
        found[f"{form} refused"] = violations(axe, page)
    assert {place: lines for place, lines in found.items() if lines} == {}
