"""What happened: events, verdicts, runs, steps and attempts. Contents stand apart, since they are forgotten sooner."""

from django.db import models

from integrations.models import Integration
from rules.models.definition import Rule, RuleVersion
from supportops import clock
from supportops.fields import JsonBytesField
from supportops.ids import new_id
from supportops.tenancy.owned import LinkWithin, OrganizationOwned
from supportops.texts import translated
from supportops.vault.fields import SealedField


class Event(OrganizationOwned):
    """One thing that happened, normalised. Names its delivery by id only."""

    delivery_id = models.UUIDField(null=True, db_index=True)
    integration = LinkWithin(Integration, on_delete=models.SET_NULL, null=True, related_name="+")
    platform = models.CharField(max_length=63)
    type = models.CharField(max_length=120)
    # The platform's id of what the event is about, such as a ticket's.
    external_id = models.CharField(max_length=200, blank=True)
    # What makes a repeat recognisable within the organization (a digest).
    key = models.CharField(max_length=64)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField(default=clock.now)
    source = models.CharField(max_length=20, default="webhook")
    # Its account's at the time, or its own.
    environment = models.CharField(max_length=63, blank=True, db_default="")
    is_late = models.BooleanField(default=False)
    # A later state of the same object had been planned before.
    is_out_of_order = models.BooleanField(default=False)
    # How many of our own actions led here; 0 for what people did.
    depth = models.PositiveSmallIntegerField(default=0)
    # How many enabled rules listened to this event when it was planned, and by which set of rules.
    rules_considered = models.PositiveIntegerField(default=0)
    rules_version = models.BigIntegerField(default=0)
    trace_id = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "key"], name="one_event_per_key")]
        indexes = [
            models.Index(fields=["organization", "-id"], name="event_newest"),
            models.Index(fields=["organization", "platform", "type", "-id"], name="event_by_type"),
            models.Index(fields=["organization", "external_id", "-id"], name="event_by_object"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.external_id}"


class EventContent(models.Model):
    """An event's payload. Holds personal data; forgotten after SUPPORTOPS_CONTENT_DAYS."""

    event = models.OneToOneField(Event, on_delete=models.CASCADE, primary_key=True, related_name="content")
    schema_version = models.PositiveSmallIntegerField(default=1)
    payload = JsonBytesField()
    # {field: [before, after]} as far as it is known, resolved once so that a later trial sees what live saw.
    changed = JsonBytesField(null=True)
    # Where `changed` comes from comparing with an earlier event: {"event", "at", "gaps"} (rules/earlier.py).
    compared = JsonBytesField(null=True)
    provenance = JsonBytesField(null=True)
    created_at = models.DateTimeField(default=clock.now)


class VerdictOutcome(models.TextChoices):
    MATCHED = "matched"
    NOT_MATCHED = "not_matched"
    COULD_NOT_TELL = "could_not_tell"
    SUPPRESSED = "suppressed"


class Verdict(OrganizationOwned):
    """What a rule said of an event, where it said more than no.

    A plain `not_matched` is not stored: it follows from the stored event and the rule version of that time, by
    the same code, whenever somebody asks (docs/adr).
    """

    event = LinkWithin(Event, on_delete=models.CASCADE, related_name="verdicts")
    rule = LinkWithin(Rule, on_delete=models.CASCADE, related_name="+")
    version = LinkWithin(RuleVersion, on_delete=models.CASCADE, related_name="+")
    outcome = models.CharField(max_length=20, choices=VerdictOutcome.choices)
    reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["event", "rule"], name="one_verdict")]
        indexes = [models.Index(fields=["organization", "rule", "-id"], name="verdict_by_rule")]


class RunStatus(models.TextChoices):
    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    SUPERSEDED = "superseded"


RUN_ENDED = (
    RunStatus.SUCCEEDED,
    RunStatus.FAILED,
    RunStatus.CANCELLED,
    RunStatus.SKIPPED,
    RunStatus.SUPERSEDED,
)


RUN_UNFINISHED = (RunStatus.PENDING, RunStatus.RUNNING, RunStatus.WAITING)


class Run(OrganizationOwned):
    """One rule version meeting one event (or inputs given by a person), and what came of it."""

    rule = LinkWithin(Rule, on_delete=models.CASCADE, related_name="runs")
    version = LinkWithin(RuleVersion, on_delete=models.PROTECT, related_name="+")
    event = LinkWithin(Event, on_delete=models.SET_NULL, null=True, related_name="runs")
    delivery_id = models.UUIDField(null=True)
    cause = models.CharField(max_length=20, default="event")  # event, api, manual, replay, schedule, rule
    replay_of = LinkWithin("self", on_delete=models.SET_NULL, null=True, related_name="replays")
    # The step of another run that waits for this one.
    parent_step_id = models.UUIDField(null=True)
    # What makes a second planning of the same thing impossible: event and rule, plus the replay where it is one.
    key = models.CharField(max_length=120)
    # The order of planning within the organization.
    sequence = models.BigIntegerField(default=0)
    status = models.CharField(max_length=12, choices=RunStatus.choices, default=RunStatus.PENDING)
    reason = models.CharField(max_length=500, blank=True)
    environment = models.CharField(max_length=63, blank=True)
    # Runs of a rule with one key are told apart from others by it; what that means says the rule's `concurrency`.
    concurrency_key = models.CharField(max_length=200, blank=True)
    # Stands behind another run of its key since then; null once it was let go, and for all others.
    queued_at = models.DateTimeField(null=True)
    # The run of its key that took its place.
    superseded_by_id = models.UUIDField(null=True)
    depth = models.PositiveSmallIntegerField(default=0)
    cancel_requested_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=clock.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    trace_id = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "key"], name="one_run_per_key")]
        indexes = [
            models.Index(fields=["organization", "-id"], name="run_newest"),
            models.Index(fields=["organization", "rule", "-id"], name="run_by_rule"),
            models.Index(fields=["organization", "status", "-id"], name="run_by_status"),
            models.Index(fields=["organization", "delivery_id"], name="run_by_delivery"),
            models.Index(
                fields=["parent_step_id"], name="run_by_parent", condition=models.Q(parent_step_id__isnull=False)
            ),
            models.Index(
                fields=["organization", "rule", "concurrency_key", "sequence"],
                name="run_unfinished",
                condition=models.Q(status__in=["pending", "running", "waiting"]),
            ),
            models.Index(fields=["queued_at"], name="run_queued", condition=models.Q(queued_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.rule} {translated(self.status)}"


class RunContent(models.Model):
    """A run's inputs. Forgotten with the other contents."""

    run = models.OneToOneField(Run, on_delete=models.CASCADE, primary_key=True, related_name="content")
    inputs = JsonBytesField(default=dict)
    warnings = JsonBytesField(default=list)
    # Who had it started: a person's address, a token's name; empty where an event or a time did.
    started_by = models.CharField(max_length=254, blank=True, db_default="")
    created_at = models.DateTimeField(default=clock.now)


class StepStatus(models.TextChoices):
    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    UNCERTAIN = "uncertain"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


STEP_ENDED = (StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.SKIPPED, StepStatus.CANCELLED)


# What a step waits for when it is a person's turn: to say what became of a call, to decide, to give credentials.
FOR_PERSON = ("approval", "credentials", "person")


class Step(OrganizationOwned):
    """One action of a run. `due_at` is set while it may be claimed; `fence` counts its owners, of whom one is valid."""

    run = LinkWithin(Run, on_delete=models.CASCADE, related_name="steps")
    # The step with `for_each` whose item this is (rules.items); null for the document's own steps.
    parent_step_id = models.UUIDField(null=True)
    # Among the document's steps, or an item's index among the items.
    position = models.PositiveIntegerField()
    name = models.CharField(max_length=120)  # the step's id in the document; of an item `tell[3]`
    queue = models.CharField(max_length=20, default="work")
    platform = models.CharField(max_length=63, blank=True)
    action = models.CharField(max_length=80)
    integration = LinkWithin(Integration, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)
    status = models.CharField(max_length=12, choices=StepStatus.choices, default=StepStatus.PENDING)
    # May be claimed from then on; null while it waits for another step, for a person, or has ended.
    due_at = models.DateTimeField(null=True)
    # What a waiting step waits for: FOR_PERSON, time, run, retry. And when that wait ends by itself.
    waits_for = models.CharField(max_length=20, blank=True)
    deadline_at = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)
    worker_id = models.UUIDField(null=True)
    # Set right before the call; a step that is found here when its worker died is uncertain.
    sending_since = models.DateTimeField(null=True)
    # Repeating the call under way cannot have a second effect (set with `sending_since`).
    may_repeat = models.BooleanField(default=False)
    # The outcome of some earlier call is unknown: look for earlier work first.
    repeats_uncertain = models.BooleanField(default=False)
    attempts_made = models.PositiveIntegerField(default=0)
    # How many of them were made before a person, or new credentials, had it done anew: those count no longer.
    attempts_before = models.PositiveIntegerField(default=0, db_default=0)
    error_class = models.CharField(max_length=40, blank=True)
    error = models.CharField(max_length=1000, blank=True)
    # The failure ends the run (no `on_failure: continue`): a dead letter until somebody acts.
    is_dead_letter = models.BooleanField(default=False)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["run", "name"], name="one_step_per_name")]
        indexes = [
            # What may be claimed, by organization: the path of every claim.
            models.Index(
                fields=["queue", "organization", "due_at"],
                name="step_due",
                condition=models.Q(due_at__isnull=False),
            ),
            # What workers hold: the path of the search for dead ones.
            models.Index(fields=["worker_id"], name="step_held", condition=models.Q(worker_id__isnull=False)),
            models.Index(fields=["deadline_at"], name="step_deadline", condition=models.Q(deadline_at__isnull=False)),
            models.Index(
                fields=["organization", "-id"],
                name="step_dead_letters",
                condition=models.Q(is_dead_letter=True),
            ),
            # What waits for somebody, of whom pages tell.
            models.Index(
                fields=["organization", "-id"],
                name="step_for_person",
                condition=models.Q(waits_for__in=FOR_PERSON),
            ),
            # What we did lately in an account: where an event of our own came from. Also the path of its deletion.
            models.Index(
                fields=["integration", "-id"],
                name="step_by_integration",
                condition=models.Q(integration__isnull=False),
            ),
            # Holds what the sweep looks for alone: steps that wait for a time are many, and are not passed over there.
            models.Index(
                fields=["integration"],
                name="step_for_credentials",
                condition=models.Q(status="waiting", waits_for="credentials"),
            ),
            models.Index(
                fields=["parent_step_id", "position"],
                name="step_items",
                condition=models.Q(parent_step_id__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.status}"

    @property
    def attempts_since_restart(self) -> int:
        """How many attempts count against the step's retry policy."""
        return self.attempts_made - self.attempts_before


class StepContent(models.Model):
    """A step's rendered parameters (masked) and its output. Forgotten with the other contents."""

    step = models.OneToOneField(Step, on_delete=models.CASCADE, primary_key=True, related_name="content")
    # What an item of a step with `for_each` is about.
    item = JsonBytesField(null=True)
    parameters = JsonBytesField(null=True)
    output = JsonBytesField(null=True)
    warnings = JsonBytesField(default=list)
    created_at = models.DateTimeField(default=clock.now)


class StepSecret(OrganizationOwned):
    """What is secret in a step's output, by its way into it, and where it may be sent. Forgotten with the contents."""

    step = LinkWithin(Step, on_delete=models.CASCADE, related_name="+", db_index=False)
    values = SealedField(label="step.values")
    hosts = models.JSONField(default=list)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["step"], name="one_secret_per_step")]


class AttemptStatus(models.TextChoices):
    SENDING = "sending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNCERTAIN = "uncertain"


class Attempt(OrganizationOwned):
    """One try at a step. Born as `sending`, committed right before the call; ends with the call's outcome."""

    step = LinkWithin(Step, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField()
    fence = models.PositiveIntegerField()
    status = models.CharField(max_length=10, choices=AttemptStatus.choices, default=AttemptStatus.SENDING)
    worker_id = models.UUIDField(null=True)
    started_at = models.DateTimeField(default=clock.now)
    duration_ms = models.PositiveIntegerField(null=True)
    status_code = models.PositiveIntegerField(null=True)
    error_class = models.CharField(max_length=40, blank=True)
    error = models.CharField(max_length=1000, blank=True)

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["step", "number"], name="one_attempt_per_number")]


class Worker(models.Model):
    """A process that claims work. It beats every 2 s; one silent for 8 s is dead and so are its claims."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=20, default="worker")
    host = models.CharField(max_length=200, blank=True)
    pid = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(default=clock.now)
    beat_at = models.DateTimeField(default=clock.now, db_index=True)
