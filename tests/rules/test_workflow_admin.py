"""The editor's addresses: forms of steps, what is wrong where, saving, running, and who may."""

import json
from typing import Any

import pytest
from django.urls import reverse

from rules import authoring
from rules.models import Rule, Run
from rules.workflow import drawing_of, workflow_of
from supportops.tenancy.roles import Role
from supportops.tenancy.scope import working_for
from tests import builders
from tests.admin_world import History, make_history, urgent_document
from tests.builders import World, browser

pytestmark = pytest.mark.django_db
STEP = {"id": "tell", "platform": "slack", "action": "send_message", "parameters": {"channel": "#a", "message": "m"}}


@pytest.fixture
def ada(world: World) -> History:
    return make_history(world.ada)


@pytest.fixture
def client(ada: History) -> Any:
    return browser(ada.tenant.owner)


def address(view: str, *arguments: Any) -> str:
    return reverse(f"admin:rules_rule_{view}", args=arguments)


def sent(client: Any, view: str, body: dict[str, Any], *arguments: Any) -> Any:
    return client.post(address(view, *arguments), json.dumps(body), content_type="application/json")


def form_of(
    client: Any, step: dict[str, Any], filled: dict[str, Any] | None = None, view: str = "workflow_step_view"
) -> Any:
    data = {"original": json.dumps(step), **({"filled": "1", **filled} if filled is not None else {})}
    return client.post(address(view), data, format="multipart").json()


def drawing(ada: History, **changes: Any) -> dict[str, Any]:
    with working_for(ada.tenant.organization):
        document = authoring.live_version(ada.rule).document
    return drawing_of(workflow_of({"name": ada.rule.name, "enabled": True, **document, **changes}))


def test_a_step_is_shown_and_read_by_its_form(client: Any) -> None:
    shown = form_of(client, STEP)
    assert 'value="#a"' in shown["html"] and shown["step"] == STEP
    assert shown["face"]["title"] == "Send a message"
    filled = {
        "step-0-kind": "slack:send_message",
        "step-0-id": "say",
        "step-0-condition": "{{ ticket.priority == 4 }}",
        "step-0-on_failure": "continue",
        "step-0-on_uncertain": "hold",
        "step-0-p-channel": "#b",
        "step-0-p-message": "m",
    }
    read = form_of(client, STEP, filled)
    assert read["step"] == {
        **STEP,
        "id": "say",
        "condition": "{{ ticket.priority == 4 }}",
        "on_failure": "continue",
        "parameters": {"channel": "#b", "message": "m"},
    }
    assert [mark["text"] for mark in read["face"]["marks"]] == [
        "Only if {{ ticket.priority == 4 }}",
        "Goes on if it fails",
    ]


@pytest.mark.parametrize(
    ("step", "filled", "made"),
    [
        ({"wait": {"for": "15m"}}, {"step-0-p-for": "2h"}, {"wait": {"for": "2h"}}),
        (
            {"id": "ask", "approval": {"message": "Go?"}},
            {"step-0-id": "ask", "step-0-p-message": "Pay?", "step-0-on_failure": "abort"},
            {"id": "ask", "approval": {"message": "Pay?"}},
        ),
        (
            {"rule": "Other"},
            {"step-0-p-rule": "Another", "step-0-p-inputs": '{"a": 1}', "step-0-id": "next"},
            {"rule": "Another", "inputs": {"a": 1}, "id": "next"},
        ),
    ],
)
def test_steps_that_call_nobody_have_forms_too(
    client: Any, step: dict[str, Any], filled: dict[str, Any], made: dict[str, Any]
) -> None:
    assert form_of(client, step)["step"] == step
    kind = next(name for name in ("wait", "approval", "rule") if name in step)
    assert form_of(client, step, {"step-0-kind": f"@{kind}", "step-0-on_failure": "abort", **filled})["step"] == made


def test_what_cannot_be_read_is_said_and_makes_no_step(client: Any) -> None:
    step = {"action": "http_request", "parameters": {"url": "https://a.example"}}
    filled = {"step-0-kind": ":http_request", "step-0-p-url": "https://a.example", "step-0-p-headers": "{"}
    read = form_of(client, step, filled)
    assert read["step"] is None and "Line 1" in read["errors"][0] and 'role="alert"' in read["html"]


def test_the_trigger_is_chosen_beside_the_picture_and_conditions_stay(client: Any, ada: History) -> None:
    base = drawing(ada)["base"]
    shown = form_of(client, base, view="workflow_start_view")
    assert "Conditions are written" in shown["html"]
    filled = {
        "shown-platform": "freshdesk",
        "rule-name": "Renamed",
        "rule-enabled": "on",
        "trigger-platform": "freshdesk",
        "trigger-event": "ticket_updated",
    }
    made = form_of(client, base, filled, view="workflow_start_view")["step"]
    assert made["name"] == "Renamed"
    assert made["trigger"] == {**base["trigger"], "event": "ticket_updated"}
    other = form_of(client, base, {**filled, "trigger-platform": "manual"}, view="workflow_start_view")["step"]
    assert "conditions" not in other["trigger"] and other["trigger"].get("event") is None


def test_problems_come_by_their_nodes(client: Any, ada: History) -> None:
    made = drawing(ada)
    made["nodes"][0]["step"]["parameters"] = {"message": "{{ nobody.knows }}"}
    made["nodes"][1]["unknown"] = ["gone"]
    found = sent(client, "workflow_check_view", {"drawing": made}).json()["problems"]
    assert {item["at"] for item in found["n0"]} == {"parameters.message"}
    assert [item["at"] for item in found["n1"]] == ["needs.1"]


def test_a_cycle_is_refused(client: Any, ada: History) -> None:
    made = drawing(ada)
    made["nodes"][0]["after"] = ["n1"]
    answer = sent(client, "workflow_save_view", {"drawing": made, "version": ada.rule.version}, ada.rule.pk)
    assert answer.status_code == 400
    assert "wait for each other" in str(answer.json()["problems"])


def test_a_drawing_is_saved_as_a_new_version(client: Any, ada: History) -> None:
    made = drawing(ada)
    made["nodes"].append(
        {"key": "new1", "name": "", "step": STEP | {"id": "also"}, "after": ["n0"], "named": False, "unknown": []}
    )
    before = ada.rule.version
    answer = sent(client, "workflow_save_view", {"drawing": made, "version": before}, ada.rule.pk)
    assert answer.status_code == 200, answer.content
    assert answer.json()["version"] == before + 1
    assert answer.json()["names"] == {"n0": "tell", "n1": "step-2", "new1": "also"}
    with working_for(ada.tenant.organization):
        rule = Rule.objects.get(pk=ada.rule.pk)
        document = authoring.live_version(rule).document
    assert document["actions"][2] == {**STEP, "id": "also", "needs": ["tell"]}
    assert "needs" not in document["actions"][1]
    late = sent(client, "workflow_save_view", {"drawing": made, "version": before}, ada.rule.pk)
    assert late.status_code == 409 and f"version {before + 1}" in late.json()["detail"]


def test_a_new_rule_is_drawn(client: Any, ada: History) -> None:
    page = client.get(address("new_workflow_view"))
    assert page.status_code == 200 and page.context["config"]["drawing"]["nodes"] == []
    document = {**urgent_document(), "name": "Drawn"}
    answer = sent(client, "new_workflow_save_view", {"drawing": drawing_of(workflow_of(document)), "version": 0})
    assert answer.status_code == 200, answer.content
    assert client.get(answer.json()["address"]).status_code == 200
    nameless = drawing_of(workflow_of({**document, "name": ""}))
    refused = sent(client, "new_workflow_save_view", {"drawing": nameless, "version": 0})
    assert refused.status_code == 400 and refused.json()["problems"]["start"][0]["at"] == "name"


def test_a_rule_is_run_from_its_picture(client: Any, ada: History) -> None:
    form = client.get(address("workflow_run_view", ada.rule.pk))
    assert form.status_code == 200 and "run-any_inputs" in form.json()["html"]
    wrong = client.post(address("workflow_run_view", ada.rule.pk), {"run-any_inputs": "{"}, format="multipart")
    assert wrong.status_code == 400 and "Line 1" in wrong.json()["html"]
    begun = client.post(address("workflow_run_view", ada.rule.pk), {"run-any_inputs": ""}, format="multipart").json()
    states = client.get(begun["statesAt"]).json()
    assert states["ended"] is False and set(states["steps"]) == {"tell", "step-2"}
    with working_for(ada.tenant.organization):
        assert Run.objects.filter(cause="manual").count() == 1


def test_a_step_can_do_something_else_and_keeps_its_circumstances(client: Any) -> None:
    step = {**STEP, "condition": "{{ ticket.priority == 4 }}"}
    data = {"original": json.dumps(step), "use": "@wait"}
    made = client.post(address("workflow_step_view"), data, format="multipart").json()
    assert made["step"] == {"wait": {}, "id": "tell", "condition": "{{ ticket.priority == 4 }}"}
    data = {"original": json.dumps({"id": "new"}), "use": ":http_request"}
    assert (
        client.post(address("workflow_step_view"), data, format="multipart").json()["step"]["action"] == "http_request"
    )
    gone = client.post(address("workflow_step_view"), {**data, "use": "nobody:nothing"}, format="multipart")
    assert gone.status_code == 400 and "nobody:nothing" in gone.json()["detail"]


def test_a_step_can_be_written_as_json(client: Any) -> None:
    data = {"original": json.dumps(STEP), "json": "1"}
    shown = client.post(address("workflow_step_view"), data, format="multipart").json()
    assert "The step as JSON" in shown["html"]
    written = {**data, "filled": "1", "step-0-step": '{"id": "a", "for_each": [1], "action": "x", "needs": ["b"]}'}
    made = client.post(address("workflow_step_view"), written, format="multipart").json()
    assert made["step"] == {"id": "a", "for_each": [1], "action": "x"}
    odd = client.post(address("workflow_step_view"), {**written, "step-0-step": "[]"}, format="multipart").json()
    assert odd["step"] is None and "object" in odd["errors"][0]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"drawing": 5}', b'{"drawing": {"base": {}}}', b"\xff"])
@pytest.mark.parametrize("view", ["workflow_check_view", "new_workflow_save_view"])
def test_odd_bodies_are_refused_with_a_reason(client: Any, body: bytes, view: str) -> None:
    answer = client.post(address(view), body, content_type="application/json")
    assert answer.status_code == 400 and answer.json()["detail"]


@pytest.mark.parametrize(
    "original", ["", "5", "{", '{"action": 5}', '{"wait": 1}', '{"parameters": 5}', '{"retry": "a"}']
)
def test_odd_steps_break_nothing(client: Any, original: str) -> None:
    for more in ({}, {"filled": "1"}, {"filled": "1", "step-0-step": "[]", "step-0-kind": ":http_request"}):
        for view in ("workflow_step_view", "workflow_start_view"):
            answer = client.post(address(view), {"original": original, **more}, format="multipart")
            assert answer.status_code in (200, 400), answer.content


def test_older_versions_are_looked_at_and_not_edited(client: Any, ada: History) -> None:
    live = client.get(address("workflow_view", ada.rule.pk))
    assert live.context["config"]["mode"] == "editor"
    older = client.get(address("workflow_view", ada.rule.pk) + "?version=1")
    assert older.context["config"]["mode"] == "picture"
    gone = client.get(address("workflow_view", ada.rule.pk) + "?version=99", follow=True)
    assert "no such version" in gone.content.decode()


def test_a_viewer_has_the_picture_alone(ada: History) -> None:
    viewer = browser(builders.make_member(ada.tenant.organization, Role.VIEWER))
    page = viewer.get(address("workflow_view", ada.rule.pk))
    assert page.context["config"]["mode"] == "picture" and "addresses" not in page.context["config"]
    body = {"drawing": drawing(ada), "version": ada.rule.version}
    assert sent(viewer, "workflow_save_view", body, ada.rule.pk).status_code == 403
    assert viewer.get(address("workflow_run_view", ada.rule.pk)).status_code == 403
