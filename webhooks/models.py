"""Deliveries: verified requests as they came, and what makes a repeat of one recognisable."""

from django.db import models

from integrations.models import Endpoint, Integration
from supportops import clock
from supportops.fields import JsonBytesField
from supportops.tenancy.owned import LinkWithin, OrganizationOwned


class DeliveryStatus(models.TextChoices):
    ACCEPTED = "accepted"
    PROCESSED = "processed"
    IGNORED = "ignored"
    FAILED = "failed"
    REJECTED = "rejected"


class Delivery(OrganizationOwned):
    """One verified request. `accepted` until it is planned; then `processed`, `ignored` or `failed`."""

    integration = LinkWithin(Integration, on_delete=models.SET_NULL, null=True, related_name="+")
    endpoint = LinkWithin(Endpoint, on_delete=models.SET_NULL, null=True, related_name="+")
    platform = models.CharField(max_length=63)
    # The sender's id of this delivery; empty where the sender has none.
    external_id = models.CharField(max_length=200, blank=True)
    # The type of its first event, once known.
    event_type = models.CharField(max_length=120, blank=True)
    status = models.CharField(max_length=10, choices=DeliveryStatus.choices, default=DeliveryStatus.ACCEPTED)
    reason = models.CharField(max_length=1000, blank=True)
    received_at = models.DateTimeField(default=clock.now)
    processed_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)
    worker_id = models.UUIDField(null=True)
    attempts_made = models.PositiveIntegerField(default=0)
    ip = models.CharField(max_length=45, blank=True)
    trace_id = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        indexes = [
            models.Index(fields=["organization", "-id"], name="delivery_newest"),
            models.Index(fields=["organization", "status", "-id"], name="delivery_by_status"),
            models.Index(fields=["organization", "integration", "-id"], name="delivery_by_integration"),
            models.Index(fields=["organization", "external_id"], name="delivery_by_external_id"),
            models.Index(
                fields=["organization", "due_at"],
                name="delivery_due",
                condition=models.Q(due_at__isnull=False),
            ),
            models.Index(fields=["worker_id"], name="delivery_held", condition=models.Q(worker_id__isnull=False)),
            models.Index(fields=["organization", "-id"], name="delivery_failed", condition=models.Q(status="failed")),
        ]

    def __str__(self) -> str:
        return f"{self.platform} {self.event_type or self.external_id}"


class DeliveryBody(models.Model):
    """The bytes and headers of a delivery. Holds personal data; forgotten after SUPPORTOPS_CONTENT_DAYS."""

    delivery = models.OneToOneField(Delivery, on_delete=models.CASCADE, primary_key=True, related_name="body")
    headers = JsonBytesField(default=dict)
    raw = models.BinaryField()
    content_type = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=clock.now)


class DeliveryKey(OrganizationOwned):
    """What makes a repeat recognisable: one row per sender and delivery id, kept longer than deliveries."""

    # Whose ids these are: the integration.
    source = models.CharField(max_length=64)
    digest = models.BinaryField(max_length=32)
    body_digest = models.BinaryField(max_length=32)
    delivery_id = models.UUIDField()
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "source", "digest"], name="one_delivery_per_key")
        ]


class DeliveryConflict(OrganizationOwned):
    """The id of a known delivery with another body: kept for the tenant to see, never run."""

    delivery = LinkWithin(Delivery, on_delete=models.CASCADE, related_name="conflicts")
    raw = models.BinaryField()
    ip = models.CharField(max_length=45, blank=True)
    received_at = models.DateTimeField(default=clock.now)


class RejectionMinute(OrganizationOwned):
    """How many requests an endpoint refused in one minute for one reason. Its first one is audited."""

    # By id alone: the count outlives its endpoint for a while.
    endpoint_id = models.UUIDField()
    reason = models.CharField(max_length=40)
    minute = models.DateTimeField()
    refused = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "endpoint_id", "reason", "minute"], name="one_rejection_row"
            )
        ]

    def __str__(self) -> str:
        return f"{self.refused} at {self.minute:%Y-%m-%d %H:%M} UTC: {self.reason}"


class Chore(models.Model):
    """Something that is done every so often by one process at a time, whoever it is (webhooks/chores.py)."""

    name = models.CharField(max_length=40, primary_key=True)
    # By the database's clock; while somebody does it, when it may be taken over.
    due_at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return self.name
