"""Approvals asked and answered in Slack: the question, its buttons, who may press them, what stands there then."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote_plus

import httpx
import pytest
from django.test import Client

from audit.models import AuditEntry
from integrations import health, lifecycle
from integrations.connectors.slack.connector import Slack
from integrations.lifecycle import WebhookWishes
from integrations.models import Endpoint
from rules import chat_calls, chat_questions, interventions, recovery
from rules.models import ChatCall, StepContent
from supportops import clock
from supportops.tenancy.roles import Role
from supportops.tenancy.scope import working_for
from tests.builders import make_member
from tests.integrations.recorded import request as recorded
from tests.rules.engine import SLACK, TOOL, Desk, request_to
from tests.webhooks.senders import SECRETS
from webhooks.models import Delivery
from webhooks.processing import process_due

pytestmark = pytest.mark.django_db(transaction=True)

API = "https://slack.com/api"
UPDATE, WORD, INFO, WHO = (f"{API}/{name}" for name in ("chat.update", "chat.postEphemeral", "users.info", "auth.test"))
AFTER = request_to(name="after")


@pytest.fixture(autouse=True)
def _slack(desk: Desk) -> None:
    """A workspace in which U001 is amy, an admin here, and U002 somebody who is no member."""
    make_member(desk.organization, Role.ADMIN, email="amy@example.com")
    make_member(desk.organization, Role.OPERATOR, email="olaf@example.com")
    people = {"U001": "amy@example.com", "U002": "eve@example.com", "U003": "olaf@example.com"}

    def info(request: httpx.Request) -> httpx.Response:
        user = request.url.params["user"]
        found = {"id": user, "team_id": "T1", "profile": {"email": people[user]}}
        return httpx.Response(200, json={"ok": True, "user": found})

    desk.platform.on("GET", INFO, info)
    desk.platform.on("POST", WHO, {"ok": True, "team_id": "T1", "user_id": "UBOT"})
    desk.platform.on("POST", UPDATE, {"ok": True, "channel": "C1", "ts": "1.2"})
    desk.platform.on("POST", WORD, {"ok": True, "message_ts": "1.3"})
    desk.platform.on("POST", SLACK, {"ok": True, "ts": "1763719400.000500", "channel": "C024BE91L"})
    with working_for(desk.organization):
        lifecycle.change(desk.integration("slack"), webhook=WebhookWishes(secret=SECRETS["slack"]))


def attend_once() -> None:
    """Do what the chore does for chats."""
    chat_questions.close_decided()
    chat_calls.send_due()


def ask(desk: Desk, *, attend: bool = True, **approval: Any) -> None:
    given = {"message": "Refund {{ ticket.subject }}?", "roles": ["admin"], "slack": {"channel": "#ops"}, **approval}
    desk.rule({"id": "ask", "approval": given}, AFTER)
    desk.ticket()
    desk.perform()
    if attend:
        attend_once()


def sent(desk: Desk, url: str) -> list[Any]:
    return [json.loads(r.content) for r in desk.platform.requests if str(r.url) == url]


def buttons(desk: Desk) -> dict[str, str]:
    [actions] = [block for block in sent(desk, SLACK)[-1]["blocks"] if block["type"] == "actions"]
    return {element["action_id"]: element["value"] for element in actions["elements"]}


def press(desk: Desk, action: str = "supportops_approve", user: str = "U001", value: str = "", at: str = "1") -> Any:
    """Let somebody press a button, as Slack tells it; return the answer that Slack gets."""
    interaction = json.loads(recorded("slack", "button_clicked__approval").payload["payload"])
    interaction["user"]["id"], interaction["trigger_id"] = user, f"{at}.{user}.{action}"
    interaction["actions"][0] |= {"action_id": action, "value": value or buttons(desk)[action]}
    body = f"payload={quote_plus(json.dumps(interaction))}".encode()
    with working_for(desk.organization):
        endpoint = Endpoint.objects.get(integration=desk.integration("slack"))
    headers = Slack.signature.sign(body, SECRETS["slack"], clock.now())
    return Client().post(
        f"/api/webhooks/slack/{endpoint.key}",
        body,
        content_type="application/x-www-form-urlencoded",
        headers=headers,
    )


def decide_by(desk: Desk, *args: Any, **kwargs: Any) -> Any:
    answer = press(desk, *args, **kwargs)
    process_due()
    attend_once()
    desk.perform()
    return answer


def test_the_question_is_posted_with_two_buttons(desk: Desk) -> None:
    ask(desk)
    attend_once()
    (message,) = sent(desk, SLACK)
    assert message["channel"] == "#ops" and set(buttons(desk)) == {"supportops_approve", "supportops_reject"}
    text = json.dumps(message)
    assert "Refund Printer on fire?" in text and f"/admin/rules/run/{desk.run.pk}/" in text
    with working_for(desk.organization):
        assert ChatCall.objects.get().parameters == {}


@pytest.mark.parametrize(
    ("action", "status", "done", "says"),
    [
        ("supportops_approve", "succeeded", 1, "Approved by amy@example.com."),
        ("supportops_reject", "failed", 0, "Rejected by amy@example.com."),
    ],
)
def test_a_press_decides_as_the_member_with_that_address(
    desk: Desk, action: str, status: str, done: int, says: str
) -> None:
    ask(desk)
    answer = decide_by(desk, action)
    # Whoever pressed is shown what we answer: nothing.
    assert (answer.status_code, answer.content) == (200, b"")
    assert (desk.run.status, desk.sent(TOOL)) == (status, done)
    (update,) = sent(desk, UPDATE)
    assert (update["channel"], update["ts"]) == ("C024BE91L", "1763719400.000500")
    assert says in json.dumps(update) and "supportops_approve" not in json.dumps(update)
    with working_for(desk.organization):
        entry = AuditEntry.objects.get(action="step.approved" if done else "step.rejected")
        assert entry.actor_type == "user" and entry.changes["via"] == "slack"
        assert Delivery.objects.get(platform="slack").status == "processed"
    attend_once()
    assert len(sent(desk, UPDATE)) == 1


@pytest.mark.parametrize(("user", "says"), [("U002", "no member has"), ("U003", "not yours")])
def test_whoever_may_not_is_told_alone(desk: Desk, user: str, says: str) -> None:
    ask(desk)
    assert decide_by(desk, user=user).status_code == 200
    (word,) = sent(desk, WORD)
    assert (word["user"], word["channel"]) == (user, "C024BE91L") and says in word["text"]
    assert desk.step("ask").waits_for == "approval" and not sent(desk, UPDATE)
    decide_by(desk, user="U001")
    assert desk.run.status == "succeeded"


def test_the_second_who_presses_is_told_that_it_is_decided(desk: Desk) -> None:
    ask(desk, roles=["admin", "operator"])
    press(desk, user="U001")
    decide_by(desk, "supportops_reject", user="U003")
    assert desk.run.status == "succeeded" and "decided already" in sent(desk, WORD)[0]["text"]


def test_a_press_counts_once_however_often_it_comes(desk: Desk) -> None:
    ask(desk)
    press(desk)
    decide_by(desk)
    assert desk.run.status == "succeeded" and not sent(desk, WORD)
    with working_for(desk.organization):
        assert AuditEntry.objects.filter(action="step.approved").count() == 1


@pytest.mark.parametrize("value", ["x", "01a1ff34-590e-73ee-a584-53739244562a"])
def test_a_button_that_asks_nothing_decides_nothing(desk: Desk, value: str) -> None:
    ask(desk)
    decide_by(desk, value=value)
    assert desk.step("ask").waits_for == "approval" and not sent(desk, WORD)


def test_a_message_says_what_was_decided_elsewhere_and_that_nobody_answered(desk: Desk) -> None:
    ask(desk, deadline="1h")
    with working_for(desk.organization):
        interventions.cancel(desk.run.pk)
    attend_once()
    ask(desk, deadline="1h")
    with clock.moved(timedelta(hours=2)):
        recovery.end_waits()
        attend_once()
    told = [json.dumps(body) for body in sent(desk, UPDATE)]
    assert "the run was cancelled" in told[0] and "Nobody approved in time." in told[1]


def test_a_question_that_is_decided_before_it_could_be_posted_is_not(desk: Desk) -> None:
    ask(desk, attend=False)
    with working_for(desk.organization):
        interventions.decide(desk.run.pk, "ask", True)
    attend_once()
    assert not sent(desk, SLACK) and not sent(desk, UPDATE)


def test_a_busy_slack_is_asked_again_and_a_refusal_stands_on_the_run(desk: Desk) -> None:
    desk.platform.on("POST", SLACK, {"ok": False, "error": "ratelimited"}, status=429)
    ask(desk)
    with working_for(desk.organization):
        row = ChatCall.objects.get()
        assert row.due_at is not None and row.attempts_made == 1 and row.sending_since is None
    desk.platform.on("POST", SLACK, {"ok": False, "error": "channel_not_found"})
    with clock.moved(timedelta(minutes=5)):
        chat_calls.send_due()
    with working_for(desk.organization):
        assert ChatCall.objects.get().due_at is None
        (warning,) = StepContent.objects.get(step=desk.step("ask")).warnings
    assert "The question was not posted" in warning and "channel_not_found" in warning


def test_a_sender_that_dies_during_the_call_does_not_post_twice(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(desk, attend=False)

    def dies(outcomes: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(health, "note_outcomes", dies)
        chat_calls.send_due()
    with clock.moved(timedelta(minutes=3)):
        chat_calls.send_due()
    with working_for(desk.organization):
        row = ChatCall.objects.get()
        assert "not known" in StepContent.objects.get(step=desk.step("ask")).warnings[0]
    assert len(sent(desk, SLACK)) == 1
    # It did arrive: then its buttons work, and its message is put right.
    decide_by(desk, value=str(row.pk))
    assert desk.run.status == "succeeded" and sent(desk, UPDATE)[0]["ts"] == "1763719400.000500"


def test_without_slack_the_approval_still_waits_and_says_so(desk: Desk) -> None:
    with working_for(desk.organization):
        lifecycle.change(desk.integration("slack"), is_enabled=False)
    ask(desk)
    assert desk.step("ask").waits_for == "approval"
    with working_for(desk.organization):
        assert "switched off" in StepContent.objects.get(step=desk.step("ask")).warnings[0]


def test_a_busy_slack_that_does_not_say_who_it_was_is_asked_again(desk: Desk) -> None:
    ask(desk)
    desk.platform.on("GET", INFO, {"ok": False, "error": "ratelimited"}, status=429)
    press(desk)
    process_due()
    assert desk.step("ask").waits_for == "approval"
    desk.platform.on(
        "GET", INFO, {"ok": True, "user": {"id": "U001", "team_id": "T1", "profile": {"email": "amy@example.com"}}}
    )
    with clock.moved(timedelta(minutes=5)):
        process_due()
    assert desk.step("ask").status == "succeeded"
