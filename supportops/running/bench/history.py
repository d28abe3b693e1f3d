"""Years of an installation in minutes: deliveries, events, verdicts, runs, steps, attempts and audit entries in bulk.

Rows look as the engine leaves them, spread over 60 days, by several organizations, rules and outcomes; nothing is due.
Contents (bodies, payloads, parameters) are written for the newest only, as after their retention.
"""

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from django.db import models, transaction

from audit import chain
from audit.models import AuditEntry, AuditHead, AuditSeal, AuditUnsealed
from audit.sealing import head, seal_all
from integrations import lifecycle, usage
from integrations.models import Integration, UsageHour
from rules import authoring
from rules.models import (
    Attempt,
    Event,
    EventContent,
    Rule,
    RuleVersion,
    Run,
    RunContent,
    Step,
    StepContent,
    Verdict,
)
from supportops import clock
from supportops.bulk import insert_rows
from supportops.context import Actor, acting_as
from supportops.ids import first_id_at
from supportops.people.organizations import NewOrganization, create_organization
from supportops.tenancy.scope import working_for
from webhooks.models import Delivery, DeliveryBody

SPAN = timedelta(days=60)
BATCH = 4000
# The newest deliveries of an organization that still have their contents.
WITH_CONTENT = 3000
_RULES = 25
_FAILURES = (
    ("NotFound", "The channel #support-emea does not exist."),
    ("Forbidden", "The token may not write to this board."),
    ("InvalidInput", "parameters.assignee: nobody has this address."),
    ("Unavailable", "The platform answered 503 eight times."),
    ("CredentialsRejected", "The token was revoked."),
)
_WORDS = ("invoice", "refund", "login", "password", "shipping", "broken", "upgrade", "export", "timeout", "chargeback")


@dataclass
class Made:
    """An organization of the bench: who may look at it, and its newest rows."""

    organization: NewOrganization
    deliveries: int
    newest: dict[str, uuid.UUID] = field(default_factory=dict)
    ticket: str = ""


@dataclass
class _Tenant:
    """What the rows of an organization have in common."""

    organization_id: uuid.UUID
    inbound: list[Integration]
    outbound: Integration
    versions: list[RuleVersion]
    random: Random


def make(slug: str, deliveries: int) -> Made:
    """Make an organization with accounts and rules, and the history of so many deliveries."""
    made = Made(create_organization(slug, slug.title(), f"owner@{slug}.example"), deliveries)
    with working_for(made.organization.organization), acting_as(Actor("user", "1", f"owner@{slug}.example")):
        tenant = _tenant(made.organization.organization.pk, slug)
        _write(tenant, made)
        _write_usage(tenant, deliveries)
    return made


def _tenant(organization_id: uuid.UUID, slug: str) -> _Tenant:
    inbound = [
        lifecycle.create(
            platform="freshdesk",
            name=f"Help desk {place}",
            credentials={"domain": f"{slug}{place}.freshdesk.com", "api_key": "k" * 20},
        )[0]
        for place in ("Europe", "America")
    ]
    chat = lifecycle.create(platform="slack", name="Chat", credentials={"bot_token": "xoxb-1-" + "a" * 20})[0]
    for number in range(_RULES):
        authoring.create(_document(number), author=f"owner@{slug}.example")
    # As they stand, their versions read one after the other.
    rules = list(Rule.objects.order_by("pk"))
    versions = [RuleVersion.objects.get(rule=rule, number=rule.version) for rule in rules]
    return _Tenant(organization_id, inbound, chat, versions, Random(slug))  # noqa: S311 - nothing secret


def _document(number: int) -> dict[str, Any]:
    return {
        "name": f"Tell team {number} of urgent tickets",
        "trigger": {
            "platform": "freshdesk",
            "event": "ticket_created",
            "conditions": {"priority": {"gte": number % 4}},
        },
        "actions": [
            {
                "id": "tell",
                "platform": "slack",
                "action": "send_message",
                "parameters": {"channel": f"#team-{number}", "message": "Urgent: {{ ticket.subject }}"},
            }
        ],
    }


def _write(tenant: _Tenant, made: Made) -> None:
    end, step = clock.now() - timedelta(minutes=1), SPAN / max(1, made.deliveries)
    position, last = _chain_so_far()
    for first in range(0, made.deliveries, BATCH):
        many = range(first, min(first + BATCH, made.deliveries))
        rows: dict[type[models.Model], list[dict[str, Any]]] = {model: [] for model in _MODELS}
        for number in many:
            at = end - step * (made.deliveries - number)
            for model, row in _story(tenant, number, at, has_content=number >= made.deliveries - WITH_CONTENT):
                rows[model].append(row)
        for row in rows[AuditEntry]:
            position += 1
            last = chain.hash_of(chain.entry_fields(AuditEntry(**row)), position, last)
            seal = {"id": row["id"], "position": position, "entry_id": row["id"], "hash": last, "sealed_at": row["at"]}
            rows[AuditSeal].append({"organization_id": tenant.organization_id, **seal})
        with transaction.atomic():
            for model in _MODELS:
                insert_rows(model, rows[model])
            AuditHead.objects.update(position=position, hash=last)
            AuditUnsealed.objects.filter(id__in=[row["id"] for row in rows[AuditEntry]]).delete()
        for name, model in {"delivery": Delivery, "event": Event, "run": Run, "entry": AuditEntry}.items():
            if rows[model]:
                made.newest[name] = rows[model][-1]["id"]
        made.ticket = str(rows[Event][-1]["external_id"]) if rows[Event] else made.ticket


def _chain_so_far() -> tuple[int, str]:
    seal_all()
    end = head()
    return end.position, end.hash


_MODELS: tuple[type[models.Model], ...] = (
    Delivery, DeliveryBody, Event, EventContent, Verdict, Run, RunContent, Step, StepContent, Attempt, AuditEntry,
    AuditSeal,
)  # fmt: skip
_Story = Iterator[tuple[type[models.Model], dict[str, Any]]]


def _story(tenant: _Tenant, number: int, at: datetime, *, has_content: bool) -> _Story:
    """Yield the rows of one delivery and of what came of it."""
    random = tenant.random
    owned: dict[str, Any] = {"organization_id": tenant.organization_id}
    delivery_id, trace = _id(at, random), f"{random.getrandbits(128):032x}"
    status = random.choices(("processed", "ignored", "failed", "rejected"), (940, 45, 10, 5))[0]
    account = tenant.inbound[number % len(tenant.inbound)]
    ticket: dict[str, Any] = {
        "id": 4000 + number // 2,
        "subject": f"{random.choice(_WORDS).title()} {random.choice(_WORDS)}, please help",
        "priority": random.randint(1, 4),
        "status": 2,
        # Each team has its rule, and hears of its own tickets.
        "group_id": random.randrange(len(tenant.versions)),
    }
    reason = {"failed": "KeyError: 'ticket'", "ignored": "Freshdesk has no event survey_sent."}.get(status, "")
    yield Delivery, {
        **owned, "id": delivery_id, "integration_id": account.pk, "platform": "freshdesk",
        "external_id": f"msg_{trace}", "event_type": "ticket_created" if status == "processed" else "",
        "status": status, "reason": reason, "received_at": at, "processed_at": at + timedelta(milliseconds=40),
        "ip": "203.0.113.9", "trace_id": trace,
    }  # fmt: skip
    if has_content:
        body = json.dumps({"event": "ticket_created", "ticket": ticket, "padding": "x" * 800}).encode()
        headers = {"content-type": "application/json", "user-agent": "Freshdesk"}
        yield DeliveryBody, {"delivery_id": delivery_id, "headers": headers, "raw": body, "created_at": at}
    if status == "processed":
        event_id, version = _id(at, random), tenant.versions[ticket["group_id"]]
        yield Event, {
            **owned, "id": event_id, "delivery_id": delivery_id, "integration_id": account.pk, "platform": "freshdesk",
            "type": "ticket_created", "external_id": str(ticket["id"]), "key": event_id.hex, "occurred_at": at,
            "received_at": at, "rules_considered": _RULES, "rules_version": 10**6, "trace_id": trace,
        }  # fmt: skip
        if has_content:
            yield EventContent, {"event_id": event_id, "payload": {"ticket": ticket}, "created_at": at}
        yield Verdict, {
            **owned, "id": _id(at, random), "event_id": event_id, "rule_id": version.rule_id, "version_id": version.pk,
            "outcome": "matched", "created_at": at,
        }  # fmt: skip
        yield from _run(tenant, version, at, event_id, delivery_id, trace, has_content=has_content)


def _run(
    tenant: _Tenant,
    version: RuleVersion,
    at: datetime,
    event_id: uuid.UUID,
    delivery_id: uuid.UUID,
    trace: str,
    *,
    has_content: bool,
) -> _Story:
    random = tenant.random
    owned: dict[str, Any] = {"organization_id": tenant.organization_id}
    run_id, step_id = _id(at, random), _id(at, random)
    status = random.choices(("succeeded", "failed", "cancelled", "skipped", "waiting"), (9450, 400, 80, 50, 20))[0]
    ended = None if status == "waiting" else at + timedelta(milliseconds=random.randint(80, 4000))
    has_failed, waits = status == "failed", status == "waiting"
    error_class, error = random.choice(_FAILURES) if has_failed else ("", "")
    yield Run, {
        **owned, "id": run_id, "rule_id": version.rule_id, "version_id": version.pk, "event_id": event_id,
        "delivery_id": delivery_id, "key": run_id.hex, "status": status, "created_at": at, "started_at": at,
        "finished_at": ended, "trace_id": trace,
    }  # fmt: skip
    waits_for = random.choice(("person", "approval", "credentials")) if waits else ""
    state = ("uncertain" if waits_for == "person" else "waiting") if waits else status
    yield Step, {
        **owned, "id": step_id, "run_id": run_id, "position": 0, "name": "tell", "platform": "slack",
        "action": "send_message", "integration_id": tenant.outbound.pk, "status": state, "waits_for": waits_for,
        "deadline_at": clock.now() + timedelta(days=7) if waits else None, "attempts_made": 1,
        "error_class": error_class, "error": error, "is_dead_letter": has_failed, "started_at": at,
        "finished_at": ended,
    }  # fmt: skip
    yield Attempt, {
        **owned, "id": _id(at, random), "step_id": step_id, "number": 1, "fence": 1,
        "status": "failed" if has_failed else "uncertain" if waits else "succeeded", "started_at": at,
        "duration_ms": random.randint(20, 3000), "error_class": error_class, "error": error,
    }  # fmt: skip
    if has_content:
        yield RunContent, {"run_id": run_id, "inputs": {}, "created_at": at}
        sent = {"channel": "#team", "message": "Urgent: please help"}
        yield StepContent, {"step_id": step_id, "parameters": sent, "output": {"ts": "1"}, "created_at": at}
    yield AuditEntry, {
        **owned, "id": _id(at, random), "at": at, "actor_type": "system", "actor_id": "", "action": "run.finished",
        "resource_type": "run", "resource_id": str(run_id), "changes": {"status": status}, "request_id": "",
        "trace_id": trace,
    }  # fmt: skip


def _write_usage(tenant: _Tenant, deliveries: int) -> None:
    """Write the hourly rollups that such a history leaves behind."""
    hours = int(SPAN / timedelta(hours=1))
    now = clock.now().replace(minute=0, second=0, microsecond=0)
    each = max(1, deliveries // hours)
    subjects = [
        *(("integration", row.pk) for row in (*tenant.inbound, tenant.outbound)),
        *(("rule", row.rule_id) for row in tenant.versions),
    ]
    rows = []
    for kind, subject_id in subjects:
        for back in range(hours):
            at = now - timedelta(hours=back)
            busy = 0.3 + 1.4 * (8 <= at.hour < 19)
            share = int(each * busy / (2 if kind == "integration" else len(tenant.versions)) + tenant.random.random())
            failed = sum(tenant.random.random() < 0.04 for _ in range(min(share, 500)))
            counts = Counter(received=share, matched=share, runs=share, succeeded=share - failed, failed=failed)
            counts["le_250"], counts["le_1000"] = share - share // 8, share // 8
            names = {name: counts[name] for name in (*usage.COUNTERS, *usage.LATENCY_FIELDS)}
            rows.append(
                {
                    "id": _id(at, tenant.random), "organization_id": tenant.organization_id, "subject_type": kind,
                    "subject_id": subject_id, "hour": at, "shard": usage.SHARDS - 1, **names,
                }
            )  # fmt: skip
    for first in range(0, len(rows), BATCH):
        insert_rows(UsageHour, rows[first : first + BATCH])


def _id(at: datetime, random: Random) -> uuid.UUID:
    return uuid.UUID(int=first_id_at(at).int | random.getrandbits(62))
