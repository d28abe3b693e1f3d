"""The built-in platforms, met by our own connectors over a real socket."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from integrations import registry
from integrations.base import BaseIntegration
from integrations.connecting import connect_with
from integrations.errors import (
    CredentialsRejected,
    IntegrationError,
    NotFound,
    RateLimited,
    Unavailable,
    Uncertain,
)
from integrations.specs import Action, Call, Result
from supportops.running.sandbox_platform import Fault, SandboxPlatform
from supportops.running.sandbox_platform.arrivals import Arrivals

CREDENTIALS: dict[str, dict[str, Any]] = {
    "slack": {"bot_token": "xoxb-sandbox", "user_token": "xoxp-sandbox"},
    "trello": {"api_key": "sandboxkey", "token": "sandboxtoken"},
    "freshdesk": {"domain": "acme.freshdesk.com", "api_key": "sandbox-api-key"},
    "zendesk": {"subdomain": "acme", "email": "ops@example.com", "api_token": "sandbox-token"},
}


@pytest.fixture
def sandbox(settings: Any) -> Iterator[SandboxPlatform]:
    with SandboxPlatform() as running:
        settings.PLATFORM_URLS = running.platform_urls
        settings.OUTBOUND_ALLOW = [running.outbound_allow]
        yield running


def connector(platform: str, *, deadline: float = 10, key: str = "", **credentials: Any) -> BaseIntegration:
    call = Call(idempotency_key=key, deadline=deadline)
    return connect_with(registry.get(platform), credentials or CREDENTIALS[platform], call=call)


def perform(platform: str, action: str, **parameters: Any) -> Result:
    return connector(platform).execute(Action(action, parameters))


# --- each platform --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("platform", sorted(CREDENTIALS))
def test_the_connection_test_of_each_platform_succeeds(platform: str, sandbox: SandboxPlatform) -> None:
    assert perform(platform, "test_connection").success
    assert [arrival.platform for arrival in sandbox.arrived()] == [platform] * len(sandbox.arrived())
    assert not sandbox.arrived(effects=True)


@pytest.mark.parametrize(
    ("platform", "field"),
    [("slack", "bot_token"), ("trello", "token"), ("freshdesk", "api_key"), ("zendesk", "api_token")],
)
def test_wrong_credentials_are_rejected(platform: str, field: str, sandbox: SandboxPlatform) -> None:
    credentials = {**CREDENTIALS[platform], field: "a-wrong-one"}
    with pytest.raises(CredentialsRejected):
        connector(platform, **credentials).execute(Action("test_connection"))


def test_every_action_of_slack(sandbox: SandboxPlatform) -> None:
    assert perform("slack", "send_message", channel="#urgent-tickets", message="Urgent ticket: x").data["ts"]
    assert perform("slack", "send_message", user="ada@example.com", message="Hi").success
    assert perform("slack", "send_notification", channel="#support", title="T", message="m", fields={"a": 1}).success
    channel = perform("slack", "create_channel", name="incident-1", topic="Payment").data["channel"]
    assert perform("slack", "invite_user", channel="#incident-1", user="ada@example.com").success
    assert perform("slack", "invite_user", channel=channel, user="ada@example.com").success
    assert perform("slack", "set_topic", channel="incident-1", topic="Solved").success
    assert perform("slack", "upload_file", content="log", title="report", channels="#support").data["size"] == 3
    assert perform("slack", "archive_channel", channel="incident-1").success
    assert perform("slack", "set_status", text="On call", emoji="pager").success
    assert perform("slack", "set_presence", presence="away").success
    [first, *_] = sandbox.arrived("slack", "chat.postMessage")
    assert first.body == {"channel": "#urgent-tickets", "text": "Urgent ticket: x"}
    assert sandbox.platforms["slack"].all("files")[0]["content"] == "log"


def test_slacks_incoming_webhook(sandbox: SandboxPlatform) -> None:
    hook = {"webhook_url": "https://hooks.slack.com/services/T0/B0/abcdefgh"}
    assert connector("slack", **hook).execute(Action("test_connection")).success
    assert connector("slack", **hook).execute(Action("send_message", {"text": "Hi"})).success
    assert [arrival.has_effect for arrival in sandbox.arrived("slack")] == [False, True]
    assert "abcdefgh" not in str(sandbox.arrived("slack")), "the address is a credential"
    with pytest.raises(CredentialsRejected):
        connector("slack", webhook_url="https://hooks.slack.com/services/T0/B0/invalid").execute(
            Action("test_connection")
        )


def test_every_action_of_trello(sandbox: SandboxPlatform) -> None:
    card = perform(
        "trello", "create_card", board="Support", list="To do", name="Refund", labels="urgent", members="ada"
    ).data
    short = card["shortLink"]
    assert perform("trello", "update_card", card=short, name="Refund now", due="2026-12-01T00:00:00Z").success
    assert perform("trello", "move_card", card=short, list="Done").success
    assert perform("trello", "add_comment", card=short, text="Hello").success
    for added in (2, 0):
        data = perform("trello", "add_checklist", card=short, name="Steps", items=["a", "b"]).data
        assert data["added"] == added
    for _ in range(2):
        assert perform("trello", "add_label", card=short, label="refund").success
        assert perform("trello", "add_attachment", card=short, url="https://a.example/1").success
    assert perform("trello", "add_attachment", card=short, content="x", filename="a.txt").success
    assert perform("trello", "create_list", board="Support", name="Later").success
    assert perform("trello", "create_board", name="Incident").success
    [kept] = sandbox.platforms["trello"].all("cards")
    assert (kept["name"], len(kept["idLabels"]), len(kept["idMembers"])) == ("Refund now", 2, 1)
    assert len(sandbox.platforms["trello"].all("attachments")) == 2


def test_actions_of_freshdesk(sandbox: SandboxPlatform) -> None:
    opened = {"subject": "Refund", "description": "Please", "email": "bo@example.com", "priority": 4}
    ticket = perform("freshdesk", "create_ticket", **opened).data["id"]
    assert perform("freshdesk", "update_ticket", ticket_id=ticket, type="Refund").success
    assert perform("freshdesk", "add_note", ticket_id=ticket, body="For us").success
    assert perform("freshdesk", "add_reply", ticket_id=ticket, body="For you").success
    assert perform("freshdesk", "assign_ticket", ticket_id=ticket, agent="Ada Byron").success
    assert perform("freshdesk", "change_status", ticket_id=ticket, status="resolved").success
    assert perform("freshdesk", "add_time_entry", ticket_id=ticket, time_spent="01:30", agent="Ada Byron").success
    assert perform("freshdesk", "create_contact", name="Cy", email="cy@example.com").success
    assert perform("freshdesk", "create_company", name="Acme").success
    assert perform("freshdesk", "bulk_update", ticket_ids=[ticket, 99], priority=1).data["updated"] == [ticket]
    kept = sandbox.platforms["freshdesk"].find("tickets", ticket)
    assert kept is not None and (kept["status"], kept["priority"], kept["responder_id"]) == (4, 1, 2)
    said = sandbox.platforms["freshdesk"].all("conversations")
    assert [(item["private"], item["body"][:7]) for item in said] == [(True, "For us"), (False, "For you")]
    with pytest.raises(NotFound):
        perform("freshdesk", "change_status", ticket_id=99, status="resolved")


def test_actions_of_zendesk(sandbox: SandboxPlatform) -> None:
    ticket = perform("zendesk", "create_ticket", subject="Refund", comment="Please").data["id"]
    assert perform("zendesk", "apply_macro", ticket_id=ticket, macro="Escalate").success
    assert perform("zendesk", "add_comment", ticket_id=ticket, body="Hello").success
    assert perform("zendesk", "assign_ticket", ticket_id=ticket, assignee="ada@example.com").success
    assert perform("zendesk", "add_tags", ticket_id=ticket, tags=["vip"]).success
    assert perform("zendesk", "create_user", name="Cy", email="cy@example.com").success
    assert perform("zendesk", "create_organization", name="Acme").success
    assert perform("zendesk", "bulk_update", ticket_ids=[ticket], type="task").success
    assert perform("zendesk", "search", query="refund").data["results"]
    assert perform("zendesk", "change_status", ticket_id=ticket, status="solved").success
    kept = sandbox.platforms["zendesk"].find("tickets", ticket)
    assert kept is not None
    assert (kept["status"], kept["priority"], kept["assignee_id"], kept["tags"]) == ("solved", "urgent", 2, ["vip"])
    with pytest.raises(NotFound):
        perform("zendesk", "change_status", ticket_id=99, status="solved")


def test_zendesk_keeps_idempotency_keys(sandbox: SandboxPlatform) -> None:
    body = {"ticket": {"subject": "x", "comment": {"body": "y"}}}
    headers = {"Authorization": "Bearer t", "Idempotency-Key": "one"}
    first, second = (httpx.post(f"{sandbox.url}/zendesk/tickets.json", json=body, headers=headers) for _ in range(2))
    assert first.json()["ticket"]["id"] == second.json()["ticket"]["id"]
    assert [answer.headers["x-idempotency-lookup"] for answer in (first, second)] == ["miss", "hit"]
    assert len(sandbox.arrived("zendesk", effects=True)) == 1


# --- what arrived ---------------------------------------------------------------------------------------------
def test_what_arrived_is_shown_without_credentials(sandbox: SandboxPlatform) -> None:
    perform("slack", "send_message", channel="#support", message="<b>Hi</b>")
    shown = httpx.get(f"{sandbox.url}/_arrived", params={"platform": "slack", "effects": 1}).json()
    assert (shown["total"], shown["count"], shown["effects"]) == (1, 1, 1)
    assert shown["calls"] == {"slack POST /chat.postMessage": 1}
    assert shown["arrived"][0]["body"]["text"] == "<b>Hi</b>" and shown["arrived"][0]["signed_in"] is True
    page = httpx.get(sandbox.url)
    assert "&lt;b&gt;Hi&lt;/b&gt;" in page.text and page.headers["content-type"].startswith("text/html")
    assert CREDENTIALS["slack"]["bot_token"] not in json.dumps(shown) + page.text


def test_what_is_kept_is_bounded_and_counted() -> None:
    kept = Arrivals(most=3)
    for number in range(5):
        kept.keep(
            platform="slack", method="POST", path=f"/{number}", query={}, headers={}, signed_in=True, body=None,
            status=200, has_effect=True, fault="",
        )  # fmt: skip
    assert [arrival.number for arrival in kept.find(after=3)] == [4, 5] and kept.total == 5
    assert len(kept.find()) == 3


def test_objects_can_be_put_there(sandbox: SandboxPlatform) -> None:
    ticket = {"id": 4711, "subject": "Charged twice", "priority": 4, "status": 2}
    assert httpx.put(f"{sandbox.url}/_objects/freshdesk/tickets", json=ticket).status_code == 200
    assert httpx.get(f"{sandbox.url}/freshdesk/tickets/4711", auth=("key", "X")).json()["subject"] == "Charged twice"
    assert httpx.get(f"{sandbox.url}/_objects/freshdesk/tickets").json() == [ticket]
    httpx.post(f"{sandbox.url}/_reset")
    assert httpx.get(f"{sandbox.url}/_objects/freshdesk/tickets").json() == [] and sandbox.arrived() == []


# --- faults ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fault", "error", "has_effect"),
    [
        ({"kind": "status", "status": 429, "retry_after": "3"}, RateLimited, False),
        ({"kind": "status", "status": 503}, Unavailable, False),
        ({"kind": "error", "code": "channel_not_found"}, NotFound, False),
        ({"kind": "cut"}, Uncertain, True),
        ({"kind": "cut_before"}, Uncertain, False),
        ({"kind": "hang", "seconds": 2}, Uncertain, False),
        ({"kind": "drip", "seconds": 3}, Uncertain, True),
    ],
)
def test_a_fault_is_what_a_connector_takes_it_for(
    fault: dict[str, Any], error: type[IntegrationError], has_effect: bool, sandbox: SandboxPlatform
) -> None:
    answer = httpx.post(f"{sandbox.url}/_faults", json={"platform": "slack", "path": "postMessage", **fault})
    assert answer.status_code == 201
    with pytest.raises(error) as caught:
        connector("slack", deadline=1).execute(Action("send_message", {"channel": "#support", "text": "x"}))
    assert type(caught.value) is error
    assert [arrival.has_effect for arrival in sandbox.arrived("slack")] == [has_effect]
    assert not isinstance(caught.value, RateLimited) or caught.value.retry_after == 3
    assert connector("slack").execute(Action("send_message", {"channel": "#support", "text": "x"})).success


def test_a_fault_meets_as_many_requests_as_it_says_and_only_those_that_fit(sandbox: SandboxPlatform) -> None:
    sandbox.fault("status", platform="trello", method="POST", times=2, status=500)
    assert perform("slack", "test_connection").success and perform("trello", "test_connection").success
    for _ in range(2):
        with pytest.raises(Unavailable):
            perform("trello", "create_board", name="x")
    assert perform("trello", "create_board", name="x").success


def test_faults_that_are_none_are_refused(sandbox: SandboxPlatform) -> None:
    for body in ({"kind": "explode"}, {"kind": "status", "status": 42}, {}, {"kind": "cut", "colour": "red"}, [1]):
        assert httpx.post(f"{sandbox.url}/_faults", json=body).status_code == 400
    with pytest.raises(ValueError, match="explode"):
        Fault("explode")  # type: ignore[arg-type]
    sandbox.fault("cut")
    assert len(httpx.get(f"{sandbox.url}/_faults").json()) == 1
    assert httpx.delete(f"{sandbox.url}/_faults").status_code == 200 and sandbox.faults.as_json() == []


def test_after_a_cut_the_earlier_card_is_found_and_not_made_twice(sandbox: SandboxPlatform) -> None:
    key = "01a0b1c2-d3e4-7f00-8a1b-2c3d4e5f6071"
    list_id = sandbox.platforms["trello"].all("lists")[0]["id"]
    parameters = {"list": list_id, "name": "Refund"}
    sandbox.fault("cut", platform="trello", path="/cards")
    with pytest.raises(Uncertain):
        connector("trello", key=key).execute(Action("create_card", parameters))
    trello = registry.get("trello")
    spec = trello.action_spec("create_card")
    found = connector("trello", key=key).call_handler(spec.find_earlier, spec.model.model_validate(parameters))
    assert found.data["id"] == sandbox.platforms["trello"].all("cards")[0]["id"]


# --- the odd rest ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/trello/nowhere?key=a&token=b", 404),
        ("GET", "/slack/nowhere", 200),
        ("POST", "/zendesk/nowhere", 401),
        ("GET", "/_arrived?after=x", 400),
        ("PATCH", "/freshdesk/tickets/1", 401),
        ("PUT", "/_objects/nowhere/tickets", 404),
    ],
)
def test_unknown_addresses(method: str, path: str, status: int, sandbox: SandboxPlatform) -> None:
    assert httpx.request(method, sandbox.url + path).status_code == status


def test_a_body_without_length_or_too_large_is_refused(sandbox: SandboxPlatform) -> None:
    host, port = sandbox.outbound_allow.split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(b"POST /slack/chat.postMessage HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


@pytest.mark.servers
def test_it_runs_as_a_program_and_ends_when_told() -> None:
    command = [sys.executable, "-m", "supportops.running.sandbox_platform", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[3]
        assert process.stdout.readline().startswith("SUPPORTOPS_OUTBOUND_ALLOW=127.0.0.1:")
        assert json.loads(process.stdout.readline().split("=", 1)[1].strip().strip("'"))["slack"] == f"{address}/slack"
        assert httpx.get(f"{address}/_arrived").json()["total"] == 0
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0 and time.monotonic() - started < 5
