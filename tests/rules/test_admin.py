"""Rules in the admin: written by a form, tried, compared, rolled back, started; runs looked at and acted upon."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.models import AuditEntry
from rules import authoring
from rules.models import Rule, RuleVersion, Run, RunStatus, Step, StepStatus
from supportops.tenancy.roles import Role
from supportops.tenancy.scope import working_for
from tests import builders
from tests.admin_world import History, make_history
from tests.builders import World, browser
from tests.forms import errors_of, fields_of

pytestmark = pytest.mark.django_db
ADD = "/admin/rules/rule/add/"


@pytest.fixture
def ada(world: World) -> History:
    return make_history(world.ada)


@pytest.fixture
def client(ada: History) -> Any:
    return browser(ada.tenant.owner)


def place(rule: Rule, what: str = "change") -> str:
    return reverse(f"admin:rules_rule_{what}", args=[rule.pk])


def send(client: Any, address: str, fields: dict[str, Any], **more: Any) -> Any:
    data = {name: value for name, value in {**fields, **more}.items() if value is not None}
    return client.post(address, data, format="multipart", follow=True)


def stored(history: History, name: str) -> dict[str, Any]:
    with working_for(history.tenant.organization):
        rule = Rule.objects.get(name=name)
        return {"version": rule.version, "enabled": rule.is_enabled, **authoring.live_version(rule).document}


DOCUMENTS: dict[str, dict[str, Any]] = {
    "everything": {
        "trigger": {
            "platform": "freshdesk",
            "event": ["ticket_updated", "ticket_created"],
            "environment": "prod",
            "conditions": {"any": [{"priority": 4}, {"subject": {"icontains": "réfund"}}], "status": [2, 3]},
        },
        "inputs": {"severity": {"type": "string", "default": "low", "required": False}},
        "late": "skip",
        "environment": "staging",
        "concurrency": {"mode": "parallel", "key": "ticket.id"},
        "steps": [
            {
                "id": "get-runbook",
                "description": "kept, though no card shows it",
                "action": "http_request",
                "parameters": {
                    "url": "https://wiki.example.com/{{ ticket.type }}",
                    "timeout": "30s",
                    "headers": {"X-Mark": "{{ ticket.id }}"},
                    "query": {"a": [1, 2, None]},
                    "expected": [200, 404],
                    "method": "get",
                },
                "on_failure": "continue",
                "retry": {"attempts": 3, "base": "2s", "factor": 2},
                "strict": True,
            },
            {
                "platform": "slack",
                "integration": "not there yet",
                "action": "send_message",
                "condition": "{{ steps.get-runbook.failed || ticket.priority == 4 }}",
                "parameters": {
                    "channel": "#urgent",
                    "text": "Line one\nline two {{ ticket.subject }}\n",
                    "blocks": [{"type": "divider"}],
                    "reply_broadcast": False,
                    "unfurl_links": True,
                },
                "on_uncertain": "retry",
                "timeout": 45,
                "optional": True,
            },
            {
                "platform": "freshdesk",
                "action": "update_ticket",
                "condition": True,
                "parameters": {"id": "{{ ticket.id }}", "priority": 4, "tags": ["{{ ticket.type }}"], "status": "open"},
            },
        ],
    },
    "every kind": {
        "trigger": {"platform": "schedule", "cron": "0 9 * * 1-5", "zone": "Europe/Berlin"},
        "gate": True,
        "concurrency": {"mode": "queued", "key": "meta.type"},
        "steps": [
            {"wait": {"for": "2h"}, "id": "rest"},
            {"wait": {"until": "2030-12-01T09:00:00Z"}, "condition": False},
            {
                "id": "ask",
                "approval": {"message": "Go on, {{ now }}?", "roles": ["admin", "editor"], "deadline": "2d"},
                "needs": [],
            },
            {"rule": "Another", "inputs": {"a": 1, "b": "{{ now }}"}, "needs": ["rest", "ask"], "optional": False},
            {"rule": "Another", "strict": True},
            {
                "action": "http_request",
                "parameters": {"url": "https://a.example.com"},
                "throttle": "3 per 1h",
                "retry": {"cap": "30m"},
            },
        ],
    },
    "by hand": {"actions": [{"action": "http_request", "parameters": {"url": "https://a.example.com"}}]},
    "any event": {
        "trigger": {"platform": "freshdesk", "event": "*", "conditions": {}},
        "actions": [{"platform": "freshdesk", "action": "add_note", "parameters": {"ticket_id": 1, "body": "x"}}],
    },
    "own events": {
        "trigger": {"platform": "webhook", "event": ["build.failed", "build.fixed"], "integration": "gone"},
        "actions": [{"action": "webhook", "parameters": {"url": "https://a.example.com", "payload": {"a": 1}}}],
    },
}


@pytest.mark.parametrize("name", list(DOCUMENTS))
@pytest.mark.parametrize("steps", [[], ["_refresh"], ["_as_document", "_as_form"], ["_down", "_up"]])
def test_what_nobody_touched_comes_back_as_it_was(ada: History, client: Any, name: str, steps: list[str]) -> None:
    document = {"name": name, "enabled": False, "description": "As it was.", **DOCUMENTS[name]}
    with working_for(ada.tenant.organization):
        rule, _ = authoring.create(document)
    page = client.get(place(rule))
    for button in steps:
        page = send(client, place(rule), fields_of(page, "rule_form"), **{button: "0"})
        assert page.status_code == 200 and not errors_of(page), (button, errors_of(page))
    page = send(client, place(rule), fields_of(page, "rule_form"), _save="1")
    assert "is saved as version 1" in page.content.decode(), errors_of(page)
    after = stored(ada, name)
    assert after == {"version": 1, "enabled": False, **DOCUMENTS[name]}
    # Also in the order in which it was typed.
    assert json.dumps({**after, **DOCUMENTS[name]}) == json.dumps(after)


def test_a_rule_is_written_without_typing_a_document(ada: History, client: Any) -> None:
    page = client.get(ADD)
    fields = fields_of(page, "rule_form")
    fields["rule-name"] = ["Tell the team"]
    page = send(client, ADD, fields, **{"trigger-platform": "freshdesk", "_refresh": ""})
    fields = fields_of(page, "rule_form")
    assert "ticket.subject" in page.content.decode()
    fields["trigger-event"] = ["ticket_created"]
    fields["trigger-conditions"] = ['{"priority": 4}']
    page = send(client, ADD, fields, _add="slack:send_message")
    fields = fields_of(page, "rule_form")
    assert fields["rule-name"] == ["Tell the team"] and fields["trigger-event"] == ["ticket_created"]
    fields["step-0-p-channel"] = ["#urgent-tickets"]
    fields["step-0-p-message"] = ["Urgent ticket: {{ticket.subject}}"]
    page = send(client, ADD, fields, _add=":http_request")
    assert fields_of(page, "rule_form")["steps"] == ["0", "1"]
    fields = {**fields_of(page, "rule_form"), "step-1-p-url": ["https://a.example.com"], "step-1-p-timeout": ["5"]}
    page = send(client, ADD, fields, _up="1")
    page = send(client, ADD, fields_of(page, "rule_form"), _save="1")
    assert "is saved as version 1" in page.content.decode(), errors_of(page)
    assert stored(ada, "Tell the team") == {
        "version": 1,
        "enabled": True,
        "trigger": {"platform": "freshdesk", "event": "ticket_created", "conditions": {"priority": 4}},
        "actions": [
            {"action": "http_request", "parameters": {"url": "https://a.example.com", "timeout": 5.0}},
            {
                "platform": "slack",
                "action": "send_message",
                "parameters": {"channel": "#urgent-tickets", "message": "Urgent ticket: {{ticket.subject}}"},
            },
        ],
    }
    with working_for(ada.tenant.organization):
        last = AuditEntry.objects.filter(action="rule.created").order_by("-id").first()
        assert RuleVersion.objects.get(rule__name="Tell the team").author == ada.tenant.owner.email
    assert last.changes["name"] == "Tell the team"


def test_each_problem_stands_at_its_field(ada: History, client: Any) -> None:
    fields = fields_of(client.get(place(ada.rule)), "rule_form")
    wrong = {
        "trigger-conditions": '{"priority": {"gt": "many"}}',
        "step-0-p-message": "{{ tikket.subject }}",
        "step-0-p-channel": "{{ ticket.subject",
        "step-0-condition": "{{ steps.later.failed }}",
        "step-1-p-url": "",
        "step-1-p-timeout": "long",
        "rule-name": "",
    }
    page = send(client, place(ada.rule), fields, **wrong, _save="1")
    found = errors_of(page)
    assert any("'long' is not a duration" in text for text in found), found
    page = send(client, place(ada.rule), fields_of(page, "rule_form"), **{"step-1-p-timeout": "5", "_save": "1"})
    html, found = page.content.decode(), errors_of(page)
    for name in ("step-0-p-message", "step-0-p-channel", "step-0-condition", "step-1-p-url"):
        row = html.split(f'id="id_{name}_row"')[1].split('class="so-field')[0]
        assert 'role="alert"' in row, (name, found)
    row = html.split('id="c-1-live"')[1].split("</div>")[0]
    assert 'role="alert"' in row and "many" in row, found
    assert any("'tikket'" in text and "column" in text for text in found), found
    assert stored(ada, ada.rule.name)["version"] == ada.rule.version


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"priority": 4,\n "status": }', "Line 2, column 12"),
        ("{'priority': 4}", "Line 1, column 2"),
        ('{"priority": 4} x', "after the end"),
        ('{"priority": NaN}', "NaN"),
        ("[" * 100_000, "nested too deeply"),
        ('{"priority": ' + "9" * 5000 + "}", "not valid JSON"),
        ('"text"', "conditions"),
        ('{"priority": {"nearly": 4}}', "nearly"),
    ],
)
def test_wrong_conditions_are_said_with_their_place(ada: History, client: Any, text: str, said: str) -> None:
    fields = fields_of(client.get(place(ada.rule)), "rule_form")
    page = send(client, place(ada.rule), fields, **{"trigger-conditions": text, "_save": "1"})
    assert page.status_code == 200
    assert any(said in error for error in errors_of(page)), errors_of(page)
    if len(text) < 1000:
        assert fields_of(page, "rule_form")["trigger-conditions"] == [text.replace("\n", "\r\n")]


ODD_FORMS: list[dict[str, Any]] = [
    {"base": "{"},
    {"base": "[]"},
    {"base": '{"trigger": 7}'},
    {"base": '{"actions": 7}'},
    {"steps": ["x"]},
    {"steps": ["0"] * 200},
    {"step-0-original": "nonsense"},
    {"step-0-original": '{"parameters": 7, "retry": 7, "action": {}}'},
    {"shown-platform": "nowhere"},
    {"trigger-platform": "nowhere"},
    {"step-0-kind": "nowhere:nothing"},
    {"step-0-on_failure": "explode"},
    {"trigger-event": ["no such event"]},
    {"mode": "document", "raw": "{"},
    {"mode": "document", "raw": "[1]"},
    {"mode": "document", "raw": '{"actions": {}}'},
    {"rule-name": "\0"},
    {"step-0-p-message": "a\0b"},
    {"inputs-shown": "1", "input-rows": ["x"]},
    {"inputs-shown": "1", "input-rows": ["0"]},
    {"inputs-shown": "1", "input-rows": ["0"], "input-0-was": '{"name": 7, "spec": {}}'},
    {"inputs-shown": "1", "input-rows": ["0"], "input-0-was": '{"name": "", "spec": {"type": [1]}}'},
    {"inputs-shown": "1", "input-rows": ["0"], "input-0-was": '{"name": "", "spec": {}}', "input-0-type": "nothing"},
    {"inputs-shown": "1", "input-rows": [str(place) for place in range(60)]},
    {"base": '{"inputs": 7}'},
    {"_add_input": "x", "_remove_input": "99999999999999999999"},
    {"_remove": "x", "_up": "99999999999999999999", "_down": "-1"},
]


@pytest.mark.parametrize("button", ["_save", "_refresh", "_as_document"])
def test_nothing_that_is_sent_breaks_the_page(ada: History, client: Any, button: str) -> None:
    present = fields_of(client.get(place(ada.rule)), "rule_form")
    client.raise_request_exception = False
    for change in ODD_FORMS:
        for address in (place(ada.rule), ADD, place(ada.rule, "test_view")):
            answer = client.post(address, {**present, **change, button: "0"}, format="multipart")
            assert answer.status_code in (200, 302), (address, change)


def test_a_document_that_the_form_cannot_show_is_shown_as_it_is(ada: History, client: Any) -> None:
    fields = {**fields_of(client.get(place(ada.rule)), "rule_form"), "mode": "document"}
    page = send(client, place(ada.rule), fields, raw='{"trigger": 7, "actions": []}', _as_form="")
    assert fields_of(page, "rule_form")["mode"] == ["document"]
    assert any("`trigger` is an object" in text for text in errors_of(page))


def test_the_document_is_saved_as_it_is_typed(ada: History, client: Any) -> None:
    fields = {**fields_of(client.get(ADD), "rule_form"), "mode": "document"}
    raw = {"name": "Typed", **DOCUMENTS["everything"]}
    page = send(client, ADD, fields, raw=json.dumps({**raw, "stepz": []}), _save="1")
    assert any("stepz" in text for text in errors_of(page))
    page = send(client, ADD, fields, raw=json.dumps(raw), _save="1")
    assert stored(ada, "Typed") == {"version": 1, "enabled": True, **DOCUMENTS["everything"]}


def test_another_action_keeps_what_it_has_too(ada: History, client: Any) -> None:
    fields = fields_of(client.get(place(ada.rule)), "rule_form")
    page = send(client, place(ada.rule), fields, **{"step-0-kind": "slack:send_notification", "_refresh": ""})
    fields = {**fields_of(page, "rule_form"), "step-0-p-title": ["New"]}
    send(client, place(ada.rule), fields, _save="1")
    step = stored(ada, ada.rule.name)["actions"][0]
    assert (step["id"], step["action"]) == ("tell", "send_notification")
    assert step["parameters"] == {
        "channel": f"#{ada.mark}",
        "message": "Urgent: {{ ticket.subject }}",
        "title": "New",
    }


def test_who_comes_second_is_told(ada: History, client: Any) -> None:
    fields = fields_of(client.get(place(ada.rule)), "rule_form")
    with working_for(ada.tenant.organization):
        authoring.roll_back(ada.rule, 1)
    page = send(client, place(ada.rule), fields, **{"step-0-p-channel": "#mine", "_save": "1"})
    assert any("Somebody else saved version 3" in text for text in errors_of(page))
    assert stored(ada, ada.rule.name)["version"] == 3


def test_trying_shows_each_condition_and_what_would_be_sent(ada: History, client: Any) -> None:
    fields = fields_of(client.get(place(ada.rule)), "rule_form")
    page = send(client, place(ada.rule, "test_view"), fields, **{"try-on": str(ada.event.pk)})
    text = page.content.decode()
    assert "It would run" in text and "passed" in text and f"#{ada.mark}" in text
    assert "fire" in text and "<b>" not in text
    page = send(client, place(ada.rule, "test_view"), fields, **{"trigger-conditions": '{"priority": 1}'})
    assert "It would not run" in page.content.decode() and "not met" in page.content.decode()
    page = send(client, place(ada.rule, "test_view"), fields, **{"step-0-p-channel": "{{ nobody }}"})
    assert any("nobody" in text for text in errors_of(page))
    assert stored(ada, ada.rule.name)["version"] == ada.rule.version
    with working_for(ada.tenant.organization):
        assert Run.objects.count() == 3


def test_a_rule_that_is_not_saved_is_tried(ada: History, client: Any) -> None:
    with working_for(ada.tenant.organization):
        rule, _ = authoring.create({"name": "x", **DOCUMENTS["everything"]})
    fields = fields_of(client.get(place(rule)), "rule_form")
    page = send(client, "/admin/rules/rule/test/", fields, **{"try-on": "sample"})
    assert page.status_code == 200 and "would" in page.content.decode(), errors_of(page)
    for odd in ("nonsense", "01a1fe30-e48f-7bc7-8e94-cc9dadf5b21d"):
        page = send(client, "/admin/rules/rule/test/", fields, **{"try-on": odd})
        assert any("no such event" in text for text in errors_of(page))


def test_an_operator_tries_the_saved_rule_alone(ada: History) -> None:
    client = browser(builders.make_member(ada.tenant.organization, "operator"))
    page = send(client, place(ada.rule, "test_view"), {}, **{"try-on": str(ada.event.pk)})
    assert "It would run" in page.content.decode()
    fields = {"base": "{}", "rule-name": "x"}
    assert client.post(place(ada.rule, "test_view"), fields, format="multipart").status_code == 403


def test_versions_are_compared_and_rolled_back(ada: History, client: Any) -> None:
    page = client.get(place(ada.rule, "versions_view")).content.decode()
    assert 'class="so-added">+  &quot;late&quot;: &quot;skip&quot;' in page
    page = client.post(place(ada.rule, "rollback_view"), {"version": "1"}, format="multipart", follow=True)
    assert "Version 1 is live again, as version 3" in page.content.decode()
    assert "late" not in stored(ada, ada.rule.name)
    for odd in ("", "x", "99", "-1", "9" * 30):
        page = client.post(place(ada.rule, "rollback_view"), {"version": odd}, format="multipart", follow=True)
        assert "no such version" in page.content.decode()


def test_rules_are_switched(ada: History, client: Any) -> None:
    for what, state in (("disable_view", False), ("enable_view", True)):
        client.post(place(ada.rule, what), format="multipart")
        assert stored(ada, ada.rule.name)["enabled"] is state
    data = {"action": "disable_selected", "_selected_action": [str(ada.rule.pk)]}
    client.post("/admin/rules/rule/", data, format="multipart")
    assert stored(ada, ada.rule.name)["enabled"] is False


def test_an_empty_list_says_what_to_do_next(world: World) -> None:
    viewer = builders.make_member(world.ada.organization, Role.VIEWER)
    pages = [browser(user).get("/admin/rules/rule/").content.decode() for user in (world.ada.owner, viewer)]
    assert all("No rule yet" in page for page in pages)
    assert [f'href="{ADD}">Write one yourself' in page for page in pages] == [True, False]
    assert [f'href="{ADD}">New rule' in page for page in pages] == [True, False]
    assert ["Draw a new rule" in page for page in pages] == [True, False]
    assert "No rule yet" not in browser(world.ada.owner).get("/admin/rules/rule/?q=nothing").content.decode()
    with working_for(world.ada.organization):
        authoring.create({"name": "First", **DOCUMENTS["by hand"]})
    page = browser(world.ada.owner).get("/admin/rules/rule/").content.decode()
    assert "No rule yet" not in page and f'href="{ADD}">New rule' in page


def test_deleting_says_what_stays_and_goes_through_the_deed(ada: History, client: Any) -> None:
    page = client.get(place(ada.rule, "delete")).content.decode()
    assert "Its runs and versions stay in the history" in page
    assert client.post(place(ada.rule, "delete"), {"post": "yes"}, format="multipart").status_code == 302
    with working_for(ada.tenant.organization):
        rule = Rule.objects.get(pk=ada.rule.pk)
        assert rule.deleted_at is not None and Run.objects.filter(rule=rule).count() == 3
        assert AuditEntry.objects.filter(action="rule.deleted").count() == 1
    assert client.get(place(ada.rule)).status_code == 302
    assert client.get(reverse("admin:rules_run_change", args=[ada.done_run.pk])).status_code == 200


def test_a_rule_is_started_by_hand(ada: History, client: Any) -> None:
    with working_for(ada.tenant.organization):
        rule, _ = authoring.create(
            {
                "name": "Ask",
                "inputs": {
                    "severity": {"type": "string"},
                    "count": {"type": "integer", "default": 2, "required": False},
                    "hosts": {"type": "array", "required": False},
                },
                **DOCUMENTS["by hand"],
            }
        )
    page = client.post(place(rule, "execute_view"), {"run-input_count": "many"}, format="multipart")
    assert any("whole number" in text for text in errors_of(page))
    page = client.post(place(rule, "execute_view"), {"run-input_count": "3"}, format="multipart")
    assert any("'severity' is required" in text for text in errors_of(page))
    data = {"run-input_severity": "high", "run-input_count": "3", "run-input_hosts": "a\nb", "run-environment": "prod"}
    page = client.post(place(rule, "execute_view"), data, format="multipart", follow=True)
    assert "Started." in page.content.decode()
    with working_for(ada.tenant.organization):
        run = Run.objects.get(rule=rule)
        assert run.content.inputs == {"severity": "high", "count": 3, "hosts": ["a", "b"]}
        assert (run.cause, run.environment) == ("manual", "prod")
    page = client.post(place(ada.rule, "execute_view"), {"run-any_inputs": "[1]"}, format="multipart")
    assert any("Inputs are an object" in text for text in errors_of(page))


def run_place(run: Run, what: str = "change") -> str:
    return reverse(f"admin:rules_run_{what}", args=[run.pk])


def test_a_runs_page_tells_what_happened_and_why(ada: History, client: Any) -> None:
    text = client.get(run_place(ada.failed_run)).content.decode()
    for part in ("no such channel", "NotFound", "404", "12 ms", "passed", "Retry from the failed step"):
        assert part in text, part
    assert "It took effect" in client.get(run_place(ada.uncertain_run)).content.decode()


@pytest.mark.parametrize(
    ("more", "said", "unsaid"),
    [
        ({}, "rejected, it ends here", "goes on all the same"),
        (
            {"on_failure": "continue"},
            "rejected, the step counts as failed and the run goes on all the same",
            "ends here",
        ),
        ({"optional": True}, "goes on all the same", "ends here"),
    ],
)
def test_a_decision_says_what_comes_of_it(
    ada: History, client: Any, more: dict[str, Any], said: str, unsaid: str
) -> None:
    with working_for(ada.tenant.organization):
        rule, _ = authoring.create({"name": "Ask first", "actions": [{"id": "ask", "approval": {}, **more}]})
        version = RuleVersion.objects.get(rule=rule)
        run = Run.objects.create(rule=rule, version=version, key="ask", status=RunStatus.WAITING)
        Step.objects.create(
            run=run, name="ask", position=0, status=StepStatus.WAITING, waits_for="approval", action="approval"
        )
    text = client.get(run_place(run)).content.decode()
    assert said in text and unsaid not in text


@pytest.mark.parametrize(("outcome", "status"), [("done", "succeeded"), ("failed", "failed"), ("repeat", "pending")])
def test_an_uncertain_step_is_resolved(ada: History, client: Any, outcome: str, status: str) -> None:
    data = {"step": "tell", "outcome": outcome}
    assert client.post(run_place(ada.uncertain_run, "resolve_view"), data, format="multipart").status_code == 302
    with working_for(ada.tenant.organization):
        assert ada.uncertain_run.steps.get().status == status


def test_what_is_not_possible_is_said(ada: History, client: Any) -> None:
    for run, what, data, said in (
        (ada.done_run, "retry_view", {}, "No step of this run failed"),
        (ada.done_run, "cancel_view", {}, "The run has ended"),
        (ada.done_run, "resolve_view", {"step": "tell", "outcome": "done"}, "only an uncertain step"),
        (ada.uncertain_run, "resolve_view", {"step": "nobody", "outcome": "done"}, "no step of this run"),
        (ada.uncertain_run, "resolve_view", {"step": "tell", "outcome": "maybe"}, "Say what became of it"),
    ):
        page = client.post(run_place(run, what), data, format="multipart", follow=True)
        assert said in page.content.decode(), what


def test_runs_are_retried_and_cancelled(ada: History, client: Any) -> None:
    client.post(run_place(ada.failed_run, "retry_view"), format="multipart")
    client.post(run_place(ada.uncertain_run, "cancel_view"), format="multipart")
    with working_for(ada.tenant.organization):
        assert ada.failed_run.steps.get().status == StepStatus.PENDING
        assert Run.objects.get(pk=ada.uncertain_run.pk).status == RunStatus.CANCELLED
    ids = [str(run.pk) for run in (ada.failed_run, ada.done_run)]
    data = {"action": "cancel_selected", "_selected_action": ids}
    page = client.post("/admin/rules/run/", data, format="multipart", follow=True).content.decode()
    assert "Cancel these runs?" in page and "1 of the selected is left as it is" in page
    page = client.post("/admin/rules/run/", {**data, "confirmed": "yes"}, format="multipart", follow=True)
    assert "Done for 1 run." in page.content.decode()
    with working_for(ada.tenant.organization):
        assert Run.objects.get(pk=ada.failed_run.pk).status == RunStatus.CANCELLED
    page = client.post("/admin/rules/run/", data, format="multipart", follow=True)
    assert "None of these is in a state" in page.content.decode()


def test_a_run_that_is_going_is_followed_until_it_ends(ada: History, client: Any) -> None:
    for run, is_going in ((ada.uncertain_run, True), (ada.done_run, False)):
        for what in ("change", "live_view"):
            text = client.get(run_place(run, what)).content.decode()
            assert 'id="run-live"' in text and ("data-poll" in text) is is_going, (run, what)


@pytest.mark.parametrize(("address", "most"), [("/admin/rules/rule/", 11), ("/admin/rules/run/", 9)])
def test_lists_ask_the_same_however_long_they_are(ada: History, client: Any, address: str, most: int) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert client.get(address).status_code == 200
        return len(asked)

    queries()
    few = queries()
    with working_for(ada.tenant.organization):
        for number in range(5):
            rule, _ = authoring.create({"name": f"more {number}", **DOCUMENTS["by hand"]})
            version = RuleVersion.objects.get(rule=rule)
            Run.objects.create(rule=rule, version=version, key=str(number))
    assert queries() == few <= most
