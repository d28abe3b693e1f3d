"""Whom a step that waits for approval has asked, and how they may answer."""

from django.conf import settings
from django.db import models

from rules.models.history import Step
from supportops import clock
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
