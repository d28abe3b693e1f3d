"""A rule built by somebody who types no JSON: conditions by rows, steps from the list, tried, saved, looked back at."""

from typing import Any

import pytest

from rules import authoring
from rules.models import Rule
from supportops.jobs import running
from supportops.tenancy.roles import Role
from supportops.tenancy.scope import working_for
from tests import builders
from tests.admin_world import History
from tests.browser.person import Person

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]
ADD = "/admin/rules/rule/add/"
DRAWN = "!document.querySelector('#rule-page[aria-busy]')"


def document_of(history: History, name: str) -> dict[str, Any]:
    with working_for(history.tenant.organization):
        return dict(authoring.live_version(Rule.objects.get(name=name)).document)


def begin(person: Person, name: str) -> Any:
    """Open a new rule that a Freshdesk ticket starts."""
    page = person.open(ADD)
    page.fill("#id_rule-name", name)
    page.select_option("#id_trigger-platform", "freshdesk")
    page.wait_for_selector("input[name=trigger-event][value=ticket_created]")
    page.check("input[name=trigger-event][value=ticket_created]")
    page.wait_for_function(DRAWN)
    return page


def add_condition(page: Any, group: int, row: int, field: str, operator: str = "") -> None:
    page.click(f"#conditions button[value='add:{group}']")
    page.wait_for_selector(f"#c-{row}-field")
    page.fill(f"#c-{row}-field", field)
    page.press(f"#c-{row}-field", "Tab")
    if operator:
        page.select_option(f"#c-{row}-op", operator)
        page.wait_for_selector(f"input[name=c-{row}-was][value*='\"{operator}\"']", state="attached")


def test_a_rule_is_built_by_rows_and_cards_alone(ada: History, browser: Any, live_server: Any) -> None:
    person = Person(browser, live_server.url, ada.tenant.owner.email)
    page = begin(person, "By rows")
    add_condition(page, 0, 1, "ticket.priority", "gte")
    page.fill("#c-1-value", "3")
    # What the example event says of it is there while one types.
    page.wait_for_selector("#c-1-live .so-met")
    assert "In this event: 4" in page.text_content("#c-1-live")
    add_condition(page, 0, 2, "ticket.tags", "contains_any")
    page.fill("[data-row='2'] .so-chipbox input", "vip")
    page.press("[data-row='2'] .so-chipbox input", "Enter")
    page.fill("[data-row='2'] .so-chipbox input", "refund")
    page.press("[data-row='2'] .so-chipbox input", "Enter")
    # Into a group by the keyboard, and the JSON follows.
    page.focus("#c-2-field")
    page.keyboard.press("Alt+ArrowRight")
    page.wait_for_selector("#c-3-field")
    page.click("#conditions-json > summary")
    page.wait_for_function("document.getElementById('id_trigger-conditions').value.includes('\"any\"')")
    page.fill("#add-step [data-search]", "message slack")
    page.press("#add-step [data-search]", "Enter")
    page.fill("#id_step-0-p-channel", "#urgent")
    page.fill("#id_step-0-p-message", "Urgent: ")
    page.click("[data-insert=id_step-0-p-message]")
    page.fill(".so-picker [data-search]", "ticket.subj")
    page.press(".so-picker [data-search]", "Enter")
    assert page.input_value("#id_step-0-p-message") == "Urgent: {{ ticket.subject }}"
    page.wait_for_selector("#id_step-0-p-message_row .so-preview")
    assert "Urgent: Charged twice" in page.text_content("#id_step-0-p-message_row .so-preview")
    page.click("#add-step > summary")
    page.click("#add-step [value='@wait']")
    page.fill("#id_step-1-p-for", "15m")
    page.click("#try button:has-text('Try')")
    page.wait_for_selector("#trial .so-yes")
    text = page.text_content("#trial")
    assert "Any of these" in text and "is at least 3" in text and "#urgent" in text and "Wait 15m" in text
    page.click("button[name=_save]")
    page.wait_for_url("**/change/")
    document = document_of(ada, "By rows")
    assert document["trigger"]["conditions"] == {
        "ticket.priority": {"gte": 3},
        "any": [{"ticket.tags": {"contains_any": ["vip", "refund"]}}],
    }
    assert document["actions"] == [
        {
            "platform": "slack",
            "action": "send_message",
            "parameters": {"channel": "#urgent", "message": "Urgent: {{ ticket.subject }}"},
        },
        {"wait": {"for": "15m"}},
    ]
    assert person.complaints == []


def test_inputs_are_declared_by_rows(ada: History, browser: Any, live_server: Any) -> None:
    person = Person(browser, live_server.url, ada.tenant.owner.email)
    page = person.open(ADD)
    page.fill("#id_rule-name", "By hand")
    page.click("#inputs-part > summary")
    page.click("#add-input")
    page.wait_for_selector("#id_input-0-name")
    assert page.evaluate("document.activeElement.id") == "id_input-0-name"
    page.keyboard.type("urgent")
    page.select_option("#id_input-0-type", "boolean")
    page.wait_for_selector("select#id_input-0-default")
    page.select_option("#id_input-0-default", "false")
    page.click("#add-input")
    page.wait_for_selector("#id_input-1-name")
    page.click("#add-input")
    page.wait_for_selector("#id_input-2-name")
    page.fill("#id_input-2-name", "urgent")
    page.click("#input-1 [name=_remove_input]")
    page.wait_for_selector("#id_input-1-name", state="detached")
    assert page.evaluate("document.activeElement.id") == "id_input-2-name"
    page.click("#add-step [value='@wait']")
    page.fill("#id_step-0-p-for", "15m")
    page.click("button[name=_save]")
    page.wait_for_selector("#error-summary li:has-text('Another input is called so.')")
    assert page.evaluate("document.activeElement.id") == "id_input-2-name"
    page.fill("#id_input-2-name", "count")
    person.picture("inputs")
    page.click("button[name=_save]")
    page.wait_for_url("**/change/")
    assert document_of(ada, "By hand")["inputs"] == {
        "urgent": {"type": "boolean", "default": False},
        "count": {"type": "string"},
    }
    assert person.complaints == []


def test_rows_and_json_follow_each_other(ada: History, browser: Any, live_server: Any) -> None:
    person = Person(browser, live_server.url, ada.tenant.owner.email)
    page = person.open(f"/admin/rules/rule/{ada.rule.pk}/change/")
    page.click("#conditions-json > summary")
    page.fill("#id_trigger-conditions", '{"all": [{"priority": 4}, {"expr": "true"}, {"status": {"changed": false}}]}')
    page.wait_for_selector("#c-2-text")
    assert page.input_value("#c-1-value") == "4" and page.input_value("#c-3-op") == "changed:not"
    page.fill("#id_trigger-conditions", '{"priority": 4,}')
    page.wait_for_selector("#conditions-problems .so-error")
    assert page.locator("#c-1-field").count() == 0
    page.fill("#id_trigger-conditions", '{"priority": 4}')
    page.wait_for_selector("#c-1-field")
    page.fill("#c-1-value", "2")
    page.wait_for_function("document.getElementById('id_trigger-conditions').value.includes('2')")
    page.click("button[name=_save]")
    page.wait_for_load_state("networkidle")
    assert document_of(ada, ada.rule.name)["trigger"]["conditions"] == {"priority": 2}
    assert person.complaints == []


def test_steps_are_copied_moved_and_changed(ada: History, browser: Any, live_server: Any) -> None:
    person = Person(browser, live_server.url, ada.tenant.owner.email)
    page = person.open(f"/admin/rules/rule/{ada.rule.pk}/change/")
    page.click("#step-0 .so-step-acts summary")
    page.click("#step-0 button[name=_copy]")
    page.wait_for_selector("#step-2")
    page.hover("#step-2 .so-grip")
    page.mouse.down()
    place = page.locator("#step-0").bounding_box()
    for down in (200, 60, 20, 10):
        page.mouse.move(place["x"] + 40, place["y"] + down, steps=5)
    page.mouse.up()
    page.wait_for_function("document.querySelector('.so-step').id === 'step-2'")
    page.click("#step-1 [data-collapse]")
    assert page.is_hidden("#id_step-1-p-url") and page.is_visible("#step-1 .so-step-summary")
    page.click("#step-0 .so-step-acts summary")
    page.click("#step-0 button[name=_change]")
    page.click("#step-0 [data-chooser] [value='0:@approval']")
    page.wait_for_selector("#id_step-0-p-deadline")
    page.fill("#id_step-0-p-message", "Go on?")
    page.click("button[name=_save]")
    page.wait_for_load_state("networkidle")
    steps = document_of(ada, ada.rule.name)["actions"]
    assert [step.get("action") or next(iter(step)) for step in steps] == ["send_message", "approval", "http_request"]
    assert steps[1]["id"] == "tell" and "id" not in steps[0] and "parameters" not in steps[1]
    assert person.complaints == []


def test_what_is_wrong_is_listed_and_in_front(ada: History, browser: Any, live_server: Any) -> None:
    person = Person(browser, live_server.url, ada.tenant.owner.email)
    page = person.open(f"/admin/rules/rule/{ada.rule.pk}/change/")
    page.click("#conditions button[value='add:0']")
    page.wait_for_selector("#c-2-field")
    page.fill("#c-2-field", "status")
    page.fill("#id_step-0-p-message", "{{ tikket.subject }}")
    page.click("button[name=_save]")
    page.wait_for_selector("#error-summary li")
    assert "Say what to compare with." in page.text_content("#error-summary")
    assert page.evaluate("document.activeElement.id") == "c-2-field"
    page.fill("#c-2-value", "2")
    page.click("button[name=_save]")
    page.wait_for_selector("#error-summary li:has-text('tikket')")
    assert page.evaluate("document.activeElement.id") == "id_step-0-p-message"
    assert person.complaints == []


def test_a_backtest_runs_and_a_version_comes_back(ada: History, browser: Any, live_server: Any) -> None:
    person = Person(browser, live_server.url, ada.tenant.owner.email)
    page = person.open(f"/admin/rules/rule/{ada.rule.pk}/change/")
    page.click("#try button:has-text('Backtest')")
    page.wait_for_selector("#backtest progress")
    running.work_due()
    page.wait_for_selector("#backtest .so-figure")
    assert "it would have fired for 1" in page.text_content("#backtest")
    page = person.open(f"/admin/rules/rule/{ada.rule.pk}/versions/")
    assert "Late: “skip” (new)" in page.text_content("#content")
    page.click("text=Make it live again…")
    page.click("input[value='Make version 1 live']")
    page.wait_for_url("**/change/")
    assert "late" not in document_of(ada, ada.rule.name)
    assert person.complaints == []


def test_a_viewer_reads_everything_and_changes_nothing(ada: History, browser: Any, live_server: Any) -> None:
    viewer = builders.make_member(ada.tenant.organization, Role.VIEWER)
    person = Person(browser, live_server.url, viewer.email)
    page = person.open(f"/admin/rules/rule/{ada.rule.pk}/change/")
    assert page.input_value("#c-1-field") == "priority" and page.is_disabled("#c-1-value")
    buttons = "button[name=_save], button[name=_row], button[name=_up], [data-insert], #add-step, #try"
    assert page.locator(buttons).count() == 0
    page = person.open(f"/admin/rules/rule/{ada.rule.pk}/versions/")
    assert page.locator("text=Make it live again").count() == 0
    assert person.complaints == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light")])
def test_the_pages_fit_every_screen(ada: History, browser: Any, live_server: Any, width: int, scheme: str) -> None:
    person = Person(browser, live_server.url, ada.tenant.owner.email, width=width, scheme=scheme)
    for path in (ADD, f"/admin/rules/rule/{ada.rule.pk}/change/", "/admin/rules/rule/templates/"):
        page = person.open(path)
        assert person.fields_without_label() == [], path
    page.fill("[data-search]", "pagerduty")
    shown = page.locator("a.so-tile:visible")
    assert 0 < shown.count() < page.locator("a.so-tile").count()
    assert person.complaints == []
