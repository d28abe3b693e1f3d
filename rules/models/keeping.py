"""What an organization keeps for its rules."""

from django.core.validators import RegexValidator
from django.db import models

from supportops import clock
from supportops.fields import JsonBytesField
from supportops.tenancy.models import Environment
from supportops.tenancy.owned import LinkWithin, OrganizationOwned
from supportops.vault.fields import SealedField

_NAME = RegexValidator(
    r"\A[A-Za-z_][A-Za-z0-9_]{0,62}\Z", "A name has letters, digits and underscores, and no digit first."
)


class Variable(OrganizationOwned):
    """A value that rules read as ``env.NAME``, for one environment or for all. A secret's value is sealed."""

    name = models.CharField(max_length=63, validators=[_NAME])
    environment = LinkWithin(Environment, on_delete=models.PROTECT, null=True, blank=True)
    is_secret = models.BooleanField(default=False)
    # A text, number or boolean; null for secrets.
    value = JsonBytesField(null=True)
    secret = SealedField(label="variable.secret")
    # Where a secret may be sent (integrations.bindings).
    hosts = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["name", "environment"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name", "environment"], name="one_variable_per_environment"
            ),
            models.UniqueConstraint(
                fields=["organization", "name"],
                condition=models.Q(environment__isnull=True),
                name="one_variable_without_environment",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class LookupTable(OrganizationOwned):
    """Rows that rules look values up in: ``vars.NAME["key"]``."""

    name = models.CharField(max_length=63, validators=[_NAME])
    description = models.CharField(max_length=500, blank=True)
    # {key: value}, any JSON value but null.
    rows = JsonBytesField(default=dict)
    # Of `rows`, for lists that do not read them: how many, and how many bytes of JSON.
    row_count = models.PositiveIntegerField(default=0, editable=False)
    size = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["organization", "name"], name="one_lookup_table_per_name")]

    def __str__(self) -> str:
        return self.name


class RecipientList(OrganizationOwned):
    """People whom rules write to, as ``recipients.NAME``: for one environment or for all."""

    name = models.CharField(max_length=63, validators=[_NAME])
    environment = LinkWithin(Environment, on_delete=models.PROTECT, null=True, blank=True)
    # [{"name", "email", "user", "phone"}]
    people = JsonBytesField(default=list)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["name", "environment"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name", "environment"], name="one_recipient_list_per_environment"
            ),
            models.UniqueConstraint(
                fields=["organization", "name"],
                condition=models.Q(environment__isnull=True),
                name="one_recipient_list_without_environment",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Calendar(OrganizationOwned):
    """The hours in which a team works, by which rules wait and ask: ``calendar: NAME``."""

    name = models.CharField(max_length=63)
    # A name of the IANA time zone database, such as Europe/Berlin.
    zone = models.CharField(max_length=63)
    # {"monday": [{"from": "09:00", "to": "17:00"}], ...}; days that are left out are closed.
    hours = JsonBytesField(default=dict)
    # [{"date": "2026-12-24", "name": "Christmas Eve", "hours": [{"from": "09:00", "to": "12:00"}]}]; no hours: closed.
    holidays = JsonBytesField(default=list)
    # What `true` and `default` mean.
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="one_calendar_per_name"),
            models.UniqueConstraint(
                fields=["organization"], condition=models.Q(is_default=True), name="one_default_calendar"
            ),
        ]

    def __str__(self) -> str:
        return self.name
