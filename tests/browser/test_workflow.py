"""The picture of rules and runs, and its editor, in a real browser."""

from typing import Any

import pytest

from rules import authoring
from rules.models import Rule, RuleVersion, Run, RunStatus, Step, StepStatus
from supportops import clock
from supportops.ids import new_id
from supportops.tenancy.roles import Role
from supportops.tenancy.scope import working_for
from tests import builders
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
    page.wait_for_function("document.activeElement.id === 'step-tell'")
    with working_for(ada.tenant.organization):
        Step.objects.filter(run=run).update(status=StepStatus.SUCCEEDED, waits_for="", finished_at=clock.now())
        Run.objects.filter(pk=run.pk).update(status=RunStatus.SUCCEEDED, finished_at=clock.now())
    page.wait_for_selector(".react-flow__node[data-id='n3'] :text('succeeded')")
    assert "succeeded" in node(page, "n3").text_content()
    assert person.complaints == []


def editor(ada: History, browser: Any, live_server: Any, rule: Rule, **how: Any) -> tuple[Person, Any]:
    person = Person(browser, live_server.url, ada.tenant.owner.email, **how)
    page = person.open(f"/admin/rules/rule/{rule.pk}/workflow/")
    page.wait_for_selector(".so-flow-editor .react-flow__node")
    return person, page


def document_of_now(ada: History, rule: Rule) -> dict[str, Any]:
    with working_for(ada.tenant.organization):
        return dict(authoring.live_version(Rule.objects.get(pk=rule.pk)).document)


def test_steps_are_added_connected_changed_removed_and_saved(ada: History, browser: Any, live_server: Any) -> None:
    rule = branched(ada)
    person, page = editor(ada, browser, live_server, rule)
    assert page.is_disabled("button:has-text('Save as version 2')")
    # Between two steps, by the plus on the line.
    page.locator("[aria-label='Add a step here']").first.click()
    page.fill("[aria-label='Find an action']", "send a webhook")
    page.click(".so-flow-groups li button:has-text('Send a webhook')")
    page.wait_for_selector("#id_step-0-p-url")
    page.fill("#id_step-0-p-url", "https://hooks.example.com/a")
    # What is missing is said at its node and at its field.
    page.wait_for_selector(".react-flow__node[data-id='new1'] .so-flow-flag")
    page.wait_for_selector("#id_step-0-p-payload[aria-invalid=true]")
    person.picture("editor-problem")
    page.fill("#id_step-0-p-payload", '{"ticket": "{{ ticket.id }}"}')
    # What is typed is in the document before the field is left.
    page.click("button:has-text('Save as version 2')")
    page.wait_for_selector("text=Saved as version 2")
    person.picture("editor-step")
    steps = {step["id"]: step for step in document_of_now(ada, rule)["steps"]}
    assert steps["webhook"]["parameters"]["url"] == "https://hooks.example.com/a"
    assert "needs" not in steps["look-up"] or steps["look-up"]["needs"] == ["webhook"]
    # By dragging from handle to handle: `close` also waits for the new one.
    source = node(page, "new1").locator(".react-flow__handle.source").bounding_box()
    target = node(page, "n3").locator(".react-flow__handle.target").bounding_box()
    page.mouse.move(source["x"] + 6, source["y"] + 6)
    page.mouse.down()
    page.mouse.move(target["x"] + 30, target["y"] - 10, steps=4)
    page.mouse.move(target["x"] + 6, target["y"] + 6, steps=4)
    page.mouse.up()
    page.wait_for_selector(".react-flow__edge[data-id='new1>n3']", state="attached")
    # Removing says what else changes, and can be undone.
    node(page, "n0").focus()
    page.keyboard.press("Delete")
    dialog = page.locator("dialog[open]")
    assert "ask, tell will run after webhook" in dialog.text_content()
    assert "Its outcome is used by tell" in dialog.text_content()
    person.picture("editor-remove")
    dialog.locator("button:has-text('Remove the step')").click()
    node(page, "n0").wait_for(state="detached")
    page.click("button:has-text('Undo')")
    node(page, "n0").wait_for()
    page.click("button:has-text('Redo')")
    node(page, "n0").wait_for(state="detached")
    # The condition of `tell` names a step that is gone: said at its node, and nothing is saved.
    page.wait_for_selector(".react-flow__node[data-id='n2'] .so-flow-flag")
    page.click("button:has-text('Save as version 3')")
    page.wait_for_selector("text=Not saved.")
    assert len(document_of_now(ada, rule)["steps"]) == 5
    page.click("button:has-text('Undo')")
    page.click("button:has-text('Save as version 3')")
    page.wait_for_selector("text=Saved as version 3")
    steps = {step["id"]: step for step in document_of_now(ada, rule)["steps"]}
    assert steps["close"]["needs"] == ["ask", "tell", "webhook"]
    complaints = [text for text in person.complaints if "400 (Bad Request)" not in text]
    assert complaints == []


def test_a_cycle_cannot_be_drawn(ada: History, browser: Any, live_server: Any) -> None:
    person, page = editor(ada, browser, live_server, branched(ada))
    source = node(page, "n3").locator(".react-flow__handle.source").bounding_box()
    target = node(page, "n0").locator(".react-flow__handle.target").bounding_box()
    page.mouse.move(source["x"] + 6, source["y"] + 6)
    page.mouse.down()
    page.mouse.move(target["x"] + 6, target["y"] + 6, steps=6)
    page.mouse.up()
    assert page.locator(".react-flow__edge").count() == 5
    node(page, "n0").click()
    page.wait_for_selector(".so-flow-after")
    assert page.is_disabled(".so-flow-after label:has-text('close') input")
    assert "waits for look-up itself" in page.text_content(".so-flow-after")
    assert person.complaints == []


def test_a_rule_is_built_by_the_keyboard_alone(ada: History, browser: Any, live_server: Any) -> None:
    rule = branched(ada)
    person, page = editor(ada, browser, live_server, rule)

    def tab_to(selector: str) -> None:
        for _ in range(150):
            page.keyboard.press("Tab")
            if page.evaluate("(wanted) => document.activeElement.matches(wanted)", selector):
                return
        raise AssertionError(f"the keyboard does not reach {selector}")

    tab_to(".react-flow__node[data-id='start']")
    tab_to(".react-flow__node[data-id='n0']")
    tab_to(".react-flow__node[data-id='n3']")
    page.keyboard.press("Enter")
    page.wait_for_selector(".so-flow-after")
    tab_to(".so-flow-after input[value='n0']")
    page.keyboard.press("Space")
    page.wait_for_selector(".react-flow__edge[data-id='n0>n3']", state="attached")
    tab_to(".so-flow-side footer .so-button")
    page.keyboard.press("Enter")
    page.keyboard.type("wait")
    tab_to(".so-flow-groups li button")
    page.keyboard.press("Enter")
    page.wait_for_selector("#id_step-0-p-for")
    tab_to("#id_step-0-p-for")
    page.keyboard.type("15m")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.dataset.id") == "new1"
    page.keyboard.press("Control+s")
    page.wait_for_selector("text=Saved as version 2")
    steps = {step["id"]: step for step in document_of_now(ada, rule)["steps"]}
    assert steps["close"]["needs"] == ["ask", "tell", "look-up"]
    assert steps["wait"]["wait"] == {"for": "15m"} and "needs" not in steps["wait"]
    assert person.complaints == []


def test_a_new_rule_is_drawn_from_nothing_and_run(ada: History, browser: Any, live_server: Any) -> None:
    person = Person(browser, live_server.url, ada.tenant.owner.email)
    page = person.open("/admin/rules/rule/workflow/")
    page.wait_for_selector("#id_rule-name")
    page.fill("#id_rule-name", "Drawn by hand")
    page.click(".so-flow-side footer button")
    page.click(".so-flow-groups li button:has-text('HTTP request')")
    page.wait_for_selector("#id_step-0-p-url")
    page.fill("#id_step-0-p-url", "https://status.example.com/")
    page.keyboard.press("Control+s")
    page.wait_for_url("**/rule/*-*/workflow/")
    page.wait_for_selector(".react-flow__node[data-id='n0']")
    page.click("button:has-text('Run…')")
    page.wait_for_selector("dialog[open] #id_run-any_inputs")
    page.fill("#id_run-any_inputs", "{")
    page.click("dialog[open] button:has-text('Run')")
    page.wait_for_selector("dialog[open] .so-error")
    page.fill("#id_run-any_inputs", '{"a": 1}')
    person.picture("editor-run")
    page.click("dialog[open] button:has-text('Run')")
    page.wait_for_selector(".react-flow__node[data-id='n0'] .so-flow-state")
    assert "the picture follows it" in page.text_content(".so-flow-notice")
    complaints = [text for text in person.complaints if "400 (Bad Request)" not in text]
    assert complaints == []


def test_what_somebody_else_saved_is_not_overwritten(ada: History, browser: Any, live_server: Any) -> None:
    rule = branched(ada)
    _, page = editor(ada, browser, live_server, rule)
    with working_for(ada.tenant.organization):
        authoring.change(rule, {**BRANCHED, "late": "skip"}, author="bo")
    node(page, "n3").click()
    page.wait_for_selector(".so-flow-after")
    page.check(".so-flow-after label:has-text('look-up') input")
    page.click("button:has-text('Save as version 2')")
    page.wait_for_selector("text=Somebody else saved version 2")
    assert document_of_now(ada, rule)["late"] == "skip"


def test_a_viewer_sees_the_picture_and_cannot_change_it(ada: History, browser: Any, live_server: Any) -> None:
    rule = branched(ada)
    viewer = builders.make_member(ada.tenant.organization, Role.VIEWER)
    person = Person(browser, live_server.url, viewer.email)
    page = person.open(f"/admin/rules/rule/{rule.pk}/workflow/")
    assert page.locator(".react-flow__node").count() == 5
    assert page.locator(".so-flow-editor, .react-flow__handle.connectable").count() == 0
    node(page, "n0").click()
    node(page, "n0").focus()
    page.keyboard.press("Delete")
    assert page.locator(".react-flow__node").count() == 5
    assert person.complaints == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light"), (390, "dark")])
def test_the_editor_fits_the_screen(ada: History, browser: Any, live_server: Any, width: int, scheme: str) -> None:
    person, page = editor(ada, browser, live_server, branched(ada), width=width, scheme=scheme)
    person.picture("editor")
    node(page, "n2").click()
    page.wait_for_selector("#id_step-0-p-channel")
    page.wait_for_timeout(300)
    person.picture("editor-panel")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert person.fields_without_label() == []
    assert person.complaints == []
