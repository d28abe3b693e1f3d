"""What steps with a throttle or a digest have been counted as, and what waits to be told together."""

from django.db import models

from rules.models.definition import Rule
from rules.models.history import Step
from supportops import clock
from supportops.tenancy.owned import LinkWithin, OrganizationOwned

_MOST_KEY = 200


class ThrottlePlace(OrganizationOwned):
    """One of the times that a throttle lets a step be done, and the step that took it. It is taken once per step."""

    rule = LinkWithin(Rule, on_delete=models.CASCADE, related_name="+", db_index=False)
    step_name = models.CharField(max_length=120)
    key = models.CharField(max_length=_MOST_KEY, blank=True)
    step = LinkWithin(Step, on_delete=models.CASCADE, related_name="+", db_index=False)
    taken_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["step"], name="one_place_per_step")]
        indexes = [models.Index(fields=["rule", "step_name", "key", "-taken_at"], name="throttle_place_newest")]


class DigestWindow(OrganizationOwned):
    """A time in which steps of one rule and key gather. At its end one of them speaks for all: then it is closed."""

    rule = LinkWithin(Rule, on_delete=models.CASCADE, related_name="+", db_index=False)
    step_name = models.CharField(max_length=120)
    key = models.CharField(max_length=_MOST_KEY, blank=True)
    opened_at = models.DateTimeField(default=clock.now)
    ends_at = models.DateTimeField()
    # By id only: the windows of steps that are gone are of no use, and go with their items.
    opener_id = models.UUIDField()
    speaker_id = models.UUIDField(null=True)

    class Meta:
        indexes = [models.Index(fields=["rule", "step_name", "key", "-ends_at"], name="digest_window_newest")]


class DigestItem(OrganizationOwned):
    """A step that is told in a digest."""

    window = LinkWithin(DigestWindow, on_delete=models.CASCADE, related_name="items")
    step = LinkWithin(Step, on_delete=models.CASCADE, related_name="+", db_index=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["step"], name="one_digest_per_step")]
