"""`run.py demo`: signed samples of two help desks go the whole way, and each stop is printed.

Starts an instance of its own in a folder that is thrown away, with the sandbox platforms in place of the real ones,
and does what a tenant would do through the API: connects integrations, writes rules, sends webhooks, looks what came
of them.
"""

import base64
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from supportops.running.console import complain, say
from supportops.running.trial import Client, Trial, TrialError, sign_standard, sign_zendesk, wait_until

FINISHED = ("succeeded", "failed", "cancelled", "skipped", "superseded", "waiting")


@dataclass(frozen=True)
class Sample:
    """One webhook to send: what a help desk would send, and how it signs."""

    title: str
    platform: str
    body: dict[str, Any]
    sign: Callable[[str, bytes], Mapping[str, str]]


def demo() -> int:
    """Run the demo and give the exit code."""
    with tempfile.TemporaryDirectory(prefix="supportops-demo-") as folder:
        try:
            say("Starting an instance and the sandbox platforms ...")
            with Trial(Path(folder)) as trial:
                say(f"  instance {trial.url}   sandbox http://127.0.0.1:{trial.sandbox_port}/")
                return _show(trial)
        except (TrialError, OSError) as error:
            complain(str(error))
            return 1


def _show(trial: Trial) -> int:
    client = trial.client(trial.make_organization("demo"))
    webhooks = _connect(client)
    _write_rules(client)
    is_fine = True
    for sample in _samples(trial):
        is_fine = _follow(trial, client, webhooks[sample.platform], sample) and is_fine
    say()
    say("What arrived at the platforms:")
    for arrival in trial.arrived():
        say(f"  {arrival['platform']:<10} {arrival['method']} {arrival['path']}  {_short(arrival['body'])}")
    say()
    say("Done: " + ("every stop was reached." if is_fine else "something did not end as it should, see above."))
    return 0 if is_fine else 1


def _connect(client: Client) -> dict[str, dict[str, Any]]:
    """Connect four platforms; give the webhook address and secret of each help desk."""
    say()
    say("Integrations (POST /api/integrations/), each tested:")
    wanted: list[dict[str, Any]] = [
        {
            "platform": "zendesk",
            "credentials": {"subdomain": "acme", "access_token": "demo-zendesk-access-token"},
            # Zendesk makes the secret; a person copies it from there.
            "webhook": {"secret": "demo-zendesk-signing-secret"},
        },
        {
            "platform": "freshdesk",
            "credentials": {"domain": "acme.freshdesk.com", "api_key": "demo-freshdesk-api-key"},
            "webhook": {"scheme": "hmac"},
        },
        {"platform": "slack", "credentials": {"bot_token": "xoxb-demo-0123456789-abcdefghij"}},
        {"platform": "trello", "credentials": {"api_key": "0123456789abcdef" * 2, "token": "ATTA" + "0" * 60}},
    ]
    webhooks = {}
    for body in wanted:
        made = client.post("/api/integrations/", {"name": f"Demo {body['platform'].title()}", **body})
        tested = client.post(f"/api/integrations/{made['id']}/test", {})
        say(f"  {made['platform']:<10} {'connected' if tested['success'] else 'NOT CONNECTED'}: {tested['message']}")
        if made.get("webhook"):
            secret = made["webhook"].get("secret") or body.get("webhook", {}).get("secret", "")
            webhooks[body["platform"]] = {"url": made["webhook"]["url"], "secret": secret}
    return webhooks


def _write_rules(client: Client) -> None:
    say()
    say("Rules (POST /api/rules/):")
    rules: list[dict[str, Any]] = [
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
        {
            "name": "Refunds become cards",
            "trigger": {
                "platform": "zendesk",
                "event": "ticket.created",
                "conditions": {"tags": {"contains": "refund"}, "status": {"ne": "closed"}},
            },
            "actions": [
                {
                    "id": "card",
                    "platform": "trello",
                    "action": "create_card",
                    "parameters": {"board": "Support", "list": "To do", "name": "Refund: {{ticket.subject}}"},
                },
                {
                    "platform": "slack",
                    "action": "send_message",
                    "parameters": {"channel": "#support", "message": "New card: {{steps.card.output.name}}"},
                },
            ],
        },
    ]
    for rule in rules:
        made = client.post("/api/rules/", rule)
        say(f"  {made['name']} (version {made['version']})")


def _samples(trial: Trial) -> list[Sample]:
    now = datetime.now(UTC)
    at = now.strftime("%Y-%m-%dT%H:%M:%SZ")

    def freshdesk(number: int, priority: int, subject: str) -> Sample:
        ticket = {
            "id": number, "subject": subject, "priority": priority, "status": 2, "source": 1, "type": "Question",
            "tags": ["vip"], "requester_id": 7, "created_at": at, "updated_at": at,
        }  # fmt: skip
        trial.put("freshdesk", "tickets", ticket)
        return Sample(
            f"Freshdesk tells of ticket {number} with priority {priority}, signed by Standard Webhooks",
            "freshdesk",
            {"event": "ticket_created", "ticket": ticket},
            lambda secret, body: sign_standard(secret, body, int(time.time())),
        )

    zendesk = {
        "type": "zen:event-type:ticket.created", "account_id": 22129848, "id": f"demo-{now.timestamp():.0f}",
        "time": at, "zendesk_event_version": "2022-11-06", "subject": "zen:ticket:35436",
        "detail": {
            "id": "35436", "subject": "Charged twice for order 58211", "description": "My card was charged twice.",
            "priority": "URGENT", "status": "NEW", "type": "INCIDENT", "tags": ["billing", "refund"],
            "requester_id": "8447388090495", "actor_id": "8447388090495", "is_public": True,
            "via": {"channel": "email"}, "created_at": at, "updated_at": at,
        },
        "event": {"meta": {"sequence": {"id": f"demo-{now.timestamp():.0f}", "position": 1}}},
    }  # fmt: skip
    return [
        freshdesk(41, 4, "Nobody can sign in"),
        freshdesk(42, 2, "How do I change my address?"),
        Sample(
            "Zendesk tells of ticket 35436, signed as Zendesk does",
            "zendesk",
            zendesk,
            lambda secret, body: sign_zendesk(secret, body, at),
        ),
    ]


def _follow(trial: Trial, client: Client, webhook: Mapping[str, Any], sample: Sample) -> bool:
    """Send one sample and print each stop; say whether its runs succeeded."""
    say()
    say(f"--- {sample.title}")
    raw = json.dumps(sample.body).encode()
    path = urlsplit(webhook["url"]).path
    forged = trial.client().ask("POST", path, raw=raw, headers=sample.sign(_other(webhook["secret"]), raw))
    say(f"  with a forged signature: {forged.status}")
    sent = trial.client().ask("POST", path, raw=raw, headers=sample.sign(webhook["secret"], raw))
    say(f"  receipt    {sent.status} {json.dumps(sent.body)}")
    if sent.status != 202:
        return False
    address = f"/api/deliveries/{sent.body['delivery']}/"
    delivery = wait_until(
        lambda: (found := client.get(address))["status"] != "accepted" and found, 20, "the delivery to be processed"
    )
    say(f"  delivery   {delivery['status']}")
    for event in delivery["events"]:
        say(f"  event      {event['type']}")
        for verdict in event["verdicts"]:
            say(f"  verdict    {verdict['rule_name']}: {verdict['outcome']}")
            for line in verdict["explanation"]:
                mark = {True: "yes", False: "no", None: "?"}[line["passed"]]
                said = f"{line['operator']} {json.dumps(line['expected'])}, it is {json.dumps(line['actual'])}"
                say(f"             {line['field']} {said}: {mark}")
    finished = [_follow_run(client, run) for run in delivery["runs"]]
    return all(finished)


def _follow_run(client: Client, run_id: str) -> bool:
    run = wait_until(
        lambda: (found := client.get(f"/api/runs/{run_id}/"))["status"] in FINISHED and found, 30, "the run"
    )
    say(f"  run        {run['status']}")
    for step in run["steps"]:
        say(f"  step       {step['platform']} {step['action']}: {step['status']}  {_short(step['parameters'])}")
        for attempt in step["attempts"]:
            error = f"  {attempt['error']}" if attempt["error"] else ""
            say(f"  attempt    {attempt['status']} {attempt['status_code']} in {attempt['duration_ms']} ms{error}")
    return bool(run["status"] == "succeeded")


def _other(secret: str) -> str:
    """Give another secret of the same form."""
    if secret.startswith("whsec_"):
        return "whsec_" + base64.b64encode(b"somebody else's secret").decode()
    return "somebody else's " + secret[:4]


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < 110 else text[:107] + "..."
