"""Whom a step that waits for approval has asked, and how they may answer."""

from django.conf import settings
from django.db import models

from integrations.models import Integration
from rules.models.history import Step
from supportops import clock
from supportops.fields import JsonBytesField
from supportops.tenancy.owned import LinkWithin, OrganizationOwned


class ApprovalLink(OrganizationOwned):
    """A one-time address at which one person may decide one step. The address itself is kept nowhere: only its digest.

    It works while the step waits under the same `fence`, until `expires_at`, and while the person still may decide.
    """

    step = LinkWithin(Step, on_delete=models.CASCADE, related_name="approval_links")
    fence = models.PositiveIntegerField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    # The mail that tells of it; by id only, since mails are forgotten sooner.
    notice_id = models.UUIDField()
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["step", "fence", "user"], name="one_approval_link")]

    def __str__(self) -> str:
        return f"{self.step_id} {self.user_id}"


class ChatPurpose(models.TextChoices):
    ASK = "ask"
    CLOSE = "close"
    WORD = "word"  # for the one who answered


class ChatCall(OrganizationOwned):
    """A call to a chat that belongs to an approval: the question, what became of it, a word to one person.

    Written with what it tells, made soon after by a chore, again where it failed for a while. A question stays open,
    and is looked after, until its message says what was decided.
    """

    purpose = models.CharField(max_length=10, choices=ChatPurpose.choices)
    step = LinkWithin(Step, on_delete=models.CASCADE, related_name="chat_calls")
    fence = models.PositiveIntegerField()
    integration = LinkWithin(Integration, on_delete=models.CASCADE, related_name="+")
    action = models.CharField(max_length=80)
    # Emptied once the call is made, or given up.
    parameters = JsonBytesField(default=dict)
    due_at = models.DateTimeField(null=True)
    # Set right before the call: one that is found here when its sender died may have arrived.
    sending_since = models.DateTimeField(null=True)
    attempts_made = models.PositiveSmallIntegerField(default=0)
    # What the platform says of the message, once there is one.
    answer = JsonBytesField(null=True)
    is_open = models.BooleanField(default=False)
    error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], name="chat_call_due", condition=models.Q(due_at__isnull=False)),
            models.Index(fields=["step"], name="chat_question_open", condition=models.Q(is_open=True)),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.action}"
