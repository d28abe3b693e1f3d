"""The whole way with real bytes: a signed webhook becomes work on another platform."""

import base64
import json
from typing import Any

import pytest

from rules.execution import StepSource
from tests.builders import World, api_client
from tests.fake_platform import FakePlatform, in_place_of_the_network
from webhooks.processing import process_due

SLACK = "https://slack.com/api/chat.postMessage"
TICKET = "https://acme.freshdesk.com/api/v2/tickets/42"


@pytest.fixture
def platform() -> Any:
    with in_place_of_the_network() as fake:
        yield fake


def connect(client: Any, platform: str, name: str, credentials: dict[str, str], **more: Any) -> dict[str, Any]:
    body = {"platform": platform, "name": name, "credentials": credentials, **more}
    response = client.post("/api/integrations/", body, format="json")
    assert response.status_code == 201, response.content
    answer: dict[str, Any] = response.json()
    return answer


def urgent_rule(client: Any) -> dict[str, Any]:
    response = client.post(
        "/api/rules/",
        {
            "name": "Auto-assign urgent tickets",
            "trigger": {"platform": "freshdesk", "event": "ticket_created", "conditions": {"priority": 4}},
            "actions": [
                {
                    "platform": "slack",
                    "action": "send_message",
                    "parameters": {"channel": "#urgent-tickets", "message": "Urgent ticket: {{ticket.subject}}"},
                }
            ],
        },
        format="json",
    )
    assert response.status_code == 201, response.content
    answer: dict[str, Any] = response.json()
    return answer


def send(client: Any, webhook: dict[str, Any], body: dict[str, Any]) -> Any:
    password = base64.b64encode(f"supportops:{webhook['secret']}".encode()).decode()
    path = webhook["url"].removeprefix("http://127.0.0.1:8000")
    return client.post(
        path, json.dumps(body), content_type="application/json", headers={"Authorization": f"Basic {password}"}
    )


def ticket(priority: int) -> dict[str, Any]:
    return {
        "id": 42,
        "subject": "Printer on fire",
        "priority": priority,
        "status": 2,
        "created_at": "2026-11-20T10:00:00Z",
        "updated_at": "2026-11-20T10:00:00Z",
    }


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("priority", "messages"), [(4, 1), (2, 0)])
def test_an_urgent_ticket_becomes_exactly_one_message(
    world: World, client: Any, platform: FakePlatform, priority: int, messages: int
) -> None:
    api = api_client(world.ada.token)
    freshdesk = connect(api, "freshdesk", "My Freshdesk", {"domain": "acme.freshdesk.com", "api_key": "k" * 20})
    connect(api, "slack", "Our Slack", {"bot_token": "xoxb-1234567890-abcdef"})
    urgent_rule(api)
    platform.on("GET", TICKET, ticket(priority))
    platform.on("POST", SLACK, {"ok": True, "ts": "1.2", "channel": "C1"})

    answer = send(client, freshdesk["webhook"], {"event": "ticket_created", "ticket_id": "42"})
    assert answer.status_code == 202, answer.content
    process_due([StepSource()])

    assert [body["text"] for body in platform.bodies(SLACK)] == ["Urgent ticket: Printer on fire"] * messages
    delivery = api.get(f"/api/deliveries/{answer.json()['delivery']}/").json()
    assert delivery["status"] == "processed", delivery
    verdict = delivery["events"][0]["verdicts"][0]
    assert verdict["outcome"] == ("matched" if messages else "not_matched")
    assert verdict["explanation"][0]["actual"] == priority
    assert len(delivery["runs"]) == messages
    for run_id in delivery["runs"]:
        run = api.get(f"/api/runs/{run_id}/").json()
        assert run["status"] == "succeeded", run
        assert [attempt["status"] for attempt in run["steps"][0]["attempts"]] == ["succeeded"]
