"""Long work with progress, that can be stopped and resumed."""

from django.db import models

from supportops import clock
from supportops.fields import JsonBytesField
from supportops.jobs.kinds import title_of
from supportops.tenancy.owned import OrganizationOwned
from supportops.texts import translated


class JobStatus(models.TextChoices):
    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job(OrganizationOwned):
    """A piece of long work. `cursor` says where to go on after a stop; `kind` names the function that does it."""

    kind = models.CharField(max_length=60)
    parameters = JsonBytesField(default=dict)
    cursor = JsonBytesField(null=True)
    status = models.CharField(max_length=10, choices=JobStatus.choices, default=JobStatus.PENDING)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(null=True)
    result = JsonBytesField(null=True)
    error = models.CharField(max_length=1000, blank=True)
    cancel_requested_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True, db_index=True)
    fence = models.PositiveIntegerField(default=0)
    worker_id = models.UUIDField(null=True)
    author = models.CharField(max_length=254, blank=True)
    # In whose name and on whose request it works: actor, ip, request and trace, as in supportops.context.
    acting = JsonBytesField(default=dict)
    created_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{title_of(self.kind)} {translated(self.status)}"
