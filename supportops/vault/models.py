"""Data keys: one living key per organization, wrapped by an operator's master key."""

import uuid

from django.db import models

from supportops import clock
from supportops.ids import new_id


class DataKey(models.Model):
    """A key that seals an organization's secrets. Stored only wrapped; `master` names the key that wraps it.

    Holds the organization by id alone: the vault lies beneath tenancy and has no opinion on it.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization_id = models.UUIDField(db_index=True)
    master = models.CharField(max_length=64)
    wrapped = models.BinaryField()
    # False once a newer key seals; kept until nothing is sealed with it any more.
    is_current = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=clock.now)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization_id"], condition=models.Q(is_current=True), name="one_current_data_key"
            )
        ]

    def associated_data(self) -> bytes:
        """Return what a wrapped key is bound to, so that it does not open as another organization's."""
        return b"data-key:" + uuid.UUID(str(self.organization_id)).bytes + uuid.UUID(str(self.id)).bytes


class KeyRotation(models.Model):
    """A renewal of all data keys. Keys older than it (by id, which sorts by time) are replaced; it ends when none is
    left, so that one that was stopped goes on where it was."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    started_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True)
