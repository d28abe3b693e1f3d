"""Forgets who a person was, without touching what he did: entries keep his id, the chain stays whole."""

from django.db import transaction

from audit.models import AuditPerson
from audit.recording import forget_people, record
from supportops import clock
from supportops.tenancy.models import Organization
from supportops.tenancy.scope import working_for


def erase_person(organization: Organization, kind: str, identifier: str) -> int:
    """Blank the names and addresses of a person in the organization's audit log. Returns how many rows it blanked.

    `kind` and `identifier` are those of the actor: ``("user", str(user.pk))``. The erasure itself is recorded, without
    the name. What the person does afterwards names him anew (in other processes after up to five minutes).
    """
    with working_for(organization), transaction.atomic():
        erased = AuditPerson.objects.filter(kind=kind, identifier=identifier, erased_at__isnull=True).update(
            name="", ip="", erased_at=clock.now()
        )
        record("audit.person_erased", (kind, identifier), changes={"rows": erased})
        transaction.on_commit(forget_people)
    return erased
