"""Removes entries beyond their time, in whole sealed segments, and leaves a checkpoint for each of them."""

import logging
import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef

from audit.models import AuditCheckpoint, AuditEntry, AuditHead, AuditPerson, AuditSeal
from audit.recording import record
from audit.sealing import Head, only_sealer
from audit.verifying import Broken, check_segment
from supportops import clock
from supportops.tenancy.scope import working_for

logger = logging.getLogger(__name__)

# Removed in one transaction.
SEGMENT = 2000


def trim_due() -> int:
    """Remove what is older than SUPPORTOPS_AUDIT_DAYS, of every organization. Returns how many entries went.

    Works across organizations: finds out by ids alone which ones have a chain. Safe to stop and to repeat.
    """
    before = clock.now() - timedelta(days=settings.AUDIT_DAYS)
    removed = 0
    for organization_id in list(AuditHead.across_organizations.values_list("organization_id", flat=True)):
        with working_for(organization_id):
            removed += trim(organization_id, before)
    return removed


def trim(organization_id: uuid.UUID, before: datetime) -> int:
    """Remove what was sealed before that time, of the organization in scope. Returns how many entries went.

    A segment that does not hold is kept, with everything after it: it is evidence, and removing it would hide that.
    """
    removed = 0
    try:
        while count := _trim_segment(before):
            removed += count
    except Broken:
        logger.exception("The audit log of organization %s is broken and therefore not trimmed.", organization_id)
    if removed:
        with transaction.atomic():
            record("audit.trimmed", None, changes={"entries": removed, "sealed_before": before})
    return removed


def _trim_segment(before: datetime) -> int:
    with transaction.atomic(), only_sealer() as is_mine:
        if not is_mine:
            return 0
        last = AuditCheckpoint.objects.order_by("-last_position").first()
        start = Head(last.last_position, last.last_hash) if last else Head()
        rows = AuditSeal.objects.filter(position__gt=start.position).order_by("position")[:SEGMENT]
        seals = []
        for seal in rows:
            if seal.sealed_at >= before:
                break
            seals.append((seal.position, seal.entry_id, seal.hash))
        if not seals:
            return 0
        end = check_segment(start, seals)
        AuditCheckpoint.objects.create(
            first_position=start.position + 1,
            last_position=end.position,
            entries=len(seals),
            last_hash=end.hash,
        )
        ids = [entry_id for _, entry_id, _ in seals]
        actors = set(AuditEntry.objects.filter(id__in=ids, person__isnull=False).values_list("person_id", flat=True))
        AuditEntry.objects.filter(id__in=ids).delete()
        AuditSeal.objects.filter(position__gt=start.position, position__lte=end.position).delete()
        AuditPerson.objects.filter(mentioned_in__in=ids).delete()
        still_named = AuditEntry.across_organizations.filter(person_id=OuterRef("id"))
        AuditPerson.objects.filter(~Exists(still_named), id__in=actors).delete()
        return len(seals)
