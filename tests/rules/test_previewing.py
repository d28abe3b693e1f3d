"""Texts of a rule's page are rendered while somebody writes them: for the chosen event, bounded, without effect."""

import json
from typing import Any

import pytest

from rules import authoring
from rules.models import Run, StepContent
from supportops.tenancy.scope import working_for
from tests import builders
from tests.admin_world import History, make_history
from tests.builders import World, browser

pytestmark = pytest.mark.django_db
PLACE = "/admin/rules/rule/preview/"


@pytest.fixture
def ada(world: World) -> History:
    return make_history(world.ada)


def asked(client: Any, text: str, **more: Any) -> Any:
    one = {"key": "a", "text": text, "choice": "slack:send_message", "parameter": "message", **more.pop("one", {})}
    body = {"fields": [one], "platform": "freshdesk", "types": ["ticket_created"], "event": "sample", **more}
    return client.post(PLACE, json.dumps(body), content_type="application/json")


def shown(client: Any, text: str, **more: Any) -> dict[str, Any]:
    answer = asked(client, text, **more)
    assert answer.status_code == 200, answer.content
    result: dict[str, Any] = answer.json()["results"]["a"]
    return result


def test_a_text_is_shown_as_it_would_be_sent(ada: History) -> None:
    client = browser(ada.tenant.owner)
    event = str(ada.event.pk)
    found = shown(client, "Urgent: {{ ticket.subject }}", event=event)
    # As Slack gets it: what stands in the event is only ever text there.
    assert found["value"] == f"Urgent: {ada.mark} &lt;b&gt;fire&lt;/b&gt;" and not found["warnings"]
    assert shown(client, "{{ env.REGION }} {{ env.KEY }}")["value"] == f"{ada.mark}-region ••••••"
    assert shown(client, "{{ ticket.nowhere }}", event=event)["warnings"]
    condition = {"one": {"parameter": ""}, "event": event}
    assert "left out" in shown(client, "{{ ticket.priority > 4 }}", **condition)["value"]
    assert "done" in shown(client, "ticket.priority == 4", **condition)["value"]


def test_what_differs_from_item_to_item_says_so(ada: History) -> None:
    client = browser(ada.tenant.owner)
    assert shown(client, "{{ index }}: {{ item.name }}") == {"value": "It differs from item to item."}
    assert shown(client, "{{ item.open }}", one={"parameter": ""}) == {"value": "It differs from item to item."}


@pytest.mark.parametrize(
    ("text", "said", "where"),
    [
        ("a {{ tikket.id }}", "tikket", "line 1, column 6"),
        ("\n{{ ticket.id", "never closed", "line 2, column 1"),
        ("{{ steps.tell.output }}", "tell", "line 1, column 10"),
    ],
)
def test_errors_say_where_they_are(ada: History, text: str, said: str, where: str) -> None:
    found = shown(browser(ada.tenant.owner), text, steps=["tell"])
    assert said in found["error"] and found["where"] == where


def test_earlier_steps_are_what_they_brought_last(ada: History) -> None:
    client = browser(ada.tenant.owner)
    with working_for(ada.tenant.organization):
        step = ada.done_run.steps.get()
        StepContent.objects.update_or_create(step=step, defaults={"output": {"ts": "17.4"}})
    more = {"steps": [step.name, "other"], "rule": str(ada.rule.pk), "one": {"position": 1}}
    assert shown(client, "{{ steps.tell.output.ts }}", **more)["value"] == "17.4"
    page = client.get(f"/admin/rules/rule/{ada.rule.pk}/change/").content.decode()
    assert "steps.tell.output.ts" in page and "env.REGION" in page and "ticket.subject" in page


def test_nobody_sees_anothers_events_or_steps(ada: History, world: World) -> None:
    bo = make_history(world.bo)
    client = browser(ada.tenant.owner)
    assert bo.mark not in json.dumps(shown(client, "{{ ticket.subject }}", event=str(bo.event.pk)))
    more = {"steps": ["tell", "x"], "rule": str(bo.rule.pk), "one": {"position": 1}}
    assert shown(client, "{{ steps.tell.output }}", **more)["value"] == ""


def test_who_may_not_write_sees_no_preview(ada: History) -> None:
    assert asked(browser(builders.make_member(ada.tenant.organization, "viewer")), "x").status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{",
        '{"fields": 5}',
        json.dumps({"fields": [{"key": "a", "text": "x" * 30_000}]}),
        json.dumps({"fields": [{"key": "a", "text": "x"}] * 200}),
        '{"fields": [], "rule": "x"}',
    ],
)
def test_what_no_page_asks_is_refused(ada: History, body: str) -> None:
    answer = browser(ada.tenant.owner).post(PLACE, body, content_type="application/json")
    assert answer.status_code == 400 and answer.json()["problem"]


@pytest.mark.parametrize(
    "one",
    [
        {"choice": "@wait", "parameter": "for"},
        {"choice": "nowhere:nothing"},
        {"choice": ":http_request", "parameter": "url"},
    ],
)
def test_every_kind_of_step_is_shown(ada: History, one: dict[str, str]) -> None:
    found = shown(browser(ada.tenant.owner), "https://x.example/{{ ticket.id }}", one=one)
    assert found["value"].startswith("https://x.example/")


def test_nothing_is_kept(ada: History) -> None:
    shown(browser(ada.tenant.owner), "{{ ticket.subject }}")
    with working_for(ada.tenant.organization):
        assert Run.objects.count() == 3 and authoring.live_version(ada.rule).number == ada.rule.version
