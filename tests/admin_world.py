"""An organization with everything that the admin shows: accounts, rules, and what came of them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from integrations import files, lifecycle, notifications, script_grants, scripts, type_lifecycle
from integrations.models import Endpoint, Integration, SandboxArrival
from rules import authoring, calendars, lookup_tables, recipients, variables
from rules.models import (
    Attempt,
    AttemptStatus,
    Event,
    EventContent,
    Rule,
    RuleVersion,
    Run,
    RunContent,
    RunStatus,
    Step,
    StepContent,
    StepStatus,
    Verdict,
)
from supportops import clock
from supportops.context import Actor, acting_as
from supportops.ids import new_id
from supportops.jobs.models import Job
from supportops.people import invitations
from supportops.tenancy.scope import working_for
from tests.builders import Tenant
from webhooks.models import Delivery, DeliveryBody, DeliveryConflict, DeliveryStatus


def urgent_document(mark: str = "") -> dict[str, Any]:
    """Return a rule of two steps."""
    return {
        "name": f"{mark} urgent",
        "trigger": {"platform": "freshdesk", "event": "ticket_created", "conditions": {"priority": 4}},
        "actions": [
            {
                "id": "tell",
                "platform": "slack",
                "action": "send_message",
                "parameters": {"channel": f"#{mark}", "message": "Urgent: {{ ticket.subject }}"},
            },
            {"action": "http_request", "parameters": {"url": "https://status.example.com/{{ ticket.id }}"}},
        ],
    }


@dataclass
class History:
    """One row of each kind, all bearing the organization's mark."""

    tenant: Tenant
    mark: str
    freshdesk: Integration
    slack: Integration
    endpoint: Endpoint
    secret: str
    rule: Rule
    delivery: Delivery
    failed_delivery: Delivery
    event: Event
    failed_run: Run
    uncertain_run: Run
    done_run: Run
    job: Job


def make_history(tenant: Tenant) -> History:
    """Fill an organization. Every text of it that a page may show holds `<slug>-mark`."""
    mark = f"{tenant.organization.slug}-mark"
    with working_for(tenant.organization), acting_as(Actor("user", "", f"{mark}-author")):
        freshdesk, endpoint, secret = lifecycle.create(
            platform="freshdesk",
            name=f"{mark} Freshdesk",
            credentials={"domain": f"{mark}.freshdesk.com", "api_key": f"{mark}-canary-key-1"},
        )
        slack, _, _ = lifecycle.create(
            platform="slack", name=f"{mark} Slack", credentials={"bot_token": f"xoxb-{mark}-canary-2"}
        )
        recipients.create_list(name="oncall", people=[{"email": f"a@{mark}.example"}])
        notifications.create_target(
            name=f"{mark} on call", channel="email", to=[f"a@{mark}.example"], events=["integration.broken"]
        )
        invitations.invite(f"new@{mark}.example", "viewer", name=f"{mark} invited", by_owner=True)
        files.create_file(f"{mark}.txt", b"notes")
        scripts.create_script(name=f"{mark}.sh", language="shell", text=f"echo {mark}")
        script_grants.grant_scripts()
        type_lifecycle.create({"name": f"{mark} CRM", "key": "crm", "base_url": "https://crm.example.com"})
        lookup_tables.create_table(name="teams", description=mark, rows={"billing": f"#{mark}"})
        variables.create(variables.Wish("REGION", f"{mark}-region"))
        variables.create(variables.Wish("KEY", f"{mark}-canary-3", is_secret=True, hosts=("api.example.com",)))
        calendars.create(calendars.Wish(f"{mark} office", "UTC", {"monday": [{"from": "09:00", "to": "17:00"}]}))
        assert endpoint is not None and secret.text is not None
        SandboxArrival.objects.create(platform="slack", method="POST", path=f"/{mark}", status=200)
        rule, _ = authoring.create(urgent_document(mark), author=f"{mark}-author")
        authoring.change(rule, {**urgent_document(mark), "late": "skip"}, author=f"{mark}-author")
        rule.refresh_from_db()
        version = RuleVersion.objects.get(rule=rule, number=rule.version)
        delivery = _delivery(freshdesk, endpoint, mark, DeliveryStatus.PROCESSED)
        failed = _delivery(freshdesk, endpoint, f"{mark}-failed", DeliveryStatus.FAILED, reason=f"{mark}: poison")
        DeliveryConflict.objects.create(delivery=delivery, raw=b"{}")
        event = Event.objects.create(
            delivery_id=delivery.pk,
            integration=freshdesk,
            platform="freshdesk",
            type="ticket_created",
            external_id=f"{mark}-42",
            key=mark,
            occurred_at=clock.now(),
            rules_considered=1,
        )
        payload = {"ticket": {"id": 42, "subject": f"{mark} <b>fire</b>", "priority": 4}}
        EventContent.objects.create(event=event, payload=payload)
        Verdict.objects.create(event=event, rule=rule, version=version, outcome="matched")
        runs = [
            _run(rule, version, event, delivery, mark, slack, RunStatus.FAILED, StepStatus.FAILED),
            _run(rule, version, None, delivery, mark, slack, RunStatus.WAITING, StepStatus.UNCERTAIN),
            _run(rule, version, None, delivery, mark, slack, RunStatus.SUCCEEDED, StepStatus.SUCCEEDED),
        ]
        job = Job.objects.create(
            kind="rules.backtest", author=f"{mark}-author", status="succeeded", result={"asked": 1}
        )
    return History(tenant, mark, freshdesk, slack, endpoint, secret.text, rule, delivery, failed, event, *runs, job)


def _delivery(integration: Integration, endpoint: Endpoint, mark: str, status: str, *, reason: str = "") -> Delivery:
    delivery: Delivery = Delivery.objects.create(
        integration=integration,
        endpoint=endpoint,
        platform="freshdesk",
        external_id=f"msg-{mark}",
        event_type="ticket_created",
        status=status,
        reason=reason,
        processed_at=clock.now(),
        ip="203.0.113.9",
        trace_id=mark,
    )
    raw = f'{{"ticket": "{mark} <script>alert(1)</script>"}}'.encode()
    DeliveryBody.objects.create(delivery=delivery, headers={"x-mark": mark}, raw=raw)
    return delivery


def _run(
    rule: Rule,
    version: RuleVersion,
    event: Event | None,
    delivery: Delivery,
    mark: str,
    integration: Integration,
    status: str,
    step_status: str,
) -> Run:
    now = clock.now()
    run: Run = Run.objects.create(
        rule=rule,
        version=version,
        event=event,
        delivery_id=delivery.pk,
        key=new_id().hex,
        status=status,
        reason=f"{mark} reason",
        started_at=now - timedelta(seconds=3),
        finished_at=now if status != RunStatus.WAITING else None,
        trace_id=mark,
    )
    RunContent.objects.create(run=run, inputs={"mark": mark})
    step = Step.objects.create(
        run=run,
        position=0,
        name="tell",
        platform="slack",
        action="send_message",
        integration=integration,
        status=step_status,
        waits_for="person" if step_status == StepStatus.UNCERTAIN else "",
        attempts_made=1,
        error_class="NotFound" if step_status == StepStatus.FAILED else "",
        error=f"{mark} no such channel" if step_status == StepStatus.FAILED else "",
        is_dead_letter=step_status == StepStatus.FAILED,
        finished_at=now,
    )
    StepContent.objects.create(step=step, parameters={"channel": mark}, output=None, warnings=[f"{mark} warning"])
    attempt = {
        StepStatus.FAILED: AttemptStatus.FAILED,
        StepStatus.UNCERTAIN: AttemptStatus.UNCERTAIN,
        StepStatus.SUCCEEDED: AttemptStatus.SUCCEEDED,
    }[StepStatus(step_status)]
    Attempt.objects.create(step=step, number=1, fence=1, status=attempt, duration_ms=12, status_code=404)
    return run
