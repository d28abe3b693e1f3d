"""Tells each organization's audit log that its secrets are under a newer key."""

import uuid
from typing import Any

from django.db import transaction
from django.dispatch import receiver

from audit.recording import record
from supportops.tenancy.models import Organization
from supportops.vault.rotation import keys_rotated


@receiver(keys_rotated, dispatch_uid="people.keys_rotated")
def note_rotation(sender: Any, organization_id: uuid.UUID, rows: int, **kwargs: Any) -> None:
    """Write `keys.rotated`, unless the organization is gone and only its keys are left."""
    if not Organization.objects.filter(pk=organization_id).exists():
        return
    with transaction.atomic():
        record("keys.rotated", None, changes={"rows": rows}, organization_id=organization_id)
