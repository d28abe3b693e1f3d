"""What tests of the chain share."""

from django.db import transaction

from audit.context import Actor, acting_as
from audit.models import AuditEntry, AuditSeal
from audit.recording import Act, record_many
from audit.sealing import seal_all
from supportops.tenancy.models import Organization
from supportops.tenancy.scope import working_for

ADA = Actor("user", "ada-id", "ada@example.com")


def write(organization: Organization, count: int = 1, *, actor: Actor = ADA, ip: str = "192.0.2.7") -> None:
    """Write entries whose resource ids count on."""
    with working_for(organization), acting_as(actor, ip=ip, request_id="req", trace_id="trace"), transaction.atomic():
        before = AuditEntry.objects.count()
        record_many(
            Act("rule.changed", ("rule", before + number), {"name": ["a", f"b{number}"], "limit": 1e16})
            for number in range(1, count + 1)
        )


def chain_of(organization: Organization, count: int) -> list[AuditSeal]:
    """Write and seal `count` entries and return all seals in order."""
    write(organization, count)
    with working_for(organization):
        seal_all()
        return list(AuditSeal.objects.order_by("position"))


def entries_of(organization: Organization) -> list[AuditEntry]:
    with working_for(organization):
        return list(AuditEntry.objects.order_by("id"))
