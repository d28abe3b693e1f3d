"""The admin in a real browser: a rule built by hand, roles, looks at both widths, nothing loaded from elsewhere."""

from typing import Any

import pytest

from rules import authoring
from rules.models import Rule
from supportops.tenancy.roles import Role
from supportops.tenancy.scope import working_for
from tests import builders
from tests.admin_world import History
from tests.browser.person import Person

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]


def test_a_rule_is_built_tried_and_saved_by_hand(ada: History, browser: Any, live_server: Any) -> None:
    person = Person(browser, live_server.url, ada.tenant.owner.email)
    page = person.open("/admin/rules/rule/add/")
    page.fill("#id_rule-name", "Tell the team")
    page.select_option("#id_trigger-platform", "freshdesk")
    page.check("input[name=trigger-event][value=ticket_created]")
    assert page.input_value("#id_rule-name") == "Tell the team"
    # A wrong condition does not get lost by a choice elsewhere, and says where it is wrong.
    page.wait_for_function("!document.querySelector('#rule-page[aria-busy]')")
    page.click("#conditions-json > summary")
    page.fill("#id_trigger-conditions", '{"priority": }')
    page.click("[data-words][value='slack:send_message']")
    page.wait_for_selector("#id_step-0-p-channel")
    assert "Line 1, column 14" in page.text_content("#id_trigger-conditions_row")
    page.fill("#id_trigger-conditions", '{"priority": {"gte": 1}}')
    page.fill("#id_step-0-p-channel", "#urgent")
    page.fill("#id_step-0-p-message", "Urgent: {{ ticket.subject }}")
    page.click("#add-step > summary")
    page.click("[data-words][value=':http_request']")
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
    for _ in range(160):
        page.keyboard.press("Tab")
        name = page.evaluate(
            """() => { const at = document.activeElement;
                return at.name || at.dataset.field || (at.matches('.so-step-acts summary') ? 'menu' : '')
                    || (at.matches('#add-step > summary') ? 'add' : '') }"""
        )
        if name == "menu" and name not in reached:
            page.keyboard.press("Enter")
        reached.add(name)
        if "_save" in reached:
            break
    assert {
        "c-1-field",
        "c-1-op",
        "c-1-value",
        "_row",
        "step-0-p-channel",
        "_down",
        "menu",
        "_copy",
        "_remove",
        "add",
        "try-on",
        "_save",
    } <= reached


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
        person.open(path)
        unnamed = person.fields_without_label()
        assert unnamed == [], f"fields without a label on {path}"
        assert person.complaints == [], path


def test_a_viewer_sees_and_cannot_do(ada: History, browser: Any, live_server: Any) -> None:
    viewer = builders.make_member(ada.tenant.organization, Role.VIEWER)
    person = Person(browser, live_server.url, viewer.email)
    page = person.open(f"/admin/rules/rule/{ada.rule.pk}/change/")
    assert page.input_value("#id_step-0-p-channel") == f"#{ada.mark}"
    assert page.is_disabled("#id_step-0-p-channel")
    assert page.locator("button[name=_save], button[name=_add], button[name=_row], #try").count() == 0
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
