"""A person is forgotten; what was done stays, and the chain with it."""

import pytest
from django.db import transaction

from audit.context import Actor
from audit.erasure import erase_person
from audit.models import AuditPerson
from audit.recording import Person, forget_people, record
from audit.sealing import seal_all
from audit.verifying import verify
from supportops.tenancy.scope import working_for
from tests.audit.chains import ADA, entries_of, write
from tests.builders import make_organization

pytestmark = pytest.mark.django_db


def test_names_and_addresses_are_blanked_and_the_chain_holds():
    ada, bo = make_organization("ada"), make_organization("bo")
    for organization in (ada, bo):
        write(organization, 2)
        write(organization, 1, ip="198.51.100.1")
        write(organization, 1, actor=Actor("user", "carl", "carl@example.com"))
        with working_for(organization), transaction.atomic():
            record("member.added", None, changes={"member": Person("user", "ada-id", "Ada Lovelace")})
            seal_all()
    assert erase_person(ada, "user", ADA.id) == 3
    forget_people()
    with working_for(ada):
        seal_all()
        assert sorted(AuditPerson.objects.values_list("identifier", "name")) == [
            ("ada-id", ""),
            ("ada-id", ""),
            ("ada-id", ""),
            ("carl", "carl@example.com"),
        ]
        assert set(AuditPerson.objects.filter(identifier="ada-id").values_list("ip", flat=True)) == {""}
    assert {entry.actor_id for entry in entries_of(ada)} == {"ada-id", "carl", ""}
    last = entries_of(ada)[-1]
    assert (last.action, last.resource_type, last.resource_id) == ("audit.person_erased", "user", "ada-id")
    assert verify(ada).valid
    with working_for(bo):
        assert AuditPerson.objects.filter(identifier="ada-id", name="").count() == 0


def test_whoever_acts_after_his_erasure_is_named_anew():
    ada = make_organization("ada")
    write(ada, 1)
    erase_person(ada, "user", ADA.id)
    forget_people()
    write(ada, 1)
    assert erase_person(ada, "user", ADA.id) == 1
    with working_for(ada):
        assert AuditPerson.objects.filter(name="").count() == 2
