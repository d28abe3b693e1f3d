"""A desk for tests of the engine: one organization with Freshdesk and Slack, its rules, its events, its runs."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
from django.db import transaction

from integrations import lifecycle, specs
from integrations.models import Integration
from rules import authoring, workers
from rules.execution import Outcome, StepSource, call, perform_due
from rules.models import Attempt, Rule, Run, Step
from rules.planning import Incoming, Planned, plan
from rules.pump import Job
from supportops import clock
from supportops.tenancy.models import Organization
from supportops.tenancy.scope import working_for
from tests.fake_platform import FakePlatform

SLACK = "https://slack.com/api/chat.postMessage"
TOOL = "https://tools.example.com/work"
TICKET = "https://acme.freshdesk.com/api/v2/tickets/42"
NOTES = f"{TICKET}/notes"
CONVERSATIONS = f"{TICKET}/conversations"

# The three kinds of effect: a message can be sent twice, a note bears our mark, a status is simply set again.
MESSAGE = {
    "id": "message",
    "platform": "slack",
    "action": "send_message",
    "parameters": {"channel": "#desk", "message": "{{ticket.subject}}"},
}
NOTE = {
    "id": "note",
    "platform": "freshdesk",
    "action": "add_note",
    "parameters": {"ticket_id": "{{ticket.id}}", "body": "Seen."},
}
STATUS = {
    "id": "status",
    "platform": "freshdesk",
    "action": "change_status",
    "parameters": {"ticket_id": "{{ticket.id}}", "status": "pending"},
}

_numbers = itertools.count(1)


def request_to(url: str = TOOL, *, name: str = "tool", **more: Any) -> dict[str, Any]:
    """Return a step that posts to an address; needs no integration."""
    return {
        "id": name,
        "action": "http_request",
        "parameters": {"method": "POST", "url": url, "json": {"by": name}},
        **more,
    }


def cut_off(_: httpx.Request) -> httpx.Response:
    """Take the request, give no answer: nobody knows what it did."""
    raise httpx.ReadTimeout("no answer")


@dataclass
class Desk:
    """An organization at work. `platform` is all that its calls can reach."""

    organization: Organization
    platform: FakePlatform

    def connect(self) -> "Desk":
        """Connect Freshdesk and Slack, and let both answer well."""
        with working_for(self.organization):
            lifecycle.create(
                platform="freshdesk",
                name="Desk",
                credentials={"domain": "acme.freshdesk.com", "api_key": "k" * 20},
            )
            lifecycle.create(platform="slack", name="Chat", credentials={"bot_token": "xoxb-1234567890-abcdef"})
        self.platform.on("POST", SLACK, {"ok": True, "ts": "1.2", "channel": "C1"})
        self.platform.on("POST", NOTES, {"id": 7, "body_text": "Seen."}, status=201)
        self.platform.on("PUT", TICKET, {"id": 42, "status": 3})
        self.platform.on("GET", TICKET, {"id": 42, "status": 2})
        self.platform.on("GET", CONVERSATIONS, lambda _: httpx.Response(200, json=[]))
        self.platform.on("GET", "https://acme.freshdesk.com/api/v2/agents/me", {"id": 5})
        self.platform.on("POST", TOOL, {"answer": 42})
        return self

    def rule(self, *steps: dict[str, Any], **more: Any) -> Rule:
        """Make a rule that does `steps` for each new ticket."""
        typed = {
            "name": f"Rule {next(_numbers)}",
            "trigger": {"platform": "freshdesk", "event": "ticket_created"},
            "steps": list(steps),
            **more,
        }
        with working_for(self.organization):
            return authoring.create(typed)[0]

    def event(self, **changes: Any) -> Incoming:
        """Return an event of a ticket, number 42 unless `number` says otherwise."""
        number = changes.pop("number", 42)
        ticket = {"id": number, "subject": "Printer on fire", "priority": 4, **changes.pop("ticket", {})}
        occurred_at = changes.pop("occurred_at", clock.now())
        event = specs.Event("ticket_created", str(number), {"ticket": ticket}, occurred_at=occurred_at)
        fields = {"key": f"event-{next(_numbers)}", "received_at": clock.now(), **changes}
        return Incoming(event=event, platform="freshdesk", **fields)

    def plan(self, *incoming: Incoming) -> list[Planned]:
        """Plan events as a delivery does: in one transaction."""
        with working_for(self.organization), transaction.atomic():
            return plan(incoming)

    def ticket(self, **fields: Any) -> None:
        """Let a ticket be opened."""
        self.plan(self.event(ticket=fields))

    def perform(self, *, later: timedelta = timedelta(0)) -> None:
        """Do what is due, or will be by then."""
        with clock.moved(later):
            perform_due()

    # --- what became of it ----------------------------------------------------------------------------------
    @property
    def run(self) -> Run:
        """The newest run."""
        with working_for(self.organization):
            run: Run = Run.objects.order_by("-pk")[0]
            return run

    def step(self, name: str) -> Step:
        with working_for(self.organization):
            step: Step = Step.objects.get(run=self.run, name=name)
            return step

    def statuses(self) -> dict[str, str]:
        """The newest run's steps and how they are."""
        with working_for(self.organization):
            return dict(Step.objects.filter(run=self.run).values_list("name", "status"))

    def output(self, name: str) -> Any:
        with working_for(self.organization):
            return Step.objects.select_related("content").get(run=self.run, name=name).content.output

    def attempts(self, name: str) -> list[str]:
        """How each attempt at a step of the newest run ended."""
        with working_for(self.organization):
            rows = Attempt.objects.filter(step=self.step(name)).order_by("number")
            return list(rows.values_list("status", flat=True))

    def integration(self, platform: str) -> Integration:
        with working_for(self.organization):
            row: Integration = Integration.objects.get(platform=platform)
            return row

    def integration_named(self, name: str) -> Integration:
        with working_for(self.organization):
            row: Integration = Integration.objects.get(name=name)
            return row

    def sent(self, url: str) -> int:
        """How many writing requests arrived at an address."""
        return sum(str(r.url.copy_with(query=None)) == url and r.method != "GET" for r in self.platform.requests)

    # --- one worker, step by step ---------------------------------------------------------------------------
    def claimed(self) -> tuple[StepSource, list[Job]]:
        """Let a worker claim and prepare what is due, and stop there."""
        source = StepSource()
        return source, list(source.claim(32, set()) or ())

    def begun(self) -> tuple[StepSource, list[Job]]:
        """Let a worker go as far as right before the call: `sending` is written, nothing has left."""
        source, jobs = self.claimed()
        return source, list(source.begin(jobs))


def outcomes_of(jobs: list[Job]) -> list[tuple[Job, Outcome]]:
    """Make the calls of begun jobs, and write nothing of what came of them."""
    return [(job, call(job.work.prepared)) for job in jobs]


@contextmanager
def a_worker_that_dies() -> Iterator[None]:
    """Whoever claims within the block is dead after it; the next claim is another worker's."""
    yield
    workers.stop()
