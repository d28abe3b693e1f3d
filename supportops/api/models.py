"""Answers kept for callers that repeat a request with the same Idempotency-Key."""

from django.db import models

from supportops import clock
from supportops.tenancy.owned import OrganizationOwned
from supportops.vault.fields import SealedField


class KeptAnswer(OrganizationOwned):
    """The first answer to a keyed request; sealed, since it may hold a secret that is shown once."""

    caller = models.CharField(max_length=100)  # token or user
    route = models.CharField(max_length=200)
    key = models.CharField(max_length=255)
    body_digest = models.CharField(max_length=64)
    status_code = models.PositiveSmallIntegerField(null=True)  # null while the first request is under way
    answer = SealedField(label="api.answer")
    created_at = models.DateTimeField(default=clock.now, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "caller", "route", "key"], name="one_answer_per_key")
        ]
