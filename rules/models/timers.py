"""What waits for nothing to happen: a timer for each rule and object, until a later event ends it or its time comes."""

import uuid
from collections.abc import Collection

from django.db import models

from integrations.models import Integration
from rules.models.definition import Rule
from supportops import clock
from supportops.tenancy.owned import LinkWithin, OrganizationOwned


class RuleTimer(OrganizationOwned):
    """A rule with `since` has seen an object as its conditions want it, and runs at `due_at` unless that changes.

    What it comes to is told by the verdicts of the events that started and ended it; the row goes with its end.
    """

    rule = LinkWithin(Rule, on_delete=models.CASCADE, related_name="timers")
    integration = LinkWithin(Integration, on_delete=models.CASCADE, null=True, related_name="+")
    # What recognises the object: a digest of platform, account, kind and id there.
    object_key = models.CharField(max_length=64)
    platform = models.CharField(max_length=63)
    external_id = models.CharField(max_length=200)
    # The last event by which the conditions were met, and the last one that was looked at. Events may be forgotten.
    event_id = models.UUIDField()
    seen_id = models.UUIDField()
    # From when time counts.
    started_at = models.DateTimeField()
    # The time in the event that it counts back from.
    anchor_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField()
    # The rule or its calendar has changed since: at `due_at` it is worked out anew.
    is_stale = models.BooleanField(default=False)
    # Why the last event could not tell whether the conditions are still met.
    doubt = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["rule", "object_key"], name="one_timer_per_object")]
        indexes = [
            # Whose turn it is, and what is due there.
            models.Index(fields=["organization", "due_at"], name="timer_due"),
            # What comes next, for whoever rings in time.
            models.Index(fields=["due_at"], name="timer_next"),
            models.Index(fields=["organization", "object_key"], name="timer_by_object"),
        ]

    @classmethod
    def recompute(cls, rule_ids: Collection[uuid.UUID]) -> None:
        """Have the timers of rules worked out anew by the next sweep: what they rest on has changed."""
        cls.objects.filter(rule_id__in=rule_ids).update(is_stale=True, due_at=clock.now())

    def __str__(self) -> str:
        return f"{self.external_id} at {self.due_at}"
