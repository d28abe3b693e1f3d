"""Who did what, for whom, and how it ended. Entries are append-only; the chain stands in a table of its own."""

from django.db import models

from supportops import clock
from supportops.fields import JsonBytesField
from supportops.tenancy.owned import LinkWithin, OrganizationOwned


class AuditPerson(OrganizationOwned):
    """Name and address behind an entry. Erasable: blanking it leaves entries and their chain whole.

    The one who acted has a row for all his entries; a person named within an entry's `changes` has one for that
    entry, and goes with it.
    """

    kind = models.CharField(max_length=20)  # user, token, platform, system
    identifier = models.CharField(max_length=100)
    name = models.CharField(max_length=254, blank=True)
    ip = models.CharField(max_length=45, blank=True)
    mentioned_in = models.UUIDField(null=True)
    erased_at = models.DateTimeField(null=True)

    class Meta:
        # Not unique: two transactions that meet a person first make a row each, rather than one waiting for the other.
        indexes = [
            models.Index(
                fields=["organization", "kind", "identifier", "name", "ip"],
                condition=models.Q(erased_at__isnull=True, mentioned_in__isnull=True),
                name="audit_person_known",
            ),
            models.Index(
                fields=["organization", "mentioned_in"],
                condition=models.Q(mentioned_in__isnull=False),
                name="audit_person_mentioned",
            ),
            models.Index(fields=["organization", "kind", "identifier"], name="audit_person_identifier"),
        ]

    def __str__(self) -> str:
        return self.name or self.identifier


class AuditEntry(OrganizationOwned):
    """One act. Actor and target stand as text and id, so an entry outlives what it describes.

    The database refuses UPDATE and DELETE and notes each new entry in AuditUnsealed (audit/guards.py).
    """

    at = models.DateTimeField(default=clock.now)
    actor_type = models.CharField(max_length=20)
    actor_id = models.CharField(max_length=100, blank=True)
    person = LinkWithin(AuditPerson, on_delete=models.DO_NOTHING, null=True, related_name="+")
    action = models.CharField(max_length=80)
    resource_type = models.CharField(max_length=60)
    resource_id = models.CharField(max_length=100, blank=True)
    # What changed or came out, masked before it gets here.
    changes = JsonBytesField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)
    trace_id = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["organization", "-id"], name="audit_newest"),
            models.Index(fields=["organization", "resource_type", "resource_id", "-id"], name="audit_by_resource"),
            models.Index(fields=["organization", "action", "-id"], name="audit_by_action"),
            models.Index(fields=["organization", "actor_id", "-id"], name="audit_by_actor"),
            models.Index(fields=["organization", "at"], name="audit_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.resource_type} {self.resource_id}"


class AuditUnsealed(OrganizationOwned):
    """Says that an entry (by the same id) waits for its seal.

    Born in the entry's transaction by a trigger, removed by the sealer, so that the table holds seconds' worth of
    rows however many entries there are.
    """

    class Meta:
        indexes = [models.Index(fields=["organization", "id"], name="audit_unsealed_oldest")]


class AuditHead(OrganizationOwned):
    """The last position and hash of an organization's chain. Without it, cutting off the end would leave no trace."""

    position = models.BigIntegerField()
    hash = models.CharField(max_length=64)
    sealed_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization"], name="one_audit_head")]


class AuditSeal(OrganizationOwned):
    """An entry's place in the organization's chain: position and hash over the entry and the hash before."""

    position = models.BigIntegerField()
    # By id alone: a seal must be able to show that its entry is gone.
    entry_id = models.UUIDField()
    hash = models.CharField(max_length=64)
    sealed_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "position"], name="one_seal_per_position"),
            models.UniqueConstraint(fields=["organization", "entry_id"], name="one_seal_per_entry"),
        ]


class AuditCheckpoint(OrganizationOwned):
    """What retention leaves of a removed segment: its range, its count and its last hash."""

    first_position = models.BigIntegerField()
    last_position = models.BigIntegerField()
    entries = models.BigIntegerField()
    last_hash = models.CharField(max_length=64)
    made_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "last_position"], name="one_checkpoint")]
