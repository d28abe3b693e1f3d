"""What a rule is: a name and its versions, each a frozen document."""

from django.db import models

from supportops import clock
from supportops.fields import JsonBytesField
from supportops.tenancy.owned import LinkWithin, OrganizationOwned


class Rule(OrganizationOwned):
    """Which events lead to which work. What it says stands in its versions; `version` is the live one's number."""

    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    is_enabled = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)
    # A deleted rule keeps its row, since runs name it; its name is free again.
    deleted_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"],
                condition=models.Q(deleted_at__isnull=True),
                name="one_living_rule_per_name",
            )
        ]

    def __str__(self) -> str:
        return self.name


class RuleVersion(OrganizationOwned):
    """A rule's document at one time. Never changed once written; runs keep the version they were planned with."""

    rule = LinkWithin(Rule, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    # The document of the rule as typed, without name and enabled.
    document = JsonBytesField()
    author = models.CharField(max_length=254, blank=True)
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["rule", "number"], name="one_version_per_number")]

    def __str__(self) -> str:
        return f"version {self.number}"


class RuleState(OrganizationOwned):
    """Which version of a rule heard events from one of the organization's sets of rules on; none while it was off.

    One row for each change of the rule, so that one can say later which rules an event met (Event.rules_version).
    """

    rule = LinkWithin(Rule, on_delete=models.CASCADE, related_name="states")
    # Organization.rules_version after the change.
    rules_version = models.BigIntegerField()
    version = LinkWithin(RuleVersion, on_delete=models.CASCADE, null=True, related_name="+")

    class Meta:
        ordering = ["-rules_version"]
        constraints = [models.UniqueConstraint(fields=["rule", "rules_version"], name="one_state_per_set_of_rules")]

    def __str__(self) -> str:
        return f"{self.rule} from {self.rules_version}"


class RuleSchedule(OrganizationOwned):
    """When an enabled rule with the trigger `schedule` is due next. Follows the live version."""

    rule = models.OneToOneField(Rule, on_delete=models.CASCADE, related_name="schedule", db_constraint=False)
    cron = models.CharField(max_length=200)
    zone = models.CharField(max_length=63)
    next_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["next_at"], name="schedule_due")]

    def __str__(self) -> str:
        return f"{self.cron} ({self.zone})"
