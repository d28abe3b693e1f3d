"""Gives a tenant one of everything that an organization can have, made the way it comes to be: through the API."""

import base64
import json
from dataclasses import dataclass
from typing import Any

from django.core.files.base import ContentFile
from django.test import Client

from rules.execution import StepSource
from tests.builders import Tenant
from tests.fake_platform import FakePlatform
from webhooks.processing import process_due

SLACK = "https://slack.com/api/chat.postMessage"
HERE = "http://127.0.0.1:8000"


@dataclass(frozen=True)
class Belongings:
    """The ids of what `make_belongings` made. The run has failed at its step `tell`, which is a dead letter."""

    integration: str
    helpdesk: str
    webhook: dict[str, Any]
    rule: str
    delivery: str
    run: str
    step: str
    dead_letter: str
    job: str
    token: str
    member: str
    environment: str
    file: str
    script: str
    integration_type: str
    notification: str
    recipients: str
    variable: str
    lookup_table: str
    calendar: str


def make_belongings(tenant: Tenant, platform: FakePlatform) -> Belongings:
    """Return what `tenant` owns afterwards; every name in it begins with the tenant's slug.

    Needs a test with real transactions, since the work is done by the workers' own code.
    """
    slug, api = tenant.organization.slug, tenant.api
    platform.on("POST", SLACK, {"ok": False, "error": "channel_not_found"})
    platform.on("GET", "https://slack.com/api/conversations.list", {"ok": True, "channels": []})
    domain = f"{slug}.freshdesk.com"
    platform.on("GET", f"https://{domain}/api/v2/tickets/42", ticket(f"{slug}'s printer"))
    environment = created(api, "/api/environments/", {"name": f"{slug}-only"})
    helpdesk = created(
        api,
        "/api/integrations/",
        {
            "platform": "freshdesk",
            "name": f"{slug}'s help desk",
            "credentials": {"domain": domain, "api_key": f"{slug}-key-1234567890"},
            "environment": environment["name"],
        },
    )
    chat = created(
        api,
        "/api/integrations/",
        {"platform": "slack", "name": f"{slug}'s chat", "credentials": {"bot_token": f"xoxb-{slug}-1234567890"}},
    )
    rule = created(api, "/api/rules/", urgent_rule(f"{slug}'s rule", integration=chat["id"]))
    delivery = deliver(helpdesk["webhook"], {"event": "ticket_created", "ticket_id": "42"})
    process_due([StepSource()])
    letter = api.get("/api/dead-letters/").json()["results"][0]
    job = api.post("/api/dead-letters/retry/", {"filter": {"platform": "trello"}}, format="json").json()["job"]
    token = created(api, "/api/tokens/", {"name": f"{slug}'s token", "scopes": ["read"]})
    return Belongings(
        integration=chat["id"],
        helpdesk=helpdesk["id"],
        webhook=helpdesk["webhook"],
        rule=rule["id"],
        delivery=delivery,
        run=letter["run"],
        step=letter["step"],
        dead_letter=letter["id"],
        job=job,
        token=token["id"],
        member=api.get("/api/members/").json()["results"][0]["id"],
        environment=environment["id"],
        integration_type=created(
            api, "/api/integration-types/", {"name": f"{slug}'s CRM", "base_url": f"https://{slug}.example.com"}
        )["id"],
        recipients=created(
            api, "/api/recipients/", {"name": "oncall", "people": [{"email": f"oncall@{slug}.example"}]}
        )["id"],
        notification=created(
            api,
            "/api/notifications/",
            {
                "name": f"{slug}'s on call",
                "channel": "email",
                "to": [f"oncall@{slug}.example"],
                "events": ["integration.broken"],
            },
        )["id"],
        file=upload(api, f"{slug}'s notes.txt", b"notes")["id"],
        script=created(api, "/api/scripts/", {"name": "report.sh", "language": "shell", "text": f"echo {slug}-report"})[
            "id"
        ],
        variable=created(api, "/api/variables/", {"name": "REGION", "value": f"{slug}-region"})["id"],
        lookup_table=created(api, "/api/lookup-tables/", {"name": "teams", "rows": {"billing": f"#{slug}-billing"}})[
            "id"
        ],
        calendar=created(
            api,
            "/api/calendars/",
            {"name": f"{slug}'s office", "zone": "UTC", "hours": {"monday": [{"from": "09:00", "to": "17:00"}]}},
        )["id"],
    )


def created(api: Any, address: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a POST that creates."""
    response = api.post(address, body, format="json")
    assert response.status_code == 201, response.content
    answer: dict[str, Any] = response.json()
    return answer


def upload(api: Any, filename: str, content: bytes, **fields: Any) -> dict[str, Any]:
    """Return the answer to the upload of a file."""
    response = api.post("/api/files/", {"file": ContentFile(content, filename), **fields}, format="multipart")
    assert response.status_code == 201, response.content
    answer: dict[str, Any] = response.json()
    return answer


def urgent_rule(name: str, **step: Any) -> dict[str, Any]:
    """Return a rule that tells a channel of urgent tickets; `step` is added to its only step."""
    tell = {
        "id": "tell",
        "platform": "slack",
        "action": "send_message",
        "parameters": {"channel": "#urgent-tickets", "message": "Urgent ticket: {{ticket.subject}}"},
        **step,
    }
    trigger = {"platform": "freshdesk", "event": "ticket_created", "conditions": {"priority": 4}}
    return {"name": name, "trigger": trigger, "actions": [tell]}


def ticket(subject: str, **fields: Any) -> dict[str, Any]:
    """Return an urgent ticket as Freshdesk's API shows it."""
    at = "2026-11-20T10:00:00Z"
    return {"id": 42, "subject": subject, "priority": 4, "status": 2, "created_at": at, "updated_at": at, **fields}


def deliver(webhook: dict[str, Any], body: dict[str, Any]) -> str:
    """Send what the platform would send to an address with a shared secret, and return the delivery's id."""
    password = base64.b64encode(f"supportops:{webhook['secret']}".encode()).decode()
    response = Client().post(
        webhook["url"].removeprefix(HERE),
        json.dumps(body),
        content_type="application/json",
        headers={"Authorization": f"Basic {password}"},
    )
    assert response.status_code == 202, response.content
    return str(response.json()["delivery"])
