"""Renews keys under load: master keys re-wrap data keys, new data keys re-encrypt what the old ones sealed.

Every step may be stopped and repeated: what is left to do is read from the database each time. Nothing is unreadable
in between, since an old key stays until nothing is sealed with it, and a while longer for whoever has read an old
value or is about to save one.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.db import IntegrityError, models
from django.dispatch import Signal

from supportops import clock
from supportops.vault import keyring
from supportops.vault.fields import SealedField
from supportops.vault.models import DataKey, KeyRotation

# Sent with `organization_id` and `rows` once an organization's secrets are under its newest key.
keys_rotated = Signal()

# How long after it was retired a key may still be in the hands of a running request.
GRACE = timedelta(hours=1)
_BATCH = 200

Progress = Callable[[str], None]


def rewrap_all(progress: Progress) -> int:
    """Wrap every data key with the newest master key and return how many there were to wrap.

    Raises vault.keyring.CannotOpen, with the data keys' own master key named, when that one is missing.
    """
    name = keyring.master_keys()[0][0]
    wrapped = 0
    total = DataKey.objects.exclude(master=name).count()
    while batch := list(DataKey.objects.exclude(master=name).order_by("pk")[:_BATCH]):
        wrapped += sum(keyring.rewrap(row) for row in batch)
        progress(f"data keys wrapped with master key '{name}': {wrapped} of {total}")
    return wrapped


def renew_data_keys(progress: Progress) -> int:
    """Give every organization a new data key, or go on with a renewal that was stopped; return how many were made."""
    rotation = KeyRotation.objects.filter(finished_at=None).first() or KeyRotation.objects.create()
    old = DataKey.objects.filter(is_current=True, pk__lt=rotation.pk)
    made = 0
    for organization_id in list(old.values_list("organization_id", flat=True)):
        try:
            keyring.new_data_key(organization_id)
        except IntegrityError:  # somebody else renewed it at this moment
            continue
        made += 1
        progress(f"new data keys: {made}")
    return made


def reseal_all(progress: Progress) -> tuple[int, int]:
    """Seal under its organization's newest key whatever is sealed with a retired one.

    Returns how many values were sealed anew and how many do not open; those stay as they are, with their key.
    """
    counted: Counter[uuid.UUID] = Counter()
    damaged = 0
    for key in DataKey.objects.filter(is_current=False).order_by("organization_id", "pk"):
        for model, field in sealed_fields():
            done, unreadable = _reseal(model, field, key, progress)
            counted[key.organization_id] += done
            damaged += unreadable
    for organization_id, rows in counted.items():
        if rows:
            keys_rotated.send(sender=DataKey, organization_id=organization_id, rows=rows)
    KeyRotation.objects.filter(finished_at=None).update(finished_at=clock.now())
    return counted.total(), damaged


def remove_unused_keys(grace: timedelta = GRACE) -> tuple[int, int]:
    """Delete retired keys that nothing is sealed with; return how many were deleted and how many stay for now."""
    deleted = kept = 0
    for row in DataKey.objects.filter(is_current=False):
        may_be_in_hand = row.retired_at is None or clock.now() - row.retired_at < grace
        if may_be_in_hand or any(_under(model, field, row).exists() for model, field in sealed_fields()):
            kept += 1
        else:
            row.delete()
            deleted += 1
    return deleted, kept


def sealed_fields() -> Iterator[tuple[type[models.Model], SealedField]]:
    """Yield every field that holds secrets, with its model."""
    for model in apps.get_models():
        for field in model._meta.local_concrete_fields:
            if isinstance(field, SealedField):
                yield model, field


def _under(model: type[models.Model], field: SealedField, key: DataKey) -> "models.QuerySet[Any]":
    low, high = keyring.sealed_with(key.pk)
    # The base manager: the vault lies beneath scopes, and names the organization itself.
    return model._base_manager.filter(
        organization_id=key.organization_id, **{f"{field.name}__gte": low, f"{field.name}__lt": high}
    )


def _reseal(model: type[models.Model], field: SealedField, key: DataKey, progress: Progress) -> tuple[int, int]:
    waiting = _under(model, field, key).order_by("pk")
    total, done, damaged = waiting.count(), 0, 0
    last = None
    while True:
        batch = waiting if last is None else waiting.filter(pk__gt=last)
        rows = list(batch.values_list("pk", field.name)[:_BATCH])
        if not rows:
            return done, damaged
        for row_id, sealed in rows:
            try:
                done += _reseal_row(model, field, key.organization_id, row_id, bytes(sealed))
            except keyring.CannotOpen as error:
                damaged += 1
                progress(f"{model._meta.label} {row_id} stays as it is: {error}")
        last = rows[-1][0]
        progress(f"{model._meta.label}.{field.name}: {done} of {total}")


def _reseal_row(
    model: type[models.Model], field: SealedField, organization_id: uuid.UUID, row_id: uuid.UUID, sealed: bytes
) -> int:
    """Write the value anew unless the row has changed since it was read: then it has been sealed by somebody else,
    under the newest key, or will be found by the next pass."""
    plain = keyring.open_sealed(sealed, organization_id=organization_id, row_id=row_id, label=field.label)
    anew = keyring.seal(plain, organization_id=organization_id, row_id=row_id, label=field.label)
    return model._base_manager.filter(pk=row_id, **{field.name: sealed}).update(**{field.name: anew})
