"""The admin in a real browser: a rule built by hand, roles, looks at both widths, nothing loaded from elsewhere.

Needs Chromium: CHROMIUM names it, else it is looked for on PATH.
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rules import authoring
from rules.models import Rule
from supportops.tenancy.roles import Role
from supportops.tenancy.scope import working_for
from tests import builders
from tests.admin_world import History, make_history
from tests.builders import PASSWORD

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: requirements/dev.txt")
pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]
# Where pictures for people to look at go, where somebody wants them.
PICTURES = os.environ.get("SUPPORTOPS_TEST_PICTURES", "")


def chromium() -> str:
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if found is None:
        reason = "NO CHROMIUM HERE, so the admin was tried in no browser: install chromium, or set CHROMIUM to it"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture
def ada() -> History:
    return make_history(builders.make_world().ada)


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    # Playwright's loop runs in this thread, and Django takes it for asynchronous code.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=chromium(), args=flags)
        yield running
        running.close()


class Person:
    """Somebody at a screen. What the browser complains of, and what it asks elsewhere for, is kept."""

    def __init__(self, browser: Any, address: str, email: str, *, width: int = 1280, scheme: str = "light") -> None:
        self.address, self.width, self.scheme = address, width, scheme
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self._note(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._requested(request.url))
        self.page.goto(f"{address}/admin/login/?next=/admin/")
        self.page.fill("input[name=username]", email)
        self.page.fill("input[name=password]", PASSWORD)
        self.page.click("button[type=submit]")
        self.page.wait_for_url("**/admin/")

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def _requested(self, url: str) -> None:
        if not url.startswith((self.address, "data:", "about:")):
            self.complaints.append(f"asked {url}")

    def open(self, path: str) -> Any:
        """Go to a page; it must fit the screen."""
        self.page.goto(self.address + path)
        self.page.wait_for_load_state("networkidle")
        width = self.page.evaluate("document.documentElement.scrollWidth")
        assert width <= self.width, f"{path} is {width} wide on a screen of {self.width}"
        if PICTURES:
            name = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "row", path).strip("/").replace("/", "-") or "admin"
            place = Path(PICTURES) / f"{name.replace('?', '-')}-{self.width}-{self.scheme}.png"
            self.page.screenshot(path=str(place), full_page=True)
        return self.page


def test_a_rule_is_built_tried_and_saved_by_hand(ada: History, browser: Any, live_server: Any) -> None:
    person = Person(browser, live_server.url, ada.tenant.owner.email)
    page = person.open("/admin/rules/rule/add/")
    page.fill("#id_rule-name", "Tell the team")
    page.select_option("#id_trigger-platform", "freshdesk")
    page.check("input[name=trigger-event][value=ticket_created]")
    assert page.input_value("#id_rule-name") == "Tell the team"
    # A wrong condition does not get lost by a choice elsewhere, and says where it is wrong.
    page.fill("#id_trigger-conditions", '{"priority": }')
    page.select_option("#id_step-0-kind", "slack:send_message")
    page.wait_for_selector("#id_step-0-p-channel")
    assert "Line 1, column 14" in page.text_content("#id_trigger-conditions_row")
    page.fill("#id_trigger-conditions", '{"priority": {"gte": 1}}')
    page.fill("#id_step-0-p-channel", "#urgent")
    # A click on a field's name writes it where the caret is.
    page.fill("#id_step-0-p-message", "Urgent: ")
    page.click("[data-field='ticket.subject']")
    assert page.input_value("#id_step-0-p-message") == "Urgent: {{ ticket.subject }}"
    page.click("button[name=_add]")
    page.wait_for_selector("#step-1")
    page.select_option("#id_step-1-kind", ":http_request")
    page.wait_for_selector("#id_step-1-p-url")
    page.fill("#id_step-1-p-url", "https://status.example.com/")
    page.click("button[aria-label='Move step 2 up']")
    page.wait_for_selector("#step-1:first-child")
    page.click("#try button")
    page.wait_for_selector("#trial .so-yes")
    assert "Urgent: " in page.text_content("#trial") and "passed" in page.text_content("#trial")
    # Enter in a field is no click on whatever button comes first.
    page.press("#id_rule-name", "Enter")
    page.wait_for_load_state("networkidle")
    assert page.url.endswith("/add/")
    page.click("button[name=_save]")
    page.wait_for_url("**/change/")
    assert "saved as version 1" in page.text_content("body")
    with working_for(ada.tenant.organization):
        document = authoring.live_version(Rule.objects.get(name="Tell the team")).document
    assert [step["action"] for step in document["actions"]] == ["http_request", "send_message"]
    assert person.complaints == []


def test_the_document_and_the_form_are_two_sides_of_one_rule(ada: History, browser: Any, live_server: Any) -> None:
    person = Person(browser, live_server.url, ada.tenant.owner.email)
    page = person.open(f"/admin/rules/rule/{ada.rule.pk}/change/")
    page.fill("#id_step-0-p-channel", "#changed")
    page.click("button[name=_as_document]")
    page.wait_for_selector("#raw")
    text = page.input_value("#raw")
    assert '"#changed"' in text and '"late": "skip"' in text
    page.fill("#raw", text.replace("#changed", "#again"))
    page.click("button[name=_as_form]")
    page.wait_for_selector("#id_step-0-p-channel")
    assert page.input_value("#id_step-0-p-channel") == "#again"
    assert person.complaints == []


def test_the_keyboard_reaches_everything_of_a_rule(ada: History, browser: Any, live_server: Any) -> None:
    person = Person(browser, live_server.url, ada.tenant.owner.email)
    page = person.open(f"/admin/rules/rule/{ada.rule.pk}/change/")
    page.focus("#id_rule-name")
    reached = set()
    for _ in range(120):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.name || document.activeElement.dataset.field || ''"))
        if "_save" in reached:
            break
    assert {"trigger-conditions", "step-0-p-channel", "_down", "_remove", "_add", "try-on", "_save"} <= reached


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_pages_fit_and_the_browser_has_nothing_to_say(
    ada: History, browser: Any, live_server: Any, width: int, scheme: str
) -> None:
    person = Person(browser, live_server.url, ada.tenant.owner.email, width=width, scheme=scheme)
    for path in (
        "/admin/",
        "/admin/rules/rule/",
        f"/admin/rules/rule/{ada.rule.pk}/change/",
        f"/admin/rules/rule/{ada.rule.pk}/versions/",
        f"/admin/rules/rule/{ada.rule.pk}/execute/",
        f"/admin/rules/rule/{ada.rule.pk}/delete/",
        "/admin/rules/run/",
        f"/admin/rules/run/{ada.failed_run.pk}/change/",
        f"/admin/rules/run/{ada.uncertain_run.pk}/change/",
        "/admin/integrations/integration/",
        "/admin/integrations/integration/add/",
        "/admin/integrations/integration/add/?platform=zendesk",
        f"/admin/integrations/integration/{ada.freshdesk.pk}/change/",
        f"/admin/integrations/integration/{ada.freshdesk.pk}/rotate-secret/",
        "/admin/webhooks/delivery/",
        f"/admin/webhooks/delivery/{ada.delivery.pk}/change/",
        "/admin/webhooks/delivery/dead-letters/",
        "/admin/audit/auditentry/",
        "/admin/people/apitoken/",
    ):
        page = person.open(path)
        unnamed = page.evaluate(
            """() => [...document.querySelectorAll('#content :is(input, select, textarea):not([type=hidden])')]
                .filter((field) => !field.labels?.length && !field.getAttribute('aria-label') && !field.placeholder)
                .map((field) => field.name || field.id)"""
        )
        assert unnamed == [], f"fields without a label on {path}"
        assert person.complaints == [], path


def test_a_viewer_sees_and_cannot_do(ada: History, browser: Any, live_server: Any) -> None:
    viewer = builders.make_member(ada.tenant.organization, Role.VIEWER)
    person = Person(browser, live_server.url, viewer.email)
    page = person.open(f"/admin/rules/rule/{ada.rule.pk}/change/")
    assert page.input_value("#id_step-0-p-channel") == f"#{ada.mark}"
    assert page.is_disabled("#id_step-0-p-channel")
    assert page.locator("button[name=_save], button[name=_add], #try").count() == 0
    page = person.open(f"/admin/rules/run/{ada.uncertain_run.pk}/change/")
    assert page.locator("button[name=outcome]").count() == 0
    assert person.complaints == []


def test_an_integration_is_tested_where_one_stands(ada: History, browser: Any, live_server: Any) -> None:
    person = Person(browser, live_server.url, ada.tenant.owner.email)
    page = person.open("/admin/integrations/integration/add/?platform=slack")
    page.click("text=Test connection")
    page.wait_for_selector("#answer .so-no")
    assert "give a bot token" in page.text_content("#answer").lower()
    page.fill("#id_credentials-bot_token", "xoxb-1234567890-abcdef")
    page.click("button[name=_save]")
    page.wait_for_selector("#webhook-address")
    assert page.input_value("#webhook-address").startswith("http")
    page.click("[data-copy=webhook-address]")
    page.wait_for_selector("text=Copied")
    assert person.complaints == []
